//! One connection: which protocol it speaks, who asks on it, and what either direction says.

use monitor_wire::http::{Message, Request, Sniff, h2, looks_like_http};
use monitor_wire::mcp;
use monitor_wire::redact::Key;
use monitor_wire::token::{Hit, Set};

use super::bodies::{self, Bodies, Found};
use super::wire::Wire;
use super::{Heard, Said, What};
use crate::pipeline::tokens::Search;

/// See the module documentation.
pub struct Channel {
    /// When it was last heard, as a count.
    pub used: u64,
    /// Its socket's, 0 where it isn't known.
    pub cookie: u64,
    /// Its own port and the other end's, 0 where they aren't known.
    pub ports: u32,
    /// Bytes that its decoders held when that was last asked.
    pub decoding: usize,
    /// Something of it was lost: what is heard may make no sense for that alone.
    pub missed: bool,
    key: Key,
    /// The process asks; else it is asked. Not known before anything was heard.
    asks: Option<bool>,
    /// First bytes that don't tell the protocol yet, and whether they were sent.
    first: Option<(bool, Vec<u8>)>,
    /// It began like HTTP.
    http: bool,
    /// It carries MCP.
    mcp: bool,
    /// The host that the last request named.
    host: Option<String>,
    requests: Direction,
    responses: Direction,
}

struct Direction {
    wire: Wire,
    /// Looks through heads.
    heads: Search,
    bodies: Bodies,
    /// It has said anything that was understood.
    spoke: bool,
    /// Nothing more will be understood.
    over: bool,
}

impl Channel {
    /// One of which nothing was heard.
    pub fn new(key: &Key) -> Self {
        Self {
            used: 0,
            cookie: 0,
            ports: 0,
            decoding: 0,
            missed: false,
            key: key.clone(),
            asks: None,
            first: None,
            http: false,
            mcp: false,
            host: None,
            requests: Direction::new(Wire::requests(key), key),
            responses: Direction::new(Wire::responses(key), key),
        }
    }

    /// Bytes that the process sent, or received.
    pub fn data(&mut self, sent: bool, bytes: &[u8], set: &Set, heard: &mut Heard) {
        if self.asks.is_some() {
            return self.feed(sent, bytes, set, heard);
        }
        let (of, mut first) = self.first.take().unwrap_or((sent, Vec::new()));
        if of != sent {
            // the other one had its turn
            self.begin(of, &first);
            self.feed(of, &first, set, heard);
            return self.feed(sent, bytes, set, heard);
        }
        first.extend_from_slice(bytes);
        if h2::looks_like_http2(&first) == h2::Sniff::More {
            self.first = Some((sent, first));
            return;
        }
        self.begin(sent, &first);
        self.feed(sent, &first, set, heard);
    }

    /// Bytes are missing.
    pub fn gap(&mut self, sent: bool, bytes: u64, set: &Set, heard: &mut Heard) {
        self.missed = true;
        if self.asks.is_none() {
            self.first = None;
            return;
        }
        let mut messages = Vec::new();
        let direction = self.direction(sent);
        direction.lost(bytes, set, sent, heard);
        direction.wire.gap(bytes, &mut messages);
        direction.take(messages, (&[], &[]), set, sent, heard);
        self.told(heard);
    }

    /// The connection has ended.
    pub fn end(&mut self, set: &Set, heard: &mut Heard) {
        if let Some((sent, first)) = self.first.take() {
            self.begin(sent, &first);
            self.feed(sent, &first, set, heard);
        }
        for sent in [true, false] {
            let mut messages = Vec::new();
            let direction = self.direction(sent);
            direction.wire.end(&mut messages);
            direction.take(messages, (&[], &[]), set, sent, heard);
        }
        self.told(heard);
    }

    /// Whether it is known to carry HTTP.
    pub const fn was_understood(&self) -> bool {
        self.http || self.requests.spoke
    }

    /// It carries MCP.
    pub const fn is_mcp(&self) -> bool {
        self.mcp
    }

    /// It carries MCP, or nothing of it was understood yet.
    pub const fn may_carry_mcp(&self) -> bool {
        self.mcp || !self.was_understood()
    }

    /// It is no HTTP, or both directions are over.
    pub const fn is_over(&self) -> bool {
        self.requests.over && (self.responses.over || !self.requests.spoke)
    }

    /// Something of it is half read.
    pub fn is_busy(&self) -> bool {
        self.first.is_some() || !self.requests.wire.is_idle() || !self.responses.wire.is_idle()
    }

    /// Bodies that could not be decoded, since the last call.
    pub fn take_unreadable(&mut self) -> u64 {
        self.requests.bodies.take_unreadable() + self.responses.bodies.take_unreadable()
    }

    /// Bytes that the decoders of its bodies hold.
    pub fn decoders(&self) -> usize {
        self.requests.bodies.decoders() + self.responses.bodies.decoders()
    }

    /// Goes without them.
    pub fn stop_decoding(&mut self) {
        self.decoding = 0;
        self.requests.bodies.stop_decoding();
        self.responses.bodies.stop_decoding();
    }

    /// Tokens that may have been missed, since the last call.
    pub fn take_missed(&mut self) -> u64 {
        let of = |direction: &mut Direction| direction.heads.take_missed() + direction.bodies.take_missed();
        of(&mut self.requests) + of(&mut self.responses)
    }

