//! Frames: those that are read past, and those that end a direction.

use super::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITISED, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WHOLE, WINDOW_UPDATE, answer, ask, block, body, client, end, frame, read,
    requests, responses, server, shape,
};
use monitor_wire::http::Message;
use monitor_wire::http::h2::Reader;

/// The head of [`ask`] as a block.
fn head(name: &str) -> Vec<u8> {
    ask(1, 0, name)[9..].to_vec()
}

#[test]
fn what_says_nothing_is_read_past() {
    let noise = [
        frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]),
        frame(SETTINGS, 1, 0, b""),
        frame(PING, 0, 0, b"12345678"),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]),
        frame(PRIORITY, 0, 7, &[0, 0, 0, 0, 1]),
        frame(PRIORITY, 0, 7, b""),
        frame(RST_STREAM, 0, 99, &[0, 0, 0, 8]),
        frame(GOAWAY, 0, 0, b"\0\0\0\x09\0\0\0\0why"),
        frame(DATA, END_STREAM, 99, b"of nothing"),
        frame(0x0a, 0xff, 5, b"unknown"),
        frame(0xff, 0xff, 0x8000_0000, &[0; 300]),
        frame(0xee, 0, 0, b""),
    ];
    let [ask, data, last] = [ask(1, END_HEADERS, "a"), frame(DATA, 0, 1, b"he"), frame(DATA, END_STREAM, 1, b"llo")];
    for place in 0..=3 {
        let mut frames = vec![ask.clone(), data.clone(), last.clone()];
        frames.splice(place..place, noise.iter().cloned());
        let messages = requests(&frames);
        assert_eq!(shape(&messages), ["0 PUT /a", "0 body 5"], "{place}");
        assert_eq!(messages[1], Message::Body(body(0, "hello")));
    }
}

#[test]
fn a_head_comes_in_any_number_of_frames() {
    let head = head("a");
    let prioritised = [&[0x80, 0, 0, 3, 255], &head[..]].concat();
    let padded = |extra: &[u8], head: &[u8]| [&[3], extra, head, &[0; 3]].concat();
    let (first, rest) = head.split_at(5);
    let split = |flags, first: &[u8]| {
        [
            frame(HEADERS, flags, 1, first),
            frame(CONTINUATION, 0, 1, b""),
            frame(CONTINUATION, 0, 1, &rest[..7]),
            frame(CONTINUATION, END_HEADERS, 1, &rest[7..]),
        ]
        .concat()
    };
    for frames in [
        frame(HEADERS, WHOLE, 1, &head),
        frame(HEADERS, WHOLE | 0xd2, 0x8000_0001, &head),
        frame(HEADERS, WHOLE | PRIORITISED, 1, &prioritised),
        frame(HEADERS, WHOLE | PADDED, 1, &padded(b"", &head)),
        frame(HEADERS, WHOLE | PADDED | PRIORITISED, 1, &padded(&[0, 0, 0, 3, 255], &head)),
        split(END_STREAM, first),
        split(END_STREAM | PADDED, &padded(b"", first)),
    ] {
        assert_eq!(
            shape(&requests(std::slice::from_ref(&frames))),
            ["0 PUT /a", "0 body 0"],
            "{}",
            frames.escape_ascii()
        );
    }
    assert_eq!(requests(&[frame(HEADERS, END_STREAM, 1, &head)]), [end("malformed")]);
}

#[test]
fn padding_is_no_content() {
    let frames = [
        ask(1, END_HEADERS, "a"),
        frame(DATA, PADDED, 1, b"\x02hel\0\0"),
        frame(DATA, PADDED, 1, b"\0lo"),
        frame(DATA, PADDED, 1, b"\x01\0"),
        frame(DATA, PADDED | END_STREAM, 1, &[&[255][..], &[0; 255]].concat()),
    ];
    assert_eq!(requests(&frames)[1..], [Message::Body(body(0, "hello"))]);
}

