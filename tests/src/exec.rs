//! A command started twice: as it is, and by `tripline exec`. Nobody may be able to tell which was which.

use crate::peer::BOUND;
use crate::place::Place;
use crate::{process, subject};
use anyhow::{Context, Result};
use std::fs::File;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a command is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As it is.
    Bare,
    /// By `tripline exec`.
    Watched,
}

/// One test's ground: a folder, and the promise that no other test runs meanwhile.
pub struct Ground {
    /// The folder; kept unless [`Place::passed`] is said.
    pub place: Place,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Ground {
    /// Prepares it.
    pub fn new(name: &str) -> Result<Ground> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        process::adopt_orphans()?;
        subject::prepare()?;
        Ok(Ground { place: Place::new(name)?, _alone: alone })
    }

    /// A command, to be started one way or the other.
    pub fn command(&self, way: Way, argv: &[&str]) -> Result<Command> {
        let mut words: Vec<String> = Vec::new();
        if way == Way::Watched {
            words.push(subject::tripline()?.display().to_string());
            words.extend(["exec".into(), "--config".into(), self.place.config().display().to_string()]);
            words.extend(["--alerts".into(), self.place.alerts().display().to_string(), "--".into()]);
        }
        words.extend(argv.iter().map(|word| self.place.fill(word, None)));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.place.path("scratch")).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.place.home());
        command.env("ODD", "a=b\nc").env("EMPTY", "");
        Ok(command)
    }

    /// A server of deeds by `tripline exec`, with alerts and events where the place has them.
    pub fn exec(&self, server: &str) -> Result<Command> {
        let place = &self.place;
        let mut command = Command::new(subject::tripline()?);
        command.arg("exec").arg("--config").arg(place.config());
        command.arg("--alerts").arg(place.alerts()).arg("--events").arg(place.events());
        command.arg("--").arg(server);
        command.env("HOME", place.home()).current_dir(place.path("scratch")).stderr(File::create(place.stderr())?);
        Ok(command)
    }

    /// Runs a command to its end with this input.
    pub fn run(&self, way: Way, argv: &[&str], input: &[u8]) -> Result<Output> {
        let mut command = self.command(way, argv)?;
        process::output(&mut command, input, BOUND).with_context(|| format!("{argv:?}"))
    }

    /// The test went well so far: nothing may be left running, then the folder goes.
    pub fn end(mut self) -> Result<()> {
        process::settle(&[], BOUND)?;
        self.place.passed();
        Ok(())
    }
}
