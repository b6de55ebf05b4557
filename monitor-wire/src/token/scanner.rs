//! One stream: what passes is looked up, and what fits is followed.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::decode::Context;
use super::forms::Forms;
use super::run::{Match, Run};
use super::set::Set;
use super::table::{Form, WINDOW};
use super::view::View;
use super::windows::{SHORT, number_of};
use super::{Hit, weak};
use crate::limits;
use crate::redact;

/// Known tokens of earlier pieces that are remembered, so that none is told twice.
const RECENT: usize = 64;

/// How far back a token may have ended that could be told again, once no form is open.
const NEAR: u64 = 128;

/// What a scanner has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that passed.
    pub bytes: u64,
    /// Bytes that were lost ([`Scanner::gap`]).
    pub lost: u64,
    /// Places that were looked at closely.
    pub tried: u64,
    /// Places that weren't, since too many were being followed ([`limits::TOKEN_RUNS`]). A token may have been missed.
    pub skipped: u64,
    /// Tokens that were found and not told ([`limits::TOKEN_HITS`]).
    pub untold: u64,
}

/// Looks for tokens in one stream, whatever pieces it comes in.
#[derive(Default)]
pub struct Scanner {
    carry: Zeroizing<Vec<u8>>,
    #[expect(clippy::vec_box, reason = "one that moved would leave a copy behind that isn't wiped")]
    runs: Vec<Box<Run>>,
    recent: VecDeque<Match>,
    view: View,
    forms: Forms,
    stats: Stats,
    at: u64,
}

impl Scanner {
    /// A scanner at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes that follow, and adds the tokens that end in them, or turn out to have ended before, in order of
    /// their ends. Known tokens are told as soon as their last byte is there; others when it is certain that nothing
    /// belongs to them any more, so that those of one piece may end before those of the last. The tokens don't depend
    /// on how the stream is split, as long as [`Stats`] counts none as skipped or untold.
    ///
    /// A stream should be fed with one set, which may change: a token that is added is found from then on.
    pub fn feed(&mut self, set: &Set, piece: &[u8], hits: &mut Vec<Hit>) {
        if piece.is_empty() {
            return;
        }
        let carry = std::mem::take(&mut self.carry);
        let context = Context { carry: &carry, piece, base: self.at };
        let mut found = Vec::new();
        self.runs.retain_mut(|run| run.advance(set, piece, &mut found));
        if !set.is_empty() {
            self.look_up(set, &context, &mut found);
        }
        let mut told = Vec::new();
        self.forms.advance(set, &context, &mut told);
        weak::advance(set, &context, self.forms.key_id(), &mut told);
        self.tell(set, found, told, hits);
        self.stats.bytes = self.stats.bytes.saturating_add(piece.len() as u64);
        self.at = context.end();
        self.carry = carry;
        self.keep(piece);
        self.forget();
    }

    /// Bytes of the stream were lost. What ended before is told.
    pub fn gap(&mut self, set: &Set, bytes: u64, hits: &mut Vec<Hit>) {
        self.close(set, true, hits);
        self.at = self.at.saturating_add(bytes);
        self.stats.lost = self.stats.lost.saturating_add(bytes);
        self.view.restart(self.at);
        self.forms.restart(self.at);
        self.runs.clear();
        zeroize::Zeroize::zeroize(&mut *self.carry);
    }

    /// The stream has ended, or the message in it: what is left is told.
    pub fn end(&mut self, set: &Set, hits: &mut Vec<Hit>) {
        self.close(set, false, hits);
        self.view.restart(self.at);
        self.forms.restart(self.at);
        self.runs.clear();
        zeroize::Zeroize::zeroize(&mut *self.carry);
    }

