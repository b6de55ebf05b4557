//! Escapes taken off, forwards as bytes come, and backwards from a place within.

use super::table::Form;

/// What stands at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) byte: u8,
    /// Bytes that it takes.
    pub(super) len: usize,
    /// Bytes that it stands for.
    stands: u16,
}

/// Takes off the escapes of percent-encoding, of JSON, and `\xHH`. What is none passes as it is.
#[derive(Clone, Default)]
pub(super) struct Unescape {
    held: [u8; Unescape::LONGEST],
    count: usize,
    /// Whether there was one of either kind.
    pub(super) percent: bool,
    pub(super) escaped: bool,
}

/// Bytes of a stream: what was kept of it, and the piece that follows.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) carry: &'a [u8],
    pub(super) piece: &'a [u8],
    /// Offset of the piece in the stream.
    pub(super) base: u64,
}

enum Answer {
    Whole(u16),
    More,
    None,
}

impl Unescape {
    /// `\uXXXX`
    const LONGEST: usize = 6;

    /// Whether nothing is held back.
    pub(super) const fn is_idle(&self) -> bool {
        self.count == 0
    }

    /// Takes a byte, and gives what is certain, each with how many bytes were taken after it.
    pub(super) fn push(&mut self, byte: u8, mut put: impl FnMut(u8, usize)) {
        if self.count == 0 && byte != b'%' && byte != b'\\' {
            return put(byte, 0);
        }
        if let Some(slot) = self.held.get_mut(self.count) {
            *slot = byte;
            self.count = self.count.saturating_add(1);
        }
        match escape(self.held.get(..self.count).unwrap_or_default()) {
            Answer::More => {}
            Answer::Whole(value) => {
                self.count = 0;
                *(if self.held.first() == Some(&b'%') { &mut self.percent } else { &mut self.escaped }) = true;
                match u8::try_from(value).ok().filter(|_| value < 128 || self.held.get(1) != Some(&b'u')) {
                    Some(byte) => put(byte, 0),
                    None => {
                        let char = char::from_u32(value.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
                        char.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| put(byte, 0));
                    }
                }
            }
            // The last one may begin an escape of its own.
            Answer::None => {
                let count = std::mem::take(&mut self.count).saturating_sub(1);
                self.held.iter().take(count).enumerate().for_each(|(at, &byte)| put(byte, count.saturating_sub(at)));
                match byte {
                    b'%' | b'\\' if count > 0 => self.push(byte, put),
                    _ => put(byte, 0),
                }
            }
        }
    }
}

impl Drop for Unescape {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.held);
    }
}

impl<'a> Context<'a> {
    pub(super) const fn start(&self) -> u64 {
        self.base.saturating_sub(self.carry.len() as u64)
    }

    pub(super) const fn end(&self) -> u64 {
        self.base.saturating_add(self.piece.len() as u64)
    }

    pub(super) fn byte(&self, at: u64) -> Option<u8> {
        match at.checked_sub(self.base) {
            Some(at) => self.piece.get(usize::try_from(at).ok()?).copied(),
            None => self.carry.get(usize::try_from(at.checked_sub(self.start())?).ok()?).copied(),
        }
    }

    /// Everything from an offset on, in two parts.
    pub(super) fn from(&self, at: u64) -> [&'a [u8]; 2] {
        let in_carry = usize::try_from(at.saturating_sub(self.start())).unwrap_or(usize::MAX);
        let in_piece = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX);
        [self.carry.get(in_carry..).unwrap_or_default(), self.piece.get(in_piece..).unwrap_or_default()]
    }

    /// The bytes of a short range, as far as they are there.
    pub(super) fn copy(&self, from: u64, to: u64) -> zeroize::Zeroizing<Vec<u8>> {
        let from = from.max(self.start());
        let length = usize::try_from(to.min(self.end()).saturating_sub(from)).unwrap_or(0);
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(length));
        for part in self.from(from) {
            let left = length.saturating_sub(bytes.len());
            bytes.extend_from_slice(part.get(..left).unwrap_or(part));
        }
        bytes
    }

    /// The escape or the plain byte at an offset; `None` if its end isn't there yet.
    pub(super) fn unit(&self, at: u64) -> Option<Unit> {
        let byte = self.byte(at)?;
        let mut held = [byte, 0, 0, 0, 0, 0];
        if byte != b'%' && byte != b'\\' {
            return Some(Unit { byte, len: 1, stands: 1 });
        }
        for count in 1..=held.len() {
            match escape(held.get(..count)?) {
                Answer::Whole(value) => {
                    let byte = u8::try_from(value).unwrap_or(0xff);
                    let stands = match value {
                        0..0x80 => 1,
                        _ if count < 6 => 1,
                        0x80..0x800 => 2,
                        _ => 3,
                    };
                    return Some(Unit { byte, len: count, stands });
                }
                Answer::None => break,
                Answer::More => *held.get_mut(count)? = self.byte(at.saturating_add(count as u64))?,
            }
        }
        Some(Unit { byte, len: 1, stands: 1 })
    }

    /// Where the text began of which `units` stand before an offset: with escapes counted as what they stand for, and
    /// with every byte counted as itself.
    pub(super) fn back(&self, at: u64, form: Form, units: u16) -> (Option<u64>, Option<u64>) {
        let plain = at.checked_sub(units.into()).filter(|&start| start >= self.start());
        if form == Form::Utf16 {
            return (None, plain);
        }
        let mut start = at;
        let mut left = units;
        while left > 0 {
            let Some(unit) = self.unit_before(start) else { return (None, plain) };
            start = start.saturating_sub(unit.len as u64);
            let is_break = form != Form::Bytes && matches!(unit.byte, b'\r' | b'\n');
            left = left.saturating_sub(if is_break { 0 } else { unit.stands });
        }
        (Some(start), plain)
    }

    /// The escape or the plain byte that ends at an offset.
    fn unit_before(&self, at: u64) -> Option<Unit> {
        for len in [2_u64, 3, 4, 6] {
            let Some(start) = at.checked_sub(len) else { break };
            if matches!(self.byte(start), Some(b'%' | b'\\'))
                && let Some(unit) = self.unit(start).filter(|unit| unit.len as u64 == len)
            {
                return Some(unit);
            }
        }
        Some(Unit { byte: self.byte(at.checked_sub(1)?)?, len: 1, stands: 1 })
    }
}

/// What an escape stands for.
fn escape(bytes: &[u8]) -> Answer {
    let (digits, wanted) = match bytes {
        [b'%', digits @ ..] | [b'\\', b'x', digits @ ..] => (digits, 2),
        [b'\\', b'u', digits @ ..] => (digits, 4),
        [b'\\', byte] => {
            return match byte {
                b'"' | b'\\' | b'/' => Answer::Whole((*byte).into()),
                b'b' => Answer::Whole(8),
                b't' => Answer::Whole(9),
                b'n' => Answer::Whole(10),
                b'f' => Answer::Whole(12),
                b'r' => Answer::Whole(13),
                _ => Answer::None,
            };
        }
        [b'\\'] => return Answer::More,
        _ => return Answer::None,
    };
    let mut value: u16 = 0;
    for &digit in digits {
        let Some(digit) = char::from(digit).to_digit(16) else { return Answer::None };
        value = value << 4 | digit as u16;
    }
    if digits.len() < wanted { Answer::More } else { Answer::Whole(value) }
}

/// Six bits of base64, of either alphabet (RFC 4648 sections 4 and 5).
pub(super) const fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}
