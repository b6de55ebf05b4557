//! The bytes of MCP transports: pipes, unix stream sockets, terminals, TCP connections, whatever the descriptor number.
//!
//! Bytes are taken when the system call returns: the pages are present then, and only what was really moved is taken.

use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use monitor_abi::config::Scope;
use monitor_abi::stream::{
    DIR_READ, DIR_TCP, DIR_WRITE, Data, GAP_READ_FAULT, GAP_SPLICE, Key, POLICY_IGNORE, STREAM_PIPE, STREAM_TCP,
    STREAM_TTY, STREAM_UNIX,
};

use super::chunks::{Bytes, Part, Pieces, gap};
use super::file::returned;
use crate::emit;
use crate::kernel::{self, offset, read};
use crate::maps::STREAMS;
use crate::scope;

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFSOCK: u32 = 0o140_000;
const S_IFCHR: u32 = 0o020_000;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;
const SOCK_SEQPACKET: u16 = 5;
/// `TTYAUX_MAJOR` to `UNIX98_PTY_SLAVE_MAJOR` and the classic ttys (include/uapi/linux/major.h); `st_rdev` isn't read:
/// the file system of terminals is devpts.
const DEVPTS_MAGIC: u32 = 0x1cd1;

/// `MSG_PEEK` (include/linux/socket.h): the same bytes come again.
pub const PEEK: u32 = 2;
/// `MSG_OOB`, `MSG_TRUNC`, `MSG_ERRQUEUE` (include/linux/socket.h): what stands in the buffer isn't what was taken off the
/// stream. TCP leaves the buffer alone for `MSG_TRUNC` (tcp_recvmsg_locked, net/ipv4/tcp.c).
pub const ASTRAY: u32 = 0x1 | 0x20 | 0x2000;
/// Most bytes of one call on a TCP connection that are taken, so that no upload fills the ring by itself.
const TCP_MOST: u64 = 4 << 20;

/// `read(fd, buf, n)`, `pread64(fd, buf, n, …)`.
#[tracepoint]
pub fn read_exit(ctx: TracePointContext) -> u32 {
    plain(&ctx, DIR_READ);
    0
}

/// `recvfrom(fd, buf, n, flags, …)`.
#[tracepoint]
pub fn recv_exit(ctx: TracePointContext) -> u32 {
    let flags = kernel::argument(3) as u32;
    if flags & ASTRAY != 0 {
        several(&ctx, DIR_READ);
    } else if flags & PEEK == 0 {
        plain(&ctx, DIR_READ);
    }
    0
}

/// `write(fd, buf, n)`, `sendto(fd, buf, n, …)`.
#[tracepoint]
pub fn write_exit(ctx: TracePointContext) -> u32 {
    plain(&ctx, DIR_WRITE);
    0
}

/// `readv(fd, iov, n)`, `preadv(fd, iov, n, …)`, `preadv2`.
#[tracepoint]
pub fn readv_exit(ctx: TracePointContext) -> u32 {
    vectored(&ctx, DIR_READ, false);
    0
}

/// `writev(fd, iov, n)`, `pwritev(fd, iov, n, …)`, `pwritev2`, which goes on at the end of a stream for an offset of -1.
#[tracepoint]
pub fn writev_exit(ctx: TracePointContext) -> u32 {
    vectored(&ctx, DIR_WRITE, false);
    0
}

/// `recvmsg(fd, msghdr, flags)`.
#[tracepoint]
pub fn recvmsg_exit(ctx: TracePointContext) -> u32 {
    let flags = kernel::argument(2) as u32;
    if flags & ASTRAY != 0 {
        several(&ctx, DIR_READ);
    } else if flags & PEEK == 0 {
        vectored(&ctx, DIR_READ, true);
    }
    0
}

/// `sendmsg(fd, msghdr, flags)`.
#[tracepoint]
pub fn sendmsg_exit(ctx: TracePointContext) -> u32 {
    vectored(&ctx, DIR_WRITE, true);
    0
}

/// `splice(in, …, out, …)`: bytes move without user memory.
#[tracepoint]
pub fn splice_exit(ctx: TracePointContext) -> u32 {
    moved(&ctx, kernel::argument(0), kernel::argument(2));
    0
}

/// `sendfile(out, in, …)`.
#[tracepoint]
pub fn sendfile_exit(ctx: TracePointContext) -> u32 {
    moved(&ctx, kernel::argument(1), kernel::argument(0));
    0
}

