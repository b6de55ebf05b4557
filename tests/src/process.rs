//! Processes that a test leaves behind: found by descent, stopped by number.
//!
//! Of a watched server only `/proc/PID/stat` and `cmdline` are read: a look at its environment or memory is what the
//! product reports.

use crate::wait;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Orphans of this process's descendants become its children, so that none gets out of sight.
pub fn adopt_orphans() -> Result<()> {
    nix::sys::prctl::set_child_subreaper(true).context("cannot become the reaper of orphans")
}

/// A process's parent and whether it has ended but was not waited for.
fn stat(pid: i32) -> Option<(i32, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    Some((fields.next()?.parse().ok()?, ended))
}

/// Waits until nothing runs any more that descends from this process, beside `known`; stops what stays on, and says so.
pub fn settle(known: &[i32], bound: Duration) -> Result<()> {
    let left = || {
        let mut all = descendants();
        all.retain(|(pid, ended)| !(known.contains(pid) || *ended && reap(*pid)));
        all
    };
    if wait::until_true("the processes of the test to end", bound, || left().is_empty()).is_ok() {
        return Ok(());
    }
    let stayed = left();
    let lines: Vec<String> = stayed.iter().map(|(pid, _)| format!("\n  {pid} {}", command_line(*pid))).collect();
    for (pid, _) in &stayed {
        // It may have ended by itself meanwhile.
        let _stopped = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        reap(*pid);
    }
    bail!("still running {} s after the client had left:{}", bound.as_secs(), lines.concat())
}

/// Waits for a child's end; one that doesn't end is stopped, and that is an error.
pub fn wait(child: &mut Child, bound: Duration) -> Result<ExitStatus> {
    let ended = wait::until("a process to end", bound, || child.try_wait().transpose());
    match ended {
        Ok(status) => Ok(status?),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

/// Runs a command to its end with this input. One that doesn't end is stopped; that is an error, and so is output that
/// doesn't end with it, because somebody else still holds it.
pub fn output(command: &mut Command, input: &[u8], bound: Duration) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no input")?;
    let input = input.to_vec();
    // A command that doesn't read its input is no error here.
    std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let stdout = read_on(child.stdout.take().context("no output")?);
    let stderr = read_on(child.stderr.take().context("no standard error")?);
    let status = wait(&mut child, bound)?;
    let rest = |from: Receiver<Vec<u8>>| from.recv_timeout(bound * wait::patience());
    let held = "it has ended, and somebody still holds its output";
    Ok(Output { status, stdout: rest(stdout).context(held)?, stderr: rest(stderr).context(held)? })
}

/// Everything that comes, once it has ended.
fn read_on(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, all) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error came.
        let _read = from.read_to_end(&mut bytes);
        send.send(bytes)
    });
    all
}

/// Takes note of a child's end; false when it is no child of ours.
fn reap(pid: i32) -> bool {
    waitpid(Pid::from_raw(pid), None).is_ok()
}

/// Everything that descends from this process, and whether it has ended.
fn descendants() -> Vec<(i32, bool)> {
    let own = std::process::id() as i32;
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let table: HashMap<i32, (i32, bool)> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let descends = |mut pid: i32| {
        while let Some((parent, _)) = table.get(&pid) {
            if *parent == own {
                return true;
            }
            pid = *parent;
        }
        false
    };
    table.iter().filter(|(pid, _)| descends(**pid)).map(|(pid, (_, ended))| (*pid, *ended)).collect()
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}
