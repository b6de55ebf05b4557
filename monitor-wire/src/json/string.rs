//! Keys and strings: runs of plain bytes, escapes, characters that straddle two chunks.

use super::run::plain_run;
use super::{Event, State, Step, Tokenizer};

/// What of an escape has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    Backslash,
    Hex {
        left: u8,
        value: u32,
    },
    /// After a high surrogate: a backslash may follow.
    Low,
    /// After a high surrogate and a backslash: `u` may follow.
    LowUnit,
    /// A unit that was read while the surrogate before it had to be given first.
    Unit(u32),
}

/// Longer strings come in pieces: who passes over one need not have its text looked at.
const SHORT: usize = 256;

impl Tokenizer {
    /// Takes a short key or string, and the quote behind it, if it lies whole at the front and is plain text.
    pub(super) fn short<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a str> {
        let bytes = *input;
        let (length, ascii) = plain_run(bytes);
        let text = bytes.get(..length).filter(|_| length <= SHORT && bytes.get(length) == Some(&b'"'));
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        match text {
            Some(_) => *input = bytes.get(length.saturating_add(1)..).unwrap_or_default(),
            // found out once
            None => (self.plain, self.ascii) = (length, ascii),
        }
        text
    }

    pub(super) fn text<'a>(&mut self, key: bool, input: &mut &'a [u8]) -> Step<'a> {
        loop {
            if let Escape::Unit(unit) = self.escape {
                self.escape = Escape::None;
                if let Some(step) = self.unit(unit) {
                    return step;
                }
                continue;
            }
            let Some((&byte, rest)) = input.split_first() else { return Step::More };
            if self.carried > 0 {
                if let Some(step) = self.carry_on(byte, rest, input) {
                    return step;
                }
                continue;
            }
            match self.escape {
                Escape::None => {
                    if self.plain == 0 {
                        (self.plain, self.ascii) = plain_run(input);
                    }
                    if self.plain > 0 {
                        // nobody wants the text, and there is nothing wrong with it
                        if self.mute && self.ascii {
                            self.take(self.plain, input);
                            continue;
                        }
                        if let Some(step) = self.plain(input) {
                            return step;
                        }
                        continue;
                    }
                    *input = rest;
                    match byte {
                        b'"' => return self.end_text(key),
                        b'\\' => match rest.split_first().and_then(|(&byte, rest)| Some((simple(byte)?, rest))) {
                            Some((value, rest)) => {
                                *input = rest;
                                return Step::Event(Event::Char { value, escaped: true });
                            }
                            None => self.escape = Escape::Backslash,
                        },
                        _ => return self.fail(),
                    }
                }
                Escape::Backslash => {
                    *input = rest;
                    self.escape = Escape::None;
                    if byte == b'u' {
                        self.escape = Escape::Hex { left: 4, value: 0 };
                        continue;
                    }
                    let Some(value) = simple(byte) else { return self.fail() };
                    return Step::Event(Event::Char { value, escaped: true });
                }
                Escape::Hex { left, value } => {
                    let Some(digit) = char::from(byte).to_digit(16) else { return self.fail() };
                    *input = rest;
                    let value = (value << 4) | digit;
                    if left > 1 {
                        self.escape = Escape::Hex { left: left.wrapping_sub(1), value };
                        continue;
                    }
                    self.escape = Escape::None;
                    if let Some(step) = self.unit(value) {
                        return step;
                    }
                }
                Escape::Low if byte == b'\\' => {
                    *input = rest;
                    self.escape = Escape::LowUnit;
                }
                Escape::LowUnit if byte == b'u' => {
                    *input = rest;
                    self.escape = Escape::Hex { left: 4, value: 0 };
                }
                // The high surrogate stands alone; what follows is read again as what it is.
                Escape::Low => {
                    self.escape = Escape::None;
                    return self.lone_surrogate();
                }
                Escape::LowUnit => {
                    self.escape = Escape::Backslash;
                    return self.lone_surrogate();
                }
                Escape::Unit(_) => {}
            }
        }
    }

    /// Gives the run of plain bytes at the front, as far as it is UTF-8.
    fn plain<'a>(&mut self, input: &mut &'a [u8]) -> Option<Step<'a>> {
        let (run, _) = input.split_at_checked(self.plain).unwrap_or((input, &[]));
        let error = match std::str::from_utf8(run) {
            Ok(text) => {
                self.take(run.len(), input);
                return Some(Step::Event(Event::Text(text)));
            }
            Err(error) => error,
        };
        let valid = run.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        if !valid.is_empty() {
            self.take(valid.len(), input);
            return Some(Step::Event(Event::Text(valid)));
        }
        if let Some(length) = error.error_len() {
            self.take(length, input);
            self.invalid_text = true;
            return Some(Step::Event(Event::Char { value: char::REPLACEMENT_CHARACTER, escaped: false }));
        }
        for (slot, &byte) in self.carry.iter_mut().zip(run) {
            *slot = byte;
        }
        self.carried = run.len();
        self.take(run.len(), input);
        None
    }

    /// Goes on with a character of which the chunk before held the beginning.
    fn carry_on<'a>(&mut self, byte: u8, rest: &'a [u8], input: &mut &'a [u8]) -> Option<Step<'a>> {
        let mut whole = self.carry;
        let length = self.carried.saturating_add(1);
        if let Some(slot) = whole.get_mut(self.carried) {
            *slot = byte;
        }
        let bytes = whole.get(..length).unwrap_or(&whole);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let value = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.carried = 0;
                self.take(1, input);
                Some(Step::Event(Event::Char { value, escaped: false }))
            }
            Err(error) if error.error_len().is_none() => {
                self.carry = whole;
                self.carried = length;
                self.plain = self.plain.saturating_sub(1);
                *input = rest;
                None
            }
            Err(_) => {
                self.carried = 0;
                self.invalid_text = true;
                Some(Step::Event(Event::Char { value: char::REPLACEMENT_CHARACTER, escaped: false }))
            }
        }
    }

    /// One UTF-16 unit of a `\u` escape.
    fn unit<'a>(&mut self, unit: u32) -> Option<Step<'a>> {
        let low = (0xdc00..0xe000).contains(&unit);
        if self.high != 0 && !low {
            self.escape = Escape::Unit(unit);
            return Some(self.lone_surrogate());
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = unit;
            self.escape = Escape::Low;
            return None;
        }
        let code = if self.high == 0 { unit } else { pair(self.high, unit) };
        self.high = 0;
        let value = char::from_u32(code).unwrap_or_else(|| {
            self.invalid_text = true;
            char::REPLACEMENT_CHARACTER
        });
        Some(Step::Event(Event::Char { value, escaped: true }))
    }

    const fn lone_surrogate<'a>(&mut self) -> Step<'a> {
        self.high = 0;
        self.invalid_text = true;
        Step::Event(Event::Char { value: char::REPLACEMENT_CHARACTER, escaped: true })
    }

    fn end_text<'a>(&mut self, key: bool) -> Step<'a> {
        if key {
            self.state = State::Colon;
            return Step::Event(Event::KeyEnd);
        }
        self.after_value();
        Step::Event(Event::StringEnd)
    }

    fn take(&mut self, length: usize, input: &mut &[u8]) {
        *input = input.get(length..).unwrap_or_default();
        self.plain = self.plain.saturating_sub(length);
    }
}

const fn pair(high: u32, low: u32) -> u32 {
    (((high & 0x3ff) << 10) | (low & 0x3ff)).wrapping_add(0x1_0000)
}

/// What a backslash and this byte stand for, unless more has to be read.
const fn simple(byte: u8) -> Option<char> {
    match byte {
        b'b' => Some('\u{8}'),
        b'f' => Some('\u{c}'),
        b'n' => Some('\n'),
        b'r' => Some('\r'),
        b't' => Some('\t'),
        b'"' | b'\\' | b'/' => Some(byte as char),
        _ => None,
    }
}
