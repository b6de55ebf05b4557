//! Counters that the kernel programs keep, per CPU, by reason.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Records refused because the security ring was full.
pub const SECURITY_FULL: u32 = 0;
/// Records refused because the payload ring was full.
pub const PAYLOAD_FULL: u32 = 1;
/// Bytes of a stream that could not be read; each is a gap of its stream too.
pub const READ_FAULT: u32 = 2;
/// The scope map was full: a child of a server is not watched.
pub const SCOPE_FULL: u32 = 3;
/// Paths that were cut; the record of each says so.
pub const PATH_CUT: u32 = 4;
/// Records sent on the security ring.
pub const SECURITY_SENT: u32 = 5;
/// Records sent on the payload ring.
pub const PAYLOAD_SENT: u32 = 6;
/// A descriptor could not be resolved to its file.
pub const UNRESOLVED: u32 = 7;
/// Connections that could not be put into the connection map. (Those that it gave up for newer ones aren't counted.)
pub const CONN_FULL: u32 = 8;
/// No scratch space was free: more programs preempted on one CPU than there are spaces.
pub const SCRATCH_BUSY: u32 = 9;
/// Arguments of a program that could not be read.
pub const ARGV_FAULT: u32 = 10;
/// Names of files, as passed, that could not be read.
pub const NAME_FAULT: u32 = 11;
/// Names of local sockets, as passed, that could not be read.
pub const ADDRESS_FAULT: u32 = 12;
/// Packets that name somebody and that could not be told.
pub const PACKET_LOST: u32 = 13;
/// Number of counters.
pub const COUNT: u32 = 16;

/// Key of the map of what was lost of the scopes' own records; all of it is among the counters too.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Lost {
    /// The scope ([`crate::config::Scope::server`]) whose process it was.
    pub scope: u32,
    /// One of the counters: [`SECURITY_FULL`], [`UNRESOLVED`], [`NAME_FAULT`] or [`ADDRESS_FAULT`].
    pub reason: u32,
}

const _: () = assert!(size_of::<Lost>() == 8);
