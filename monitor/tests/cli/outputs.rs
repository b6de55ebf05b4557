//! Where alerts, events and recordings go: what can't be written to is told in one line before anything starts, and a
//! disk that is full is told at the end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Ground, Ran, command, need_root, until};

/// A process to attach to, which reads until its input ends.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _status = self.0.wait();
    }
}

/// A verb that watches, and what it says on standard error.
struct Watcher {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Watcher {
    fn start(ground: &Ground, args: &[&str]) -> Self {
        let mut verb = command(args);
        verb.arg("--config").arg(ground.path("config.toml")).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = verb.stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it has said so.
    #[track_caller]
    fn says(&mut self, words: &str) {
        until(words, || {
            self.said.extend(self.lines.try_iter());
            self.said.iter().any(|line| line.contains(words)).then_some(())
        });
    }

    fn stop(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    }

    /// Waits for its end; answers its status and the lines that are for a person.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = until("the end of the watcher", || self.child.try_wait().unwrap());
        self.said.extend(self.lines.iter());
        self.said.retain(|line| line.starts_with("tripline: "));
        (status.code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A test that went well has waited for it already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Every verb that watches, with the status of its failures; the marker is what `exec` and `record` would make.
fn verbs<'a>(pid: &'a str, recording: &'a str, marker: &'a str) -> [(i32, Vec<&'a str>, Vec<&'a str>); 6] {
    let touch = vec!["--", "/bin/touch", marker];
    [
        (125, vec!["exec"], touch.clone()),
        (125, vec!["record", "-o", recording], touch),
        (1, vec!["record", "-o", recording, "--pid", pid], vec![]),
        (1, vec!["record", "-o", recording], vec![]),
        (1, vec!["attach", "--pid", pid], vec![]),
        (1, vec!["run"], vec![]),
    ]
}

#[test]
fn root_an_output_in_a_missing_folder_is_named_before_anything_starts() {
    need_root();
    let ground = Ground::new();
    let (bystander, config) = (Bystander::start(), ground.text("config.toml"));
    let (pid, marker, missing) = (bystander.pid(), ground.text("started"), ground.text("missing/file"));
    let words = ["missing/file", "No such file or directory"];
    let refused = |status: i32, verb: &[&str], options: &[&str], tail: &[&str]| {
        let ran = Ran::of(&mut command(&[verb, &["--config", &config], options, tail].concat()));
        assert_eq!(ran.fails(status, &words), "", "{verb:?} {options:?}");
        assert!(!ground.path("started").exists(), "{verb:?} {options:?}");
    };
    for option in ["--alerts", "--events"] {
        for (number, (status, verb, tail)) in verbs(&pid, "", &marker).into_iter().enumerate() {
            // an earlier one has begun a recording when it comes to the events
            let recording = ground.text(&format!("recording{option}{number}"));
            let verb: Vec<&str> =
                verb.into_iter().map(|word| if word.is_empty() { recording.as_str() } else { word }).collect();
            refused(status, &verb, &[option, &missing], &tail);
        }
    }
    for (status, verb, tail) in verbs(&pid, &missing, &marker) {
        if verb.contains(&"record") {
            refused(status, &verb, &[], &tail);
        }
    }
    assert!(!ground.path("missing").exists());
}

#[test]
fn root_a_recording_or_events_on_a_full_disk_are_told_at_the_end() {
    need_root();
    for (verb, option) in [("attach", "--events"), ("record", "-o")] {
        let ground = Ground::new();
        let bystander = Bystander::start();
        let mut watcher = Watcher::start(&ground, &[verb, option, "/dev/full", "--pid", &bystander.pid()]);
        watcher.says("what it did before isn't known");
        // It ends with what it watches.
        drop(bystander);
        let (status, own) = watcher.end();
        assert_eq!(status, Some(1), "{verb}: {own:?}");
        let [first, last] = &own[..] else { panic!("{verb}: what is watched, and one clear line: {own:?}") };
        assert!(first.contains("watching cat"), "{own:?}");
        for word in ["lines could not be written to /dev/full", "No space left"] {
            assert!(last.contains(word), "`{word}` is missing: {own:?}");
        }
    }
}

#[test]
fn root_run_on_a_full_disk_tells_it_at_the_end() {
    need_root();
    for option in ["--alerts", "--events"] {
        let ground = Ground::new();
        fs::create_dir_all(ground.path("home/.aws")).unwrap();
        ground.write("home/.aws/credentials", "[default]\naws_secret_access_key = none\n");
        let mut watcher = Watcher::start(&ground, &["run", option, "/dev/full"]);
        watcher.says("armed");
        // A server that reads a credential when it is spoken to.
        let request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":\
                       {\"protocolVersion\":\"2025-06-18\"}}\n";
        let script = "read request; cat \"$HOME/.aws/credentials\" >/dev/null; echo done";
        let mut server = Command::new("/bin/sh");
        server.args(["-c", script]).env_clear().env("HOME", ground.path("home")).env("PATH", "/usr/bin:/bin");
        server.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn().unwrap();
        server.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        assert!(server.wait_with_output().unwrap().status.success());
        watcher.says("cannot write; lines are kept in memory");
        until("the alert in the store", || {
            fs::read_to_string(ground.path("state/alerts.ndjson")).ok()?.contains("credential_access").then_some(())
        });
        watcher.stop();
        let (status, own) = watcher.end();
        assert_eq!(status, Some(1), "{option}: {own:?}");
        let [only] = &own[..] else { panic!("{option}: one clear line: {own:?}") };
        assert!(only.contains("could not be written to /dev/full: No space left"), "{own:?}");
    }
}
