//! The coding `zstd` (RFC 8878): frames one after the other, each a header and blocks.
//!
//! Written here because the decoder in Rust that there is (`ruzstd`) gives nothing of a frame before a whole window of it has
//! come, so that an event would be seen long after its receiver saw it. This one gives each block as it ends. The
//! checksum of a frame isn't verified, and bits that are left over or reserved are passed over, as libzstd 1.5.4 does;
//! bits that are missing make a frame malformed.

mod bits;
mod block;
mod fse;
mod huffman;
mod literals;
mod sequences;
mod window;

use super::{Reject, Sink};
use crate::limits;
use block::Blocks;

/// RFC 8878 section 3.1.1.
const MAGIC: u32 = 0xfd2f_b528;

/// The first of sixteen (RFC 8878 section 3.1.2).
const SKIPPABLE: u32 = 0x184d_2a50;

/// A block has at most as much, before and after it is decoded (RFC 8878 section 3.1.1.2.4).
const BLOCK: usize = 128 << 10;

pub(super) struct Zstd {
    place: Place,
    /// What has come of a part that is read at once.
    part: Vec<u8>,
    blocks: Box<Blocks>,
    frame: Frame,
    /// A frame has ended.
    any: bool,
}

#[derive(Clone, Copy)]
enum Place {
    Magic,
    SkipLength,
    Skip(u64),
    Descriptor,
    /// The rest of the header, of so many bytes.
    Header(usize),
    BlockHeader,
    Raw(usize),
    Rle(usize),
    Compressed(usize),
    Checksum,
    /// What follows is no frame, and is passed over.
    After,
}

/// What the header says (RFC 8878 section 3.1.1.1).
#[derive(Default)]
struct Frame {
    descriptor: u8,
    content: Option<u64>,
    /// Bytes that came out.
    out: u64,
    last: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Magic,
            part: Vec::new(),
            blocks: Box::new(Blocks::new()),
            frame: Frame::default(),
            any: false,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        let mut rest = bytes;
        loop {
            let wanted = match self.place {
                Place::After => return Ok(()),
                Place::Skip(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    rest = rest.get(taken..).unwrap_or_default();
                    let left = left.saturating_sub(taken as u64);
                    self.place = if left == 0 { Place::Magic } else { Place::Skip(left) };
                    if left > 0 || rest.is_empty() {
                        return Ok(());
                    }
                    continue;
                }
                Place::Raw(left) => {
                    let piece = rest.get(..left).unwrap_or(rest);
                    rest = rest.get(piece.len()..).unwrap_or_default();
                    self.give(piece.len(), sink, |blocks, _| {
                        blocks.raw(piece);
                        Some(())
                    })?;
                    let left = left.saturating_sub(piece.len());
                    if left > 0 {
                        self.place = Place::Raw(left);
                        return Ok(());
                    }
                    self.end_block()?;
                    continue;
                }
                Place::Magic | Place::SkipLength | Place::Checksum => 4,
                Place::Descriptor | Place::Rle(_) => 1,
                Place::BlockHeader => 3,
                Place::Header(length) | Place::Compressed(length) => length,
            };
            let room = wanted.saturating_sub(self.part.len());
            let (piece, tail) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            rest = tail;
            // A part that comes at once is read where it lies.
            let mut part = std::mem::take(&mut self.part);
            let whole = if part.is_empty() && piece.len() == wanted {
                piece
            } else {
                part.extend_from_slice(piece);
                &part
            };
            let done = whole.len() >= wanted;
            if done {
                self.take(whole, sink)?;
                part.clear();
            }
            self.part = part;
            if !done || rest.is_empty() && !self.is_pending() {
                return Ok(());
            }
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.part.capacity().saturating_add(self.blocks.memory())
    }

    pub(super) const fn is_complete(&self) -> bool {
        match self.place {
            Place::Magic => self.any,
            Place::After => true,
            _ => false,
        }
    }

    /// Something ends here that has no byte.
    const fn is_pending(&self) -> bool {
        matches!(self.place, Place::Raw(0) | Place::Header(0) | Place::Compressed(0) | Place::Skip(0))
    }

