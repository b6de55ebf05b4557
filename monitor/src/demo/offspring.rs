//! Every process that the demo starts ends with it, also the watcher, which leaves its parent as soon as it is armed.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The watcher ends by itself when the last process that it watches has ended.
const GRACE: Duration = Duration::from_secs(10);
/// After having been told to end.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// The promise that nothing stays.
pub struct Offspring(());

/// Processes that lose their parent become children of this one.
pub fn adopt() -> Result<Offspring> {
    prctl::set_child_subreaper(true).context("cannot adopt processes that lose their parent")?;
    Ok(Offspring(()))
}

impl Offspring {
    /// Waits until every process has ended by itself; `false` when some haven't.
    pub fn settle(&mut self) -> bool {
        wait_for_all(GRACE)
    }

    /// Ends what is left, each by its number.
    pub fn end(&mut self) -> Result<()> {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if signal_all(signal, PATIENCE) {
                return Ok(());
            }
        }
        bail!("these processes could not be ended: {:?}", children())
    }
}

impl Drop for Offspring {
    fn drop(&mut self) {
        let _tried = self.end();
    }
}

/// Sends a signal to every child, and to those that become children meanwhile, once each; true if none is left.
fn signal_all(signal: Signal, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let mut told = BTreeSet::new();
    loop {
        reap();
        let left = children();
        if left.is_empty() {
            return true;
        }
        for pid in left.into_iter().filter(|pid| told.insert(*pid)) {
            // It is ours and not yet waited for, so the number is still its own.
            let _gone = kill(Pid::from_raw(pid), signal);
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

fn wait_for_all(limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        reap();
        if children().is_empty() {
            return true;
        }
        if Instant::now() >= end || super::interrupt::check().is_err() {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}

fn children() -> Vec<i32> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .collect()
}
