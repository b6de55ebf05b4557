//! A text that may be a known token, hashed as it comes.

use zeroize::Zeroize;

use super::Encoding;
use super::decode::{Unescape, sextet};
use super::set::{STOPS, Set, tag};
use super::table::Form;

/// Decoded bytes that are held before they are hashed: most tokens.
const BUFFER: usize = 64;

/// One attempt: tokens that would all begin here, and be written alike.
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) form: Form,
    /// Whether escapes are taken off.
    pub(super) unescapes: bool,
    /// Those that it still may be.
    pub(super) tokens: Vec<u32>,
    /// Offset of the next byte.
    at: u64,
    escapes: Unescape,
    /// Bits of the form that don't make a byte yet, and how many.
    bits: (u16, u8),
    /// Only for what is longer than the buffer: it is large, and slow to wipe.
    hasher: Option<Box<blake3::Hasher>>,
    /// Decoded and not yet hashed.
    buffer: [u8; BUFFER],
    filled: usize,
    done: usize,
    /// Decoded bytes at which there is something to compare.
    stop: usize,
}

/// A token that a run turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) token: u32,
    pub(super) encoding: Encoding,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Run {
    pub(super) fn new(set: &Set, start: u64, form: Form, unescapes: bool, tokens: Vec<u32>) -> Self {
        let mut run = Self {
            start,
            form,
            unescapes,
            tokens,
            at: start,
            escapes: Unescape::default(),
            bits: (0, 0),
            hasher: None,
            buffer: [0; BUFFER],
            filled: 0,
            done: 0,
            stop: 0,
        };
        run.set_stop(set);
        run
    }

    /// Goes on with the bytes that follow; `false` once it is over.
    pub(super) fn advance(&mut self, set: &Set, bytes: &[u8], found: &mut Vec<Match>) -> bool {
        let mut rest = bytes;
        while !self.tokens.is_empty() {
            let plain = self.plain_length(rest);
            if plain > 0 {
                let Some((head, tail)) = rest.split_at_checked(plain) else { break };
                self.take(set, head);
                self.at = self.at.saturating_add(plain as u64);
                self.done = self.done.saturating_add(plain);
                rest = tail;
                if self.done == self.stop {
                    self.compare(set, found);
                }
                continue;
            }
            let Some((&byte, tail)) = rest.split_first() else { return true };
            rest = tail;
            self.at = self.at.saturating_add(1);
            if !self.unescapes {
                self.character(byte, set, found);
                continue;
            }
            let mut escapes = std::mem::take(&mut self.escapes);
            let mut characters = [(0, 0); 8];
            let mut count: usize = 0;
            escapes.push(byte, |byte, behind| {
                if let Some(slot) = characters.get_mut(count) {
                    *slot = (byte, behind);
                    count = count.saturating_add(1);
                }
            });
            self.escapes = escapes;
            let at = self.at;
            for &(byte, behind) in characters.iter().take(count) {
                self.at = at.saturating_sub(behind as u64);
                self.character(byte, set, found);
            }
            self.at = at;
        }
        false
    }

    /// How many bytes at the front can be hashed as they are.
    fn plain_length(&self, bytes: &[u8]) -> usize {
        if self.form != Form::Bytes || !self.escapes.is_idle() {
            return 0;
        }
        let most = self.stop.saturating_sub(self.done).min(bytes.len());
        let head = bytes.get(..most).unwrap_or_default();
        match self.unescapes {
            true => memchr::memchr2(b'%', b'\\', head).unwrap_or(most),
            false => most,
        }
    }

    /// Takes a character off which escapes have been taken.
    fn character(&mut self, byte: u8, set: &Set, found: &mut Vec<Match>) {
        let (bits, width) = match self.form {
            Form::Bytes => return self.decoded(byte, set, found),
            Form::Utf16 => (u16::from(byte), 8),
            Form::Base64(_) if matches!(byte, b'\r' | b'\n') => return,
            Form::Base64(_) => match sextet(byte) {
                Some(value) => (value.into(), 6),
                None => return self.tokens.clear(),
            },
            Form::Hex if matches!(byte, b'\r' | b'\n') => return,
            Form::Hex => match char::from(byte).to_digit(16) {
                Some(value) => (value as u16, 4),
                None => return self.tokens.clear(),
            },
        };
        let (before, count) = self.bits;
        // The first character of base64 may begin with bits of what stands before.
        let first = self.done == 0 && count == 0;
        let dropped = match self.form {
            Form::Base64(skip) if first => skip,
            _ => 0,
        };
        let bits = before << width | bits;
        let count = count.saturating_add(width).saturating_sub(dropped);
        self.bits = match (self.form, count) {
            (Form::Utf16, 16) => {
                self.bits = (0, 0);
                if bits & 0xff != 0 {
                    return self.tokens.clear();
                }
                return self.decoded((bits >> 8) as u8, set, found);
            }
            (Form::Utf16, _) | (_, ..8) => (bits & mask(count), count),
            _ => {
                let left = count.saturating_sub(8);
                self.bits = (bits & mask(left), left);
                return self.decoded((bits >> left) as u8, set, found);
            }
        };
    }

    fn decoded(&mut self, byte: u8, set: &Set, found: &mut Vec<Match>) {
        if self.tokens.is_empty() {
            return;
        }
        self.take(set, &[byte]);
        self.done = self.done.saturating_add(1);
        if self.done == self.stop {
            self.compare(set, found);
        }
    }

    /// Holds decoded bytes, or hashes them.
    fn take(&mut self, set: &Set, bytes: &[u8]) {
        let end = self.filled.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.filled..end) {
            room.copy_from_slice(bytes);
            self.filled = end;
            return;
        }
        let held = self.buffer.get(..self.filled).unwrap_or_default();
        self.hasher.get_or_insert_with(|| Box::new(set.key.hasher())).update(held).update(bytes);
        self.filled = 0;
    }

    fn hash(&mut self, set: &Set) -> [u8; 32] {
        let held = self.buffer.get(..self.filled).unwrap_or_default();
        match &mut self.hasher {
            Some(hasher) => {
                hasher.update(held);
                self.filled = 0;
                *hasher.finalize().as_bytes()
            }
            None => set.key.hash(held),
        }
    }

    /// Leaves out the tokens that it isn't, and tells of those that it is.
    fn compare(&mut self, set: &Set, found: &mut Vec<Match>) {
        let done = self.done;
        let start = self.start;
        let end = self.at;
        let encoding = self.encoding();
        let hash = self.hash(set);
        let short = tag(&hash);
        let stop = STOPS.iter().position(|&stop| stop == done);
        self.tokens.retain(|&token| {
            let Some(known) = set.get(token) else { return false };
            if known.len == done {
                if known.hash == hash {
                    found.push(Match { token, encoding, start, end });
                }
                return false;
            }
            stop.is_none_or(|stop| known.stops.get(stop) == Some(&short)) && known.len > done
        });
        self.set_stop(set);
    }

    fn set_stop(&mut self, set: &Set) {
        let done = self.done;
        let next = STOPS.into_iter().find(|&stop| stop > done).unwrap_or(usize::MAX);
        let lengths = self.tokens.iter().filter_map(|&token| set.get(token)).map(|known| known.len);
        self.stop = lengths.filter(|&length| length > done).min().unwrap_or(usize::MAX).min(next);
    }

    fn encoding(&self) -> Encoding {
        match self.form {
            Form::Base64(_) => Encoding::Base64,
            Form::Hex => Encoding::Hex,
            Form::Utf16 => Encoding::Utf16,
            Form::Bytes if self.escapes.escaped => Encoding::Escaped,
            Form::Bytes if self.escapes.percent => Encoding::Percent,
            Form::Bytes => Encoding::Plain,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(hasher) = &mut self.hasher {
            hasher.zeroize();
        }
        self.buffer.zeroize();
        self.bits.zeroize();
    }
}

/// The lowest `count` bits.
const fn mask(count: u8) -> u16 {
    match count {
        0..16 => !(u16::MAX << count),
        _ => u16::MAX,
    }
}
