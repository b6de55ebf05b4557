//! Whatever the bytes: no look-up panics, and fast and slow ways agree.

use std::sync::LazyLock;

use monitor_core::config::FileConfig;
use monitor_core::credential::{Credentials, standing};
use monitor_core::pattern::{Pattern, wildcard};
use monitor_core::persistence;
use monitor_core::profile::{Phase, Profile, Profiles, ServerIdentity, package_of_argv, package_of_path};
use monitor_core::role::{Roles, runtime_socket, service_port};
use proptest::prelude::*;

static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(Credentials::builtin);
static PROFILES: LazyLock<Profiles> = LazyLock::new(Profiles::builtin);

/// Paths out of pieces that matter, and anything at all.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".ssh".to_owned()),
        Just("id_rsa".to_owned()),
        Just(".config".to_owned()),
        Just("node_modules".to_owned()),
        Just("@".to_owned()),
        Just(".env.".to_owned()),
        Just("mcp-remote-".to_owned()),
        Just("_tokens.json".to_owned()),
        Just("ü".to_owned()),
        Just(String::new()),
        "[a-z._*?{}-]{0,6}",
    ];
    prop_oneof![prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.join("/")), any::<String>()]
}

proptest! {
    #[test]
    fn no_look_up_panics(path in path(), other in path(), host in any::<String>()) {
        if let Some(found) = CREDENTIALS.lookup(&path) {
            let _ = found.owner(&other, Some(&path));
        }
        let _ = (persistence::lookup(&path), runtime_socket(&path), standing(&path), package_of_path(&path));
        let _ = (CREDENTIALS.watch_places(&path), CREDENTIALS.project_places(&other));
        for profile in PROFILES.iter() {
            let _ = (profile.tool(&host, &path), profile.normal_read(&path), profile.owns(&host, &other, &path));
            let _ = (profile.child(&path, Some(&other), Phase::Call), profile.explains_host(&host, 443, Phase::Start));
        }
    }

    #[test]
    fn no_command_line_panics(argv in prop::collection::vec(prop_oneof![
        path(),
        "(npx|uvx|uv|tool|run|node|python3|-m|-p|--from|--|-y|pipx|bun|x|https://[^ ]{0,8}|--repository=?)",
    ], 0..6)) {
        let identity = ServerIdentity { exe_path: argv.first().map_or("", String::as_str), argv: &argv, ..ServerIdentity::default() };
        let _ = package_of_argv(&argv);
        let _ = PROFILES.matching(&identity);
        for profile in PROFILES.iter() {
            let _ = (profile.server_key(&identity), profile.argv_endpoints(&argv));
            for root in profile.root_folders(&argv, "/srv") {
                prop_assert!(root.starts_with('/') && root.len() > 1 && !root.split('/').any(|part| part == ".."));
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}", pattern in path()) {
        let _ = Profile::parse(&text, "x");
        let _ = FileConfig::parse(&text, "x").map(FileConfig::into_engine);
        let _ = Pattern::new(&pattern).map(|parsed| parsed.matches(&text));
    }

    #[test]
    fn addresses_have_one_role_however_written(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), port in any::<u16>()) {
        let roles = Roles::builtin();
        let (plain, _) = (std::net::Ipv4Addr::from(v4), roles.role(std::net::Ipv6Addr::from(v6).into()));
        prop_assert_eq!(roles.role(plain.into()), roles.role(plain.to_ipv6_mapped().into()));
        let _ = service_port(port);
    }

    /// The index finds exactly what the patterns, tried one by one, would: a configured entry of one pattern.
    #[test]
    fn the_index_agrees_with_the_pattern(pattern in "(~/|/|)([ab.*]{1,3}/){0,2}([ab.*?]{1,4}|[*][*])", path in "/([ab.]{1,3}/){0,3}[ab.]{1,4}") {
        if let Ok(parsed) = Pattern::new(&pattern) {
            let mut map = Credentials::builtin();
            map.add(&parsed, "probe", Vec::new());
            let found = map.lookup(&path).is_some_and(|found| found.kind == "probe");
            prop_assert_eq!(found, parsed.matches(&path), "{} on {}", pattern, path);
        }
    }

    #[test]
    fn a_wildcard_matches_what_was_cut_from_it(text in "[a-c]{0,12}", from in 0usize..12, to in 0usize..12) {
        let (from, to) = (from.min(text.len()), to.min(text.len()));
        let (from, to) = (from.min(to), from.max(to));
        let pattern = format!("{}*{}", &text[..from], &text[to..]);
        prop_assert!(wildcard(&pattern, &text), "{} on {}", pattern, text);
    }
}
