//! A Tripline that is a process of its own, `run` or `attach`: started, waited for until it is armed, stopped by number.

use crate::effects;
use crate::peer::BOUND;
use crate::place::Place;
use crate::{process, subject, wait};
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The running agent.
pub struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    /// `tripline run` over a place's state folder, armed.
    pub fn run(place: &Place) -> Result<Agent> {
        Agent::run_as(place, &["run"])
    }

    /// The same by the verb that does as `run` does, and records.
    pub fn record(place: &Place) -> Result<Agent> {
        Agent::run_as(place, &["record", "-o", &place.recording().to_string_lossy()])
    }

    fn run_as(place: &Place, words: &[&str]) -> Result<Agent> {
        let mut agent = Agent::start(place, words)?;
        let log = agent.log.clone();
        agent.until("`run` to be armed", || fs::read_to_string(&log).is_ok_and(|text| text.contains("armed")))?;
        Ok(agent)
    }

    /// `tripline attach` to a process, armed.
    pub fn attach(place: &Place, pid: u32) -> Result<Agent> {
        Agent::attach_as(place, pid, &["attach"])
    }

    /// The same by the verb that does as `attach` does, and records.
    pub fn record_pid(place: &Place, pid: u32) -> Result<Agent> {
        Agent::attach_as(place, pid, &["record", "-o", &place.recording().to_string_lossy()])
    }

    fn attach_as(place: &Place, pid: u32, words: &[&str]) -> Result<Agent> {
        let mut agent = Agent::start(place, &[words, &["--pid", &pid.to_string()]].concat())?;
        let started = json!({"kind": "server_start", "root": {"pid": pid}});
        let armed = || effects::events(place).iter().any(|event| effects::holds(event, &started));
        agent.until("`attach` to be armed", armed)?;
        Ok(agent)
    }

    /// Any verb that watches, not waited for.
    pub fn start(place: &Place, words: &[&str]) -> Result<Agent> {
        let log = place.path("agent.txt");
        let mut command = Command::new(subject::tripline()?);
        command.args(words).arg("--config").arg(place.config());
        command.arg("--alerts").arg(place.alerts()).arg("--events").arg(place.events());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", place.home()).current_dir(place.path("scratch"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().context("cannot start tripline")?;
        Ok(Agent { child, log })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, which it does in order.
    pub fn stop(&mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM)?;
        let status = self.end()?;
        if !status.success() {
            bail!("it ended with {status}: {}", self.said());
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let status = process::wait(&mut self.child, BOUND)?;
        match status.signal() {
            Some(signal) => bail!("it was ended by signal {signal}: {}", self.said()),
            None => Ok(status),
        }
    }

    fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
        let mut ended = None;
        wait::until_true(what, BOUND, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || holds()
        })?;
        match ended {
            Some(status) => bail!("it ended with {status}: {}", self.said()),
            None => Ok(()),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // A test that went well has stopped it already.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}
