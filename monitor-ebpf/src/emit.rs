//! Putting records on the rings, and accounting for those that don't fit.
//!
//! The sequence number is taken before space is asked for, so that a gap proves a loss even if the counters were
//! wrong. The reader is not woken per record (that costs 1 to 8 µs in the watched call): it looks by itself while
//! records flow, and asks to be woken only when it goes to sleep.

use core::ops::{Deref, DerefMut};
use core::ptr;

use aya_ebpf::bindings::{BPF_NOEXIST, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_get_smp_processor_id, bpf_ktime_get_boot_ns,
    bpf_probe_read_kernel, bpf_probe_read_user, bpf_ringbuf_output,
};
use aya_ebpf::maps::RingBuf;
use monitor_abi::config::Scope;
use monitor_abi::header::{Header, RING_PAYLOAD, RING_SECURITY};
use monitor_abi::stats::{self, Lost};

use crate::maps::{CONTROL, LOST, PAYLOAD, RECORD_MAX, SCRATCH, SECURITY, SEQUENCE, SLOTS, STATS, Scratch};

/// Counts one occurrence.
#[inline(always)]
pub fn count(reason: u32) {
    if let Some(counter) = STATS.get_ptr_mut(reason) {
        // SAFETY: a per-CPU slot; a nested program can at worst lose one count.
        unsafe { *counter += 1 };
    }
}

/// Notes whose records were lost, before that is counted: `times` is 0 where none was. A full table leaves them nobody's.
#[inline(never)] // out of the way of what goes well; a frame of its own
pub fn lose(server: u32, reason: u32, times: u64) {
    if server == 0 || times == 0 {
        return;
    }
    let key = Lost { scope: server, reason };
    if let Some(lost) = LOST.get_ptr_mut(key) {
        // SAFETY: a map value.
        unsafe { add(lost, times) };
        return;
    }
    let _full_or_raced = LOST.insert(key, times, BPF_NOEXIST.into());
}

/// Wake-up flag for the next record: none while the reader is awake.
#[inline(always)]
pub fn wake_flag() -> u64 {
    if let Some(control) = CONTROL.get_ptr_mut(0) {
        // SAFETY: one word, written by the reader and cleared here; a lost race costs one extra wake-up.
        unsafe {
            if ptr::read_volatile(&raw const (*control).asleep) != 0 {
                ptr::write_volatile(&raw mut (*control).asleep, 0);
                return u64::from(BPF_RB_FORCE_WAKEUP);
            }
        }
    }
    u64::from(BPF_RB_NO_WAKEUP)
}

/// Next sequence number of a ring on this CPU.
#[inline(always)]
pub fn next_sequence(ring: u32) -> u64 {
    match SEQUENCE.get_ptr_mut(ring) {
        // SAFETY: a per-CPU slot.
        Some(sequence) => unsafe {
            *sequence += 1;
            *sequence
        },
        None => 0,
    }
}

/// Fills the head of a record for the current process.
#[inline(always)]
pub fn head(kind: u16, flags: u16, scope: &Scope, ring: u32, len: u32) -> Header {
    let ids = bpf_get_current_pid_tgid();
    Header {
        len,
        kind,
        flags,
        seq: next_sequence(ring),
        // SAFETY: no preconditions.
        time: unsafe { bpf_ktime_get_boot_ns() },
        start: scope.start,
        tgid: (ids >> 32) as u32,
        tid: ids as u32,
        // SAFETY: no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() },
        scope: scope.server,
        uid: bpf_get_current_uid_gid() as u32,
        pad: 0,
    }
}

/// A record of fixed size.
#[repr(C)]
pub struct Fixed<T> {
    pub head: Header,
    pub body: T,
}

/// Sends a record without a tail on the security ring.
#[inline(always)]
pub fn send<T>(kind: u16, flags: u16, scope: &Scope, body: T) {
    let len = size_of::<Fixed<T>>();
    let record = Fixed { head: head(kind, flags, scope, RING_SECURITY, len as u32), body };
    security(&raw const record as *const u8, len as u64, scope);
}

/// The same where the stack has no room to note whose it was if the ring is full.
#[inline(always)]
pub fn send_deep<T>(kind: u16, flags: u16, scope: &Scope, body: T) {
    let len = size_of::<Fixed<T>>();
    let record = Fixed { head: head(kind, flags, scope, RING_SECURITY, len as u32), body };
    let sent = put(&SECURITY, &raw const record as *const u8, len as u64);
    count(if sent { stats::SECURITY_SENT } else { stats::SECURITY_FULL });
}

/// Copies a record of a scope onto the security ring.
#[inline(always)]
fn security(record: *const u8, len: u64, scope: &Scope) {
    if put(&SECURITY, record, len) {
        count(stats::SECURITY_SENT);
    } else {
        lose(scope.server, stats::SECURITY_FULL, 1);
        count(stats::SECURITY_FULL);
    }
}

