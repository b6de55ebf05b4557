//! What `sudo tripline exec` leaves of sudo: the server is the caller's, as if nobody had been root in between.

use std::fs;
use std::process::Command;

use super::{Ground, Ran, need_root};

/// A user with groups of its own, as the host's passwd and group name it within a mount namespace.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nana:x:4321:4322:Ana:/srv/ana:/bin/dash\n";
const GROUP: &str = "root:x:0:\nana:x:4322:\ndocker:x:4323:ana,eva\naudio:x:4324:ana\nwheel:x:4325:eva\n";

/// `tripline exec -- COMMAND`, started as sudo does for ana: as root, with root's groups and home, and its variables.
fn as_ana(ground: &Ground, more: &str, command: &str) -> Ran {
    let (passwd, group) = (ground.write("passwd", PASSWD), ground.write("group", GROUP));
    let (program, config) = (env!("CARGO_BIN_EXE_tripline"), ground.text("config.toml"));
    let line = format!(
        "mount --bind {passwd} /etc/passwd && mount --bind {group} /etc/group && {more} \
         exec setpriv --groups 0,4325 {program} exec --config {config} -- {command}"
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-c", &line]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for (name, value) in [
        ("HOME", "/root"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("SHELL", "/bin/bash"),
        ("SUDO_UID", "4321"),
        ("SUDO_GID", "4322"),
        ("SUDO_USER", "ana"),
        ("SUDO_COMMAND", "/usr/local/bin/tripline exec -- server"),
        ("CLOUDFLARE_API_TOKEN", "kept"),
    ] {
        unshare.env(name, value);
    }
    Ran::of(&mut unshare)
}

#[test]
fn root_below_sudo_the_server_is_the_caller_s() {
    need_root();
    let ground = Ground::new();
    let ids = as_ana(&ground, "", "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb):' /proc/self/status").fine();
    let of = |name: &str| {
        let line = ids.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("Uid"), "4321 4321 4321 4321", "{ids}");
    assert_eq!(of("Gid"), "4322 4322 4322 4322", "{ids}");
    // Its own groups, as at a login; none of root's.
    assert_eq!(of("Groups"), "4322 4323 4324", "{ids}");
    for name in ["CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(of(name), "0000000000000000", "{ids}");
    }
    // The way back to root is closed.
    let back = as_ana(&ground, "", "setpriv --reuid 0 true");
    assert_ne!(back.status, 0, "{back:?}");
    assert!(back.stderr.contains("Operation not permitted"), "{back:?}");
}

#[test]
fn root_below_sudo_the_environment_is_the_caller_s() {
    need_root();
    let ground = Ground::new();
    let said = as_ana(&ground, "", "env").fine();
    let mut lines: Vec<&str> =
        said.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
    lines.sort_unstable();
    let expected = [
        "CLOUDFLARE_API_TOKEN=kept",
        "HOME=/srv/ana",
        "LOGNAME=ana",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL=/bin/dash",
        "USER=ana",
    ];
    assert_eq!(lines, expected, "what sudo changed is put back, what it says of itself is gone, the rest is as it was");
}

#[test]
fn root_below_sudo_the_watcher_is_root_s() {
    need_root();
    let ground = Ground::new();
    // What root may read, the server may not; and what it writes is its caller's.
    fs::set_permissions(ground.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let made = ground.text("made");
    let ran = as_ana(&ground, "", &format!("sh -c 'cat /etc/shadow; touch {made}; exit 5'"));
    assert_eq!((ran.status, ran.stdout.as_str()), (5, ""), "{ran:?}");
    assert!(ran.stderr.contains("Permission denied"), "{ran:?}");
    let owner = |name: &str| std::os::unix::fs::MetadataExt::uid(&fs::metadata(ground.path(name)).unwrap());
    assert_eq!((owner("made"), owner("state/alerts.ndjson")), (4321, 0));
}
