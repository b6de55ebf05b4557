//! The blocks of a frame (RFC 8878 section 3.1.1.2), and what is kept from one to the next.

use super::huffman::Codes;
use super::sequences::Sequences;
use super::window::Window;
use super::{BLOCK, literals};

pub(super) struct Blocks {
    window: Window,
    codes: Codes,
    sequences: Sequences,
    literals: Vec<u8>,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { window: Window::default(), codes: Codes::default(), sequences: Sequences::new(), literals: Vec::new() }
    }

    /// Begins a frame with a window of so many bytes.
    pub(super) fn begin(&mut self, window: usize) {
        self.window.begin(window);
        self.codes = Codes::default();
        self.sequences = Sequences::new();
    }

    /// Bytes that a block of this frame may have.
    pub(super) fn most(&self) -> usize {
        self.window.size().min(BLOCK)
    }

    /// Makes room for so many bytes, and says where they begin.
    pub(super) fn make_room(&mut self, bytes: usize) -> usize {
        self.window.make_room(bytes)
    }

    /// What was decoded from here on.
    pub(super) fn since(&self, from: usize) -> &[u8] {
        self.window.since(from)
    }

    pub(super) fn memory(&self) -> usize {
        self.window.memory().saturating_add(self.literals.capacity())
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.window.extend(bytes);
    }

    pub(super) fn repeat(&mut self, byte: u8, count: usize) {
        self.window.repeat(byte, count);
    }

    /// Decodes a block to at most so many bytes.
    pub(super) fn compressed(&mut self, bytes: &[u8], most: usize) -> Option<()> {
        let Self { window, codes, sequences, literals } = self;
        let read = literals::read(bytes, codes, literals)?;
        sequences.run(bytes.get(read..)?, literals, window, most)
    }
}
