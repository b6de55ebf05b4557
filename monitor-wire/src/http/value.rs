//! Bytes of a head written as text: escaped, redacted, cut, with a flag for each oddity.

use crate::redact::{Key, redact};
use crate::text::escape_bytes;

/// Oddities of one head, each once, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Flags(Vec<String>);

impl Flags {
    pub(super) fn add(&mut self, flag: &str) {
        if !self.0.iter().any(|known| known == flag) {
            self.0.push(flag.to_owned());
        }
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.0
    }
}

/// The bytes as text, not yet redacted.
pub(super) fn plain(bytes: &[u8], flags: &mut Flags) -> String {
    if std::str::from_utf8(bytes).is_err() {
        flags.add("bad_utf8");
    }
    // A tab is a blank, and written as an escape it would hide what a word like `Bearer` says of the next one.
    match bytes.contains(&b'\t') {
        true => escape_bytes(&bytes.iter().map(|&byte| if byte == b'\t' { b' ' } else { byte }).collect::<Vec<u8>>()),
        false => escape_bytes(bytes),
    }
}

/// The bytes as text that has passed [`redact`], at most `cap` bytes of it.
pub(super) fn redacted(key: &Key, bytes: &[u8], cap: usize, flags: &mut Flags) -> String {
    cut(redact(key, &plain(bytes, flags)).into_owned(), cap, "cut", flags)
}

/// The first `cap` bytes, and `flag` if that isn't all. The whole was redacted, so the beginning of a token can't be left over.
pub(super) fn cut(mut text: String, cap: usize, flag: &str, flags: &mut Flags) -> String {
    if text.len() > cap {
        flags.add(flag);
        text.truncate(text.floor_char_boundary(cap));
        text.shrink_to_fit();
    }
    text
}

/// Without optional white space around it (RFC 9110 section 5.6.3), nor a stray CR, which counts as a blank (RFC 9112
/// section 2.2).
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [b' ' | b'\t' | b'\r', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Bytes of a token (RFC 9110 section 5.6.2).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
