//! An incremental JSON tokeniser (RFC 8259): bytes in any split, events out, memory constant.
//!
//! [`Tokenizer::next`] takes one event's worth from the front of a chunk. Text comes in pieces that borrow from the chunk,
//! so nothing is copied and nothing is kept, however long a string is. There is no recursion: nesting is one bit a level
//! up to [`limits::DEPTH`]; what lies deeper is skipped by counting brackets and given as [`Event::Deep`].
//!
//! Lenient where receivers are: lone surrogates and bytes that aren't UTF-8 become U+FFFD and are remembered
//! ([`Tokenizer::invalid_text`]); duplicate keys are the consumer's matter. Everything else is as strict as `JSON.parse`,
//! because a line that the receiver rejects must not count as a message here.

use crate::limits;

/// One step of a document. Keys, strings and numbers come as start, any number of pieces, end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// An object key begins.
    KeyStart,
    /// The key is over.
    KeyEnd,
    /// A string value begins.
    StringStart,
    /// The string is over.
    StringEnd,
    /// A number begins; its pieces are its text as written.
    NumberStart,
    /// The number is over and well formed.
    NumberEnd,
    /// A piece of the key, string or number in progress; escapes are resolved.
    Text(&'a str),
    /// One character of the key or string in progress.
    Char {
        /// The character; U+FFFD for what is no character.
        value: char,
        /// It was written as an escape.
        escaped: bool,
    },
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// Bytes of a value nested deeper than [`limits::DEPTH`], as written.
    Deep(&'a [u8]),
}

/// What [`Tokenizer::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// An event; call again.
    Event(Event<'a>),
    /// The chunk is used up.
    More,
    /// Not JSON. It stays so until [`Tokenizer::reset`].
    Invalid,
}

/// The tokeniser's whole state, about 100 bytes.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    state: State,
    /// One bit a level, the innermost lowest: 1 is an object.
    kinds: u128,
    depth: u32,
    escape: Escape,
    /// High surrogate that waits for its low half; 0 is none.
    high: u32,
    /// Bytes of a character that straddles two chunks.
    carry: [u8; 4],
    carried: usize,
    /// Bytes at the front of the chunk that are known to be plain, so that none is scanned twice.
    plain: usize,
    invalid_text: bool,
    mute: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    ElementOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    AfterValue,
    Text { key: bool },
    Number(Number),
    Literal { rest: &'static [u8], value: Literal },
    Deep { nesting: u64, string: bool, escaped: bool },
    Done,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literal {
    True,
    False,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Start,
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
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

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokenizer {
    /// A tokeniser before the first byte of a document.
    pub const fn new() -> Self {
        Self {
            state: State::Value,
            kinds: 0,
            depth: 0,
            escape: Escape::None,
            high: 0,
            carry: [0; 4],
            carried: 0,
            plain: 0,
            invalid_text: false,
            mute: false,
        }
    }

    /// Forgets everything: the next byte begins a document.
    pub const fn reset(&mut self) {
        *self = Self::new();
    }

    /// The document's outermost value is complete; only white space may follow.
    pub fn is_complete(&self) -> bool {
        match self.state {
            State::Done => true,
            // A number has no end mark of its own.
            State::Number(number) => self.depth == 0 && number.may_end(),
            _ => false,
        }
    }

    /// No byte but white space has been seen.
    pub fn is_blank(&self) -> bool {
        self.depth == 0 && self.state == State::Value
    }

    /// A string held bytes that aren't UTF-8, or half a surrogate pair.
    pub const fn invalid_text(&self) -> bool {
        self.invalid_text
    }

    /// While `mute`, pieces of keys and strings aren't given: for a consumer that passes over a value, at twice the speed.
    pub const fn set_mute(&mut self, mute: bool) {
        self.mute = mute;
    }

    /// Takes one event's bytes off the front of `input`. Call until [`Step::More`], then with the next chunk.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Step<'a> {
        loop {
            match self.state {
                State::Text { key } => {
                    let step = self.text(key, input);
                    if self.mute && matches!(step, Step::Event(Event::Text(_) | Event::Char { .. })) {
                        continue;
                    }
                    return step;
                }
                State::Number(number) => return self.number(number, input),
                State::Literal { rest, value } => return self.literal(rest, value, input),
                State::Deep { nesting, string, escaped } => return self.deep(nesting, string, escaped, input),
                State::Failed => return Step::Invalid,
                _ => {}
            }
            *input = skip_space(input);
            let Some((&byte, rest)) = input.split_first() else { return Step::More };
            match (self.state, byte) {
                (State::Colon, b':') => {
                    *input = rest;
                    self.state = State::Value;
                }
                (State::AfterValue, b',') => {
                    *input = rest;
                    self.state = if self.in_object() { State::Key } else { State::Value };
                }
                (State::AfterValue | State::KeyOrEnd, b'}') if self.in_object() => {
                    *input = rest;
                    self.pop();
                    return Step::Event(Event::ObjectEnd);
                }
                (State::AfterValue | State::ElementOrEnd, b']') if !self.in_object() => {
                    *input = rest;
                    self.pop();
                    return Step::Event(Event::ArrayEnd);
                }
                (State::KeyOrEnd | State::Key, b'"') => {
                    *input = rest;
                    self.state = State::Text { key: true };
                    return Step::Event(Event::KeyStart);
                }
                (State::Value | State::ElementOrEnd, _) => {
                    if let Some(step) = self.value(byte, rest, input) {
                        return step;
                    }
                }
                _ => return self.fail(),
            }
        }
    }

    /// Begins a value; `None` means that the state says how to go on.
    fn value<'a>(&mut self, byte: u8, rest: &'a [u8], input: &mut &'a [u8]) -> Option<Step<'a>> {
        let event = match byte {
            b'"' => {
                self.state = State::Text { key: false };
                Event::StringStart
            }
            b'{' | b'[' if self.depth >= limits::DEPTH => {
                self.state = State::Deep { nesting: 0, string: false, escaped: false };
                return None;
            }
            b'{' => {
                self.push(true);
                Event::ObjectStart
            }
            b'[' => {
                self.push(false);
                Event::ArrayStart
            }
            b'-' | b'0'..=b'9' => {
                self.state = State::Number(Number::Start);
                return Some(Step::Event(Event::NumberStart));
            }
            b't' => {
                self.state = State::Literal { rest: b"true", value: Literal::True };
                return None;
            }
            b'f' => {
                self.state = State::Literal { rest: b"false", value: Literal::False };
                return None;
            }
            b'n' => {
                self.state = State::Literal { rest: b"null", value: Literal::Null };
                return None;
            }
            _ => return Some(self.fail()),
        };
        *input = rest;
        Some(Step::Event(event))
    }

    fn text<'a>(&mut self, key: bool, input: &mut &'a [u8]) -> Step<'a> {
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
                        self.plain = plain_run(input);
                    }
                    if self.plain > 0 {
                        if let Some(step) = self.plain(input) {
                            return step;
                        }
                        continue;
                    }
                    *input = rest;
                    match byte {
                        b'"' => return self.end_text(key),
                        b'\\' => self.escape = Escape::Backslash,
                        _ => return self.fail(),
                    }
                }
                Escape::Backslash => {
                    *input = rest;
                    self.escape = Escape::None;
                    let value = match byte {
                        b'u' => {
                            self.escape = Escape::Hex { left: 4, value: 0 };
                            continue;
                        }
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'"' | b'\\' | b'/' => char::from(byte),
                        _ => return self.fail(),
                    };
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

    fn number<'a>(&mut self, mut number: Number, input: &mut &'a [u8]) -> Step<'a> {
        let mut length: usize = 0;
        for &byte in *input {
            let Some(next) = number.step(byte) else { break };
            number = next;
            length = length.saturating_add(1);
        }
        self.state = State::Number(number);
        let (run, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        if !run.is_empty() {
            return Step::Event(Event::Text(std::str::from_utf8(run).unwrap_or_default()));
        }
        if input.is_empty() {
            return Step::More;
        }
        if !number.may_end() {
            return self.fail();
        }
        self.after_value();
        Step::Event(Event::NumberEnd)
    }

    fn literal<'a>(&mut self, mut left: &'static [u8], value: Literal, input: &mut &'a [u8]) -> Step<'a> {
        while let Some((&expected, after)) = left.split_first() {
            let Some((&byte, rest)) = input.split_first() else {
                self.state = State::Literal { rest: left, value };
                return Step::More;
            };
            if byte != expected {
                return self.fail();
            }
            *input = rest;
            left = after;
        }
        self.after_value();
        Step::Event(match value {
            Literal::True => Event::Bool(true),
            Literal::False => Event::Bool(false),
            Literal::Null => Event::Null,
        })
    }

    /// Skips a value that is nested too deep to be followed; kinds of brackets aren't matched there.
    fn deep<'a>(&mut self, mut nesting: u64, mut string: bool, mut escaped: bool, input: &mut &'a [u8]) -> Step<'a> {
        if input.is_empty() {
            return Step::More;
        }
        let mut length: usize = 0;
        let mut over = false;
        for &byte in *input {
            length = length.saturating_add(1);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if string => escaped = true,
                b'"' => string = !string,
                b'{' | b'[' if !string => nesting = nesting.saturating_add(1),
                b'}' | b']' if !string => nesting = nesting.saturating_sub(1),
                _ => {}
            }
            if nesting == 0 {
                over = true;
                break;
            }
        }
        let (run, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        self.state = State::Deep { nesting, string, escaped };
        if over {
            self.after_value();
        }
        Step::Event(Event::Deep(run))
    }

    fn take(&mut self, length: usize, input: &mut &[u8]) {
        *input = input.get(length..).unwrap_or_default();
        self.plain = self.plain.saturating_sub(length);
    }

    const fn fail<'a>(&mut self) -> Step<'a> {
        self.state = State::Failed;
        Step::Invalid
    }

    const fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    const fn push(&mut self, object: bool) {
        self.depth = self.depth.saturating_add(1);
        self.kinds = (self.kinds << 1) | object as u128;
        self.state = if object { State::KeyOrEnd } else { State::ElementOrEnd };
    }

    const fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.kinds >>= 1;
        self.after_value();
    }

    const fn after_value(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::AfterValue };
    }
}

