//! The HTTP/1 reader over whole messages and odd ones, each fed in every split.

mod bodies;
mod bounds;
mod heads;
mod losses;
mod secrets;
mod splits;

use monitor_wire::http::{Body, End, Message, Reader, Request, Response};
use monitor_wire::redact::{Key, fingerprint};

fn key() -> Key {
    Key::from_bytes([7; 32])
}

fn hidden(token: &str) -> String {
    fingerprint(&key(), token.as_bytes())
}

fn feed(mut reader: Reader, pieces: &[&[u8]]) -> Vec<Message> {
    let mut messages = Vec::new();
    pieces.iter().for_each(|piece| reader.feed(piece, &mut messages));
    reader.end(&mut messages);
    messages
}

/// What a connection says that closes after these bytes, which must come out the same whatever the split.
fn read(reader: impl Fn() -> Reader, bytes: &[u8]) -> Vec<Message> {
    let whole = feed(reader(), &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(feed(reader(), &single), whole, "byte by byte: {}", bytes.escape_ascii());
    for end in (0..bytes.len()).step_by((bytes.len() / 512).max(1)) {
        let pieces = feed(reader(), &[&bytes[..end], &bytes[end..]]);
        assert_eq!(pieces, whole, "split at {end}: {}", bytes.escape_ascii());
    }
    whole
}

fn requests(text: impl AsRef<[u8]>) -> Vec<Message> {
    read(|| Reader::requests(&key()), text.as_ref())
}

/// The responses to requests with these methods.
fn responses(methods: &[&str], text: impl AsRef<[u8]>) -> Vec<Message> {
    let reader = || {
        let mut reader = Reader::responses(&key());
        methods.iter().for_each(|method| reader.expect(method));
        reader
    };
    read(reader, text.as_ref())
}

/// The one request of a connection, whose body is empty.
fn request(text: impl AsRef<[u8]>) -> Request {
    let messages = requests(text.as_ref());
    match <[Message; 2]>::try_from(messages) {
        Ok([Message::Request(request), Message::Body(body)]) => {
            assert_eq!(body, self::body(0, ""));
            request
        }
        other => panic!("{}: {other:?}", text.as_ref().escape_ascii()),
    }
}

/// A request's flags, whatever follows it.
fn flags(text: impl AsRef<[u8]>) -> Vec<String> {
    match requests(text.as_ref()).swap_remove(0) {
        Message::Request(request) => request.flags,
        other => panic!("{}: {other:?}", text.as_ref().escape_ascii()),
    }
}

/// A body with this content. Its digest is that of a plain request's: the same content has the same digest whatever framed
/// it.
fn body(exchange: u64, content: &str) -> Body {
    let plain = format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{content}", content.len());
    match feed(Reader::requests(&key()), &[plain.as_bytes()]).swap_remove(1) {
        Message::Body(body) => {
            assert_eq!((body.bytes, body.complete), (content.len() as u64, true));
            assert_eq!(body.digest.as_ref().map(String::len), (!content.is_empty()).then_some(32));
            Body { exchange, ..body }
        }
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
