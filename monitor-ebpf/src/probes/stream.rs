//! The bytes of MCP transports: pipes, unix stream sockets, terminals, whatever the descriptor number.
//!
//! Bytes are taken when the system call returns: the pages are present then, and only what was really moved is taken.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{
    bpf_loop, bpf_probe_read_user, bpf_ringbuf_discard, bpf_ringbuf_reserve, bpf_ringbuf_submit,
};
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use monitor_abi::config::Scope;
use monitor_abi::header::{Header, KIND_STREAM, KIND_STREAM_GAP};
use monitor_abi::stats;
use monitor_abi::stream::{
    CHUNK_LARGE, CHUNK_MEDIUM, DIR_READ, DIR_WRITE, Data, GAP_READ_FAULT, GAP_RING_FULL, GAP_SPLICE, GAP_TOO_LONG, Gap,
    Key, POLICY_IGNORE, STREAM_PIPE, STREAM_TTY, STREAM_UNIX,
};

use super::file::returned;
use crate::emit::{self, Claim, Fixed, PAYLOAD_RING};
use crate::kernel::{self, offset, read};
use crate::maps::{Chunks, STREAMS};
use crate::scope;

/// Most turns of the loop over one system call's bytes: 16 MiB in large chunks, the rest in medium ones, and 1024
/// iovecs (`UIO_MAXIOV`). What is beyond is a gap.
const TURNS: u32 = 2048;

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFSOCK: u32 = 0o140_000;
const S_IFCHR: u32 = 0o020_000;
const AF_UNIX: u16 = 1;
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;
const SOCK_SEQPACKET: u16 = 5;
/// `TTYAUX_MAJOR` to `UNIX98_PTY_SLAVE_MAJOR` and the classic ttys (include/uapi/linux/major.h); `st_rdev` isn't read:
/// the file system of terminals is devpts.
const DEVPTS_MAGIC: u32 = 0x1cd1;

