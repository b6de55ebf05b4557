//! One direction of an HTTP/2 connection, as somebody reads it who only listens.

use super::frame::{Frame, HEADER, Kind, Payload};
use super::head::Head;
use super::hpack::Decoder;
use super::streams::Streams;
use super::{exchange_of, stream_of};
use crate::http::body::BodyKey;
use crate::http::head::Reason;
use crate::http::sniff::PREFACE;
use crate::http::{Body, End, Message};
use crate::limits;
use crate::redact::Key;

/// Reads one direction of one connection, from its first byte.
///
/// Header blocks are collected up to [`limits::HTTP_HEAD`], bodies are hashed as they pass and never kept. The messages
/// don't depend on how the bytes are split into calls. Those of one exchange come in order, a head and then its
/// [`Body`], an empty one too; those of several are mixed as their frames are. Trailers are read past. At the end of
/// the direction the bodies that are still open are told as incomplete, oldest first.
///
/// It takes at most some 100 KiB for the fields that its encoder may have it remember, 128 KiB for a head in progress,
/// and 90 KiB for the hashes of [`limits::HTTP2_STREAMS`] bodies; of an ordinary connection a few.
pub struct Reader {
    key: Key,
    side: Side,
    state: State,
    decoder: Decoder,
    block: Option<Block>,
    streams: Streams,
    resets: Vec<u64>,
    /// Bytes that redaction may still look at.
    credit: u64,
}

enum Side {
    /// With the last stream that a request opened.
    Requests(u32),
    Responses,
}

#[derive(Clone, Copy)]
enum State {
    /// So many bytes of the client's preface have come.
    Preface(usize),
    /// Before the first frame, or in its header: a server's preface.
    First(Partial),
    /// Between frames, or in a frame's header.
    Header(Partial),
    Payload(Payload),
    Over,
}

/// The beginning of a frame's header.
#[derive(Clone, Copy, Default)]
struct Partial {
    bytes: [u8; HEADER],
    have: usize,
}

/// A header block in progress (RFC 9113 section 4.3).
struct Block {
    bytes: Vec<u8>,
    stream: u32,
    end_stream: bool,
    /// A promise, not a head.
    promise: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was collected and what is remembered hasn't been redacted.
        formatter.debug_struct("Reader").field("evicted", &self.evicted()).finish_non_exhaustive()
    }
}

impl Reader {
    /// For what a client sends. It begins with the client's preface (RFC 9113 section 3.4); anything else is malformed.
    pub fn requests(key: &Key) -> Self {
        Self::new(key, Side::Requests(0), State::Preface(0))
    }

    /// For what a server sends. It begins with a `SETTINGS` frame; anything else is malformed. Informational responses
    /// are left out, 101 too, which HTTP/2 doesn't have.
    pub fn responses(key: &Key) -> Self {
        Self::new(key, Side::Responses, State::First(Partial::default()))
    }

    fn new(key: &Key, side: Side, state: State) -> Self {
        let streams = Streams::new(BodyKey::new(key));
        Self {
            key: key.clone(),
            side,
            state,
            decoder: Decoder::new(),
            block: None,
            streams,
            resets: Vec::new(),
            credit: limits::HTTP2_CREDIT,
        }
    }

