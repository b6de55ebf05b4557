//! A small deterministic hash, and ids made from it.
//!
//! Not for secrets: it only has to give the same id for the same events on every host and in every replay. Whoever can
//! choose paths and program names could make two alerts share a hash; the key in full decides which alert grows.

use crate::time::Time;

/// FNV-1a with 128 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digest(u128);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Adds a field. The length goes in first, so that ("ab", "c") and ("a", "bc") differ.
    #[must_use]
    pub(crate) fn field(self, bytes: &[u8]) -> Self {
        self.raw(&(bytes.len() as u64).to_le_bytes()).raw(bytes)
    }

    #[must_use]
    pub(crate) fn number(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    #[must_use]
    pub(crate) const fn finish(self) -> u128 {
        // FNV mixes upwards only: one folding round brings high bits down
        let value = self.0 ^ (self.0 >> 67);
        let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        value ^ (value >> 59)
    }

    #[must_use]
    pub(crate) const fn short(self) -> u64 {
        (self.finish() >> 64) as u64
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
        self
    }
}

/// An id in the form of uuid v7 (RFC 9562, 5.7): the event's millisecond, then 74 bits of `hash`.
pub(crate) fn uuid_v7(time: Time, hash: u128) -> String {
    let millis = u128::from(time.0 / 1_000_000) & 0xffff_ffff_ffff;
    let high = (hash >> 116) & 0xfff;
    let low = hash & 0x3fff_ffff_ffff_ffff;
    let value = (millis << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        value >> 96,
        (value >> 80) & 0xffff,
        (value >> 64) & 0xffff,
        (value >> 48) & 0xffff,
        value & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_uuid_v7_and_sort_by_time() {
        let early = uuid_v7(Time(1_700_000_000_000_000_000), Digest::new().field(b"a").finish());
        let late = uuid_v7(Time(1_700_000_000_001_000_000), Digest::new().field(b"a").finish());
        assert_eq!(early.len(), 36);
        assert_eq!(&early[14..15], "7");
        assert!("89ab".contains(&early[19..20]));
        assert!(early < late);
        assert_eq!(early, uuid_v7(Time(1_700_000_000_000_000_000), Digest::new().field(b"a").finish()));
    }

    #[test]
    fn field_borders_count() {
        let one = Digest::new().field(b"ab").field(b"c").finish();
        let other = Digest::new().field(b"a").field(b"bc").finish();
        assert_ne!(one, other);
    }
}
