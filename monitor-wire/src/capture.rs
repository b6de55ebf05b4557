//! The one text that is being read: its beginning up to a cap, its length, and a hash of the whole once it is longer.

use crate::digest::Hash;

/// Collects one key, string or number.
#[derive(Default)]
pub(crate) struct Capture {
    text: String,
    cap: usize,
    len: u64,
    escaped: bool,
    /// Boxed because it is large (about 2 KiB) and rare.
    long: Option<Box<blake3::Hasher>>,
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

    /// Adds a piece; `hasher` makes the hasher for the whole, should the text outgrow its cap.
    pub(crate) fn push(&mut self, piece: &str, hasher: impl FnOnce() -> blake3::Hasher) {
        self.len = self.len.saturating_add(piece.len() as u64);
        if let Some(long) = &mut self.long {
            long.update(piece.as_bytes());
            return;
        }
        let room = self.cap.saturating_sub(self.text.len());
        if piece.len() <= room {
            self.text.push_str(piece);
            return;
        }
        let mut long = Box::new(hasher());
        long.update(self.text.as_bytes()).update(piece.as_bytes());
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
        self.long.as_ref().map(|long| *long.finalize().as_bytes())
    }
}
