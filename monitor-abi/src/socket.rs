//! Sockets.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An inet operation by the header's process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Inet {
    /// `bpf_get_socket_cookie`.
    pub cookie: u64,
    /// Remote address (connect, send, accept) or local one (bind, listen), network order; IPv4 in the first 4 bytes.
    pub addr: [u8; 16],
    /// Port, host order.
    pub port: u16,
    /// `AF_INET` (2) or `AF_INET6` (10).
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// `SOCK_*`.
    pub sock_type: u16,
    /// One of the `INET_…` values.
    pub op: u32,
    /// Zero.
    pub pad: u32,
}

/// `connect(2)`.
pub const INET_CONNECT: u32 = 1;
/// Datagram with an address.
pub const INET_SEND: u32 = 2;
/// `bind(2)`, after it succeeded.
pub const INET_BIND: u32 = 3;
/// `listen(2)`.
pub const INET_LISTEN: u32 = 4;
/// A connection came in on a watched listener.
pub const INET_ACCEPT: u32 = 5;

/// A TCP connection of a watched process changed state (`inet_sock_set_state`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct State {
    /// Socket cookie.
    pub cookie: u64,
    /// `tcp_sock.bytes_sent`.
    pub sent: u64,
    /// `tcp_sock.bytes_received`.
    pub received: u64,
    /// Old state (`TCP_*`).
    pub old: u32,
    /// New state.
    pub new: u32,
    /// `sk->sk_err`, positive errno.
    pub error: u32,
    /// Server whose process made the connection (the header's scope is of whoever runs now).
    pub scope: u32,
    /// Thread group id that made it.
    pub owner: u32,
    /// Its local port in the upper half, the remote one in the lower.
    pub ports: u32,
    /// Start of that process.
    pub owner_start: u64,
}

/// An `AF_UNIX` connect or listen by a watched process. Tail: resolved path of the listening socket, then its name as
/// passed (connect) or as bound (listen).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Unix {
    /// Return value of the system call: 0 or negative errno.
    pub ret: i32,
    /// One of the `UNIX_…` values.
    pub op: u32,
    /// Bytes of the resolved path in the tail.
    pub path_len: u32,
    /// Bytes of the name as passed (`sun_path`; a leading NUL is the abstract namespace).
    pub via_len: u32,
}

/// `connect(2)`.
pub const UNIX_CONNECT: u32 = 1;
/// `listen(2)`, after it succeeded.
pub const UNIX_LISTEN: u32 = 3;

/// A socket of an unusual family or type was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Made {
    /// Address family.
    pub family: u32,
    /// `SOCK_*` without flags.
    pub sock_type: u32,
    /// Protocol.
    pub protocol: u32,
    /// Zero.
    pub pad: u32,
}

/// An io_uring request.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Uring {
    /// `IORING_OP_*`.
    pub opcode: u32,
    /// 1: on a file of the ring's own table, which can't be resolved.
    pub fixed: u32,
}

const _: () = assert!(size_of::<Inet>() == 40 && size_of::<State>() == 56 && size_of::<Unix>() == 16);
