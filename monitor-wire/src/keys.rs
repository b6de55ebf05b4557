//! Duplicate keys within one message.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use crate::limits;
use crate::redact::Key;

/// The keys of the objects that were gone into, for finding duplicates. Hashed with a secret seed, so that nobody can
/// make a false duplicate.
pub(crate) struct Keys {
    seed: u64,
    seen: HashSet<u64, BuildHasherDefault<Hashed>>,
    objects: u64,
    duplicates: u32,
}

/// What is kept are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Keys {
    pub(crate) fn new(key: &Key) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = key.derive(b"monitor-wire keys 1");
        Self { seed: u64::from_le_bytes([a, b, c, d, e, f, g, h]), seen: HashSet::default(), objects: 0, duplicates: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.objects = 0;
        self.duplicates = 0;
    }

    pub(crate) fn object(&mut self) -> u64 {
        self.objects = self.objects.wrapping_add(1);
        self.objects
    }

    pub(crate) fn is_duplicate(&mut self, object: u64, key: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write_u64(object);
        hasher.write(key.as_bytes());
        let hash = hasher.finish();
        if self.seen.len() >= limits::KEYS {
            return self.seen.contains(&hash);
        }
        let duplicate = !self.seen.insert(hash);
        self.duplicates = self.duplicates.saturating_add(u32::from(duplicate));
        duplicate
    }

    /// So many keys, or so many twice, that the last of each can no longer be told.
    pub(crate) fn is_flooded(&self) -> bool {
        self.duplicates > limits::DUPLICATES || self.seen.len() >= limits::KEYS
    }
}
