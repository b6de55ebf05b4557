//! Both rings in one order: records by kernel time, each from where it lies, and what is missing.

use std::collections::VecDeque;

use monitor_abi::header::{Header, KIND_SOCK_STATE};

use super::decode;
use super::reader::{Look, Lost};
use super::ring::{Ring, Spot};

/// Between taking its time and being visible in its ring a record needs less than this, nanoseconds. Records younger
/// than the look minus this stay for the next look, so that an older one from the other ring can't come late.
const SETTLE: u64 = 1_000_000;
/// How long a record in the making holds up what comes after it, nanoseconds: it is never known how long that will be.
const PATIENCE: u64 = 10_000_000;
/// Most records of which the reader knows at a time: bounds memory. The rest stays in the rings unknown.
const MAX_KNOWN: usize = 32_768;
/// A look that hands out more bytes than this is followed by the next one at once: a pause would fill the ring.
const BUSY: usize = 256 << 10;

/// See the module documentation.
pub struct Merge {
    /// Security, payload.
    pub sources: [Source; 2],
    /// Records that were not handed out yet, wherever they lie.
    known: Vec<Known>,
    /// The last look handed out so much that there is likely more.
    busy: bool,
    /// The latest time of a record that was handed out.
    handed_out: u64,
}

/// A record that was seen in its ring and not handed out yet.
struct Known {
    time: u64,
    seq: u64,
    source: usize,
    /// How many of its ring were seen before it.
    number: u64,
    spot: Spot,
}

/// A ring, and what is known of the records in it.
pub struct Source {
    /// The ring.
    pub ring: Ring,
    sequence: Sequence,
    /// Seen and not freed, in the order of the ring: where each ends, and whether it was handed out.
    seen: VecDeque<(usize, bool)>,
    /// How many were freed.
    freed: u64,
    /// The latest time of a record that was seen.
    latest: u64,
    /// How many were handed out after younger ones.
    late: u64,
}

/// Sequence numbers by CPU for one ring.
#[derive(Default)]
struct Sequence {
    last: Vec<u64>,
    lost: u64,
}

impl Merge {
    /// Takes over the rings (security, payload).
    pub fn new(rings: (Ring, Ring)) -> Self {
        Self { sources: [Source::new(rings.0), Source::new(rings.1)], known: Vec::new(), busy: false, handed_out: 0 }
    }

