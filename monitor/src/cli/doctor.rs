//! `tripline doctor`: what this kernel offers, which hook serves each sensor, what is blind and why.

mod host;
mod sensors;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::options::read_config;
use super::out::{Out, Style, plain};
use super::{FAILED, FINE, Failure};
use sensors::{Blind, Sensor};

/// Find out what Tripline can see here.
#[derive(Debug, Args)]
#[command(
    after_help = "Loads every sensor and lets go of it again: what it says was tried, not guessed. Exit status: 0 if \
every required hook can be armed, 1 if not.\n\nExamples:\n  sudo tripline doctor\n  sudo tripline doctor --json | jq .blind"
)]
pub struct Doctor {
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// Configuration file that names the state folder [default: /etc/tripline/config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Everything that was found out.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    /// Every required hook can be armed.
    ok: bool,
    /// Why not.
    problem: Option<String>,
    host: Vec<Check>,
    sensors: Vec<Sensor>,
    blind: Vec<Blind>,
}

/// One thing that the host has or lacks.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Ok,
    /// Tripline works, with less.
    Limited,
    /// It isn't there.
    Missing,
}

impl Doctor {
    /// Reports.
    pub fn run(self) -> u8 {
        match self.report() {
            Ok(report) if report.ok => FINE,
            Ok(report) => Failure::failed(report.problem.unwrap_or_default()).report().max(FAILED),
            Err(failure) => failure.report(),
        }
    }

    fn report(&self) -> Result<Report, Failure> {
        let config = read_config(self.config.as_deref())?;
        // First what the host has: loading the sensors may mount tracefs for this process.
        let mut host = host::checks();
        host.push(host::state_folder(config.state.dir.as_ref()));
        host.push(host::client_files(&config.servers));
        let (sensors, problem) = sensors::load();
        let blind = sensors::blind(&sensors);
        let version = env!("CARGO_PKG_VERSION");
        let report = Report { version, ok: problem.is_none(), problem, host, sensors, blind };
        let mut out = Out::new();
        if self.json {
            let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::failed(error.to_string()))?;
            out.line(text)?;
        } else {
            lay_out(&mut out, &report)?;
        }
        out.flush()?;
        Ok(report)
    }
}

fn lay_out(out: &mut Out, report: &Report) -> Result<(), Failure> {
    heading(out, "Host")?;
    let row = |check: &Check| vec![state(out, check.state), check.name.to_owned(), plain(&check.detail)];
    let rows: Vec<Vec<String>> = report.host.iter().map(row).collect();
    out.table("  ", &rows)?;

    out.line("")?;
    heading(out, "Sensors")?;
    for sensor in &report.sensors {
        let armed = sensor.hooks.iter().filter(|hook| hook.armed).count();
        let count = format!("{armed} of {} hooks armed", sensor.hooks.len());
        let word = state(out, sensor.state);
        out.table("  ", &[vec![word, sensor.name.to_owned(), count]])?;
        let hooks: Vec<Vec<String>> = sensor
            .hooks
            .iter()
            .map(|hook| {
                let required = if hook.required { "required" } else { "" };
                let status = match &hook.reason {
                    None => out.paint(Style::Dim, "armed"),
                    Some(reason) => format!("{}: {}", out.paint(Style::Yellow, "refused"), plain(reason)),
                };
                vec![hook.program.to_owned(), hook.hook.clone(), required.to_owned(), status]
            })
            .collect();
        out.table("      ", &hooks)?;
        if let Some(why) = sensor.hooks.iter().find_map(|hook| hook.passed_over.as_deref()) {
            out.line(format!("      better hooks are refused here: {}", plain(why)))?;
        }
    }

    out.line("")?;
    heading(out, "Blind")?;
    for blind in &report.blind {
        out.line(format_args!("  {}", plain(&blind.what)))?;
        out.line(format_args!("    because {}", plain(&blind.why)))?;
    }
    if report.ok {
        let fine = out.paint(Style::Green, "Every required sensor can be armed.");
        out.line(format_args!("\n{fine}"))?;
    }
    Ok(())
}

fn heading(out: &mut Out, title: &str) -> Result<(), Failure> {
    let title = out.paint(Style::Bold, title);
    out.line(title)
}

fn state(out: &Out, state: State) -> String {
    match state {
        State::Ok => out.paint(Style::Green, "ok"),
        State::Limited => out.paint(Style::Yellow, "limited"),
        State::Missing => out.paint(Style::Red, "missing"),
    }
}
