//! The engine: events a second on one core, and memory that stays flat.

use anyhow::{Context, Result};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::figures::{Short, median, thousands};
use super::report::{Goal, Section, Table};
use crate::shell;

/// Events in all: what memory has to stay flat over.
const EVENTS: u64 = 10_000_000;
/// Events of the recording.
const RECORDED: u64 = 1_000_000;
/// Goal: events a second on one core.
const RATE: f64 = 500_000.0;
/// Memory may grow by this share between the second and the last tenth, and still be flat: allocators breathe.
const FLAT: f64 = 1.10;

/// Measures.
pub fn measure(bench: &Bench) -> Result<Section> {
    let (events, recorded, runs) =
        if bench.quick { (EVENTS / 10, RECORDED / 10, 1) } else { (EVENTS, RECORDED, bench.pairs.min(3)) };
    let mut section = Section::new(
        "The engine",
        "A made-up busy host of 8 servers in which no process, file, connection or call comes twice, so that every table \
         fills up and has to forget. The time of making events is not counted. The recording holds the same events as JSON; \
         `tripline replay` reads, parses and judges them.",
    );
    let mut rates = Vec::new();
    let mut last = Value::Null;
    for _ in 0..runs {
        let mut command = Command::new(bench.built.subject("engine"));
        last = serde_json::from_str(&shell::output(command.args(["--events", &events.to_string()]))?)?;
        rates.push(last["per_second"].as_f64().context("no rate")?);
    }
    let rate = median(&rates);
    let replayed = replay(bench, recorded, runs)?;
    let mut table = Table::new("", ["what", "figure"].map(str::to_owned).to_vec());
    let mut row = |what: &str, figure: String| {
        println!("    {what}: {figure}");
        table.rows.push(vec![what.to_owned(), figure]);
    };
    row("Engine alone, events a second on one core", thousands(rate as u64));
    row(&format!("`tripline replay` of {} events, events a second", thousands(recorded)), thousands(replayed as u64));
    row(
        "Memory by tenths of the run, MiB",
        memory(&last).iter().map(|mib| Short(*mib).to_string()).collect::<Vec<_>>().join(", "),
    );
    row("Forgotten to make room, by table", forgotten(&last));
    row("Calls, alerts", format!("{}, {}", last["calls"], last["alerts"]));
    section.tables.push(table);
    let measured = thousands(rate as u64);
    section.goals.push(Goal::new("Engine, events a second", "at least 500 000", &measured, rate >= RATE));
    let over = format!("Engine's memory over {} events", thousands(events));
    let growth = growth(&memory(&last));
    section.goals.push(Goal::new(&over, "flat", &format!("×{growth:.2} from the second tenth on"), growth <= FLAT));
    let measured = thousands(replayed as u64);
    section.goals.push(Goal::new(
        "Replay of a recording, events a second",
        "at least 500 000",
        &measured,
        replayed >= RATE,
    ));
    Ok(section)
}

/// Events a second of `tripline replay`.
fn replay(bench: &Bench, events: u64, runs: usize) -> Result<f64> {
    let folder = bench.built.fresh("engine")?;
    let recording = folder.join("recording.ndjson");
    let mut command = Command::new(bench.built.subject("engine"));
    shell::output(command.args(["--events", &events.to_string(), "--record"]).arg(&recording))?;
    let mut rates = Vec::new();
    for _ in 0..runs {
        let mut command = Command::new(&bench.built.tripline);
        command.arg("replay").arg(&recording).arg("--alerts").arg(folder.join("alerts.ndjson"));
        let start = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "`{}` failed: {status}", shell::shown(&command));
        rates.push(events as f64 / start.elapsed().as_secs_f64());
    }
    // A recording of this length is hundreds of megabytes.
    std::fs::remove_file(&recording)?;
    Ok(median(&rates))
}

fn memory(said: &Value) -> Vec<f64> {
    let empty = Vec::new();
    let steps = said["memory"].as_array().unwrap_or(&empty);
    steps.iter().filter_map(|step| Some(step["rss_kib"].as_f64()? / 1024.0)).collect()
}

fn growth(memory: &[f64]) -> f64 {
    match (memory.get(1), memory.last()) {
        (Some(second), Some(last)) => last / second,
        _ => f64::INFINITY,
    }
}

fn forgotten(said: &Value) -> String {
    let Some(tables) = said["forgotten"].as_object() else { return String::new() };
    let some = tables.iter().filter(|(_, count)| count.as_u64() != Some(0));
    some.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
