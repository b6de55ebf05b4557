//! What a run of the demo could leave on a host, before and after.

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tests::{process, wait};

/// The kernel frees programs some time after their last user has gone.
const FREED: Duration = Duration::from_secs(20);
/// Where the demo may mount its folder, and where Tripline keeps state that isn't moved elsewhere.
const FOLDERS: [&str; 6] = ["/srv", "/mnt", "/media", "/opt", "/var/lib/tripline", "/run/tripline"];
/// Where anybody leaves things; only what has Tripline's name is ours.
const SHARED: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/var/lib"];

/// The host, as far as a demo could change it.
#[derive(Debug)]
pub struct Host {
    mounts: String,
    files: BTreeSet<PathBuf>,
    bpf: BTreeSet<(Kind, u32)>,
}

/// What the kernel numbers for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Program,
    Map,
    Link,
}

impl Host {
    /// As it is now.
    pub fn look() -> Result<Host> {
        Ok(Host { mounts: mounts()?, files: files(), bpf: bpf()? })
    }

    /// Whether programs were loaded and attached since.
    pub fn is_watched(&self) -> bool {
        let new = |kind| bpf().is_ok_and(|now| now.difference(&self.bpf).any(|(known, _)| *known == kind));
        [Kind::Program, Kind::Map, Kind::Link].into_iter().all(new)
    }

    /// Fails if anything is there that wasn't. Whoever started it all must have waited for its processes by now, so that
    /// none is waited for here.
    pub fn is_as_before(&self) -> Result<()> {
        process::settle(&[], Duration::ZERO).context("a process is left")?;
        ensure!(mounts()? == self.mounts, "a mount is left");
        let left: Vec<PathBuf> = files().difference(&self.files).cloned().collect();
        ensure!(left.is_empty(), "a file is left: {left:?}");
        let left = || bpf().map(|now| now.difference(&self.bpf).copied().collect::<Vec<_>>());
        let freed = wait::until_true("the kernel to free all programs, maps and links", FREED, || {
            left().is_ok_and(|left| left.is_empty())
        });
        freed.with_context(|| format!("these are left: {:?}", left()))
    }
}

fn mounts() -> Result<String> {
    Ok(fs::read_to_string("/proc/self/mountinfo")?)
}

fn files() -> BTreeSet<PathBuf> {
    let within = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("tripline"));
    let own = FOLDERS.into_iter().flat_map(within);
    own.chain(SHARED.into_iter().flat_map(within).filter(is_ours)).collect()
}

/// The numbers of all that the kernel holds.
fn bpf() -> Result<BTreeSet<(Kind, u32)>> {
    // BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID
    let commands = [(Kind::Program, 11_i64), (Kind::Map, 12), (Kind::Link, 31)];
    let mut all = BTreeSet::new();
    for (kind, command) in commands {
        // The one before, the next one, flags.
        let mut ask = [0_u32; 3];
        loop {
            // SAFETY: the kernel reads and writes the three numbers, of which it is told the size.
            let done = unsafe { libc::syscall(libc::SYS_bpf, command, ask.as_mut_ptr(), size_of_val(&ask)) };
            match Errno::result(done) {
                Ok(_) => all.insert((kind, ask[1])),
                Err(Errno::ENOENT) => break,
                Err(error) => return Err(error).with_context(|| format!("the kernel doesn't tell each {kind:?}")),
            };
            ask[0] = ask[1];
        }
    }
    Ok(all)
}
