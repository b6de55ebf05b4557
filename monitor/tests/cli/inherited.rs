//! What `exec` inherits: limits, closed streams, sudo's variables. The server gets them as they were; the watcher takes
//! what it needs, or nothing starts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Ground, Ran, command, make_executable, need_root, until};

/// `tripline exec` below a shell that sets things up first.
fn exec_after(ground: &Ground, setup: &str, server: &str) -> Ran {
    let (program, config) = (env!("CARGO_BIN_EXE_tripline"), ground.text("config.toml"));
    let line = format!("{setup} exec {program} exec --config {config} -- {server}");
    Ran::of(Command::new("sh").args(["-c", &line]).env("NO_COLOR", "1").env_remove("TRIPLINE_LOG"))
}

#[test]
fn root_an_unknown_caller_of_sudo_starts_nothing() {
    need_root();
    let ground = Ground::new();
    for (variables, named) in [
        ("SUDO_USER=ghost SUDO_UID=3999999999 SUDO_GID=3999999999", "3999999999"),
        ("SUDO_USER=ana SUDO_UID=ana SUDO_GID=100", "SUDO_UID"),
        ("SUDO_USER=ana SUDO_UID= SUDO_GID=100", "SUDO_UID"),
        ("SUDO_USER=ana SUDO_UID=4294967295 SUDO_GID=100", "4294967295"),
        ("SUDO_USER=ana SUDO_UID=65534", "SUDO_GID"),
        ("SUDO_USER=ana SUDO_GID=100", "SUDO_UID"),
    ] {
        let ran = exec_after(&ground, &format!("export {variables};"), "id -u");
        assert_eq!(ran.fails(125, &["the server would run as root", named]), "", "{variables}");
    }
    let ran = exec_after(&ground, "export SUDO_USER=nobody SUDO_UID=65534 SUDO_GID=65534;", "id -u");
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "65534\n"), "{ran:?}");
}

#[test]
fn root_limits_of_the_client_are_the_server_s_alone() {
    need_root();
    let ground = Ground::new();
    // soft limits: the watcher raises its own, the server keeps them
    let limits = "ulimit -S -f 0; ulimit -S -n 16; ulimit -S -t 5; ulimit -S -c 0; trap '' XFSZ; trap '' TERM;";
    let look = "sh -c 'cat /etc/shadow >/dev/null; ulimit -f; ulimit -n; ulimit -t; grep SigIgn /proc/self/status'";
    let bare = Ran::of(Command::new("sh").args(["-c", &format!("{limits} exec {look}")])).fine();
    assert_eq!(exec_after(&ground, limits, look).fine(), bare);
    let stored = || fs::read_to_string(ground.path("state/alerts.ndjson")).ok().filter(|text| !text.is_empty());
    until("the alert of the read of /etc/shadow", stored);
}

#[test]
fn root_limits_that_cannot_be_raised_are_told() {
    need_root();
    let ground = Ground::new();
    // without CAP_SYS_RESOURCE nobody raises a hard limit
    for (limit, named) in
        [("-f 0", "file size (ulimit -f)"), ("-n 20", "open files (ulimit -n)"), ("-t 5", "(ulimit -t)")]
    {
        let setup = format!("ulimit {limit}; exec setpriv --bounding-set -sys_resource env");
        let (program, config) = (env!("CARGO_BIN_EXE_tripline"), ground.text("config.toml"));
        let line = format!("{setup} {program} exec --config {config} -- echo started");
        let ran = Ran::of(Command::new("sh").args(["-c", &line]).env("NO_COLOR", "1"));
        assert_eq!(ran.fails(125, &[named, "can't be raised"]), "", "{limit}");
    }
}

#[test]
fn root_closed_streams_stay_closed() {
    need_root();
    let ground = Ground::new();
    let seen = ground.text("seen");
    let script = ground.write(
        "server",
        format!(
            "#!/bin/sh\nexec 9>{seen}\nfor fd in 0 1 2; do if test -e /proc/$$/fd/$fd; then echo $fd >&9; fi; done\n"
        ),
    );
    make_executable(&ground.path("server"));
    let open = |setup: &str| {
        exec_after(&ground, setup, &script);
        ground.read("seen").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(open(""), ["0", "1", "2"]);
    assert_eq!(open("exec <&- 2>&-;"), ["1"]);
    assert_eq!(open("exec >&-;"), ["0", "2"]);
}

#[test]
fn root_what_runs_a_script_is_named_where_it_is_missing() {
    need_root();
    let ground = Ground::new();
    let script = ground.write("badint", "#!/no/such/interpreter -x\n");
    make_executable(&ground.path("badint"));
    ground.run("exec", &["--", &script]).fails(126, &["badint", "its interpreter /no/such/interpreter is missing"]);
}

#[test]
fn root_a_fifo_without_a_reader_holds_nothing_up() {
    need_root();
    let ground = Ground::new();
    let fifo = ground.text("fifo");
    nix::unistd::mkfifo(&ground.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ran = ground.run("exec", &["--alerts", &fifo, "--", "echo", "up"]);
    assert_eq!(ran.fine(), "up\n");
}

#[test]
fn root_run_outlives_a_hangup_and_ends_in_order() {
    need_root();
    let ground = Ground::new();
    let mut run = command(&["run", "--config", &ground.text("config.toml")]);
    let mut child = run.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("armed")));
    let pid = Pid::from_raw(child.id().cast_signed());
    // Its handler comes a moment after that line; until then the signal is ignored.
    let told = std::thread::spawn(move || lines.any(|line| line.contains("SIGHUP") && line.contains("restart")));
    until("the line about SIGHUP", || {
        kill(pid, Signal::SIGHUP).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        told.is_finished().then_some(())
    });
    assert!(ground.path("state/agent.sock").exists());
    assert!(told.join().unwrap());
    // Nobody reads its log any more, and it goes on.
    kill(pid, Signal::SIGHUP).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!ground.path("state/agent.sock").exists());
}
