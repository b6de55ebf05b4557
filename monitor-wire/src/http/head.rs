//! One whole head, from its first line to the empty one (RFC 9112 sections 2 to 6).

use std::borrow::Cow;

use super::body::Framing;
use super::expected::Answers;
use super::fields::{Coding, Fields, Length, method};
use super::sniff::{PREFACE_LINE, after_empty_lines, has_controls};
use super::value::{Flags, is_token, trim};
use super::{Request, Response, host, target};
use crate::limits;
use crate::redact::Key;

/// Why a direction isn't understood any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Malformed,
    Upgrade,
    Connect,
    TooLong,
    Lost,
}

impl Reason {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Upgrade => "upgrade",
            Self::Connect => "connect",
            Self::TooLong => "too_long",
            Self::Lost => "lost",
        }
    }
}

/// What a response's head is.
pub(super) enum Answer {
    /// One that another follows (RFC 9110 section 15.2).
    Informational,
    Last(Response, Framing),
    /// What follows is no HTTP/1.
    Over(Response, Reason),
}

/// A request line (RFC 9112 section 3), taken apart.
struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: &'static str,
}

/// Whether a first line may begin a request.
pub(super) fn check_request(line: &[u8]) -> Result<(), Reason> {
    request_line(line).map(drop)
}

/// Whether a first line may begin a response.
pub(super) fn check_response(line: &[u8]) -> Result<(), Reason> {
    status_line(line).map(drop).ok_or(Reason::Malformed)
}

/// Reads the head of a request.
pub(super) fn request(key: &Key, head: &[u8], exchange: u64) -> Result<(Request, Framing), Reason> {
    let mut flags = Flags::default();
    let mut lines = Lines::new(head);
    let line = request_line(lines.next().unwrap_or_default())?;
    let parts = target::split(line.method, line.target);
    if parts.odd {
        flags.add("odd_target");
    }
    let mut fields = fields(key, &mut lines, &mut flags)?;
    let path = target::path(key, parts.path, &mut flags);
    let query = parts.query.map(|query| target::query(key, query, &mut flags));
    let framing = match (fields.coding, fields.length) {
        (Coding::Chunked, _) => Framing::Chunked,
        // RFC 9112 section 6.3: of a request's body nobody knows the end, or two readers find two.
        (Coding::Other, _) => Framing::Bad,
        (Coding::Absent, Length::Bad) => Framing::Bad,
        (Coding::Absent, Length::Bytes(bytes)) => Framing::Length(bytes),
        (Coding::Absent, Length::Absent) => Framing::None,
    };
    framing_flags(&fields, framing, line.version, &mut flags);
    // Whoever takes the request may go by any of its names, so that none is dropped.
    let mut others: Vec<String> = fields.other_host.take().into_iter().collect();
    let host = match (parts.authority.map(|authority| host::host(key, authority, &mut flags)), fields.host) {
        (Some(target), Some(host)) => {
            if !host::is_same(&target, &host, parts.default_port) {
                flags.add("two_hosts");
                others.insert(0, host);
            }
            Some(target)
        }
        (target, host) => target.or(host),
    };
    fields.headers.values.splice(0..0, others.into_iter().map(|host| ("host".to_owned(), host)));
    if fields.authorization.is_some() && fields.auth_key.is_some() {
        flags.add("two_authorizations");
    }
    let request = Request {
        exchange,
        method: method(key, line.method),
        path,
        query,
        host: host.filter(|host| !host.is_empty()),
        authorization: fields.authorization.or(fields.auth_key),
        headers: fields.headers,
        version: line.version.to_owned(),
        flags: flags.into_names(),
    };
    Ok((request, framing))
}

/// Reads the head of a response to a request that `answers` is about.
pub(super) fn response(key: &Key, head: &[u8], exchange: u64, answers: Answers) -> Result<Answer, Reason> {
    let mut flags = Flags::default();
    let mut lines = Lines::new(head);
    let (version, status) = status_line(lines.next().unwrap_or_default()).ok_or(Reason::Malformed)?;
    let fields = fields(key, &mut lines, &mut flags)?;
    if (100..200).contains(&status) && status != 101 {
        return Ok(Answer::Informational);
    }
    let over = match (status, answers) {
        (101, _) => Some(Reason::Upgrade),
        (200..=299, Answers::Connect) => Some(Reason::Connect),
        _ => None,
    };
    // RFC 9112 section 6.3, in its order.
    let framing = match (fields.coding, fields.length) {
        _ if over.is_some() || answers == Answers::Head || matches!(status, 204 | 304) => Framing::None,
        (Coding::Chunked, _) => Framing::Chunked,
        (Coding::Other, _) | (Coding::Absent, Length::Absent) => Framing::Close,
        (Coding::Absent, Length::Bytes(bytes)) => Framing::Length(bytes),
        (Coding::Absent, Length::Bad) => Framing::Bad,
    };
    framing_flags(&fields, framing, version, &mut flags);
    let response = Response { exchange, status, headers: fields.headers, flags: flags.into_names() };
    Ok(match over {
        Some(reason) => Answer::Over(response, reason),
        None => Answer::Last(response, framing),
    })
}

