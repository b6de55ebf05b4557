//! Huffman codes of literals (RFC 8878 section 4.2).

use super::bits::Backward;
use super::fse::Table;

/// Bits of the longest code (RFC 8878 section 4.2.1).
const LONGEST: u32 = 11;

/// The most that the accuracy of the weights' table may be.
const WEIGHTS_LOG: u32 = 6;

/// A decoding table: for each of the next bits the symbol, and the length of its code above it.
#[derive(Default)]
pub(super) struct Codes {
    entries: Vec<u16>,
    bits: u32,
}

impl Codes {
    /// Reads a tree's description; gives the bytes that it had too.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&header, rest) = bytes.split_first()?;
        let mut weights = Vec::with_capacity(256);
        let length = match header.checked_sub(127) {
            None | Some(0) => {
                let length = usize::from(header);
                compressed(rest.get(..length)?, &mut weights)?;
                length
            }
            Some(count) => {
                let length = usize::from(count).div_ceil(2);
                let nibbles = rest.get(..length)?.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                weights.extend(nibbles.take(usize::from(count)));
                length
            }
        };
        Some((Self::build(weights)?, length.saturating_add(1)))
    }

    /// The last weight isn't sent: it makes the sum a power of two (RFC 8878 section 4.2.1.3).
    fn build(mut weights: Vec<u8>) -> Option<Self> {
        let share = |weight: u8| if weight == 0 { 0 } else { 1_u32.wrapping_shl(u32::from(weight).saturating_sub(1)) };
        if weights.iter().any(|&weight| u32::from(weight) > LONGEST) || weights.len() > 255 {
            return None;
        }
        let sum: u32 = weights.iter().map(|&weight| share(weight)).fold(0, u32::saturating_add);
        let bits = sum.checked_ilog2()?.saturating_add(1);
        let left = 1_u32.wrapping_shl(bits).saturating_sub(sum);
        if bits > LONGEST || !left.is_power_of_two() {
            return None;
        }
        weights.push(u8::try_from(left.ilog2().saturating_add(1)).ok()?);
        let mut entries = Vec::with_capacity(1_usize.wrapping_shl(bits));
        for wanted in 1..=bits {
            let length = u16::try_from(bits.saturating_add(1).saturating_sub(wanted)).ok()?;
            for (symbol, &weight) in (0_u16..).zip(&weights) {
                if u32::from(weight) == wanted {
                    let end = entries.len().saturating_add(share(weight) as usize);
                    entries.resize(end, length << 8 | symbol);
                }
            }
        }
        Some(Self { entries, bits })
    }

    /// Reads the stream of so many literals.
    pub(super) fn decode(&self, bytes: &[u8], count: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut bits = Backward::new(bytes)?;
        for _ in 0..count {
            let [symbol, length] = self.entries.get(usize::try_from(bits.peek(self.bits)).ok()?)?.to_le_bytes();
            bits.skip(u32::from(length));
            out.push(symbol);
        }
        (!bits.is_short()).then_some(())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Weights that are themselves coded, by two states in turn (RFC 8878 section 4.2.1.2).
fn compressed(bytes: &[u8], weights: &mut Vec<u8>) -> Option<()> {
    let (table, read) = Table::read(bytes, WEIGHTS_LOG, usize::try_from(LONGEST).ok()?.saturating_add(2))?;
    let mut bits = Backward::new(bytes.get(read..)?)?;
    let (mut this, mut other) = (table.start(&mut bits), table.start(&mut bits));
    if bits.is_short() {
        return None;
    }
    while weights.len() < 255 {
        let entry = this.entry()?;
        weights.push(entry.symbol);
        this.advance(entry, &mut bits);
        if bits.is_short() {
            weights.push(other.entry()?.symbol);
            return Some(());
        }
        std::mem::swap(&mut this, &mut other);
    }
    None
}
