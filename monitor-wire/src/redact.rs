//! Tokens become keyed fingerprints before anything else sees the text.
//!
//! The bias: a secret that shows is worse than a word that doesn't. What has the form of a known token, or stands where a
//! secret belongs (`password=`, `Authorization:`, user information of a URL), is replaced whatever it is. What merely
//! looks random is replaced only if it mixes upper case, lower case and digits over exactly 40 characters (the old form of
//! a Cloudflare API token), is 37 lower-case hex digits (the old global key), or has 32 and more random characters
//! shortly after a word like *key*, *secret* or *token*. So UUIDs, account and zone ids, commit ids, package versions and
//! integrity strings stay readable. What gets through: a secret of a form that nobody knows, under a harmless name.
//!
//! Time is linear in the text: each rule starts at a mark that it needs (a word's start, `_`, `-`, `://`) and looks ahead
//! over bytes that it then consumes, or over a bounded number.

mod argv;
pub(crate) mod form;
mod kind;
mod name;
pub(crate) mod scan;

use std::borrow::Cow;

pub use argv::redact_argv;
pub use kind::Kind;
pub use name::is_secret_name;

use crate::digest;

/// Most passes over a text after the first.
const PASSES: u32 = 4;

/// The key of fingerprints. Two fingerprints under one key are equal if their tokens are; without the key nobody can test
/// a guess. It has no `Debug` that shows it.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from 32 bytes that are random and kept secret.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for something other than fingerprints.
    pub(crate) fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        // Fingerprints hash what others send, so a purpose must be something that never is: it gets a key of its own.
        let inner = *blake3::keyed_hash(&self.0, b"monitor-wire derive 1").as_bytes();
        *blake3::keyed_hash(&inner, purpose).as_bytes()
    }

    /// The hash of a token that [`shown`] makes the fingerprint of.
    pub(crate) fn hash(&self, token: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, token).as_bytes()
    }

    /// Hashes a token that comes in pieces; [`shown`] makes the fingerprint of it.
    pub(crate) fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

/// `fp:` and the first 16 hex digits of the token's keyed BLAKE3 hash.
pub fn fingerprint(key: &Key, token: &[u8]) -> String {
    shown(&key.hash(token))
}

/// The text with everything that looks like a token replaced by its fingerprint. Redacting twice changes nothing more.
pub fn redact<'a>(key: &Key, text: &'a str) -> Cow<'a, str> {
    let Some(mut result) = pass(key, text) else { return Cow::Borrowed(text) };
    // Fingerprints and what is around them may look like something to hide, though the rules are made so that they don't.
    for _ in 0..PASSES {
        match pass(key, &result) {
            Some(next) if next != result => result = next,
            _ => break,
        }
    }
    Cow::Owned(result)
}

/// Where the secrets of a text are, in order, without overlap, at character boundaries: what [`redact`] would replace.
pub fn secrets(text: &str) -> Vec<std::ops::Range<usize>> {
    scan::secrets(text)
}

/// One pass; `None` if there is nothing to hide.
fn pass(key: &Key, text: &str) -> Option<String> {
    let spans = scan::secrets(text);
    if spans.is_empty() {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    let mut done: usize = 0;
    for span in spans {
        let (Some(before), Some(secret)) = (text.get(done..span.start), text.get(span.clone())) else { continue };
        result.push_str(before);
        result.push_str(&fingerprint(key, secret.as_bytes()));
        done = span.end;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Some(result)
}

/// The same for a text whose end is missing: its last word may be the beginning of a token that no rule would know, so it
/// is dropped.
pub fn redact_cut(key: &Key, text: &str) -> String {
    // whole blocks without a break are passed over at once
    let mut text = text;
    while let Some((head, block)) = text.as_bytes().split_last_chunk::<64>()
        && !block.iter().fold(false, |found, &byte| found | may_break(byte))
    {
        text = text.get(..head.len()).unwrap_or_default();
    }
    let kept = text.trim_end_matches(|character: char| !is_break(character));
    redact(key, kept).into_owned()
}

/// A text that stands where a secret belongs. One that already is a fingerprint stays.
pub(crate) fn redact_secret(key: &Key, text: &str) -> String {
    if form::is_fingerprint(text) || form::is_placeholder(text) {
        return text.to_owned();
    }
    fingerprint(key, text.as_bytes())
}

/// The fingerprint of what was hashed by [`Key::hasher`].
pub(crate) fn shown(hash: &[u8; 32]) -> String {
    format!("fp:{}", digest::hex(hash, 8))
}

/// Whether a character that is, or begins, or goes on with this byte may be a [break](is_break).
const fn may_break(byte: u8) -> bool {
    // without branches, for the sake of vector instructions
    (byte <= b' ')
        | !byte.is_ascii()
        | (byte == b'"')
        | (byte == b'\'')
        | (byte == b'`')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'{')
        | (byte == b'}')
        | (byte == b'(')
        | (byte == b')')
        | (byte == b'[')
        | (byte == b']')
}

/// No token goes on across this.
fn is_break(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '`' | '<' | '>' | '{' | '}' | '(' | ')' | '[' | ']')
}
