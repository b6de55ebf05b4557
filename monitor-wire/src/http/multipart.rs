//! Multipart bodies (RFC 2046 section 5.1), `multipart/form-data` (RFC 7578) above all: the parts as they pass.
//!
//! Lenient where receivers are: lines may end in LF alone where the first boundary's does, blanks may follow a boundary,
//! and what stands before the first and behind the last one counts for nothing. A part that is itself multipart can be given to
//! another reader.

mod head;
mod parameters;

use crate::limits;
use crate::redact::Key;

/// What a body holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The headers of a part.
    Begin(Head),
    /// Bytes of the part, as they were sent; at least one. Where they begin and end depends on the split.
    Data(&'a [u8]),
    /// The end of the part.
    End(End),
}

/// What is kept of the headers of one part. Text is redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the part, from 0.
    pub index: u32,
    /// `name` of `Content-Disposition` (RFC 7578 section 4.2), at most 256 bytes.
    pub name: Option<String>,
    /// `filename` of it, else `filename*` (RFC 8187), at most 256 bytes; as it was sent, with folders if it has some.
    pub filename: Option<String>,
    /// `Content-Type`, at most 256 bytes.
    pub content_type: Option<String>,
    /// Oddities: `bad_utf8`, `cut`, `odd_line`, `two_dispositions`, `two_names`, `two_filenames`, and `transfer_encoding`
    /// where the part is in base64 or quoted-printable.
    pub flags: Vec<String>,
}

/// The end of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its bytes.
    pub bytes: u64,
    /// A boundary follows.
    pub complete: bool,
}

/// Why the rest of a body isn't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// A part's headers, the parts or the blanks behind a boundary are more than the limits.
    TooLong,
    /// Bytes are missing.
    Lost,
    /// It ended before the last boundary did.
    Cut,
}

/// Reads one body, from its first byte.
///
/// Collects the headers of one part and nothing else. What comes out doesn't depend on how the bytes are split.
pub struct Reader {
    key: Key,
    /// CRLF, two hyphens, the boundary.
    delimiter: Vec<u8>,
    /// Lines end in LF alone, so the delimiter begins behind its CR. So it is before the first one, too.
    lf: bool,
    place: Place,
    search: Search,
    head: Vec<u8>,
    /// Where in the head the line in progress begins.
    line: usize,
    parts: u32,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Preamble,
    Head,
    Content,
    /// Behind the last boundary.
    Epilogue,
    Over(Reject),
}

/// How much of a delimiter is there.
#[derive(Debug, Default)]
struct Search {
    /// Bytes of it.
    matched: usize,
    /// The first so many of which stand before the content: an empty part may have no line end of its own.
    before: usize,
    /// What follows the whole of it, until the line's end.
    tail: Vec<u8>,
}

/// What bytes behind a delimiter make of it.
enum Tail {
    More,
    /// The line ends, and a part begins; in LF alone or not.
    Part {
        lf: bool,
    },
    /// It is the last one.
    Last,
    /// It isn't one.
    None,
    TooLong,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in the head hasn't been redacted.
        formatter.debug_struct("Reader").field("place", &self.place).field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Reject {
    /// The reason in a word, for counters and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Lost => "lost",
            Self::Cut => "cut",
        }
    }
}

impl Reader {
    /// For a body with this `Content-Type`. `None` where it isn't multipart, or has no boundary of 1 to 70 plain bytes.
    pub fn new(key: &Key, content_type: &str) -> Option<Self> {
        let content_type = content_type.as_bytes();
        let kind = content_type.trim_ascii_start().first_chunk::<10>()?;
        if !kind.eq_ignore_ascii_case(b"multipart/") {
            return None;
        }
        let mut boundary = None;
        parameters::each(content_type, &mut |name, value| {
            if name.eq_ignore_ascii_case(b"boundary") && boundary.is_none() {
                boundary = Some(value);
            }
        });
        let boundary = boundary?;
        let plain = boundary.iter().all(|&byte| matches!(byte, b' '..=b'~')) && boundary.last() != Some(&b' ');
        if boundary.is_empty() || boundary.len() > limits::MULTIPART_BOUNDARY || !plain {
            return None;
        }
        Some(Self {
            key: key.clone(),
            delimiter: [b"\r\n--", &boundary[..]].concat(),
            lf: true,
            place: Place::Preamble,
            // The body may begin with it, as if a line had ended before.
            search: Search { matched: 1, before: 1, tail: Vec::new() },
            head: Vec::new(),
            line: 0,
            parts: 0,
            bytes: 0,
        })
    }

