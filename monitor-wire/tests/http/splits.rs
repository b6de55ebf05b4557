//! Any split gives the same messages, of ordinary connections and of what is made from their pieces.

use super::{feed, key, requests, responses, shape};
use monitor_wire::http::{Message, Reader, Sniff, looks_like_http};
use proptest::prelude::*;

const PIECES: [&str; 40] = [
    "GET ",
    "PUT ",
    "HEAD ",
    "CONNECT ",
    "/",
    "/a?token=b",
    "http://h/x",
    " HTTP/1.1",
    " HTTP/1.0",
    "HTTP/1.1 ",
    "200 OK",
    "204 ",
    "101 ",
    "100 ",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\n\n",
    "\r",
    "Host: a",
    "Host: b",
    "Content-Length: 5",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Authorization: Bearer x",
    "User-Agent: u",
    "User-Agent: u",
    " fold",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "5;ext=\"x\"\r\n",
    "0\r\nT: x\r\n",
    "ffff",
    ":",
    "é",
    "\0",
    " ",
];

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..32).prop_map(|it| it.concat());
    let start = proptest::sample::select(vec![
        "",
        "GET / HTTP/1.1\r\n",
        "PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ]);
    (start, pieces).prop_map(|(start, pieces)| format!("{start}{pieces}").into_bytes())
}

fn readers() -> [Reader; 2] {
    let mut responses = Reader::responses(&key());
    ["HEAD", "GET", "CONNECT"].iter().for_each(|method| responses.expect(method));
    [Reader::requests(&key()), responses]
}

/// The seeds of the fuzz target are what they are meant to be.
#[test]
fn the_recorded_connections_are_read() {
    assert_eq!(
        shape(&requests(include_bytes!("../../testdata/http/client"))),
        [
            "0 PUT /client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/w",
            "0 body 185",
            "1 POST /mcp",
            "1 body 6",
            "2 GET /a",
            "2 body 0",
            "3 HEAD /",
            "3 body 0",
            "4 OPTIONS *",
            "4 body 0",
            "5 CONNECT ",
            "5 body 0"
        ]
    );
    assert_eq!(
        shape(&responses(&["PUT", "DELETE", "POST", "GET"], include_bytes!("../../testdata/http/server"))),
        ["0 200", "0 body 2", "1 204", "1 body 0", "2 200", "2 body 15", "3 101", "end upgrade"]
    );
    let odd = requests(include_bytes!("../../testdata/http/odd"));
    assert_eq!(shape(&odd), ["0 GET /", "0 body 1", "1 PUT /\\xff", "1 cut 0", "end malformed"]);
    let close = responses(&["GET"], include_bytes!("../../testdata/http/close"));
    assert_eq!(shape(&close), ["0 200", "0 body 3"]);
}

/// What was written as JSON reads back as the same value: recordings depend on it.
#[test]
fn messages_survive_a_recording() {
    let client = requests(include_bytes!("../../testdata/http/client"));
    let odd = requests(include_bytes!("../../testdata/http/odd"));
    let server = responses(&["PUT", "DELETE"], include_bytes!("../../testdata/http/server"));
    for message in [client, odd, server].concat() {
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_split_matters(bytes in stream(), sizes in proptest::collection::vec(1_usize..24, 1..8)) {
        let mut pieces = Vec::new();
        let (mut rest, mut sizes) = (&bytes[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            pieces.push(piece);
            rest = tail;
        }
        for (split, whole) in readers().into_iter().zip(readers()) {
            prop_assert_eq!(feed(split, &pieces), feed(whole, &[&bytes]));
        }
    }

    /// A head is followed by its body or the end, exchanges count up, and nothing follows the end.
    #[test]
    fn messages_keep_their_order(bytes in stream()) {
        for reader in readers() {
            let mut next = 0;
            let mut open = None;
            let mut over = false;
            for message in feed(reader, &[&bytes]) {
                prop_assert!(!over);
                match message {
                    Message::Request(monitor_wire::http::Request { exchange, .. })
                    | Message::Response(monitor_wire::http::Response { exchange, .. }) => {
                        prop_assert_eq!((open, exchange), (None, next));
                        open = Some(exchange);
                        next += 1;
                    }
                    Message::Body(body) => {
                        prop_assert_eq!(open.take(), Some(body.exchange));
                        prop_assert_eq!(body.digest.is_some(), body.complete && body.bytes > 0);
                    }
                    Message::End(_) => over = true,
                }
            }
            prop_assert!(over || open.is_none());
        }
    }

    /// What the reader reads, the sniffer knows.
    #[test]
    fn what_is_read_is_known(bytes in stream()) {
        for (reader, known) in readers().into_iter().zip([Sniff::Request, Sniff::Response]) {
            let messages = feed(reader, &[&bytes]);
            if matches!(messages.first(), Some(Message::Request(_) | Message::Response(_))) {
                prop_assert_eq!(looks_like_http(&bytes), known);
            }
        }
    }
}
