use std::sync::LazyLock;

use monitor_abi::stream::DIR_READ;

use super::*;

const ASK: &[u8] = b"PUT /x HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\n\r\nhi";
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn id(owner: u32, channel: u64) -> Id {
    Id { owner, channel, tls: true }
}

fn channels() -> Channels {
    Channels::new(Key::from_bytes([7; 32]))
}

/// No token is known.
static NONE: LazyLock<Set> = LazyLock::new(|| Set::new(&Key::from_bytes([7; 32])));

fn data(channels: &mut Channels, id: Id, cookie: u64, dir: u16, bytes: &[u8]) -> Heard {
    channels.data(id, (cookie, 0), dir, bytes, &NONE)
}

fn kinds(heard: &Heard) -> Vec<&'static str> {
    let kind = |said: &Said| match &said.what {
        What::Http(Message::Request(_)) => "request",
        What::Http(Message::Response(_)) => "response",
        What::Http(Message::Body(_)) => "body",
        What::Http(Message::End(_)) => "end",
        What::Mcp(_) if said.sent == heard.asks => "asked",
        What::Mcp(_) => "answered",
    };
    heard.said.iter().map(kind).collect()
}

/// What an HTTP message with this head and body is on the wire.
fn post(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: a.example\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn answer(kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

fn mcp(heard: &Heard) -> Vec<&mcp::Message> {
    heard
        .said
        .iter()
        .filter_map(|said| if let What::Mcp(message) = &said.what { Some(message) } else { None })
        .collect()
}

#[test]
fn whoever_speaks_first_asks() {
    let mut channels = channels();
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, ASK)), ["request", "body"]);
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_READ, ANSWER)), ["response", "body"]);
    // a server: it reads the request
    assert_eq!(kinds(&data(&mut channels, id(1, 9), 0, DIR_READ, ASK)), ["request", "body"]);
    assert_eq!(kinds(&data(&mut channels, id(1, 9), 0, DIR_WRITE, ANSWER)), ["response", "body"]);
}

#[test]
fn an_answer_to_what_was_lost_is_one() {
    let mut channels = channels();
    assert!(channels.gap(id(1, 8), DIR_WRITE, 100, &NONE).said.is_empty());
    let heard = data(&mut channels, id(1, 8), 0, DIR_READ, ANSWER);
    assert_eq!((kinds(&heard), heard.ignore), (vec!["response", "body"], false));
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, ASK)), ["request", "body"]);
}

#[test]
fn the_same_number_in_another_process_is_another_channel() {
    let mut channels = channels();
    let (first, rest) = ASK.split_at(10);
    assert!(data(&mut channels, id(1, 8), 0, DIR_WRITE, first).said.is_empty());
    assert_eq!(kinds(&data(&mut channels, id(2, 8), 0, DIR_WRITE, ASK)), ["request", "body"]);
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, rest)), ["request", "body"]);
}

#[test]
fn an_address_that_is_used_again_is_a_channel_anew() {
    let mut channels = channels();
    data(&mut channels, id(1, 8), 0, DIR_WRITE, &ASK[..10]);
    assert_eq!(kinds(&channels.end(id(1, 8), &NONE)), ["end"]);
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_READ, ASK)), ["request", "body"]);
    // so it is when the process has ended
    data(&mut channels, id(3, 8), 0, DIR_WRITE, &ASK[..10]);
    assert!(channels.gone(3).is_empty());
    assert_eq!(kinds(&data(&mut channels, id(3, 8), 0, DIR_WRITE, ASK)), ["request", "body"]);
}