    fn take(&mut self, part: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        self.place = match self.place {
            Place::Magic => match little(part) {
                magic if magic == u64::from(MAGIC) => Place::Descriptor,
                magic if magic & !0xf == u64::from(SKIPPABLE) => Place::SkipLength,
                _ if self.any => Place::After,
                _ => return Err(Reject::Malformed),
            },
            Place::SkipLength => {
                self.any = true;
                Place::Skip(little(part))
            }
            Place::Descriptor => self.descriptor(part.first().copied().unwrap_or_default())?,
            Place::Header(_) => self.header(part)?,
            Place::BlockHeader => self.block(little(part))?,
            Place::Rle(length) => {
                let byte = part.first().copied().unwrap_or_default();
                self.give(length, sink, |blocks, _| {
                    blocks.repeat(byte, length);
                    Some(())
                })?;
                return self.end_block();
            }
            Place::Compressed(_) => {
                self.give(0, sink, |blocks, most| blocks.compressed(part, most))?;
                return self.end_block();
            }
            Place::Checksum => self.end_frame()?,
            place => place,
        };
        Ok(())
    }

    /// RFC 8878 section 3.1.1.1.1.
    fn descriptor(&mut self, descriptor: u8) -> Result<Place, Reject> {
        if descriptor & 0x08 != 0 {
            return Err(Reject::Malformed);
        }
        self.frame = Frame { descriptor, ..Frame::default() };
        let (window, dictionary, content) = self.frame.sizes();
        Ok(Place::Header(window.saturating_add(dictionary).saturating_add(content)))
    }

    fn header(&mut self, part: &[u8]) -> Result<Place, Reject> {
        let (window, dictionary, content) = self.frame.sizes();
        let (first, rest) = part.split_at_checked(window).unwrap_or_default();
        let (id, size) = rest.split_at_checked(dictionary).unwrap_or_default();
        if little(id) != 0 {
            return Err(Reject::Dictionary);
        }
        self.frame.content = match content {
            0 => None,
            2 => Some(little(size).saturating_add(256)),
            _ => Some(little(size)),
        };
        let window = match first.first() {
            // RFC 8878 section 3.1.1.1.2
            Some(&byte) => {
                let base = 1_u64.wrapping_shl(u32::from(byte >> 3).saturating_add(10));
                base.saturating_add((base >> 3).saturating_mul(u64::from(byte & 7)))
            }
            None => self.frame.content.unwrap_or_default(),
        };
        if window > limits::ZSTD_WINDOW {
            return Err(Reject::Window);
        }
        self.blocks.begin(usize::try_from(window).unwrap_or(usize::MAX));
        Ok(Place::BlockHeader)
    }

    /// RFC 8878 section 3.1.1.2.
    fn block(&mut self, header: u64) -> Result<Place, Reject> {
        self.frame.last = header & 1 != 0;
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        if size > self.blocks.most() {
            return Err(Reject::Malformed);
        }
        match (header >> 1) & 3 {
            0 => Ok(Place::Raw(size)),
            1 => Ok(Place::Rle(size)),
            2 => Ok(Place::Compressed(size)),
            _ => Err(Reject::Malformed),
        }
    }

    /// Lets a block, or so many bytes of one, be decoded, and gives what came out.
    fn give(
        &mut self,
        bytes: usize,
        sink: &mut Sink<'_>,
        decode: impl FnOnce(&mut Blocks, usize) -> Option<()>,
    ) -> Result<(), Reject> {
        let most = self.blocks.most();
        let from = self.blocks.make_room(bytes.max(most));
        decode(&mut self.blocks, most).ok_or(Reject::Malformed)?;
        let piece = self.blocks.since(from);
        self.frame.out = self.frame.out.saturating_add(piece.len() as u64);
        sink(piece)
    }

    fn end_block(&mut self) -> Result<(), Reject> {
        self.place = match self.frame {
            Frame { last: false, .. } => Place::BlockHeader,
            Frame { descriptor, .. } if descriptor & 0x04 != 0 => Place::Checksum,
            _ => self.end_frame()?,
        };
        Ok(())
    }

    fn end_frame(&mut self) -> Result<Place, Reject> {
        self.any = true;
        match self.frame.content {
            Some(bytes) if bytes != self.frame.out => Err(Reject::Malformed),
            _ => Ok(Place::Magic),
        }
    }
}

impl Frame {
    /// Bytes of the window's descriptor, the dictionary's id, and the content's size.
    const fn sizes(&self) -> (usize, usize, usize) {
        let single = self.descriptor & 0x20 != 0;
        let dictionary = match self.descriptor & 3 {
            3 => 4,
            bytes => bytes as usize,
        };
        let content = match self.descriptor >> 6 {
            0 => single as usize,
            1 => 2,
            2 => 4,
            _ => 8,
        };
        (!single as usize, dictionary, content)
    }
}

/// At most eight bytes as a number, the least first.
fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}
