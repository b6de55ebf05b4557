//! From the kernel's boot clock to wall time, by one offset sampled at start.

use monitor_core::time::Time;
use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_BOOTTIME`, the clock of every kernel record.
#[must_use]
pub fn boot_now() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME)
}

/// The session's offset: wall time never jumps within a session, whatever is done to the clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    offset: u64,
}

impl Clock {
    /// Samples the offset now.
    #[must_use]
    pub fn sample() -> Self {
        Self { offset: nanoseconds(ClockId::CLOCK_REALTIME).saturating_sub(boot_now()) }
    }

    /// Wall time of a boot-clock reading.
    #[must_use]
    pub const fn wall(self, boot: u64) -> Time {
        Time(boot.saturating_add(self.offset))
    }

    /// Wall time now.
    #[must_use]
    pub fn now(self) -> Time {
        self.wall(boot_now())
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let Ok(time) = clock_gettime(clock) else { return 0 };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
