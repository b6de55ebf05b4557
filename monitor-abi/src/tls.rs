//! Plain text of TLS connections, where the library takes or gives it.
//!
//! The bytes are records of a stream ([`crate::stream::STREAM_TLS`]); what is here is beside them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Which function returned: the attach cookie of `tls_exit`.
pub const WRITE: u64 = 0;
/// `SSL_write_ex`.
pub const WRITE_EX: u64 = 1;
/// `SSL_read`.
pub const READ: u64 = 2;
/// `SSL_read_ex`.
pub const READ_EX: u64 = 3;

/// What a channel's address stands for at the moment: in `peer` of its records, and in the map of judged streams the one
/// that isn't captured. Never 0.
pub type Generation = u32;

/// A connection's object is given back: its address may be another's next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct End {
    /// The library's object.
    pub channel: u64,
}

const _: () = assert!(size_of::<End>() == 8);
