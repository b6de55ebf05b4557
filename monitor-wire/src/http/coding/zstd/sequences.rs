//! The sequences of a block (RFC 8878 section 3.1.1.3.2): literals to copy, then a match.

use super::bits::Backward;
use super::fse::Table;
use super::window::Window;

/// What is kept from block to block.
pub(super) struct Sequences {
    lengths: Table,
    offsets: Table,
    matches: Table,
    /// Those that were used last (RFC 8878 section 3.1.1.5).
    recent: [usize; 3],
}

/// One of the three codes (RFC 8878 section 3.1.1.3.2.1).
struct Code {
    log: u32,
    symbols: usize,
    /// Counts of the table that needs no description, and its accuracy.
    predefined: (&'static [i16], u32),
}

const LENGTHS: Code = Code {
    log: 9,
    symbols: 36,
    predefined: (
        &[
            4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
            -1,
        ],
        6,
    ),
};

const OFFSETS: Code = Code {
    log: 8,
    symbols: 32,
    predefined: (&[1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5),
};

const MATCHES: Code = Code {
    log: 9,
    symbols: 53,
    predefined: (
        &[
            1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
        ],
        6,
    ),
};

/// Lengths of literals for the codes from 16 on, and the bits to add.
const LITERALS: [(usize, u32); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16_384, 14),
    (32_768, 15),
    (65_536, 16),
];

/// Lengths of matches for the codes from 32 on.
const COPIES: [(usize, u32); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16_387, 14),
    (32_771, 15),
    (65_539, 16),
];

impl Sequences {
    pub(super) fn new() -> Self {
        let none = Table::default;
        Self { lengths: none(), offsets: none(), matches: none(), recent: [1, 4, 8] }
    }

    /// Reads the section, and writes what it makes of the literals to the window: at most `most` bytes.
    pub(super) fn run(&mut self, bytes: &[u8], literals: &[u8], window: &mut Window, most: usize) -> Option<()> {
        let (count, rest) = count(bytes)?;
        if count == 0 {
            return (rest.is_empty() && literals.len() <= most).then(|| window.extend(literals));
        }
        let (&modes, mut rest) = rest.split_first()?;
        for (table, code, mode) in [
            (&mut self.lengths, LENGTHS, modes >> 6),
            (&mut self.offsets, OFFSETS, modes >> 4 & 3),
            (&mut self.matches, MATCHES, modes >> 2 & 3),
        ] {
            rest = rest.get(code.table(table, mode, rest)?..)?;
        }
        let mut bits = Backward::new(rest)?;
        let mut lengths = self.lengths.start(&mut bits);
        let mut offsets = self.offsets.start(&mut bits);
        let mut matches = self.matches.start(&mut bits);
        let (mut literals, mut room) = (literals, most);
        for left in (0..count).rev() {
            let (length, offset, copy) = (lengths.entry()?, offsets.entry()?, matches.entry()?);
            let value =
                1_u64.wrapping_shl(u32::from(offset.symbol)).saturating_add(bits.take(u32::from(offset.symbol)));
            let copied = amount(copy.symbol, 32, 3, &COPIES, &mut bits)?;
            let taken = amount(length.symbol, 16, 0, &LITERALS, &mut bits)?;
            if left > 0 {
                lengths.advance(length, &mut bits);
                matches.advance(copy, &mut bits);
                offsets.advance(offset, &mut bits);
            }
            if bits.is_short() {
                return None;
            }
            room = room.checked_sub(taken)?.checked_sub(copied)?;
            let (piece, tail) = literals.split_at_checked(taken)?;
            literals = tail;
            window.extend(piece);
            let distance = distance(&mut self.recent, usize::try_from(value).ok()?, taken == 0)?;
            window.copy(distance, copied)?;
        }
        (literals.len() <= room).then(|| window.extend(literals))
    }
}

impl Code {
    /// Puts the table in place that this mode names; gives the bytes of its description.
    fn table(&self, table: &mut Table, mode: u8, bytes: &[u8]) -> Option<usize> {
        match mode {
            0 => {
                *table = Table::build(self.predefined.0, self.predefined.1)?;
                Some(0)
            }
            1 => {
                let symbol = *bytes.first()?;
                *table = Table::single(Some(symbol).filter(|&symbol| usize::from(symbol) < self.symbols)?);
                Some(1)
            }
            2 => {
                let (read, taken) = Table::read(bytes, self.log, self.symbols)?;
                *table = read;
                Some(taken)
            }
            _ => (!table.is_empty()).then_some(0),
        }
    }
}

/// How many there are (RFC 8878 section 3.1.1.3.2.1), and what follows.
fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    Some(match (first, rest) {
        (0..=127, _) => (usize::from(first), rest),
        (128..=254, [second, rest @ ..]) => (usize::from(first & 127) << 8 | usize::from(*second), rest),
        (255, [second, third, rest @ ..]) => {
            (usize::from(u16::from_le_bytes([*second, *third])).saturating_add(0x7f00), rest)
        }
        _ => return None,
    })
}

/// The length that a code stands for: itself and `least` below `first`, else the table's with the bits that follow.
fn amount(code: u8, first: u8, least: usize, table: &[(usize, u32)], bits: &mut Backward<'_>) -> Option<usize> {
    let Some(index) = code.checked_sub(first) else { return Some(usize::from(code).saturating_add(least)) };
    let &(base, more) = table.get(usize::from(index))?;
    Some(base.saturating_add(usize::try_from(bits.take(more)).ok()?))
}

/// The distance that a value stands for (RFC 8878 section 3.1.1.5).
fn distance(recent: &mut [usize; 3], value: usize, no_literals: bool) -> Option<usize> {
    let [first, second, third] = *recent;
    if let Some(distance) = value.checked_sub(3).filter(|&distance| distance > 0) {
        *recent = [distance, first, second];
        return Some(distance);
    }
    *recent = match value.saturating_add(usize::from(no_literals)) {
        1 => [first, second, third],
        2 => [second, first, third],
        3 => [third, first, second],
        _ => [first.checked_sub(1).filter(|&distance| distance > 0)?, first, second],
    };
    recent.first().copied()
}
