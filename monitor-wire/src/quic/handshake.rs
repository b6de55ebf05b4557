//! The handshake's bytes, put together from pieces in any order (RFC 9000 section 19.6).

use std::ops::Range;

use super::frames::Crypto;
use crate::limits;
use crate::tls::Reject;

/// A hello and its header.
const MOST: usize = limits::TLS_HELLO + 4;

/// What has come so far. It takes as much room as the end of the farthest piece is away from the beginning, at most a
/// hello.
#[derive(Clone, Default)]
pub(super) struct Handshake {
    /// Zero where nothing has come.
    bytes: Vec<u8>,
    /// What has come, in order and neither overlapping nor touching.
    ranges: Vec<Range<usize>>,
}

impl Handshake {
    /// Puts the pieces of a packet in their places, up to the first that doesn't fit.
    pub(super) fn put_all(&mut self, pieces: &[Crypto<'_>]) -> Result<(), Reject> {
        pieces.iter().try_for_each(|piece| self.put(piece.offset, piece.data))
    }

    /// What has come without a gap.
    pub(super) fn front(&self) -> &[u8] {
        let end = self.ranges.first().filter(|range| range.start == 0).map_or(0, |range| range.end);
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Nothing has come.
    pub(super) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Puts a piece in its place. Pieces may overlap, but where two differ, two readers may each take another one: that
    /// is malformed.
    fn put(&mut self, offset: u64, data: &[u8]) -> Result<(), Reject> {
        let start = usize::try_from(offset).map_err(|_| Reject::TooLong)?;
        let end = start.checked_add(data.len()).filter(|end| *end <= MOST).ok_or(Reject::TooLong)?;
        if data.is_empty() {
            return Ok(());
        }
        // Those that overlap it or touch it become one with it.
        let from = self.ranges.partition_point(|range| range.end < start);
        let to = self.ranges.partition_point(|range| range.start <= end);
        let mut whole = start..end;
        for range in self.ranges.get(from..to).unwrap_or_default() {
            let (first, last) = (range.start.max(start), range.end.min(end));
            let new = data.get(first.saturating_sub(start)..last.saturating_sub(start));
            if new != self.bytes.get(first..last) {
                return Err(Reject::Malformed);
            }
            whole = whole.start.min(range.start)..whole.end.max(range.end);
        }
        self.grow(end);
        if let Some(place) = self.bytes.get_mut(start..end) {
            place.copy_from_slice(data);
        }
        self.ranges.splice(from..to, [whole]);
        if self.ranges.len() > limits::QUIC_RANGES { Err(Reject::TooLong) } else { Ok(()) }
    }

    /// Doubles the room, as a vector does by itself, but never beyond what a hello takes.
    fn grow(&mut self, end: usize) {
        if end > self.bytes.capacity() {
            let room = self.bytes.capacity().saturating_mul(2).clamp(end, MOST);
            self.bytes.reserve_exact(room.saturating_sub(self.bytes.len()));
        }
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_any_order_and_may_overlap() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.front(), b"");
        for (offset, data, front) in [
            (6, &b"ghi"[..], &b""[..]),
            (2, b"cd", b""),
            (0, b"", b""),
            (0, b"a", b"a"),
            (20, b"u", b"a"),
            (1, b"b", b"abcd"),
            (3, b"defghij", b"abcdefghij"),
            (4, b"e", b"abcdefghij"),
        ] {
            assert_eq!((handshake.put(offset, data), handshake.front()), (Ok(()), front), "{offset}");
        }
        assert_eq!(handshake.ranges, [0..10, 20..21]);
    }

    #[test]
    fn pieces_that_differ_are_malformed() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.put(4, b"efgh"), Ok(()));
        for (offset, data) in [(4, &b"E"[..]), (2, b"cdE"), (7, b"Hi"), (0, b"abcdefgH"), (5, b"fX")] {
            assert_eq!(handshake.put(offset, data), Err(Reject::Malformed), "{offset}");
        }
        assert_eq!(handshake.put(2, b"cdefghi"), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.put(MOST as u64 - 1, b"z"), Ok(()));
        assert_eq!(handshake.bytes.capacity(), MOST);
        for (offset, data) in [(MOST as u64, &b"z"[..]), (MOST as u64 - 1, b"zz"), (u64::MAX, b""), (u64::MAX, b"z")] {
            assert_eq!(handshake.put(offset, data), Err(Reject::TooLong), "{offset}");
        }
        let mut handshake = Handshake::default();
        for place in 1..=limits::QUIC_RANGES as u64 {
            assert_eq!(handshake.put(2 * place, b"x"), Ok(()), "{place}");
        }
        assert_eq!(handshake.clone().put(4, b"x"), Ok(()));
        assert_eq!(handshake.put(0, b"x"), Err(Reject::TooLong));
    }

    #[test]
    fn room_grows_as_a_hello_does_and_no_farther() {
        let mut handshake = Handshake::default();
        for place in 0..MOST {
            assert_eq!(handshake.put(place as u64, &[7]), Ok(()));
        }
        assert_eq!((handshake.front().len(), handshake.bytes.capacity()), (MOST, MOST));
    }
}
