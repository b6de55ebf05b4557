//! `exec`, `attach`, `record`, `doctor`: what they refuse, and with root that a recording replays to the same alerts.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Ground, Ran, as_nobody, command, is_root, make_executable, need_root, tripline, until, values};

/// A pid that no process has: above the kernel's own limit.
const NO_PID: &str = "4194305";

#[test]
fn exec_refuses_before_it_starts_anything() {
    let ground = Ground::new();
    let marker = ground.text("started");
    let touch = ["--", "touch", marker.as_str()];
    let exec = |args: &[&str]| ground.run("exec", &[args, &touch].concat());
    exec(&["--alerts", "-"]).fails(2, &["--alerts - is refused", "name a file"]);
    exec(&["--profile", "nosuch"]).fails(2, &["no profile nosuch"]);
    exec(&["--events", "-"]).fails(2, &["--events - is refused", "name a file"]);
    let profile = ground.write("p.toml", "name = \"p\"\nversion = 1\nsummary = \"\"\nnonsense = 1\n");
    exec(&["--profile", &profile]).fails(2, &["p.toml:4:1", "nonsense"]);
    let missing = ground.text("missing.toml");
    tripline(&["exec", "--config", &missing, "--", "touch", &marker]).fails(2, &["missing.toml", "No such file"]);
    let bad = ground.write("bad.toml", "[state]\ncolour = 1\n");
    tripline(&["exec", "--config", &bad, "--", "touch", &marker]).fails(2, &["bad.toml:2:1", "colour"]);
    assert!(!ground.path("started").exists());
}

#[test]
fn exec_fails_as_a_shell_does_where_the_command_is_missing() {
    let ground = Ground::new();
    ground.run("exec", &["--", "no-such-command"]).fails(127, &["no-such-command: command not found"]);
    let data = ground.write("data", "");
    ground.run("exec", &["--", &data]).fails(126, &["data", "not an executable"]);
    ground.run("exec", &["--", ""]).fails(127, &["COMMAND is empty"]);
}

#[test]
fn watching_says_that_it_needs_root() {
    let ground = Ground::new();
    let (config, recording) = (ground.text("config.toml"), ground.text("recording"));
    let needs = ["needs root", "tripline doctor", "sudo"];
    let run = |args: &[&str]| as_nobody(&ground, &[args, &["--config", &config]].concat());
    as_nobody(&ground, &["exec", "--config", &config, "--", "/bin/true"]).fails(125, &needs);
    run(&["run"]).fails(1, &needs);
    run(&["record", "-o", &recording]).fails(1, &needs);
    run(&["attach", "--pid", &std::process::id().to_string()]).fails(1, &needs);
}

#[test]
fn attach_needs_a_process() {
    let ground = Ground::new();
    ground.run("attach", &["--pid", NO_PID]).fails(1, &["no process", NO_PID]);
    // A child that nobody waited for yet has no program, as a kernel thread has none.
    let mut ended = Command::new("true").spawn().unwrap();
    let pid = ended.id().to_string();
    let stat = format!("/proc/{pid}/stat");
    until("the child's end", || fs::read_to_string(&stat).ok()?.contains(") Z ").then_some(()));
    ground.run("attach", &["--pid", &pid]).fails(1, &[&pid, "kernel thread or has ended"]);
    ended.wait().unwrap();
    ground.run("record", &["-o", &ground.text("r"), "--pid", NO_PID]).fails(1, &["no process", NO_PID]);
}

#[test]
fn a_state_folder_that_cannot_be_used_is_named() {
    let ground = Ground::new();
    ground.write("file", "");
    let config = ground.write("c.toml", format!("[state]\ndir = {:?}\n", ground.path("file/state")));
    tripline(&["attach", "--config", &config, "--pid", "1"]).fails(1, &["state folder", "file/state", "[state] dir"]);
}

