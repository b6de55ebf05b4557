//! Every cap, on both of its sides.

use super::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, WHOLE, ask, block, client, end, feed, frame,
    hidden, incomplete, key, request, requests, shape,
};
use monitor_wire::http::h2::Reader;
use monitor_wire::http::{Message, Request};
use monitor_wire::limits;

const USUAL: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/")];

fn with(more: &[(&str, &str)]) -> Request {
    request(&USUAL.iter().chain(more).copied().collect::<Vec<_>>())
}

/// A head whose block has so many bytes, in frames of 16 KiB.
fn long(bytes: usize) -> Vec<u8> {
    let usual = block(&USUAL);
    let mut value = bytes - usual.len() - 4;
    while usual.len() + block(&[("x", "y".repeat(value))]).len() > bytes {
        value -= 1;
    }
    let mut block = [usual, block(&[("x", "y".repeat(value))])].concat();
    block.resize(bytes, 0x20); // a size of zero for the table, a byte each
    let mut frames = Vec::new();
    let mut pieces = block.chunks(1 << 14).peekable();
    let mut kind = HEADERS;
    while let Some(piece) = pieces.next() {
        let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, last | if kind == HEADERS { END_STREAM } else { 0 }, 1, piece));
        kind = CONTINUATION;
    }
    frames
}

/// Too long for every split.
fn at_once(bytes: &[u8]) -> Vec<String> {
    let sizes = [bytes.len(), 1, 4096, 65_537];
    let mut results = sizes.map(|size| {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        shape(&feed(Reader::requests(&key()), &pieces))
    });
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    std::mem::take(&mut results[0])
}

#[test]
fn heads() {
    assert_eq!(at_once(&client(&[long(limits::HTTP_HEAD)])), ["0 GET /", "0 body 0"]);
    assert_eq!(at_once(&client(&[long(limits::HTTP_HEAD + 1)])), ["end too_long"]);
    // Of one frame that is longer, nothing is kept either.
    assert_eq!(at_once(&client(&[frame(HEADERS, WHOLE, 1, &vec![0x20; 1 << 20])])), ["end too_long"]);
    // A flood of frames without anything in them takes no room.
    let flood = frame(CONTINUATION, 0, 1, b"").repeat(10_000);
    let frames = [frame(HEADERS, END_STREAM, 1, &block(&USUAL)), flood, frame(CONTINUATION, END_HEADERS, 1, b"")];
    assert_eq!(at_once(&client(&frames)), ["0 GET /", "0 body 0"]);
}

/// One byte may stand for a field of four thousand.
#[test]
fn lists() {
    let most = limits::HPACK_LIST / 4000;
    let entry = [&b"\x40\x01a\x7f\x80\x1e"[..], &[b'b'; 3967]].concat();
    let list = |fields: usize| {
        // what is usual counts 4 * 32 and its text, so one field less fits beside it
        let block = [block(&USUAL), entry.clone(), vec![0xbe; fields - 1]].concat();
        client(&[frame(HEADERS, WHOLE, 1, &block)])
    };
    assert_eq!(at_once(&list(most)), ["0 GET /", "0 body 0"]);
    assert_eq!(at_once(&list(most + 1)), ["end too_long"]);
}

/// A head of a few bytes may name long texts that are remembered, but not for ever.
#[test]
fn work() {
    let path = [&b"\x44\x7f\x80\x1e/"[..], &[b'p'; 3966]].concat();
    let first = [&b"\x83\x87"[..], &path].concat();
    let heads = |number: usize, more: usize| {
        // each repeats the path as a field that counts nothing, as often as it is told
        let next = |index: usize| {
            let block = [&b"\x83\x87\xbe"[..], &vec![0xbe; more]].concat();
            frame(HEADERS, WHOLE, 2 * index as u32 + 3, &block)
        };
        [vec![frame(HEADERS, WHOLE, 1, &first)], (0..number).map(next).collect()].concat()
    };
    let most = |messages: &[String]| messages.iter().filter(|message| message.contains("POST")).count();
    // Twelve bytes pay for three thousand, and such a head costs four thousand.
    let modest = at_once(&client(&heads(900, 0)));
    assert_eq!((most(&modest), modest.len()), (901, 2 * 901));
    let greedy = at_once(&client(&heads(900, 30)));
    let paid = 42 * limits::HTTP2_RATIO as usize;
    let room = limits::HTTP2_CREDIT as usize / (31 * 3967 + 9 - paid);
    assert!((room..=room + 1).contains(&(most(&greedy) - 1)), "{} of {room}", most(&greedy));
    assert_eq!(greedy.last().map(String::as_str), Some("end too_long"));
}

#[test]
fn tables() {
    let resize = |size: &[u8]| client(&[frame(HEADERS, WHOLE, 1, &[size, &block(&USUAL)].concat())]);
    assert_eq!(at_once(&resize(b"\x3f\xe1\xff\x03")), ["0 GET /", "0 body 0"]);
    assert_eq!(at_once(&resize(b"\x3f\xe2\xff\x03")), ["end too_long"]);
}

