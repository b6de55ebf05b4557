//! Files.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Most bytes of the string that the process passed.
pub const VIA_MAX: usize = 256;

/// A file was opened. Tail: resolved path, then the string as passed (at most [`VIA_MAX`] bytes, may be empty).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Open {
    /// Inode.
    pub ino: u64,
    /// Kernel-internal device number.
    pub dev: u32,
    /// `file->f_flags` (O_* bits).
    pub open_flags: u32,
    /// `inode->i_mode`.
    pub mode: u32,
    /// Bytes of the resolved path in the tail.
    pub path_len: u32,
    /// Bytes of the passed string in the tail.
    pub via_len: u32,
    /// `s_magic` of the file system.
    pub magic: u32,
}

/// Key of the map of sensitive files, and of the map of their uses (there with the process).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Identity {
    /// Inode.
    pub ino: u64,
    /// Kernel-internal device number.
    pub dev: u32,
    /// Thread group that used it; 0 in the map of sensitive files.
    pub tgid: u32,
}

/// A process opened a procfs file of another, and one of the two is watched.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcOpen {
    /// Start of the target.
    pub target_start: u64,
    /// Thread group id of the target.
    pub target: u32,
    /// The server it belongs to; 0: none.
    pub target_scope: u32,
    /// `file->f_flags`.
    pub open_flags: u32,
    /// Bytes of `name` in use.
    pub name_len: u32,
    /// Final name: `environ`, `mem`, `maps`, a descriptor number, ….
    pub name: [u8; 32],
}

/// A name or mode was changed by a watched process. Tail: first path and second, both as passed, then the folders that
/// they are relative to, resolved (empty for an absolute path). A folder that was cut is its end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Change {
    /// One of the `CHANGE_…` values.
    pub op: u32,
    /// 1: the first path couldn't be read, or its folder was cut.
    pub cut: u32,
    /// 1: the same of the second path.
    pub cut2: u32,
    /// Bytes of the first path.
    pub path_len: u32,
    /// Bytes of the second path.
    pub to_len: u32,
    /// Mode, for chmod.
    pub mode: u32,
    /// Bytes of the folder that the first path is relative to.
    pub base_len: u32,
    /// Bytes of the folder that the second path is relative to.
    pub base2_len: u32,
}

/// A name or mode is being changed by a watched process, seen below the system-call table: after the names were looked
/// up, before the file system was asked. Or it was changed by a descriptor, seen at the system call's return. Tail: the resolved path, then the second one (for a symlink: its text).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Resolved {
    /// Inode of the file whose name or mode changes; 0 for a symlink that doesn't exist yet.
    pub ino: u64,
    /// Kernel-internal device number.
    pub dev: u32,
    /// One of the `CHANGE_…` values.
    pub op: u32,
    /// Bytes of the path in the tail.
    pub path_len: u32,
    /// Bytes of the second path.
    pub to_len: u32,
    /// New mode, for chmod; else `inode->i_mode`.
    pub mode: u32,
    /// Zero.
    pub pad: u32,
}

/// `rename*`.
pub const CHANGE_RENAME: u32 = 1;
/// `link*`.
pub const CHANGE_LINK: u32 = 2;
/// `symlink*`.
pub const CHANGE_SYMLINK: u32 = 3;
/// `unlink*`, `rmdir`.
pub const CHANGE_UNLINK: u32 = 4;
/// `chmod`, `fchmodat*`.
pub const CHANGE_CHMOD: u32 = 5;
/// `truncate`.
pub const CHANGE_TRUNCATE: u32 = 6;

const _: () = assert!(size_of::<Open>() == 32 && size_of::<ProcOpen>() == 56 && size_of::<Change>() == 32);
const _: () = assert!(size_of::<Resolved>() == 32);
