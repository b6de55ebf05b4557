//! The one reader of the rings: drains both, orders by kernel time, notices gaps, and sleeps when nothing flows.
//!
//! While records flow it looks every millisecond (a wake-up per record would cost the watched process 1 to 8 µs each).
//! When it has seen nothing for a while it sets `Control::asleep`, looks once more, and waits: the next record wakes it, or
//! the session's tick, after which it looks once.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use aya::maps::{Array, MapData};
use monitor_abi::config::Control;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::load::ControlValue;
use super::merge::Merge;
use super::ring::Ring;

/// Pause between looks while records flow.
const LOOK: Duration = Duration::from_millis(1);
/// Empty looks before the reader goes to sleep.
const IDLE_LOOKS: u32 = 20;

/// A record, as a look shows it.
#[derive(Debug)]
pub enum Look<'a> {
    /// What came of a connection, before its turn.
    Ahead(&'a [u8]),
    /// The next one, in time order.
    Due(&'a [u8]),
}

/// Records lost since the last question, by ring, as the sequence numbers prove, and those that came too late for their
/// place in the order of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Security ring.
    pub security: u64,
    /// Payload ring.
    pub payload: u64,
    /// Late, security ring.
    pub late_security: u64,
    /// Late, payload ring.
    pub late_payload: u64,
}

/// See the module documentation.
pub struct Reader {
    merge: Merge,
    control: Array<MapData, ControlValue>,
    settings: Control,
    empty_looks: u32,
}

impl Reader {
    /// Takes over the rings (security, payload). `settings.asleep` is the reader's own.
    pub fn new(rings: (Ring, Ring), control: Array<MapData, ControlValue>, settings: Control) -> Self {
        let mut reader = Self { merge: Merge::new(rings), control, settings, empty_looks: 0 };
        reader.set_asleep(false);
        reader
    }

    /// Looks once. `now` is `CLOCK_BOOTTIME` in nanoseconds, taken before the call. Calls `each` for every record that is
    /// old enough, in time order, and before that for what came of connections, however young, since it may complete what
    /// is handed out now; returns up to which time everything has been handed out.
    pub fn look(&mut self, now: u64, mut each: impl FnMut(Look<'_>)) -> u64 {
        let (before, any) = self.merge.look(now, &mut each);
        if any {
            self.empty_looks = 0;
        } else {
            self.empty_looks = self.empty_looks.saturating_add(1);
        }
        before
    }

    /// Hands out everything that is there, however young: for the end.
    pub fn flush(&mut self, mut each: impl FnMut(Look<'_>)) {
        self.merge.flush(&mut each);
    }

    /// Waits until the next look is due: a millisecond while records flow, else until one comes, `other` is readable,
    /// or `longest` has passed.
    pub fn wait(&mut self, longest: Duration, other: &[BorrowedFd<'_>]) {
        if self.merge.take_busy() {
            return;
        }
        if self.empty_looks < IDLE_LOOKS {
            std::thread::sleep(LOOK);
            return;
        }
        // Who wakes because something came looks on for a while; because time has passed, once.
        self.empty_looks = 0;
        self.set_asleep(true);
        if self.merge.sources.iter().all(|source| !source.has_more()) {
            let mut fds: Vec<PollFd<'_>> =
                self.merge.sources.iter().map(|source| PollFd::new(source.ring.as_fd(), PollFlags::POLLIN)).collect();
            fds.extend(other.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
            if poll(&mut fds, timeout) == Ok(0) {
                self.empty_looks = IDLE_LOOKS.saturating_sub(1);
            }
        }
        self.set_asleep(false);
    }

    /// Losses since the last call.
    pub fn lost(&mut self) -> Lost {
        self.merge.lost()
    }

    fn set_asleep(&mut self, asleep: bool) {
        self.settings.asleep = u32::from(asleep);
        if let Err(error) = self.control.set(0, ControlValue(self.settings), 0) {
            tracing::warn!(%error, "cannot set the reader's state; wake-ups may be late");
        }
    }
}
