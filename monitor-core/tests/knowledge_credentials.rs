//! The credential map, persistence points and local sockets: what is one, and what only looks like one.

use monitor_core::credential::{Credentials, OwnerSpec, Secrecy, Standing, WatchKind, WatchPlace, standing};
use monitor_core::pattern::Pattern;
use monitor_core::persistence;
use monitor_core::role::runtime_socket;

const CREDENTIALS: &str = include_str!("data/credentials.txt");
const PERSISTENCE: &str = include_str!("data/persistence.txt");
const SOCKETS: &str = include_str!("data/sockets.txt");

fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn credentials_and_look_alikes() {
    let map = Credentials::builtin();
    let word = |secrecy| match secrecy {
        Secrecy::Ambient => "ambient",
        Secrecy::Config => "config",
        Secrecy::Token => "token",
        Secrecy::Key => "key",
    };
    for row in rows(CREDENTIALS) {
        let (wanted, path) = row.find('/').map(|at| row.split_at(at)).expect(row);
        let found = map.lookup(path).map(|found| format!("{} {}", found.kind, word(found.secrecy)));
        assert_eq!(found.as_deref().unwrap_or("-"), wanted.trim(), "{path}");
    }
    for odd in ["", "relative/path", "."] {
        assert_eq!(map.lookup(odd), None, "{odd}");
    }
}