#[test]
fn record_never_overwrites() {
    let ground = Ground::new();
    let old = ground.write("old", "precious\n");
    ground.run("record", &["-o", &old, "--", "true"]).fails(2, &["old is there already", "name another file"]);
    ground.run("record", &["-o", "-", "--", "true"]).fails(2, &["-o - is refused"]);
    ground.run("record", &["-o", &ground.text("state"), "--", "true"]).fails(2, &["is a folder"]);
    let profile = ["-o", &ground.text("new"), "--profile", "nosuch", "--", "true"];
    ground.run("record", &profile).fails(2, &["no profile nosuch"]);
    assert_eq!(ground.read("old"), "precious\n");
}

#[test]
fn doctor_without_root_reports_what_it_can() {
    let ground = Ground::new();
    let config = ground.text("config.toml");
    let ran = as_nobody(&ground, &["doctor", "--config", &config]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for part in ["Host", "kernel", "type information", "CAP_BPF (", "Sensors", "refused", "Blind", "MCP messages"] {
        assert!(ran.stdout.contains(part), "`{part}` is missing: {ran:?}");
    }
    ran.fails(1, &["needs root"]);
    let report: Value =
        serde_json::from_str(&as_nobody(&ground, &["doctor", "--json", "--config", &config]).stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert!(report["problem"].as_str().unwrap().contains("needs root"));
}

#[test]
fn root_doctor_arms_every_required_sensor() {
    need_root();
    let ground = Ground::new();
    let report: Value = serde_json::from_str(&ground.run("doctor", &["--json"]).fine()).unwrap();
    assert_eq!((&report["ok"], &report["problem"]), (&true.into(), &Value::Null));
    for sensor in report["sensors"].as_array().unwrap() {
        for hook in sensor["hooks"].as_array().unwrap() {
            assert!(hook["armed"] == true || hook["required"] == false, "{hook}");
            assert_eq!(hook["armed"] == true, hook["reason"].is_null(), "{hook}");
        }
    }
    let shown = ground.run("doctor", &[]).fine();
    assert!(shown.contains("Every required sensor can be armed."), "{shown}");
}

#[test]
fn root_a_kernel_that_is_too_old_is_named_by_every_verb_that_watches() {
    need_root();
    let ground = Ground::new();
    let (config, recording) = (ground.text("config.toml"), ground.text("recording"));
    let old = |args: &[&str]| {
        // its release is 2.6 then, for whoever asks
        let mut setarch = Command::new("setarch");
        setarch.args(["--uname-2.6", env!("CARGO_BIN_EXE_tripline")]).args(args).args(["--config", &config]);
        setarch
    };
    let words = ["Linux 2.6.", "is too old", "5.17"];
    let own = std::process::id().to_string();
    let doctor = Ran::of(&mut old(&["doctor"]));
    assert!(doctor.stdout.contains("missing  kernel"), "{doctor:?}");
    doctor.fails(1, &words);
    Ran::of(&mut old(&["attach", "--pid", &own])).fails(1, &words);
    Ran::of(&mut old(&["record", "-o", &recording, "--pid", &own])).fails(1, &words);
    Ran::of(&mut old(&["run"])).fails(1, &words);
    let started = Ran::of(old(&["exec"]).args(["--", "echo", "started"]));
    assert_eq!(started.fails(125, &words), "");
}

#[test]
fn root_what_is_missing_is_named_by_every_verb_that_watches() {
    need_root();
    let ground = Ground::new();
    let (program, config, recording) =
        (env!("CARGO_BIN_EXE_tripline"), ground.text("config.toml"), ground.text("recording"));
    let verb = |words: &str| format!("exec {program} {words} --config {config}");
    let (doctor, own) = (verb("doctor"), std::process::id());
    let exec = format!("{} -- /bin/echo started", verb("exec"));
    let record = verb(&format!("record -o {recording}"));
    let others = [verb("run"), verb(&format!("attach --pid {own}")), record.clone(), format!("{record} --pid {own}")];
    let run = |command: &str| {
        let ran = Ran::of(Command::new("sh").args(["-c", command]).env("NO_COLOR", "1"));
        assert!(ran.stderr.matches("(os error").count() <= 1, "told twice: {ran:?}");
        ran
    };

    let words = ["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"];
    let without_types = "unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf &&";
    let ran = run(&format!("{without_types} {doctor}'"));
    assert!(ran.stdout.contains("missing  type information"), "{ran:?}");
    ran.fails(1, &words);
    assert_eq!(run(&format!("{without_types} {exec}'")).fails(125, &words), "");
    for verb in &others {
        // one that has begun a recording leaves its head
        let _removed = fs::remove_file(&recording);
        assert_eq!(run(&format!("{without_types} {verb}'")).fails(1, &words), "", "{verb}");
    }

    let without_rights = "setpriv --bounding-set -sys_admin,-bpf,-perfmon,-net_admin sh -c";
    let ran = run(&format!("{without_rights} '{doctor}'"));
    for name in ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"] {
        assert!(ran.stdout.contains(name), "{name}: {ran:?}");
    }
    assert!(!ran.stdout.contains("CAP_SYS_PTRACE"), "{ran:?}");
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{ran:?}");
    // whatever it is that fails first
    let words = ["Operation not permitted", "the capabilities that `tripline doctor` lists"];
    assert_eq!(run(&format!("{without_rights} '{exec}'")).fails(125, &words), "");
    for verb in &others {
        let _removed = fs::remove_file(&recording);
        assert_eq!(run(&format!("{without_rights} '{verb}'")).fails(1, &words), "", "{verb}");
    }
}

#[test]
fn root_a_library_of_its_own_that_a_root_server_preloads_is_told() {
    need_root();
    let ground = Ground::new();
    let (config, alerts) = (ground.text("config.toml"), ground.text("alerts"));
    let library = ground.write("x.so", "");
    // The loader says that it can't be loaded, and goes on; the system's own is nobody's injection.
    let server = format!("LD_PRELOAD=/usr/bin/env /bin/cat | LD_PRELOAD={library} /bin/cat");
    let watch = ["exec", "--config", &config, "--alerts", &alerts, "--", "/bin/sh", "-c", &server];
    let mut child = command(&watch).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let told = || fs::read_to_string(ground.path("alerts")).unwrap_or_default().contains("TL-EVA-007");
    until("the library's alert", || told().then_some(()));
    // Both wait for the end of what they read.
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let told = values(&settled(&ground, "alerts"));
    let injected: Vec<_> = told.iter().filter(|alert| alert["rule"]["id"] == "TL-EVA-007").collect();
    assert_eq!(injected.len(), 1, "{told:#?}");
    let exec = injected[0]["evidence"].as_array().unwrap().iter().find(|item| item["kind"] == "exec").unwrap();
    assert_eq!(exec["preload"], serde_json::json!(["LD_PRELOAD"]), "{told:#?}");
}

#[test]
fn root_a_recording_replays_to_the_same_alerts() {
    need_root();
    let ground = Ground::new();
    let (home, recording, alerts) = (ground.text("home"), ground.text("recording"), ground.text("alerts"));
    fs::create_dir_all(ground.path("home/.aws")).unwrap();
    ground.write("home/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    let config = ground.text("config.toml");
    let theft = "cat \"$HOME/.aws/credentials\" >/dev/null; exit 3";
    let watch = ["record", "-o", &recording, "--config", &config, "--alerts", &alerts, "--", "/bin/sh", "-c", theft];
    let status = command(&watch).env("HOME", &home).stdin(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3), "the exit status is the server's own");
    let live = settled(&ground, "alerts");
    assert!(values(&live).iter().any(|alert| alert["category"] == "credential_access"), "{live}");
    assert_eq!(ground.run("replay", &[&recording]).fine(), live);
    assert_eq!(ground.read("state/alerts.ndjson"), live, "the local store has them too");
    let id = values(&live)[0]["id"].as_str().unwrap().to_owned();
    assert!(ground.run("alerts show", &[&id]).fine().contains("What to check"));
}

#[test]
fn root_a_full_disk_loses_no_alert() {
    need_root();
    let ground = Ground::new();
    let script = ground.write("server", "#!/bin/sh\ncat /root/.ssh/none /etc/shadow >/dev/null 2>&1\nexit 4\n");
    make_executable(&ground.path("server"));
    let ran = ground.run("exec", &["--alerts", "/dev/full", "--", &script]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (4, "", ""), "nothing of it shows");
    assert!(!settled(&ground, "state/alerts.ndjson").is_empty());
}

#[test]
fn root_a_server_that_dies_at_once_is_reported_as_it_died() {
    need_root();
    let ground = Ground::new();
    assert_eq!(ground.run("exec", &["--", "/bin/false"]).status, 1);
    let recording = ground.text("recording");
    assert_eq!(ground.run("record", &["-o", &recording, "--", "/bin/false"]).status, 1);
    settled(&ground, "recording");
    assert!(is_root());
    ground.run("replay", &[&recording]).fine();
}

#[test]
fn root_changes_of_a_server_s_store_by_others_are_events() {
    need_root();
    let ground = Ground::new();
    let (home, events, config) = (ground.text("home"), ground.text("events"), ground.text("config.toml"));
    fs::create_dir_all(ground.path("home/.aws")).unwrap();
    ground.write("home/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    let own = "name = \"own\"\nversion = 1\nsummary = \"\"\n[own_credentials]\nkinds = [\"aws_credentials\"]\n";
    let profile = ground.write("own.toml", own);
    let mut exec =
        command(&["exec", "--config", &config, "--events", &events, "--profile", &profile, "--", "/bin/cat"]);
    let mut server = exec.env("HOME", &home).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let store = ground.path("home/.aws/credentials");
    let pid = std::process::id();
    let expect = |op: &str, to: Option<&str>| {
        let told = |event: &Value| {
            event["op"] == op
                && event["proc"]["pid"] == pid
                && event["file"]["path"] == store.to_str().unwrap()
                && to.is_none_or(|to| event["to"] == to)
        };
        let events = || values(&fs::read_to_string(&events).unwrap_or_default());
        until(op, || events().iter().any(told).then_some(()));
    };
    // the store is marked before the server is told of
    let started = || fs::read_to_string(&events).unwrap_or_default().contains("\"server_start\"");
    until("the server's start", || started().then_some(()));
    let beside = ground.text("home/.aws/beside");
    fs::hard_link(&store, &beside).unwrap();
    expect("link", Some(&beside));
    fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    expect("chmod", None);
    nix::unistd::truncate(&store, 0).unwrap();
    expect("truncate", None);
    // with one name left there is no doubt about the new one
    fs::remove_file(&beside).unwrap();
    let away = ground.text("away");
    fs::rename(&store, &away).unwrap();
    expect("rename", Some(&away));
    std::os::unix::fs::symlink(&away, &store).unwrap();
    expect("symlink", Some(&away));
    fs::remove_file(&store).unwrap();
    expect("unlink", None);
    fs::write(&store, "new").unwrap();
    expect("create", None);
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

/// A file's text once the watcher has ended: nothing has been added for a while, and none has it open.
fn settled(ground: &Ground, name: &str) -> String {
    let path = ground.path(name);
    let ended = || path.exists() && !open_in_watcher(ground, &path);
    until(&format!("the end of writing {name}"), || ended().then_some(()));
    fs::read_to_string(path).unwrap()
}

/// Whether a watcher of this ground has a file open. Others are left alone: whoever looks at a watched server's
/// descriptors is reported.
fn open_in_watcher(ground: &Ground, path: &std::path::Path) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let config = ground.text("config.toml");
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_tripline")).unwrap();
    let watches = |process: &std::path::Path| {
        let named = |line: Vec<u8>| String::from_utf8_lossy(&line).split('\0').any(|word| word == config);
        fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)
            && fs::read(process.join("cmdline")).is_ok_and(named)
    };
    processes
        .flatten()
        .filter(|process| watches(&process.path()))
        .filter_map(|process| fs::read_dir(process.path().join("fd")).ok())
        .any(|fds| fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == path)))
}
