//! Is everything that a server read and wrote accounted for, at full speed?

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::Bench;
use super::figures::thousands;
use super::monitor::{Monitor, wait_for_end, watcher_of};
use super::report::{Goal, Section, Table};
use super::subject::Workload;
use crate::shell;

const fn workload(name: &'static str, size: usize, in_flight: usize, calls: u64) -> Workload {
    Workload { name, size, in_flight, calls, warm_up: 0, node: false }
}

/// Without a pause, as fast as client and server go.
const WORKLOADS: [Workload; 4] = [
    workload("100 B, one at a time", 100, 1, 20_000),
    workload("100 B, 16 in flight", 100, 16, 20_000),
    workload("64 KiB, one at a time", 65_536, 1, 3_000),
    workload("100 B, one at a time, for longer", 100, 1, 1_000_000),
];

/// Messages besides the calls: to the server `initialize`, `initialized`, `tools/list` and a first call; back all but one.
const TO_SERVER: u64 = 4;
const FROM_SERVER: u64 = 3;

/// What one watcher saw.
#[derive(Default)]
struct Seen {
    expected: u64,
    found: u64,
    /// It says itself that something is missing.
    said: bool,
    note: String,
}

/// Measures.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new(
        "Completeness at full speed",
        "Messages (for the peers: reads and writes) that went through the server, and those that the watcher delivered. \
         Tripline's are counted in its own account of events (`--events`), where each has to be parsed and whole.",
    );
    let head = ["watcher", "workload", "of", "delivered", "does it say so?", ""].map(str::to_owned).to_vec();
    let mut table = Table::new("", head);
    for monitor in bench.monitors.iter().filter(|monitor| !matches!(monitor, Monitor::Floor | Monitor::Audit)) {
        for workload in &WORKLOADS {
            // A tracer that stops its server at each call is complete by construction; once is enough to show it.
            if *monitor != Monitor::Exec && workload.calls > 100_000 {
                continue;
            }
            let seen =
                if *monitor == Monitor::Exec { ours(bench, workload)? } else { theirs(bench, *monitor, workload)? };
            let Seen { expected, found, said, note } = seen;
            println!("    {} {}: {found} of {expected} {note}", monitor.name(), workload.name);
            let whole = found >= expected;
            let says = if whole {
                "–"
            } else if said {
                "yes"
            } else {
                "**no**"
            };
            let row = [monitor.name(), workload.name, &thousands(expected), &thousands(found), says, &note];
            table.rows.push(row.map(str::to_owned).to_vec());
            if *monitor == Monitor::Exec {
                let measured = format!("{} of {}", thousands(found), thousands(expected));
                section.goals.push(Goal::new(
                    &format!("Accounted for: {}", workload.name),
                    "every read and write, parsed",
                    &measured,
                    whole && note.is_empty(),
                ));
            }
        }
    }
    section.tables.push(table);
    Ok(section)
}

/// Counts in Tripline's events.
fn ours(bench: &Bench, workload: &Workload) -> Result<Seen> {
    let folder = bench.built.fresh("complete")?;
    let events = folder.join("events.ndjson");
    let mut command = Monitor::Exec.command(bench, &folder, &workload.server(bench))?;
    command.splice(2..2, ["--events".to_owned(), events.display().to_string()]);
    let mut subject = workload.start(bench, command)?;
    let watcher = watcher_of(subject.server).context("no watcher behind `tripline exec`")?;
    let said = subject.measure()?;
    subject.end()?;
    wait_for_end(watcher)?;
    let calls = said["sent"].as_u64().unwrap_or(0);
    count_events(&events, calls)
}

fn count_events(path: &Path, calls: u64) -> Result<Seen> {
    let mut seen = Seen { expected: 2 * calls + TO_SERVER + FROM_SERVER, ..Seen::default() };
    let (mut incomplete, mut losses) = (0, 0);
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in BufReader::new(file).lines() {
        let event: Value = serde_json::from_str(&line?).context("an event is no JSON")?;
        match event["kind"].as_str() {
            Some("mcp") if event["message"]["complete"] == true => seen.found += 1,
            Some("mcp") => incomplete += 1,
            Some("loss") => losses += 1,
            _ => {}
        }
    }
    seen.said = losses > 0;
    let mut notes = Vec::new();
    if incomplete > 0 {
        notes.push(format!("{incomplete} incomplete"));
    }
    if losses > 0 {
        notes.push(format!("{losses} losses told"));
    }
    seen.note = notes.join(", ");
    Ok(seen)
}

/// Counts in a peer's output: reads and writes of the server.
fn theirs(bench: &Bench, monitor: Monitor, workload: &Workload) -> Result<Seen> {
    let folder = bench.built.fresh("complete")?;
    let mut subject = workload.start(bench, monitor.command(bench, &folder, &workload.server(bench))?)?;
    let attached = monitor.attach(&folder, subject.server)?;
    let said = subject.measure()?;
    subject.end()?;
    attached.stop()?;
    let calls = said["sent"].as_u64().unwrap_or(0);
    // With several in flight or large messages one read serves several calls, or several one: writes are one a call.
    let (mut reads, mut writes) = (0, 0);
    let out = if monitor == Monitor::Strace { "strace.txt" } else { "bpftrace.txt" };
    for line in BufReader::new(shell_readable(&folder.join(out))?).split(b'\n') {
        let line = line?;
        let is = |word: &[u8]| line.windows(word.len()).take(16).any(|part| part == word);
        reads += u64::from(is(b"read(") || line.starts_with(b"read "));
        writes += u64::from(is(b"write(") || line.starts_with(b"write "));
    }
    let errors = fs::read_to_string(folder.join("bpftrace.err")).unwrap_or_default();
    let sequential_small = workload.in_flight == 1 && workload.size < 4096;
    let (expected, found) = if sequential_small { (2 * calls, reads + writes) } else { (calls, writes) };
    let text = fs::read(folder.join(out)).unwrap_or_default();
    let lost = |text: &[u8]| text.windows(5).any(|part| part == b"Lost ");
    Ok(Seen {
        expected,
        found: found.min(expected),
        said: lost(errors.as_bytes()) || lost(&text),
        note: if sequential_small { String::new() } else { "writes only".to_owned() },
    })
}

/// A file that root may have written; ours to read.
fn shell_readable(path: &Path) -> Result<fs::File> {
    if !shell::is_root() {
        shell::must(shell::as_root("chmod")?.arg("a+r").arg(path))?;
    }
    fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))
}
