//! Binding processes to one CPU, with all their threads and descendants.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Where a measured process runs.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// On this CPU only.
    pub cpu: usize,
    /// With the highest priority of an ordinary process (nice -20): for a machine that does other things too. Real-time
    /// priority would be steadier, but node's threads wait for each other in loops that never give way.
    pub first: bool,
}

impl Place {
    /// Takes the calling thread there.
    ///
    /// # Errors
    /// If there is no such CPU, or the right is missing.
    pub fn take(self) -> Result<()> {
        self.thread(0, &self.set()?)
    }

    /// Takes a process there, with everything below it: under a tracer such as strace the server is a child of what was
    /// started.
    ///
    /// # Errors
    /// If the process is gone, there is no such CPU, or the right is missing.
    pub fn take_tree(self, root: u32) -> Result<()> {
        let set = self.set()?;
        let mut waiting = vec![root];
        while let Some(pid) = waiting.pop() {
            for task in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))? {
                let task = task?;
                let Ok(id) = task.file_name().to_string_lossy().parse() else { continue };
                self.thread(id, &set)?;
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                waiting.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
        }
        Ok(())
    }

    fn thread(self, id: i32, set: &CpuSet) -> Result<()> {
        sched_setaffinity(Pid::from_raw(id), set).with_context(|| format!("cannot run on CPU {}", self.cpu))?;
        if !self.first {
            return Ok(());
        }
        let who = u32::try_from(id).context("no such thread")?;
        // SAFETY: takes numbers only.
        if unsafe { libc::setpriority(libc::PRIO_PROCESS, who, -20) } != 0 {
            bail!("cannot run first: {}", std::io::Error::last_os_error());
        }
        Ok(())
    }

    fn set(self) -> Result<CpuSet> {
        let mut set = CpuSet::new();
        set.set(self.cpu).with_context(|| format!("there is no CPU {}", self.cpu))?;
        Ok(set)
    }
}
