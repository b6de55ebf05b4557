//! Addresses of requests (the URL standard, section 4.4, for `http` and `https`), with holes.

use super::value::{Hole, Piece, Text};
use super::{API_HOST, Reason, Segment};
use crate::limits;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Option<String>,
    pub(super) path: Vec<Segment>,
    /// Names in its query.
    pub(super) query: Option<Vec<String>>,
    /// What isn't known of it.
    pub(super) reasons: Vec<Reason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    Hole(Hole),
}

impl Unit {
    const fn is(self, wanted: char) -> bool {
        matches!(self, Self::Char(found) if found as u32 == wanted as u32)
    }

    const fn is_slash(self) -> bool {
        self.is('/') || self.is('\\')
    }
}

/// Reads an absolute address.
pub(super) fn parse(address: &Text) -> Target {
    let all = units(address);
    let mut target = Target { host: None, path: Vec::new(), query: None, reasons: Vec::new() };
    let Some((scheme, rest)) = scheme(&all) else {
        target.path.push(Segment::Rest);
        target.reasons.extend([Reason::UnknownHost, Reason::DynamicPath]);
        return target;
    };
    let begin = rest.iter().position(|unit| !unit.is_slash()).unwrap_or(rest.len());
    let rest = rest.get(begin..).unwrap_or_default();
    let ends = |unit: &Unit| unit.is_slash() || unit.is('?') || unit.is('#');
    let (authority, rest) = rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
    target.host = host(scheme, authority);
    if target.host.is_none() {
        target.reasons.push(Reason::UnknownHost);
        target.path.push(Segment::Rest);
    }
    let (path, rest) = rest.split_at(rest.iter().position(|unit| unit.is('?') || unit.is('#')).unwrap_or(rest.len()));
    let query = rest.get(1..).filter(|_| rest.first().is_some_and(|unit| unit.is('?'))).unwrap_or_default();
    let query = query.split(|unit| unit.is('#')).next().unwrap_or_default();
    let vague = path.iter().any(|unit| matches!(unit, Unit::Hole(Hole::Any)));
    target.query = if vague { None } else { names(query) };
    let leading = if target.host.as_deref() == Some(API_HOST) { 2 } else { 0 };
    for segment in path.split(|unit| unit.is_slash()) {
        add(segment, leading, &mut target);
        if target.path.len() >= limits::CODE_SEGMENTS {
            target.path.push(Segment::Rest);
            target.reasons.push(Reason::DynamicPath);
            break;
        }
    }
    target
}

/// The characters, without those that are left out of an address, and the holes between them.
fn units(address: &Text) -> Vec<Unit> {
    let mut all = Vec::new();
    for piece in address.pieces() {
        match piece {
            Piece::Text(text) => {
                all.extend(text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).map(Unit::Char));
            }
            Piece::Hole(hole) => all.push(Unit::Hole(*hole)),
        }
    }
    let blank = |unit: &Unit| matches!(unit, Unit::Char(character) if *character <= ' ');
    while all.last().is_some_and(blank) {
        all.pop();
    }
    let begin = all.iter().position(|unit| !blank(unit)).unwrap_or(all.len());
    all.split_off(begin)
}

fn known(units: &[Unit]) -> Option<String> {
    units.iter().map(|unit| if let Unit::Char(character) = unit { Some(*character) } else { None }).collect()
}

fn scheme(all: &[Unit]) -> Option<(&'static str, &[Unit])> {
    let end = all.iter().position(|unit| unit.is(':'))?;
    let (name, rest) = all.split_at_checked(end)?;
    let name = known(name)?.to_ascii_lowercase();
    let scheme = ["https", "http"].into_iter().find(|scheme| **scheme == *name)?;
    Some((scheme, rest.get(1..)?))
}

/// The host of an authority, if it is a plain one.
fn host(scheme: &str, authority: &[Unit]) -> Option<String> {
    let begin = authority.iter().rposition(|unit| unit.is('@')).map_or(0, |at| at.saturating_add(1));
    known(authority)?;
    let host = known(authority.get(begin..)?)?.to_ascii_lowercase();
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'));
    if !plain || host.is_empty() || host.len() > limits::HTTP_HOST {
        return None;
    }
    let port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(port).or_else(|| host.strip_suffix(':')).unwrap_or(&host);
    // a number is an address in another form, and one point at the end changes nothing
    let last = host.split(':').next().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) && host.split('.').count() != 4 || last.starts_with("0x") {
        return None;
    }
    Some(host.to_owned())
}

