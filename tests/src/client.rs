//! The MCP client: the official SDK in a driver process that takes orders, a line of JSON each.

use crate::{process, wait};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No order takes longer.
const BOUND: Duration = Duration::from_secs(30);

/// A running driver, connected to a server that it has started.
pub struct Client {
    child: Child,
    orders: Option<ChildStdin>,
    reports: Receiver<Value>,
    done: HashMap<u64, Value>,
    next: u64,
    /// The server's PID: the process that the client started.
    pub server: u32,
}

/// How to start one.
pub struct Launch {
    /// The driver's command line; the server's follows.
    pub driver: Vec<String>,
    /// The server's command line, with `tripline exec` before it when it is watched.
    pub server: Vec<String>,
    /// The whole environment.
    pub environment: HashMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// Where standard error of the driver and the server goes.
    pub stderr: PathBuf,
}

impl Client {
    /// Starts driver and server, and waits until they have shaken hands.
    pub fn start(launch: &Launch) -> Result<Client> {
        let mut child = Command::new(&launch.driver[0])
            .args(&launch.driver[1..])
            .args(&launch.server)
            .env_clear()
            .envs(&launch.environment)
            .current_dir(&launch.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&launch.stderr)?)
            .spawn()
            .with_context(|| format!("cannot start {}", launch.driver[0]))?;
        let orders = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        let (send, reports) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let report = serde_json::from_str(&line).unwrap_or_else(|_| json!({"event": "noise", "error": line}));
                if send.send(report).is_err() {
                    return;
                }
            }
        });
        let mut client = Client { child, orders, reports, done: HashMap::new(), next: 1, server: 0 };
        let ready = client.event("ready").context("the client could not connect to the server")?;
        client.server = ready["pid"].as_u64().and_then(|pid| pid.try_into().ok()).context("no PID of the server")?;
        Ok(client)
    }

    /// Gives an order and does not wait for it; the number is for [`Client::result`].
    pub fn order(&mut self, mut order: Value) -> Result<u64> {
        let id = self.next;
        self.next += 1;
        order["id"] = id.into();
        let orders = self.orders.as_mut().context("the client is closed")?;
        writeln!(orders, "{order}").context("the client takes no orders any more")?;
        Ok(id)
    }

    /// Waits for the report of an order; an answer that is an error in MCP's own way is a report too.
    pub fn result(&mut self, id: u64) -> Result<Value> {
        let deadline = Instant::now() + BOUND * wait::patience();
        loop {
            if let Some(report) = self.done.remove(&id) {
                return Ok(report);
            }
            let report = self.next_report(deadline).with_context(|| format!("no answer to order {id}"))?;
            if report["event"] == "gone" {
                bail!("the server ended before it answered order {id}");
            }
            self.keep(report);
        }
    }

    /// Ends the server's input, waits until it has gone and the driver has ended.
    pub fn close(&mut self) -> Result<ExitStatus> {
        self.orders.take();
        self.event("closed")?;
        process::wait(&mut self.child, BOUND)
    }

    fn event(&mut self, name: &str) -> Result<Value> {
        let deadline = Instant::now() + BOUND * wait::patience();
        loop {
            let report = self.next_report(deadline).with_context(|| format!("the client did not report `{name}`"))?;
            if report["event"] == name {
                return Ok(report);
            }
            if report["event"] == "failed" {
                bail!("{}", report["error"]);
            }
            self.keep(report);
        }
    }

    fn keep(&mut self, report: Value) {
        if let Some(id) = report["id"].as_u64() {
            self.done.insert(id, report);
        }
    }

    fn next_report(&mut self, deadline: Instant) -> Result<Value> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.reports.recv_timeout(left) {
            Ok(report) => Ok(report),
            Err(RecvTimeoutError::Timeout) => bail!("waited {} s in vain", (BOUND * wait::patience()).as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("the client ended: {:?}", self.child.wait()?),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.orders.take();
        // A test that went well has waited for it already; one that failed leaves nothing running.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}
