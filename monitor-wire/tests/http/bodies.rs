//! Where bodies end, and whose they are.

use super::{body, end, feed, key, requests, responses, shape};
use monitor_wire::http::{Message, Reader};
use monitor_wire::redact::Key;

const CHUNKED: &str = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn chunks_make_the_body_that_they_frame() {
    for chunks in [
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        "0005;a=b;c=\"d;e\"\r\nhello\r\n6 ; x\r\n world\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
        "B\t\r\nhello world\r\n0;last\r\n\r\n",
        "5\nhello\n6\n world\n0\n\n",
    ] {
        let messages = requests(format!("{CHUNKED}{chunks}GET /next HTTP/1.1\r\n\r\n"));
        assert_eq!(messages[1], Message::Body(body(0, "hello world")), "{chunks:?}");
        assert_eq!(shape(&messages[2..]), ["1 GET /next", "1 body 0"], "{chunks:?}");
    }
    for coding in ["Chunked", "gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", ", chunked,"] {
        let messages = requests(format!("PUT / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n1\r\na\r\n0\r\n\r\n"));
        assert_eq!(messages[1..], [Message::Body(body(0, "a"))], "{coding}");
    }
    let both = "PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    assert_eq!(requests(both)[1..], [Message::Body(body(0, "ab"))]);
}

#[test]
fn broken_chunks_end_the_direction() {
    for (chunks, bytes) in [
        ("\r\n", 0),
        ("x", 0),
        (";a\r\n", 0),
        ("-1\r\n", 0),
        ("0x1\r\n", 0),
        (" 1\r\n", 0),
        ("1 1\r\n", 0),
        ("1\rx", 0),
        ("10000000000000000\r\n", 0),
        ("2\r\nabc", 2),
        ("2\r\nab\rc", 2),
    ] {
        let messages = requests(format!("{CHUNKED}{chunks}"));
        assert_eq!(shape(&messages[1..]), [format!("0 cut {bytes}"), "end malformed".to_owned()], "{chunks:?}");
    }
}

#[test]
fn a_body_whose_end_nobody_can_tell_ends_the_direction() {
    for fields in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1, 2",
        "Content-Length: x",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding:",
    ] {
        let messages = requests(format!("PUT /a HTTP/1.1\r\n{fields}\r\n\r\nGET /b HTTP/1.1\r\n\r\n"));
        assert_eq!(shape(&messages), ["0 PUT /a", "0 cut 0", "end malformed"], "{fields}");
    }
}

#[test]
fn requests_follow_each_other() {
    let text = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\n\r\nPUT /c HTTP/1.1\r\n\
        Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nDELETE /d HTTP/1.1\r\n\r\n";
    assert_eq!(
        shape(&requests(text)),
        ["0 POST /a", "0 body 2", "1 GET /b", "1 body 0", "2 PUT /c", "2 body 1", "3 DELETE /d", "3 body 0"]
    );
    let upgrade = "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\u{81}\u{85}";
    assert_eq!(shape(&requests(upgrade)), ["0 GET /", "0 body 0", "end malformed"]);
}

#[test]
fn responses_end_as_their_requests_say() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok\
        HTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
        HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx\
        HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        HTTP/1.1 500 \r\n\r\nuntil close";
    let methods = ["HEAD", "PUT", "DELETE", "GET", "CONNECT", "GET", "GET"];
    let messages = responses(&methods, text);
    assert_eq!(
        shape(&messages),
        [
            "0 200",
            "0 body 0",
            "1 201",
            "1 body 2",
            "2 204",
            "2 body 0",
            "3 304",
            "3 body 0",
            "4 407",
            "4 body 1",
            "5 200",
            "5 body 3",
            "6 500",
            "6 body 11"
        ]
    );
    assert_eq!(messages[3], Message::Body(body(1, "ok")));
    assert_eq!(messages[11], Message::Body(body(5, "abc")));
    assert_eq!(messages[13], Message::Body(body(6, "until close")));
}

#[test]
fn other_protocols_take_over() {
    let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{81}\u{5}hello";
    assert_eq!(shape(&responses(&["GET"], text)), ["0 101", "end upgrade"]);
    let text = "HTTP/1.1 200 Connection established\r\nContent-Length: 3\r\n\r\n\x16\x03\x01";
    assert_eq!(shape(&responses(&["CONNECT"], text)), ["0 200", "end connect"]);
}

#[test]
fn a_response_counts_by_order_without_its_request() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(shape(&responses(&[], answer.repeat(2))), ["0 200", "0 body 1", "1 200", "1 body 1"]);
    // A request that is told too late is not taken for the next one's.
    let mut reader = Reader::responses(&key());
    let mut messages = Vec::new();
    reader.feed(answer.as_bytes(), &mut messages);
    ["HEAD", "GET", "HEAD"].iter().for_each(|method| reader.expect(method));
    reader.feed(answer.as_bytes(), &mut messages);
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", &mut messages);
    assert_eq!(shape(&messages), ["0 200", "0 body 1", "1 200", "1 body 1", "2 200", "2 body 0"]);
}

#[test]
fn a_body_that_the_end_cuts_is_incomplete() {
    assert_eq!(shape(&requests("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab")), ["0 PUT /", "0 cut 2"]);
    assert_eq!(shape(&requests(format!("{CHUNKED}3\r\nabc\r\n"))), ["0 PUT /", "0 cut 3"]);
    assert_eq!(shape(&requests(format!("{CHUNKED}0\r\n"))), ["0 PUT /", "0 cut 0"]);
    assert_eq!(shape(&responses(&["GET"], "HTTP/1.0 200 OK\r\n\r\n")), ["0 200", "0 body 0"]);
}

#[test]
fn digests_tell_bodies_apart() {
    let other = Key::from_bytes([8; 32]);
    let text = b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab";
    let under = |key: &Key| feed(Reader::requests(key), &[text]).swap_remove(1);
    assert_eq!(under(&key()), Message::Body(body(0, "ab")));
    assert_ne!(under(&other), under(&key()));
    assert_ne!(body(0, "ab").digest, body(0, "ba").digest);
    assert_ne!(body(0, "ab").digest, body(0, "ab\0").digest);
}

#[test]
fn bodies_can_be_seen_as_they_pass() {
    let text = format!(
        "{CHUNKED}5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: x\r\n\r\nPUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
    );
    for size in 1..text.len() {
        let mut reader = Reader::requests(&key());
        let (mut messages, mut seen) = (Vec::new(), [Vec::new(), Vec::new()]);
        let mut visit = |exchange: u64, piece: &[u8]| seen[exchange as usize].extend_from_slice(piece);
        text.as_bytes().chunks(size).for_each(|piece| reader.feed_with(piece, &mut messages, &mut visit));
        assert_eq!(seen, [b"hello world".to_vec(), b"ab".to_vec()]);
        assert_eq!(messages[3], Message::Body(body(1, "ab")));
    }
}

#[test]
fn nothing_is_read_behind_the_end() {
    let mut reader = Reader::requests(&key());
    let mut messages = Vec::new();
    reader.feed(b"\0", &mut messages);
    assert!(reader.is_over());
    reader.feed(b"GET / HTTP/1.1\r\n\r\n", &mut messages);
    reader.gap(5, &mut messages);
    reader.end(&mut messages);
    assert_eq!(messages, [end("malformed")]);
}
