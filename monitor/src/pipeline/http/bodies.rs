//! What the bodies of HTTP messages hold: tokens, and MCP messages (basic/transports, "Streamable HTTP"; and the older "HTTP with SSE").

use monitor_wire::http::coding::Decoder;
use monitor_wire::http::{Headers, Message, Request};
use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact::Key;
use monitor_wire::token::{Hit, Set};
use monitor_wire::{mcp, sse};

use crate::pipeline::tokens::Search;

/// Most bodies of one direction that are read at a time: of HTTP/2, whose streams mix them. The oldest makes room.
const MAX_OPEN: usize = 8;

/// Where goes what is found in bodies.
pub struct Found<'a> {
    /// What tokens are looked for.
    pub set: &'a Set,
    /// Messages.
    pub messages: &'a mut Vec<mcp::Message>,
    /// Tokens.
    pub hits: &'a mut Vec<Hit>,
}

/// Most messages of one direction that one record may give: a body of a few kilobytes can hold a million.
const MAX_MESSAGES: usize = 4096;

/// Reads the bodies of one direction.
pub struct Bodies {
    key: Key,
    open: Vec<Open>,
    items: Vec<Item>,
    unreadable: u64,
    missed: u64,
}

/// A body.
struct Open {
    exchange: u64,
    coding: Decoder,
    form: Form,
    reader: Reader,
    search: Search,
    /// What the head says of the message: `Mcp-Method` and `Mcp-Name`.
    announced: Announced,
}

enum Form {
    /// One JSON document.
    Json,
    /// Events, with a message each.
    Events(Box<sse::Reader>),
    /// Nothing that carries messages.
    Other,
}

/// What the headers of a request say of its body (revision 2026-07-28).
#[derive(Default)]
struct Announced {
    method: Option<String>,
    name: Option<String>,
}

impl Bodies {
    /// Bodies whose texts are redacted under `key`.
    pub fn new(key: Key) -> Self {
        Self { key, open: Vec::new(), items: Vec::new(), unreadable: 0, missed: 0 }
    }

    /// Bodies that could not be decoded, since the last call.
    pub fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    /// Tokens that may have been missed, since the last call.
    pub fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// What the direction said: a head begins a body, and its end ends it.
    pub fn said(&mut self, message: &Message, out: &mut Found<'_>) {
        match message {
            Message::Request(head) => self.begin(head.exchange, &head.headers, announced(head), out),
            Message::Response(head) => self.begin(head.exchange, &head.headers, Announced::default(), out),
            Message::Body(body) => self.end(body.exchange, body.complete, out),
            Message::End(_) => {
                while let Some(open) = self.open.first() {
                    self.end(open.exchange, false, out);
                }
            }
        }
    }

    /// Bytes of a body.
    pub fn bytes(&mut self, exchange: u64, bytes: &[u8], out: &mut Found<'_>) {
        let Some(open) = self.open.iter_mut().find(|open| open.exchange == exchange) else { return };
        let Open { coding, form, reader, announced, search, .. } = open;
        let items = &mut self.items;
        let messages = &mut *out.messages;
        let mut take_piece = |piece: &[u8]| {
            form.feed(piece, reader, items);
            take(items, announced, messages);
            search.feed(out.set, piece, out.hits);
        };
        if coding.is_identity() {
            take_piece(bytes);
        } else if coding.reject().is_none() && coding.feed(bytes, &mut take_piece).is_err() {
            self.unreadable += 1;
            form.gap(reader, items);
        }
        self.missed += search.take_missed();
        take(items, announced, out.messages);
    }

    /// Bytes that decoders hold.
    pub fn decoders(&self) -> usize {
        self.open.iter().map(|open| open.coding.memory()).sum()
    }

    /// Gives up what is being decoded.
    pub fn stop_decoding(&mut self) {
        for Open { coding, form, reader, .. } in self.open.iter_mut().filter(|open| open.coding.memory() > 0) {
            self.unreadable += 1;
            coding.gap();
            form.gap(reader, &mut self.items);
        }
    }

    /// Bytes are missing, of whichever body is open.
    pub fn gap(&mut self, bytes: u64, out: &mut Found<'_>) {
        for Open { coding, form, reader, search, .. } in &mut self.open {
            coding.gap();
            form.gap(reader, &mut self.items);
            search.gap(out.set, bytes, out.hits);
        }
    }

    fn begin(&mut self, exchange: u64, headers: &Headers, announced: Announced, out: &mut Found<'_>) {
        let form = match media_type(headers) {
            Some(kind) if is_json(kind) => Form::Json,
            Some(kind) if kind.eq_ignore_ascii_case("text/event-stream") => {
                Form::Events(Box::new(sse::Reader::new(&self.key)))
            }
            _ => Form::Other,
        };
        let Ok(coding) = Decoder::new(&codings(headers)) else {
            self.unreadable += 1;
            return;
        };
        // one of this number is there no more
        self.open.retain(|open| open.exchange != exchange);
        if let Some(oldest) = self.open.first().filter(|_| self.open.len() >= MAX_OPEN) {
            self.end(oldest.exchange, false, out);
        }
        let (reader, search) = (Reader::new(&self.key), Search::default());
        self.open.push(Open { exchange, coding, form, reader, search, announced });
    }