#[test]
fn what_is_no_http_is_ignored_as_long_as_it_is_that_connection() {
    const OTHER: &[u8] = b"\x00\x01\x02 nothing like it\n";
    let mut channels = channels();
    assert!(data(&mut channels, id(1, 8), 0, DIR_WRITE, OTHER).ignore);
    assert!(!data(&mut channels, id(1, 9), 0, DIR_WRITE, ASK).ignore);
    // what makes no sense because something was lost may make sense again
    channels.gap(id(1, 10), DIR_WRITE, 5, &NONE);
    assert!(!data(&mut channels, id(1, 10), 0, DIR_WRITE, OTHER).ignore);
    // another program in that process has other connections
    assert_eq!(channels.gone(1), [id(1, 8)]);
    assert_eq!(channels.gone(1), []);
}

#[test]
fn bytes_that_are_missing_are_missed() {
    let mut channels = channels();
    data(&mut channels, id(1, 8), 0, DIR_WRITE, &ASK[..ASK.len() - 2]);
    let heard = channels.gap(id(1, 8), DIR_WRITE, 2, &NONE);
    let [Said { what: What::Http(Message::Body(body)), .. }] = &heard.said[..] else { panic!("{heard:?}") };
    assert!(!body.complete && body.bytes == 2, "{body:?}");
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, ASK)), ["request", "body"]);
}

#[test]
fn the_least_used_channel_makes_room() {
    let mut channels = channels();
    for channel in 0..=MAX_CHANNELS as u64 {
        data(&mut channels, id(1, channel), 0, DIR_WRITE, &ASK[..10]);
    }
    assert_eq!((channels.open.len(), channels.evicted(), channels.evicted()), (MAX_CHANNELS, 1, 0));
    assert!(!channels.open.contains_key(&id(1, 0)));
}

#[test]
fn an_idle_channel_that_makes_room_is_no_loss() {
    let mut channels = channels();
    for channel in 0..=MAX_CHANNELS as u64 {
        data(&mut channels, id(1, channel), 0, DIR_READ, ASK);
        data(&mut channels, id(1, channel), 0, DIR_WRITE, ANSWER);
    }
    assert_eq!((channels.open.len(), channels.evicted()), (MAX_CHANNELS, 0));
}

#[test]
fn a_socket_that_closes_ends_its_channel() {
    let mut channels = channels();
    let socket = Id { tls: false, ..id(8, 5) };
    data(&mut channels, socket, 77, DIR_READ, ASK);
    data(&mut channels, socket, 77, DIR_WRITE, b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
    let found = channels.by_socket(77).unwrap();
    let ended = channels.end(found, &NONE);
    assert_eq!((found, kinds(&ended)), (socket, vec!["body"]));
    assert_eq!(channels.by_socket(77), None);
}

#[test]
fn messages_in_bodies_are_heard_with_their_requests() {
    let mut channels = channels();
    let asked = data(&mut channels, id(1, 8), 0, DIR_READ, &post(JSON, CALL));
    assert_eq!((kinds(&asked), asked.asks), (vec!["request", "body", "asked"], false));
    assert!(mcp(&asked)[0].complete && mcp(&asked)[0].flags.is_empty());
    assert_eq!(asked.host, "a.example");
    let answered = data(&mut channels, id(1, 8), 0, DIR_WRITE, &answer("application/json", RESULT));
    assert_eq!(kinds(&answered), ["response", "body", "answered"]);
    // whoever asks hears the same
    assert!(data(&mut channels, id(1, 9), 0, DIR_WRITE, &post(JSON, CALL)).asks);
}

#[test]
fn a_body_may_have_lines_and_come_in_pieces() {
    let mut channels = channels();
    let text = CALL.replace(',', ",\r\n\t");
    let bytes = post(JSON, &text);
    for cut in 0..bytes.len() {
        let channel = id(1, cut as u64);
        let (head, tail) = bytes.split_at(cut);
        let mut all = kinds(&data(&mut channels, channel, 0, DIR_READ, head));
        all.extend(kinds(&data(&mut channels, channel, 0, DIR_READ, tail)));
        assert_eq!(all, ["request", "body", "asked"], "{cut}");
    }
}

#[test]
fn events_are_heard_while_their_stream_goes_on() {
    let mut channels = channels();
    data(&mut channels, id(1, 8), 0, DIR_READ, &post(JSON, CALL));
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, head)), ["response"]);
    let event = format!("event: message\ndata: {RESULT}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, chunk.as_bytes())), ["answered"]);
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, b"0\r\n\r\n")), ["body"]);
}

