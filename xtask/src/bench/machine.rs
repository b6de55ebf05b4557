//! What the figures were taken on.

use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::shell;

/// How long the machine is looked at before the run.
const LOOK: Duration = Duration::from_secs(4);

/// What the figures were taken on.
pub struct Machine {
    processor: String,
    cpus: usize,
    memory_gib: u64,
    kernel: String,
    system: String,
    node: String,
    date: String,
    commit: String,
    /// Share of all CPUs that others used just before, 0 to 1.
    pub busy: f64,
}

impl Machine {
    /// Looks, for some seconds.
    pub fn look() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let total = meminfo.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or("0");
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown");
        let changed = shell::output(Command::new("git").args(["status", "--porcelain", "--untracked-files=no"]))
            .is_ok_and(|changes| !changes.trim().is_empty());
        let commit = shell::probe("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
        Ok(Self {
            processor: field("model name").or_else(|| field("CPU part")).unwrap_or_else(|| "unknown".to_owned()),
            cpus: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_gib: total.parse::<u64>().unwrap_or(0) >> 20,
            kernel: shell::probe("uname", &["-rv"]).context("no uname")?,
            system: system.trim_matches('"').to_owned(),
            node: shell::probe("node", &["--version"]).unwrap_or_default(),
            date: shell::probe("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_default(),
            commit: if changed { format!("{commit}, with changes") } else { commit },
            busy: busy()?,
        })
    }

    /// As a list for the report.
    pub fn list(&self) -> String {
        let Self { processor, cpus, memory_gib, kernel, system, node, date, commit, busy } = self;
        let others = busy * 100.0;
        format!(
            "- Taken {date}, of commit {commit}.\n- {processor}, {cpus} CPUs, {memory_gib} GiB; {system}; kernel {kernel}; \
             node {node}.\n- Other processes used {others:.0} % of the machine just before.\n"
        )
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cpus, kernel, busy, .. } = self;
        write!(f, "{processor}, {cpus} CPUs, kernel {kernel}; others use {:.0} % of it", busy * 100.0)
    }
}

/// Share of all CPUs that are in use while this process only sleeps.
fn busy() -> Result<f64> {
    let look = || -> Result<(u64, u64)> {
        let stat = fs::read_to_string("/proc/stat")?;
        let numbers: Vec<u64> =
            stat.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guest time is in user already
        let all: u64 = numbers.iter().take(8).sum();
        let idle: u64 = numbers.iter().skip(3).take(2).sum();
        Ok((all, idle))
    };
    let (all, idle) = look()?;
    std::thread::sleep(LOOK);
    let (all_then, idle_then) = look()?;
    let (all, idle) = ((all_then - all).max(1), idle_then - idle);
    Ok(1.0 - idle as f64 / all as f64)
}
