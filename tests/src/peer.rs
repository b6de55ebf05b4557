//! The client's side of an MCP server, spoken by the test itself: without an SDK, so that every byte and every system
//! call between the two is the test's own.

use crate::wait;
use anyhow::{Context, Result, bail};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Nothing that is waited for takes longer, also on a loaded machine: what does hangs.
pub const BOUND: Duration = Duration::from_secs(20);

/// What the server talks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Two pipes, as Python's clients make them.
    Pipes,
    /// Two socket pairs, as Node's clients make them.
    Sockets,
    /// One terminal in raw mode, for both directions.
    Terminal,
}

/// A running server, and what the test holds of it.
pub struct Peer {
    /// The process that was started.
    pub pid: u32,
    child: Child,
    transport: Transport,
    input: Option<Box<dyn Write>>,
    lines: Receiver<String>,
    next: u64,
}

impl Peer {
    /// Starts a server; what it writes to standard error goes where `command` says.
    pub fn start(mut command: Command, transport: Transport) -> Result<Peer> {
        let (child, input, output): (Child, Box<dyn Write>, Box<dyn Read + Send>) = match transport {
            Transport::Pipes => {
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let input = child.stdin.take().context("no input")?;
                let output = child.stdout.take().context("no output")?;
                (child, Box::new(input), Box::new(output))
            }
            Transport::Sockets => {
                let (input, stdin) = UnixStream::pair()?;
                let (output, stdout) = UnixStream::pair()?;
                let child = command.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout)).spawn()?;
                (child, Box::new(input), Box::new(output))
            }
            Transport::Terminal => {
                let pair = openpty(None, None)?;
                let mut settings = tcgetattr(&pair.slave)?;
                cfmakeraw(&mut settings);
                tcsetattr(&pair.slave, SetArg::TCSANOW, &settings)?;
                let child = command.stdin(pair.slave.try_clone()?).stdout(pair.slave).spawn()?;
                let input = File::from(pair.master);
                let output = input.try_clone()?;
                (child, Box::new(input), Box::new(output))
            }
        };
        drop(command); // holds the server's ends
        let (send, lines) = channel();
        std::thread::spawn(move || {
            // A terminal answers an error where a pipe just ends.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Peer { pid: child.id(), child, transport, input: Some(input), lines, next: 1 })
    }

    /// Shakes hands and asks for the tools.
    pub fn greet(&mut self) -> Result<()> {
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.request("initialize", hello)?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        self.request("tools/list", json!({})).map(drop)
    }

    /// Has the server do a deed; answers the number of the request. Fails if the deed failed.
    pub fn call(&mut self, deed: &str, arguments: Value) -> Result<u64> {
        let id = self.next;
        let result = self.request("tools/call", json!({"name": deed, "arguments": arguments}))?;
        if result["isError"] == true {
            bail!("the deed `{deed}` itself failed: {}", result["content"][0]["text"]);
        }
        Ok(id)
    }

    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let line = self.line().with_context(|| format!("no answer to `{method}`"))?;
            let answer: Value = serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))?;
            match &answer["id"] {
                Value::Null => {} // a notification
                answered if *answered == id => return Ok(answer["result"].clone()),
                _ => bail!("an answer to another request: {line}"),
            }
        }
    }

    /// The server's next line.
    pub fn line(&mut self) -> Result<String> {
        match self.lines.recv_timeout(BOUND * wait::patience()) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("waited {} s in vain", (BOUND * wait::patience()).as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("the server's output ended"),
        }
    }

    /// Sends one message.
    pub fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the server's input is closed")?;
        input.write_all((message.to_string() + "\n").as_bytes()).context("the server takes no input")
    }

    /// Ends the server's input and waits for its end. A terminal's doesn't end by that, so there it is asked to. (Not by
    /// SIGHUP, which is ignored in all that `nohup` started.)
    pub fn close(&mut self) -> Result<ExitStatus> {
        drop(self.input.take());
        if self.transport == Transport::Terminal {
            kill(Pid::from_raw(self.pid as i32), Signal::SIGTERM)?;
        }
        crate::process::wait(&mut self.child, BOUND)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.input.take().is_some() {
            let _ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}
