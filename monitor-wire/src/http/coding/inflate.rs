//! DEFLATE (RFC 1951) over a window of its own.

use super::{Reject, Sink};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// Distances reach as far back (RFC 1951 section 2). A power of two.
const WINDOW: usize = 32 << 10;

pub(super) struct Inflate {
    state: Box<DecompressorOxide>,
    window: Box<[u8]>,
    /// Where the next byte goes.
    at: usize,
    flags: u32,
}

/// What came of some bytes.
pub(super) enum Step {
    /// All were taken, and more are wanted.
    More,
    /// The data ended after so many.
    Done(usize),
}

impl Inflate {
    /// For plain DEFLATE data.
    pub(super) fn raw() -> Self {
        Self::new(0)
    }

    /// For data in zlib's frame (RFC 1950).
    pub(super) fn zlib() -> Self {
        Self::new(inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER)
    }

    fn new(flags: u32) -> Self {
        Self {
            state: Box::default(),
            window: vec![0; WINDOW].into_boxed_slice(),
            at: 0,
            flags: flags | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT,
        }
    }

    /// Begins anew with other data.
    pub(super) fn reset(&mut self) {
        self.state.init();
        self.at = 0;
    }

    pub(super) fn memory(&self) -> usize {
        self.window.len().saturating_add(size_of::<DecompressorOxide>())
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<Step, Reject> {
        let mut rest = bytes;
        loop {
            let (status, taken, made) = decompress(&mut self.state, rest, &mut self.window, self.at, self.flags);
            rest = rest.get(taken..).unwrap_or_default();
            let end = self.at.saturating_add(made);
            sink(self.window.get(self.at..end).unwrap_or_default())?;
            self.at = if end >= WINDOW { 0 } else { end };
            match status {
                TINFLStatus::Done => return Ok(Step::Done(bytes.len().saturating_sub(rest.len()))),
                TINFLStatus::NeedsMoreInput if rest.is_empty() => return Ok(Step::More),
                // Neither takes nor gives anything: no decoder does so, and here it would be for ever.
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput if taken > 0 || made > 0 => {}
                TINFLStatus::Adler32Mismatch => return Err(Reject::Checksum),
                _ => return Err(Reject::Malformed),
            }
        }
    }
}
