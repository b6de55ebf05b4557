//! Identities: a process is pid + start time, a file is device + inode, a stream is the kernel object behind it.

use serde::{Deserialize, Serialize};

/// A process (thread group): pid as the initial pid namespace sees it, and start time.
///
/// `start` is the group leader's `start_boottime` (`struct task_struct`, nanoseconds of `CLOCK_BOOTTIME`); divided by
/// 10^7 it is field 22 of `/proc/PID/stat` at 100 Hz, the form in which alerts show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcId {
    /// Thread group id.
    pub pid: u32,
    /// Nanoseconds of `CLOCK_BOOTTIME` at which the group leader started; 0 when unknown.
    pub start: u64,
}

impl ProcId {
    /// Start time in clock ticks since boot, as `/proc/PID/stat` shows it (field 22).
    #[must_use]
    pub const fn start_ticks(self) -> u64 {
        self.start / 10_000_000
    }
}

/// A file's identity while it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct FileId {
    /// Device as `stat(2)` reports it (`st_dev`).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

/// A watched server within one agent session; numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(pub u32);
