//! Keyed hashes of windows, with a bit filter before them.

use std::num::Wrapping;

/// Bytes of a window.
pub(super) const WINDOW: usize = 8;

/// Where in a token a window is, and how it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) token: u32,
    pub(super) form: Form,
    /// Bytes of the stream before the window that are stepped over as they are.
    pub(super) raw: u8,
    /// Encoded characters before those: bytes, digits, characters of base64.
    pub(super) units: u16,
}

/// How bytes of a token become bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Bytes,
    /// How many bits of the first character belong to what stands before the token: 0, 2 or 4.
    Base64(u8),
    Hex,
    Utf16,
}

/// The secret numbers of the hashes.
#[derive(Clone)]
struct Secret([Wrapping<u64>; 4]);

/// Windows by their hashes.
#[derive(Clone)]
pub(super) struct Table {
    secret: Secret,
    /// Two bits of a word for each window.
    filter: Vec<u64>,
    /// Bits of a hash that don't choose the filter's word.
    rest: u32,
    /// Open addressing; a power of two.
    slots: Vec<Option<(u64, Place)>>,
    used: usize,
}

/// Words of the smallest filter, and of the largest: 8 MiB.
const WORDS: [usize; 2] = [1 << 9, 1 << 20];

impl Secret {
    /// Chooses the filter's word and bits. One multiplication, since it is asked for every window of a stream.
    #[inline(always)]
    fn quick(&self, window: u64) -> u32 {
        let [mask, factor, ..] = self.0;
        (((Wrapping(window) ^ mask) * factor).0 >> 32) as u32
    }

    /// The hash that a slot keeps: [`Self::quick`], from which the filter can be made again, and 32 bits more.
    fn full(&self, window: u64) -> u64 {
        let [.., mask, factor] = self.0;
        let wide = u128::from(window ^ mask.0).wrapping_mul(u128::from(factor.0));
        u64::from(self.quick(window)) << 32 | u64::from((wide >> 64) as u32 ^ wide as u32)
    }
}

impl Table {
    /// An empty table whose hashes depend on `secret`.
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        let mut words = [Wrapping(0); 4];
        for (word, bytes) in words.iter_mut().zip(secret.as_chunks().0) {
            *word = Wrapping(u64::from_le_bytes(*bytes));
        }
        let [first, second, third, fourth] = words;
        let odd = Wrapping(1);
        let secret = Secret([first, second | odd, third, fourth | odd]);
        let mut table = Self { secret, filter: Vec::new(), rest: 0, slots: vec![None; 16], used: 0 };
        table.rebuild(16, |_| true);
        table
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether [`Self::find`] may have something; no if it has nothing, but for one window in a few hundred.
    #[inline(always)]
    pub(super) fn may_have(&self, window: u64) -> bool {
        let hash = self.secret.quick(window);
        let word = self.filter.get((hash >> self.rest) as usize).copied().unwrap_or(0);
        word >> (hash & 63) & word >> (hash >> 6 & 63) & 1 == 1
    }

    /// How many of the windows stand before the first that [`Self::may_have`]; all of them if none does.
    pub(super) fn skip(&self, windows: &[[u8; WINDOW]]) -> usize {
        let [mask, factor, ..] = self.secret.0;
        let (filter, rest) = (self.filter.as_slice(), self.rest);
        let is_absent = |window: &&[u8; WINDOW]| {
            let hash = (((Wrapping(u64::from_le_bytes(**window)) ^ mask) * factor).0 >> 32) as u32;
            let word = filter.get((hash >> rest) as usize).copied().unwrap_or(0);
            word >> (hash & 63) & word >> (hash >> 6 & 63) & 1 == 0
        };
        windows.iter().take_while(is_absent).count()
    }

    /// The places whose window this is.
    pub(super) fn find(&self, window: u64) -> impl Iterator<Item = Place> {
        let hash = self.secret.full(window);
        self.chain(hash).map_while(Option::as_ref).filter(move |slot| slot.0 == hash).map(|slot| slot.1)
    }

    pub(super) fn insert(&mut self, window: u64, place: Place) {
        if self.find(window).any(|known| known == place) {
            return;
        }
        let needed = self.used.saturating_add(1).saturating_mul(2);
        if needed > self.slots.len() {
            self.rebuild(needed, |_| true);
        }
        self.put(self.secret.full(window), place);
    }

    /// Leaves out every place of a token.
    pub(super) fn remove(&mut self, token: u32) {
        self.rebuild(self.used.saturating_mul(2), |place| place.token != token);
    }

    fn rebuild(&mut self, slots: usize, keep: impl Fn(&Place) -> bool) {
        let slots = slots.next_power_of_two().max(16);
        let old = std::mem::replace(&mut self.slots, vec![None; slots]);
        // Between two and four windows a word: about one window in 300 passes that isn't there.
        let [least, most] = WORDS;
        let words = (slots / 4).clamp(least, most);
        self.filter = vec![0; words];
        self.rest = 32_u32.saturating_sub(words.trailing_zeros());
        self.used = 0;
        for (hash, place) in old.into_iter().flatten().filter(|(_, place)| keep(place)) {
            self.put(hash, place);
        }
    }

    fn put(&mut self, hash: u64, place: Place) {
        let quick = (hash >> 32) as u32;
        if let Some(word) = self.filter.get_mut((quick >> self.rest) as usize) {
            *word |= 1 << (quick & 63) | 1 << (quick >> 6 & 63);
        }
        let free = self.chain(hash).map_while(Option::as_ref).count();
        let at = self.home(hash).wrapping_add(free) & self.slots.len().saturating_sub(1);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some((hash, place));
            self.used = self.used.saturating_add(1);
        }
    }

    fn home(&self, hash: u64) -> usize {
        (hash as usize ^ (hash >> 32) as usize) & self.slots.len().saturating_sub(1)
    }

    fn chain(&self, hash: u64) -> impl Iterator<Item = &Option<(u64, Place)>> {
        let (before, after) = self.slots.split_at_checked(self.home(hash)).unwrap_or_default();
        after.iter().chain(before)
    }
}