    /// Takes the next bytes of the body and gives what they hold to `visit`. After a reject, which is answered from then on,
    /// nothing more is given.
    pub fn feed(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) -> Result<(), Reject> {
        let mut rest = bytes;
        loop {
            let taken = match self.place {
                Place::Over(reject) => return Err(reject),
                Place::Epilogue => return Ok(()),
                _ if rest.is_empty() => return Ok(()),
                Place::Head => self.take_head(rest, visit)?,
                Place::Preamble | Place::Content => self.take_content(rest, visit)?,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Says that bytes of the body were lost: where the next part begins isn't known then.
    pub fn gap(&mut self, visit: &mut dyn FnMut(Piece<'_>)) {
        if !matches!(self.place, Place::Over(_) | Place::Epilogue) {
            self.stop(Reject::Lost, visit);
        }
    }

    /// Says that the body is over.
    pub fn finish(&mut self, visit: &mut dyn FnMut(Piece<'_>)) -> Result<(), Reject> {
        match self.place {
            Place::Epilogue => Ok(()),
            Place::Over(reject) => Err(reject),
            _ => Err(self.stop(Reject::Cut, visit)),
        }
    }

    fn stop(&mut self, reject: Reject, visit: &mut dyn FnMut(Piece<'_>)) -> Reject {
        if self.place == Place::Content {
            visit(Piece::End(End { bytes: self.bytes, complete: false }));
        }
        self.place = Place::Over(reject);
        self.head = Vec::new();
        self.search = Search::default();
        reject
    }

    /// Takes bytes of a head; says how many.
    fn take_head(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) -> Result<usize, Reject> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end.saturating_add(1));
        if self.head.len().saturating_add(taken) > limits::MULTIPART_HEAD {
            return Err(self.stop(Reject::TooLong, visit));
        }
        self.head.extend_from_slice(bytes.get(..taken).unwrap_or(bytes));
        if end.is_some() {
            let line = self.head.get(self.line..).unwrap_or_default();
            if matches!(line, b"\n" | b"\r\n") {
                let head = head::read(&self.key, &self.head, self.parts.saturating_sub(1));
                self.place = Place::Content;
                self.bytes = 0;
                // The line end before the content may be that of the delimiter behind it.
                let before = if self.lf { 1 } else { 2 };
                self.search = Search { matched: before, before, tail: Vec::new() };
                self.head = Vec::new();
                visit(Piece::Begin(head));
            }
            self.line = self.head.len();
        }
        Ok(taken)
    }

    /// Takes bytes of a part, or of what stands before the first; says how many.
    fn take_content(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) -> Result<usize, Reject> {
        let delimiter = self.delimiter.get(usize::from(self.lf)..).unwrap_or_default();
        let Some(&first) = bytes.first() else { return Ok(0) };
        if let Some(&wanted) = delimiter.get(self.search.matched) {
            if first == wanted {
                self.search.matched = self.search.matched.saturating_add(1);
                return Ok(1);
            }
            if self.search.matched > 0 {
                self.give_back(false, visit);
                return Ok(0);
            }
            // A delimiter's first byte is nowhere else in it.
            let length = memchr::memchr(wanted, bytes).unwrap_or(bytes.len());
            let piece = bytes.get(..length).unwrap_or(bytes);
            self.give(piece, visit);
            return Ok(length);
        }
        match self.search.follow(first, self.place == Place::Preamble || self.lf) {
            Tail::More => {}
            Tail::TooLong => return Err(self.stop(Reject::TooLong, visit)),
            Tail::None => {
                // A CR that was taken for the end of the line may begin a delimiter of its own.
                let again = !self.lf && self.search.tail.last() == Some(&b'\r');
                self.give_back(again, visit);
                return Ok(0);
            }
            Tail::Last => {
                self.end_part(visit);
                self.place = Place::Epilogue;
                self.search = Search::default();
            }
            Tail::Part { lf } => {
                self.end_part(visit);
                if self.place == Place::Preamble {
                    self.lf = lf;
                }
                if self.parts >= limits::MULTIPART_PARTS {
                    self.place = Place::Head;
                    return Err(self.stop(Reject::TooLong, visit));
                }
                self.parts = self.parts.saturating_add(1);
                self.place = Place::Head;
                self.search = Search::default();
                self.line = 0;
            }
        }
        Ok(1)
    }

    fn end_part(&self, visit: &mut dyn FnMut(Piece<'_>)) {
        if self.place == Place::Content {
            visit(Piece::End(End { bytes: self.bytes, complete: true }));
        }
    }

    /// What looked like a delimiter is content, but for a last CR where it is looked at `again`.
    fn give_back(&mut self, again: bool, visit: &mut dyn FnMut(Piece<'_>)) {
        let Search { matched, before, mut tail } = std::mem::take(&mut self.search);
        if again {
            tail.pop();
            self.search.matched = 1;
        }
        let start = usize::from(self.lf);
        let range = start.saturating_add(before)..start.saturating_add(matched);
        let delimiter = std::mem::take(&mut self.delimiter);
        self.give(delimiter.get(range).unwrap_or_default(), visit);
        self.delimiter = delimiter;
        self.give(&tail, visit);
    }

    fn give(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) {
        if self.place == Place::Content && !bytes.is_empty() {
            self.bytes = self.bytes.saturating_add(bytes.len() as u64);
            visit(Piece::Data(bytes));
        }
    }
}

impl Search {
    /// Takes a byte behind the whole delimiter, and keeps it as long as nobody knows (RFC 2046 section 5.1.1).
    fn follow(&mut self, byte: u8, lf: bool) -> Tail {
        match (self.tail.last(), byte) {
            (Some(b'\r'), b'\n') => return Tail::Part { lf: false },
            (Some(b'\r'), _) => return Tail::None,
            (Some(b'-'), b'-') => return Tail::Last,
            (Some(b'-'), _) => return Tail::None,
            (_, b'\n') if lf => return Tail::Part { lf: true },
            (_, b' ' | b'\t') if self.tail.len() >= limits::MULTIPART_PADDING => return Tail::TooLong,
            (None, b'-') | (_, b' ' | b'\t' | b'\r') => {}
            _ => return Tail::None,
        }
        self.tail.push(byte);
        Tail::More
    }
}
