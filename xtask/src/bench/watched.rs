//! A watched server: what a call takes, without and with a watcher.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::thread::sleep;

use super::Bench;
use super::figures::{Pairs, Short, median, thousands};
use super::monitor::{Monitor, Watcher, busy_ns, wait_for_end, watcher_of};
use super::report::{Goal, Section, Table};
use super::subject::{SETTLE, Workload};

const fn workload(name: &'static str, size: usize, in_flight: usize, calls: u64, node: bool) -> Workload {
    Workload { name, size, in_flight, calls, warm_up: if node { 3_000 } else { 1_000 }, node }
}

/// What is called, and the goal for the ratio.
const WORKLOADS: [(Workload, f64); 6] = [
    (workload("100 B", 100, 1, 20_000, false), 1.30),
    (workload("64 KiB", 65_536, 1, 3_000, false), 1.15),
    (workload("node", 100, 1, 8_000, true), 1.05),
    (workload("100 B, 16 in flight", 100, 16, 40_000, false), 1.30),
    (workload("64 KiB, 16 in flight", 65_536, 16, 3_000, false), 1.15),
    (workload("node, 16 in flight", 100, 16, 8_000, true), 1.05),
];

/// Goal for the 99th percentile: nanoseconds more than bare.
const P99: f64 = 50_000.0;

/// What one sample tells.
#[derive(Default)]
struct Sample {
    per_call: f64,
    p50: f64,
    p99: f64,
    /// Nanoseconds of the watcher's own for each call.
    watcher: f64,
    calls: u64,
    /// Calls that the watcher recorded.
    recorded: Option<u64>,
}

/// The pairs of one watcher and one workload.
#[derive(Default)]
struct Cell {
    per_call: Pairs,
    p50: Pairs,
    p99: Pairs,
    watcher: Vec<f64>,
    calls: u64,
    recorded: u64,
}

/// Measures.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut cells: Vec<Vec<Cell>> =
        bench.monitors.iter().map(|_| WORKLOADS.iter().map(|_| Cell::default()).collect()).collect();
    // Monitor by monitor, because audit must come last.
    for (monitor, row) in bench.monitors.iter().zip(&mut cells) {
        for ((workload, _), cell) in WORKLOADS.iter().zip(row.iter_mut()) {
            for _ in 0..bench.pairs {
                let bare = sample(bench, None, workload)?;
                let watched = sample(bench, Some(*monitor), workload)?;
                cell.per_call.push(bare.per_call, watched.per_call);
                cell.p50.push(bare.p50, watched.p50);
                cell.p99.push(bare.p99, watched.p99);
                cell.watcher.push(watched.watcher);
                cell.calls += watched.calls;
                cell.recorded += watched.recorded.unwrap_or(0);
            }
            println!("    {:<32} {:<22} {}", monitor.name(), workload.name, cell.per_call.cell(1000.0, "µs"));
        }
    }
    Ok(section(bench, &cells))
}

/// One run of client, server and watcher.
fn sample(bench: &Bench, monitor: Option<Monitor>, workload: &Workload) -> Result<Sample> {
    let folder = bench.built.fresh("watched")?;
    let server = workload.server(bench);
    let (before, command) = match monitor {
        None => (Watcher::default(), server),
        Some(monitor) => (monitor.before(bench, &folder)?, monitor.command(bench, &folder, &server)?),
    };
    let mut subject = workload.start(bench, command)?;
    let attached = monitor.map(|monitor| monitor.attach(&folder, subject.server)).transpose()?.unwrap_or_default();
    let watcher = if monitor == Some(Monitor::Exec) {
        Some(watcher_of(subject.server).context("no watcher behind `tripline exec`")?)
    } else {
        None
    };
    sleep(SETTLE);
    let busy = watcher.map_or(0, busy_ns);
    let said = subject.measure()?;
    let busy = watcher.map_or(0, busy_ns).saturating_sub(busy);
    subject.end()?;
    attached.stop()?;
    before.stop()?;
    let mut recorded = None;
    if let Some(watcher) = watcher {
        wait_for_end(watcher)?;
        let calls = fs::read_to_string(folder.join("state/calls.ndjson")).unwrap_or_default();
        recorded = Some(calls.lines().count() as u64);
    }
    Ok(read(&said, busy, recorded))
}

fn read(said: &Value, busy: u64, recorded: Option<u64>) -> Sample {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let calls = said["calls"].as_u64().unwrap_or(1);
    Sample {
        per_call: number(&said["per_call_ns"]),
        p50: number(&said["latency"]["p50_ns"]),
        p99: number(&said["latency"]["p99_ns"]),
        watcher: busy as f64 / calls as f64,
        // One more call was made to see whether the server answers as it should.
        calls: said["sent"].as_u64().unwrap_or(0) + 1,
        recorded,
    }
}