#[test]
fn other_json_is_no_message() {
    let mut channels = channels();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}"#;
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, &post(JSON, call))), ["request", "body"]);
    assert_eq!(
        kinds(&data(&mut channels, id(1, 8), 0, DIR_READ, &answer("application/json", RESULT))),
        ["response", "body"]
    );
    // unless the head says so
    let headers = format!("{JSON}Mcp-Session-Id: 1\r\n");
    assert_eq!(
        kinds(&data(&mut channels, id(1, 9), 0, DIR_WRITE, &post(&headers, call))),
        ["request", "body", "asked"]
    );
    // and no other media type is looked into
    assert_eq!(
        kinds(&data(&mut channels, id(1, 10), 0, DIR_WRITE, &post("Content-Type: text/plain\r\n", CALL))),
        ["request", "body"]
    );
}

#[test]
fn headers_that_say_something_else_are_told() {
    for (headers, differs) in [
        ("Mcp-Method: tools/call\r\nMcp-Name: echo\r\n", false),
        ("Mcp-Method: tools/list\r\n", true),
        ("Mcp-Method: tools/call\r\nMcp-Name: other\r\n", true),
    ] {
        let heard = data(&mut channels(), id(1, 8), 0, DIR_READ, &post(&format!("{JSON}{headers}"), CALL));
        let flags = &mcp(&heard)[0].flags;
        assert_eq!(flags.iter().any(|flag| flag == "header_differs"), differs, "{headers} {flags:?}");
    }
}

#[test]
fn a_message_with_a_hole_is_incomplete() {
    let mut channels = channels();
    let bytes = post(JSON, CALL);
    data(&mut channels, id(1, 8), 0, DIR_READ, &bytes[..bytes.len() - 30]);
    let heard = channels.gap(id(1, 8), DIR_READ, 30, &NONE);
    assert_eq!(kinds(&heard), ["body", "asked"]);
    assert!(!mcp(&heard)[0].complete);
}

/// [`CALL`] by Python's `gzip.GzipFile`.
const CALL_GZ: &str = concat!(
    "1f8b08000000000002ff1dc94b0a80300c45d1bdbcb1f81b7637a186aa348d341584d2bd5b9d5deea9384d53be3c1cd671c6",
    "8063835b0608975d7ba2a8469b3cc5d8f1a24c6270158984bbb2dfb57fcae1164ee52761330a9f3e68adbd221ca8ba630000",
    "00"
);

#[test]
fn a_coded_body_is_decoded() {
    let body: Vec<u8> =
        (0..CALL_GZ.len()).step_by(2).map(|at| u8::from_str_radix(&CALL_GZ[at..at + 2], 16).unwrap()).collect();
    let head = |coding: &str| {
        let length = body.len();
        format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes()
    };
    let mut channels = channels();
    let heard = data(&mut channels, id(1, 8), 0, DIR_READ, &[head("gzip"), body.clone()].concat());
    assert_eq!((kinds(&heard), channels.unreadable()), (vec!["request", "body", "asked"], 0));
    // what can't be is counted, once
    for coding in ["br", "compress"] {
        let mut other = super::Channels::new(Key::from_bytes([7; 32]));
        let heard = data(&mut other, id(1, 8), 0, DIR_READ, &[head(coding), body.clone()].concat());
        assert_eq!((kinds(&heard), other.unreadable()), (vec!["request", "body"], 1), "{coding}");
    }
}

