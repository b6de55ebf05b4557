//! Finite state entropy coding (RFC 8878 section 4.1).

use super::bits::{Backward, Forward};

/// Symbols that any table has at most: 53 lengths of matches.
const SYMBOLS: usize = 64;

/// A decoding table.
#[derive(Default, Clone)]
pub(super) struct Table {
    entries: Vec<Entry>,
    log: u32,
}

/// What a state stands for, and which one is next.
#[derive(Default, Clone, Copy)]
pub(super) struct Entry {
    pub(super) symbol: u8,
    bits: u8,
    base: u16,
}

/// A state in a table.
pub(super) struct State<'a> {
    table: &'a Table,
    at: usize,
}

impl Table {
    /// One symbol, for which nothing is read.
    pub(super) fn single(symbol: u8) -> Self {
        Self { entries: vec![Entry { symbol, bits: 0, base: 0 }], log: 0 }
    }

    /// Reads a table's description; gives the bytes that it had too. `log` is the most that its accuracy may be, `symbols` how
    /// many it may have.
    pub(super) fn read(bytes: &[u8], log: u32, symbols: usize) -> Option<(Self, usize)> {
        let mut bits = Forward::new(bytes);
        let accuracy = bits.take(4).saturating_add(5);
        if accuracy > log {
            return None;
        }
        let mut counts = [0_i16; SYMBOLS];
        let mut next: usize = 0;
        let mut left = 1_u32.wrapping_shl(accuracy);
        while left > 0 {
            let slot = counts.get_mut(next).filter(|_| next < symbols)?;
            // A value has so many bits, or one fewer where those tell it already.
            let width = left.saturating_add(1).ilog2().saturating_add(1);
            let low = 1_u32.wrapping_shl(width.saturating_sub(1)).saturating_sub(1);
            let threshold = 1_u32.wrapping_shl(width).saturating_sub(2).saturating_sub(left);
            let value = bits.peek(width);
            let value = if value & low < threshold {
                bits.skip(width.saturating_sub(1));
                value & low
            } else {
                bits.skip(width);
                if value > low { value.saturating_sub(threshold) } else { value }
            };
            *slot = i16::try_from(value).ok()?.saturating_sub(1);
            left = left.checked_sub(u32::from(slot.unsigned_abs()))?;
            next = next.saturating_add(1);
            if value == 1 {
                loop {
                    let zeros = bits.take(2);
                    next = next.saturating_add(zeros as usize);
                    if zeros < 3 || next > symbols {
                        break;
                    }
                }
            }
        }
        let read = bits.read()?;
        Some((Self::build(counts.get(..next)?, accuracy)?, read))
    }

    /// The table for these counts, of which -1 is one that is less than 1 (RFC 8878 section 4.1.1).
    pub(super) fn build(counts: &[i16], log: u32) -> Option<Self> {
        let size = 1_usize.wrapping_shl(log);
        let mut entries = vec![Entry::default(); size];
        let mut next = [0_u16; SYMBOLS];
        let mut high = size;
        for ((symbol, &count), next) in (0_u8..).zip(counts).zip(&mut next) {
            *next = count.unsigned_abs();
            if count < 0 {
                high = high.checked_sub(1)?;
                entries.get_mut(high)?.symbol = symbol;
            }
        }
        let step = (size >> 1).saturating_add(size >> 3).saturating_add(3);
        let mask = size.saturating_sub(1);
        let mut at: usize = 0;
        for (symbol, &count) in (0_u8..).zip(counts) {
            for _ in 0..count {
                entries.get_mut(at)?.symbol = symbol;
                loop {
                    at = at.saturating_add(step) & mask;
                    if at < high || at == 0 {
                        break;
                    }
                }
            }
        }
        if at != 0 {
            return None;
        }
        for entry in &mut entries {
            let next = next.get_mut(usize::from(entry.symbol))?;
            let bits = log.checked_sub(next.checked_ilog2()?)?;
            entry.bits = u8::try_from(bits).ok()?;
            entry.base =
                u16::try_from(u32::from(*next).wrapping_shl(bits).checked_sub(1_u32.wrapping_shl(log))?).ok()?;
            *next = next.checked_add(1)?;
        }
        Some(Self { entries, log })
    }

    /// The first state.
    pub(super) fn start<'a>(&'a self, bits: &mut Backward<'_>) -> State<'a> {
        State { table: self, at: usize::try_from(bits.take(self.log)).unwrap_or_default() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl State<'_> {
    pub(super) fn entry(&self) -> Option<Entry> {
        self.table.entries.get(self.at).copied()
    }

    pub(super) fn advance(&mut self, entry: Entry, bits: &mut Backward<'_>) {
        let more = usize::try_from(bits.take(u32::from(entry.bits))).unwrap_or_default();
        self.at = usize::from(entry.base).saturating_add(more);
    }
}