fn section(bench: &Bench, cells: &[Vec<Cell>]) -> Section {
    let mut section = Section::new(
        "A watched server",
        "Client and server on one CPU, the watcher wherever it likes. Ratio of the time per call (median, lowest to highest \
         pair), and what is added to each call. `node` is `server-everything`; the others are the echo server, which costs \
         well under 1 µs of its own.",
    );
    for (caption, in_flight) in [("One call at a time", 1), ("16 calls in flight", 16)] {
        section.tables.push(ratios(bench, cells, caption, in_flight));
    }
    section.tables.push(latencies(bench, cells));
    let Some(at) = bench.monitors.iter().position(|monitor| *monitor == Monitor::Exec) else { return section };
    section.tables.push(own(&cells[at]));
    goals(&mut section, &cells[at]);
    if let Some(strace) = bench.monitors.iter().position(|monitor| *monitor == Monitor::Strace) {
        let ahead =
            cells[at].iter().zip(&cells[strace]).all(|(ours, theirs)| ours.per_call.ratio() < theirs.per_call.ratio());
        section.goals.push(Goal::new(
            "Ahead of strace",
            "on every workload",
            if ahead { "it is" } else { "it is not" },
            ahead,
        ));
    }
    section
}

fn of(in_flight: usize) -> impl Iterator<Item = usize> {
    (0..WORKLOADS.len()).filter(move |at| WORKLOADS[*at].0.in_flight == in_flight)
}

fn ratios(bench: &Bench, cells: &[Vec<Cell>], caption: &str, in_flight: usize) -> Table {
    let mut head = vec!["watcher".to_owned()];
    head.extend(of(in_flight).map(|at| WORKLOADS[at].0.name.split(',').next().unwrap_or_default().to_owned()));
    let mut table = Table::new(caption, head);
    let mut bare = vec!["nothing, µs per call".to_owned()];
    for at in of(in_flight) {
        let all: Vec<f64> = cells.iter().flat_map(|row| row[at].per_call.bares()).collect();
        bare.push(Short(median(&all) / 1000.0).to_string());
    }
    table.rows.push(bare);
    for (monitor, row) in bench.monitors.iter().zip(cells) {
        let mut line = vec![monitor.name().to_owned()];
        line.extend(of(in_flight).map(|at| row[at].per_call.cell(1000.0, "µs")));
        table.rows.push(line);
    }
    table
}

fn latencies(bench: &Bench, cells: &[Vec<Cell>]) -> Table {
    let mut head = vec!["watcher".to_owned()];
    head.extend(of(1).map(|at| WORKLOADS[at].0.name.to_owned()));
    let mut table = Table::new("One call at a time: added to the 50th and to the 99th percentile, µs", head);
    for (monitor, row) in bench.monitors.iter().zip(cells) {
        let mut line = vec![monitor.name().to_owned()];
        let added = |pairs: &Pairs| format!("{:+}", Short(pairs.added() / 1000.0));
        line.extend(of(1).map(|at| format!("{} / {}", added(&row[at].p50), added(&row[at].p99))));
        table.rows.push(line);
    }
    table
}

fn own(row: &[Cell]) -> Table {
    let head = ["workload", "watcher's own CPU time, µs per call", "calls made", "calls recorded"].map(str::to_owned);
    let mut table = Table::new("What `tripline exec` did meanwhile, on the other CPU", head.to_vec());
    for ((workload, _), cell) in WORKLOADS.iter().zip(row) {
        let busy = Short(median(&cell.watcher) / 1000.0).to_string();
        table.rows.push(vec![workload.name.to_owned(), busy, thousands(cell.calls), thousands(cell.recorded)]);
    }
    table
}

fn goals(section: &mut Section, row: &[Cell]) {
    for ((workload, limit), cell) in WORKLOADS.iter().zip(row) {
        let ratio = cell.per_call.ratio();
        let (goal, measured) = (format!("at most ×{limit:.2}"), format!("×{ratio:.2}"));
        section.goals.push(Goal::new(&format!("Watched, {}", workload.name), &goal, &measured, ratio <= *limit));
    }
    let worst = of(1).map(|at| row[at].p99.added()).fold(f64::NEG_INFINITY, f64::max);
    let measured = format!("{:+} µs", Short(worst / 1000.0));
    section.goals.push(Goal::new("99th percentile of a watched call", "at most +50 µs", &measured, worst <= P99));
    let (made, recorded) =
        row.iter().fold((0, 0), |(made, recorded), cell| (made + cell.calls, recorded + cell.recorded));
    let measured = format!("{} of {}", thousands(recorded), thousands(made));
    section.goals.push(Goal::new("Calls recorded while all this ran", "all", &measured, made == recorded));
}
