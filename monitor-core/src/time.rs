//! Time comes in with the event: the core reads no clock.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch.
///
/// The agent derives it from the kernel's `CLOCK_BOOTTIME` plus one offset sampled at start, so within a session it
/// never goes backwards when the wall clock is stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// Nanoseconds from `earlier` to `self`, 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `ns` nanoseconds, saturating.
    #[must_use]
    pub const fn plus(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// RFC 3339 in UTC with nine fractional digits.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let seconds = i64::try_from(self.0 / 1_000_000_000).unwrap_or(i64::MAX);
        let nanos = i32::try_from(self.0 % 1_000_000_000).unwrap_or(0);
        match jiff::Timestamp::new(seconds, nanos) {
            Ok(time) => format!("{time:.9}"),
            Err(_) => "9999-12-31T23:59:59.999999999Z".to_owned(),
        }
    }
}

/// One millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;
