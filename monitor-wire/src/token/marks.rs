//! Places where a token may be that is known by its form alone.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, packed};
use zeroize::Zeroizing;

use super::decode::Context;
use crate::redact::form;

/// Bytes of the longest literal.
const LITERAL: u64 = 16;

/// Length of a grant's id, and how far its two colons are apart.
const GRANT: usize = 16;

/// Marks in order: prefixes, literals, and colons as far apart as in a grant.
pub(super) struct Marks {
    prefix: Option<u64>,
    literal: Option<u64>,
    grant: Option<u64>,
}

impl Marks {
    pub(super) fn new(context: &Context<'_>, done: u64) -> Self {
        let prefix = next_prefix(context, done);
        Self { prefix, literal: next_literal(context, done), grant: next_grant(context, done) }
    }

    /// The next mark at `done` or behind it.
    pub(super) fn next(&mut self, context: &Context<'_>, done: u64) -> Option<u64> {
        if self.prefix.is_some_and(|at| at < done) {
            self.prefix = next_prefix(context, done);
        }
        if self.literal.is_some_and(|at| at < done) {
            self.literal = next_literal(context, done);
        }
        if self.grant.is_some_and(|at| at < done) {
            self.grant = next_grant(context, done);
        }
        [self.prefix, self.literal, self.grant].into_iter().flatten().min()
    }
}

enum Finder {
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
    None,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let literals: Vec<&str> = form::literals().collect();
    match packed::Searcher::new(&literals) {
        Some(searcher) => Finder::Packed(searcher),
        // where the machine has no vector unit for it
        None => AhoCorasick::new(&literals).map_or(Finder::None, Finder::Automaton),
    }
});

/// Where the next prefix begins whose `_` or `-` stands in the piece.
fn next_prefix(context: &Context<'_>, done: u64) -> Option<u64> {
    let piece = context.piece;
    let from = usize::try_from(done.saturating_sub(context.base)).ok()?;
    for mark in memchr::memchr2_iter(b'_', b'-', piece.get(from..)?) {
        let mark = from.saturating_add(mark);
        let at = context.base.saturating_add(mark as u64);
        let before = match mark.checked_sub(2) {
            Some(start) => piece.get(start..).and_then(<[u8]>::first_chunk).copied(),
            None => context.copy(at.saturating_sub(2), at).first_chunk().copied(),
        };
        if !before.is_some_and(form::may_end_prefix) {
            continue;
        }
        let text = context.copy(at.saturating_sub(LITERAL), at.saturating_add(1));
        let start = form::prefix(&text).map(|length| at.saturating_add(1).saturating_sub(length as u64));
        if start.is_some_and(|start| start >= done) {
            return start;
        }
    }
    None
}

/// Where the next literal begins that ends in the piece.
fn next_literal(context: &Context<'_>, done: u64) -> Option<u64> {
    let base = context.base;
    let from = done.max(base.saturating_sub(LITERAL)).max(context.start());
    if from < base {
        let edge = usize::try_from(base.saturating_sub(from)).ok()?;
        let before = context.carry.get(context.carry.len().saturating_sub(edge)..)?;
        let after = context.piece.get(..LITERAL as usize).unwrap_or(context.piece);
        let mut seam = Zeroizing::new([0; 2 * LITERAL as usize]);
        seam.iter_mut().zip(before.iter().chain(after)).for_each(|(slot, &byte)| *slot = byte);
        let seam = seam.get(..edge.saturating_add(after.len()))?;
        let mut at = 0;
        while at < edge
            && let Some((start, end)) = FINDER.find(seam, at)
            && start < edge
        {
            if end > edge {
                return Some(from.saturating_add(start as u64));
            }
            at = start.saturating_add(1);
        }
    }
    let from = usize::try_from(done.saturating_sub(base)).ok()?;
    let (start, _) = FINDER.find(context.piece, from.min(context.piece.len()))?;
    Some(base.saturating_add(start as u64))
}

/// Where the next colon is that has another one behind a grant's id, in the piece.
fn next_grant(context: &Context<'_>, done: u64) -> Option<u64> {
    let base = context.base;
    let apart = GRANT.saturating_add(1);
    let mut at = done.max(base.saturating_sub(apart as u64)).max(context.start());
    let is_grant = |at: u64| {
        let colon = |at: u64| context.byte(at) == Some(b':');
        let mut between = at.saturating_add(1)..at.saturating_add(apart as u64);
        colon(at)
            && colon(at.saturating_add(apart as u64))
            && between.all(|at| context.byte(at).is_some_and(form::is_word))
    };
    while at < base {
        if is_grant(at) {
            return Some(at);
        }
        at = at.saturating_add(1);
    }
    let mut rest = context.piece.get(usize::try_from(at.saturating_sub(base)).ok()?..)?;
    loop {
        let far = rest.get(apart..)?;
        // Without branches, for vector instructions.
        let blocks = rest.as_chunks::<64>().0.iter().zip(far.as_chunks::<64>().0);
        let none = |(near, far): &(&[u8; 64], &[u8; 64])| {
            !near.iter().zip(*far).fold(false, |found, (&near, &far)| found | ((near == b':') & (far == b':')))
        };
        let skipped = blocks.take_while(none).count().saturating_mul(64);
        rest = rest.get(skipped..)?;
        let start = context.end().saturating_sub(rest.len() as u64);
        let block = rest.len().min(64) as u64;
        if let Some(at) = (start..start.saturating_add(block)).find(|&at| is_grant(at)) {
            return Some(at);
        }
        rest = rest.get(64..)?;
    }
}

impl Finder {
    fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        match self {
            Self::Packed(searcher) => {
                let span = aho_corasick::Span { start: from, end: bytes.len() };
                searcher.find_in(bytes, span).map(|found| (found.start(), found.end()))
            }
            Self::Automaton(automaton) => {
                let found = automaton.find(aho_corasick::Input::new(bytes).range(from..))?;
                Some((found.start(), found.end()))
            }
            Self::None => None,
        }
    }
}
