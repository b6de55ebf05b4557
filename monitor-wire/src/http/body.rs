//! Bodies as they pass: where they end, how many bytes they have, and a digest of these (RFC 9112 sections 6 and 7).

use super::Body;
use super::head::Reason;
use crate::digest::{Fast, Hash, LongKey, hex};
use crate::limits;
use crate::redact::Key;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has none.
    None,
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
    /// Nobody can tell.
    Bad,
}

/// The keys of body digests, which are no digests of anything else.
#[derive(Clone)]
pub(super) struct BodyKey {
    long: LongKey,
    key: Hash,
}

/// A body in progress.
pub(super) struct Open {
    pub(super) exchange: u64,
    place: Place,
    bytes: u64,
    /// `None` once some are missing.
    hash: Option<Fast>,
}

/// What came of some bytes.
pub(super) enum Step {
    /// All were taken, and more are wanted.
    More,
    /// The body ended after so many.
    Done(usize),
    Failed(Reason),
}

/// What came of bytes that were lost.
pub(super) enum Gap {
    /// All of them were the body's.
    Inside,
    /// The body ended among them, and so many were lost behind it.
    Done(u64),
    /// Nobody knows where the body goes on.
    Broken,
}

enum Place {
    /// So many are left.
    Length(u64),
    Chunked(Chunked),
    Close,
}

/// Where in the chunked coding (RFC 9112 section 7.1) a body is.
struct Chunked {
    part: Part,
    /// What is left of the chunk, or the size as far as it was read.
    left: u64,
    /// Bytes of the line that is read, or of the trailer section.
    line: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Before the first digit of the size.
    Start,
    Size,
    /// Blanks behind the size.
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The start of a trailer line.
    Trailer,
    TrailerCr,
    TrailerText,
}

impl BodyKey {
    pub(super) fn new(key: &Key) -> Self {
        Self { long: LongKey::new(key), key: key.derive(b"monitor-wire http body 1") }
    }

    /// 32 hex digits over all bytes.
    fn digest(&self, hash: &Fast, bytes: u64) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&hash.hash()).update(&bytes.to_le_bytes());
        hex(hasher.finalize().as_bytes(), 16)
    }
}

impl Open {
    /// A body that has bytes to come; `None` for one that has none, or none that can be told.
    pub(super) fn new(exchange: u64, framing: Framing, key: &BodyKey) -> Option<Self> {
        let place = match framing {
            Framing::None | Framing::Bad | Framing::Length(0) => return None,
            Framing::Length(bytes) => Place::Length(bytes),
            Framing::Chunked => Place::Chunked(Chunked { part: Part::Start, left: 0, line: 0 }),
            Framing::Close => Place::Close,
        };
        Some(Self { exchange, place, bytes: 0, hash: Some(Fast::new(&key.long)) })
    }

    /// Takes the next bytes of the connection, and gives those of the body to `visit`.
    pub(super) fn take(&mut self, bytes: &[u8], visit: &mut dyn FnMut(u64, &[u8])) -> Step {
        let Self { exchange, place, bytes: count, hash } = self;
        let mut content = |piece: &[u8]| {
            *count = count.saturating_add(piece.len() as u64);
            if let Some(hash) = hash {
                hash.push(piece);
            }
            if !piece.is_empty() {
                visit(*exchange, piece);
            }
        };
        match place {
            Place::Length(left) => {
                let piece = first(bytes, *left);
                content(piece);
                *left = left.saturating_sub(piece.len() as u64);
                if *left == 0 { Step::Done(piece.len()) } else { Step::More }
            }
            Place::Chunked(chunked) => chunked.take(bytes, &mut content),
            Place::Close => {
                content(bytes);
                Step::More
            }
        }
    }

