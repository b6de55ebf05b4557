//! One watched server whose tools are deeds, and the events that the sensors made of them.

use crate::place::Place;
use crate::{process, subject, wait};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An event is written within milliseconds; software emulation and a loaded machine get this.
const BOUND: Duration = Duration::from_secs(20);

/// What the server talks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Two pipes, as Python's clients make them.
    Pipes,
    /// Two socket pairs, as Node's clients make them.
    Sockets,
}

/// The server, its client (this process), and its folder.
pub struct Watched {
    /// Its folder: the home, scratch space, events.
    pub place: Place,
    /// Its PID, which `tripline exec` passed on to it.
    pub pid: u32,
    child: Child,
    input: Option<Box<dyn Write>>,
    output: Box<dyn BufRead>,
    next: u64,
}

impl Watched {
    /// Starts `server` by `tripline exec` and shakes hands.
    pub fn start(name: &str, server: &Path, transport: Transport) -> Result<Watched> {
        let place = Place::new(name)?;
        let mut command = Command::new(subject::tripline()?);
        command.arg("exec").arg("--config").arg(place.config());
        command.arg("--events").arg(place.events()).arg("--alerts").arg(place.alerts()).arg("--").arg(server);
        command.env("HOME", place.home()).current_dir(place.home()).stderr(File::create(place.stderr())?);
        let (input, output): (Box<dyn Write>, Box<dyn BufRead>);
        let child;
        if transport == Transport::Pipes {
            let mut started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            input = Box::new(started.stdin.take().context("no input")?);
            output = Box::new(BufReader::new(started.stdout.take().context("no output")?));
            child = started;
        } else {
            let (to, stdin) = UnixStream::pair()?;
            let (from, stdout) = UnixStream::pair()?;
            child = command.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout)).spawn()?;
            drop(command); // holds the server's ends
            input = Box::new(to);
            output = Box::new(BufReader::new(from));
        }
        let pid = child.id();
        let mut watched = Watched { place, pid, child, input: Some(input), output, next: 1 };
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        watched.request("initialize", hello).with_context(|| {
            let said = fs::read_to_string(watched.place.stderr()).unwrap_or_default();
            format!("the server did not start; it said: {}", said.trim())
        })?;
        watched.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        watched.request("tools/list", json!({}))?;
        Ok(watched)
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

    /// A path in the scratch folder, as text.
    pub fn scratch(&self, name: &str) -> String {
        self.place.path("scratch").join(name).to_string_lossy().into_owned()
    }

    /// A fresh file in the scratch folder.
    pub fn file(&self, name: &str) -> Result<String> {
        let path = self.scratch(name);
        fs::write(&path, "content\n")?;
        Ok(path)
    }

    /// Waits for an event that has every one of these fields.
    pub fn expect(&self, wanted: &Value) -> Result<Value> {
        let mut seen = Vec::new();
        let found = wait::until(&format!("an event with {wanted}"), BOUND, || {
            seen = self.events();
            seen.iter().find(|event| holds(event, wanted)).cloned()
        });
        found.with_context(|| {
            let kind = &wanted["kind"];
            let alike: Vec<String> = seen.iter().filter(|event| event["kind"] == *kind).map(Value::to_string).collect();
            let from = alike.len().saturating_sub(12);
            format!("the last events of that kind:\n  {}", alike[from..].join("\n  "))
        })
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.place.events()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Lets the server go, and its folder.
    pub fn end(mut self) -> Result<()> {
        drop(self.input.take());
        self.child.wait()?;
        process::settle(&[], BOUND)?;
        self.place.passed();
        Ok(())
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the server ended");
        }
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))?;
        if answer["id"] != id {
            bail!("an answer to another request: {line}");
        }
        Ok(answer["result"].clone())
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the server's input is closed")?;
        input.write_all((message.to_string() + "\n").as_bytes()).context("the server takes no input")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.input.take().is_some() {
            let _ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// Whether a value has all that another has; lists and text must be equal.
fn holds(value: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(fields) => fields.iter().all(|(name, field)| holds(&value[name], field)),
        other => value == other,
    }
}
