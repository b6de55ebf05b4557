//! Header fields (RFC 9112 section 5): names, the few values that are kept, what frames the body.

use super::host::host;
use super::value::{Flags, is_token, redacted, trim};
use super::{Authorization, Headers};
use crate::limits;
use crate::redact::{Key, fingerprint, redact};

/// Headers whose values are kept, redacted.
const KEPT: [&[u8]; 6] =
    [b"content-type", b"content-encoding", b"user-agent", b"mcp-method", b"mcp-name", b"mcp-protocol-version"];

/// Schemes of `Authorization`: those that are registered (RFC 9110 section 16.4.1) and some that are in use. Of anything
/// else nobody knows that it isn't the secret itself.
const SCHEMES: [&str; 20] = [
    "basic",
    "bearer",
    "concealed",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "vapid",
    "token",
    "apikey",
    "api-key",
    "aws4-hmac-sha256",
    "ntlm",
    "hawk",
];

/// What the fields of one head say.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) headers: Headers,
    /// Of the first `Host`, empty if it is.
    pub(super) host: Option<String>,
    /// Of the last that differs from it.
    pub(super) other_host: Option<String>,
    pub(super) authorization: Option<Authorization>,
    /// `X-Auth-Key`.
    pub(super) auth_key: Option<Authorization>,
    pub(super) length: Length,
    pub(super) coding: Coding,
}

/// `Content-Length` (RFC 9112 section 6.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Length {
    #[default]
    Absent,
    Bytes(u64),
    /// No number, or several that differ.
    Bad,
}

/// `Transfer-Encoding` (RFC 9112 section 6.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Coding {
    #[default]
    Absent,
    Chunked,
    /// The last coding is not `chunked`, so that nothing says where the body ends.
    Other,
}

impl Fields {
    /// Takes the next field. The name is as it stands before the colon.
    pub(super) fn add(&mut self, key: &Key, name: &[u8], value: &[u8], flags: &mut Flags) {
        let value = trim(value);
        self.name(key, name, flags);
        let lower = name.to_ascii_lowercase();
        match lower.as_slice() {
            b"host" => self.host(host(key, value, flags), flags),
            b"authorization" => authorize(&mut self.authorization, authorization(key, value), flags),
            b"x-auth-key" => {
                let token = fingerprint(key, value);
                authorize(&mut self.auth_key, Authorization { scheme: "key".to_owned(), token }, flags);
            }
            b"content-length" => value.split(|&byte| byte == b',').for_each(|part| self.length(trim(part))),
            b"transfer-encoding" => value.split(|&byte| byte == b',').for_each(|part| self.coding(trim(part))),
            b"mcp-session-id" => self.keep("mcp-session-id", fingerprint(key, value), flags),
            // Nothing is redacted that there is no room for.
            known if KEPT.contains(&known) && self.headers.values.len() >= limits::HTTP_VALUES => flags.add("cut"),
            known if KEPT.contains(&known) => {
                let text = redacted(key, value, limits::HTTP_VALUE, flags);
                self.keep(std::str::from_utf8(known).unwrap_or_default(), text, flags);
            }
            _ => {}
        }
    }

    /// Bytes of a field that redaction would look at, which is slow.
    pub(super) fn cost(&self, name: &[u8], value: &[u8]) -> usize {
        let of = |has_room: bool, bytes: &[u8]| if has_room { bytes.len() } else { 0 };
        let kept = KEPT.iter().any(|known| name.eq_ignore_ascii_case(known));
        of(self.headers.headers.len() < limits::HTTP_NAMES, name)
            .saturating_add(of(kept && self.headers.values.len() < limits::HTTP_VALUES, value))
            .saturating_add(of(name.eq_ignore_ascii_case(b"host"), value))
    }

    fn name(&mut self, key: &Key, name: &[u8], flags: &mut Flags) {
        if !name.iter().all(|&byte| is_token(byte)) {
            flags.add("odd_name");
        }
        if self.headers.headers.len() >= limits::HTTP_NAMES {
            flags.add("cut");
            return;
        }
        let text = redacted(key, name, usize::MAX, flags);
        let text = match text.len() > limits::HTTP_NAME {
            true => {
                flags.add("cut");
                fingerprint(key, name)
            }
            // Lower case comes last, since it would hide the form of a token.
            false => text.to_ascii_lowercase(),
        };
        self.headers.headers.push(text);
    }

    fn host(&mut self, host: String, flags: &mut Flags) {
        match &self.host {
            Some(first) if *first != host => {
                flags.add("two_hosts");
                self.other_host = Some(host);
            }
            Some(_) => {}
            None => self.host = Some(host),
        }
    }

    /// Several equal lengths count as one (RFC 9110 section 8.6).
    fn length(&mut self, text: &[u8]) {
        let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        self.length = match (self.length, number) {
            (Length::Absent, Some(number)) => Length::Bytes(number),
            (Length::Bytes(first), Some(number)) if first == number => Length::Bytes(first),
            _ => Length::Bad,
        };
    }

    fn coding(&mut self, text: &[u8]) {
        // Empty elements of a list count for nothing (RFC 9110 section 5.6.1), but a field that has no other is there.
        if text.is_empty() && self.coding != Coding::Absent {
            return;
        }
        self.coding = if text.eq_ignore_ascii_case(b"chunked") { Coding::Chunked } else { Coding::Other };
    }

    fn keep(&mut self, name: &str, value: String, flags: &mut Flags) {
        if self.headers.values.len() >= limits::HTTP_VALUES {
            flags.add("cut");
            return;
        }
        self.headers.values.push((name.to_owned(), value));
    }
}

fn authorize(slot: &mut Option<Authorization>, found: Authorization, flags: &mut Flags) {
    match slot {
        Some(first) if *first != found => flags.add("two_authorizations"),
        Some(_) => {}
        None => *slot = Some(found),
    }
}

/// Scheme and token (RFC 9110 section 11.6.2).
fn authorization(key: &Key, value: &[u8]) -> Authorization {
    let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
    let (scheme, token) = value.split_at_checked(end).unwrap_or((value, b""));
    let (scheme, token) = (scheme.to_ascii_lowercase(), trim(token));
    match SCHEMES.iter().find(|known| known.as_bytes() == scheme) {
        Some(known) if !token.is_empty() => {
            Authorization { scheme: (*known).to_owned(), token: fingerprint(key, token) }
        }
        _ => Authorization { scheme: "other".to_owned(), token: fingerprint(key, value) },
    }
}

/// A method as it is kept: a token may be sent even there.
pub(super) fn method(key: &Key, method: &[u8]) -> String {
    let text = String::from_utf8_lossy(method);
    let hidden = redact(key, &text).into_owned();
    if hidden.len() > limits::HTTP_METHOD { fingerprint(key, method) } else { hidden }
}
