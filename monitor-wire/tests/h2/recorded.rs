//! Connections of real clients and servers; `testdata/README.md` says how they were made.

use super::{
    CONTINUATION, DATA, HEADERS, PADDED, PREFACE, PUSH_PROMISE, RST_STREAM, body, hidden, key, read, requests,
    responses, shape,
};
use monitor_wire::http::h2::{Reader, Sniff, looks_like_http2};
use monitor_wire::http::{Authorization, Message, Sniff as OfHttp, looks_like_http};

const ALL: [&str; 6] = ["curl", "curl-put", "curl-long", "curl-parallel", "node", "node-padded"];

/// What the client sent, and the server.
fn recorded(name: &str) -> [Vec<u8>; 2] {
    ["client", "server"].map(|side| {
        let path = format!("{}/testdata/h2/{name}-{side}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    })
}

fn both(name: &str) -> [Vec<Message>; 2] {
    let [client, server] = recorded(name);
    [read(Reader::requests, &client), read(Reader::responses, &server)]
}

/// Types and flags of the frames of a recording.
fn frames(bytes: &[u8]) -> Vec<(u8, u8)> {
    let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, _, _, _, _, tail @ ..] = rest {
        frames.push((*kind, *flags));
        rest = &tail[u32::from_be_bytes([0, *a, *b, *c]) as usize..];
    }
    frames
}

/// The recordings show what they are meant to show.
#[test]
fn the_recordings_have_it_all() {
    let has = |bytes: &[u8], kind, flags| frames(bytes).iter().any(|&(k, f)| k == kind && f & flags == flags);
    for [client, server] in ["node", "node-padded"].map(recorded) {
        assert!([&client, &server].iter().all(|bytes| has(bytes, CONTINUATION, 0) && has(bytes, RST_STREAM, 0)));
        assert!(has(&server, PUSH_PROMISE, 0));
    }
    for bytes in recorded("node-padded") {
        assert!(has(&bytes, DATA, PADDED) && has(&bytes, HEADERS, PADDED));
    }
    for [client, server] in ALL.map(recorded) {
        let bytes = [&client[..], &server];
        assert_eq!(bytes.map(looks_like_http2), [Sniff::Client, Sniff::Server]);
        assert_eq!(bytes.map(looks_like_http), [OfHttp::Http2, OfHttp::No]);
    }
}

#[test]
fn curl_asks() {
    let [asked, answered] = both("curl");
    assert_eq!(
        shape(&asked),
        [
            "0 GET /client/v4/zones",
            "0 body 0",
            "1 GET /big",
            "1 body 0",
            "2 GET /none",
            "2 body 0",
            "3 GET /trailers",
            "3 body 0"
        ]
    );
    // All but the first say their names by what was remembered.
    for message in asked.iter().step_by(2) {
        let Message::Request(request) = message else { panic!("{message:?}") };
        assert_eq!((request.version.as_str(), request.host.as_deref()), ("2", Some("api.example.com")));
        let token = hidden("not-a-known-form");
        assert_eq!(request.authorization, Some(Authorization { scheme: "bearer".to_owned(), token }));
        assert_eq!(request.headers.headers, ["user-agent", "accept", "authorization"]);
        assert_eq!(request.headers.values, [("user-agent".to_owned(), "curl/7.88.1".to_owned())]);
        assert_eq!(request.flags, Vec::<String>::new());
    }
    assert!(matches!(&asked[0], Message::Request(request) if request.query.as_deref() == Some("page=2")));
    assert_eq!(
        shape(&answered),
        ["0 200", "0 body 27", "1 200", "1 body 70000", "2 204", "2 body 0", "3 200", "3 body 0"]
    );
    let Message::Response(first) = &answered[0] else { panic!("{answered:?}") };
    assert_eq!(first.headers.headers, ["content-type", "mcp-session-id", "date"]);
    let values = [("content-type", "application/json".to_owned()), ("mcp-session-id", hidden("1868a90c"))];
    assert_eq!(first.headers.values, values.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(answered[1], Message::Body(body(0, r#"{"method":"GET","length":0}"#)));
    let big: String = (0..7000).map(|line| format!("line {line:04}\n")).collect();
    assert_eq!(answered[3], Message::Body(body(1, &big)));
}

#[test]
fn curl_uploads_and_says_much() {
    let [asked, answered] = both("curl-put");
    assert_eq!(shape(&asked), ["0 PUT /upload/up.txt", "0 body 5000", "1 PUT /upload/up.txt", "1 body 5000"]);
    assert_eq!(asked[3], Message::Body(body(1, &"u".repeat(5000))));
    assert_eq!(shape(&answered), ["0 200", "0 body 30", "1 200", "1 body 30"]);
    let [asked, answered] = both("curl-long");
    assert_eq!(shape(&asked), ["0 HEAD /headers", "0 body 0", "1 HEAD /big", "1 body 0"]);
    assert_eq!(shape(&answered), ["0 200", "0 body 0", "1 200", "1 body 0"]);
    let [asked, answered] = both("curl-parallel");
    assert_eq!(asked.len(), 6);
    assert_eq!(shape(&answered), ["0 200", "1 200", "2 200", "0 body 72", "1 body 72", "2 body 72"]);
    let ticks: String = (0..4).map(|tick| format!("tick {tick} of /slow?b\n")).collect();
    assert_eq!(answered[4], Message::Body(body(1, &ticks)));
}

#[test]
fn node_mixes_streams() {
    for name in ["node", "node-padded"] {
        let [asked, answered] = both(name);
        assert_eq!(
            shape(&asked[..10]),
            [
                "0 GET /first",
                "0 body 0",
                "1 GET /slow",
                "1 body 0",
                "2 GET /slow",
                "2 body 0",
                "3 POST /early",
                "4 PUT /upload",
                "3 body 13",
                "4 body 6001"
            ]
        );
        let upload = format!("{}{}c", "a".repeat(3000), "b".repeat(3000));
        assert_eq!(asked[8..10], [Message::Body(body(3, "one two three")), Message::Body(body(4, &upload))]);
        assert_eq!(
            shape(&asked[10..]),
            [
                "5 POST /trailers",
                "5 body 5",
                "6 GET /reset",
                "6 body 0",
                "7 GET /refuse",
                "7 body 0",
                "8 GET /events",
                "8 body 0",
                "9 GET /push",
                "9 body 0",
                "10 DELETE /none",
                "10 body 0",
                "11 GET /headers",
                "11 body 0",
                "12 GET /last",
                "12 body 0"
            ]
        );
        // an early hint and the promise are left out; what the client gave up is cut at the end
        assert_eq!(
            shape(&answered),
            [
                "0 200",
                "0 body 27",
                "1 200",
                "2 200",
                "3 200",
                "4 200",
                "3 body 12",
                "4 body 30",
                "1 body 72",
                "2 body 72",
                "5 200",
                "5 body 5",
                "6 200",
                "6 cut 5",
                "8 200",
                "9 200",
                "1073741824 200",
                "9 body 4",
                "1073741824 body 3",
                "10 204",
                "10 body 0",
                "11 200",
                "11 body 2",
                "12 200",
                "12 body 27",
                "8 cut 9"
            ]
        );
        assert_eq!(answered[6], Message::Body(body(3, "early got 13")));
        assert_eq!(answered[11], Message::Body(body(5, "hello")));
        let Message::Response(pushed) = &answered[16] else { panic!("{answered:?}") };
        assert_eq!(pushed.flags, ["pushed"]);
    }
}

/// Who has both directions tells each of the other's resets, and a body that was given up ends at once.
#[test]
fn a_reset_is_handed_over() {
    let [client, server] = recorded("node");
    let (mut asks, mut answers) = (Reader::requests(&key()), Reader::responses(&key()));
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    asks.feed(&client, &mut asked);
    // The last frames of the client are of later exchanges, so the answers up to the given up one come first.
    let cut = server.windows(9).position(|bytes| bytes == b"data: 1\n\n").unwrap() + 9;
    answers.feed(&server[..cut], &mut answered);
    let resets = asks.take_resets();
    assert_eq!((resets, asks.take_resets()), (vec![8], vec![]));
    answers.reset(8, &mut answered);
    assert_eq!(shape(&answered[answered.len() - 2..]), ["8 200", "8 cut 9"]);
    let before = answered.len();
    answers.feed(&server[cut..], &mut answered);
    answers.end(&mut answered);
    assert!(answered.len() > before && shape(&answered[before..]).iter().all(|message| !message.starts_with("8 ")));
    assert_eq!(answers.take_resets(), [6, 7]);
}

/// What was written as JSON reads back as the same value: recordings depend on it.
#[test]
fn messages_survive_a_recording() {
    for message in ALL.into_iter().flat_map(both).flatten() {
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{text}");
    }
}

/// Attached to later, a direction isn't read: nobody knows what its encoder had remembered, or where a frame begins.
#[test]
fn the_middle_of_a_connection_is_refused() {
    let [client, server] = recorded("node");
    for (reader, bytes, begin) in
        [(Reader::requests as fn(&_) -> _, &client, PREFACE.len()), (Reader::responses, &server, 9)]
    {
        for at in (begin..4000).step_by(7) {
            let mut messages = Vec::new();
            let mut reader: Reader = reader(&key());
            reader.feed(&bytes[at..], &mut messages);
            assert_eq!(shape(&messages), ["end malformed"], "from {at}");
        }
    }
    assert_eq!(shape(&requests(&[])), Vec::<String>::new());
    assert_eq!(shape(&responses(&[])), Vec::<String>::new());
}
