//! Keyed digests of JSON trees that don't depend on the order of object keys.
//!
//! Every scalar is hashed with its place, and the hashes are added up: a sum doesn't depend on order, and since the hash is
//! keyed, nobody without the key can choose scalars whose hashes cancel out. A place is the chain of keys and indices
//! above the scalar, hashed level by level, so that its length is bounded whatever the document.
//!
//! A text too long to be kept is first hashed by itself, with a function that is as fast as memory ([`Long`]).

use highway::{HighwayHash, HighwayHasher};

use crate::redact::Key;

/// Hash of a place or of a scalar.
pub(crate) type Hash = [u8; 32];

/// The place above every root.
pub(crate) const TOP: Hash = [0; 32];

/// The key under which digests are made, derived so that no digest is also a fingerprint.
#[derive(Clone)]
pub(crate) struct Digester {
    key: Hash,
}

/// The keys under which long texts are hashed.
#[derive(Clone)]
pub(crate) struct LongKey {
    fast: [u64; 4],
    token: Key,
}

/// HighwayHash-256 of a text of any length that comes in pieces. It takes several bytes a cycle where BLAKE3 takes one
/// or two. It is keyed and meant for texts that an adversary chose, but isn't relied on alone: what it gives is never
/// shown, only hashed again, by BLAKE3.
pub(crate) struct Fast(HighwayHasher);

/// Hash of a text of any length that comes in pieces.
#[expect(clippy::large_enum_variant, reason = "whoever has one has it in a box")]
pub(crate) enum Long {
    Fast(Fast),
    /// The hash that a [fingerprint](crate::redact::fingerprint) shows.
    Token(blake3::Hasher),
}

/// What is hashed: kinds never fall together, the string `"1"` is not the number `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Number,
    True,
    False,
    Null,
    EmptyObject,
    EmptyArray,
    Deep,
    /// An object or array with members: the place of what lies below.
    Inner,
}

/// Sum of scalar hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    low: u128,
    high: u128,
    count: u64,
}

impl Digester {
    pub(crate) fn new(key: &Key) -> Self {
        Self { key: key.derive(b"monitor-wire digest 1") }
    }

    /// Hash of a value at `segment` below `parent`.
    pub(crate) fn scalar(&self, parent: &Hash, segment: &[u8], kind: Kind, text: &[u8], scratch: &mut Vec<u8>) -> Hash {
        self.place(parent, segment, &[kind.tag()], text, scratch)
    }

    /// The same for a value of which only the hash is there.
    pub(crate) fn long(&self, parent: &Hash, segment: &[u8], kind: Kind, text: &Hash, scratch: &mut Vec<u8>) -> Hash {
        self.place(parent, segment, &[b'l', kind.tag()], text, scratch)
    }

    fn place(&self, parent: &Hash, segment: &[u8], tag: &[u8], text: &[u8], scratch: &mut Vec<u8>) -> Hash {
        scratch.clear();
        for part in [parent, segment, tag, text] {
            scratch.extend_from_slice(part);
        }
        *blake3::keyed_hash(&self.key, scratch).as_bytes()
    }

    /// 32 hex digits over a name and a sum.
    pub(crate) fn finish(&self, name: &str, sum: &Sum) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&sum.low.to_le_bytes()).update(&sum.high.to_le_bytes()).update(&sum.count.to_le_bytes());
        hasher.update(name.as_bytes());
        hex(hasher.finalize().as_bytes(), 16)
    }
}

impl LongKey {
    pub(crate) fn new(key: &Key) -> Self {
        let bytes = key.derive(b"monitor-wire long 1");
        let mut fast = [0; 4];
        for (word, bytes) in fast.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        }
        Self { fast, token: key.clone() }
    }
}

impl Fast {
    pub(crate) fn new(key: &LongKey) -> Self {
        Self(HighwayHasher::new(highway::Key(key.fast)))
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.0.append(piece);
    }

    pub(crate) fn hash(&self) -> Hash {
        let mut hash = [0; 32];
        for (bytes, word) in hash.chunks_exact_mut(8).zip(self.0.clone().finalize256()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }
}

impl Long {
    /// For what goes into a digest.
    pub(crate) fn fast(key: &LongKey) -> Self {
        Self::Fast(Fast::new(key))
    }

    /// For what is shown as a fingerprint.
    pub(crate) fn token(key: &LongKey) -> Self {
        Self::Token(key.token.hasher())
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        match self {
            Self::Fast(hasher) => hasher.push(piece),
            Self::Token(hasher) => {
                hasher.update(piece);
            }
        }
    }

    pub(crate) fn hash(&self) -> Hash {
        match self {
            Self::Fast(hasher) => hasher.hash(),
            Self::Token(hasher) => *hasher.finalize().as_bytes(),
        }
    }
}

impl Sum {
    pub(crate) fn add(&mut self, hash: &Hash) {
        let (low, high) = hash.split_at(16);
        self.low = self.low.wrapping_add(number(low));
        self.high = self.high.wrapping_add(number(high));
        self.count = self.count.wrapping_add(1);
    }

    pub(crate) const fn join(&mut self, other: &Self) {
        self.low = self.low.wrapping_add(other.low);
        self.high = self.high.wrapping_add(other.high);
        self.count = self.count.wrapping_add(other.count);
    }
}

impl Kind {
    const fn tag(self) -> u8 {
        match self {
            Self::String => b's',
            Self::Number => b'n',
            Self::True => b't',
            Self::False => b'f',
            Self::Null => b'0',
            Self::EmptyObject => b'{',
            Self::EmptyArray => b'[',
            Self::Deep => b'd',
            Self::Inner => b'i',
        }
    }
}

/// Writes the segment of an object key: tag, length, text.
pub(crate) fn key_segment(key: &str, segment: &mut Vec<u8>) {
    segment.clear();
    segment.push(b'k');
    segment.extend_from_slice(&(key.len() as u64).to_le_bytes());
    segment.extend_from_slice(key.as_bytes());
}

/// Writes the segment of a key too long to be kept: tag, hash of the whole.
pub(crate) fn long_key_segment(hash: &Hash, segment: &mut Vec<u8>) {
    segment.clear();
    segment.push(b'K');
    segment.extend_from_slice(hash);
}

/// Writes the segment of an array element: tag, index.
pub(crate) fn index_segment(index: u64, segment: &mut Vec<u8>) {
    segment.clear();
    segment.push(b'x');
    segment.extend_from_slice(&index.to_le_bytes());
}

/// The first `bytes` bytes in lower-case hex.
pub(crate) fn hex(hash: &[u8], bytes: usize) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or('0');
    hash.iter().take(bytes).flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

fn number(bytes: &[u8]) -> u128 {
    bytes.try_into().map(u128::from_le_bytes).unwrap_or_default()
}