/// A scratch space that is this program's own until it drops this.
pub struct Claim {
    scratch: *mut Scratch,
}

/// Takes a free scratch space of this CPU. `None`, counted, if so many programs were preempted here that there is none.
#[inline(always)]
pub fn scratch() -> Option<Claim> {
    let mut slot = 0;
    while slot < SLOTS {
        let scratch = SCRATCH.get_ptr_mut(slot)?;
        // SAFETY: a per-CPU slot that lives as long as the map. Adding is one instruction, so whoever reads 1 after it
        // is alone; two that come at the same time may both go on to the next slot.
        unsafe {
            let users = &raw mut (*scratch).users;
            add(users, 1);
            if ptr::read_volatile(users) == 1 {
                return Some(Claim { scratch });
            }
            add(users, u64::MAX);
        }
        slot += 1;
    }
    count(stats::SCRATCH_BUSY);
    None
}

/// Adds in one instruction, which no other program on this CPU can divide. (The compiler's own atomic types are not
/// there for this target.)
///
/// # Safety
/// `to` is in a map value.
#[inline(always)]
pub unsafe fn add(to: *mut u64, value: u64) {
    // SAFETY: as the caller promises; the instruction (BPF_STX | BPF_ATOMIC, BPF_ADD) is as old as eBPF.
    unsafe { core::arch::asm!("lock *(u64 *)({to} + 0) += {value}", to = in(reg) to, value = in(reg) value) };
}

/// Sets bits in one instruction.
///
/// # Safety
/// `to` is in a map value.
#[inline(always)]
pub unsafe fn or(to: *mut u64, bits: u64) {
    // SAFETY: as the caller promises; BPF_ATOMIC with BPF_OR (5.12).
    unsafe { core::arch::asm!("lock *(u64 *)({to} + 0) |= {bits}", to = in(reg) to, bits = in(reg) bits) };
}

/// Clears the other bits in one instruction.
///
/// # Safety
/// `to` is in a map value.
#[inline(always)]
pub unsafe fn and(to: *mut u64, bits: u64) {
    // SAFETY: as the caller promises; BPF_ATOMIC with BPF_AND (5.12).
    unsafe { core::arch::asm!("lock *(u64 *)({to} + 0) &= {bits}", to = in(reg) to, bits = in(reg) bits) };
}

impl Deref for Claim {
    type Target = Scratch;

    #[inline(always)]
    fn deref(&self) -> &Scratch {
        // SAFETY: taken in `scratch`, nobody else has it.
        unsafe { &*self.scratch }
    }
}

impl DerefMut for Claim {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Scratch {
        // SAFETY: taken in `scratch`, nobody else has it.
        unsafe { &mut *self.scratch }
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as in `scratch`.
        unsafe { add(&raw mut (*self.scratch).users, u64::MAX) };
    }
}

/// A record being built: `at` is how much of the scratch is in use.
pub struct Builder {
    scratch: Claim,
    at: usize,
    /// 1: a part of it could not be read. A number that no branch depends on, so that the verifier follows one way only.
    faulted: u64,
}

/// Largest piece that [`Builder::append`] takes, and the mask that tells the verifier so.
const PIECE: u64 = 4096;

impl Builder {
    /// Starts a record with a fixed part of type `T`, which [`Builder::finish`] writes.
    #[inline(always)]
    pub fn new<T>(scratch: Claim) -> Self {
        Self { scratch, at: size_of::<Fixed<T>>(), faulted: 0 }
    }

    /// The scratch space, to walk a path in.
    #[inline(always)]
    pub fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// 1 if, since the last question, memory of a process in `scope` that something was to be appended from could not be
    /// read; counted.
    #[inline(always)]
    pub fn take_fault(&mut self, scope: u32, reason: u32) -> u64 {
        let faulted = core::mem::replace(&mut self.faulted, 0);
        if scope != 0 {
            lose(scope, reason, faulted);
        }
        if let Some(counter) = STATS.get_ptr_mut(reason) {
            // SAFETY: a per-CPU slot; a nested program can at worst lose one count.
            unsafe { *counter += faulted };
        }
        faulted
    }

    /// Appends the path that was walked into the scratch; returns its length.
    #[inline(always)]
    pub fn append_path(&mut self) -> u32 {
        let from = self.scratch.at & 0x1fff;
        if from >= crate::maps::PATH_BUF as u64 {
            return 0;
        }
        let len = crate::maps::PATH_BUF as u64 - from;
        // SAFETY: within the scratch; the helper checks the source.
        let source = unsafe { self.scratch.path.as_ptr().add(from as usize) };
        self.append(source as u64, len, false)
    }

