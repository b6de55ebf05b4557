//! Literals of JavaScript (ECMA-262 section 12.9), each from its first byte; with the bytes it takes.

use std::borrow::Cow;

use super::Reason;
use super::lex::{is_line_end, is_name_part, is_name_start};

/// Reads a text with its escapes undone.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at = self.at.saturating_add(next.len_utf8());
        Some(next)
    }

    fn hex(&mut self, digits: u32) -> Result<u32, Reason> {
        let mut value: u32 = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|digit| digit.to_digit(16)).ok_or(Reason::Syntax)?;
            value = value.wrapping_shl(4) | digit;
        }
        Ok(value)
    }

    /// Behind `\u`.
    fn unicode(&mut self) -> Result<u32, Reason> {
        if self.peek() != Some('{') {
            return self.hex(4);
        }
        self.next();
        let mut value: u32 = 0;
        loop {
            match self.next() {
                Some('}') => return Ok(value),
                Some(digit) => {
                    let digit = digit.to_digit(16).ok_or(Reason::Syntax)?;
                    value = value.checked_mul(16).and_then(|value| value.checked_add(digit)).ok_or(Reason::Syntax)?;
                    if value > 0x0010_ffff {
                        return Err(Reason::Syntax);
                    }
                }
                None => return Err(Reason::Syntax),
            }
        }
    }

    /// Behind a backslash; a surrogate waits for its other half in `high`.
    fn escape(&mut self, out: &mut String, high: &mut Option<u32>) -> Result<(), Reason> {
        let code = match self.next().ok_or(Reason::Syntax)? {
            'n' => 0x0a,
            't' => 0x09,
            'r' => 0x0d,
            'b' => 0x08,
            'v' => 0x0b,
            'f' => 0x0c,
            'x' => self.hex(2)?,
            'u' => self.unicode()?,
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => 0,
            // octal escapes are none in strict code, and code that is called as a module's is strict
            '0'..='9' => return Err(Reason::Syntax),
            '\r' => {
                if self.peek() == Some('\n') {
                    self.next();
                }
                return Ok(());
            }
            end if is_line_end(end) => return Ok(()),
            other => u32::from(other),
        };
        match (high.take(), code) {
            (Some(first), 0xdc00..=0xdfff) => {
                let upper = first.saturating_sub(0xd800).wrapping_shl(10);
                let both = upper.saturating_add(code.saturating_sub(0xdc00)).saturating_add(0x1_0000);
                // the half stood for itself so far
                out.pop();
                out.push(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (_, 0xd800..=0xdbff) => {
                *high = Some(code);
                out.push(char::REPLACEMENT_CHARACTER);
            }
            (_, code) => out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
        Ok(())
    }
}

/// A text in quotes.
pub(super) fn text(text: &str) -> Result<(String, usize), Reason> {
    let mut reader = Reader { text, at: 0 };
    let (quote, mut out, mut high) = (reader.next(), String::new(), None);
    loop {
        match reader.next() {
            next if next.is_some() && next == quote => return Ok((out, reader.at)),
            Some('\\') => reader.escape(&mut out, &mut high)?,
            None | Some('\n' | '\r') => return Err(Reason::Syntax),
            Some(other) => {
                high = None;
                out.push(other);
            }
        }
    }
}

/// Text of a template; true at its end, false at a `${`.
pub(super) fn template(text: &str) -> Result<(String, usize, bool), Reason> {
    let mut reader = Reader { text, at: 0 };
    let (mut out, mut high) = (String::new(), None);
    loop {
        match reader.next().ok_or(Reason::Syntax)? {
            '`' => return Ok((out, reader.at, true)),
            '$' if reader.peek() == Some('{') => {
                reader.next();
                return Ok((out, reader.at, false));
            }
            '\\' => reader.escape(&mut out, &mut high)?,
            '\r' => {
                if reader.peek() == Some('\n') {
                    reader.next();
                }
                out.push('\n');
            }
            other => {
                high = None;
                out.push(other);
            }
        }
    }
}

/// A regular expression, of which only the end matters.
pub(super) fn regex(text: &str) -> Result<usize, Reason> {
    let mut reader = Reader { text, at: 1 };
    let mut class = false;
    loop {
        match reader.next() {
            None => return Err(Reason::Syntax),
            Some(end) if is_line_end(end) => return Err(Reason::Syntax),
            Some('\\') => {
                if reader.next().is_none_or(is_line_end) {
                    return Err(Reason::Syntax);
                }
            }
            Some('[') => class = true,
            Some(']') => class = false,
            Some('/') if !class => break,
            Some(_) => {}
        }
    }
    while reader.peek().is_some_and(is_name_part) {
        reader.next();
    }
    Ok(reader.at)
}

/// A name, and whether it was written with escapes.
pub(super) fn name(text: &str) -> Result<(Cow<'_, str>, usize, bool), Reason> {
    let end = text.find(|character| !is_name_part(character)).unwrap_or(text.len());
    let plain = text.get(..end).unwrap_or_default();
    if !text.get(end..).is_some_and(|rest| rest.starts_with('\\')) {
        let starts = plain.chars().next().is_some_and(is_name_start);
        return if starts { Ok((Cow::Borrowed(plain), end, false)) } else { Err(Reason::Syntax) };
    }
    let mut reader = Reader { text, at: 0 };
    let mut out = String::new();
    loop {
        match reader.peek() {
            Some('\\') => {
                reader.next();
                if reader.next() != Some('u') {
                    return Err(Reason::Syntax);
                }
                out.push(char::from_u32(reader.unicode()?).ok_or(Reason::Syntax)?);
            }
            Some(part) if is_name_part(part) => out.extend(reader.next()),
            _ => break,
        }
        let right = if out.len() <= 4 { out.chars().next().is_some_and(is_name_start) } else { true };
        if !right || !out.chars().next_back().is_some_and(is_name_part) {
            return Err(Reason::Syntax);
        }
    }
    Ok((Cow::Owned(out), reader.at, true))
}

/// A number; `None` for a big integer.
pub(super) fn number(text: &str) -> Result<(Option<f64>, usize), Reason> {
    let bytes = text.as_bytes();
    let radix = match (bytes.first(), bytes.get(1)) {
        (Some(b'0'), Some(b'x' | b'X')) => 16,
        (Some(b'0'), Some(b'o' | b'O')) => 8,
        (Some(b'0'), Some(b'b' | b'B')) => 2,
        // octal in another form is none in strict code
        (Some(b'0'), Some(b'0'..=b'9' | b'_')) => return Err(Reason::Syntax),
        _ => return decimal(text),
    };
    let mut value: f64 = 0.0;
    let mut at: usize = 2;
    while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_') {
        if *byte == b'n' {
            return Ok((None, at.saturating_add(1)));
        }
        if *byte != b'_' {
            let digit = char::from(*byte).to_digit(radix).ok_or(Reason::Syntax)?;
            value = value * f64::from(radix) + f64::from(digit);
        }
        at = at.saturating_add(1);
    }
    if at == 2 { Err(Reason::Syntax) } else { Ok((Some(value), at)) }
}

fn decimal(text: &str) -> Result<(Option<f64>, usize), Reason> {
    let bytes = text.as_bytes();
    let mut at: usize = 0;
    let mut exponent = false;
    let mut point = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' | b'_' => {}
            b'.' if !point && !exponent => point = true,
            b'e' | b'E' if !exponent => {
                exponent = true;
                if matches!(bytes.get(at.saturating_add(1)), Some(b'+' | b'-')) {
                    at = at.saturating_add(1);
                }
            }
            b'n' if !point && !exponent => return Ok((None, at.saturating_add(1))),
            _ => break,
        }
        at = at.saturating_add(1);
    }
    let digits: String = text.get(..at).unwrap_or_default().chars().filter(|digit| *digit != '_').collect();
    let value = digits.parse::<f64>().map_err(|_| Reason::Syntax)?;
    Ok((Some(value), at))
}
