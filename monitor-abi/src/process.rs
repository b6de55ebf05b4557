//! Process life.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Most bytes of argument text in an [`Exec`] record.
pub const ARGV_MAX: usize = 4096;
/// Most bytes of a path in any record (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// The header's process created `child`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Fork {
    /// `child->start_boottime`.
    pub child_start: u64,
    /// `child->tgid`.
    pub child: u32,
    /// Zero.
    pub pad: u32,
}

/// The header's process executed a program. Tail: exe path, then argv (NUL-separated), then cwd.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Exec {
    /// Inode of the executable (the interpreter's, for a script).
    pub ino: u64,
    /// Start of the parent.
    pub parent_start: u64,
    /// cgroup v2 id.
    pub cgroup: u64,
    /// Kernel-internal device number (`s_dev`: major << 20 | minor).
    pub dev: u32,
    /// `real_parent->tgid`.
    pub parent: u32,
    /// Bytes of the exe path in the tail.
    pub path_len: u32,
    /// Bytes of argv in the tail.
    pub argv_len: u32,
    /// Bytes of the working directory in the tail.
    pub cwd_len: u32,
    /// `s_magic` of the executable's file system.
    pub magic: u32,
    /// Inode number of the process's own pid namespace, as `/proc/PID/ns/pid` shows it.
    pub pid_ns: u32,
    /// Of its mount namespace.
    pub mnt_ns: u32,
    /// Of its network namespace.
    pub net_ns: u32,
    /// Of its user namespace.
    pub user_ns: u32,
}

/// The header's process ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Exit {
    /// `task->exit_code`.
    pub code: u32,
    /// Zero.
    pub pad: u32,
}

const _: () = assert!(size_of::<Fork>() == 16 && size_of::<Exec>() == 64 && size_of::<Exit>() == 8);
