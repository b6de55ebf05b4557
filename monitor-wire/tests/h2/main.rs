//! The HTTP/2 reader over recorded connections and over frames written by hand, each fed in every split.

mod bodies;
mod bounds;
mod frames;
mod heads;
mod losses;
mod recorded;
mod secrets;
mod splits;

use monitor_wire::http::h2::Reader;
use monitor_wire::http::{self, Body, End, Message, Request, Response};
use monitor_wire::redact::{Key, fingerprint};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITISED: u8 = 0x20;
/// A head that nothing follows.
const WHOLE: u8 = END_STREAM | END_HEADERS;

fn key() -> Key {
    Key::from_bytes([7; 32])
}

fn hidden(token: &str) -> String {
    fingerprint(&key(), token.as_bytes())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// An integer with this prefix (RFC 7541 section 5.1), below the other bits of its first byte.
fn integer(first: u8, prefix: u32, mut value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    value -= most;
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A header block of literals that nobody remembers.
fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let string = |text: &[u8]| [integer(0, 7, text.len()), text.to_vec()].concat();
    let field = |(name, value): &(N, V)| [vec![0], string(name.as_ref()), string(value.as_ref())].concat();
    fields.iter().flat_map(field).collect()
}

/// What a client sends: its preface, `SETTINGS`, and these frames.
fn client(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]), frames.concat()].concat()
}

/// What a server sends.
fn server(frames: &[Vec<u8>]) -> Vec<u8> {
    [frame(SETTINGS, 0, 0, b""), frame(SETTINGS, 1, 0, b""), frames.concat()].concat()
}

/// The head of a request for `/NAME`.
fn ask(stream: u32, flags: u8, name: &str) -> Vec<u8> {
    let path = format!("/{name}");
    let fields = [(":method", "PUT"), (":scheme", "https"), (":authority", "h"), (":path", path.as_str())];
    frame(HEADERS, flags, stream, &block(&fields))
}

fn answer(stream: u32, flags: u8, status: &str) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(&[(":status", status)]))
}

fn feed(mut reader: Reader, pieces: &[&[u8]]) -> Vec<Message> {
    let mut messages = Vec::new();
    pieces.iter().for_each(|piece| reader.feed(piece, &mut messages));
    reader.end(&mut messages);
    messages
}

/// What a direction says that ends after these bytes, which must come out the same whatever the split.
fn read(reader: fn(&Key) -> Reader, bytes: &[u8]) -> Vec<Message> {
    let whole = feed(reader(&key()), &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(feed(reader(&key()), &single), whole, "byte by byte: {}", bytes.escape_ascii());
    // every split of what is short; of what is long as many as don't take long
    let splits = (2_000_000 / bytes.len().max(1)).clamp(16, 512);
    for end in (0..bytes.len()).step_by((bytes.len() / splits).max(1)) {
        let pieces = feed(reader(&key()), &[&bytes[..end], &bytes[end..]]);
        assert_eq!(pieces, whole, "split at {end}: {}", bytes.escape_ascii());
    }
    whole
}

fn requests(frames: &[Vec<u8>]) -> Vec<Message> {
    read(Reader::requests, &client(frames))
}

fn responses(frames: &[Vec<u8>]) -> Vec<Message> {
    read(Reader::responses, &server(frames))
}

/// The one request of a connection, with these fields and no body.
fn request<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Request {
    let messages = requests(&[frame(HEADERS, WHOLE, 1, &block(fields))]);
    match <[Message; 2]>::try_from(messages) {
        Ok([Message::Request(request), Message::Body(body)]) => {
            assert_eq!(body, self::body(0, ""));
            request
        }
        other => panic!("{other:?}"),
    }
}

/// The one response of a connection.
fn response(fields: &[(&str, &str)]) -> Response {
    match responses(&[frame(HEADERS, WHOLE, 1, &block(fields))]).swap_remove(0) {
        Message::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

/// A body with this content, as the HTTP/1 reader tells it: the same content has the same digest whatever carried it.
fn body(exchange: u64, content: &str) -> Body {
    let plain = format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{content}", content.len());
    let mut messages = Vec::new();
    http::Reader::requests(&key()).feed(plain.as_bytes(), &mut messages);
    match messages.swap_remove(1) {
        Message::Body(body) => Body { exchange, ..body },
        other => panic!("{other:?}"),
    }
}

fn incomplete(exchange: u64, bytes: u64) -> Message {
    Message::Body(Body { exchange, bytes, digest: None, complete: false })
}

fn end(reason: &str) -> Message {
    Message::End(End { reason: reason.to_owned() })
}

/// Messages in short: what each is, with its exchange.
fn shape(messages: &[Message]) -> Vec<String> {
    let one = |message: &Message| match message {
        Message::Request(Request { exchange, method, path, .. }) => format!("{exchange} {method} {path}"),
        Message::Response(Response { exchange, status, .. }) => format!("{exchange} {status}"),
        Message::Body(Body { exchange, bytes, complete, .. }) => {
            format!("{exchange} {} {bytes}", if *complete { "body" } else { "cut" })
        }
        Message::End(End { reason }) => format!("end {reason}"),
    };
    messages.iter().map(one).collect()
}
