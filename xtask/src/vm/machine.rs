//! Running the guest: bounded, its output passed on, and judged by its last line.

use crate::shell;
use crate::tally::Counts;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A guest that says nothing more, or does not end, is stopped. On an idle machine software emulation takes about 80 s for
/// everything.
const LIMIT: Duration = Duration::from_secs(600);

/// Boots `kernel` with `initrd`; the guest's `/init` prints `N passed, N failed` last.
pub fn run(kernel: &Path, initrd: &Path, parameters: &str) -> Result<Counts> {
    let mut command = Command::new("qemu-system-x86_64");
    // `-M microvm` hung with these kernels. Always software emulation: a KVM inside a virtual machine may be there and stop
    // at the first instruction that it doesn't know, without ending.
    // One thread for both processors: with one for each, a processor could go on with its translation of an instruction
    // that the other had patched meanwhile (a breakpoint at an fentry hook, put in and taken out), and hang there for good.
    command.args(["-M", "pc", "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", "2048"]);
    command.args(["-nodefaults", "-nographic", "-serial", "stdio", "-no-reboot"]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd).args(["-append", parameters]);
    println!("    $ {}   (at most {} s)", shell::shown(&command), LIMIT.as_secs());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start QEMU")?;
    let mut running = Running(child);
    let output = running.0.stdout.take().context("no output")?;
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let deadline = Instant::now() + LIMIT;
    let mut verdict = None;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let line = plain(&String::from_utf8_lossy(&line));
                println!("    | {line}");
                if line.contains("Kernel panic") {
                    bail!("the guest's kernel panicked: {line}");
                }
                verdict = last_line(&line).or(verdict);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => bail!("the guest did not end within {} s", LIMIT.as_secs()),
        }
    }
    let status = running.0.wait()?;
    if !status.success() {
        bail!("QEMU failed: {status}");
    }
    verdict.context("the guest ended without its closing line")
}

/// Without what the firmware sends to a terminal: escape sequences end with a letter.
fn plain(line: &str) -> String {
    let mut parts = line.trim_end().split('\x1b');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        text += &part[end..];
    }
    text
}

/// `N passed, N failed`.
fn last_line(line: &str) -> Option<Counts> {
    let (passed, failed) = line.split_once(" passed, ")?;
    let failed = failed.strip_suffix(" failed")?;
    Some(Counts { passed: passed.parse().ok()?, failed: failed.parse().ok()?, ignored: 0 })
}

/// Stops the guest whatever way this ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ended = self.0.kill();
            let _status = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{last_line, plain};

    #[test]
    fn escape_sequences_are_taken_out() {
        assert_eq!(plain("a\x1b[?7l\x1b[2Jb\r"), "ab");
        assert_eq!(plain("\x1b["), "");
    }

    #[test]
    fn only_the_closing_line_counts() {
        assert_eq!(last_line("12 passed, 1 failed").map(|counts| (counts.passed, counts.failed)), Some((12, 1)));
        assert!(last_line("test result: ok. 12 passed; 0 failed").is_none());
        assert!(last_line("x passed, 1 failed").is_none());
    }
}
