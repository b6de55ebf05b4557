//! Forms that have nothing but a length, and count only where a word or an id announces them.

use super::decode::Context;
use super::forms;
use super::set::Set;
use super::{Hit, Kind};
use crate::redact::{form, scan};

/// Bytes that are looked over at once. A run of twice as many holds one on any grid.
const BLOCK: usize = 16;

/// Bytes of the shortest token here.
const LEAST: usize = 37;

/// Runs that are looked at, in bytes. A token in a longer one is glued to something.
const LONGEST: usize = 128;

/// Bytes of the secret of an AWS access key, and how far behind its id it may stand.
const SECRET: usize = 40;
const NEAR_ID: u64 = 256;

/// Adds the tokens that end in the piece, before its last byte.
pub(super) fn advance(set: &Set, context: &Context<'_>, key_id: Option<u64>, hits: &mut Vec<Hit>) {
    let Context { piece, base, carry } = *context;
    let mut judge = |end: usize, length: usize| {
        if end < piece.len() {
            run(set, context, base.saturating_add(end as u64), length, key_id, hits);
        }
    };
    let mut at = 0;
    // What goes on from the piece before.
    if carry.last().is_some_and(|&byte| is_part(byte)) {
        at = length(piece);
        judge(at, at.saturating_add(back(carry)));
    }
    while let Some(blocks) = piece.get(at..) {
        let skipped = blocks.as_chunks::<BLOCK>().0.iter().take_while(|block| !is_run(block)).count();
        at = at.saturating_add(skipped.saturating_mul(BLOCK));
        let Some((before, rest)) = piece.split_at_checked(at).filter(|(_, rest)| rest.len() >= BLOCK) else { break };
        let length = length(rest);
        at = at.saturating_add(length);
        // Fewer than a block of it stand before.
        if length.saturating_add(BLOCK) > LEAST {
            judge(at, length.saturating_add(back(before)));
        }
    }
}

/// The same for what ends with the stream.
pub(super) fn end(set: &Set, context: &Context<'_>, key_id: Option<u64>, hits: &mut Vec<Hit>) {
    run(set, context, context.end(), back(context.carry), key_id, hits);
}

/// Judges the run of a length that ends at an offset.
fn run(set: &Set, context: &Context<'_>, end: u64, length: usize, key_id: Option<u64>, hits: &mut Vec<Hit>) {
    if !(LEAST..LONGEST).contains(&length) {
        return;
    }
    let start = end.saturating_sub(length as u64);
    let from = start.saturating_sub(scan::NEAR as u64).max(context.start());
    let text = context.copy(from, end);
    let offset = text.len().saturating_sub(length);
    let Some(bytes) = text.get(offset..) else { return };
    let candidate = is_secret(bytes) || words(bytes).any(|word| form::old(word).is_some());
    if !candidate || form::strong(bytes, &(0..bytes.len())).is_some() {
        return;
    }
    let mut add = |kind: Kind, at: usize, token: &[u8]| {
        hits.extend(forms::hit(set, kind, token, from.saturating_add(at as u64), true));
    };
    if is_secret(bytes) {
        let is_near = key_id.is_some_and(|id| id <= start && start.saturating_sub(id) <= NEAR_ID);
        let before = text.get(..offset).unwrap_or_default();
        let names_it = contains(before, b"aws") || contains(before, b"secret");
        if is_near || names_it && scan::is_announced(&text, 0, offset) {
            return add(Kind::AwsSecret, offset, bytes);
        }
    }
    let mut at = offset;
    for word in words(bytes) {
        if let Some(kind) = form::old(word).filter(|_| scan::is_announced(&text, 0, at)) {
            add(kind, at, word);
        }
        at = at.saturating_add(word.len()).saturating_add(1);
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| matches!(byte, b'/' | b'+'))
}

/// Whether it looks like the secret of an AWS access key: 40 characters of base64 that mix cases and digits.
fn is_secret(bytes: &[u8]) -> bool {
    let any = |test: fn(&u8) -> bool| bytes.iter().any(test);
    bytes.len() == SECRET
        && any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_digit)
        && !any(|byte| matches!(byte, b'-' | b'_'))
}

/// Whether a text holds a word, in any case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// How long the run at the end is, up to [`LONGEST`].
fn back(bytes: &[u8]) -> usize {
    bytes.iter().rev().take(LONGEST).take_while(|&&byte| is_part_of_run(byte)).count()
}

/// How long the run at the front is; by whole blocks first.
fn length(bytes: &[u8]) -> usize {
    let blocks = bytes.as_chunks::<BLOCK>().0.iter().take_while(|block| is_run(block)).count().saturating_mul(BLOCK);
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks.saturating_add(rest.iter().take_while(|&&byte| is_part_of_run(byte)).count())
}

/// Without branches, for vector instructions.
#[inline]
fn is_run(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(true, |all, &byte| all & is_part(byte))
}

/// Bytes of a run: those of a word, and the rest of base64; for many at once.
const fn is_part(byte: u8) -> bool {
    let letter = byte | 0x20;
    (letter >= b'a') & (letter <= b'z')
        | (byte >= b'/') & (byte <= b'9')
        | (byte == b'+')
        | (byte == b'-')
        | (byte == b'_')
}

/// The same, for one byte.
fn is_part_of_run(byte: u8) -> bool {
    form::is_word(byte) || byte == b'+' || byte == b'/'
}
