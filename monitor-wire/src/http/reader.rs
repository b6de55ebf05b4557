//! One direction of an HTTP/1 connection (RFC 9112), as somebody reads it who only listens.
//!
//! Lenient where receivers are, since it must see what they see; what is odd is flagged. Once the end of a message can't be
//! told, the direction ends: what followed would be a guess.

use super::body::{BodyKey, Framing, Gap, Open, Step};
use super::expected::Expected;
use super::head::{self, Answer, Reason};
use super::sniff::{Begins, after_empty_lines, begins_request, begins_response};
use super::{Body, End, Message};
use crate::limits;
use crate::redact::Key;

/// Reads one direction of one connection, from its first byte.
///
/// Heads are collected up to [`limits::HTTP_HEAD`], bodies are hashed as they pass and never kept. The messages don't
/// depend on how the bytes are split into calls. Each head that isn't the direction's last is followed by its [`Body`],
/// an empty one too.
pub struct Reader {
    key: Key,
    body_key: BodyKey,
    side: Side,
    /// Number of the exchange whose head comes next.
    exchange: u64,
    /// A head in progress; without memory between heads.
    head: Vec<u8>,
    scan: Scan,
    state: State,
}

enum Side {
    Requests,
    Responses(Expected),
}

enum State {
    Head,
    /// Boxed because its hash is large and a connection is idle most of the time.
    Body(Box<Open>),
    Over,
}

/// Finds the end of a head.
#[derive(Default)]
struct Scan {
    line: Line,
    /// The first line has begun.
    begun: bool,
    /// It is there, and may begin a head.
    checked: bool,
    /// Empty lines before it.
    empty: u32,
}

#[derive(Default, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    /// A CR is all it has.
    Cr,
    Text,
}

enum Found {
    /// The head ends after so many bytes.
    End(usize),
    More,
    /// Too many empty lines.
    Bad,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in the buffer hasn't been redacted.
        formatter.debug_struct("Reader").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl Reader {
    /// For what a client sends.
    pub fn requests(key: &Key) -> Self {
        Self::new(key, Side::Requests)
    }

    /// For what a server sends. It is told by [`Reader::expect`] what the responses answer.
    pub fn responses(key: &Key) -> Self {
        Self::new(key, Side::Responses(Expected::default()))
    }

    fn new(key: &Key, side: Side) -> Self {
        Self {
            key: key.clone(),
            body_key: BodyKey::new(key),
            side,
            exchange: 0,
            head: Vec::new(),
            scan: Scan::default(),
            state: State::Head,
        }
    }

    /// Tells a reader of responses the method of the next request, in order, before the response to it is fed: those to
    /// `HEAD` and `CONNECT` have no body whatever their heads say (RFC 9112 section 6.3). A reader of requests ignores it.
    pub fn expect(&mut self, method: &str) {
        if let Side::Responses(expected) = &mut self.side {
            expected.tell(method, self.exchange);
        }
    }

    /// Takes the next bytes of the direction and appends what they complete to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Message>) {
        self.feed_with(bytes, out, &mut |_, _| {});
    }

