//! `tripline demo`: exactly what it promises, with each of its servers, and nothing left behind, also when interrupted.

#[path = "demo/left.rs"]
mod left;
#[path = "demo/printed.rs"]
mod printed;

use anyhow::{Context, Result, ensure};
use left::Host;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use printed::Step;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tests::exec::Ground;
use tests::{process, subject, wait};

/// The demo itself waits for everything within bounds; it takes about ten seconds.
const BOUND: Duration = Duration::from_secs(180);

/// What is asked in each step, and which alerts come of it, in alphabetical order.
const TIMELINE: [(&str, &[(&str, &str)]); 8] = [
    ("worker_list", &[]),
    ("worker_deploy", &[]),
    ("worker_get", &[]),
    ("get_kvs", &[]),
    ("d1_list_databases", &[("high", "lateral_movement")]),
    ("worker_deploy", &[("critical", "token_theft"), ("high", "credential_access"), ("medium", "tool_abuse")]),
    (
        "r2_list_buckets",
        &[
            ("critical", "token_theft"),
            ("high", "credential_access"),
            ("medium", "execution"),
            ("medium", "undeclared_effect"),
        ],
    ),
    ("nobody", &[("high", "token_theft")]),
];

/// What colours begin with.
const ESCAPE: char = '\u{1b}';

/// What the demo prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Pipe,
    Terminal,
}

/// A running demo, and what it must leave as it was.
struct Demo {
    ground: Ground,
    before: Host,
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Demo {
    /// Starts it with folders of its own for all that a program might write.
    fn start(name: &str, options: &[String], output: Output, environment: &[(&str, &str)]) -> Result<Demo> {
        let ground = Ground::new(name)?;
        for folder in FOLDERS {
            fs::create_dir(ground.place.path(folder))?;
        }
        let before = Host::look()?;
        let mut command = Command::new(subject::tripline()?);
        command.arg("demo").args(options).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        for (name, folder) in ["HOME", "TMPDIR"].into_iter().zip(FOLDERS) {
            command.env(name, ground.place.path(folder));
        }
        command.envs(environment.iter().copied()).current_dir(ground.place.path(FOLDERS[2]));
        command.stdin(Stdio::null()).stderr(File::create(ground.place.stderr())?);
        let (ours, theirs) = match output {
            Output::Terminal => {
                let pair = openpty(None, None)?;
                for end in [&pair.master, &pair.slave] {
                    fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
                }
                (pair.master, pair.slave)
            }
            Output::Pipe => {
                let (ours, theirs) = std::io::pipe()?;
                (ours.into(), theirs.into())
            }
        };
        let child = command.stdout(theirs).spawn().context("cannot start the demo")?;
        drop(command); // holds the other end
        let printed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&printed);
        let reader = std::thread::spawn(move || {
            let (mut from, mut buffer) = (File::from(ours), [0; 4096]);
            // A terminal answers an error where a pipe just ends.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..count]);
            }
        });
        Ok(Demo { ground, before, child, printed, reader })
    }

    /// What it has printed so far, in the lines of a file.
    fn printed(&self) -> String {
        let bytes = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    /// Waits until it has loaded and attached programs, so that it matters whether they go again.
    fn is_armed(&mut self) -> Result<()> {
        self.until("the demo to watch its server", |demo| demo.before.is_watched())
    }

    fn until(&mut self, what: &str, holds: impl Fn(&Demo) -> bool) -> Result<()> {
        let mut ended = None;
        wait::until_true(what, BOUND, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || holds(self)
        })?;
        ensure!(ended.is_none(), "it ended before: {ended:?}, {}\n{}", self.complaint(), self.printed());
        Ok(())
    }

    fn complaint(&self) -> String {
        fs::read_to_string(self.ground.place.stderr()).unwrap_or_default()
    }

    /// Waits for its end, and that all is as it was; answers its status, what it printed and what it complained of.
    fn end(mut self) -> Result<(ExitStatus, String, String)> {
        let status = process::wait(&mut self.child, BOUND)?;
        self.before.is_as_before()?;
        for folder in FOLDERS.map(|folder| self.ground.place.path(folder)) {
            let first = fs::read_dir(&folder)?.next();
            ensure!(first.is_none(), "a file is left in {}: {first:?}", folder.display());
        }
        // Everybody who had the other end has ended.
        let (printed, complaint) = (Arc::clone(&self.printed), self.complaint());
        self.reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        self.ground.end()?;
        let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((status, String::from_utf8_lossy(&printed).replace("\r\n", "\n"), complaint))
    }
}

/// The demo's home, its temporary folder, and where it is started.
const FOLDERS: [&str; 3] = ["demo-home", "demo-temporary", "demo-folder"];

fn npm() -> Vec<String> {
    let package = subject::folder().join("node/node_modules/@cloudflare/mcp-server-cloudflare");
    ["--server", "npm", "--package", &package.to_string_lossy()].map(str::to_owned).to_vec()
}

