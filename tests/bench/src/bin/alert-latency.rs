//! How long an alert takes: `alert-latency --alerts FILE --folder DIR [--count N] -- COMMAND…`.
//!
//! COMMAND is an echo server that is being watched. It is asked to open one made-up credential after the other, each a
//! file of its own so that each raises an alert of its own, and answers with the clock from just before the call. From
//! then until the line of the alert is in FILE, which is looked at every 100 µs. Prints a line of JSON.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench_subjects::launch::{Server, step};
use bench_subjects::samples::Samples;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Between two looks at the file.
const LOOK: Duration = Duration::from_micros(100);
/// An alert that takes longer is taken for lost.
const LOST: Duration = Duration::from_secs(2);
/// Pauses between opens, in turn: while the watcher is awake, and after it went to sleep.
const PAUSES: [Duration; 3] = [Duration::from_millis(3), Duration::from_millis(17), Duration::from_millis(120)];

fn main() -> Result<()> {
    let (mut alerts, mut folder, mut count, mut command) = (PathBuf::new(), PathBuf::new(), 200, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--alerts" => alerts = value()?.into(),
            "--folder" => folder = value()?.into(),
            "--count" => count = value()?.parse()?,
            "--" => command = words.by_ref().collect(),
            other => bail!("unknown option {other}"),
        }
    }
    for number in 0..count {
        fs::write(credential(&folder, number), "not a secret\n")
            .with_context(|| format!("cannot make credentials in {}", folder.display()))?;
    }
    let server = Server::start(&command, false)?;
    server.shake_hands()?;
    step(&format!("ready {}", server.child.id()))?;
    let mut lines = Lines::open(&alerts)?;
    let (mut samples, mut lost) = (Samples::default(), 0);
    for number in 0..count {
        std::thread::sleep(PAUSES[number % PAUSES.len()]);
        match one(&server, &mut lines, &credential(&folder, number), number)? {
            Some(nanoseconds) => samples.push(nanoseconds),
            None => lost += 1,
        }
    }
    step(&json!({"opens": count, "lost": lost, "latency": samples.summary()}).to_string())?;
    server.end()
}

fn credential(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("token-{number:05}"))
}

/// Has one credential opened and waits for its alert.
fn one(server: &Server, lines: &mut Lines, path: &Path, number: usize) -> Result<Option<u64>> {
    let params = json!({"name": "open", "arguments": {"path": path}});
    let request = json!({"jsonrpc": "2.0", "id": 100 + number, "method": "tools/call", "params": params});
    let answer = server.ask(&request)?;
    let said = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    let opened: u64 = said.parse().context("the server does not say when it opened the file")?;
    if answer["result"]["isError"] == true {
        bail!("the server could not open {}", path.display());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let start = Instant::now();
    while start.elapsed() < LOST {
        if lines.name(&name)? {
            let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
            let now = u64::try_from(now.tv_sec() * 1_000_000_000 + now.tv_nsec())?;
            return Ok(Some(now.saturating_sub(opened)));
        }
        std::thread::sleep(LOOK);
    }
    Ok(None)
}

/// A file of alerts that grows.
struct Lines {
    file: File,
    rest: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            file: File::open(path).with_context(|| format!("cannot read {}", path.display()))?,
            rest: Vec::new(),
        })
    }

    /// Whether a whole line that is new since the last call has a file of this name in its evidence.
    fn name(&mut self, name: &str) -> Result<bool> {
        self.file.read_to_end(&mut self.rest)?;
        let Some(end) = memchr::memrchr(b'\n', &self.rest) else { return Ok(false) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        Ok(whole.split(|byte| *byte == b'\n').any(|line| has(line, name)))
    }
}

fn has(line: &[u8], name: &str) -> bool {
    let Ok(alert) = serde_json::from_slice::<Value>(line) else { return false };
    alert["evidence"]
        .as_array()
        .is_some_and(|items| items.iter().any(|item| item["path"].as_str().is_some_and(|path| path.ends_with(name))))
}
