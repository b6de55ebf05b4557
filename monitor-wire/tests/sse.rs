//! Event streams: recorded and odd ones in every split, and what MCP's reader makes of them.

use monitor_wire::limits;
use monitor_wire::mcp::{Body, Id};
use monitor_wire::reader::{self, Item};
use monitor_wire::redact::{Key, fingerprint};
use monitor_wire::sse::{Cut, Event, Part, Reader, deliver};
use proptest::prelude::*;

fn key() -> Key {
    Key::from_bytes([7; 32])
}

/// How data ends: as an event of a type, with an id or without, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Event(String, bool),
    Cut(Cut),
}

/// Data, and how it ends. Data before a loss doesn't count.
type Events = Vec<(Vec<u8>, End)>;

#[derive(Default)]
struct Seen {
    events: Events,
    data: Vec<u8>,
}

impl Seen {
    fn take(&mut self, part: Part<'_>) {
        let end = match part {
            Part::Data(bytes) => {
                assert!(!bytes.is_empty() && !bytes.contains(&b'\n') && !bytes.contains(&b'\r'));
                return self.data.extend_from_slice(bytes);
            }
            Part::Join => return self.data.push(b'\n'),
            Part::End(Event { kind, bytes, id }) => {
                assert_eq!(bytes, self.data.len() as u64);
                End::Event(kind, id)
            }
            Part::Cut(cut) => End::Cut(cut),
        };
        self.events.push((std::mem::take(&mut self.data), end));
    }
}

fn feed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Events {
    let mut reader = Reader::new(&key());
    let mut seen = Seen::default();
    pieces.for_each(|piece| reader.feed(piece, &mut |part| seen.take(part)));
    reader.finish(&mut |part| seen.take(part));
    assert!(seen.data.is_empty());
    seen.events
}

