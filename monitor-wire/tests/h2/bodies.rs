//! Bodies: whose they are, and where they end.

use super::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, WHOLE, answer, ask, block, body, client, frame, key, requests,
    responses, shape,
};
use monitor_wire::http::Message;
use monitor_wire::http::h2::Reader;

fn trailers(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(&[("grpc-status", "0")]))
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])
}

#[test]
fn streams_are_told_apart() {
    let frames = [
        ask(1, END_HEADERS, "a"),
        ask(5, END_HEADERS, "b"),
        frame(DATA, 0, 5, b"x"),
        frame(DATA, 0, 1, b"he"),
        ask(7, WHOLE, "c"),
        frame(DATA, 0, 5, b"y"),
        frame(DATA, END_STREAM, 1, b"llo"),
        frame(DATA, END_STREAM, 5, b""),
    ];
    let messages = requests(&frames);
    assert_eq!(shape(&messages), ["0 PUT /a", "2 PUT /b", "3 PUT /c", "3 body 0", "0 body 5", "2 body 2"]);
    assert_eq!(messages[4..], [Message::Body(body(0, "hello")), Message::Body(body(2, "xy"))]);
}

#[test]
fn trailers_end_a_body() {
    let data = frame(DATA, 0, 1, b"ab");
    let frames = [ask(1, END_HEADERS, "a"), data.clone(), trailers(1, WHOLE), ask(3, WHOLE, "b")];
    assert_eq!(shape(&requests(&frames)), ["0 PUT /a", "0 body 2", "1 PUT /b", "1 body 0"]);
    let frames = [answer(1, END_HEADERS, "200"), trailers(1, WHOLE), answer(3, WHOLE, "204")];
    assert_eq!(shape(&responses(&frames)), ["0 200", "0 body 0", "1 204", "1 body 0"]);
    // Those that aren't the last are no trailers (RFC 9113 section 8.1), and what follows belongs to nothing.
    let frames = [ask(1, END_HEADERS, "a"), data.clone(), trailers(1, END_HEADERS), data, trailers(1, WHOLE)];
    assert_eq!(shape(&requests(&frames)), ["0 PUT /a", "0 cut 2"]);
}

#[test]
fn a_reset_cuts_a_body() {
    let data = frame(DATA, 0, 1, b"ab");
    let frames = [ask(1, END_HEADERS, "a"), data.clone(), reset(1), data, ask(3, WHOLE, "b"), reset(3)];
    assert_eq!(shape(&requests(&frames)), ["0 PUT /a", "0 cut 2", "1 PUT /b", "1 body 0"]);
    let mut reader = Reader::requests(&key());
    let mut messages = Vec::new();
    reader.feed(&client(&frames), &mut messages);
    assert_eq!((reader.take_resets(), reader.take_resets()), (vec![0, 1], vec![]));
}

#[test]
fn the_other_side_may_reset() {
    let mut reader = Reader::responses(&key());
    let mut messages = Vec::new();
    reader.feed(&super::server(&[answer(1, END_HEADERS, "200"), frame(DATA, 0, 1, b"ab")]), &mut messages);
    [7, 0, 0, 1 << 30, u64::MAX].iter().for_each(|&exchange| reader.reset(exchange, &mut messages));
    // what was on its way belongs to nothing
    reader.feed(&[frame(DATA, 0, 1, b"cd"), trailers(1, WHOLE), answer(3, WHOLE, "200")].concat(), &mut messages);
    assert_eq!(shape(&messages), ["0 200", "0 cut 2", "1 200", "1 body 0"]);
}

#[test]
fn informational_responses_are_left_out() {
    let frames = [
        answer(1, END_HEADERS, "100"),
        answer(1, END_HEADERS, "103"),
        answer(1, END_HEADERS, "101"),
        answer(1, END_HEADERS, "200"),
        frame(DATA, END_STREAM, 1, b"ok"),
    ];
    assert_eq!(shape(&responses(&frames)), ["0 200", "0 body 2"]);
    // One that nothing follows is all the answer there is.
    assert_eq!(shape(&responses(&[answer(1, WHOLE, "103")])), ["0 103", "0 body 0"]);
}

#[test]
fn a_response_without_a_status_is_none() {
    for status in ["", "20", "2000", "abc", "099", "+99", " 20"] {
        let frames = [answer(1, END_HEADERS, status), frame(DATA, END_STREAM, 1, b"x"), answer(3, WHOLE, "200")];
        assert_eq!(shape(&responses(&frames)), ["1 200", "1 body 0"], "{status:?}");
    }
    assert_eq!(shape(&responses(&[trailers(1, WHOLE), answer(3, WHOLE, "200")])), ["1 200", "1 body 0"]);
}

/// Streams are opened in order (RFC 9113 section 5.1.1): an older one is no new request, but its fields are remembered.
#[test]
fn an_old_stream_is_no_new_request() {
    let remembering = frame(HEADERS, WHOLE, 3, b"\x83\x86\x84\x40\x01x\x01y");
    let frames = [ask(5, WHOLE, "a"), remembering, frame(HEADERS, WHOLE, 7, b"\x82\x86\x84\xbe")];
    let messages = requests(&frames);
    assert_eq!(shape(&messages), ["2 PUT /a", "2 body 0", "3 GET /", "3 body 0"]);
    assert!(matches!(&messages[2], Message::Request(request) if request.headers.headers == ["x"]));
    let again = [ask(1, WHOLE, "a"), ask(1, WHOLE, "b")];
    assert_eq!(shape(&requests(&again)), ["0 PUT /a", "0 body 0"]);
}

#[test]
fn bodies_can_be_seen_as_they_pass() {
    let bytes = client(&[
        ask(1, END_HEADERS, "a"),
        ask(3, END_HEADERS, "b"),
        frame(DATA, 8, 1, b"\x01hello\0"),
        frame(DATA, END_STREAM, 3, b"ab"),
        frame(DATA, END_STREAM, 1, b" world"),
        frame(DATA, END_STREAM, 5, b"nobody's"),
    ]);
    for size in 1..bytes.len() {
        let mut reader = Reader::requests(&key());
        let (mut messages, mut seen) = (Vec::new(), [Vec::new(), Vec::new()]);
        let mut visit = |exchange: u64, piece: &[u8]| seen[exchange as usize].extend_from_slice(piece);
        bytes.chunks(size).for_each(|piece| reader.feed_with(piece, &mut messages, &mut visit));
        assert_eq!(seen, [b"hello world".to_vec(), b"ab".to_vec()]);
        assert_eq!(messages[2..], [Message::Body(body(1, "ab")), Message::Body(body(0, "hello world"))]);
    }
}