#[test]
fn http2_is_read_on_either_side() {
    let recorded = |name: &str| {
        let place = format!("{}/../monitor-wire/testdata/h2/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(place).unwrap()
    };
    for first_server in [false, true] {
        for asks in [true, false] {
            let mut channels = channels();
            let mut parts = [("node-client", asks), ("node-server", !asks)];
            if first_server {
                parts.reverse();
            }
            let mut told = Vec::new();
            for (name, sent) in parts {
                for piece in recorded(name).chunks(1000) {
                    let heard = data(&mut channels, id(1, 8), 0, if sent { DIR_WRITE } else { DIR_READ }, piece);
                    assert_eq!((heard.asks, heard.ignore), (asks, false), "{name}");
                    told.extend(kinds(&heard));
                }
            }
            let count = |kind: &str| told.iter().filter(|told| **told == kind).count();
            assert!(count("request") > 3 && count("response") >= count("request") && count("end") == 0, "{told:?}");
        }
    }
}

#[test]
fn first_bytes_that_tell_nothing_wait_for_the_next() {
    let mut channels = channels();
    assert!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, &ASK[..1])).is_empty());
    assert_eq!(kinds(&data(&mut channels, id(1, 8), 0, DIR_WRITE, &ASK[1..])), ["request", "body"]);
    // the other side has its turn, then they are what they are
    assert!(kinds(&data(&mut channels, id(1, 9), 0, DIR_WRITE, b"P")).is_empty());
    assert_eq!(kinds(&data(&mut channels, id(1, 9), 0, DIR_READ, ANSWER)), ["response", "body"]);
}

#[test]
fn decoders_have_so_much_room_and_no_more() {
    let place = format!("{}/../monitor-wire/testdata/coding/zeros.br", env!("CARGO_MANIFEST_DIR"));
    let mut zeros = std::fs::read(place).unwrap();
    // one that is whole gives its window back
    zeros.truncate(zeros.len() - 2);
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}Content-Encoding: br\r\nContent-Length: 1000000\r\n\r\n");
    let mut channels = channels();
    for channel in 0..20 {
        data(&mut channels, id(1, channel), 0, DIR_READ, &[head.as_bytes(), &zeros].concat());
        assert!(channels.decoding <= MAX_DECODING);
    }
    assert!(channels.unreadable() > 10);
    assert_eq!(channels.gone(1), []);
    assert_eq!(channels.decoding, 0);
}

#[test]
fn tokens_are_found_in_heads_and_in_bodies_however_framed() {
    const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    let mut set = NONE.clone();
    let fingerprint = set.add(TOKEN.as_bytes()).unwrap().fingerprint;
    let (one, two) = TOKEN.split_at(20);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        two.len()
    );
    let head = format!("GET /?x={TOKEN} HTTP/1.1\r\nHost: a.example\r\nX-Any: thing\r\n\r\n");
    for text in [chunked, head] {
        for cut in [0, text.len() / 2, text.len() - 25] {
            let mut channels = channels();
            let (first, rest) = text.split_at(cut);
            let mut hits = channels.data(id(1, 8), (0, 0), DIR_WRITE, first.as_bytes(), &set).hits;
            let heard = channels.data(id(1, 8), (0, 0), DIR_WRITE, rest.as_bytes(), &set);
            hits.extend(heard.hits);
            let found: Vec<_> = hits.iter().map(|(sent, hit)| (*sent, hit.known, hit.fingerprint.as_str())).collect();
            assert!(found.contains(&(true, true, fingerprint.as_str())), "{cut} {text} {found:?}");
            assert_eq!(channels.missed(), 0);
        }
    }
    // what can be decoded is looked through too
    let body: Vec<u8> =
        (0..CALL_GZ.len()).step_by(2).map(|at| u8::from_str_radix(&CALL_GZ[at..at + 2], 16).unwrap()).collect();
    let mut set = NONE.clone();
    set.add(br#""method":"tools/call""#).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    let heard = channels().data(id(1, 8), (0, 0), DIR_READ, &[head.as_bytes(), &body].concat(), &set);
    assert!(heard.hits.iter().any(|(sent, hit)| !sent && hit.known), "{heard:?}");
}