/// What a stream holds, which must come out the same whatever the split.
fn read(bytes: impl AsRef<[u8]>) -> Events {
    let bytes = bytes.as_ref();
    let whole = feed(std::iter::once(bytes));
    assert_eq!(feed(bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    for end in (0..bytes.len()).step_by((bytes.len() / 512).max(1)) {
        assert_eq!(feed([&bytes[..end], &bytes[end..]].into_iter()), whole, "at {end}: {}", bytes.escape_ascii());
    }
    whole
}

fn event(kind: &str, data: &str) -> (Vec<u8>, End) {
    (data.as_bytes().to_vec(), End::Event(kind.to_owned(), false))
}

fn message(data: &str) -> (Vec<u8>, End) {
    event("message", data)
}

fn with_id(data: &str) -> (Vec<u8>, End) {
    (data.as_bytes().to_vec(), End::Event("message".to_owned(), true))
}

fn dropped(data: &str) -> (Vec<u8>, End) {
    (data.as_bytes().to_vec(), End::Cut(Cut::Dropped))
}

#[test]
fn the_examples_of_the_standard() {
    // section 9.2.6 of WHATWG HTML
    assert_eq!(read("data: YHOO\ndata: +2\ndata: 10\n\n"), [message("YHOO\n+2\n10")]);
    let text = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event";
    assert_eq!(read(text), [with_id("first event"), with_id("second event"), dropped(" third event")]);
    assert_eq!(read("data\n\ndata\ndata\n\ndata:"), [message(""), message("\n"), dropped("")]);
    assert_eq!(read("data:test\n\ndata: test\n\n"), [message("test"), message("test")]);
    let text = "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n";
    assert_eq!(read(text), [event("add", "73857293"), event("remove", "2153"), event("add", "113411")]);
}

#[test]
fn every_line_end_is_one() {
    for end in ["\n", "\r", "\r\n"] {
        let text = format!("event: a{end}data: 1{end}data: 2{end}{end}data: 3{end}{end}");
        assert_eq!(read(text), [event("a", "1\n2"), message("3")], "{end:?}");
    }
    assert_eq!(read("data: 1\r\n\ndata: 2\n\r\n"), [message("1"), message("2")]);
    assert_eq!(read("data: 1\r\rdata: 2\n\r"), [message("1"), message("2")]);
    // at once, not only when the next byte tells whether a LF belongs to it
    let mut reader = Reader::new(&key());
    let mut seen = Seen::default();
    reader.feed(b"data: 1\r\n\r", &mut |part| seen.take(part));
    assert_eq!(seen.events, [message("1")]);
}

#[test]
fn a_byte_order_mark_stands_at_the_start_only() {
    assert_eq!(read("\u{feff}data: 1\n\n"), [message("1")]);
    assert_eq!(read("\u{feff}\n\u{feff}data: 1\n\n"), []);
    assert_eq!(read("\n\u{feff}data: 1\n\n"), []);
    assert_eq!(read(b"\xef\xbbdata: 1\n\n"), []);
    assert_eq!(read(b"\xefdata: 1\n\ndata: 2\n\n"), [message("2")]);
    assert_eq!(read("\u{feff}\u{feff}data: 1\n\n"), []);
    assert_eq!(read("\u{feff}"), []);
}

#[test]
fn fields() {
    for (text, events) in [
        ("data: a: b\n\n", vec![message("a: b")]),
        ("data:\u{a0}x\n\n", vec![message("\u{a0}x")]),
        (":data: x\n\n", vec![]),
        (" data: x\n\n", vec![]),
        ("Data: x\n\n", vec![]),
        ("data : x\n\n", vec![]),
        ("dat: x\n\ndatadatadata: x\n\n", vec![]),
        ("retry: 1\nfoo\nbar: x\ndata: 1\n\n", vec![message("1")]),
        // a type without data is none of the next event's
        ("event: a\n\ndata: 1\n\n", vec![message("1")]),
        ("event: a\nevent: b\ndata: 1\n\n", vec![event("b", "1")]),
        ("data: 1\nevent: late\n\n", vec![event("late", "1")]),
        ("event: a\nevent\ndata: 1\n\n", vec![message("1")]),
        ("event: message\ndata: 1\n\n", vec![message("1")]),
        ("id: \0\ndata: 1\n\n", vec![message("1")]),
        ("id: a\nid: \0\ndata: 1\n\n", vec![with_id("1")]),
        ("id\ndata: 1\n\n", vec![with_id("1")]),
        ("data: 1\n\n\n\ndata: 2\n\n", vec![message("1"), message("2")]),
        ("data: \0\u{1b}\n\n", vec![message("\0\u{1b}")]),
        ("data: no end\n", vec![dropped("no end")]),
        ("event: x", vec![]),
    ] {
        assert_eq!(read(text), events, "{text:?}");
    }
}

#[test]
fn types_are_short_and_hide_tokens() {
    let kind = |name: &str| match read(format!("event: {name}\ndata: 1\n\n")).swap_remove(0).1 {
        End::Event(kind, _) => kind,
        End::Cut(cut) => panic!("{cut:?}"),
    };
    let long = "a".repeat(limits::SSE_TYPE);
    assert_eq!(kind(&long), long);
    let longer = "a".repeat(limits::SSE_TYPE + 1);
    assert_eq!(kind(&longer), fingerprint(&key(), longer.as_bytes()));
    assert_eq!(kind("a\0\u{1b}"), "a\\x00\\x1b");
    let token = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    assert_eq!(kind(token), fingerprint(&key(), token.as_bytes()));
    let mut reader = Reader::new(&key());
    reader.feed(format!("event: {token}\ndata: {token}").as_bytes(), &mut |_| {});
    assert!(!format!("{reader:?}").contains(token));
}

#[test]
fn a_loss_cuts_and_is_passed() {
    let around = |before: &str, after: &str| {
        let mut reader = Reader::new(&key());
        let mut seen = Seen::default();
        reader.feed(before.as_bytes(), &mut |part| seen.take(part));
        reader.gap(&mut |part| seen.take(part));
        reader.feed(after.as_bytes(), &mut |part| seen.take(part));
        reader.finish(&mut |part| seen.take(part));
        seen.events
    };
    let lost = |data: &str| (data.as_bytes().to_vec(), End::Cut(Cut::Lost));
    assert_eq!(around("data: 1\n\ndata: 2", "3\ndata: 4\n\ndata: 5\n\n"), [message("1"), lost("2"), message("5")]);
    assert_eq!(around("event: a\n", "\ndata: 1\n\ndata: 2\r\n\r\ndata: 3\r\r"), [lost(""), message("2"), message("3")]);
    assert_eq!(around("data: 1\r", "\n\ndata: 2\n\n"), [lost("1"), message("2")]);
    // half a line isn't an empty one
    assert_eq!(around("data: 1", "\ndata: 2\n\n"), [lost("1")]);
    assert_eq!(around("", "data: 1"), [lost("")]);
}

/// What MCP's reader finds in a stream, in short.
fn messages(bytes: &[u8], size: usize) -> Vec<String> {
    let mut stream = Reader::new(&key());
    let mut reader = reader::Reader::new(&key());
    let mut items = Vec::new();
    for piece in bytes.chunks(size) {
        stream.feed(piece, &mut |part| deliver(&part, &mut reader, &mut items));
    }
    stream.finish(&mut |part| deliver(&part, &mut reader, &mut items));
    assert!(!reader.is_mid_line());
    let short = |item: Item| match item {
        Item::Noise { bytes } => format!("noise {bytes}"),
        Item::Message(message) => {
            let body = match message.body {
                Body::Request(request) => format!("request {}", request.method),
                Body::Notification(notification) => format!("notification {}", notification.method),
                Body::Response(response) => match response.id {
                    Id::Number(id) => format!("response {id}"),
                    Id::Text(id) => format!("response {id}"),
                },
            };
            if message.complete { body } else { format!("{body}, incomplete") }
        }
    };
    items.into_iter().map(short).collect()
}

#[test]
fn recorded_streams_give_their_messages() {
    for size in [1, 3, 100, 100_000] {
        let progress = "notification notifications/progress";
        let call = include_bytes!("../testdata/sse/everything-call");
        assert_eq!(messages(call, size), [progress, progress, progress, "response 3"]);
        let endpoint = include_bytes!("../testdata/sse/everything-endpoint");
        assert_eq!(messages(endpoint, size), ["response 0", "response 1"]);
        assert_eq!(messages(include_bytes!("../testdata/sse/odd"), size), ["response 1"]);
    }
    let events = read(include_bytes!("../testdata/sse/odd"));
    let second = message("{\"jsonrpc\":\"2.0\",\n\"id\":1,\"result\":{}}");
    assert_eq!(events, [(b"\n\n two blanks".to_vec(), End::Event("add".to_owned(), true)), second, dropped("no end")]);
}

#[test]
fn what_its_receiver_refuses_is_no_message() {
    let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{}}";
    for (text, expected) in [
        (format!("data: {body}\n\n"), vec!["response 1"]),
        (format!("event: message\ndata: {body}\n\n"), vec!["response 1"]),
        // of another type, told before the data or after it; dropped; with a line feed in a string
        (format!("event: endpoint\ndata: {body}\n\n"), vec![]),
        (format!("data: {body}\nevent: other\n\n"), vec![]),
        (format!("data: {body}\n"), vec![]),
        ("data: {\"id\":1,\"result\":\"a\ndata: b\"}\n\n".to_owned(), vec!["noise 23"]),
        (format!("data: {body}x\n\ndata: {body}\n\n"), vec!["noise 38", "response 1"]),
        ("data\n\ndata: \n\n: ping\n\n".to_owned(), vec![]),
        // what comes after such an event is read
        (format!("event: a\ndata: {body}\n\ndata: {body}\n\n"), vec!["response 1"]),
    ] {
        for size in [1, 5, 1000] {
            assert_eq!(messages(text.as_bytes(), size), expected, "{text:?}");
        }
    }
    // A loss cuts the message as it cuts one over stdio.
    let mut stream = Reader::new(&key());
    let mut reader = reader::Reader::new(&key());
    let mut items = Vec::new();
    stream.feed(b"data: {\"id\":1,\"result\":{\"a\":", &mut |part| deliver(&part, &mut reader, &mut items));
    stream.gap(&mut |part| deliver(&part, &mut reader, &mut items));
    stream.feed(b"1}}\n\ndata: {\"id\":2,\"result\":{}}\n\n", &mut |part| deliver(&part, &mut reader, &mut items));
    let complete: Vec<bool> =
        items.iter().map(|item| matches!(item, Item::Message(message) if message.complete)).collect();
    assert_eq!(complete, [false, true], "{items:?}");
}

/// The standard's algorithm over a whole stream, without any care for memory.
fn model(bytes: &[u8]) -> Events {
    let mut bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut events = Events::new();
    let (mut kind, mut data, mut id) = (Vec::new(), None::<Vec<u8>>, false);
    while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, rest) = bytes.split_at(end);
        bytes = rest.strip_prefix(b"\r\n").unwrap_or(&rest[1..]);
        if line.is_empty() {
            let kind = String::from_utf8(std::mem::take(&mut kind)).expect("text");
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            let id = std::mem::take(&mut id);
            if let Some(data) = data.take() {
                events.push((data, End::Event(kind, id)));
            }
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let name = &line[..colon.unwrap_or(line.len())];
        let value = colon.map_or(&b""[..], |colon| &line[colon + 1..]);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => kind = value.to_vec(),
            b"data" => match &mut data {
                Some(data) => data.extend([b"\n", value].concat()),
                None => data = Some(value.to_vec()),
            },
            b"id" => id |= !value.contains(&0),
            _ => {}
        }
    }
    // the last line has no end: what of it is data was seen, and is dropped
    if let Some(value) = bytes.strip_prefix(b"data:") {
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut data {
            Some(data) => data.extend([b"\n", value].concat()),
            None => data = Some(value.to_vec()),
        }
    }
    events.extend(data.map(|data| (data, End::Cut(Cut::Dropped))));
    events
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 24] = [
        "data",
        "data:",
        "data: ",
        "event:",
        "event: a",
        "id",
        "id: 1",
        "retry: 1",
        ":",
        " ",
        "x",
        "\n",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        "\0",
        "é",
        "\u{feff}",
        "dat",
        "a",
        "{\"id\":1}",
        "data: x\n",
    ];
    proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn it_is_what_the_standard_says(bytes in stream(), size in 1_usize..16) {
        let events: Events = model(&bytes);
        // The types that come up here are plain but for these.
        let hidden = |(data, end): (Vec<u8>, End)| match end {
            End::Event(kind, id) => (data, End::Event(kind.replace('\0', "\\x00"), id)),
            end => (data, end),
        };
        let expected: Events = events.into_iter().map(hidden).collect();
        prop_assume!(expected.iter().all(|(_, end)| !matches!(end, End::Event(kind, _) if kind.len() > 60)));
        prop_assert_eq!(&feed(bytes.chunks(size)), &expected);
        prop_assert_eq!(&feed(std::iter::once(&bytes[..])), &expected);
    }
}
