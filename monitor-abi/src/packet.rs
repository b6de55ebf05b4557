//! Packets of watched processes' connections that may name whom they are for.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a packet after its transport header, whole or in part. Tail: the bytes. The header's process is the
/// connection's, whoever ran when the packet passed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Packet {
    /// Socket cookie.
    pub cookie: u64,
    /// The other end, network order; IPv4 in the first 4 bytes.
    pub addr: [u8; 16],
    /// Its port, host order.
    pub port: u16,
    /// `AF_INET` (2) or `AF_INET6` (10).
    pub family: u16,
    /// `IPPROTO_TCP` (6) or `IPPROTO_UDP` (17).
    pub protocol: u16,
    /// `DIR_READ` or `DIR_WRITE` of [`crate::stream`].
    pub dir: u16,
    /// For TCP where in the stream of its direction the bytes begin; else where behind the packet's header.
    pub offset: u32,
    /// Bytes in the tail.
    pub data_len: u32,
    /// Bytes of this packet from `offset` on: more than the tail if they didn't fit.
    pub total: u32,
    /// Bytes of each datagram but the last, where the kernel has yet to make several of this one (`UDP_SEGMENT`); else 0.
    pub segment: u32,
}

const _: () = assert!(size_of::<Packet>() == 48);
