//! `tripline exec` is transparent: bytes, signals, exit status, terminal and environment are what they'd be without it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use tests::exec::{Ground, Way};

const BOTH: [Way; 2] = [Way::Bare, Way::Watched];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn surroundings_are_the_same() {
    let ground = Ground::new("surroundings").unwrap();
    let look = |way| -> Value {
        let output = ground.run(way, &["${python}", "${drivers}/surroundings.py", "an argument", ""], b"").unwrap();
        assert!(output.status.success(), "{way:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (bare, watched) = (look(Way::Bare), look(Way::Watched));
    for (name, value) in bare.as_object().unwrap() {
        assert_eq!(*value, watched[name], "{name} differs");
    }
    ground.end().unwrap();
}

#[test]
fn the_server_is_the_process_that_was_started() {
    let ground = Ground::new("identity").unwrap();
    let mut command = ground.command(Way::Watched, &["/bin/sh", "-c", "echo $$ $PPID"]).unwrap();
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), format!("{pid} {}\n", std::process::id()));
    ground.end().unwrap();
}

#[test]
fn exit_status_is_the_servers() {
    let ground = Ground::new("status").unwrap();
    for status in [0, 1, 2, 42, 125, 255] {
        let output = ground.run(Way::Watched, &["/bin/sh", "-c", &format!("exit {status}")], b"").unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
    }
    ground.end().unwrap();
}

#[test]
fn death_by_signal_is_the_servers() {
    let ground = Ground::new("death").unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGABRT, Signal::SIGPIPE] {
        let script = format!("kill -{} $$", signal as i32);
        let output = ground.run(Way::Watched, &["/bin/sh", "-c", &script], b"").unwrap();
        assert_eq!(output.status.signal(), Some(signal as i32), "{signal}: {output:?}");
    }
    ground.end().unwrap();
}

#[test]
fn signals_reach_the_server() {
    for way in BOTH {
        let ground = Ground::new("signals").unwrap();
        let mut command = ground.command(way, &["${python}", "${drivers}/signals.py"]).unwrap();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "up");
        let sent = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGTERM];
        for signal in sent {
            kill(Pid::from_raw(child.id() as i32), signal).unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), signal.as_str(), "{way:?}");
        }
        assert_eq!(child.wait().unwrap().code(), Some(7), "{way:?}");
        ground.end().unwrap();
    }
}

#[test]
fn every_byte_passes_in_both_directions() {
    let ground = Ground::new("bytes").unwrap();
    let input: Vec<u8> = (0..4 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let output = ground.run(Way::Watched, &["/bin/sh", "-c", "echo problem >&2; exec cat"], &input).unwrap();
    assert!(output.status.success());
    assert!(output.stdout == input, "{} bytes went in, {} came out", input.len(), output.stdout.len());
    assert_eq!(text(&output.stderr), "problem\n", "nothing of our own on the server's streams");
    ground.end().unwrap();
}

#[test]
fn what_cannot_run_is_reported_as_a_shell_would() {
    let ground = Ground::new("cannot-run").unwrap();
    std::fs::write(ground.place.path("files/data"), "not a program").unwrap();
    for (program, status) in
        [("no-such-program", 127), ("/no/such/program", 127), ("${files}/data", 126), ("${files}", 126)]
    {
        let output = ground.run(Way::Watched, &[program], b"").unwrap();
        assert_eq!(output.status.code(), Some(status), "{program}: {output:?}");
        assert_one_line(&output, &ground.place.fill(program, None));
    }
    ground.end().unwrap();
}

#[test]
fn without_privileges_it_does_not_start_the_server() {
    let ground = Ground::new("unprivileged").unwrap();
    let inner = ground.command(Way::Watched, &["/bin/touch", "${scratch}/started"]).unwrap();
    let mut words = vec!["/usr/bin/setpriv".into(), "--bounding-set=-all".into(), "--inh-caps=-all".into()];
    words.push(inner.get_program().to_string_lossy().into_owned());
    words.extend(inner.get_args().map(|word| word.to_string_lossy().into_owned()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = ground.run(Way::Bare, &words, b"").unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(!ground.place.path("scratch/started").exists(), "a server that isn't watched must not start");
    assert_one_line(&output, "");
    ground.end().unwrap();
}

#[test]
fn wrong_usage_and_configuration_have_a_status_of_their_own() {
    let ground = Ground::new("usage").unwrap();
    let binary = tests::subject::tripline().unwrap().display().to_string();
    let run = |arguments: &[&str]| {
        let mut words = vec![binary.as_str(), "exec"];
        words.extend(arguments);
        ground.run(Way::Bare, &words, b"").unwrap()
    };
    std::fs::write(ground.place.path("files/odd.toml"), "[network]\nrolls = 1\n").unwrap();
    for (arguments, named) in [
        (vec!["--config", "${files}/none.toml", "--", "/bin/true"], "none.toml"),
        (vec!["--config", "${files}/odd.toml", "--", "/bin/true"], "rolls"),
        (vec!["--alerts", "-", "--", "/bin/true"], "--alerts"),
        (vec!["--no-such-option", "--", "/bin/true"], "--no-such-option"),
        (vec![], "COMMAND"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(named), "{arguments:?} must name {named}: {}", text(&output.stderr));
    }
    ground.end().unwrap();
}

#[test]
fn a_terminal_stays_a_terminal() {
    let look = |way| {
        let ground = Ground::new("terminal").unwrap();
        let script = "test -t 0 && test -t 1 && test -t 2 && echo tty; ps -o stat= -p $$ | grep -q + && echo foreground; \
                      trap 'echo interrupted; exit 9' INT; echo up; while :; do :; done";
        let inner = ground.command(way, &["/bin/bash", "-c", script]).unwrap();
        let mut words = vec!["${python}".to_owned(), "${drivers}/terminal.py".into(), "C".into()];
        words.push(inner.get_program().to_string_lossy().into_owned());
        words.extend(inner.get_args().map(|word| word.to_string_lossy().into_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = ground.run(Way::Bare, &words, b"").unwrap();
        ground.end().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let bare = look(Way::Bare);
    assert_eq!(bare.0, Some(9), "{bare:?}");
    for word in ["tty", "foreground", "interrupted"] {
        assert!(bare.1.contains(word), "{bare:?}");
    }
    assert_eq!(look(Way::Watched), bare);
}

/// One clear line that names the culprit.
fn assert_one_line(output: &Output, culprit: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "one clear line: {stderr:?}");
    assert!(stderr.contains(culprit), "{stderr:?} must name {culprit}");
    assert!(output.stdout.is_empty(), "nothing on standard output: {output:?}");
}

#[test]
fn a_client_that_gives_up_at_once_leaves_nobody_behind() {
    let ground = Ground::new("given-up").unwrap();
    let mut child = ground.command(Way::Watched, &["/bin/sleep", "600"]).unwrap().spawn().unwrap();
    // The store is opened just before the sensors are armed, which takes a while.
    let store = ground.place.path("state/alerts.ndjson");
    tests::wait::until_true("the watcher to open the store", tests::peer::BOUND, || store.exists()).unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    // Nothing of Tripline's own may wait for a process that is gone.
    tests::process::settle(&[], tests::peer::BOUND).unwrap();
    ground.end().unwrap();
}
