//! The watcher itself: how soon it is armed, how soon it tells, what it occupies.

use anyhow::{Context, Result};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Bench;
use super::figures::{median, range};
use super::monitor::{Monitor, busy_ns, configuration, wait_for_end, watcher_of};
use super::report::{Goal, Section, Table};
use super::subject::{Subject, Workload};
use crate::shell;

/// A server that is busy for a while.
const LOAD: Workload = Workload { name: "load", size: 100, in_flight: 1, calls: 100_000, warm_up: 1_000, node: false };

/// From the end of the load to the first look at memory and CPU.
const REST: Duration = Duration::from_secs(2);

/// Measures.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new(
        "The agent itself",
        "Time to an alert: from just before the server opens a made-up credential until the alert's line is in its file, \
         looked at every 100 µs; some while the watcher is awake, some after it went to sleep. Start to armed: `tripline exec \
         -- /bin/true` less `/bin/true` alone. Memory and idle CPU: one watched server, before and after 100 000 calls.",
    );
    let mut table = Table::new("", ["what", "figure", "more"].map(str::to_owned).to_vec());
    let mut row = |what: &str, figure: String, more: String| {
        println!("    {what}: {figure} ({more})");
        table.rows.push(vec![what.to_owned(), figure, more]);
    };

    let latency = latency(bench)?;
    let ms = |key: &str| latency["latency"][key].as_f64().unwrap_or(0.0) / 1e6;
    let (opens, lost) = (latency["opens"].as_u64().unwrap_or(0), latency["lost"].as_u64().unwrap_or(0));
    let more = format!("p50 {:.2} ms, highest {:.2} ms, of {opens}; no alert for {lost}", ms("p50_ns"), ms("max_ns"));
    row("System call to alert line, p99", format!("{:.2} ms", ms("p99_ns")), more);
    let p99 = ms("p99_ns");
    section.goals.push(Goal::new(
        "System call to alert line, p99",
        "at most 20 ms",
        &format!("{p99:.2} ms"),
        lost == 0 && p99 > 0.0 && p99 <= 20.0,
    ));

    let starts = starts(bench)?;
    let (low, high) = range(&starts);
    let start = median(&starts);
    let more = format!("{low:.0}–{high:.0} ms in {} starts", starts.len());
    row("Start to armed", format!("{start:.0} ms"), more);
    section.goals.push(Goal::new("Start to armed", "at most 1 s", &format!("{start:.0} ms"), start <= 1000.0));

    let fresh = footprint(bench, false)?;
    let used = footprint(bench, true)?;
    let mib = |kib: u64| kib as f64 / 1024.0;
    row(
        "Memory of the watcher (PSS), idle",
        format!("{:.1} MiB", mib(fresh.pss)),
        format!("RSS {:.1} MiB", mib(fresh.rss)),
    );
    row("… after 100 000 calls", format!("{:.1} MiB", mib(used.pss)), format!("RSS {:.1} MiB", mib(used.rss)));
    let most = mib(fresh.pss.max(used.pss));
    section.goals.push(Goal::new(
        "Memory of the agent (PSS)",
        "at most 40 MiB",
        &format!("{most:.1} MiB"),
        most <= 40.0,
    ));
    let more = format!("{:.2} % after 100 000 calls", used.idle * 100.0);
    row("Idle CPU, of one core", format!("{:.2} %", fresh.idle * 100.0), more);
    let idle = fresh.idle.max(used.idle) * 100.0;
    section.goals.push(Goal::new("Idle CPU", "below 0.5 % of a core", &format!("{idle:.2} %"), idle < 0.5));
    section.tables.push(table);
    Ok(section)
}

fn latency(bench: &Bench) -> Result<serde_json::Value> {
    let folder = bench.built.fresh("latency")?;
    let vault = folder.join("bench-vault");
    std::fs::create_dir(&vault)?;
    let count = if bench.quick { "30" } else { "300" };
    let alerts = folder.join("alerts.ndjson").display().to_string();
    let mut words: Vec<String> =
        ["--alerts", &alerts, "--count", count, "--folder"].map(str::to_owned).into_iter().collect();
    words.extend([vault.display().to_string(), "--".to_owned()]);
    words.extend(Monitor::Exec.command(bench, &folder, &[bench.built.subject("echo-server")])?);
    let mut subject = Subject::start(&bench.built.subject("alert-latency"), &words)?;
    let watcher = watcher_of(subject.server).context("no watcher behind `tripline exec`")?;
    let said = subject.measure()?;
    subject.end()?;
    wait_for_end(watcher)?;
    Ok(said)
}

/// Milliseconds from start to armed, pair by pair.
fn starts(bench: &Bench) -> Result<Vec<f64>> {
    let folder = bench.built.fresh("start")?;
    let configuration = configuration(&folder)?;
    let time = |command: &mut Command| -> Result<f64> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().with_context(|| shell::shown(command))?;
        anyhow::ensure!(status.success(), "`{}` failed: {status}", shell::shown(command));
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    };
    let mut times = Vec::new();
    for _ in 0..bench.pairs {
        let bare = time(&mut shell::as_root("/bin/true")?)?;
        let mut command = shell::as_root(&bench.built.tripline.to_string_lossy())?;
        command.arg("exec").arg("--config").arg(&configuration).args(["--", "/bin/true"]);
        times.push(time(&mut command)? - bare);
        // Its watcher ends by itself; the next start is not to meet it.
        sleep(Duration::from_millis(500));
    }
    Ok(times)
}

/// What the watcher occupies.
struct Footprint {
    pss: u64,
    rss: u64,
    /// Of one core, 0 to 1.
    idle: f64,
}

fn footprint(bench: &Bench, load: bool) -> Result<Footprint> {
    let folder = bench.built.fresh("footprint")?;
    let mut subject = LOAD.start(bench, Monitor::Exec.command(bench, &folder, &LOAD.server(bench))?)?;
    let watcher = watcher_of(subject.server).context("no watcher behind `tripline exec`")?;
    if load {
        subject.measure()?;
    }
    sleep(REST);
    let rollup = shell::output(shell::as_root("cat")?.arg(format!("/proc/{watcher}/smaps_rollup")))?;
    let field = |name: &str| -> Result<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    let (pss, rss) = (field("Pss:")?, field("Rss:")?);
    let span = Duration::from_secs(if bench.quick { 3 } else { 10 });
    let (start, before) = (Instant::now(), busy_ns(watcher));
    sleep(span);
    let busy = busy_ns(watcher).saturating_sub(before);
    let idle = busy as f64 / start.elapsed().as_nanos() as f64;
    subject.end()?;
    wait_for_end(watcher)?;
    Ok(Footprint { pss, rss, idle })
}