impl Number {
    const fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Start, b'-') => Self::Minus,
            (Self::Start | Self::Minus, b'0') => Self::Zero,
            (Self::Start | Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    const fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Power)
    }
}

const fn pair(high: u32, low: u32) -> u32 {
    (((high & 0x3ff) << 10) | (low & 0x3ff)).wrapping_add(0x1_0000)
}

fn skip_space(input: &[u8]) -> &[u8] {
    let blank = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    input.get(blank..).unwrap_or_default()
}

/// Length of the run that holds neither a quote, a backslash nor a control character, eight bytes at a time.
fn plain_run(input: &[u8]) -> usize {
    let (words, tail) = input.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = run_ends(u64::from_le_bytes(*word));
        if marks != 0 {
            return index.saturating_mul(8).saturating_add((marks.trailing_zeros() >> 3) as usize);
        }
    }
    let end = tail.iter().position(|&byte| ends_run(byte)).unwrap_or(tail.len());
    words.len().saturating_mul(8).saturating_add(end)
}

/// The high bit of each byte that ends a run. A borrow can only set one above a byte that is rightly set, so the lowest
/// is exact. (The test for a zero byte is the usual one: `(x - 1) & !x & 0x80`.)
const fn run_ends(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let quote = word ^ QUOTES;
    let backslash = word ^ BACKSLASHES;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash)) & HIGH
}

const fn ends_run(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}
