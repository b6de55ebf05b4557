//! Numbers, by the grammar of RFC 8259, section 6.

use super::{Event, State, Step, Tokenizer};

/// What of a number has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
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

impl Tokenizer {
    pub(super) fn number<'a>(&mut self, mut number: Number, input: &mut &'a [u8]) -> Step<'a> {
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

    pub(super) const fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Power)
    }
}
