//! Which processes are in scope, one bit for each process number.

/// Most process numbers that a kernel gives out (`PID_MAX_LIMIT`, include/linux/threads.h, 64-bit).
pub const PIDS: u32 = 4 << 20;

/// Words of the bitmap.
pub const MARK_WORDS: u32 = PIDS / u64::BITS;

/// Word and bit of a thread group.
#[must_use]
#[inline(always)]
pub const fn mark(tgid: u32) -> (u32, u64) {
    (tgid / u64::BITS, 1 << (tgid % u64::BITS))
}
