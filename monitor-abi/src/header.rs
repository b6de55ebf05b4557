//! The head of every record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Common head of every record, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    /// Bytes of the whole record, tail included.
    pub len: u32,
    /// One of the `KIND_…` values.
    pub kind: u16,
    /// `FLAG_…` bits.
    pub flags: u16,
    /// Per ring and CPU, from 1, taken before space is reserved: a gap proves loss.
    pub seq: u64,
    /// `bpf_ktime_get_boot_ns` when the hook ran.
    pub time: u64,
    /// Start of the acting process: `group_leader->start_boottime`, nanoseconds.
    pub start: u64,
    /// Thread group id of the acting process, initial pid namespace.
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// CPU the hook ran on.
    pub cpu: u32,
    /// The server whose scope the process is in; 0 = none.
    pub scope: u32,
    /// Real uid of the acting thread (`bpf_get_current_uid_gid`).
    pub uid: u32,
    /// Zero.
    pub pad: u32,
}

/// A path in the tail was cut, or is none because the name couldn't be read.
pub const FLAG_CUT: u16 = 1;
/// The file behind the record has no name any more (`i_nlink` is 0).
pub const FLAG_UNLINKED: u16 = 1 << 1;
/// Made by a 32-bit system call or program.
pub const FLAG_COMPAT: u16 = 1 << 2;
/// The process is held as *undecided*: not known to be a server yet.
pub const FLAG_UNDECIDED: u16 = 1 << 3;

/// The descriptor was not opened by this process (received or inherited): its first use stands for the open.
pub const FLAG_USE: u16 = 1 << 4;

/// Seen by a hook below the system-call table (BPF LSM, fentry, fexit), not at the system call's return.
pub const FLAG_BELOW: u16 = 1 << 5;

/// Done by an io_uring request.
pub const FLAG_URING: u16 = 1 << 6;

/// The descriptor was there when the program began.
pub const FLAG_INHERITED: u16 = 1 << 7;
/// The argument list was cut.
pub const FLAG_ARGV_CUT: u16 = 1 << 8;

/// A process was created ([`crate::process::Fork`]).
pub const KIND_FORK: u16 = 1;
/// A program was executed ([`crate::process::Exec`]).
pub const KIND_EXEC: u16 = 2;
/// A process ended ([`crate::process::Exit`]).
pub const KIND_EXIT: u16 = 3;
/// A file was opened ([`crate::file::Open`]).
pub const KIND_OPEN: u16 = 10;
/// A procfs file of a watched process was opened by somebody else, or of anybody else by a watched one ([`crate::file::ProcOpen`]).
pub const KIND_PROC_OPEN: u16 = 11;
/// A name or mode was changed ([`crate::file::Change`]).
pub const KIND_CHANGE: u16 = 12;
/// A name or mode is being changed, with the paths resolved in the kernel ([`crate::file::Resolved`]).
pub const KIND_CHANGE_RESOLVED: u16 = 13;
/// An inet socket operation ([`crate::socket::Inet`]).
pub const KIND_INET: u16 = 20;
/// A connection changed state ([`crate::socket::State`]).
pub const KIND_SOCK_STATE: u16 = 21;
/// An `AF_UNIX` connect or listen ([`crate::socket::Unix`]).
pub const KIND_UNIX: u16 = 22;
/// A socket of an unusual family was made ([`crate::socket::Made`]).
pub const KIND_SOCKET: u16 = 23;
/// Bytes of a stream ([`crate::stream::Data`]).
pub const KIND_STREAM: u16 = 30;
/// Bytes of a stream that could not be delivered ([`crate::stream::Gap`]).
pub const KIND_STREAM_GAP: u16 = 31;
/// [`crate::packet::Packet`]
pub const KIND_PACKET: u16 = 24;
/// [`crate::tls::End`]
pub const KIND_TLS_END: u16 = 32;
/// One process reached for another ([`crate::memory::Reach`]).
pub const KIND_REACH: u16 = 40;
/// An io_uring request by a watched process ([`crate::socket::Uring`]).
pub const KIND_URING: u16 = 50;
/// The sensor's own self-test.
pub const KIND_SELF_TEST: u16 = 60;

/// Index of the security ring in per-ring counters.
pub const RING_SECURITY: u32 = 0;
/// Index of the payload ring in per-ring counters.
pub const RING_PAYLOAD: u32 = 1;

const _: () = assert!(size_of::<Header>() == 56);