#[test]
fn what_no_receiver_goes_on_after_ends_the_direction() {
    let head = head("a");
    for wrong in [
        frame(DATA, 0, 0, b"x"),
        frame(DATA, PADDED, 1, b""),
        frame(DATA, PADDED, 1, b"\x01"),
        frame(DATA, PADDED, 1, b"\x05abcd"),
        frame(HEADERS, WHOLE, 0, &head),
        frame(HEADERS, WHOLE, 2, &head),
        frame(HEADERS, WHOLE | PADDED, 3, b"\x10\x82\x86\x84"),
        frame(HEADERS, WHOLE | PRIORITISED, 3, b"\0\0\0\0"),
        frame(HEADERS, WHOLE, 3, b"\x80"),
        frame(HEADERS, WHOLE, 3, b"\xbe"),
        frame(HEADERS, WHOLE, 3, b"\x82\x00\x01"),
        frame(PRIORITY, 0, 0, b"\0\0\0\0\x01"),
        frame(RST_STREAM, 0, 0, b"\0\0\0\x08"),
        frame(RST_STREAM, 0, 1, b"\0\0\x08"),
        frame(SETTINGS, 0, 1, b""),
        frame(SETTINGS, 0, 0, b"\0\x01\0\0\0"),
        frame(SETTINGS, 1, 0, b"\0\x01\0\0\0\0"),
        frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2], &head[..]].concat()),
        frame(PING, 0, 1, b"12345678"),
        frame(PING, 0, 0, b"1234567"),
        frame(GOAWAY, 0, 0, b"1234567"),
        frame(GOAWAY, 0, 1, b"12345678"),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\x01"),
        frame(CONTINUATION, END_HEADERS, 1, &head),
        [frame(HEADERS, 0, 3, &head), frame(DATA, 0, 1, b"x")].concat(),
        [frame(HEADERS, 0, 3, &head), frame(CONTINUATION, END_HEADERS, 1, b"")].concat(),
        [frame(HEADERS, 0, 3, &head), frame(HEADERS, WHOLE, 5, &head)].concat(),
        [frame(HEADERS, 0, 3, &head), frame(0xee, 0, 3, b"")].concat(),
    ] {
        let messages = requests(&[ask(1, END_HEADERS, "a"), wrong.clone(), ask(5, WHOLE, "b")]);
        assert_eq!(shape(&messages), ["0 PUT /a", "0 cut 0", "end malformed"], "{}", wrong.escape_ascii());
    }
}

#[test]
fn a_direction_begins_as_it_must() {
    let next = ask(1, WHOLE, "a");
    for begin in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI", b"\r\n", b"\0"] {
        assert_eq!(read(Reader::requests, &[begin, &next].concat()), [end("malformed")], "{}", begin.escape_ascii());
    }
    assert_eq!(read(Reader::requests, PREFACE), []);
    // No receiver needs the client's `SETTINGS` to know what is asked.
    assert_eq!(shape(&read(Reader::requests, &[PREFACE, &next].concat())), ["0 PUT /a", "0 body 0"]);
    let next = answer(1, WHOLE, "200");
    for begin in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        PREFACE,
        b"",
        b"\0",
        &frame(SETTINGS, 1, 0, b""),
        &frame(SETTINGS, 0, 1, b""),
        &frame(GOAWAY, 0, 0, &[0; 8]),
    ] {
        let messages = read(Reader::responses, &[begin, &next].concat());
        assert_eq!(messages, [end("malformed")], "{}", begin.escape_ascii());
    }
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    assert_eq!(shape(&read(Reader::responses, &[settings, next].concat())), ["0 200", "0 body 0"]);
}

#[test]
fn the_connection_may_close_between_frames() {
    let whole = client(&[ask(1, END_HEADERS, "a"), frame(DATA, 0, 1, b"hello")]);
    let data = whole.len() - 5;
    for (end, expected) in [
        (3, &["end malformed"][..]),
        (24, &[]),
        (26, &["end malformed"]),
        (36, &[]),
        (39, &[]),
        (60, &["end malformed"]),
        (data - 9, &["0 PUT /a", "0 cut 0"]),
        (data - 3, &["0 PUT /a", "0 cut 0", "end malformed"]),
        (data, &["0 PUT /a", "0 cut 0"]),
        (data + 2, &["0 PUT /a", "0 cut 2"]),
        (data + 5, &["0 PUT /a", "0 cut 5"]),
    ] {
        assert_eq!(shape(&read(Reader::requests, &whole[..end])), expected, "{end}");
    }
}

#[test]
fn nothing_is_read_behind_the_end() {
    let mut reader = Reader::requests(&super::key());
    let mut messages = Vec::new();
    reader.feed(b"\0", &mut messages);
    assert!(reader.is_over());
    reader.feed(&client(&[ask(1, WHOLE, "a")]), &mut messages);
    reader.gap(5, &mut messages);
    reader.reset(0, &mut messages);
    reader.end(&mut messages);
    assert_eq!(messages, [end("malformed")]);
}

#[test]
fn a_promise_is_read_for_what_is_remembered_by_it() {
    // `:path` is remembered by the promise, and named by the next head.
    let promise = [&[0, 0, 0, 2][..], &[0x82, 0x40, 1, b'x', 1, b'y']].concat();
    let frames = [
        frame(PUSH_PROMISE, END_HEADERS, 1, &promise),
        frame(HEADERS, WHOLE, 1, b"\x88\xbe"),
        frame(PUSH_PROMISE, END_HEADERS | PADDED, 3, &[&[1][..], &[0, 0, 0, 4, 0xbe], &[0]].concat()),
        frame(HEADERS, WHOLE, 2, &block(&[(":status", "203")])),
    ];
    let messages = responses(&frames);
    assert_eq!(shape(&messages), ["0 200", "0 body 0", "1073741824 203", "1073741824 body 0"]);
    let Message::Response(first) = &messages[0] else { panic!("{messages:?}") };
    assert_eq!(first.headers.headers, ["x"]);
    let short = server(&[frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 2])]);
    assert_eq!(read(Reader::responses, &short), [end("malformed")]);
}
