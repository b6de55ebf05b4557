//! The coding `br` (RFC 7932), with windows up to 16 MiB: the large ones that some encoders know are no part of it.

use super::{Reject, Sink};
use brotli_decompressor::{
    BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode, SliceWrapper, StandardAlloc,
};

/// Bytes handed on at a time.
const PIECE: usize = 16 << 10;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

pub(super) struct Brotli {
    /// `None` once the data has ended; what follows is passed over.
    open: Option<Box<Open>>,
}

struct Open {
    state: State,
    piece: [u8; PIECE],
}

impl Brotli {
    pub(super) fn new() -> Self {
        let state = State::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
        Self { open: Some(Box::new(Open { state, piece: [0; PIECE] })) }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        let (mut left, mut at, mut total) = (bytes.len(), 0, 0);
        while let Some(open) = &mut self.open {
            let Open { state, piece } = &mut **open;
            let (before, mut room, mut made) = (left, PIECE, 0);
            let result =
                BrotliDecompressStream(&mut left, &mut at, bytes, &mut room, &mut made, piece, &mut total, state);
            sink(piece.get(..made).unwrap_or_default())?;
            match result {
                // With a full piece there may be more to come out, though no more has to go in.
                BrotliResult::NeedsMoreInput if left == 0 && made < PIECE => return Ok(()),
                // Neither takes nor gives anything: no decoder does so, and here it would be for ever.
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput if left < before || made > 0 => {}
                BrotliResult::ResultSuccess => self.open = None,
                _ => {
                    sink(open.pending())?;
                    return Err(Reject::Malformed);
                }
            }
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> usize {
        let Some(open) = &self.open else { return 0 };
        let State { ringbuffer, literal_hgroup, insert_copy_hgroup, distance_hgroup, .. } = &open.state;
        let groups = [literal_hgroup, insert_copy_hgroup, distance_hgroup];
        let codes = groups.iter().map(|group| group.codes.slice().len()).fold(0, usize::saturating_add);
        size_of::<Open>()
            .saturating_add(ringbuffer.slice().len())
            .saturating_add(codes.saturating_mul(size_of::<HuffmanCode>()))
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.open.is_none()
    }
}

impl Open {
    /// What was decoded before a failure. The decoder keeps it, and would have given it had the input come in pieces, as it
    /// may have come to the receiver. These may be a few bytes more than that: literals that go beyond the end of their
    /// meta-block are met by the decoder only when it hands over.
    fn pending(&self) -> &[u8] {
        let State { ringbuffer, ringbuffer_size, pos, rb_roundtrips, partial_pos_out, .. } = &self.state;
        let (Ok(size), Ok(at)) = (u64::try_from(*ringbuffer_size), u64::try_from(*pos)) else { return &[] };
        let made = rb_roundtrips.saturating_mul(size).saturating_add(at.min(size));
        let Some(start) = partial_pos_out.checked_rem(size).and_then(|start| usize::try_from(start).ok()) else {
            return &[];
        };
        let length = usize::try_from(made.saturating_sub(*partial_pos_out)).unwrap_or_default();
        ringbuffer.slice().get(start..start.saturating_add(length)).unwrap_or_default()
    }
}
