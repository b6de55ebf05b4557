//! Starting a server as an MCP client does, shaking hands with it, and talking to whoever started us.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde_json::{Value, json};

/// A running server and our ends of its channels.
pub struct Server {
    /// The process that was started.
    pub child: Child,
    /// Where requests go.
    pub to: File,
    /// Where answers come from.
    pub from: File,
}

impl Server {
    /// Starts COMMAND, over pipes or (as node's clients do) over socket pairs.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(command: &[String], socketpairs: bool) -> Result<Self> {
        let (program, arguments) = command.split_first().context("no COMMAND after --")?;
        let mut start = Command::new(program);
        start.args(arguments);
        let spawn = |command: &mut Command| command.spawn().with_context(|| format!("cannot start {program}"));
        if socketpairs {
            let pair = || {
                socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).context("no sockets")
            };
            let ((to, theirs_in), (from, theirs_out)) = (pair()?, pair()?);
            start.stdin(theirs_in).stdout(theirs_out);
            let child = spawn(&mut start)?;
            return Ok(Self { child, to: to.into(), from: from.into() });
        }
        start.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(&mut start)?;
        let to = OwnedFd::from(child.stdin.take().context("no input")?);
        let from = OwnedFd::from(child.stdout.take().context("no output")?);
        Ok(Self { child, to: to.into(), from: from.into() })
    }

    /// `initialize`, `notifications/initialized`, `tools/list`.
    ///
    /// # Errors
    /// If the server doesn't answer as one.
    pub fn shake_hands(&self) -> Result<()> {
        let client = json!({"name": "bench", "version": "1"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        self.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))?;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        self.ask(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}))?;
        Ok(())
    }

    /// Sends one message.
    ///
    /// # Errors
    /// If the server is gone.
    pub fn say(&self, message: &Value) -> Result<()> {
        (&self.to).write_all(format!("{message}\n").as_bytes()).context("the server takes nothing any more")
    }

    /// Sends a request and waits for its answer; anything else that comes in between is passed over.
    ///
    /// # Errors
    /// If the server is gone, or answers with an error.
    pub fn ask(&self, message: &Value) -> Result<Value> {
        self.say(message)?;
        loop {
            // Byte by byte, so that nothing of a later line is lost in a buffer; only hands are shaken so.
            let (mut line, mut byte) = (Vec::new(), [0]);
            while line.last() != Some(&b'\n') {
                if (&self.from).read(&mut byte)? == 0 {
                    bail!("the server ended before it answered {}", message["method"]);
                }
                line.push(byte[0]);
            }
            let answer: Value = serde_json::from_slice(&line).context("the server does not speak JSON")?;
            if answer["id"] == message["id"] && answer["method"].is_null() {
                if answer["result"].is_null() {
                    bail!("the server refused {}: {answer}", message["method"]);
                }
                return Ok(answer);
            }
        }
    }

    /// Ends its input and waits for its end.
    ///
    /// # Errors
    /// If it did not end well.
    pub fn end(self) -> Result<()> {
        let Self { mut child, to, from: _until_it_ended } = self;
        drop(to);
        let status = child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }

    /// Makes reading and writing return at once where there is nothing to do.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn never_wait(&self) -> Result<()> {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        for fd in [&self.to, &self.from] {
            let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
            fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        }
        Ok(())
    }
}

/// Prints a line and waits for the one that says to go on; the end of input says so too.
///
/// # Errors
/// If nobody listens.
pub fn step(line: &str) -> Result<()> {
    println!("{line}");
    std::io::stdout().flush()?;
    let mut said = String::new();
    BufReader::with_capacity(1, std::io::stdin()).read_line(&mut said)?;
    Ok(())
}