#[test]
fn every_credential_belongs_to_a_store_and_kinds_are_stable_words() {
    let map = Credentials::builtin();
    for row in rows(CREDENTIALS).filter(|row| !row.starts_with('-')) {
        let path = row.split_at(row.find('/').expect(row)).1;
        assert!(!map.lookup(path).expect(row).store.is_empty());
    }
    for kind in map.kinds() {
        assert!(kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{kind}");
    }
}

#[test]
fn persistence_points() {
    for row in rows(PERSISTENCE) {
        let (wanted, path) = row.split_once(' ').expect(row);
        assert_eq!(persistence::lookup(path).unwrap_or("-"), wanted, "{path}");
    }
    assert_eq!(persistence::lookup(""), None);
}

#[test]
fn local_sockets() {
    for row in rows(SOCKETS) {
        let (wanted, path) = row.split_once(' ').expect(row);
        assert_eq!(runtime_socket(path).unwrap_or("-"), wanted, "{path}");
    }
    assert_eq!(runtime_socket(""), None);
}

#[test]
fn a_configured_entry_wins_and_is_watched_below_a_home() {
    let mut map = Credentials::builtin();
    let owner = OwnerSpec::Path(Pattern::new("/usr/bin/acme").expect("pattern"));
    map.add(&Pattern::new("**/.acme/token").expect("pattern"), "acme", vec![owner]);
    map.add(&Pattern::new("/home/ada/.aws/credentials").expect("pattern"), "ours", Vec::new());
    let acme = map.lookup("/home/ada/.acme/token").expect("configured");
    assert_eq!((acme.kind.as_str(), acme.store.as_str(), acme.secrecy), ("acme", "acme", Secrecy::Token));
    assert_eq!(acme.owner("/usr/bin/acme", None), Some(Standing::System));
    assert_eq!(acme.owner("/usr/bin/python3.12", Some("/usr/bin/acme")), Some(Standing::System));
    assert_eq!(acme.owner("/tmp/acme", None), None);
    assert_eq!(map.lookup("/home/ada/.aws/credentials").map(|found| found.kind.as_str()), Some("ours"));
    assert_eq!(map.lookup("/home/bob/.aws/credentials").map(|found| found.kind.as_str()), Some("aws_credentials"));
    let places = map.watch_places("/home/ada");
    assert!(places.iter().any(|place| place.path == "/home/ada/.acme/token" && place.kind == WatchKind::File));
}

#[test]
fn owners_are_told_by_place_and_script() {
    const WRANGLER: &str = "/root/.wrangler/config/default.toml";
    const AWS: &str = "/root/.aws/credentials";
    const NODE: &str = "/usr/bin/node";
    let (system, user, scratch) = (Some(Standing::System), Some(Standing::User), Some(Standing::Scratch));
    let cases: &[(&str, &str, &str, Option<Standing>)] = &[
        (WRANGLER, NODE, "/usr/lib/node_modules/wrangler/bin/wrangler.js", system),
        (WRANGLER, NODE, "/home/a/p/node_modules/wrangler/wrangler-dist/cli.js", user),
        (WRANGLER, NODE, "/root/.npm/_npx/ab/node_modules/wrangler/bin/wrangler.js", user),
        (WRANGLER, NODE, "/tmp/x/node_modules/wrangler/bin/wrangler.js", scratch),
        (WRANGLER, NODE, "/root/p/node_modules/wrangler/node_modules/evil/x.js", None),
        (WRANGLER, NODE, "/root/p/wrangler/cli.js", None),
        (WRANGLER, NODE, "", None),
        (WRANGLER, "/usr/bin/python3", "/root/p/node_modules/wrangler/bin/wrangler.js", None),
        (WRANGLER, "/tmp/node", "/usr/lib/node_modules/wrangler/bin/wrangler.js", scratch),
        (WRANGLER, "/usr/bin/cat", "", None),
        (AWS, "/usr/local/aws-cli/v2/2.1/dist/aws", "", system),
        (AWS, "/usr/bin/python3.11", "/usr/bin/aws", system),
        (AWS, "/usr/bin/python3.11", "/home/a/.local/bin/aws", user),
        (AWS, "/home/a/Downloads/aws", "", scratch),
        (AWS, "/tmp/aws", "", scratch),
        (AWS, "/usr/bin/aws (deleted)", "", None),
        (AWS, "/usr/bin/python3", "/srv/server.py", None),
        ("/root/.ssh/id_rsa", "/usr/bin/ssh", "", system),
        ("/root/.ssh/id_rsa", "/usr/bin/cat", "", None),
        ("/root/.npmrc", "/usr/bin/bun", "", system),
        ("/root/.npmrc", "/usr/bin/bun", "/root/server/index.ts", None),
        ("/root/.bash_history", "/usr/bin/bash", "", system),
        ("/root/.bash_history", "/usr/bin/bash", "/tmp/steal.sh", None),
        ("/root/.bash_history", "/usr/bin/python3", "/srv/server.py", None),
        ("/root/p/.dev.vars", NODE, "/root/p/node_modules/workers-mcp/dist/cli.js", user),
        ("/root/.mcp-auth/mcp-remote-v1/a_tokens.json", NODE, "/usr/lib/node_modules/mcp-remote/dist/proxy.js", system),
    ];
    let map = Credentials::builtin();
    for &(path, exe, script, wanted) in cases {
        let found = map.lookup(path).expect(path).owner(exe, Some(script).filter(|script| !script.is_empty()));
        assert_eq!(found, wanted, "{path} by {exe} {script}");
    }
    for (path, wanted) in [
        ("/memfd:x (deleted)", Standing::Scratch),
        ("/dev/shm/x", Standing::Scratch),
        ("/home/a/evil", Standing::Scratch),
        ("/tmpfiles/bin/x", Standing::User),
        ("/opt/x", Standing::System),
        ("/usrlocal/x", Standing::Scratch),
        ("", Standing::Scratch),
    ] {
        assert_eq!(standing(path), wanted, "{path}");
    }
}

#[test]
fn places_to_watch_are_concrete() {
    let map = Credentials::builtin();
    let home = map.watch_places("/home/ada/");
    let has = |places: &[WatchPlace], path: &str, kind: WatchKind| {
        assert!(places.iter().any(|place| place.path == path && place.kind == kind), "{path} {kind:?}");
    };
    for dir in [".ssh", ".aws", ".wrangler/config", ".config/.wrangler/config", ".mcp-auth", ".gnupg/private-keys-v1.d"]
    {
        has(&home, &format!("/home/ada/{dir}"), WatchKind::Dir);
    }
    for file in [".netrc", ".npmrc", ".aws/credentials", ".kube/config"] {
        has(&home, &format!("/home/ada/{file}"), WatchKind::File);
    }
    has(&map.system_places(), "/etc/shadow", WatchKind::File);
    has(&map.system_places(), "/etc/ssl/private", WatchKind::Dir);
    has(&map.project_places("/srv/worker"), "/srv/worker/.dev.vars", WatchKind::File);
    let store = home.iter().find(|place| place.path == "/home/ada/.mcp-auth").expect("store");
    assert_eq!(store.depth, 1, "one level of mcp-remote-<version>");
    let system = map.system_places();
    for busy in ["/home/ada", "/home/ada/", "/home/ada/.config", "/home/ada/.local/share", "/etc", "/tmp", "/", ""] {
        assert!(!home.iter().chain(&system).any(|place| place.path == busy), "{busy}");
    }
    assert!(home.iter().all(|place| place.path.starts_with("/home/ada/")));
    let mut paths: Vec<_> = home.iter().map(|place| (&place.path, place.kind)).collect();
    let all = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), all, "each place once");
}
