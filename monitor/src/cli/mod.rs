//! The command line: one file a verb.

mod alerts;
mod attach;
mod calls;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod exec;
mod identity;
mod inherited;
mod journal;
mod options;
mod out;
mod profile;
mod record;
mod replay;
mod rules;
mod run;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use options::WatchOptions;

/// Exit status: everything was fine.
pub const FINE: u8 = 0;
/// Exit status: it failed.
pub const FAILED: u8 = 1;
/// Exit status: wrong usage or configuration.
pub const USAGE: u8 = 2;
/// Exit status of `exec`: could not arm, nothing was started.
pub const NOT_ARMED: u8 = 125;

/// Watches MCP servers and compares what an agent asked for with what the processes did.
#[derive(Debug, Parser)]
#[command(
    name = "tripline",
    version,
    about,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit status: `exec` returns the server's own; otherwise 0 fine, 1 failed, 2 wrong usage or \
configuration.\nStart with `tripline doctor`, which tells what this kernel offers and what is blind."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Watch this host: discover MCP servers, detect, deliver (the daemon)
    Run(run::Run),
    /// Start one MCP server and watch it; drops into any MCP client's configuration
    Exec(exec::Exec),
    /// Watch a server that already runs, and what it starts from now on
    Attach(attach::Attach),
    /// As exec, attach or run, and keep every event in a file for replay
    Record(record::Record),
    /// Run a recording through the engine: the same input gives the same alerts, byte for byte
    Replay(replay::Replay),
    /// Benign use and attacks against a real server, on loopback, with the timeline printed
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// What was alerted: the local store
    Alerts(alerts::Alerts),
    /// Tool calls: what was declared beside what was observed
    Calls(calls::Calls),
    /// What kinds of server are declared to do
    Profile(profile::Profile),
    /// What is detected, and what to check when it is
    Rules(rules::Rules),
    /// The configuration file
    Config(config::Config),
    /// What this kernel offers, which hook serves each sensor, what is blind and why
    Doctor(doctor::Doctor),
    /// (internal) the watcher behind `exec`
    #[command(hide = true)]
    Watch(watch::Watch),
}

/// Runs the command line; the only place that turns results into an exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(answered(&error)),
    };
    ExitCode::from(match cli.verb {
        Verb::Run(run) => run.run(),
        Verb::Exec(exec) => exec.run(),
        Verb::Attach(attach) => attach.run(),
        Verb::Record(record) => record.run(),
        Verb::Replay(replay) => replay.run(),
        #[cfg(feature = "demo")]
        Verb::Demo(demo) => demo.run(),
        Verb::Alerts(alerts) => alerts.run(),
        Verb::Calls(calls) => calls.run(),
        Verb::Profile(profile) => profile.run(),
        Verb::Rules(rules) => rules.run(),
        Verb::Config(config) => config.run(),
        Verb::Doctor(doctor) => doctor.run(),
        Verb::Watch(watch) => watch.run(),
    })
}

/// Prints wrong usage, or the help or version that was asked for; returns the exit status.
fn answered(error: &clap::Error) -> u8 {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    if error.use_stderr() {
        return USAGE;
    }
    report(printed.map_err(|error| out::failure(&error)))
}

/// An error with the exit status it means.
#[derive(Debug)]
pub struct Failure {
    /// Exit status.
    pub status: u8,
    /// One line: what was wrong, where, and what to do about it.
    pub message: String,
}

impl Failure {
    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { status: FAILED, message: message.into() }
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: USAGE, message: message.into() }
    }

    /// Whoever read standard output has seen enough: nothing is wrong, and nothing is left to do.
    #[must_use]
    pub const fn quiet() -> Self {
        Self { status: FINE, message: String::new() }
    }

    /// Prints itself as every error is printed; returns its status.
    #[must_use]
    pub fn report(self) -> u8 {
        if !self.message.is_empty() {
            note(&self.message);
        }
        self.status
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

/// Runs a verb's body and reports what went wrong.
pub fn report(result: Result<(), Failure>) -> u8 {
    match result {
        Ok(()) => FINE,
        Err(failure) => failure.report(),
    }
}

/// Tells a person something on standard error, on one line, whatever the text holds and whoever reads.
pub fn note(message: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "tripline: {}", out::plain(message));
}
