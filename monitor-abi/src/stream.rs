//! Bytes on pipes, unix stream sockets, terminals and TCP connections.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Largest chunk in one record.
pub const CHUNK_LARGE: usize = 65536;
/// Second size class.
pub const CHUNK_MEDIUM: usize = 8192;
/// Anything smaller than this goes out at its exact size.
pub const CHUNK_SMALL: usize = 8192;

/// Bytes that a watched process read from or wrote to a stream. Tail: the bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Data {
    /// Inode of the pipe, socket or terminal.
    pub ino: u64,
    /// For a unix socket: inode of its peer; for TCP the socket's cookie, 0 if it has none yet; for TLS the connection's
    /// generation; 0 otherwise.
    pub peer: u64,
    /// Bytes that the system call moved in all.
    pub total: u64,
    /// Offset of this chunk in them.
    pub offset: u64,
    /// Bytes in the tail.
    pub data_len: u32,
    /// Kernel-internal device number.
    pub dev: u32,
    /// Descriptor number as the process used it; for TCP the connection's ports, as in [`crate::socket::State::ports`].
    pub fd: i32,
    /// `DIR_READ` or `DIR_WRITE`, with what is added to them.
    pub dir: u16,
    /// `STREAM_…`.
    pub class: u16,
}

/// Bytes that could not be delivered.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Gap {
    /// Inode.
    pub ino: u64,
    /// Peer inode.
    pub peer: u64,
    /// Bytes missing.
    pub bytes: u64,
    /// Device.
    pub dev: u32,
    /// `DIR_…`.
    pub dir: u16,
    /// `GAP_…`.
    pub reason: u16,
}

/// The process read.
pub const DIR_READ: u16 = 0;
/// The process wrote.
pub const DIR_WRITE: u16 = 1;
/// Added to these: plain text of a TLS connection. Its `ino` is the library's object, its `dev` the process.
pub const DIR_TLS: u16 = 2;
/// Added to these: a TCP connection.
pub const DIR_TCP: u16 = 4;
/// A pipe or FIFO.
pub const STREAM_PIPE: u16 = 1;
/// An `AF_UNIX` stream socket.
pub const STREAM_UNIX: u16 = 2;
/// A terminal.
pub const STREAM_TTY: u16 = 3;
/// Plain text that a TLS library takes or gives.
pub const STREAM_TLS: u16 = 4;
/// A TCP connection.
pub const STREAM_TCP: u16 = 5;
/// The payload ring was full.
pub const GAP_RING_FULL: u16 = 1;
/// The process's memory could not be read.
pub const GAP_READ_FAULT: u16 = 2;
/// More iovecs or chunks than a hook handles.
pub const GAP_TOO_LONG: u16 = 3;
/// Moved inside the kernel (`splice`, `sendfile`): no user memory to read.
pub const GAP_SPLICE: u16 = 4;
/// Moved by io_uring, at a time of its own; how many bytes isn't known.
pub const GAP_URING: u16 = 5;

/// Key of the map in which the agent tells what to do with a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Key {
    /// Inode.
    pub ino: u64,
    /// Kernel-internal device number.
    pub dev: u32,
    /// Zero.
    pub pad: u32,
}

/// Do not capture this stream: it is not an MCP transport.
pub const POLICY_IGNORE: u32 = 1;

const _: () = assert!(size_of::<Data>() == 48 && size_of::<Gap>() == 32 && size_of::<Key>() == 16);