#[test]
fn streams() {
    let most = limits::HTTP2_STREAMS as u32;
    let mut frames: Vec<Vec<u8>> = (0..most).map(|number| ask(2 * number + 1, END_HEADERS, "a")).collect();
    frames.push(frame(DATA, 0, 1, b"ab"));
    let mut reader = Reader::requests(&key());
    let mut messages = Vec::new();
    reader.feed(&client(&frames), &mut messages);
    assert_eq!((messages.len(), reader.evicted()), (limits::HTTP2_STREAMS, 0));
    // One that has no body takes no room; one that has takes the oldest one's.
    messages.clear();
    reader.feed(&ask(2 * most + 1, WHOLE, "b"), &mut messages);
    reader.feed(&ask(2 * most + 3, END_HEADERS, "c"), &mut messages);
    let (b, c) = (most, most + 1);
    let expected = [format!("{b} PUT /b"), format!("{b} body 0"), format!("{c} PUT /c"), "0 cut 2".to_owned()];
    assert_eq!((shape(&messages), reader.evicted()), (expected.to_vec(), 1));
    messages.clear();
    let mut visited = 0;
    let rest = [frame(DATA, END_STREAM, 1, b"cd"), frame(DATA, END_STREAM, 3, b"ef")].concat();
    reader.feed_with(&rest, &mut messages, &mut |exchange, piece| visited += exchange as usize * 10 + piece.len());
    assert_eq!((shape(&messages), visited), (vec!["1 body 2".to_owned()], 12));
    messages.clear();
    reader.end(&mut messages);
    assert_eq!(messages.len(), limits::HTTP2_STREAMS - 1);
    assert_eq!(messages[0], incomplete(2, 0));
}

#[test]
fn resets() {
    let reset = |number: u32| frame(RST_STREAM, 0, 2 * number + 1, &[0; 4]);
    let frames: Vec<Vec<u8>> = (0..limits::HTTP2_RESETS as u32 + 1).map(reset).collect();
    let mut reader = Reader::requests(&key());
    reader.feed(&client(&frames), &mut Vec::new());
    assert_eq!(reader.take_resets(), (1..=limits::HTTP2_RESETS as u64).collect::<Vec<u64>>());
}

#[test]
fn names_and_values() {
    for (extra, flags) in [(0, &[][..]), (1, &["cut"][..])] {
        let many = with(&vec![("x", "y"); limits::HTTP_NAMES + extra]);
        assert_eq!((many.headers.headers.len(), &many.flags[..]), (limits::HTTP_NAMES, &strings(flags)[..]));
        let many = with(&vec![("mcp-name", "y"); limits::HTTP_VALUES + extra]);
        assert_eq!((many.headers.values.len(), &many.flags[..]), (limits::HTTP_VALUES, &strings(flags)[..]));
        let agent = "a".repeat(limits::HTTP_VALUE + extra);
        let long = with(&[("user-agent", &agent)]);
        assert_eq!((long.headers.values[0].1.len(), &long.flags[..]), (limits::HTTP_VALUE, &strings(flags)[..]));
        let name = "n".repeat(limits::HTTP_NAME + extra);
        let long = with(&[(&name, "x")]);
        assert_eq!(long.headers.headers, [if extra == 0 { name.clone() } else { hidden(&name) }]);
        assert_eq!(long.flags, strings(flags));
    }
    // What authorises it and whom it is for counts behind the cap too, and the crumbs of a cookie are one name.
    let mut late = vec![("cookie", "a=b"); 2 * limits::HTTP_NAMES];
    late.extend(vec![("x", "y"); limits::HTTP_NAMES]);
    late.extend([("host", "other"), ("authorization", "Bearer x")]);
    let late = with(&late);
    assert_eq!((late.authorization.is_some(), late.headers.values.len()), (true, 1));
    assert_eq!(late.headers.headers.iter().filter(|name| *name == "cookie").count(), 1);
}

#[test]
fn targets_methods_and_hosts() {
    let asked = |method: &str, host: &str, path: &str| {
        request(&[(":method", method), (":scheme", "https"), (":authority", host), (":path", path)])
    };
    for (extra, flags, of_path) in [(0, &[][..], &[][..]), (1, &["cut"][..], &["cut_path"][..])] {
        let path = asked("GET", "h", &format!("/{}", "a".repeat(limits::HTTP_TARGET - 1 + extra)));
        assert_eq!((path.path.len(), path.flags), (limits::HTTP_TARGET, strings(of_path)));
        let query = asked("GET", "h", &format!("/?{}", "a".repeat(limits::HTTP_TARGET + extra)));
        assert_eq!((query.query.unwrap().len(), query.flags), (limits::HTTP_TARGET, strings(flags)));
        let host = asked("GET", &"a".repeat(limits::HTTP_HOST + extra), "/");
        assert_eq!((host.host.unwrap().len(), host.flags), (limits::HTTP_HOST, strings(flags)));
    }
    let long = "M".repeat(limits::HTTP_METHOD);
    assert_eq!(asked(&long, "h", "/").method, long);
    assert_eq!(asked(&format!("{long}M"), "h", "/").method, hidden(&format!("{long}M")));
    assert_eq!(asked(&" ".repeat(limits::HTTP_METHOD + 1), "h", "/").method.len(), limits::HTTP_METHOD);
}

/// A request that is read is followed by what ends the direction, never by nothing.
#[test]
fn what_is_too_long_comes_after_what_was_read() {
    let frames = [ask(1, END_HEADERS, "a"), frame(HEADERS, WHOLE, 3, &vec![0x20; limits::HTTP_HEAD + 1])];
    let messages = requests(&frames);
    assert_eq!(messages[1..], [incomplete(0, 0), end("too_long")]);
    assert!(matches!(messages[0], Message::Request(_)));
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
