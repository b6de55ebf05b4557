//! Tokens in streams of bytes. Every token here is made up.

mod bounds;
mod encodings;
mod forms;
mod sets;

use monitor_wire::redact::Key;
use monitor_wire::token::{Encoding, Hit, Scanner, Set};

pub(crate) const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

pub(crate) fn key() -> Key {
    Key::from_bytes([9; 32])
}

pub(crate) fn set(tokens: &[&[u8]]) -> Set {
    let mut set = Set::new(&key());
    for token in tokens {
        set.add(token).unwrap_or_else(|refused| panic!("{refused}: {}", String::from_utf8_lossy(token)));
    }
    set
}

/// The hits of a stream that comes in these pieces.
pub(crate) fn scan<'a>(set: &Set, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Hit> {
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    pieces.into_iter().for_each(|piece| scanner.feed(set, piece, &mut hits));
    scanner.end(set, &mut hits);
    hits.sort_by_key(|hit| (hit.end, hit.start, hit.len));
    hits
}

/// The hits of a text, which must not depend on how it is split.
pub(crate) fn all(set: &Set, text: &[u8]) -> Vec<Hit> {
    let whole = scan(set, [text]);
    let sizes: &[usize] = if text.len() > 1500 { &[5, 1000] } else { &[1, 3, 8, 13, 64, 1000] };
    for &size in sizes {
        assert_eq!(scan(set, text.chunks(size)), whole, "in pieces of {size}: {}", String::from_utf8_lossy(text));
    }
    whole
}

/// How each known token was written, and where.
pub(crate) fn known(hits: &[Hit]) -> Vec<(Encoding, u64, u64)> {
    hits.iter().filter(|hit| hit.known).map(|hit| (hit.encoding, hit.start, hit.end)).collect()
}

pub(crate) fn base64(bytes: &[u8], url: bool) -> String {
    let mut alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    alphabet.extend(if url { ['-', '_'] } else { ['+', '/'] });
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(alphabet[(number >> (18 - 6 * at) & 63) as usize]);
        }
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

/// A text without repetitions.
pub(crate) fn long(length: usize) -> String {
    let mut state = 7_u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + (state >> 40) as u8 % 26)
        })
        .collect()
}
