//! `cargo xtask bench`: what Tripline costs, beside nothing at all, the floor and its peers, on this machine's kernel.
//!
//! Every figure is a ratio to bare in the same run: bare, watched, bare, watched …; each pair gives one ratio, the
//! tables hold medians. The subjects are in `tests/bench`; `docs/benchmarks.md` says how it is done and holds the
//! results of the last whole run.

mod agent;
mod build;
mod complete;
mod engine;
mod figures;
mod machine;
mod monitor;
mod report;
mod subject;
mod unwatched;
mod watched;

use anyhow::{Context, Result, bail};
use build::Built;
use clap::{Args, ValueEnum};
use machine::Machine;
use monitor::Monitor;
use report::{Report, Section};
use std::path::PathBuf;

use crate::{packages, setup};

/// What to measure, and how long.
#[derive(Args)]
pub struct Options {
    /// Two pairs and short samples: shows that everything works. Its figures mean little and are only printed.
    #[arg(long)]
    quick: bool,
    /// Pairs of samples for each figure.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Leave the peers out (bpftrace, strace); the report says so.
    #[arg(long)]
    no_peers: bool,
    /// Measure audit too, last: it taxes every later process on this machine by some nanoseconds a call until a reboot.
    #[arg(long)]
    with_audit: bool,
    /// Run what is measured before every other process, on a machine that does other things too; the report says so.
    #[arg(long)]
    first: bool,
    /// Measure although the machine is busy; the report says so.
    #[arg(long)]
    busy: bool,
    /// Only these parts (may be given more than once); the results are printed then, not written to docs.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Write the results into this copy of docs/benchmarks.md instead.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One part of the run, in order: audit's caveat puts everything that measures the unwatched first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// A process that is not watched, operation by operation.
    Unwatched,
    /// A watched server: time per call.
    Watched,
    /// Everything read and written is accounted for.
    Complete,
    /// From system call to alert, from start to armed, memory, idle.
    Agent,
    /// The engine alone, and over a recording.
    Engine,
}

/// What every part needs.
pub struct Bench {
    built: Built,
    /// Pairs of samples.
    pairs: usize,
    /// Short samples.
    quick: bool,
    /// Before every other process.
    first: bool,
    /// What is compared, bare left out.
    monitors: Vec<Monitor>,
}

/// Above this share of the machine in other hands figures are noise.
const BUSY: f64 = 0.15;

/// Measures; `Ok(false)` when a goal was missed.
pub fn run(options: &Options) -> Result<bool> {
    setup::build_needs()?;
    setup::test_needs()?;
    let monitors = monitors(options)?;
    let built = build::everything()?;
    let machine = Machine::look()?;
    println!("==> {machine}");
    if machine.busy > BUSY && !options.quick && !options.busy {
        bail!(
            "other processes use {:.0} % of this machine: figures would be noise. Wait, or measure all the same with --busy \
             (and --first, which helps)",
            machine.busy * 100.0
        );
    }
    let parts: Vec<Part> = Part::value_variants()
        .iter()
        .copied()
        .filter(|part| options.only.is_empty() || options.only.contains(part))
        .collect();
    let bench = Bench {
        built,
        pairs: if options.quick { 2 } else { options.pairs.max(1) },
        quick: options.quick,
        first: options.first,
        monitors,
    };
    let mut report = Report::new(&machine, &conditions(options, &machine));
    for part in &parts {
        println!("\n==> {}", part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default());
        let section: Section = match part {
            Part::Unwatched => unwatched::measure(&bench),
            Part::Watched => watched::measure(&bench),
            Part::Complete => complete::measure(&bench),
            Part::Agent => agent::measure(&bench),
            Part::Engine => engine::measure(&bench),
        }
        .with_context(|| format!("{part:?}"))?;
        println!("{}", section.markdown());
        report.sections.push(section);
    }
    println!("{}", report.goals());
    let whole = parts.len() == Part::value_variants().len() && !options.quick;
    match &options.out {
        Some(path) => report.write(path)?,
        None if whole => report.write(&crate::shell::root().join("docs/benchmarks.md"))?,
        None => println!("    not a whole run: docs/benchmarks.md stays as it is"),
    }
    Ok(report.met())
}

/// What is compared; installs the peers.
fn monitors(options: &Options) -> Result<Vec<Monitor>> {
    let mut monitors = vec![Monitor::Floor, Monitor::Exec];
    if !options.no_peers {
        packages::require(&[
            packages::Need { program: "strace", package: "strace", why: "is compared with Tripline" },
            packages::Need { program: "bpftrace", package: "bpftrace", why: "is compared with Tripline" },
        ])?;
        monitors.extend([Monitor::Bpftrace, Monitor::Strace]);
    }
    if options.with_audit {
        packages::require(&[packages::Need {
            program: "auditctl",
            package: "auditd",
            why: "is compared with Tripline",
        }])?;
        monitors.push(Monitor::Audit);
    }
    Ok(monitors)
}

/// What a reader must know of how this run was made.
fn conditions(options: &Options, machine: &Machine) -> Vec<String> {
    let mut conditions = Vec::new();
    if options.quick {
        conditions.push("A quick run: two pairs, short samples. These are no results.".to_owned());
    } else {
        conditions.push(format!("{} pairs for each figure.", options.pairs));
    }
    if machine.busy > BUSY {
        conditions
            .push(format!("The machine was busy: others used {:.0} % of it before the run.", machine.busy * 100.0));
    }
    if options.first {
        conditions.push("What was measured ran before every ordinary process (`--first`).".to_owned());
    }
    if options.no_peers {
        conditions.push("bpftrace and strace were left out (`--no-peers`).".to_owned());
    }
    if !options.with_audit {
        conditions.push("audit was left out (`--with-audit` measures it).".to_owned());
    }
    conditions
}
