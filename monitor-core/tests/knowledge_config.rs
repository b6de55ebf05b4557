//! The configuration file: what it sets, and what is wrong with it.

use monitor_core::alert::Severity;
use monitor_core::config::{FileConfig, SinkSection};
use monitor_core::role::Role;

const FULL: &str = r#"
[network.roles]
cloudflare = ["127.64.0.0/16"]
internet   = ["127.65.0.0/16"]
internal   = ["127.66.0.0/16", "fd00:1::/32"]
metadata   = ["127.67.0.254"]

[[credentials]]
path = "**/.acme/token"
kind = "acme"
owners = ["/usr/bin/acme"]

[state]
dir = "/srv/tripline"

[servers]
profiles = ["cloudflare", "generic"]
exclude = ["/usr/bin/code"]
homes = ["/srv/homes/*", "/srv/agent"]

[alerts]
min_severity = "low"
tail_ms = 250
theft_s = 120
[[alerts.suppress]]
rule = "TL-CRED-001"
path = "~/.docker/config.json"

[[sink]]
kind = "file"
path = "/var/log/tripline.ndjson"
"#;

#[test]
fn a_full_file_sets_everything() {
    let file = FileConfig::parse(FULL, "config.toml").expect("config");
    assert_eq!(file.state.dir, "/srv/tripline");
    assert_eq!((file.servers.client_files, file.servers.homes.len()), (true, 2));
    assert_eq!(file.alerts.min_severity, Some(Severity::Low));
    assert_eq!(file.sink, [SinkSection::File { path: "/var/log/tripline.ndjson".to_owned() }]);
    let engine = file.into_engine();
    for (address, role) in [
        ("127.64.1.1", Role::Cloudflare),
        ("127.65.1.1", Role::Internet),
        ("127.66.1.1", Role::Internal),
        ("127.67.0.254", Role::Metadata),
        ("127.67.0.253", Role::Loopback),
    ] {
        assert_eq!(engine.roles.role(address.parse().expect(address)), role, "{address}");
    }
    let acme = engine.credentials.lookup("/root/.acme/token").expect("acme");
    assert_eq!(acme.kind, "acme");
    assert!(acme.owner("/usr/bin/acme", None).is_some());
    assert_eq!((engine.windows.tail, engine.windows.theft), (250_000_000, 120_000_000_000));
    assert_eq!(engine.windows.cancelled, 30_000_000_000);
}

#[test]
fn an_empty_file_is_the_default() {
    let file = FileConfig::parse("", "config.toml").expect("config");
    assert_eq!(file.state.dir, "/var/lib/tripline");
    assert!(file.sink.is_empty());
    let engine = file.into_engine();
    assert_eq!(engine.windows.tail, 500_000_000);
    assert!(engine.profiles.get("generic").is_some());
}

#[test]
fn errors_name_the_place() {
    for (text, wanted) in [
        ("colour = 1", "config.toml:1:1: unknown field `colour`"),
        ("[network]\nroles = 1", "config.toml:2:9: network.roles: invalid type: integer"),
        ("[network.roles]\nmoon = []", "config.toml:2:1: unknown field `moon`"),
        (
            "[network.roles]\ninternal = [\"10.0.0.0/8\", \"ten\"]",
            "config.toml:2:12: network.roles.internal: `ten` is no address range",
        ),
        ("[[credentials]]\npath = \"**/x\"", "missing field `kind`"),
        (
            "[[credentials]]\npath = \"a/../b\"\nkind = \"k\"",
            "config.toml:2:8: credentials.path: pattern has an empty, `.` or `..`",
        ),
        ("[[credentials]]\npath = \"a\"\nkind = \"No Word\"", "config.toml:3:8: credentials.kind: a kind is"),
        ("[state]\ndir = \"here\"", "config.toml:2:7: state.dir: `here` is no absolute path"),
        ("[servers]\nhomes = [\"/a/*/b\"]", "config.toml:2:9: servers.homes: `/a/*/b` is no absolute path"),
        ("[servers]\nclient_files = 1", "config.toml:2:16: servers.client_files: invalid type"),
        ("[alerts]\ntail_ms = 100000", "config.toml:2:11: alerts.tail_ms: 100000 is out of range: 0 to 60000"),
        ("[alerts]\ntheft_s = -1", "config.toml:2:11: alerts.theft_s: "),
        ("[alerts]\nmin_severity = \"loud\"", "config.toml:2:16: alerts.min_severity: unknown variant `loud`"),
        ("[[sink]]\nkind = \"pigeon\"\npath = \"/x\"", "unknown variant `pigeon`"),
        ("[[sink]]\nkind = \"file\"\npath = \"/x\"\nspeed = 1", "unknown field `speed`"),
        ("[[sink]]\nkind = \"file\"\npath = \"x\"", "`x` is no absolute path"),
        ("a = ", "config.toml:1:"),
        ("ü = [", "config.toml:1:"),
    ] {
        let error = FileConfig::parse(text, "config.toml").expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(error.starts_with("config.toml:") && !error.contains('\n'), "one line with its place: {error}");
    }
}

#[test]
fn entries_that_contradict_each_other_are_named_with_their_place() {
    for (text, wanted) in [
        (
            "[network.roles]\ninternal = [\"9.0.0.1/8\"]\ninternet = [\"8.8.8.8\", \"9.0.0.0/8\"]",
            "config.toml:2:13: network.roles.internal: 9.0.0.0/8 is listed as both internet and internal",
        ),
        (
            "network.roles.local = [\"9.9.9.9\"]\nnetwork.roles.metadata = [\n  \"9.9.9.9\"]",
            "config.toml:1:24: network.roles.local: 9.9.9.9/32 is listed as both metadata and local",
        ),
        (
            "[servers]\nprofiles = [\n  \"git\",\n  \"x\",\n]",
            "config.toml:4:3: servers.profiles: there is no profile `x`; known are cloudflare, ",
        ),
    ] {
        let error = FileConfig::parse(text, "config.toml").expect_err(text).to_string();
        assert!(error.starts_with(wanted) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_named_with_their_place() {
    let error = FileConfig::parse_bytes(b"# \xc3\xbc\n# caf\xe9\n[state]\n", "config.toml").expect_err("latin 1");
    assert_eq!(error.to_string(), "config.toml:2:6: this is no UTF-8");
    assert!(FileConfig::parse_bytes(FULL.as_bytes(), "config.toml").is_ok());
}
