//! The engine alone, on one core: `engine [--events N] [--record FILE]`.
//!
//! Events are made one by one as they are taken in, so that what grows is the engine and nothing else. Processes, files,
//! connections and calls never come twice: every table fills up and has to forget. Prints a line of JSON: events a second
//! of the engine (the time of making events taken off), memory as it grew, and what was forgotten. With `--record` the
//! events are written as a recording instead.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench_subjects::host::Host;
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::time::Time;
use monitor_core::trace;
use serde_json::json;

/// Events between two looks at the clock: the clock costs nothing then.
const BATCH: u64 = 1_000;

fn main() -> Result<()> {
    let (mut count, mut recording) = (10_000_000, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--events" => count = value.parse()?,
            "--record" => recording = Some(PathBuf::from(value)),
            other => bail!("unknown option {other}"),
        }
    }
    match recording {
        Some(path) => record(count, &path),
        None => run(count),
    }
}

fn run(count: u64) -> Result<()> {
    let mut engine = Engine::new(EngineConfig::default());
    let (mut host, mut alerts, mut batch) = (Host::default(), Vec::new(), Vec::new());
    let (mut took, mut raised, mut calls) = (Duration::ZERO, 0, 0);
    let mut memory = Vec::new();
    let mut done = 0;
    while done < count {
        batch.clear();
        batch.extend((0..BATCH.min(count - done)).map(|_| host.event()));
        let start = Instant::now();
        for event in &batch {
            engine.step(event, &mut alerts);
        }
        took += start.elapsed();
        done += batch.len() as u64;
        raised += alerts.drain(..).count();
        calls += engine.take_calls().count();
        if done % (count / 10).max(1) == 0 {
            memory.push(json!({"events": done, "rss_kib": resident()?}));
        }
    }
    engine.finish(host.time(), &mut alerts);
    let stats = engine.stats();
    let evicted = stats.evictions;
    let forgotten = json!({
        "processes": evicted.processes, "servers": evicted.servers, "calls": evicted.calls, "tools": evicted.tools,
        "connections": evicted.connections, "files": evicted.files, "findings": evicted.findings,
    });
    let line = json!({
        "events": done, "per_second": done as f64 / took.as_secs_f64(), "alerts": raised, "calls": calls,
        "memory": memory, "processes": stats.processes, "connections": stats.connections, "forgotten": forgotten,
    });
    println!("{line}");
    Ok(())
}

fn record(count: u64, path: &PathBuf) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    let digest = trace::config_digest(["", ""]);
    out.write_all(trace::Header::new(&digest, Time(0)).to_line()?.as_bytes())?;
    let mut host = Host::default();
    for _ in 0..count {
        out.write_all(trace::event_line(&host.event())?.as_bytes())?;
    }
    out.flush()?;
    println!("{}", json!({"events": count, "bytes": std::fs::metadata(path)?.len()}));
    Ok(())
}

/// Resident memory of this process.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
