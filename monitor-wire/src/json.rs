//! An incremental JSON tokeniser (RFC 8259): bytes in any split, events out, memory constant.
//!
//! [`Tokenizer::next`] takes one event's worth from the front of a chunk. Text comes in pieces that borrow from the chunk,
//! so nothing is copied and nothing is kept, however long a string is. There is no recursion: nesting is one bit a level
//! up to [`limits::DEPTH`]; what lies deeper is skipped by counting brackets and given as [`Event::Deep`].
//!
//! Lenient where receivers are: lone surrogates and bytes that aren't UTF-8 become U+FFFD and are remembered
//! ([`Tokenizer::invalid_text`]); duplicate keys are the consumer's matter. Everything else is as strict as `JSON.parse`,
//! because a line that the receiver rejects must not count as a message here.

mod number;
mod run;
mod string;

use crate::limits;

use number::Number;
use string::Escape;

/// One step of a document. Keys, strings and numbers come as start, any number of pieces, end; short keys and strings that
/// lie whole in a chunk and hold no escape come at once instead.
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
    /// An object key.
    Key(&'a str),
    /// A string value.
    String(&'a str),
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
    /// And whether all of these are ASCII.
    ascii: bool,
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
            ascii: false,
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
                    if let Some(text) = self.short(input) {
                        self.state = State::Colon;
                        return Step::Event(Event::Key(text));
                    }
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
                *input = rest;
                if let Some(text) = self.short(input) {
                    self.after_value();
                    return Some(Step::Event(Event::String(text)));
                }
                self.state = State::Text { key: false };
                return Some(Step::Event(Event::StringStart));
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

fn skip_space(input: &[u8]) -> &[u8] {
    let blank = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    input.get(blank..).unwrap_or_default()
}
