//! Frames (RFC 9113 sections 4 and 6): what each is, and which bytes of it matter.

use crate::cursor::Cursor;
use crate::http::head::Reason;

/// Bytes before each payload.
pub(super) const HEADER: usize = 9;

/// Longest payload that a peer takes who didn't say otherwise (RFC 9113 section 6.5.2).
const FIRST_LENGTH: u32 = 1 << 14;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The types that say something here; of any other only the end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    PushPromise,
    Continuation,
    Reset,
    Other,
}

/// What a frame's header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    pub(super) end_headers: bool,
    padded: bool,
    /// Fields before the content that say nothing here: a priority, a promised stream.
    fixed: u32,
    length: u32,
}

/// A payload as it passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    pub(super) frame: Frame,
    /// The length of the padding comes next.
    padded: bool,
    fixed: u32,
    content: u32,
    padding: u32,
}

impl Frame {
    /// Reads a frame's header. What no receiver goes on after is malformed.
    pub(super) fn parse(header: [u8; HEADER]) -> Result<Self, Reason> {
        let parse = || {
            let mut cursor = Cursor::new(&header);
            Some((cursor.u24()?, cursor.u8()?, cursor.u8()?, cursor.u32()? & 0x7fff_ffff))
        };
        let (length, number, flags, stream) = parse().ok_or(Reason::Malformed)?;
        let has = |flag| flags & flag != 0;
        let (kind, right) = match number {
            0x0 => (Kind::Data, stream != 0),
            0x1 => (Kind::Headers, stream != 0),
            // PRIORITY: with another length it is wrong for its stream only
            0x2 => (Kind::Other, stream != 0),
            0x3 => (Kind::Reset, stream != 0 && length == 4),
            // SETTINGS
            0x4 => (Kind::Other, stream == 0 && length.is_multiple_of(6) && (length == 0 || !has(ACK))),
            0x5 => (Kind::PushPromise, stream != 0),
            // PING, GOAWAY, WINDOW_UPDATE
            0x6 => (Kind::Other, stream == 0 && length == 8),
            0x7 => (Kind::Other, stream == 0 && length >= 8),
            0x8 => (Kind::Other, length == 4),
            0x9 => (Kind::Continuation, stream != 0),
            _ => (Kind::Other, true),
        };
        if !right {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            kind,
            stream,
            end_stream: matches!(kind, Kind::Data | Kind::Headers) && has(END_STREAM),
            end_headers: has(END_HEADERS),
            padded: matches!(kind, Kind::Data | Kind::Headers | Kind::PushPromise) && has(PADDED),
            fixed: match kind {
                Kind::Headers if has(PRIORITY) => 5,
                Kind::PushPromise => 4,
                _ => 0,
            },
            length,
        })
    }

    /// Whether this is the header of the first frame that a server sends: `SETTINGS`, without a flag.
    pub(super) fn is_server_preface(&header: &[u8; HEADER]) -> bool {
        let [high, _, _, number, flags, ..] = header;
        let frame = Self::parse(header);
        high == 0
            && number == 4
            && flags == 0
            && frame.is_ok_and(|frame| frame.stream == 0 && frame.length <= FIRST_LENGTH)
    }
}

impl Payload {
    /// The payload behind a header; malformed where what must be in it has no room.
    pub(super) fn new(frame: Frame) -> Result<Self, Reason> {
        let Frame { padded, fixed, length, .. } = frame;
        let content = length.checked_sub(fixed).and_then(|left| left.checked_sub(padded.into()));
        Ok(Self { frame, padded, fixed, content: content.ok_or(Reason::Malformed)?, padding: 0 })
    }

    pub(super) const fn is_done(&self) -> bool {
        !self.padded && self.fixed == 0 && self.content == 0 && self.padding == 0
    }

    /// Takes some of the next bytes: how many, and those of them that are content.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<(usize, &'a [u8]), Reason> {
        if self.padded {
            let Some(&length) = bytes.first() else { return Ok((0, b"")) };
            self.padded = false;
            self.padding = length.into();
            self.content = self.content.checked_sub(self.padding).ok_or(Reason::Malformed)?;
            return Ok((1, b""));
        }
        for (part, is_content) in [(&mut self.fixed, false), (&mut self.content, true), (&mut self.padding, false)] {
            if *part > 0 {
                let most = usize::try_from(*part).unwrap_or(usize::MAX);
                let piece = bytes.get(..most).unwrap_or(bytes);
                *part = part.saturating_sub(u32::try_from(piece.len()).unwrap_or(u32::MAX));
                return Ok((piece.len(), if is_content { piece } else { b"" }));
            }
        }
        Ok((0, b""))
    }

    /// Passes over bytes that were lost, and says how many of them were content; `None` if they may be more than
    /// content and padding, or content that is needed.
    pub(super) fn gap(&mut self, bytes: u64) -> Option<u64> {
        let needed = matches!(self.frame.kind, Kind::Headers | Kind::PushPromise | Kind::Continuation);
        if self.padded || self.fixed > 0 || (needed && self.content > 0) {
            return None;
        }
        let lost = u32::try_from(bytes).ok()?;
        let inside = lost.min(self.content);
        self.padding = self.padding.checked_sub(lost.saturating_sub(inside))?;
        self.content = self.content.saturating_sub(inside);
        Some(inside.into())
    }
}
