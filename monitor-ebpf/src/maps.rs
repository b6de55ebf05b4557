//! Every map, its size and its lifetime.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use monitor_abi::config::{Conn, Control, Scope};
use monitor_abi::header::Header;
use monitor_abi::process::{ARGV_MAX, PATH_MAX};
use monitor_abi::{file, scope, stats, stream};

/// Security events. Small records; the agent may resize it at load.
#[map]
pub static SECURITY: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Payload bytes, so that a flood of them can't push out a credential read.
#[map]
pub static PAYLOAD: RingBuf = RingBuf::with_byte_size(PAYLOAD_BYTES as u32, 0);

/// Size of that ring.
pub const PAYLOAD_BYTES: u64 = 16 << 20;

/// Processes in scope, by thread group. Written by the agent (roots) and by fork; removed at exit.
#[map]
pub static SCOPES: HashMap<u32, Scope> = HashMap::with_max_entries(32768, 0);

/// One bit for each process number: set while the process may be in [`SCOPES`]. Nearly every call on a host is made by a
/// process that isn't, and an array's element costs a few instructions where a hash table costs a call. The bits only
/// ever say "look there": one too many costs that look.
#[map]
pub static MARKS: Array<u64> = Array::with_max_entries(scope::MARK_WORDS, BPF_F_MMAPABLE);

/// Threads of processes in scope other than the first, and the process of each: system calls may name any of them. Written
/// by the agent (roots that have threads already) and by fork.
#[map]
pub static THREADS: LruHashMap<u32, u32> = LruHashMap::with_max_entries(16384, 0);

/// Streams that the agent has judged.
#[map]
pub static STREAMS: LruHashMap<stream::Key, u32> = LruHashMap::with_max_entries(16384, 0);

/// Streams (`pad` is the direction) of which bytes didn't fit the payload ring, and how many of them no record tells of.
#[map]
pub static MISSED: HashMap<stream::Key, u64> = HashMap::with_max_entries(4096, 0);

/// How many entries that has: nearly always none, so that nobody has to look.
#[map]
pub static MISSING: Array<u64> = Array::with_max_entries(1, 0);

/// What a thread called a TLS library with, until that returns.
#[map]
pub static TLS_CALLS: LruHashMap<u64, TlsCall> = LruHashMap::with_max_entries(4096, 0);

/// Connections of TLS libraries of which bytes were told: the generation of each address.
#[map]
pub static TLS_CHANNELS: LruHashMap<stream::Key, u32> = LruHashMap::with_max_entries(16384, 0);

/// Arguments of such a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TlsCall {
    /// The library's object.
    pub channel: u64,
    /// Where the bytes are.
    pub buffer: u64,
    /// Where it says how many were moved, if that isn't what it returns.
    pub done: u64,
}

/// Files whose use counts as an open, however the descriptor was come by: known credential files. Written by the agent.
#[map]
pub static SENSITIVE: HashMap<file::Identity, u32> = HashMap::with_max_entries(16384, 0);

/// Which watched process has opened or used which sensitive file already: each is told once.
#[map]
pub static USED: LruHashMap<file::Identity, u32> = LruHashMap::with_max_entries(16384, 0);

/// When each server last opened or used a sensitive file (`bpf_ktime_get_boot_ns`).
#[map]
pub static HELD: LruHashMap<u32, u64> = LruHashMap::with_max_entries(1024, 0);

/// When a datagram of a connected socket was last told, by socket, destination and process.
#[map]
pub static DATAGRAMS: LruHashMap<file::Identity, u64> = LruHashMap::with_max_entries(16384, 0);

/// Connections of watched processes, by socket cookie, until they close.
#[map]
pub static CONNS: LruHashMap<u64, Conn> = LruHashMap::with_max_entries(65536, 0);

/// A mark on each socket that may be in [`CONNS`], kept by the socket itself: every packet of the host is asked for it, and
/// a socket without any answers by one word. It goes with the socket; one that is in [`CONNS`] no more costs a look there.
#[btf_map]
pub static SOCKETS: SkStorage<u32> = SkStorage::new();

/// How much of a connection's beginning was told, by cookie; the highest bit is the direction.
#[map]
pub static BEGUN: LruHashMap<u64, Begun> = LruHashMap::with_max_entries(16384, 0);

/// Where a TCP stream began, and what of it comes next.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Begun {
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Bytes told so far; all ones: nothing more of it matters.
    pub next: u32,
}

/// Switches and the reader's state.
#[map]
pub static CONTROL: Array<Control> = Array::with_max_entries(1, 0);

/// Counters by reason.
#[map]
pub static STATS: PerCpuArray<u64> = PerCpuArray::with_max_entries(stats::COUNT, 0);

/// What was lost of each scope's own records, by reason: written before [`STATS`] counts the same, read and removed by the
/// agent.
#[map]
pub static LOST: HashMap<stats::Lost, u64> = HashMap::with_max_entries(4096, 0);

/// Sequence numbers per ring.
#[map]
pub static SEQUENCE: PerCpuArray<u64> = PerCpuArray::with_max_entries(2, 0);

/// Most bytes of a record that is built in scratch space: head, fixed part, and a tail of two paths and argv.
pub const RECORD_MAX: usize = 16384;

/// Where a record is put together. LSM, fentry and fexit programs can be preempted by another task's on the same CPU
/// (migration is off, preemption isn't), so there are a few per CPU, and [`crate::emit::scratch`] takes a free one.
#[repr(C)]
pub struct Scratch {
    /// How many programs use this one: more than 1 means that it was taken.
    pub users: u64,
    /// The record.
    pub record: [u8; RECORD_MAX],
    /// A path, written from its end to its start.
    pub path: [u8; PATH_BUF + 256],
    /// State of the walk, kept here so that the verifier sees each turn of the loop alike.
    pub dentry: u64,
    pub mount: u64,
    pub at: u64,
    pub cut: u64,
    /// State of the loop over a stream's chunks, for the same reason.
    pub chunks: Chunks,
}

/// Where the loop over the bytes of one system call stands.
#[repr(C)]
pub struct Chunks {
    /// Next byte of the current buffer, and how many are left in it.
    pub base: u64,
    pub left: u64,
    /// Bytes that the call moved and that are not in a buffer yet looked at.
    pub total: u64,
    /// Bytes delivered (or accounted for) so far.
    pub offset: u64,
    /// Next iovec, and how many are left.
    pub iovec: u64,
    pub iovecs: u64,
}

/// Room for a path plus the largest single component before it.
pub const PATH_BUF: usize = PATH_MAX + 256;

/// Scratch spaces per CPU.
pub const SLOTS: u32 = 3;

#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(SLOTS, 0);

const _: () = assert!(RECORD_MAX >= size_of::<Header>() + 64 + 2 * PATH_MAX + ARGV_MAX);
