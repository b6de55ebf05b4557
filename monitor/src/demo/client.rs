//! The MCP client: it starts the server through `tripline exec`, as an agent's configuration would, and calls tools.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::ground::Ground;
use super::interrupt;

/// No answer takes longer.
const BOUND: Duration = Duration::from_secs(30);
/// A server that doesn't end when its input ends is told to.
const LEAVE: Duration = Duration::from_secs(3);

/// A server, and the streams to it.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    next: u64,
}

impl Client {
    /// Starts the server under watch, and shakes hands.
    pub fn start(ground: &Ground, server: &[OsString]) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("tripline").arg("exec");
        for (option, name) in [("--config", "config.toml"), ("--alerts", "alerts.ndjson")] {
            command.arg(option).arg(ground.path(name));
        }
        command.arg("--").args(server).current_dir(ground.home().join("project"));
        command.env_clear().envs(environment(ground));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(ground.path("stderr.txt"))?);
        // Ctrl-C is for the demo, which then ends the server.
        let mut child = command.process_group(0).spawn().context("cannot start `tripline exec`")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the server has no output")?;
        let (send, messages) = channel();
        std::thread::spawn(move || {
            // Servers do print lines that are no messages; a client goes on.
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for message in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let mut client = Self { child, input, messages, next: 1 };
        client.shake_hands().with_context(|| last_words(ground))?;
        Ok(client)
    }

    /// Calls a tool; an answer that is an error fails.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Result<()> {
        let result = self.request("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        // This package wraps the results of many tools once more.
        let inner = result.get("toolResult").unwrap_or(&result);
        if inner["isError"] == true {
            bail!("tool {tool} failed: {}", inner["content"][0]["text"].as_str().unwrap_or("it doesn't say why"));
        }
        Ok(())
    }

    /// Ends the server's input and waits until it has ended; `false` if it had to be told.
    pub fn close(mut self) -> Result<bool> {
        self.input.take();
        if interrupt::wait(LEAVE, || Ok(self.child.try_wait()?))?.is_some() {
            return Ok(true);
        }
        // Dropping ends it.
        Ok(false)
    }

    fn shake_hands(&mut self) -> Result<()> {
        let who = json!({"name": "tripline-demo", "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": who});
        self.request("initialize", &hello)?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        self.request("tools/list", &json!({}))?;
        Ok(())
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let answer = interrupt::wait(BOUND, || match self.messages.try_recv() {
            Ok(message) if message["id"] == id && message.get("method").is_none() => Ok(Some(message)),
            Ok(_) | Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("the server ended before it answered {method}"),
        })?;
        let mut answer = answer.with_context(|| format!("no answer to {method} in {} s", BOUND.as_secs()))?;
        match answer.get("error") {
            Some(error) => bail!("{method} failed: {error}"),
            None => Ok(answer["result"].take()),
        }
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the server's input is closed")?;
        input.write_all(format!("{message}\n").as_bytes()).context("the server takes no messages any more")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.input.take();
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// What the server and its neighbours find in their environment.
pub fn environment(ground: &Ground) -> [(&'static str, OsString); 5] {
    let authority: OsString = ground.path("authority.pem").into();
    [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ("HOME", ground.home().into()),
        ("LANG", "C.UTF-8".into()),
        ("NODE_EXTRA_CA_CERTS", authority.clone()),
        ("SSL_CERT_FILE", authority),
    ]
}

/// Why a server didn't come up: the end of its standard error.
fn last_words(ground: &Ground) -> String {
    let text = std::fs::read(ground.path("stderr.txt")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
    format!("the server did not come up; its last words were: {line}")
}
