//! A process that nobody watches, while something else is watched.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::thread::sleep;

use super::Bench;
use super::figures::{Pairs, Short, median};
use super::monitor::{Monitor, wait_for_end, watcher_of};
use super::report::{Goal, Section, Table};
use super::subject::{SETTLE, Workload};
use crate::shell;

/// An operation, and whether Tripline hooks the calls that it makes.
const OPERATIONS: [(&str, bool); 8] = [
    ("getppid", false),
    ("stat", false),
    ("open_close", true),
    ("pipe_1B", true),
    ("unix_1B", true),
    ("tcp_connect", true),
    ("fork_exit", true),
    ("exec_true", true),
];

/// Goal for calls that are not hooked: nanoseconds more than bare.
const OTHER: f64 = 12.0;
/// Goal for those that are: times the floor's tax.
const HOOKED: f64 = 1.3;

/// The server that is watched meanwhile: it does nothing.
const IDLE: Workload = Workload { name: "idle", size: 100, in_flight: 1, calls: 1, warm_up: 1, node: false };

type Row = BTreeMap<String, Pairs>;

/// Measures.
pub fn measure(bench: &Bench) -> Result<Section> {
    // strace touches nobody but its server.
    let mut monitors: Vec<Monitor> = vec![Monitor::Floor, Monitor::Exec, Monitor::Run];
    monitors.extend([Monitor::Bpftrace, Monitor::Audit].iter().filter(|peer| bench.monitors.contains(peer)));
    let mut rows: Vec<(Monitor, Row)> = Vec::new();
    for monitor in monitors {
        let mut row = Row::new();
        for _ in 0..bench.pairs {
            let bare = run(bench)?;
            let taxed = beside(bench, monitor)?;
            for (name, bare) in bare {
                let taxed = taxed.get(&name).copied().with_context(|| format!("no {name}"))?;
                row.entry(name).or_default().push(bare, taxed);
            }
        }
        let shown: Vec<String> = row.iter().map(|(name, pairs)| format!("{name} {:+}", Short(pairs.added()))).collect();
        println!("    {:<32} {} ns", monitor.name(), shown.join(", "));
        rows.push((monitor, row));
    }
    Ok(section(&rows))
}

/// The operations while `monitor` watches another process.
fn beside(bench: &Bench, monitor: Monitor) -> Result<BTreeMap<String, f64>> {
    let folder = bench.built.fresh("unwatched")?;
    let before = monitor.before(bench, &folder)?;
    let subject = IDLE.start(bench, monitor.command(bench, &folder, &IDLE.server(bench))?)?;
    let attached = monitor.attach(&folder, subject.server)?;
    let watcher = watcher_of(subject.server);
    sleep(SETTLE);
    let times = run(bench)?;
    subject.end()?;
    attached.stop()?;
    before.stop()?;
    watcher.map_or(Ok(()), wait_for_end)?;
    Ok(times)
}

fn run(bench: &Bench) -> Result<BTreeMap<String, f64>> {
    let mut command = shell::as_root(&bench.built.subject("unwatched"))?;
    command.args(["--rounds", if bench.quick { "1" } else { "5" }]);
    if bench.first {
        command.arg("--first");
    }
    let said: Value = serde_json::from_str(&shell::output(&mut command)?)?;
    let times = said.as_object().context("no times")?;
    Ok(times.iter().map(|(name, time)| (name.clone(), time.as_f64().unwrap_or(0.0))).collect())
}

fn section(rows: &[(Monitor, Row)]) -> Section {
    let mut section = Section::new(
        "A process that is not watched",
        "Nanoseconds added to an operation while a server elsewhere is watched, and the ratio (median, lowest to highest \
         pair). Each sample is the best of 5 rounds. `getppid` and `stat` are not hooked; `open_close` has one hooked call, \
         `pipe_1B` and `unix_1B` two, the others several.",
    );
    let mut head = vec!["watcher".to_owned()];
    head.extend(OPERATIONS.iter().map(|(name, _)| format!("`{name}`")));
    let mut table = Table::new("", head);
    let mut bare = vec!["nothing, ns".to_owned()];
    for (name, _) in OPERATIONS {
        let all: Vec<f64> = rows.iter().filter_map(|(_, row)| row.get(name)).flat_map(Pairs::bares).collect();
        bare.push(Short(median(&all)).to_string());
    }
    table.rows.push(bare);
    for (monitor, row) in rows {
        let mut line = vec![monitor.name().to_owned()];
        line.extend(
            OPERATIONS.iter().map(|(name, _)| row.get(*name).map_or_else(String::new, |pairs| pairs.cell(1.0, "ns"))),
        );
        table.rows.push(line);
    }
    section.tables.push(table);
    let row_of = |wanted: Monitor| rows.iter().find(|(monitor, _)| *monitor == wanted).map(|(_, row)| row);
    if let (Some(floor), Some(ours)) = (row_of(Monitor::Floor), row_of(Monitor::Exec)) {
        section.goals = OPERATIONS
            .iter()
            .filter_map(|(name, hooked)| Some(goal(name, *hooked, floor.get(*name)?, ours.get(*name)?)))
            .collect();
    }
    section
}

/// What can't be told from noise is not held against either: twice the median deviation of the bare samples.
fn goal(name: &str, hooked: bool, floor: &Pairs, ours: &Pairs) -> Goal {
    let bares: Vec<f64> = ours.bares().collect();
    let middle = median(&bares);
    let noise = 2.0 * median(&bares.iter().map(|bare| (bare - middle).abs()).collect::<Vec<_>>());
    let added = ours.added();
    let what = format!("Unwatched, `{name}`");
    let tax = floor.added().max(0.0);
    if !hooked {
        let goal = format!("at most +12 ns (the floor: {:+} ns; ± {} ns of noise)", Short(tax), Short(noise));
        return Goal::new(&what, &goal, &format!("{:+} ns", Short(added)), added <= OTHER + noise);
    }
    let limit = HOOKED * tax + noise;
    let goal = format!("at most 1.3 × the floor's {:+} ns (± {} ns of noise)", Short(tax), Short(noise));
    Goal::new(&what, &goal, &format!("{:+} ns", Short(added)), added <= limit)
}
