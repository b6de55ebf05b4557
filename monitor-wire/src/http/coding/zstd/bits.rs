//! Bits, from the front (RFC 8878 section 4.1.1) and from the back (section 4.1).

/// Reads from the first byte on, the least bits first. Behind the end there are zeros, and [`Forward::bytes`] tells.
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// At most 32 bits, which stay.
    pub(super) fn peek(&self, bits: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left of it")]
        let word = (load(self.bytes, self.at >> 3).wrapping_shr(shift(self.at)) & mask(bits)) as u32;
        word
    }

    pub(super) fn skip(&mut self, bits: u32) {
        self.at = self.at.saturating_add(bits as usize);
    }

    pub(super) fn take(&mut self, bits: u32) -> u32 {
        let value = self.peek(bits);
        self.skip(bits);
        value
    }

    /// Bytes that were read, the last perhaps in part; `None` if there weren't so many.
    pub(super) fn read(&self) -> Option<usize> {
        let bytes = self.at.div_ceil(8);
        (bytes <= self.bytes.len()).then_some(bytes)
    }
}

/// Reads from the last byte on, the highest bits first.
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    left: usize,
    short: bool,
}

impl<'a> Backward<'a> {
    /// `None` where no bit says where the last byte's padding ends.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&last, before) = bytes.split_last()?;
        let flag = last.checked_ilog2()?;
        Some(Self { bytes, left: before.len().saturating_mul(8).saturating_add(flag as usize), short: false })
    }

    /// At most 56 bits, which stay; those that aren't there are zeros.
    pub(super) fn peek(&self, bits: u32) -> u64 {
        match self.left.checked_sub(bits as usize) {
            Some(start) => load(self.bytes, start >> 3).wrapping_shr(shift(start)) & mask(bits),
            None => {
                let missing = bits.saturating_sub(u32::try_from(self.left).unwrap_or(bits));
                (load(self.bytes, 0) & mask(bits.saturating_sub(missing))).wrapping_shl(missing)
            }
        }
    }

    pub(super) fn skip(&mut self, bits: u32) {
        match self.left.checked_sub(bits as usize) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                self.short = true;
            }
        }
    }

    pub(super) fn take(&mut self, bits: u32) -> u64 {
        let value = self.peek(bits);
        self.skip(bits);
        value
    }

    /// More bits were taken than there were.
    pub(super) const fn is_short(&self) -> bool {
        self.short
    }
}

/// Eight bytes from here, with zeros behind the end.
fn load(bytes: &[u8], at: usize) -> u64 {
    let tail = bytes.get(at..).unwrap_or_default();
    match tail.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => super::little(tail),
    }
}

/// Bits before this one in its byte.
const fn shift(bit: usize) -> u32 {
    (bit & 7) as u32
}

const fn mask(bits: u32) -> u64 {
    1_u64.wrapping_shl(bits).wrapping_sub(1)
}