    fn end(&mut self, exchange: u64, whole: bool, out: &mut Found<'_>) {
        let Some(at) = self.open.iter().position(|open| open.exchange == exchange) else { return };
        let Open { mut coding, mut form, mut reader, mut search, announced, .. } = self.open.remove(at);
        let items = &mut self.items;
        let decoded = coding.finish().is_ok();
        match &mut form {
            Form::Json if whole && decoded => reader.feed(b"\n", items),
            Form::Json => reader.finish(items),
            Form::Events(events) => events.finish(&mut |part| sse::deliver(&part, &mut reader, items)),
            Form::Other => {}
        }
        search.end(out.set, out.hits);
        self.missed += search.take_missed();
        take(items, &announced, out.messages);
    }
}

impl Form {
    fn feed(&mut self, bytes: &[u8], reader: &mut Reader, items: &mut Vec<Item>) {
        match self {
            Self::Json => {
                // a document may have several lines; a message for the reader has one
                let mut lines = bytes.split(|byte| *byte == b'\n');
                reader.feed(lines.next().unwrap_or_default(), items);
                for line in lines {
                    reader.feed(b"\r", items);
                    reader.feed(line, items);
                }
            }
            Self::Events(events) => events.feed(bytes, &mut |part| sse::deliver(&part, reader, items)),
            Self::Other => {}
        }
    }

    fn gap(&mut self, reader: &mut Reader, items: &mut Vec<Item>) {
        match self {
            Self::Json => reader.gap(0),
            Self::Events(events) => events.gap(&mut |part| sse::deliver(&part, reader, items)),
            Self::Other => {}
        }
    }
}

fn take(items: &mut Vec<Item>, announced: &Announced, out: &mut Vec<mcp::Message>) {
    for item in items.drain(..) {
        let Item::Message(mut message) = item else { continue };
        if out.len() >= MAX_MESSAGES {
            // the last one says that there were more
            if let Some(last) = out.last_mut() {
                last.complete = false;
            }
            continue;
        }
        if announced.differs(&message) {
            message.flags.push("header_differs".to_owned());
        }
        out.push(message);
    }
}

impl Announced {
    /// Whether who goes by the headers, as gateways do, is told something else than who reads the body.
    fn differs(&self, message: &mcp::Message) -> bool {
        let (method, name) = match &message.body {
            mcp::Body::Request(request) => (&request.method, request.call.as_ref().map(|call| &call.name)),
            mcp::Body::Notification(note) => (&note.method, None),
            mcp::Body::Response(_) => return false,
        };
        // what was cut, or encoded for want of plain letters, says nothing
        let plain =
            |text: &str| !text.is_empty() && text.len() < 250 && !text.starts_with("=?") && !text.starts_with("fp:");
        let differ = |announced: &str, real: &str| plain(announced) && plain(real) && announced != real;
        message.complete
            && (self.method.as_ref().is_some_and(|announced| differ(announced, method))
                || self.name.as_ref().is_some_and(|announced| name.is_some_and(|name| differ(announced, name))))
    }
}

fn announced(head: &Request) -> Announced {
    let value =
        |wanted: &str| head.headers.values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    Announced { method: value("mcp-method"), name: value("mcp-name") }
}

/// The codings of a body, several fields joined as one.
fn codings(headers: &Headers) -> String {
    let values = headers.values.iter().filter(|(name, _)| name == "content-encoding");
    values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",")
}

/// The media type of a body, without its parameters.
fn media_type(headers: &Headers) -> Option<&str> {
    let (_, value) = headers.values.iter().find(|(name, _)| name == "content-type")?;
    value.split(';').next().map(str::trim)
}

fn is_json(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("application/json")
}

/// Whether a head says that its body is MCP's.
pub fn speaks_mcp(message: &Message) -> bool {
    let headers = match message {
        Message::Request(head) => &head.headers,
        Message::Response(head) => &head.headers,
        Message::Body(_) | Message::End(_) => return false,
    };
    headers.headers.iter().any(|name| name.starts_with("mcp-"))
}

/// Whether a message is one that MCP alone has: other protocols speak JSON-RPC too.
pub fn is_mcp(message: &mcp::Message) -> bool {
    let method = match &message.body {
        mcp::Body::Request(request) => request.method.as_str(),
        mcp::Body::Notification(note) => note.method.as_str(),
        mcp::Body::Response(response) => return response.tools.is_some() || response.peer.is_some(),
    };
    method == "initialize"
        || method == "ping"
        || [
            "tools/",
            "resources/",
            "prompts/",
            "notifications/",
            "server/",
            "sampling/",
            "elicitation/",
            "roots/",
            "logging/",
            "completion/",
            "tasks/",
            "subscriptions/",
        ]
        .iter()
        .any(|group| method.starts_with(group))
}