    /// What its first bytes say of it.
    fn begin(&mut self, sent: bool, first: &[u8]) {
        match h2::looks_like_http2(first) {
            h2::Sniff::No | h2::Sniff::More => {
                let begins = looks_like_http(first);
                self.asks = Some(sent != matches!(begins, Sniff::Response));
                self.http = matches!(begins, Sniff::Request | Sniff::Response);
            }
            side => {
                self.asks = Some(sent == (side == h2::Sniff::Client));
                self.http = true;
                self.requests.wire = Wire::requests2(&self.key);
                self.responses.wire = Wire::responses2(&self.key);
            }
        }
    }

    fn feed(&mut self, sent: bool, bytes: &[u8], set: &Set, heard: &mut Heard) {
        // what a client authorises itself by is between the two
        let heads = self.asks != Some(false) || sent;
        self.direction(sent).feed(bytes, set, (sent, heads), heard);
        for exchange in self.direction(sent).wire.take_resets() {
            let mut messages = Vec::new();
            let other = self.direction(!sent);
            other.wire.reset(exchange, &mut messages);
            other.take(messages, (&[], &[]), set, !sent, heard);
        }
        self.told(heard);
    }

    fn direction(&mut self, sent: bool) -> &mut Direction {
        if sent == self.asks.unwrap_or(true) { &mut self.requests } else { &mut self.responses }
    }

    /// What the answers' reader must know of the requests; and which messages are MCP's.
    fn told(&mut self, heard: &mut Heard) {
        heard.asks = self.asks.unwrap_or(true);
        heard.said.retain(|said| match &said.what {
            What::Http(message) => {
                self.mcp |= bodies::speaks_mcp(message);
                if let Message::Request(Request { method, host, .. }) = message {
                    self.responses.wire.expect(method);
                    self.host.clone_from(host);
                }
                true
            }
            What::Mcp(message) => {
                self.mcp |= bodies::is_mcp(message);
                self.mcp
            }
        });
        if self.mcp || !heard.hits.is_empty() {
            heard.host = self.host.clone().unwrap_or_default();
        }
    }
}

impl Direction {
    fn new(wire: Wire, key: &Key) -> Self {
        Self { wire, heads: Search::default(), bodies: Bodies::new(key.clone()), spoke: false, over: false }
    }

    /// `heads`: heads are looked through for tokens too.
    fn feed(&mut self, bytes: &[u8], set: &Set, (sent, heads): (bool, bool), heard: &mut Heard) {
        if self.over {
            return;
        }
        // bodies are kept beside their messages until both are there, in order
        let (mut messages, mut bodies, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
        self.wire.feed_with(bytes, &mut messages, &mut |exchange, piece| {
            bodies.extend_from_slice(piece);
            pieces.push((exchange, piece.len()));
        });
        let mut hits = Vec::new();
        if heads && bodies.len() < bytes.len() {
            // heads, and what frames bodies
            self.heads.feed(set, bytes, &mut hits);
        } else {
            self.heads.end(set, &mut hits);
        }
        heard.hits.extend(hits.into_iter().map(|hit| (sent, hit)));
        self.take(messages, (&bodies, &pieces), set, sent, heard);
    }

    /// Bytes of it are missing.
    fn lost(&mut self, bytes: u64, set: &Set, sent: bool, heard: &mut Heard) {
        let mut hits = Vec::new();
        self.heads.gap(set, bytes, &mut hits);
        self.bodies.gap(bytes, &mut Found { set, messages: &mut Vec::new(), hits: &mut hits });
        heard.hits.extend(hits.into_iter().map(|hit| (sent, hit)));
    }

    /// Takes messages, and the bytes of their bodies, by pieces of known length.
    fn take(
        &mut self,
        messages: Vec<Message>,
        (bodies, pieces): (&[u8], &[(u64, usize)]),
        set: &Set,
        sent: bool,
        heard: &mut Heard,
    ) {
        self.spoke |= messages.iter().any(|message| !matches!(message, Message::End(_)));
        self.over |= messages.iter().any(|message| matches!(message, Message::End(_)));
        let (mut found, mut hits): (Vec<mcp::Message>, Vec<Hit>) = (Vec::new(), Vec::new());
        let mut left = Pieces { bodies, pieces };
        for message in messages {
            let mut out = Found { set, messages: &mut found, hits: &mut hits };
            // what belongs to bodies that began before this comes before it
            if let Message::Body(body) = &message {
                left.feed(&mut self.bodies, Some(body.exchange), &mut out);
            }
            self.bodies.said(&message, &mut out);
            heard.said.push(Said { sent, what: What::Http(message) });
            heard.said.extend(found.drain(..).map(|message| Said { sent, what: What::Mcp(message) }));
        }
        left.feed(&mut self.bodies, None, &mut Found { set, messages: &mut found, hits: &mut hits });
        heard.said.extend(found.drain(..).map(|message| Said { sent, what: What::Mcp(message) }));
        heard.hits.extend(hits.into_iter().map(|hit| (sent, hit)));
    }
}

/// Bytes of bodies that wait for their turn.
struct Pieces<'a> {
    bodies: &'a [u8],
    pieces: &'a [(u64, usize)],
}

impl Pieces<'_> {
    /// Feeds all of them; up to the last one of an exchange, if one is named: its body ends there.
    fn feed(&mut self, to: &mut Bodies, until: Option<u64>, found: &mut Found<'_>) {
        let count = match until {
            Some(until) => self.pieces.iter().rposition(|(exchange, _)| *exchange == until).map_or(0, |last| last + 1),
            None => self.pieces.len(),
        };
        let (now, later) = self.pieces.split_at_checked(count).unwrap_or((self.pieces, &[]));
        for (exchange, length) in now {
            let (piece, rest) = self.bodies.split_at_checked(*length).unwrap_or((self.bodies, &[]));
            to.bytes(*exchange, piece, found);
            self.bodies = rest;
        }
        self.pieces = later;
    }
}