    /// Passes over bytes that were lost.
    pub(super) fn gap(&mut self, bytes: u64) -> Gap {
        let (inside, result) = match &mut self.place {
            Place::Length(left) => {
                let inside = bytes.min(*left);
                *left = left.saturating_sub(inside);
                (inside, if *left == 0 { Gap::Done(bytes.saturating_sub(inside)) } else { Gap::Inside })
            }
            Place::Chunked(Chunked { part, left, .. }) if *part == Part::Data && bytes <= *left => {
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    *part = Part::DataCr;
                }
                (bytes, Gap::Inside)
            }
            Place::Chunked(_) => (0, Gap::Broken),
            Place::Close => (bytes, Gap::Inside),
        };
        self.bytes = self.bytes.saturating_add(inside);
        self.hash = None;
        result
    }

    /// Whether the connection's end is the body's.
    pub(super) const fn ends_with_connection(&self) -> bool {
        matches!(self.place, Place::Close)
    }

    /// The body that has ended.
    pub(super) fn end(self, whole: bool, key: &BodyKey) -> Body {
        let hash = self.hash.filter(|_| whole);
        let digest = hash.as_ref().filter(|_| self.bytes > 0).map(|hash| key.digest(hash, self.bytes));
        Body { exchange: self.exchange, bytes: self.bytes, digest, complete: hash.is_some() }
    }
}

impl Chunked {
    fn take(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Step {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            match self.part {
                Part::Data => {
                    let piece = first(rest, self.left);
                    content(piece);
                    self.left = self.left.saturating_sub(piece.len() as u64);
                    rest = rest.get(piece.len()..).unwrap_or_default();
                    if self.left == 0 {
                        self.part = Part::DataCr;
                    }
                    continue;
                }
                // Nothing of these is kept, so they are passed over as fast as their end is found.
                Part::Extension | Part::TrailerText => {
                    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    if length > 0 {
                        if !self.count(length as u64) {
                            return Step::Failed(Reason::TooLong);
                        }
                        rest = rest.get(length..).unwrap_or_default();
                        continue;
                    }
                }
                _ => {}
            }
            if !self.count(1) {
                return Step::Failed(Reason::TooLong);
            }
            rest = tail;
            match self.next(byte) {
                Some(true) => return Step::Done(bytes.len().saturating_sub(rest.len())),
                Some(false) => {}
                None => return Step::Failed(Reason::Malformed),
            }
        }
        Step::More
    }

    /// Whether the line, or the trailer section, may be so much longer.
    fn count(&mut self, bytes: u64) -> bool {
        self.line = self.line.saturating_add(bytes);
        let trailer = matches!(self.part, Part::Trailer | Part::TrailerCr | Part::TrailerText);
        self.line <= if trailer { limits::HTTP_TRAILERS } else { limits::HTTP_CHUNK_LINE }
    }

    /// Takes one byte of the framing; says whether the body ends with it, and `None` if it can't stand there.
    fn next(&mut self, byte: u8) -> Option<bool> {
        self.part = match (self.part, byte) {
            (Part::Start | Part::Size, _) if byte.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(byte).to_digit(16)?);
                self.left = self.left.checked_mul(16)?.checked_add(digit)?;
                Part::Size
            }
            (Part::Size | Part::Blank, b' ' | b'\t') => Part::Blank,
            (Part::Size | Part::Blank, b';') => Part::Extension,
            (Part::Size | Part::Blank, b'\r') => Part::SizeLf,
            (Part::Size | Part::Blank | Part::Extension | Part::SizeLf, b'\n') => {
                self.line = 0;
                if self.left == 0 { Part::Trailer } else { Part::Data }
            }
            (Part::DataCr, b'\r') => Part::DataLf,
            (Part::DataCr | Part::DataLf, b'\n') => {
                self.line = 0;
                Part::Start
            }
            (Part::Trailer | Part::TrailerCr, b'\n') => return Some(true),
            (Part::Trailer, b'\r') => Part::TrailerCr,
            (Part::TrailerText, b'\n') => Part::Trailer,
            (Part::Trailer | Part::TrailerCr | Part::TrailerText, _) => Part::TrailerText,
            _ => return None,
        };
        Some(false)
    }
}

fn first(bytes: &[u8], most: u64) -> &[u8] {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    bytes.get(..most).unwrap_or(bytes)
}