    /// Appends `len` bytes (at most 4096) from kernel or user memory; returns how many were appended (0 on a fault).
    #[inline(always)]
    pub fn append(&mut self, source: u64, len: u64, user: bool) -> u32 {
        let len = if len > PIECE { PIECE } else { len };
        if len == 0 || self.at > RECORD_MAX - PIECE as usize {
            return 0;
        }
        // SAFETY: at + len is within the record by the check above; the helpers check the source.
        let done = unsafe {
            let target = self.scratch.record.as_mut_ptr().add(self.at);
            if user {
                aya_ebpf::helpers::generated::bpf_probe_read_user(target.cast(), len as u32, source as *const _)
            } else {
                aya_ebpf::helpers::generated::bpf_probe_read_kernel(target.cast(), len as u32, source as *const _)
            }
        };
        if done < 0 {
            self.faulted = 1;
            return 0;
        }
        self.at += len as usize;
        len as u32
    }

    /// Appends a NUL-terminated string of user memory, at most `max` bytes (a power of two up to 4096).
    #[inline(always)]
    pub fn append_user_str(&mut self, source: u64, max: u32) -> u32 {
        if self.at > RECORD_MAX - PIECE as usize {
            return 0;
        }
        // SAFETY: as in append.
        let done: i64 = unsafe {
            let target = self.scratch.record.as_mut_ptr().add(self.at);
            aya_ebpf::helpers::generated::bpf_probe_read_user_str(target.cast(), max, source as *const _)
        };
        self.faulted |= done as u64 >> 63;
        if done <= 1 || done > i64::from(max) {
            return 0;
        }
        let len = (done - 1) as u64 & (PIECE - 1);
        self.at += len as usize;
        len as u32
    }

    /// Appends a NUL-terminated string of kernel memory (a function of its own, because the verifier of 6.1 loses the length's
    /// bounds where both are in one), at most `max` bytes (a power of two up to 4096).
    #[inline(always)]
    pub fn append_kernel_str(&mut self, source: u64, max: u32) -> u32 {
        if self.at > RECORD_MAX - PIECE as usize {
            return 0;
        }
        // SAFETY: as in append.
        let done: i64 = unsafe {
            let target = self.scratch.record.as_mut_ptr().add(self.at);
            aya_ebpf::helpers::generated::bpf_probe_read_kernel_str(target.cast(), max, source as *const _)
        };
        if done <= 1 || done > i64::from(max) {
            return 0;
        }
        let len = (done - 1) as u64 & (PIECE - 1);
        self.at += len as usize;
        len as u32
    }

    /// Writes head and fixed part and sends the record on the security ring.
    #[inline(always)]
    pub fn finish<T>(mut self, kind: u16, flags: u16, scope: &Scope, body: T) {
        let len = self.at;
        if len > RECORD_MAX {
            return;
        }
        let fixed = Fixed { head: head(kind, flags, scope, RING_SECURITY, len as u32), body };
        // SAFETY: the record is larger than any fixed part and 8-byte aligned.
        unsafe { ptr::write(self.scratch.record.as_mut_ptr().cast::<Fixed<T>>(), fixed) };
        security(self.scratch.record.as_ptr(), len as u64, scope);
    }
}

/// Copies a record onto the payload ring.
#[inline(always)]
pub fn payload(record: *const u8, len: u64) -> bool {
    let done = put(&PAYLOAD, record, len);
    count(if done { stats::PAYLOAD_SENT } else { stats::PAYLOAD_FULL });
    done
}

/// The same for what is no byte of a stream.
#[inline(always)]
pub fn packet(record: *const u8, len: u64) -> bool {
    put(&PAYLOAD, record, len)
}

#[inline(always)]
fn put(ring: &'static RingBuf, record: *const u8, len: u64) -> bool {
    // SAFETY: ring is a map; record and len describe memory that the verifier has checked.
    let done = unsafe {
        bpf_ringbuf_output(ptr::from_ref(ring).cast_mut().cast(), record.cast_mut().cast(), len, wake_flag())
    };
    done == 0
}

/// The payload ring.
pub const PAYLOAD_RING: (&RingBuf, u32) = (&PAYLOAD, RING_PAYLOAD);

/// Reads a plain value of user or kernel memory into place; used by probes for small structures.
#[inline(always)]
pub fn read_into<T>(target: &mut T, source: u64, user: bool) -> bool {
    // SAFETY: plain integers; the helper checks the source.
    let value = unsafe {
        if user { bpf_probe_read_user(source as *const T) } else { bpf_probe_read_kernel(source as *const T) }
    };
    match value {
        Ok(value) => {
            *target = value;
            true
        }
        Err(_) => false,
    }
}
