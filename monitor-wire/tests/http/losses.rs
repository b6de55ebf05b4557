//! Bytes that were lost.

use super::{end, incomplete, key, shape};
use monitor_wire::http::{Message, Reader};

const LENGTH: &str = "PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n";
const CHUNKED: &str = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\n\r\n";

/// What comes of it when so many bytes are lost between two parts, without the first message.
fn around(mut reader: Reader, before: &str, lost: u64, after: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    reader.feed(before.as_bytes(), &mut messages);
    reader.gap(lost, &mut messages);
    reader.feed(after.as_bytes(), &mut messages);
    reader.end(&mut messages);
    messages
}

fn request(before: &str, lost: u64, after: &str) -> Vec<Message> {
    around(Reader::requests(&key()), before, lost, after).split_off(1)
}

#[test]
fn a_known_length_survives_a_loss() {
    for (sent, lost, rest) in [("ab", 5, "xyz"), ("", 1, "123456789"), ("ab", 8, ""), ("", 10, "")] {
        let messages = request(&format!("{LENGTH}{sent}"), lost, &format!("{rest}{NEXT}"));
        assert_eq!(messages[0], incomplete(0, 10), "{sent} {lost}");
        assert_eq!(shape(&messages[1..]), ["1 GET /next", "1 body 0"], "{sent} {lost}");
    }
    let messages = request(&format!("{CHUNKED}a\r\nab"), 5, &format!("xyz\r\n1\r\nx\r\n0\r\n\r\n{NEXT}"));
    assert_eq!(shape(&messages), ["0 cut 11", "1 GET /next", "1 body 0"]);
    let messages = request(&format!("{CHUNKED}a\r\nab"), 8, &format!("\r\n0\r\n\r\n{NEXT}"));
    assert_eq!(shape(&messages), ["0 cut 10", "1 GET /next", "1 body 0"]);
}

#[test]
fn a_loss_anywhere_else_ends_the_direction() {
    for before in ["0", "a", "a\r\n0123456789", "a\r\n0123456789\r\n", "0\r\n", "0\r\nT: x", "1;x"] {
        let messages = request(&format!("{CHUNKED}{before}"), 1, NEXT);
        let bytes = if before.contains("9") { 10 } else { 0 };
        assert_eq!(messages, [incomplete(0, bytes), end("lost")], "{before:?}");
    }
    // beyond the body, or the chunk
    assert_eq!(request(&format!("{LENGTH}ab"), 9, NEXT), [incomplete(0, 10), end("lost")]);
    assert_eq!(request(&format!("{CHUNKED}a\r\nab"), 9, NEXT), [incomplete(0, 2), end("lost")]);
    for before in ["", "G", "GET / HTTP/1.1\r\nHost: a", "\r\n"] {
        assert_eq!(around(Reader::requests(&key()), before, 1, NEXT), [end("lost")], "{before:?}");
    }
    assert_eq!(shape(&request("GET / HTTP/1.1\r\n\r\n", 1, NEXT)), ["0 body 0", "end lost"]);
}

#[test]
fn a_body_until_the_end_is_incomplete_after_a_loss() {
    let messages = around(Reader::responses(&key()), "HTTP/1.1 200 OK\r\n\r\nab", 5, "xyz");
    assert_eq!(messages[1..], [incomplete(0, 10)]);
}

#[test]
fn losing_nothing_is_no_loss() {
    assert_eq!(shape(&around(Reader::requests(&key()), "GET / HT", 0, "TP/1.1\r\n\r\n")), ["0 GET /", "0 body 0"]);
}