/// The names in a query.
fn names(query: &[Unit]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for pair in query.split(|unit| unit.is('&')) {
        let name = pair.split(|unit| unit.is('=')).next().unwrap_or_default();
        let name = known(name)?;
        if !name.is_empty() && !all.contains(&name) && all.len() < limits::CODE_NAMES {
            all.push(name);
        }
        // what isn't known may hold further names
        if pair.iter().any(|unit| matches!(unit, Unit::Hole(Hole::Any))) {
            return None;
        }
    }
    Some(all)
}

/// Adds a segment to a path. Of the first ones each says which part of the API it is.
fn add(segment: &[Unit], leading: usize, target: &mut Target) {
    if let Some(text) = known(segment) {
        match text.to_ascii_lowercase().replace("%2e", ".").as_str() {
            "" | "." => {}
            ".." => {
                if target.path.last() != Some(&Segment::Rest) {
                    target.path.pop();
                }
            }
            _ => target.path.push(Segment::Literal(text)),
        }
        return;
    }
    let is_hole = |unit: &Unit| matches!(unit, Unit::Hole(_));
    let first = segment.iter().position(is_hole).unwrap_or_default();
    let last = segment.iter().rposition(is_hole).unwrap_or_default();
    let begins = segment.get(..first).and_then(known).unwrap_or_default();
    let ends = segment.get(last.saturating_add(1)..).and_then(known).unwrap_or_default();
    let count = |wanted: Hole| segment.iter().filter(|unit| **unit == Unit::Hole(wanted)).count();
    let (any, encoded) = (count(Hole::Any), count(Hole::Encoded));
    let whole = begins.is_empty() && ends.is_empty();
    let one = if whole { Segment::Unknown } else { Segment::Partly(begins.clone(), ends.clone()) };
    let dots = begins.is_empty() || begins.starts_with('.');
    let safe = any == 0 && (encoded == 0 || !dots);
    let chooses = target.path.len() <= leading;
    let goes_on = any > 0 && ends.is_empty() && begins.ends_with(|c: char| c.is_alphanumeric());
    if safe && !(chooses && encoded > 0) {
        target.path.push(one);
    } else if chooses || any > 1 || goes_on || begins.starts_with('.') {
        target.reasons.push(Reason::DynamicPath);
        if !begins.is_empty() {
            target.path.push(Segment::Partly(begins, String::new()));
        }
        target.path.push(Segment::Rest);
        if !ends.is_empty() {
            target.path.push(Segment::Partly(String::new(), ends));
        }
    } else {
        target.reasons.push(Reason::DynamicSegment);
        target.path.push(one);
    }
}

/// An address with its base.
pub(super) fn resolve(base: &Text, address: &Text) -> Text {
    let all = units(address);
    if scheme(&all).is_some() {
        return address.clone();
    }
    let Some(base) = base.whole() else { return Text::hole(Hole::Any) };
    let after = base.find("://").map_or(0, |at| at.saturating_add(3));
    let end = base.get(after..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| after.saturating_add(at));
    let second = all.get(1).copied();
    let known = match all.first() {
        // the host of another, or something with a scheme of its own
        Some(Unit::Char('/' | '\\')) => !second.is_some_and(|unit| unit.is_slash() || matches!(unit, Unit::Hole(_))),
        _ => false,
    };
    let origin = base.get(..end).filter(|_| known);
    origin.map_or_else(|| Text::hole(Hole::Any), |origin| Text::join([&Text::known(origin), address]))
}

/// What `encodeURIComponent` makes.
pub(super) fn encoded(text: &Text) -> Text {
    let mut parts = Vec::new();
    for piece in text.pieces() {
        parts.push(match piece {
            Piece::Hole(Hole::Any) => Text::hole(Hole::Encoded),
            Piece::Hole(hole) => Text::hole(*hole),
            Piece::Text(text) => Text::known(&percent(text)),
        });
    }
    Text::join(&parts)
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            for digit in [byte >> 4, byte & 15] {
                if digit == byte >> 4 && !out.ends_with('%') {
                    out.push('%');
                }
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}

/// Percent-encoding undone; `None` if that is no text.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let code = digit(0)?.checked_mul(16)?.checked_add(digit(1)?)?;
        out.push(u8::try_from(code).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(out).ok()
}

/// Base64 undone (RFC 4648 section 4); `None` if that is no ASCII text.
pub(super) fn from_base64(text: &str) -> Option<String> {
    let (mut bits, mut held, mut out) = (0_u32, 0_u32, String::new());
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits.wrapping_shl(6) | u32::from(value);
        held = held.saturating_add(6);
        if held >= 8 {
            held = held.saturating_sub(8);
            let byte = u8::try_from(bits.wrapping_shr(held) & 0xff).ok()?;
            out.push(char::from(byte));
            bits &= 1_u32.wrapping_shl(held).saturating_sub(1);
        }
    }
    Some(out)
}
