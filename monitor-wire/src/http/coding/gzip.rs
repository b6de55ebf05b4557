//! The coding `gzip` (RFC 1952): members one after the other, each a header, DEFLATE data and two checks.

use super::inflate::{Inflate, Step};
use super::{Reject, Sink};

// Flags of a header (RFC 1952 section 2.3.1).
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

pub(super) struct Gzip {
    place: Place,
    inflate: Option<Inflate>,
    /// Over the member's content, with its length.
    check: crc32fast::Hasher,
    length: u32,
    flags: u8,
}

#[derive(Clone, Copy)]
enum Place {
    /// So many bytes of the first ten were read.
    Header(u8),
    ExtraLength(u8, u16),
    Extra(u16),
    Name,
    Comment,
    HeaderCheck(u8),
    Data,
    /// So many bytes of the last eight were read.
    Checks(u8, [u8; 8]),
    /// A member has ended, and another one may follow.
    Between,
    /// Another one may have begun.
    Another,
    /// What follows is no member, and is passed over.
    After,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { place: Place::Header(0), inflate: None, check: crc32fast::Hasher::new(), length: 0, flags: 0 }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.place {
                Place::Data => self.data(rest, sink)?,
                Place::Name | Place::Comment => {
                    let end = memchr::memchr(0, rest);
                    if end.is_some() {
                        self.place = self.after(self.place);
                    }
                    end.map_or(rest.len(), |end| end.saturating_add(1))
                }
                Place::Extra(left) => {
                    let taken = rest.len().min(usize::from(left));
                    let left = left.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
                    self.place = if left == 0 { self.after(Place::Extra(0)) } else { Place::Extra(left) };
                    taken
                }
                Place::After => return Ok(()),
                _ => {
                    let Some(&byte) = rest.first() else { return Ok(()) };
                    self.place = self.next(byte)?;
                    1
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> usize {
        self.inflate.as_ref().map_or(0, Inflate::memory)
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.place, Place::Between | Place::Another | Place::After)
    }

    fn data(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<usize, Reject> {
        let Self { inflate, check, length, .. } = self;
        let step = inflate.get_or_insert_with(Inflate::raw).feed(bytes, &mut |piece| {
            check.update(piece);
            // The length is kept modulo 2^32 (RFC 1952 section 2.3.1); a piece is shorter than a window.
            *length = length.wrapping_add(u32::try_from(piece.len()).unwrap_or_default());
            sink(piece)
        })?;
        Ok(match step {
            Step::More => bytes.len(),
            Step::Done(taken) => {
                self.place = Place::Checks(0, [0; 8]);
                taken
            }
        })
    }

    /// Takes one byte of a header or of the checks.
    fn next(&mut self, byte: u8) -> Result<Place, Reject> {
        Ok(match self.place {
            Place::Header(at) => {
                match (at, byte) {
                    (0, 0x1f) | (1, 0x8b) | (2, 8) | (4..=9, _) => {}
                    (3, flags) if flags & RESERVED == 0 => self.flags = flags,
                    _ => return Err(Reject::Malformed),
                }
                if at == 9 { self.after(Place::Header(9)) } else { Place::Header(at.saturating_add(1)) }
            }
            Place::ExtraLength(0, _) => Place::ExtraLength(1, u16::from(byte)),
            Place::ExtraLength(_, low) => match u16::from_le_bytes([low.to_le_bytes()[0], byte]) {
                0 => self.after(Place::Extra(0)),
                length => Place::Extra(length),
            },
            Place::HeaderCheck(0) => Place::HeaderCheck(1),
            Place::HeaderCheck(_) => self.after(Place::HeaderCheck(1)),
            Place::Checks(at, mut checks) => {
                if let Some(slot) = checks.get_mut(usize::from(at)) {
                    *slot = byte;
                }
                if at == 7 { self.end_member(checks)? } else { Place::Checks(at.saturating_add(1), checks) }
            }
            Place::Between if byte == 0x1f => Place::Another,
            Place::Another if byte == 0x8b => Place::Header(2),
            _ => Place::After,
        })
    }

    /// What the header has next.
    fn after(&self, place: Place) -> Place {
        let step = match place {
            Place::Header(_) => 0,
            Place::Extra(_) => 1,
            Place::Name => 2,
            Place::Comment => 3,
            _ => 4,
        };
        let parts = [
            (FEXTRA, Place::ExtraLength(0, 0)),
            (FNAME, Place::Name),
            (FCOMMENT, Place::Comment),
            (FHCRC, Place::HeaderCheck(0)),
        ];
        let next = parts.into_iter().skip(step).find(|(flag, _)| self.flags & flag != 0);
        next.map_or(Place::Data, |(_, place)| place)
    }

    fn end_member(&mut self, checks: [u8; 8]) -> Result<Place, Reject> {
        let check = std::mem::take(&mut self.check).finalize();
        let length = std::mem::take(&mut self.length);
        if u64::from_le_bytes(checks) != (u64::from(length) << 32 | u64::from(check)) {
            return Err(Reject::Checksum);
        }
        if let Some(inflate) = &mut self.inflate {
            inflate.reset();
        }
        Ok(Place::Between)
    }
}