    /// What it has done so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    fn close(&mut self, set: &Set, is_cut: bool, hits: &mut Vec<Hit>) {
        let mut told = Vec::new();
        self.forms.end(set, is_cut, &mut told);
        let context = Context { carry: &self.carry, piece: &[], base: self.at };
        if !is_cut {
            weak::end(set, &context, self.forms.key_id(), &mut told);
        }
        self.tell(set, Vec::new(), told, hits);
    }

    /// Keeps the last bytes. The memory is taken once, since what it moved from wouldn't be wiped.
    fn keep(&mut self, piece: &[u8]) {
        if self.carry.capacity() == 0 {
            self.carry.reserve_exact(limits::TOKEN_CARRY);
        }
        let new = piece.get(piece.len().saturating_sub(limits::TOKEN_CARRY)..).unwrap_or_default();
        let old = self.carry.len().saturating_add(new.len()).saturating_sub(limits::TOKEN_CARRY);
        let old = old.min(self.carry.len());
        self.carry.drain(..old);
        self.carry.extend_from_slice(new);
    }

    /// Drops what an idle stream has no use for.
    fn forget(&mut self) {
        if self.runs.is_empty() {
            self.runs = Vec::new();
        }
        // A token found again has ended where a window reaches, or a form that is still open.
        if !self.forms.is_pending() {
            let near = self.at.saturating_sub(NEAR);
            self.recent.retain(|found| found.end > near);
        }
        if self.recent.is_empty() {
            self.recent = VecDeque::new();
        }
    }

    /// Looks windows up: in the piece on a grid, and all that reach into it.
    fn look_up(&mut self, set: &Set, context: &Context<'_>, found: &mut Vec<Match>) {
        let Context { piece, base, .. } = *context;
        self.seam(set, context, WINDOW, found);
        let mut rest = piece.as_chunks::<WINDOW>().0;
        let mut at = base;
        loop {
            let skipped = set.long.skip(rest);
            at = at.wrapping_add(skipped.wrapping_mul(WINDOW) as u64);
            let Some((window, tail)) = rest.get(skipped..).and_then(<[_]>::split_first) else { break };
            self.follow(set, context, false, u64::from_le_bytes(*window), at, found);
            at = at.wrapping_add(WINDOW as u64);
            rest = tail;
        }
        if !set.short.is_empty() {
            self.look_up_short(set, context, found);
        }
        let mut view = std::mem::take(&mut self.view);
        view.advance(context, |short, window, at| {
            let table = if short { &set.short } else { &set.long };
            if table.may_have(window) {
                self.follow(set, context, short, window, at, found);
            }
        });
        self.view = view;
    }

    fn look_up_short(&mut self, set: &Set, context: &Context<'_>, found: &mut Vec<Match>) {
        let Context { piece, base, .. } = *context;
        let (width, grid) = SHORT;
        self.seam(set, context, width, found);
        let mut at = base;
        let mut rest = piece;
        while let Some(window) = rest.get(..width) {
            let window = match rest.first_chunk::<8>() {
                Some(eight) => u64::from_le_bytes(*eight) & 0xff_ffff_ffff,
                None => number_of(window),
            };
            if set.short.may_have(window) {
                self.follow(set, context, true, window, at, found);
            }
            at = at.wrapping_add(grid as u64);
            rest = rest.get(grid..).unwrap_or_default();
        }
    }

    /// Windows that begin before the piece and end in it.
    fn seam(&mut self, set: &Set, context: &Context<'_>, width: usize, found: &mut Vec<Match>) {
        let reach = width.saturating_sub(1);
        let before = context.carry.get(context.carry.len().saturating_sub(reach)..).unwrap_or_default();
        let after = context.piece.get(..reach).unwrap_or(context.piece);
        let mut seam = [0; 2 * WINDOW];
        let length = before.len().saturating_add(after.len());
        seam.iter_mut().zip(before.iter().chain(after)).for_each(|(slot, &byte)| *slot = byte);
        let from = context.base.saturating_sub(before.len() as u64);
        let table = if width == WINDOW { &set.long } else { &set.short };
        let windows = seam.get(..length).unwrap_or_default().windows(width);
        for (at, window) in (from..context.base).zip(windows.map(number_of)) {
            if table.may_have(window) {
                self.follow(set, context, width != WINDOW, window, at, found);
            }
        }
        zeroize::Zeroize::zeroize(&mut seam);
    }

    /// Follows whatever has this window here.
    fn follow(&mut self, set: &Set, context: &Context<'_>, short: bool, window: u64, at: u64, found: &mut Vec<Match>) {
        let table = if short { &set.short } else { &set.long };
        let mut groups: Vec<(Form, u64, bool, Vec<u32>)> = Vec::new();
        for place in table.find(window) {
            let Some(known) = set.get(place.token) else { continue };
            let Some(at) = at.checked_sub(place.raw.into()) else { continue };
            let (escaped, plain) = context.back(at, place.form, place.units);
            let is_same = escaped == plain;
            let plain = plain.filter(|_| !is_same || (place.form == Form::Bytes && known.escapes));
            // As it is comes first: it is complete first.
            let unescape_plain = !matches!(place.form, Form::Bytes | Form::Utf16);
            for (start, unescapes) in [(plain, unescape_plain), (escaped, true)] {
                let Some(start) = start else { continue };
                let group =
                    groups.iter_mut().find(|group| (group.0, group.1, group.2) == (place.form, start, unescapes));
                match group {
                    Some((.., tokens)) => tokens.push(place.token),
                    None => groups.push((place.form, start, unescapes, vec![place.token])),
                }
            }
        }
        for (form, start, unescapes, mut tokens) in groups {
            let told: Vec<u32> = found
                .iter()
                .rev()
                .take(RECENT)
                .chain(&self.recent)
                .filter(|found| found.start == start)
                .map(|found| found.token)
                .collect();
            tokens.retain(|token| !told.contains(token));
            for run in &self.runs {
                if (run.form, run.start, run.unescapes) != (form, start, unescapes) {
                    continue;
                }
                tokens.retain(|token| !run.tokens.contains(token));
            }
            if tokens.is_empty() {
                continue;
            }
            tokens.sort_unstable();
            tokens.dedup();
            self.stats.tried = self.stats.tried.saturating_add(1);
            let mut run = Box::new(Run::new(set, start, form, unescapes, tokens));
            let [carry, piece] = context.from(start);
            if run.advance(set, carry, found) && run.advance(set, piece, found) {
                match self.runs.len() < limits::TOKEN_RUNS {
                    true => self.runs.push(run),
                    false => self.stats.skipped = self.stats.skipped.saturating_add(1),
                }
            }
        }
    }

    /// Tells what was found, each token once: a known one isn't told again by its form.
    fn tell(&mut self, set: &Set, mut found: Vec<Match>, mut told: Vec<Hit>, hits: &mut Vec<Hit>) {
        if found.is_empty() && told.is_empty() {
            return;
        }
        found.sort_unstable_by_key(|found| (found.end, found.start, found.token, found.encoding));
        let mut kept: Vec<Match> = Vec::with_capacity(found.len());
        for found in found {
            // With escapes taken off it may have been found a second time.
            let is_same = |other: &Match| other.token == found.token && other.start == found.start;
            if !kept.iter().rev().take(RECENT).chain(&self.recent).any(is_same) {
                kept.push(found);
            }
        }
        let found = kept;
        told.retain(|hit| {
            // Only what ended before counts, since what ends later may not be there yet.
            let covers = |known: &Match| {
                let shared = known.end.saturating_sub(known.start.max(hit.start));
                known.end <= hit.end && shared.saturating_mul(2) >= hit.end.saturating_sub(hit.start)
            };
            !found.iter().rev().take(limits::TOKEN_HITS).chain(&self.recent).any(covers)
        });
        told.extend(found.iter().filter_map(|found| {
            let known = set.get(found.token)?;
            Some(Hit {
                kind: known.kind,
                fingerprint: redact::shown(&known.hash),
                encoding: found.encoding,
                start: found.start,
                end: found.end,
                len: known.len,
                known: true,
                whole: true,
            })
        }));
        told.sort_by_key(|hit| (hit.end, hit.start, hit.len));
        let untold = told.len().saturating_sub(limits::TOKEN_HITS);
        self.stats.untold = self.stats.untold.saturating_add(untold as u64);
        hits.extend(told.into_iter().take(limits::TOKEN_HITS));
        let forget = self.recent.len().saturating_add(found.len()).saturating_sub(RECENT).min(self.recent.len());
        self.recent.drain(..forget);
        let last = found.len().saturating_sub(RECENT);
        self.recent.extend(found.into_iter().skip(last));
    }
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scanner").field("stats", &self.stats).finish_non_exhaustive()
    }
}
