//! A scenario, as its TOML file says it. In every text `${home}`, `${files}`, `${scratch}`, `${root}`, `${python}`,
//! `${tripline}`, `${drivers}`, `${subjects}`, `${port}`, the tokens of [`crate::home`] and, in steps, `${pid}` (the
//! server's) are filled in.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a sentence.
    pub why: String,
    /// Which server is watched.
    pub server: Server,
    /// Which SDK's client drives it.
    #[serde(default)]
    pub client: ClientKind,
    /// By what the client speaks to it.
    #[serde(default)]
    pub transport: Transport,
    /// The client of a server that listens comes only once this file is there.
    pub after: Option<String>,
    /// Servers that run beside it, unwatched, from before it starts until the end.
    #[serde(default)]
    pub beside: Vec<Beside>,
    /// The whole command line that starts it, where that is not its program itself: a package runner, a wrapper.
    #[serde(default)]
    pub command: Vec<String>,
    /// Further arguments of the server.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Added to the environment of client and server.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// `--profile` of `tripline exec`, where it is not to find out by itself.
    pub profile: Option<String>,
    /// By `tripline record`: the recording must replay to the same alerts, byte for byte, and hold no secret.
    #[serde(default)]
    pub recorded: bool,
    /// Appended to Tripline's configuration.
    #[serde(default)]
    pub configuration: String,
    /// This file is read by the very first instruction of the watched process, which then becomes the server.
    pub first_read: Option<String>,
    /// Files to write before, by path.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Text at the end of files of packages, by path, for this scenario alone.
    #[serde(default)]
    pub appended: BTreeMap<String, String>,
    /// Programs to run before, such as one that makes a repository.
    #[serde(default)]
    pub prepare: Vec<Vec<String>>,
    /// What the trojaned server does, by moment.
    #[serde(default)]
    pub deeds: BTreeMap<String, Vec<Value>>,
    /// What happens, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// Alerts that must come, each `count` times (once) and each for itself.
    #[serde(default, rename = "expect")]
    pub expected: Vec<Expectation>,
    /// Alerts that may come, each at most `count` times (once); any other of medium severity or higher is a failure.
    #[serde(default, rename = "allow")]
    pub allowed: Vec<Expectation>,
    /// Requests that the fake Cloudflare API must have seen, as `METHOD part-of-path`.
    #[serde(default)]
    pub requests: Vec<String>,
    /// Events that must have been written: each has all these fields, texts are patterns.
    #[serde(default, rename = "event")]
    pub events: Vec<Value>,
    /// Calls that the local store must hold, what was declared beside what was observed, in the same way.
    #[serde(default, rename = "stored-call")]
    pub stored_calls: Vec<Value>,
    /// Calls that the local store must not hold.
    #[serde(default, rename = "absent-call")]
    pub absent_calls: Vec<Value>,
    /// Tools whose calls can't be heard any more when they come; the local store must hold every other call that was made.
    #[serde(default)]
    pub unheard: Vec<String>,
    /// Files of alerts of other watchers, which have to be there and hold nothing.
    #[serde(default)]
    pub silent: Vec<String>,
}

/// A server under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// npm `@cloudflare/mcp-server-cloudflare`.
    Cloudflare,
    /// npm `@modelcontextprotocol/server-everything`.
    Everything,
    /// npm `@modelcontextprotocol/server-filesystem`.
    Filesystem,
    /// npm `@modelcontextprotocol/server-memory`.
    Memory,
    /// PyPI `mcp-server-fetch`.
    Fetch,
    /// PyPI `mcp-server-git`.
    Git,
    /// npm `mcp-remote`, a bridge from stdio to HTTP.
    McpRemote,
    /// npm `supergateway`, a bridge from HTTP to stdio.
    Supergateway,
    /// `drivers/servers/trojan.mjs`, on the TypeScript SDK.
    TrojanNode,
    /// `drivers/servers/trojan.py`, on the Python SDK.
    TrojanPython,
}

/// By what a client speaks to a server. One that listens does so at the port that `${port}` and the variable `PORT` name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// The server's standard input and output.
    #[default]
    Stdio,
    /// "Streamable HTTP", at `/mcp`.
    StreamableHttp,
    /// "HTTP with SSE" of revision 2024-11-05, at `/sse`.
    HttpSse,
}

/// A server that nobody watches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Its command line.
    pub command: Vec<String>,
    /// Added to the plain environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Where it listens.
    pub port: u16,
}

/// An official SDK.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// The TypeScript SDK.
    #[default]
    Node,
    /// The Python SDK.
    Python,
}

/// One thing that happens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Step {
    /// `tools/list`.
    List,
    /// One call, waited for.
    Call(Call),
    /// Several calls, open at once.
    Calls(Vec<Call>),
    /// A call that the client cancels once the server has it, and that is never answered.
    Cancel(Call),
    /// `resources/read`, during which no tool call is open.
    ReadResource(String),
    /// A program that is no descendant of the server, waited for.
    Run(Vec<String>),
    /// Deeds done by a process that is no descendant of the server.
    Neighbour(Vec<Value>),
    /// Deeds of such a process, while the next step goes on.
    NeighbourMeanwhile(Vec<Value>),
    /// Wait until the tail of the last call (500 ms in which it explains a little) is over.
    PassTail,
    /// Wait for an alert before going on.
    Await(Box<Expectation>),
}

/// One `tools/call`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Value,
    /// The non-standard place where the Cloudflare server looks for most tools' arguments.
    pub input: Option<Value>,
    /// The tool may answer with an error.
    #[serde(default)]
    pub may_fail: bool,
}

/// What an alert must be like. What is not said is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// How many alerts, by `id`. Revisions of one are one.
    #[serde(default = "once")]
    pub count: usize,
    /// One of these categories.
    #[serde(default)]
    pub category: Vec<String>,
    /// At least this severe.
    pub severity: Option<String>,
    /// The rule's id, as a pattern.
    pub rule: Option<String>,
    /// The actor's executable, as a pattern.
    pub actor: Option<String>,
    /// A call to this tool is named.
    pub tool: Option<String>,
    /// No call is named at all.
    #[serde(default)]
    pub no_call: bool,
    /// The PID of the server concerned.
    pub server: Option<u32>,
    /// The server's profile.
    pub profile: Option<String>,
    /// The transport of the server's that it names.
    pub transport: Option<String>,
    /// `coverage.complete`.
    pub complete: Option<bool>,
    /// One piece of evidence has all these fields; texts are patterns.
    #[serde(default)]
    pub evidence: BTreeMap<String, Value>,
}

fn once() -> usize {
    1
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.category.join("|"))?;
        if self.count != 1 {
            write!(out, " count={}", self.count)?;
        }
        let texts = [("severity", &self.severity), ("rule", &self.rule), ("actor", &self.actor), ("tool", &self.tool)];
        for (name, text) in texts.into_iter().chain([("profile", &self.profile), ("transport", &self.transport)]) {
            if let Some(text) = text {
                write!(out, " {name}={text}")?;
            }
        }
        if let Some(pid) = self.server {
            write!(out, " server={pid}")?;
        }
        if self.no_call {
            write!(out, " no_call")?;
        }
        for (name, value) in &self.evidence {
            write!(out, " {name}={value}")?;
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads one.
    pub fn read(path: &Path) -> Result<Scenario> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a scenario", path.display()))
    }
}
