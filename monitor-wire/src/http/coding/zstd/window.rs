//! What was decoded of a frame, as far back as matches reach.

use super::BLOCK;

#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    size: usize,
}

impl Window {
    /// Forgets the frame before.
    pub(super) fn begin(&mut self, size: usize) {
        self.bytes.clear();
        self.size = size;
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Makes room for so many bytes, and says where they begin.
    pub(super) fn make_room(&mut self, bytes: usize) -> usize {
        // What is too old goes when there is enough of it for its moving to be worth it.
        let slack = (self.size >> 1).max(BLOCK);
        let old = self.bytes.len().saturating_sub(self.size);
        if old > slack {
            self.bytes.drain(..old);
        }
        let length = self.bytes.len();
        let wanted = length.saturating_add(bytes);
        if self.bytes.capacity() < wanted {
            let most = self.size.saturating_add(slack).saturating_add(bytes).max(wanted);
            let grown = self.bytes.capacity().saturating_mul(2).clamp(wanted, most);
            self.bytes.reserve_exact(grown.saturating_sub(length));
        }
        length
    }

    pub(super) const fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes from here on.
    pub(super) fn since(&self, from: usize) -> &[u8] {
        self.bytes.get(from..).unwrap_or_default()
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn repeat(&mut self, byte: u8, count: usize) {
        self.bytes.resize(self.bytes.len().saturating_add(count), byte);
    }

    /// Copies from so far back; `None` if nothing is there.
    pub(super) fn copy(&mut self, distance: usize, length: usize) -> Option<()> {
        let start = self.bytes.len().checked_sub(distance).filter(|_| distance > 0 && distance <= self.size)?;
        let mut left = length;
        // What is copied may itself be copied on: each time there is twice as much of it.
        while left > 0 {
            let piece = left.min(self.bytes.len().saturating_sub(start));
            self.bytes.extend_from_within(start..start.saturating_add(piece));
            left = left.saturating_sub(piece);
        }
        Some(())
    }
}
