//! `profile`, `rules`, `config`: what is shipped, and the checks of a user's own.

use super::{Ground, Ran, as_nobody, tripline, values};

const PROFILE: &str = "name = \"mine\"\nversion = 1\nsummary = \"a server of mine\"\n";

#[test]
fn every_rule_is_listed_and_explained() {
    let listed = tripline(&["rules", "list"]).fine();
    let json = values(&tripline(&["rules", "list", "--json"]).fine());
    assert_eq!(listed.lines().count(), json.len());
    for (line, rule) in listed.lines().zip(&json) {
        let id = rule["id"].as_str().unwrap();
        assert!(line.starts_with(id), "{line}");
        let explained = tripline(&["rules", "explain", id]).fine();
        for part in ["What it means", "What is normal", "What to check", rule["name"].as_str().unwrap()] {
            assert!(explained.contains(part), "{id}: {part}");
        }
        assert!(explained.lines().all(|line| line.chars().count() <= 100), "{id}");
    }
    assert_eq!(values(&tripline(&["rules", "explain", "tl-cred-001", "--json"]).fine())[0], json[0]);
    tripline(&["rules", "explain", "TL-NONE-001"]).fails(2, &["TL-NONE-001", "tripline rules list"]);
}

#[test]
fn a_rule_that_no_sensor_feeds_is_said_to_be_one() {
    let unfed = |id: &str| {
        let listed = tripline(&["rules", "list"]).fine();
        let line = listed.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
        let explained = tripline(&["rules", "explain", id]).fine();
        let json = &values(&tripline(&["rules", "explain", id, "--json"]).fine())[0];
        let told = line.contains("no sensor of this version feeds it");
        assert_eq!(explained.contains("no sensor of this version feeds it"), told, "{explained}");
        assert_eq!(json["fed"], !told, "{json}");
        told
    };
    assert!(unfed("TL-EVA-005"));
    assert!(!unfed("TL-EVA-003"));
    tripline(&["rules", "explain", "TL-EVA-099"]).fails(2, &["there is no rule TL-EVA-099"]);
}

#[test]
fn shipped_profiles_are_shown() {
    let names: Vec<String> = values(&tripline(&["profile", "list", "--json"]).fine())
        .iter()
        .map(|profile| profile["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.contains(&"cloudflare".to_owned()) && names.contains(&"generic".to_owned()), "{names:?}");
    let listed = tripline(&["profile", "list"]).fine();
    for name in &names {
        assert!(listed.contains(name.as_str()), "{name}");
        let shown = tripline(&["profile", "show", name]).fine();
        assert!(shown.starts_with(&format!("{name} version ")), "{shown}");
        let value = &values(&tripline(&["profile", "show", name, "--json"]).fine())[0];
        assert_eq!(value["name"], name.as_str());
    }
    let cloudflare = &values(&tripline(&["profile", "show", "cloudflare", "--json"]).fine())[0];
    assert!(cloudflare["tools"].as_object().unwrap().len() > 3, "the generated tool table is part of it");
}

#[test]
fn own_profiles_are_checked_with_line_and_column() {
    let ground = Ground::new();
    let good = ground.write("good.toml", PROFILE);
    assert_eq!(tripline(&["profile", "check", &good]).fine(), format!("{good}: valid, profile mine version 1\n"));
    assert!(tripline(&["profile", "show", &good]).fine().starts_with("mine version 1: a server of mine"));
    for (text, words) in [
        (format!("{PROFILE}colour = \"red\"\n"), &["bad.toml:4:1", "colour"][..]),
        (PROFILE.replace("= 1", "= \"one\""), &["bad.toml:2:11", "invalid type"]),
        (PROFILE.replace("= 1", "= 0"), &["bad.toml:2:11", "versions count from 1"]),
        ("name = ".to_owned(), &["bad.toml:1:"]),
        (format!("{PROFILE}runtimes = [\"fortran\"]\n"), &["bad.toml: unknown runtime `fortran`"]),
    ] {
        let bad = ground.write("bad.toml", &text);
        tripline(&["profile", "check", &bad]).fails(2, words);
        tripline(&["profile", "show", &bad]).fails(2, words);
        let both = tripline(&["profile", "check", &bad, &good]).fails(2, words);
        assert!(both.contains("good.toml: valid"), "{both}");
    }
    let missing = ground.text("missing.toml");
    tripline(&["profile", "check", &missing]).fails(2, &["cannot read the profile", "missing.toml", "No such file"]);
    tripline(&["profile", "show", "nosuch"]).fails(2, &["no profile nosuch", "cloudflare", "readable file"]);
}

#[test]
fn a_profile_that_may_not_be_read_is_named() {
    let ground = Ground::new();
    let secret = ground.write("secret.toml", PROFILE);
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    as_nobody(&ground, &["profile", "check", &secret]).fails(2, &["secret.toml", "Permission denied"]);
}

#[test]
fn configurations_are_checked_with_line_and_column() {
    let ground = Ground::new();
    let check = |text: &str| -> Ran {
        let file = ground.write("c.toml", text);
        tripline(&["config", "check", &file])
    };
    assert_eq!(check("").fine(), format!("{}: valid\n", ground.text("c.toml")));
    check("[network.roles]\ninternal = [\"10.9.0.0/16\"]\n[[sink]]\nkind = \"file\"\npath = \"/var/log/t\"\n").fine();
    check("[stat]\n").fails(2, &["c.toml:1:2", "unknown field `stat`"]);
    check("[state]\ndir = \"/x\"\ncolour = 1\n").fails(2, &["c.toml:3:1", "unknown field `colour`"]);
    check("[state]\ndir = 7\n").fails(2, &["c.toml:2:7: state.dir: invalid type"]);
    check("[state]\ndir = \"relative\"\n").fails(2, &["c.toml:2:7", "no absolute path"]);
    check("[network.roles]\ninternal = [\"10.0.0.0/99\"]\n").fails(2, &["c.toml:2:", "no address range"]);
    check("[network.roles]\ninternal = [\"10.0.0.0/8\"]\ninternet = [\"10.0.0.0/8\"]\n")
        .fails(2, &["c.toml:2:13: network.roles.internal: 10.0.0.0/8 is listed as both"]);
    check("[servers]\nprofiles = [\"nosuch\"]\n")
        .fails(2, &["c.toml:2:13: servers.profiles: there is no profile `nosuch`"]);
    check("a = [\n").fails(2, &["c.toml:"]);
    let latin = ground.write("c.toml", b"[state]\n# caf\xe9\n");
    tripline(&["config", "check", &latin]).fails(2, &["c.toml:2:6: this is no UTF-8"]);
    tripline(&["config", "check", &ground.text("none.toml")]).fails(2, &["none.toml", "No such file"]);
    tripline(&["config", "check", &ground.text("state")]).fails(2, &["state", "directory"]);
}