    /// Takes the next bytes of the direction and appends what they complete to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Message>) {
        self.feed_with(bytes, out, &mut |_, _| {});
    }

    /// The same, and gives the bytes of bodies to `visit` as they pass, without padding, with the number of their
    /// exchange. Its head has been delivered by then; where pieces begin and end depends on the split.
    pub fn feed_with(&mut self, bytes: &[u8], out: &mut Vec<Message>, visit: &mut dyn FnMut(u64, &[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over() {
            let taken = match self.state {
                State::Preface(have) => self.feed_preface(have, rest),
                State::First(partial) | State::Header(partial) => self.feed_header(partial, rest, out),
                State::Payload(payload) => self.feed_payload(payload, rest, out, visit),
                State::Over => return,
            };
            match taken {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(reason) => return self.stop(reason, out),
            }
        }
    }

    /// So many bytes were lost. Where they all lie within the payload of one `DATA` frame only its body is incomplete,
    /// and within a frame that says nothing here they make no difference; anywhere else nobody knows where the next
    /// frame begins, or what the encoder had remembered, and the direction ends.
    pub fn gap(&mut self, bytes: u64, out: &mut Vec<Message>) {
        if bytes == 0 || self.is_over() {
            return;
        }
        let State::Payload(mut payload) = self.state else { return self.stop(Reason::Lost, out) };
        let Some(content) = payload.gap(bytes) else { return self.stop(Reason::Lost, out) };
        if let Some(open) = self.streams.get_mut(payload.frame.stream)
            && payload.frame.kind == Kind::Data
            && content > 0
        {
            open.gap(content);
        }
        if let Err(reason) = self.after(payload, out) {
            self.stop(reason, out);
        }
    }

    /// The connection closed, which cuts the bodies that are open. A head that it cuts is malformed, and so is a
    /// preface.
    pub fn end(&mut self, out: &mut Vec<Message>) {
        let cut = match self.state {
            State::Preface(have) => have > 0,
            State::First(partial) | State::Header(partial) => partial.have > 0,
            State::Payload(_) | State::Over => false,
        };
        if cut || self.block.is_some() {
            self.stop(Reason::Malformed, out);
        } else {
            self.close(out);
        }
    }

    /// Nothing more will be read of this direction.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Exchanges that this direction has reset since the last call (`RST_STREAM`, RFC 9113 section 6.4), whatever had
    /// come of them: for [`Reader::reset`] of the other direction. If more than [`limits::HTTP2_RESETS`] wait, the
    /// oldest are dropped.
    pub fn take_resets(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.resets)
    }

    /// The other direction has reset an exchange: its body, if one is open, is incomplete.
    pub fn reset(&mut self, exchange: u64, out: &mut Vec<Message>) {
        if let Some(stream) = stream_of(exchange) {
            out.extend(self.streams.close(stream, false).map(Message::Body));
        }
    }

    /// Bodies that were given up for want of room, from the beginning on: they were told as incomplete, and the rest of
    /// them isn't visited.
    pub const fn evicted(&self) -> u64 {
        self.streams.evicted()
    }

    fn feed_preface(&mut self, have: usize, bytes: &[u8]) -> Result<usize, Reason> {
        let wanted = PREFACE.get(have..).unwrap_or_default();
        let taken = wanted.len().min(bytes.len());
        if wanted.get(..taken) != bytes.get(..taken) {
            return Err(Reason::Malformed);
        }
        let have = have.saturating_add(taken);
        self.state = if have < PREFACE.len() { State::Preface(have) } else { State::Header(Partial::default()) };
        Ok(taken)
    }

    fn feed_header(&mut self, partial: Partial, bytes: &[u8], out: &mut Vec<Message>) -> Result<usize, Reason> {
        let Partial { bytes: mut header, have } = partial;
        let mut taken: usize = 0;
        for (slot, byte) in header.iter_mut().skip(have).zip(bytes) {
            *slot = *byte;
            taken = taken.saturating_add(1);
        }
        let partial = Partial { bytes: header, have: have.saturating_add(taken) };
        let first = matches!(self.state, State::First(_));
        if partial.have < HEADER {
            self.state = if first { State::First(partial) } else { State::Header(partial) };
            return Ok(taken);
        }
        if first && !Frame::is_server_preface(&header) {
            return Err(Reason::Malformed);
        }
        let frame = Frame::parse(header)?;
        self.begin(&frame)?;
        self.after(Payload::new(frame)?, out)?;
        Ok(taken)
    }

    /// A frame begins, which must be one that can stand here.
    fn begin(&mut self, frame: &Frame) -> Result<(), Reason> {
        let asks = matches!(self.side, Side::Requests(_));
        let right = match (&self.block, frame.kind) {
            // Nothing comes between the frames of a header block (RFC 9113 section 4.3).
            (Some(block), Kind::Continuation) => block.stream == frame.stream,
            (Some(_), _) | (None, Kind::Continuation) => false,
            // A client opens streams with odd ids (section 5.1.1), and promises nothing (section 8.4).
            (None, Kind::Headers) => !asks || frame.stream & 1 == 1,
            (None, Kind::PushPromise) => !asks,
            (None, Kind::Data | Kind::Reset | Kind::Other) => true,
        };
        if !right {
            return Err(Reason::Malformed);
        }
        if matches!(frame.kind, Kind::Headers | Kind::PushPromise) {
            self.block = Some(Block {
                bytes: Vec::new(),
                stream: frame.stream,
                end_stream: frame.end_stream,
                promise: frame.kind == Kind::PushPromise,
            });
        }
        Ok(())
    }

    fn feed_payload(
        &mut self,
        mut payload: Payload,
        bytes: &[u8],
        out: &mut Vec<Message>,
        visit: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<usize, Reason> {
        let (taken, content) = payload.take(bytes)?;
        match (payload.frame.kind, &mut self.block) {
            (Kind::Data, _) => {
                if let Some(open) = self.streams.get_mut(payload.frame.stream) {
                    open.take(content, visit);
                }
            }
            (Kind::Headers | Kind::PushPromise | Kind::Continuation, Some(block)) => {
                if block.bytes.len().saturating_add(content.len()) > limits::HTTP_HEAD {
                    return Err(Reason::TooLong);
                }
                block.bytes.extend_from_slice(content);
            }
            _ => {}
        }
        self.after(payload, out)?;
        Ok(taken)
    }

    /// What follows some of a payload: the rest of it, or whatever its end means.
    fn after(&mut self, payload: Payload, out: &mut Vec<Message>) -> Result<(), Reason> {
        if !payload.is_done() {
            self.state = State::Payload(payload);
            return Ok(());
        }
        self.state = State::Header(Partial::default());
        let frame = payload.frame;
        match frame.kind {
            Kind::Data if frame.end_stream => out.extend(self.streams.close(frame.stream, true).map(Message::Body)),
            Kind::Headers | Kind::PushPromise | Kind::Continuation if frame.end_headers => {
                if let Some(block) = self.block.take() {
                    self.take_block(&block, out)?;
                }
            }
            Kind::Reset => {
                out.extend(self.streams.close(frame.stream, false).map(Message::Body));
                if self.resets.len() >= limits::HTTP2_RESETS {
                    self.resets.remove(0);
                }
                self.resets.push(exchange_of(frame.stream));
            }
            _ => {}
        }
        Ok(())
    }

    /// A header block is whole: a head, or trailers (RFC 9113 section 8.1), or what belongs to nothing.
    fn take_block(&mut self, block: &Block, out: &mut Vec<Message>) -> Result<(), Reason> {
        let &Block { ref bytes, stream, end_stream, promise } = block;
        let trailers = self.streams.is_open(stream);
        let old = matches!(self.side, Side::Requests(last) if stream <= last);
        if promise || trailers || old {
            // It is read for what the encoder has remembered by it.
            self.decoder.decode(bytes, &mut |_, _| {})?;
            if trailers && !promise {
                // Trailers end a stream; without that, no receiver knows what they are.
                out.extend(self.streams.close(stream, end_stream).map(Message::Body));
            }
            return Ok(());
        }
        let mut head = Head::new(&self.key);
        self.decoder.decode(bytes, &mut |name, value| head.add(name, value))?;
        let wire = (bytes.len() as u64).saturating_add(HEADER as u64);
        let credit = wire.saturating_mul(limits::HTTP2_RATIO).saturating_add(self.credit).min(limits::HTTP2_CREDIT);
        self.credit = credit.checked_sub(head.cost() as u64).ok_or(Reason::TooLong)?;
        let message = match &mut self.side {
            Side::Requests(last) => {
                *last = stream;
                Message::Request(head.into_request(stream, end_stream))
            }
            Side::Responses => match head.into_response(stream) {
                Some(response) if response.status >= 200 || end_stream => Message::Response(response),
                // Informational; or no response, and no receiver takes it for one.
                _ => return Ok(()),
            },
        };
        out.push(message);
        if end_stream {
            let exchange = exchange_of(stream);
            out.push(Message::Body(Body { exchange, bytes: 0, digest: None, complete: true }));
        } else {
            out.extend(self.streams.open(stream).map(Message::Body));
        }
        Ok(())
    }

    fn stop(&mut self, reason: Reason, out: &mut Vec<Message>) {
        self.close(out);
        out.push(Message::End(End { reason: reason.name().to_owned() }));
    }

    fn close(&mut self, out: &mut Vec<Message>) {
        out.extend(self.streams.close_all().map(Message::Body));
        self.block = None;
        self.decoder = Decoder::new();
        self.state = State::Over;
    }
}
