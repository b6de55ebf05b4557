//! The one reader of the rings: drains both, orders by kernel time, notices gaps, and sleeps when nothing flows.
//!
//! While records flow it looks every millisecond (a wake-up per record would cost the watched process 1 to 8 µs each).
//! When it has seen nothing for a while it sets `Control::asleep`, looks once more, and waits: the next record wakes it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use aya::maps::{Array, MapData, RingBuf};
use monitor_abi::config::Control;
use monitor_abi::header::{Header, KIND_SOCK_STATE};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::decode;
use super::load::ControlValue;

/// Pause between looks while records flow.
const LOOK: Duration = Duration::from_millis(1);
/// Empty looks before the reader goes to sleep.
const IDLE_LOOKS: u32 = 20;
/// Between taking its time and being visible in its ring a record needs less than this, nanoseconds. Records younger
/// than the look minus this stay for the next look, so that an older one from the other ring can't come late.
const SETTLE: u64 = 1_000_000;
/// Most bytes taken from the rings in one look: bounds memory; the rest stays in the rings.
const LOOK_BYTES: usize = 8 << 20;

/// Records of one look, in one allocation that is reused.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// (time, ring and CPU order, offset, length)
    index: Vec<(u64, u64, u32, u32)>,
}

impl Batch {
    fn push(&mut self, head: &Header, record: &[u8]) {
        let (Ok(offset), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(record.len())) else { return };
        self.bytes.extend_from_slice(record);
        self.index.push((head.time, head.seq, offset, len));
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Sequence numbers by CPU for one ring.
#[derive(Default)]
struct Sequence {
    last: Vec<u64>,
    lost: u64,
}

impl Sequence {
    fn see(&mut self, head: &Header) {
        let cpu = head.cpu as usize;
        if cpu > 8192 {
            return;
        }
        if self.last.len() <= cpu {
            self.last.resize(cpu + 1, 0);
        }
        let last = self.last[cpu];
        if head.seq > last + 1 && last != 0 {
            self.lost += head.seq - last - 1;
        }
        self.last[cpu] = head.seq.max(last);
    }
}

/// A record, as a look shows it.
#[derive(Debug)]
pub enum Look<'a> {
    /// What came of a connection, before its turn.
    Ahead(&'a [u8]),
    /// The next one, in time order.
    Due(&'a [u8]),
}

/// Records lost since the last question, by ring, as the sequence numbers prove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Security ring.
    pub security: u64,
    /// Payload ring.
    pub payload: u64,
}

/// See the module documentation.
pub struct Reader {
    security: RingBuf<MapData>,
    payload: RingBuf<MapData>,
    control: Array<MapData, ControlValue>,
    settings: Control,
    sequences: [Sequence; 2],
    held: Batch,
    ready: Batch,
    empty_looks: u32,
}

impl Reader {
    /// Takes over the rings. `settings.asleep` is the reader's own.
    pub fn new(
        rings: (RingBuf<MapData>, RingBuf<MapData>),
        control: Array<MapData, ControlValue>,
        settings: Control,
    ) -> Self {
        let mut reader = Self {
            security: rings.0,
            payload: rings.1,
            control,
            settings,
            sequences: [Sequence::default(), Sequence::default()],
            held: Batch::default(),
            ready: Batch::default(),
            empty_looks: 0,
        };
        reader.set_asleep(false);
        reader
    }

    /// Looks once. What came too early to be handed out is shown as well, since it may complete what is handed out now. `now` is `CLOCK_BOOTTIME` in nanoseconds, taken before the call. Calls `each` for every record that
    /// is old enough, in time order; returns up to which time everything has been handed out.
    pub fn look(&mut self, now: u64, mut each: impl FnMut(Look<'_>)) -> u64 {
        let took = self.drain();
        let before = now.saturating_sub(SETTLE);
        self.release(before, &mut each);
        if took || !self.held.index.is_empty() {
            self.empty_looks = 0;
        } else {
            self.empty_looks = self.empty_looks.saturating_add(1);
        }
        before
    }

    /// Hands out everything that is there, however young: for the end.
    pub fn flush(&mut self, mut each: impl FnMut(Look<'_>)) {
        while self.drain() {}
        self.release(u64::MAX, &mut each);
    }

    /// Waits until the next look is due: a millisecond while records flow, else until one comes, `other` is readable,
    /// or `longest` has passed.
    pub fn wait(&mut self, longest: Duration, other: &[BorrowedFd<'_>]) {
        if self.empty_looks < IDLE_LOOKS {
            std::thread::sleep(LOOK);
            return;
        }
        self.set_asleep(true);
        if self.drain() {
            // Something came before the flag was seen.
            self.empty_looks = 0;
            self.set_asleep(false);
            return;
        }
        // SAFETY: the descriptors live as long as the rings, which outlive this call.
        let (security, payload) = unsafe {
            (BorrowedFd::borrow_raw(self.security.as_raw_fd()), BorrowedFd::borrow_raw(self.payload.as_raw_fd()))
        };
        let mut fds = vec![PollFd::new(security, PollFlags::POLLIN), PollFd::new(payload, PollFlags::POLLIN)];
        fds.extend(other.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
        let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
        let _ready_or_signal = poll(&mut fds, timeout);
        self.set_asleep(false);
        self.empty_looks = 0;
    }

    /// Losses proved by sequence numbers since the last call.
    pub fn lost(&mut self) -> Lost {
        let [security, payload] = &mut self.sequences;
        Lost { security: std::mem::take(&mut security.lost), payload: std::mem::take(&mut payload.lost) }
    }

    fn drain(&mut self) -> bool {
        let start = self.held.len();
        let Self { security, payload, sequences: [of_security, of_payload], held, .. } = self;
        for (ring, sequence) in [(security, of_security), (payload, of_payload)] {
            while held.len() - start < LOOK_BYTES
                && let Some(item) = ring.next()
            {
                if let Some(head) = decode::head(&item) {
                    sequence.see(&head);
                    held.push(&head, &item);
                }
            }
        }
        held.len() > start
    }

    /// Hands out held records older than `before`, keeps the rest.
    fn release(&mut self, before: u64, each: &mut impl FnMut(Look<'_>)) {
        if self.held.index.is_empty() {
            return;
        }
        std::mem::swap(&mut self.held, &mut self.ready);
        self.held.bytes.clear();
        self.held.index.clear();
        let Batch { bytes, index } = &mut self.ready;
        index.sort_unstable();
        let outcomes = index.iter().filter_map(|&(_, _, at, len)| bytes.get(at as usize..(at + len) as usize));
        for record in outcomes.filter(|record| decode::kind(record) == Some(KIND_SOCK_STATE)) {
            each(Look::Ahead(record));
        }
        for &(time, seq, offset, len) in index.iter() {
            let Some(record) = bytes.get(offset as usize..(offset + len) as usize) else { continue };
            if time <= before {
                each(Look::Due(record));
            } else if let Ok(at) = u32::try_from(self.held.bytes.len()) {
                self.held.bytes.extend_from_slice(record);
                self.held.index.push((time, seq, at, len));
            }
        }
        // A flood may have grown the buffers: give the memory back.
        if bytes.capacity() > 2 * LOOK_BYTES {
            bytes.clear();
            bytes.shrink_to(LOOK_BYTES);
        }
    }

    fn set_asleep(&mut self, asleep: bool) {
        self.settings.asleep = u32::from(asleep);
        if let Err(error) = self.control.set(0, ControlValue(self.settings), 0) {
            tracing::warn!(%error, "cannot set the reader's state; wake-ups may be late");
        }
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::header::Header;

    use super::Sequence;

    #[test]
    fn a_gap_in_the_sequence_is_a_loss() {
        let mut sequence = Sequence::default();
        for (cpu, seq) in [(0, 10), (0, 11), (1, 3), (0, 14), (1, 4)] {
            sequence.see(&Header { cpu, seq, ..Header::default() });
        }
        assert_eq!(sequence.lost, 2);
    }
}
