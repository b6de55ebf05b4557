//! A subject that is being run: it says when it is ready, waits, measures, says what it measured, waits, and ends.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use super::Bench;
use crate::shell;

/// A running subject.
pub struct Subject {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// The process of the server that it started.
    pub server: u32,
}

impl Subject {
    /// Starts it, as root, and waits until it is ready.
    pub fn start(program: &str, arguments: &[String]) -> Result<Self> {
        let mut command = shell::as_root(program)?;
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let shown = shell::shown(&command);
        let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("no output")?);
        let mut subject = Self { child, to, from, server: 0 };
        let line = subject.line().with_context(|| format!("`{shown}` did not get ready"))?;
        subject.server = line
            .strip_prefix("ready ")
            .and_then(|pid| pid.trim().parse().ok())
            .with_context(|| format!("`{shown}` says {line:?}"))?;
        Ok(subject)
    }

    /// Has it measure; what it says.
    pub fn measure(&mut self) -> Result<Value> {
        self.go_on()?;
        let line = self.line().context("a subject did not measure")?;
        serde_json::from_str(&line).with_context(|| format!("a subject says {line:?}"))
    }

    /// Lets it end, whatever it was doing.
    pub fn end(mut self) -> Result<()> {
        drop(self.to.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.from, &mut rest)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("a subject failed: {status}");
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<()> {
        let to = self.to.as_mut().context("it has ended")?;
        to.write_all(b"go\n").context("a subject ended too early")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            bail!("it ended without a word: {}", self.child.wait()?);
        }
        Ok(line)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It ends when its input does; nothing is left running where a measurement failed.
        drop(self.to.take());
        let _status = self.child.wait();
    }
}

/// What the echo client is asked to do.
#[derive(Clone, Copy)]
pub struct Workload {
    /// Word for tables.
    pub name: &'static str,
    /// Bytes of a request.
    pub size: usize,
    /// Calls at a time.
    pub in_flight: usize,
    /// Calls measured.
    pub calls: u64,
    /// Calls before that.
    pub warm_up: u64,
    /// The server is `server-everything`, on node.
    pub node: bool,
}

impl Workload {
    /// The server's command.
    pub fn server(&self, bench: &Bench) -> Vec<String> {
        if !self.node {
            return vec![bench.built.subject("echo-server")];
        }
        let script = "target/subjects/node/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        vec!["node".to_owned(), shell::root().join(script).display().to_string()]
    }

    /// Starts client and server; `command` is the server's, or the watcher's that starts it.
    pub fn start(&self, bench: &Bench, command: Vec<String>) -> Result<Subject> {
        let calls = if bench.quick { self.calls / 4 } else { self.calls };
        let mut words: Vec<String> = Vec::new();
        for (name, value) in [
            ("--size", self.size as u64),
            ("--in-flight", self.in_flight as u64),
            ("--calls", calls.max(1)),
            ("--warm-up", self.warm_up),
        ] {
            words.extend([name.to_owned(), value.to_string()]);
        }
        if self.node {
            words.extend(["--socketpairs", "--tool", "echo", "--argument", "message"].map(str::to_owned));
        }
        if bench.first {
            words.push("--first".to_owned());
        }
        words.push("--".to_owned());
        words.extend(command);
        Subject::start(&bench.built.subject("echo-client"), &words)
    }
}

/// What a pause between two samples is for: whatever the last one left behind has gone.
pub const SETTLE: Duration = Duration::from_millis(100);
