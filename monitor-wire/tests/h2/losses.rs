//! Bytes that were lost.

use super::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, PADDED, PING, WHOLE, answer, ask, body, client, end, frame,
    incomplete, key, server, shape,
};
use monitor_wire::http::Message;
use monitor_wire::http::h2::Reader;

/// What comes out when `lost` bytes are missing behind the first `sent` ones.
fn without(mut reader: Reader, bytes: &[u8], sent: usize, lost: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    reader.feed(&bytes[..sent], &mut messages);
    reader.gap(lost as u64, &mut messages);
    reader.feed(&bytes[sent + lost..], &mut messages);
    reader.end(&mut messages);
    messages
}

#[test]
fn a_loss_within_a_body_cuts_that_body_alone() {
    let begin = client(&[ask(1, END_HEADERS, "a"), ask(3, END_HEADERS, "b")]);
    for (flags, payload) in [(0, &b"0123456789"[..]), (PADDED, b"\x040123456789\0\0\0\0")] {
        let start = begin.len() + 9 + usize::from(flags == PADDED);
        let bytes = [
            begin.clone(),
            frame(DATA, flags, 1, payload),
            frame(DATA, END_STREAM, 3, b"xy"),
            frame(DATA, END_STREAM, 1, b"z"),
            ask(5, WHOLE, "c"),
        ]
        .concat();
        for (from, to) in [(0, 10), (0, 1), (3, 7), (9, 10)] {
            let messages = without(Reader::requests(&key()), &bytes, start + from, to - from);
            assert_eq!(messages[2..4], [Message::Body(body(1, "xy")), incomplete(0, 11)], "{from} {to}");
            assert_eq!(shape(&messages[4..]), ["2 PUT /c", "2 body 0"], "{from} {to}");
        }
    }
    // with its padding, and padding alone
    let padded = [begin.clone(), frame(DATA, PADDED | END_STREAM, 1, b"\x04ab\0\0\0\0"), ask(5, WHOLE, "c")].concat();
    let messages = without(Reader::requests(&key()), &padded, begin.len() + 11, 5);
    assert_eq!(shape(&messages[2..]), ["0 cut 2", "2 PUT /c", "2 body 0", "1 cut 0"]);
    let messages = without(Reader::requests(&key()), &padded, begin.len() + 12, 4);
    assert_eq!(messages[2], Message::Body(body(0, "ab")));
    // of a stream that isn't followed
    let foreign = client(&[frame(DATA, 0, 9, b"0123456789"), ask(11, WHOLE, "c")]);
    let messages = without(Reader::requests(&key()), &foreign, 24 + 15 + 9, 10);
    assert_eq!(shape(&messages), ["5 PUT /c", "5 body 0"]);
}

#[test]
fn a_loss_in_what_says_nothing_does_no_harm() {
    for noise in [frame(PING, 0, 0, b"12345678"), frame(GOAWAY, 0, 0, b"12345678why"), frame(0xee, 0, 1, b"12345678")] {
        let bytes = [client(&[]), noise.clone(), ask(1, WHOLE, "a")].concat();
        let at = client(&[]).len() + 9;
        for (from, lost) in [(0, 8), (3, 2)] {
            let messages = without(Reader::requests(&key()), &bytes, at + from, lost);
            assert_eq!(shape(&messages), ["0 PUT /a", "0 body 0"], "{noise:?}");
        }
    }
}

#[test]
fn a_loss_anywhere_else_ends_the_direction() {
    let head = ask(5, WHOLE, "c");
    let split = [frame(1, END_STREAM, 5, &head[9..20]), frame(CONTINUATION, END_HEADERS, 5, &head[20..])].concat();
    let before = client(&[ask(1, END_HEADERS, "a"), frame(DATA, 0, 1, b"ab")]);
    let data = frame(DATA, PADDED, 1, b"\x02abc\0\0");
    for (rest, at) in [
        (&head, 0),
        (&head, 3),
        (&head, 9),
        (&head, 12),
        (&split, 20),
        (&split, 22),
        (&split, 30),
        // the length of padding, and beyond the frame
        (&data, 9),
        (&data, 11),
    ] {
        let bytes = [&before[..], rest, &ask(7, WHOLE, "d")].concat();
        let lost = if at == 11 { 5 } else { 1 };
        let messages = without(Reader::requests(&key()), &bytes, before.len() + at, lost);
        let known = if at == 11 { 3 } else { 2 };
        let cut = if *rest == data && at == 11 { known } else { 2 };
        assert_eq!(messages[1..], [incomplete(0, cut), end("lost")], "{at}");
    }
    for at in [0, 10, 24, 30] {
        assert_eq!(without(Reader::requests(&key()), &before, at, 1)[..], [end("lost")], "{at}");
    }
    for at in [0, 4] {
        assert_eq!(without(Reader::responses(&key()), &server(&[]), at, 1)[..], [end("lost")], "{at}");
    }
}

#[test]
fn losing_nothing_is_no_loss() {
    let bytes = server(&[answer(1, END_HEADERS, "200"), frame(DATA, END_STREAM, 1, b"ok")]);
    for at in 0..bytes.len() {
        let messages = without(Reader::responses(&key()), &bytes, at, 0);
        assert_eq!(messages[1..], [Message::Body(body(0, "ok"))], "{at}");
    }
}