/// `sendmmsg(fd, …)`: made for datagrams. On a stream its bytes, of which only the number of messages is known, are missing.
#[tracepoint]
pub fn sendmmsg_exit(ctx: TracePointContext) -> u32 {
    several(&ctx, DIR_WRITE);
    0
}

/// `recvmmsg(fd, …)`: the same.
#[tracepoint]
pub fn recvmmsg_exit(ctx: TracePointContext) -> u32 {
    if kernel::argument(3) as u32 & PEEK == 0 {
        several(&ctx, DIR_READ);
    }
    0
}

#[inline(always)]
fn several(ctx: &TracePointContext, dir: u16) {
    let count = returned(ctx);
    if count <= 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    let fd = kernel::argument(0);
    unread(&scope, kernel::file_of(fd), fd, dir, count as u64, GAP_READ_FAULT);
}

/// `vmsplice(fd, iov, n, flags)`: into the pipe whose end for writing this is, or out of that for reading.
#[tracepoint]
pub fn vmsplice_exit(ctx: TracePointContext) -> u32 {
    mapped(returned(&ctx));
    0
}

/// `vmsplice` returned `total`; its arguments are those of the system call.
#[inline(always)]
pub fn mapped(total: i64) {
    /// `O_ACCMODE`, of which `O_RDONLY` is 0.
    const MODE: u32 = 3;
    if total > 0
        && let Some(scope) = scope::watched()
    {
        let fd = kernel::argument(0);
        let file = kernel::file_of(fd);
        let dir = if read::<u32>(file, offset!(file_f_flags)) & MODE == 0 { DIR_READ } else { DIR_WRITE };
        unread(&scope, file, fd, dir, total as u64, GAP_SPLICE);
    }
}

/// `tee(in, out, …)`: what is in one pipe is in the other too; nothing is read.
#[tracepoint]
pub fn tee_exit(ctx: TracePointContext) -> u32 {
    let total = returned(&ctx);
    if total > 0
        && let Some(scope) = scope::watched()
    {
        let fd = kernel::argument(1);
        unread(&scope, kernel::file_of(fd), fd, DIR_WRITE, total as u64, GAP_SPLICE);
    }
    0
}

/// What a descriptor is, if its bytes matter.
#[derive(Clone, Copy)]
struct Stream {
    ino: u64,
    peer: u64,
    dev: u32,
    ports: u32,
    class: u16,
}

#[inline(always)]
fn stream_of(fd: u64, scope: &Scope, dir: u16) -> Option<Stream> {
    stream_of_file(kernel::file_of(fd), scope, dir)
}

#[inline(always)]
fn stream_of_file(file: u64, scope: &Scope, dir: u16) -> Option<Stream> {
    let inode: u64 = read(file, offset!(file_f_inode));
    let mode = u32::from(read::<u16>(inode, offset!(inode_i_mode))) & S_IFMT;
    if mode == S_IFREG {
        super::file::used(scope, file, 0);
    }
    if mode != S_IFIFO && mode != S_IFSOCK && mode != S_IFCHR {
        return None;
    }
    let sb: u64 = read(inode, offset!(inode_i_sb));
    let mut stream = Stream {
        ino: read(inode, offset!(inode_i_ino)),
        peer: 0,
        dev: read(sb, offset!(sb_s_dev)),
        ports: 0,
        class: STREAM_PIPE,
    };
    if mode == S_IFSOCK {
        let socket: u64 = read(file, offset!(file_private_data));
        let kind: u16 = read(socket, offset!(socket_type));
        let sk: u64 = read(socket, offset!(socket_sk));
        let family: u16 = read(sk, offset!(sock_family));
        if kind == SOCK_DGRAM && dir == DIR_WRITE && family != AF_UNIX {
            super::socket::datagram(scope, sk, family, stream.ino);
            return None;
        }
        if kind == SOCK_STREAM && (family == AF_INET || family == AF_INET6) {
            stream.class = STREAM_TCP;
            stream.peer = read(sk, offset!(sock_cookie));
            stream.ports = super::socket::ports(sk);
        } else if family == AF_UNIX && (kind == SOCK_STREAM || kind == SOCK_SEQPACKET) {
            stream.class = STREAM_UNIX;
            let peer: u64 = read(sk, offset!(unix_peer));
            let peer_socket: u64 = read(peer, offset!(sock_sk_socket));
            if peer_socket != 0 {
                // struct socket_alloc { struct socket socket; struct inode vfs_inode; } (include/net/sock.h)
                stream.peer = read(peer_socket, offset!(socket_alloc_inode) + offset!(inode_i_ino));
            }
        } else {
            return None;
        }
    } else if mode == S_IFCHR {
        if read::<u64>(sb, offset!(sb_s_magic)) as u32 != DEVPTS_MAGIC {
            return None;
        }
        stream.class = STREAM_TTY;
    }
    // SAFETY: copied out at once.
    let policy = unsafe { STREAMS.get(Key { ino: stream.ino, dev: stream.dev, pad: 0 }) };
    if policy.is_some_and(|policy| *policy == POLICY_IGNORE) {
        return None;
    }
    Some(stream)
}

