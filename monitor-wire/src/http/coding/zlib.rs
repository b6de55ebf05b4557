//! The coding `deflate`: zlib's frame around DEFLATE data (RFC 9110 section 8.4.1.2), or the data alone, which some
//! servers send and browsers take.

use super::inflate::{Inflate, Step};
use super::{Reject, Sink};

/// Data with a preset dictionary (RFC 1950 section 2.2).
const FDICT: u8 = 1 << 5;

pub(super) struct Deflate {
    place: Place,
}

enum Place {
    Start,
    /// The first byte, which alone doesn't tell a frame.
    First(u8),
    Data(Inflate),
    /// What follows is passed over.
    Done,
}

impl Deflate {
    pub(super) const fn new() -> Self {
        Self { place: Place::Start }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        let mut rest = bytes;
        loop {
            match &mut self.place {
                Place::Done => return Ok(()),
                Place::Data(inflate) => {
                    if let Step::Done(_) = inflate.feed(rest, sink)? {
                        self.place = Place::Done;
                    }
                    return Ok(());
                }
                Place::Start => {
                    let Some((&byte, tail)) = rest.split_first() else { return Ok(()) };
                    rest = tail;
                    self.place = Place::First(byte);
                }
                Place::First(method) => {
                    let method = *method;
                    let Some((&flags, tail)) = rest.split_first() else { return Ok(()) };
                    rest = tail;
                    let mut inflate = if is_header(method, flags) { Inflate::zlib() } else { Inflate::raw() };
                    if is_header(method, flags) && flags & FDICT != 0 {
                        return Err(Reject::Dictionary);
                    }
                    // Two bytes alone may be all of the data: an empty block has ten bits.
                    self.place = match inflate.feed(&[method, flags], sink)? {
                        Step::More => Place::Data(inflate),
                        Step::Done(_) => Place::Done,
                    };
                }
            }
        }
    }

    pub(super) fn memory(&self) -> usize {
        if let Place::Data(inflate) = &self.place { inflate.memory() } else { 0 }
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.place, Place::Done)
    }
}

/// Whether the two bytes begin zlib's frame (RFC 1950 section 2.2).
fn is_header(method: u8, flags: u8) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}