    /// As [`Reader::look`](super::reader::Reader::look); also whether there is anything that waits.
    pub fn look(&mut self, now: u64, each: &mut impl FnMut(Look<'_>)) -> (u64, bool) {
        let (took, whole) = self.collect(now.saturating_sub(PATIENCE), each);
        let before = now.saturating_sub(SETTLE).min(whole);
        self.hand_out(before, each);
        (before, took || !self.known.is_empty())
    }

    /// Hands out everything that is there, however young.
    pub fn flush(&mut self, each: &mut impl FnMut(Look<'_>)) {
        while self.collect(u64::MAX, each).0 {
            self.hand_out(u64::MAX, each);
        }
        self.hand_out(u64::MAX, each);
    }

    /// Whether the last look handed out so much that there is likely more; asked once.
    pub const fn take_busy(&mut self) -> bool {
        std::mem::replace(&mut self.busy, false)
    }

    /// Losses that sequence numbers and times prove, since the last call.
    pub fn lost(&mut self) -> Lost {
        let [security, payload] = &mut self.sources;
        Lost {
            security: std::mem::take(&mut security.sequence.lost),
            payload: std::mem::take(&mut payload.sequence.lost),
            late_security: std::mem::take(&mut security.late),
            late_payload: std::mem::take(&mut payload.late),
        }
    }

    /// Gets to know the records in the rings. Whether there were any, and up to which time all are known: a record in the
    /// making that is older than `patience` is no longer waited for.
    fn collect(&mut self, patience: u64, each: &mut impl FnMut(Look<'_>)) -> (bool, u64) {
        let before = self.known.len();
        let mut whole = u64::MAX;
        for (index, source) in self.sources.iter_mut().enumerate() {
            loop {
                if self.known.len() >= MAX_KNOWN * (index + 1) {
                    whole = whole.min(source.latest);
                    break;
                }
                let Some((spot, head)) = source.next() else {
                    if source.has_more() {
                        whole = whole.min(source.latest.max(patience));
                    }
                    break;
                };
                if head.kind == KIND_SOCK_STATE {
                    each(Look::Ahead(source.ring.record(spot)));
                }
                let number = source.freed + source.seen.len() as u64 - 1;
                self.known.push(Known { time: head.time, seq: head.seq, source: index, number, spot });
            }
        }
        (self.known.len() > before, whole)
    }

    /// Hands out known records up to `before`, in time order, and frees them.
    fn hand_out(&mut self, before: u64, each: &mut impl FnMut(Look<'_>)) {
        self.known.sort_unstable_by_key(|known| (known.time, known.seq));
        let due = self.known.partition_point(|known| known.time <= before);
        let mut bytes = 0;
        for known in self.known.drain(..due) {
            let Some(source) = self.sources.get_mut(known.source) else { continue };
            if known.time < self.handed_out {
                source.late += 1;
            } else {
                self.handed_out = known.time;
            }
            each(Look::Due(source.ring.record(known.spot)));
            source.handed_out(known.number);
            bytes += known.spot.len();
        }
        for source in &mut self.sources {
            source.settle();
        }
        self.busy = bytes > BUSY;
    }
}

impl Source {
    const fn new(ring: Ring) -> Self {
        Self {
            ring,
            sequence: Sequence { last: Vec::new(), lost: 0 },
            seen: VecDeque::new(),
            freed: 0,
            latest: 0,
            late: 0,
        }
    }

    /// The next record that was not seen yet. One without a head is passed over.
    fn next(&mut self) -> Option<(Spot, Header)> {
        loop {
            let spot = self.ring.next()?;
            let head = decode::head(self.ring.record(spot));
            self.seen.push_back((spot.end(), head.is_none()));
            if let Some(head) = head {
                self.sequence.see(&head);
                self.latest = self.latest.max(head.time);
                return Some((spot, head));
            }
        }
    }

    /// Whether a record waits that was not seen.
    pub fn has_more(&self) -> bool {
        self.ring.has_more()
    }

    /// The record with this number is needed no more: it goes once all before it have gone.
    fn handed_out(&mut self, number: u64) {
        let at = usize::try_from(number.saturating_sub(self.freed)).unwrap_or(usize::MAX);
        if let Some(seen) = self.seen.get_mut(at) {
            seen.1 = true;
        }
        while let Some(&(end, true)) = self.seen.front() {
            self.seen.pop_front();
            self.freed += 1;
            self.ring.free(end);
        }
    }

    /// The kernel may use again whatever is free.
    fn settle(&mut self) {
        if self.seen.is_empty() {
            // discarded records at the end, which nobody hands out
            self.ring.free_all();
        }
        self.ring.tell();
    }
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

#[cfg(test)]
mod tests {
    use monitor_abi::header::Header;
    use zerocopy::IntoBytes;

    use super::super::reader::{Look, Lost};
    use super::super::ring::Ring;
    use super::{Merge, PATIENCE, SETTLE, Sequence};

    const START: u64 = 1_000_000_000;

    fn merge() -> Merge {
        Merge::new((Ring::in_memory(), Ring::in_memory()))
    }

    fn reserve(merge: &mut Merge, source: usize, time: u64) -> usize {
        merge.sources[source].ring.reserve(Header { time, ..Header::default() }.as_bytes())
    }

    fn put(merge: &mut Merge, source: usize, time: u64) {
        let at = reserve(merge, source, time);
        merge.sources[source].ring.submit(at);
    }

    /// The times of what a look hands out, and up to which everything has been.
    fn look(merge: &mut Merge, now: u64) -> (Vec<u64>, u64) {
        let mut times = Vec::new();
        let (before, _) = merge.look(now, &mut |look| {
            if let Look::Due(bytes) = look {
                times.push(super::decode::head(bytes).unwrap().time);
            }
        });
        (times, before)
    }

    #[test]
    fn a_gap_in_the_sequence_is_a_loss() {
        let mut sequence = Sequence::default();
        for (cpu, seq) in [(0, 10), (0, 11), (1, 3), (0, 14), (1, 4)] {
            sequence.see(&Header { cpu, seq, ..Header::default() });
        }
        assert_eq!(sequence.lost, 2);
    }

    #[test]
    fn both_rings_come_in_one_order() {
        let mut merge = merge();
        for (source, time) in [(0, START + 1), (0, START + 3), (1, START), (1, START + 2)] {
            put(&mut merge, source, time);
        }
        put(&mut merge, 0, START + SETTLE);
        let now = START + SETTLE + 10;
        assert_eq!(look(&mut merge, now), ((START..START + 4).collect(), START + 10), "the youngest waits");
        assert_eq!(merge.lost(), Lost::default());
    }

    #[test]
    fn nothing_is_judged_past_a_record_in_the_making() {
        let mut merge = merge();
        put(&mut merge, 0, START);
        let making = reserve(&mut merge, 0, START + 10);
        put(&mut merge, 0, START + 20);
        put(&mut merge, 1, START + 30);
        let now = START + 2 * SETTLE;
        assert_eq!(look(&mut merge, now), (vec![START], START));
        merge.sources[0].ring.submit(making);
        assert_eq!(look(&mut merge, now).0, [START + 10, START + 20, START + 30]);
        assert_eq!(merge.lost(), Lost::default());
    }

    #[test]
    fn a_record_that_stays_in_the_making_holds_nothing_up_for_long_and_what_comes_late_is_told() {
        let mut merge = merge();
        let making = reserve(&mut merge, 0, START);
        put(&mut merge, 0, START + 1);
        put(&mut merge, 1, START + 2);
        assert_eq!(look(&mut merge, START + PATIENCE), (vec![], START));
        assert_eq!(look(&mut merge, START + PATIENCE + 2), (vec![START + 2], START + 2));
        merge.sources[0].ring.submit(making);
        put(&mut merge, 1, START);
        assert_eq!(look(&mut merge, START + 2 * PATIENCE).0, [START, START, START + 1]);
        assert_eq!(merge.lost(), Lost { late_security: 2, late_payload: 1, ..Lost::default() });
        assert_eq!(merge.lost(), Lost::default(), "told once");
    }
}
