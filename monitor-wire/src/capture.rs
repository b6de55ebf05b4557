//! The one text that is being read: its beginning up to a cap, its length, and a hash of the whole once it is longer.

use crate::digest::Hash;

/// Collects one key, string or number.
#[derive(Default)]
pub(crate) struct Capture {
    text: String,
    cap: usize,
    len: u64,
    escaped: bool,
    /// Boxed because it is large and rare.
    long: Option<Box<Long>>,
}

/// A text that is longer than its cap.
struct Long {
    hasher: blake3::Hasher,
    /// What the hasher hasn't had yet: it takes long runs at many times the speed of short ones.
    waiting: Vec<u8>,
}

/// Bytes that the hasher is given at a time; a power of two.
const RUN: usize = 16 << 10;

impl Long {
    fn push(&mut self, piece: &[u8]) {
        // The hasher's runs begin and end at multiples of RUN, however the pieces fall.
        let done = usize::try_from(self.hasher.count() & (RUN as u64).wrapping_sub(1)).unwrap_or(0);
        let wanted = RUN.saturating_sub(done).saturating_sub(self.waiting.len());
        let Some((first, rest)) = piece.split_at_checked(wanted) else {
            self.waiting.extend_from_slice(piece);
            return;
        };
        self.hasher.update(&self.waiting).update(first);
        self.waiting.clear();
        let (runs, rest) = rest.split_at_checked(rest.len() & !(RUN.wrapping_sub(1))).unwrap_or((rest, &[]));
        self.hasher.update(runs);
        self.waiting.extend_from_slice(rest);
    }

    fn hash(&self) -> Hash {
        let mut hasher = self.hasher.clone();
        *hasher.update(&self.waiting).finalize().as_bytes()
    }
}

impl Capture {
    /// Begins a text of which `cap` bytes are kept.
    pub(crate) fn begin(&mut self, cap: usize) {
        self.text.clear();
        self.cap = cap;
        self.len = 0;
        self.escaped = false;
        self.long = None;
    }

    /// Gives the memory of a long text back: a stream may say nothing more for days.
    pub(crate) fn settle(&mut self) {
        self.long = None;
    }

    /// Adds a piece; `hasher` makes the hasher for the whole, should the text outgrow its cap.
    pub(crate) fn push(&mut self, piece: &str, hasher: impl FnOnce() -> blake3::Hasher) {
        self.len = self.len.saturating_add(piece.len() as u64);
        if let Some(long) = &mut self.long {
            long.push(piece.as_bytes());
            return;
        }
        let room = self.cap.saturating_sub(self.text.len());
        if piece.len() <= room {
            self.text.push_str(piece);
            return;
        }
        let mut long = Box::new(Long { hasher: hasher(), waiting: Vec::with_capacity(RUN) });
        long.push(self.text.as_bytes());
        long.push(piece.as_bytes());
        self.long = Some(long);
        self.text.push_str(piece.get(..piece.floor_char_boundary(room)).unwrap_or_default());
    }

    /// Adds one character, noting whether it was written as an escape.
    pub(crate) fn push_char(&mut self, value: char, escaped: bool, hasher: impl FnOnce() -> blake3::Hasher) {
        self.escaped |= escaped;
        self.push(value.encode_utf8(&mut [0; 4]), hasher);
    }

    /// What is kept.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Length of the whole in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Some of it was written with escapes.
    pub(crate) const fn escaped(&self) -> bool {
        self.escaped
    }

    /// The hash of the whole, if more came than is kept.
    pub(crate) fn long_hash(&self) -> Option<Hash> {
        self.long.as_ref().map(|long| long.hash())
    }
}