fn sample() -> Result<Vec<String>> {
    let sample = match std::env::var_os("TRIPLINE_SAMPLE") {
        Some(path) => PathBuf::from(path),
        None => subject::tripline()?.with_file_name("sample-server"),
    };
    ensure!(sample.is_file(), "no sample server at {}: build it, or set TRIPLINE_SAMPLE", sample.display());
    Ok(["--server", "sample", "--sample", &sample.to_string_lossy()].map(str::to_owned).to_vec())
}

/// All that it promises; `title` is what it says of its server.
fn is_whole(demo: Demo, title: &str) -> Result<()> {
    let (status, printed, complaint) = demo.end()?;
    ensure!(status.code() == Some(0) && complaint.is_empty(), "{status}: {complaint}\n{printed}");
    let server = printed.lines().next().unwrap_or_default();
    ensure!(server.starts_with(&format!("    server  {title}")), "another server than {title}: {server}");
    let owned = |alerts: &[(&str, &str)]| {
        alerts.iter().map(|(severity, category)| ((*severity).to_owned(), (*category).to_owned())).collect()
    };
    let wanted: Vec<Step> = TIMELINE
        .iter()
        .map(|(asked, alerts)| Step { asked: (*asked).into(), alerts: owned(alerts), quiet: alerts.is_empty() })
        .collect();
    assert_eq!(printed::steps(&printed)?, wanted, "{printed}");
    let count: usize = TIMELINE.iter().map(|(_, alerts)| alerts.len()).sum();
    let last = printed.lines().last().unwrap_or_default();
    assert_eq!(last, format!("All {count} expected alerts came, and no other."), "{printed}");
    ensure!(!printed.contains(ESCAPE), "colours that nobody wants:\n{printed}");
    Ok(())
}

#[test]
fn the_server_of_npm_is_used_and_abused() -> Result<()> {
    let mut demo = Demo::start("demo-npm", &npm(), Output::Pipe, &[("TERM", "xterm")])?;
    demo.is_armed()?;
    is_whole(demo, "@cloudflare/mcp-server-cloudflare ")
}

#[test]
fn the_sample_server_is_used_and_abused_without_colour_where_none_is_wanted() -> Result<()> {
    let mut demo = Demo::start("demo-sample", &sample()?, Output::Terminal, &[("TERM", "xterm"), ("NO_COLOR", "1")])?;
    demo.is_armed()?;
    is_whole(demo, "the sample server on the official Rust SDK")
}

#[test]
fn by_itself_it_takes_the_server_of_npm_where_that_is_installed() -> Result<()> {
    let mut demo = Demo::start("demo-auto", &[], Output::Pipe, &[("TERM", "xterm")])?;
    demo.is_armed()?;
    is_whole(demo, "@cloudflare/mcp-server-cloudflare ")
}

#[test]
fn where_node_is_missing_it_takes_the_sample_server_and_says_why() -> Result<()> {
    // All else that it needs is there.
    let bin = tempfile::tempdir()?;
    symlink("/bin/bash", bin.path().join("bash"))?;
    let path = [("PATH", bin.path().to_str().context("a path that is no text")?)];
    let demo = Demo::start("demo-no-node", &sample()?[2..], Output::Pipe, &path)?;
    is_whole(demo, "the sample server on the official Rust SDK (there is no node on PATH)")?;
    // Asked for by name, it is not replaced.
    let demo = Demo::start("demo-no-npm", &npm(), Output::Pipe, &path)?;
    let (status, printed, complaint) = demo.end()?;
    ensure!(status.code() == Some(1) && printed.is_empty(), "{status}: {printed}");
    ensure!(complaint == "tripline: there is no node on PATH\n", "one clear line: {complaint}");
    Ok(())
}

#[test]
fn interrupted_it_ends_in_order() -> Result<()> {
    // While the sensors are armed, while it is used, and while it is abused.
    let moments: [(Signal, &str); 3] = [(Signal::SIGINT, ""), (Signal::SIGINT, "asked"), (Signal::SIGTERM, "ALERT")];
    for (signal, word) in moments {
        let mut demo = Demo::start("demo-interrupted", &sample()?, Output::Terminal, &[("TERM", "xterm")])?;
        demo.is_armed()?;
        demo.until("the demo to come so far", |demo| demo.printed().contains(word))?;
        kill(Pid::from_raw(demo.child.id() as i32), signal)?;
        let (status, printed, complaint) = demo.end().with_context(|| format!("{signal} at `{word}`"))?;
        ensure!(status.code() == Some(1), "{signal} at `{word}`: {status}: {complaint}\n{printed}");
        ensure!(complaint.lines().count() == 1 && complaint.contains("interrupted"), "one clear line: {complaint}");
        ensure!(!printed.contains("Expected, and what came"), "it went on to its end:\n{printed}");
        ensure!(printed.contains(ESCAPE), "a terminal gets colours:\n{printed}");
    }
    Ok(())
}
