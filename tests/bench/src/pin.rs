//! Binding processes to one CPU, with all their threads and descendants.

use std::fs;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Binds the calling thread.
///
/// # Errors
/// If there is no such CPU.
pub fn this_thread(cpu: usize) -> Result<()> {
    sched_setaffinity(Pid::from_raw(0), &only(cpu)?).with_context(|| format!("cannot run on CPU {cpu}"))
}

/// Binds a process and everything below it: under a tracer such as strace the server is a child of what was started.
///
/// # Errors
/// If the process is gone or there is no such CPU.
pub fn tree(root: u32, cpu: usize) -> Result<()> {
    let set = only(cpu)?;
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        for task in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))? {
            let task = task?;
            let Ok(id) = task.file_name().to_string_lossy().parse() else { continue };
            // A thread may end at any moment.
            let _gone = sched_setaffinity(Pid::from_raw(id), &set);
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    Ok(())
}

fn only(cpu: usize) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    set.set(cpu).with_context(|| format!("there is no CPU {cpu}"))?;
    Ok(set)
}