    /// The same, and gives the bytes of bodies to `visit` as they pass, without chunk framing, with the number of their
    /// exchange. Its head has been delivered by then; where pieces begin and end depends on the split.
    pub fn feed_with(&mut self, bytes: &[u8], out: &mut Vec<Message>, visit: &mut dyn FnMut(u64, &[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.state {
                State::Head => self.feed_head(rest, out),
                State::Body(open) => match open.take(rest, visit) {
                    Step::More => return,
                    Step::Done(taken) => {
                        self.end_body(true, out);
                        taken
                    }
                    Step::Failed(reason) => return self.stop(reason, out),
                },
                State::Over => return,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// So many bytes were lost. Where a body's length is known and they all belong to it, only that body is incomplete;
    /// anywhere else nobody knows where the next message begins, and the direction ends.
    pub fn gap(&mut self, bytes: u64, out: &mut Vec<Message>) {
        if bytes == 0 || self.is_over() {
            return;
        }
        let State::Body(open) = &mut self.state else { return self.stop(Reason::Lost, out) };
        match open.gap(bytes) {
            Gap::Inside => {}
            Gap::Done(left) => {
                self.end_body(true, out);
                if left > 0 {
                    self.stop(Reason::Lost, out);
                }
            }
            Gap::Broken => self.stop(Reason::Lost, out),
        }
    }

    /// The connection closed. That is the end of a body without any other (RFC 9112 section 6.3), and cuts any other; a
    /// head that it cuts is malformed.
    pub fn end(&mut self, out: &mut Vec<Message>) {
        match &self.state {
            State::Body(open) => {
                let whole = open.ends_with_connection();
                self.end_body(whole, out);
            }
            State::Head if self.scan.begun => self.stop(Reason::Malformed, out),
            State::Head | State::Over => {}
        }
        self.head = Vec::new();
        self.state = State::Over;
    }

    /// Nothing more will be read of this direction.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Nothing of it is half read.
    pub const fn is_idle(&self) -> bool {
        match self.state {
            State::Head => !self.scan.begun,
            State::Body(_) => false,
            State::Over => true,
        }
    }

    /// Takes bytes of a head, and says how many.
    fn feed_head(&mut self, bytes: &[u8], out: &mut Vec<Message>) -> usize {
        let room = limits::HTTP_HEAD.saturating_sub(self.head.len());
        let window = bytes.get(..room).unwrap_or(bytes);
        let found = self.scan.feed(window);
        let length = if let Found::End(length) = found { length } else { window.len() };
        let piece = window.get(..length).unwrap_or(window);
        let mut buffer = std::mem::take(&mut self.head);
        // A head that comes at once, as most do, is read where it lies. What is something else altogether shows in its first
        // bytes, and isn't collected.
        let at_once = buffer.is_empty();
        if !at_once {
            buffer.extend_from_slice(piece);
        }
        let view = if at_once { piece } else { &buffer };
        if let Err(reason) = self.check_begin(view, piece) {
            self.stop(reason, out);
            return length;
        }
        match found {
            Found::Bad => self.stop(Reason::Malformed, out),
            Found::End(_) => {
                self.scan = Scan::default();
                self.take_head(view, out);
            }
            Found::More if bytes.len() > room => self.stop(Reason::TooLong, out),
            Found::More => {
                if at_once {
                    buffer.extend_from_slice(piece);
                }
                self.head = buffer;
            }
        }
        length
    }

    /// Looks at the beginning of a head, of which `piece` is new, until its first line is there.
    fn check_begin(&mut self, head: &[u8], piece: &[u8]) -> Result<(), Reason> {
        if self.scan.checked {
            return Ok(());
        }
        let first = after_empty_lines(head).ok_or(Reason::Malformed)?;
        let begins = match self.side {
            Side::Requests => begins_request(first),
            Side::Responses(_) => begins_response(first),
        };
        if begins == Begins::No {
            return Err(Reason::Malformed);
        }
        if memchr::memchr(b'\n', piece).is_none() {
            return Ok(());
        }
        let Some(line) = memchr::memchr(b'\n', first).and_then(|end| first.get(..end)) else { return Ok(()) };
        self.scan.checked = true;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.side {
            Side::Requests => head::check_request(line),
            Side::Responses(_) => head::check_response(line),
        }
    }

    fn take_head(&mut self, head: &[u8], out: &mut Vec<Message>) {
        let exchange = self.exchange;
        let read = match &mut self.side {
            Side::Requests => head::request(&self.key, head, exchange)
                .map(|(request, framing)| Some((Message::Request(request), Ok(framing)))),
            Side::Responses(expected) => expected
                .of(exchange)
                .and_then(|answers| head::response(&self.key, head, exchange, answers))
                .map(|answer| match answer {
                    Answer::Informational => None,
                    Answer::Last(response, framing) => Some((Message::Response(response), Ok(framing))),
                    Answer::Over(response, reason) => Some((Message::Response(response), Err(reason))),
                }),
        };
        let (message, framing) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return,
            Err(reason) => return self.stop(reason, out),
        };
        out.push(message);
        self.exchange = exchange.saturating_add(1);
        if let Side::Responses(expected) = &mut self.side {
            expected.forget(self.exchange);
        }
        let framing = match framing {
            Ok(framing) => framing,
            Err(reason) => return self.stop(reason, out),
        };
        if let Some(open) = Open::new(exchange, framing, &self.body_key) {
            self.state = State::Body(Box::new(open));
            return;
        }
        let complete = framing != Framing::Bad;
        out.push(Message::Body(Body { exchange, bytes: 0, digest: None, complete }));
        if !complete {
            self.stop(Reason::Malformed, out);
        }
    }

    fn end_body(&mut self, whole: bool, out: &mut Vec<Message>) {
        if let State::Body(open) = std::mem::replace(&mut self.state, State::Head) {
            out.push(Message::Body(open.end(whole, &self.body_key)));
        }
    }

    fn stop(&mut self, reason: Reason, out: &mut Vec<Message>) {
        self.end_body(false, out);
        out.push(Message::End(End { reason: reason.name().to_owned() }));
        self.state = State::Over;
        self.head = Vec::new();
        if let Side::Responses(expected) = &mut self.side {
            *expected = Expected::default();
        }
    }
}

impl Scan {
    fn feed(&mut self, bytes: &[u8]) -> Found {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            match (&self.line, byte) {
                (Line::Text, _) => {
                    let Some(end) = memchr::memchr(b'\n', rest) else { return Found::More };
                    rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
                    self.line = Line::Start;
                    continue;
                }
                (Line::Start | Line::Cr, b'\n') if self.begun => {
                    return Found::End(bytes.len().saturating_sub(tail.len()));
                }
                (Line::Start | Line::Cr, b'\n') => {
                    self.line = Line::Start;
                    self.empty = self.empty.saturating_add(1);
                    if self.empty > limits::HTTP_EMPTY_LINES {
                        return Found::Bad;
                    }
                }
                (Line::Start, b'\r') => self.line = Line::Cr,
                (Line::Start | Line::Cr, _) => {
                    self.line = Line::Text;
                    self.begun = true;
                }
            }
            rest = tail;
        }
        Found::More
    }
}