#[inline(always)]
fn plain(ctx: &TracePointContext, dir: u16) {
    let total = returned(ctx);
    if total <= 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    let fd = kernel::argument(0);
    whole(scope, kernel::file_of(fd), fd, dir, Bytes { base: kernel::argument(1), total: total as u64 });
}

/// Delivers what was moved in one piece through `file`, whose descriptor is `fd`.
#[inline(always)]
pub fn whole(scope: Scope, file: u64, fd: u64, dir: u16, bytes: Bytes) {
    let Some(stream) = stream_of_file(file, &scope, dir) else { return };
    let Some(scratch) = emit::scratch() else { return };
    let most = most(&stream, bytes.total);
    Part::whole(data(&stream, fd, dir, bytes.total), scope, scratch, Bytes { total: most, ..bytes }).take();
}

/// The same for what was moved in pieces.
#[inline(always)]
pub fn in_pieces(scope: Scope, file: u64, fd: u64, dir: u16, pieces: Pieces) {
    let Some(stream) = stream_of_file(file, &scope, dir) else { return };
    let Some(scratch) = emit::scratch() else { return };
    let most = most(&stream, pieces.total);
    Part::in_pieces(data(&stream, fd, dir, pieces.total), scope, scratch, Pieces { total: most, ..pieces }).take();
}

/// How many bytes of a call are taken; what is beyond is told as a gap.
#[inline(always)]
fn most(stream: &Stream, total: u64) -> u64 {
    if stream.class == STREAM_TCP && total > TCP_MOST { TCP_MOST } else { total }
}

/// Bytes that were moved but can't be read.
#[inline(always)]
pub fn unread(scope: &Scope, file: u64, fd: u64, dir: u16, total: u64, reason: u16) {
    if let Some(stream) = stream_of_file(file, scope, dir) {
        gap(&data(&stream, fd, dir, total), scope, total, reason);
    }
}

#[inline(always)]
fn vectored(ctx: &TracePointContext, dir: u16, message: bool) {
    let total = returned(ctx);
    if total <= 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    let fd = kernel::argument(0);
    let pieces = if message {
        Pieces::of_message(kernel::argument(1), total as u64)
    } else {
        Pieces { iovec: kernel::argument(1), iovecs: kernel::argument(2), total: total as u64 }
    };
    in_pieces(scope, kernel::file_of(fd), fd, dir, pieces);
}

#[inline(always)]
fn data(stream: &Stream, fd: u64, dir: u16, total: u64) -> Data {
    let tcp = stream.class == STREAM_TCP;
    Data {
        ino: stream.ino,
        peer: stream.peer,
        total,
        offset: 0,
        data_len: 0,
        dev: stream.dev,
        fd: if tcp { stream.ports as i32 } else { fd as i32 },
        dir: if tcp { dir | DIR_TCP } else { dir },
        class: stream.class,
    }
}

#[inline(always)]
fn moved(ctx: &TracePointContext, from: u64, to: u64) {
    let total = returned(ctx);
    if total <= 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    if let Some(stream) = stream_of(from, &scope, DIR_READ) {
        gap(&data(&stream, from, DIR_READ, total as u64), &scope, total as u64, GAP_SPLICE);
    }
    if let Some(stream) = stream_of(to, &scope, DIR_WRITE) {
        gap(&data(&stream, to, DIR_WRITE, total as u64), &scope, total as u64, GAP_SPLICE);
    }
}
