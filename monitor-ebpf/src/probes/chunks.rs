//! The bytes of one call, from the process's memory to the payload ring: in chunks of a few size classes, whatever pieces
//! the process had them in. What can't be delivered is told as a gap of its stream.

use aya_ebpf::bindings::{BPF_NOEXIST, BPF_RB_AVAIL_DATA};
use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{
    bpf_loop, bpf_probe_read_user, bpf_ringbuf_discard, bpf_ringbuf_query, bpf_ringbuf_reserve, bpf_ringbuf_submit,
};
use monitor_abi::config::Scope;
use monitor_abi::header::{Header, KIND_STREAM, KIND_STREAM_GAP};
use monitor_abi::stats;
use monitor_abi::stream::{CHUNK_LARGE, CHUNK_MEDIUM, Data, GAP_READ_FAULT, GAP_RING_FULL, GAP_TOO_LONG, Gap, Key};

use crate::emit::{self, Claim, Fixed, PAYLOAD_RING};
use crate::kernel;
use crate::maps::{Chunks, MISSED, MISSING, PAYLOAD_BYTES};

/// Most turns of the loop over one system call's bytes: 16 MiB in large chunks, the rest in medium ones, and 1024
/// iovecs (`UIO_MAXIOV`). What is beyond is a gap.
const TURNS: u32 = 2048;

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

/// The bytes of one system call, delivered in chunks.
pub struct Part {
    data: Data,
    scope: Scope,
    scratch: Claim,
}

impl Part {
    /// What was moved in one piece.
    #[inline(always)]
    pub fn whole(data: Data, scope: Scope, mut scratch: Claim, bytes: Bytes) -> Self {
        let Bytes { base, total } = bytes;
        scratch.chunks = Chunks { base, left: total, total: 0, offset: 0, iovec: 0, iovecs: 0 };
        Self { data, scope, scratch }
    }

    /// What was moved in pieces.
    #[inline(always)]
    pub fn in_pieces(data: Data, scope: Scope, mut scratch: Claim, pieces: Pieces) -> Self {
        let Pieces { iovec, iovecs, total } = pieces;
        scratch.chunks = Chunks { base: 0, left: 0, total, offset: 0, iovec, iovecs };
        Self { data, scope, scratch }
    }

    /// Delivers all bytes in as many chunks as it takes.
    #[inline(always)]
    pub fn take(&mut self) {
        // bpf_loop (5.17): the verifier proves one turn, not every path through all of them.
        // SAFETY: the callback takes this very type, and the loop ends before the borrow does.
        unsafe { bpf_loop(TURNS, turn as *mut c_void, core::ptr::from_mut(self).cast(), 0) };
        // what the loop had no turns for, and what it wasn't given
        let (total, done) = (self.data.total, self.scratch.chunks.offset);
        if total > done {
            self.skip(total - done, GAP_TOO_LONG);
        }
    }

    /// One chunk, or one step to the next iovec. False when all is done.
    #[inline(always)]
    fn turn(&mut self) -> bool {
        let left = self.scratch.chunks.left;
        if left == 0 {
            return self.next_iovec();
        }
        if !resume(&self.data, &self.scope) {
            self.skip(left, GAP_RING_FULL);
            return true;
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
        if !emit::payload(self.scratch.record.as_ptr(), size) {
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
        if reason != GAP_RING_FULL || is_first(&self.data, bytes) {
            gap_within(&self.data, &self.scope, bytes, reason);
        }
        self.advance(bytes);
    }
}

/// Callback of `bpf_loop`: 0 goes on, 1 stops.
unsafe extern "C" fn turn(_index: u64, part: *mut Part) -> i64 {
    // SAFETY: bpf_loop hands through the pointer that `take` gave it.
    let part = unsafe { &mut *part };
    i64::from(!part.turn())
}

/// Notes that bytes of a stream didn't fit the ring. True for the first since the stream was last delivered: of the others
/// there may be more than the security ring holds, so that they are told of together, when the stream goes on.
#[inline(never)]
fn is_first(data: &Data, bytes: u64) -> bool {
    let key = missed_key(data);
    if let Some(missed) = MISSED.get_ptr_mut(key) {
        // SAFETY: a map value.
        unsafe { emit::add(missed, bytes) };
        return false;
    }
    if MISSED.insert(key, 0, BPF_NOEXIST.into()).is_ok()
        && let Some(missing) = MISSING.get_ptr_mut(0)
    {
        // SAFETY: a map value.
        unsafe { emit::add(missing, 1) };
    }
    true
}

/// Whether the bytes of a stream can be delivered: those before it were, or it is told here how many weren't. Not before
/// there is room for many, so that a full ring isn't a record of a few bytes and a gap in turn.
#[inline(never)]
fn resume(data: &Data, scope: &Scope) -> bool {
    if MISSING.get(0).is_none_or(|missing| *missing == 0) {
        return true;
    }
    let key = missed_key(data);
    // SAFETY: copied out at once.
    let Some(bytes) = (unsafe { MISSED.get(key) }).copied() else { return true };
    // SAFETY: the ring is a map.
    let used =
        unsafe { bpf_ringbuf_query(core::ptr::from_ref(PAYLOAD_RING.0).cast_mut().cast(), BPF_RB_AVAIL_DATA.into()) };
    if used > PAYLOAD_BYTES - PAYLOAD_BYTES / 8 {
        return false;
    }
    forget(key);
    if bytes > 0 {
        gap_within(data, scope, bytes, GAP_RING_FULL);
    }
    true
}

/// A stream misses nothing any more, or is none.
#[inline(always)]
pub fn forget(key: Key) {
    if MISSED.remove(key).is_ok()
        && let Some(missing) = MISSING.get_ptr_mut(0)
    {
        // SAFETY: a map value.
        unsafe { emit::add(missing, u64::MAX) };
    }
}

#[inline(always)]
fn missed_key(data: &Data) -> Key {
    Key { ino: data.ino, dev: data.dev, pad: data.dir.into() }
}

/// Says on the security ring that bytes are missing, so that only the stream concerned is marked.
#[inline(never)] // a frame of its own
pub fn gap(data: &Data, scope: &Scope, bytes: u64, reason: u16) {
    emit::send(KIND_STREAM_GAP, 0, scope, missing(data, bytes, reason));
}

/// The same from within the loop.
#[inline(never)] // a frame of its own: main, callback and this must fit into 512 bytes together
fn gap_within(data: &Data, scope: &Scope, bytes: u64, reason: u16) {
    emit::send_deep(KIND_STREAM_GAP, 0, scope, missing(data, bytes, reason));
}

#[inline(always)]
fn missing(data: &Data, bytes: u64, reason: u16) -> Gap {
    Gap { ino: data.ino, peer: data.peer, bytes, dev: data.dev, dir: data.dir, reason }
}

const _: () = assert!(size_of::<Fixed<Data>>() == size_of::<Header>() + size_of::<Data>());