/// `read(fd, buf, n)`, `pread64(fd, buf, n, …)`, `recvfrom(fd, buf, n, …)`.
#[tracepoint]
pub fn read_exit(ctx: TracePointContext) -> u32 {
    plain(&ctx, DIR_READ);
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

/// `writev(fd, iov, n)`.
#[tracepoint]
pub fn writev_exit(ctx: TracePointContext) -> u32 {
    vectored(&ctx, DIR_WRITE, false);
    0
}

/// `recvmsg(fd, msghdr, flags)`.
#[tracepoint]
pub fn recvmsg_exit(ctx: TracePointContext) -> u32 {
    vectored(&ctx, DIR_READ, true);
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

/// `sendmmsg(fd, …)`: datagrams only; streams aren't written with it.
#[tracepoint]
pub fn sendmmsg_exit(ctx: TracePointContext) -> u32 {
    if returned(&ctx) > 0
        && let Some(scope) = scope::watched()
    {
        let _datagram = stream_of(kernel::argument(0), &scope, DIR_WRITE);
    }
    0
}

/// What a descriptor is, if its bytes matter.
#[derive(Clone, Copy)]
struct Stream {
    ino: u64,
    peer: u64,
    dev: u32,
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
        if family != AF_UNIX || (kind != SOCK_STREAM && kind != SOCK_SEQPACKET) {
            return None;
        }
        stream.class = STREAM_UNIX;
        let peer: u64 = read(sk, offset!(unix_peer));
        let peer_socket: u64 = read(peer, offset!(sock_sk_socket));
        if peer_socket != 0 {
            // struct socket_alloc { struct socket socket; struct inode vfs_inode; } (include/net/sock.h)
            stream.peer = read(peer_socket, offset!(socket_alloc_inode) + offset!(inode_i_ino));
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

/// Bytes in one piece of the process's memory.
pub struct Bytes {
    pub base: u64,
    pub total: u64,
}

/// Bytes in pieces: an array of `struct iovec` in the process's memory.
pub struct Pieces {
    pub iovec: u64,
    pub iovecs: u64,
    pub total: u64,
}

impl Pieces {
    /// Those of a `struct user_msghdr { name, namelen, iov (16), iovlen (24), … }` (include/linux/socket.h).
    #[inline(always)]
    pub fn of_message(header: u64, total: u64) -> Self {
        let iovec = kernel::read_user::<u64>(header + 16).unwrap_or_default();
        let iovecs = kernel::read_user::<u64>(header + 24).unwrap_or_default();
        Self { iovec, iovecs, total }
    }
}

/// Delivers what was moved in one piece through `file`, whose descriptor is `fd`.
#[inline(always)]
pub fn whole(scope: Scope, file: u64, fd: u64, dir: u16, bytes: Bytes) {
    let Some(stream) = stream_of_file(file, &scope, dir) else { return };
    let Some(mut scratch) = emit::scratch() else { return };
    let Bytes { base, total } = bytes;
    scratch.chunks = Chunks { base, left: total, total: 0, offset: 0, iovec: 0, iovecs: 0 };
    Part { data: data(&stream, fd, dir, total), scope, scratch }.take();
}

/// The same for what was moved in pieces.
#[inline(always)]
pub fn in_pieces(scope: Scope, file: u64, fd: u64, dir: u16, pieces: Pieces) {
    let Some(stream) = stream_of_file(file, &scope, dir) else { return };
    let Some(mut scratch) = emit::scratch() else { return };
    let Pieces { iovec, iovecs, total } = pieces;
    scratch.chunks = Chunks { base: 0, left: 0, total, offset: 0, iovec, iovecs };
    Part { data: data(&stream, fd, dir, total), scope, scratch }.take();
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
    Data {
        ino: stream.ino,
        peer: stream.peer,
        total,
        offset: 0,
        data_len: 0,
        dev: stream.dev,
        fd: fd as i32,
        dir,
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

/// The bytes of one system call, delivered in chunks.
struct Part {
    data: Data,
    scope: Scope,
    scratch: Claim,
}

impl Part {
    /// Delivers all bytes in as many chunks as it takes.
    #[inline(always)]
    fn take(&mut self) {
        // bpf_loop (5.17): the verifier proves one turn, not every path through all of them.
        // SAFETY: the callback takes this very type, and the loop ends before the borrow does.
        unsafe { bpf_loop(TURNS, turn as *mut c_void, core::ptr::from_mut(self).cast(), 0) };
        let left = self.scratch.chunks.left + self.scratch.chunks.total;
        if left > 0 {
            self.skip(left, GAP_TOO_LONG);
        }
    }

    /// One chunk, or one step to the next iovec. False when all is done.
    #[inline(always)]
    fn turn(&mut self) -> bool {
        let left = self.scratch.chunks.left;
        if left == 0 {
            return self.next_iovec();
        }
        if left >= CHUNK_LARGE as u64 {
            self.reserve::<{ CHUNK_LARGE }>();
        } else if left >= CHUNK_MEDIUM as u64 {
            self.reserve::<{ CHUNK_MEDIUM }>();
        } else {
            self.small();
        }
        true
    }

    #[inline(always)]
    fn next_iovec(&mut self) -> bool {
        let chunks = &mut self.scratch.chunks;
        if chunks.total == 0 {
            return false;
        }
        if chunks.iovecs == 0 {
            let missing = chunks.total;
            chunks.total = 0;
            self.skip(missing, GAP_TOO_LONG);
            return false;
        }
        // struct iovec { void *base; size_t len; }
        let Some([base, len]) = kernel::read_user::<[u64; 2]>(chunks.iovec) else {
            let missing = chunks.total;
            chunks.total = 0;
            self.skip(missing, GAP_READ_FAULT);
            return false;
        };
        let take = if len < chunks.total { len } else { chunks.total };
        chunks.iovec += 16;
        chunks.iovecs -= 1;
        chunks.base = base;
        chunks.left = take;
        chunks.total -= take;
        true
    }

    #[inline(always)]
    fn head(&self, len: u64) -> Fixed<Data> {
        let total = size_of::<Fixed<Data>>() as u64 + len;
        Fixed {
            head: emit::head(KIND_STREAM, 0, &self.scope, PAYLOAD_RING.1, total as u32),
            body: Data { data_len: len as u32, offset: self.scratch.chunks.offset, ..self.data },
        }
    }

    /// A full chunk of a size class, copied once.
    #[inline(always)]
    fn reserve<const N: usize>(&mut self) {
        let fixed = self.head(N as u64);
        let size = (size_of::<Fixed<Data>>() + N) as u64;
        // SAFETY: the ring is a map, the size a constant; the slot is submitted or discarded on every way out.
        unsafe {
            let ring = core::ptr::from_ref(PAYLOAD_RING.0).cast_mut().cast();
            let slot = bpf_ringbuf_reserve(ring, size, 0).cast::<u8>();
            if slot.is_null() {
                emit::count(stats::PAYLOAD_FULL);
                self.skip(N as u64, GAP_RING_FULL);
                return;
            }
            core::ptr::write(slot.cast::<Fixed<Data>>(), fixed);
            let source = self.scratch.chunks.base as *const _;
            let done = bpf_probe_read_user(slot.add(size_of::<Fixed<Data>>()).cast(), N as u32, source);
            if done < 0 {
                bpf_ringbuf_discard(slot.cast(), emit::wake_flag());
                emit::count(stats::READ_FAULT);
                self.skip(N as u64, GAP_READ_FAULT);
                return;
            }
            bpf_ringbuf_submit(slot.cast(), emit::wake_flag());
        }
        emit::count(stats::PAYLOAD_SENT);
        self.advance(N as u64);
    }

    /// Less than a medium chunk, at its exact size by way of the scratch.
    #[inline(always)]
    fn small(&mut self) {
        let len = self.scratch.chunks.left & (CHUNK_MEDIUM as u64 - 1);
        let fixed = self.head(len);
        let at = size_of::<Fixed<Data>>();
        // SAFETY: the scratch record is larger than the head and a medium chunk.
        let done = unsafe {
            let source = self.scratch.chunks.base as *const _;
            core::ptr::write(self.scratch.record.as_mut_ptr().cast::<Fixed<Data>>(), fixed);
            bpf_probe_read_user(self.scratch.record.as_mut_ptr().add(at).cast(), len as u32, source)
        };
        if done < 0 {
            emit::count(stats::READ_FAULT);
            self.skip(len, GAP_READ_FAULT);
            return;
        }
        let size = at as u64 + len;
        if !emit::output(PAYLOAD_RING.0, self.scratch.record.as_ptr(), size, stats::PAYLOAD_FULL, stats::PAYLOAD_SENT) {
            self.skip(len, GAP_RING_FULL);
            return;
        }
        self.advance(len);
    }

    #[inline(always)]
    fn advance(&mut self, bytes: u64) {
        let chunks = &mut self.scratch.chunks;
        chunks.base += bytes;
        chunks.left = chunks.left.saturating_sub(bytes);
        chunks.offset += bytes;
    }

    #[inline(always)]
    fn skip(&mut self, bytes: u64, reason: u16) {
        gap(&self.data, &self.scope, bytes, reason);
        self.advance(bytes);
    }
}

/// Callback of `bpf_loop`: 0 goes on, 1 stops.
unsafe extern "C" fn turn(_index: u64, part: *mut Part) -> i64 {
    // SAFETY: bpf_loop hands through the pointer that `take` gave it.
    let part = unsafe { &mut *part };
    i64::from(!part.turn())
}

/// Says on the security ring that bytes are missing, so that only the stream concerned is marked.
#[inline(never)] // a frame of its own: main, callback and this must fit into 512 bytes together
fn gap(data: &Data, scope: &Scope, bytes: u64, reason: u16) {
    let body = Gap { ino: data.ino, peer: data.peer, bytes, dev: data.dev, dir: data.dir, reason };
    emit::send(KIND_STREAM_GAP, 0, scope, body);
}

const _: () = assert!(size_of::<Fixed<Data>>() == size_of::<Header>() + size_of::<Data>());
