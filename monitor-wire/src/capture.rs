//! The one text that is being read: its beginning up to a cap, its length, and a hash of the whole once it is longer.

use crate::digest::{Hash, Long, LongKey};

/// Collects one key, string or number.
pub(crate) struct Capture {
    key: LongKey,
    text: String,
    cap: usize,
    /// The text goes into a digest.
    digested: bool,
    len: u64,
    escaped: bool,
    /// Of a text that is longer than its cap. Boxed because it is large and rare.
    long: Option<Box<Long>>,
}

impl Capture {
    pub(crate) const fn new(key: LongKey) -> Self {
        Self { key, text: String::new(), cap: 0, digested: false, len: 0, escaped: false, long: None }
    }

    /// Begins a text of which `cap` bytes are kept. Of a longer one the hash is for a digest, or else for a fingerprint.
    pub(crate) fn begin(&mut self, cap: usize, digested: bool) {
        self.text.clear();
        self.cap = cap;
        self.digested = digested;
        self.len = 0;
        self.escaped = false;
        self.long = None;
    }

    /// Gives the memory of a long text back: a stream may say nothing more for days.
    pub(crate) fn settle(&mut self) {
        self.long = None;
    }

    /// The hash of another long text that goes into a digest.
    pub(crate) fn long(&self) -> Long {
        Long::fast(&self.key)
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: &str) {
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
        let mut long = Box::new(if self.digested { self.long() } else { Long::token(&self.key) });
        long.push(self.text.as_bytes());
        long.push(piece.as_bytes());
        self.long = Some(long);
        self.text.push_str(piece.get(..piece.floor_char_boundary(room)).unwrap_or_default());
    }

    /// Adds one character, noting whether it was written as an escape.
    pub(crate) fn push_char(&mut self, value: char, escaped: bool) {
        self.escaped |= escaped;
        self.push(value.encode_utf8(&mut [0; 4]));
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