fn framing_flags(fields: &Fields, framing: Framing, version: &str, flags: &mut Flags) {
    if fields.coding != Coding::Absent && fields.length != Length::Absent {
        flags.add("length_and_chunked");
    }
    if fields.coding != Coding::Absent && version == "1.0" {
        // RFC 9112 section 6.1: who knows 1.0 only finds another end.
        flags.add("coding_in_1_0");
    }
    if fields.length == Length::Bad {
        flags.add("bad_length");
    }
    if fields.coding == Coding::Other && framing == Framing::Bad {
        flags.add("bad_coding");
    }
}

fn fields(key: &Key, lines: &mut Lines<'_>, flags: &mut Flags) -> Result<Fields, Reason> {
    let mut fields = Fields::default();
    // A field is complete once the next line doesn't go on with it.
    let mut pending: Option<(&[u8], Cow<'_, [u8]>)> = None;
    for line in lines.by_ref() {
        if line.contains(&b'\r') {
            flags.add("bare_cr");
        }
        if line.first().is_some_and(|&byte| is_blank(byte)) {
            // RFC 9112 section 5.2. Before the first field it belongs to nothing, and counts for nothing (section 2.2).
            flags.add("obs_fold");
            if let Some((_, value)) = &mut pending {
                let value = value.to_mut();
                value.push(b' ');
                value.extend_from_slice(trim(line));
            }
            continue;
        }
        if let Some((name, value)) = pending.take() {
            fields.add(key, name, &value, flags);
        }
        if line.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', line).ok_or(Reason::Malformed)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Reason::Malformed)?;
        let bare = trim_end(name);
        if bare.is_empty() {
            return Err(Reason::Malformed);
        }
        if bare.len() < name.len() {
            flags.add("space_before_colon");
        }
        pending = Some((bare, Cow::Borrowed(trim(value.get(1..).unwrap_or_default()))));
    }
    if lines.bare_lf {
        flags.add("bare_lf");
    }
    Ok(fields)
}

/// The lines of a head without their ends, the empty one last.
struct Lines<'a> {
    rest: &'a [u8],
    bare_lf: bool,
}

impl<'a> Lines<'a> {
    fn new(head: &'a [u8]) -> Self {
        Self { rest: after_empty_lines(head).unwrap_or_default(), bare_lf: false }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (line, rest) = self.rest.split_at_checked(memchr::memchr(b'\n', self.rest)?)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or_else(|| {
            self.bare_lf = true;
            line
        }))
    }
}

fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Reason> {
    let line = trim_end(line);
    if line == PREFACE_LINE {
        return Err(Reason::Upgrade);
    }
    let parts = || {
        let (method, rest) = word(line)?;
        let (target, version) = rest.split_at_checked(rest.iter().rposition(|&byte| is_blank(byte))?)?;
        Some(RequestLine { method, target: trim(target), version: version_of(trim(version))? })
    };
    let line = parts().filter(|_| !has_controls(line)).ok_or(Reason::Malformed)?;
    let good = line.method.len() <= limits::HTTP_METHOD
        && line.method.iter().all(|&byte| is_token(byte))
        && !line.target.is_empty();
    if good { Ok(line) } else { Err(Reason::Malformed) }
}

/// Version and status (RFC 9112 section 4).
fn status_line(line: &[u8]) -> Option<(&'static str, u16)> {
    let (version, rest) = word(line)?;
    Some((version_of(version)?, status(trim(rest))?))
}

/// The first word, and what follows the blank behind it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = line.split_at_checked(line.iter().position(|&byte| is_blank(byte))?)?;
    Some((word, rest.get(1..)?))
}

/// HTTP/1.x with another minor version is read as 1.1 (RFC 9110 section 2.5).
fn version_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes.strip_prefix(b"HTTP/1.")? {
        [b'0'] => Some("1.0"),
        [minor] if minor.is_ascii_digit() => Some("1.1"),
        _ => None,
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let (digits, rest) = bytes.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || rest.first().is_some_and(|&byte| !is_blank(byte)) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|&status| status >= 100)
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
