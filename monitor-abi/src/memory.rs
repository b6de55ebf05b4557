//! One process reaching for another.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header's process reached for another, and one of the two is watched.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Reach {
    /// Start of the target; 0 where the hook has only its number.
    pub target_start: u64,
    /// Thread group id of the target.
    pub target: u32,
    /// Its server; 0: none.
    pub target_scope: u32,
    /// `REACH_…`.
    pub op: u32,
    /// Return value, cut to 32 bits: negative errno or success.
    pub ret: i32,
}

/// `ptrace(PTRACE_ATTACH | PTRACE_SEIZE)`.
pub const REACH_PTRACE: u32 = 1;
/// `process_vm_readv`.
pub const REACH_VM_READ: u32 = 2;
/// `process_vm_writev`.
pub const REACH_VM_WRITE: u32 = 3;
/// `pidfd_getfd`.
pub const REACH_PIDFD: u32 = 4;

const _: () = assert!(size_of::<Reach>() == 24);
