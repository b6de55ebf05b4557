//! `tripline attach`: watches a server that already runs.

use std::fs;

use clap::Args;

use super::options::fingerprint_key;
use super::watch::{OnHangup, stop_flag, written};
use super::{Failure, WatchOptions, note, report};
use crate::claims::Claims;
use crate::discover::Start;
use crate::session::{Session, require_root};

/// Watch a server that already runs, and what it starts from now on.
#[derive(Debug, Args)]
#[command(
    after_help = "What the server did before is not known: alerts that rest on the absence of a call are low and \
weak until its transport has been seen. Ends when the server and all it started have ended, or on Ctrl-C."
)]
pub struct Attach {
    #[command(flatten)]
    pub(super) options: WatchOptions,
    /// The server's process
    #[arg(long)]
    pub(super) pid: u32,
}

impl Attach {
    /// Watches until the server ends.
    pub fn run(self) -> u8 {
        crate::telemetry::to_stderr();
        report(self.watch())
    }

    fn watch(&self) -> Result<(), Failure> {
        for limit in crate::limits::take_own().map_err(Failure::failed)? {
            tracing::warn!("{limit}");
        }
        let stop = stop_flag(OnHangup::End)?;
        let prepared = self.options.prepare()?;
        fs::metadata(format!("/proc/{}", self.pid))
            .map_err(|_| Failure::failed(format!("there is no process {} to attach to", self.pid)))?;
        // procfs names no executable for a kernel thread, and an ended process has none any more.
        if matches!(fs::read_link(format!("/proc/{}/exe", self.pid)), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
        {
            let why = "is a kernel thread or has ended: it runs no program to attach to";
            return Err(Failure::failed(format!("process {} {why}", self.pid)));
        }
        require_root()?;
        let claims = Claims::open(&prepared.runtime);
        claims.free(self.pid).map_err(Failure::failed)?;
        let key = fingerprint_key(&prepared.store)?;
        let mut output = self.options.open(&prepared)?;
        if self.options.alerts.is_none() {
            // Whoever attaches by hand wants to see.
            if let Ok(lines) = crate::pipeline::output::Lines::open("-".as_ref()) {
                output.alerts.push(lines);
            }
        }
        let profiles = prepared.engine.profiles.clone();
        let mut session = Session::arm(prepared.engine, key.clone(), output)?;
        session.share(claims);
        let start = Start::running(self.pid, false);
        let start = start.describe(&profiles, prepared.profile.as_ref(), &key);
        let what = format!("watching {} (pid {}) by profile {}", start.name, self.pid, start.profile);
        session.watch(start, false)?;
        note(&format!("{what}; what it did before isn't known"));
        session.run(&stop);
        written(&session)
    }
}
