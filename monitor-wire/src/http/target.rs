//! The target of a request (RFC 9112 section 3.2), taken apart and redacted.

use std::borrow::Cow;

use super::value::{Flags, cut, plain};
use crate::limits;
use crate::redact::{Key, is_secret_name, redact, redact_secret};
use crate::text::escape_bytes;

/// The parts of a target.
pub(super) struct Target<'a> {
    /// Of an absolute form, and the whole of an authority form.
    pub(super) authority: Option<&'a [u8]>,
    /// The port that may be left out.
    pub(super) default_port: Option<&'static str>,
    pub(super) path: &'a [u8],
    pub(super) query: Option<&'a [u8]>,
    /// It has none of the four forms.
    pub(super) odd: bool,
}

/// Takes a target apart.
pub(super) fn split<'a>(method: &[u8], target: &'a [u8]) -> Target<'a> {
    if method == b"CONNECT" {
        return Target { authority: Some(target), default_port: None, path: b"", query: None, odd: false };
    }
    let (scheme, rest) = match memchr::memmem::find(target, b"://").and_then(|at| target.split_at_checked(at)) {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest.get(3..).unwrap_or_default()),
        _ => (&b""[..], target),
    };
    let absolute = !scheme.is_empty();
    let end = if absolute { memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len()) } else { 0 };
    let (authority, rest) = rest.split_at_checked(end).unwrap_or((b"", rest));
    let (path, query) = match memchr::memchr(b'?', rest).and_then(|at| rest.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..)),
        None => (rest, None),
    };
    Target {
        authority: absolute.then_some(authority),
        default_port: Some(if scheme.eq_ignore_ascii_case(b"https") { "443" } else { "80" }),
        path: if absolute && path.is_empty() { b"/" } else { path },
        query,
        odd: (!absolute && !target.starts_with(b"/") && target != b"*")
            || target.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'#')),
    }
}

/// The path as it is kept. What is missing of it may be what matters, so that it has a flag of its own.
pub(super) fn path(key: &Key, bytes: &[u8], flags: &mut Flags) -> String {
    let text = plain(bytes, flags);
    let pieces: Vec<Cow<'_, str>> = text.split('/').map(|part| piece(key, part, false)).collect();
    cut(redact(key, &pieces.join("/")).into_owned(), limits::HTTP_TARGET, "cut_path", flags)
}

/// The query as it is kept: values under a secret's name become fingerprints of what they mean, not of how it is
/// encoded, so that one token has one fingerprint wherever it stands.
pub(super) fn query(key: &Key, bytes: &[u8], flags: &mut Flags) -> String {
    let text = plain(bytes, flags);
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) if is_secret_name(&decode(name, true)) => {
            format!("{}={}", piece(key, name, true), redact_secret(key, &decode(value, true)))
        }
        Some((name, value)) => format!("{}={}", piece(key, name, true), piece(key, value, true)),
        None => piece(key, pair, true).into_owned(),
    };
    let pairs: Vec<String> = text.split('&').map(pair).collect();
    cut(redact(key, &pairs.join("&")).into_owned(), limits::HTTP_TARGET, "cut", flags)
}

fn is_scheme(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// A piece as it was sent, unless it holds a secret that only shows once it is decoded.
fn piece<'a>(key: &Key, text: &'a str, form: bool) -> Cow<'a, str> {
    let decoded = decode(text, form);
    if decoded == text {
        return Cow::Borrowed(text);
    }
    let hidden = redact(key, &decoded);
    if hidden == decoded {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(hidden.len());
    for character in hidden.chars() {
        match character {
            ' ' => encoded.push_str("%20"),
            '#' => encoded.push_str("%23"),
            '%' => encoded.push_str("%25"),
            '&' => encoded.push_str("%26"),
            '+' => encoded.push_str("%2B"),
            '/' => encoded.push_str("%2F"),
            '?' => encoded.push_str("%3F"),
            _ => encoded.push(character),
        }
    }
    Cow::Owned(encoded)
}

/// Percent-decoded (RFC 3986 section 2.1); in a form `+` is a blank too.
fn decode(text: &str, form: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || (form && byte == b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, tail @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push((high << 4) | low);
                    rest = tail;
                }
                _ => decoded.push(byte),
            },
            (b'+', _) if form => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(escape_bytes(&decoded))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
