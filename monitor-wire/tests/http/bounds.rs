//! Every cap, on both of its sides.

use super::{end, feed, flags, hidden, key, request, requests, responses, shape};
use monitor_wire::http::{Message, Reader};
use monitor_wire::limits;

/// Too long for every split.
fn at_once(text: &str) -> Vec<String> {
    let sizes = [text.len(), 1, 4096, 65_537];
    let mut results = sizes.map(|size| {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        shape(&feed(Reader::requests(&key()), &pieces))
    });
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    std::mem::take(&mut results[0])
}

#[test]
fn heads() {
    let head = |bytes: usize| {
        let (start, tail) = ("GET / HTTP/1.1\r\nX: ", "\r\n\r\n");
        format!("{start}{}{tail}", "x".repeat(bytes - start.len() - tail.len()))
    };
    assert_eq!(at_once(&head(limits::HTTP_HEAD)), ["0 GET /", "0 body 0"]);
    assert_eq!(at_once(&head(limits::HTTP_HEAD + 1)), ["end too_long"]);
    assert_eq!(at_once(&"x".repeat(1 << 20)), ["end malformed"]);
    assert_eq!(at_once(&format!("GET /{}", "x".repeat(1 << 20))), ["end too_long"]);
    let lines = limits::HTTP_EMPTY_LINES as usize;
    assert_eq!(at_once(&format!("{}GET / HTTP/1.1\r\n\r\n", "\r\n".repeat(lines))), ["0 GET /", "0 body 0"]);
    assert_eq!(at_once(&format!("{}GET / HTTP/1.1\r\n\r\n", "\n".repeat(lines + 1))), ["end malformed"]);
}

#[test]
fn methods() {
    let line = |bytes: usize| format!("{} / HTTP/1.1\r\n\r\n", "M".repeat(bytes));
    assert_eq!(request(line(limits::HTTP_METHOD)).method.len(), limits::HTTP_METHOD);
    assert_eq!(requests(line(limits::HTTP_METHOD + 1)), [end("malformed")]);
}

#[test]
fn targets_and_hosts() {
    for (extra, flags, of_path) in [(0, &[][..], &[][..]), (1, &["cut"][..], &["cut_path"][..])] {
        let path = request(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(limits::HTTP_TARGET - 1 + extra)));
        assert_eq!((path.path.len(), &path.flags[..]), (limits::HTTP_TARGET, &strings(of_path)[..]));
        let query = request(format!("GET /?{} HTTP/1.1\r\n\r\n", "a".repeat(limits::HTTP_TARGET + extra)));
        assert_eq!((query.query.unwrap().len(), &query.flags[..]), (limits::HTTP_TARGET, &strings(flags)[..]));
        let host = request(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(limits::HTTP_HOST + extra)));
        assert_eq!((host.host.unwrap().len(), &host.flags[..]), (limits::HTTP_HOST, &strings(flags)[..]));
    }
    // never within a character
    let path = request(format!("GET /{} HTTP/1.1\r\n\r\n", "ü".repeat(limits::HTTP_TARGET)));
    assert_eq!(path.path.len(), limits::HTTP_TARGET - 1);
}

#[test]
fn names_and_values() {
    for (extra, flags) in [(0, &[][..]), (1, &["cut"][..])] {
        let many = request(format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(limits::HTTP_NAMES + extra)));
        assert_eq!((many.headers.headers.len(), &many.flags[..]), (limits::HTTP_NAMES, &strings(flags)[..]));
        let many = request(format!("GET / HTTP/1.1\r\n{}\r\n", "Mcp-Name: y\r\n".repeat(limits::HTTP_VALUES + extra)));
        assert_eq!((many.headers.values.len(), &many.flags[..]), (limits::HTTP_VALUES, &strings(flags)[..]));
        let agent = "a".repeat(limits::HTTP_VALUE + extra);
        let long = request(format!("GET / HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n"));
        assert_eq!((long.headers.values[0].1.len(), &long.flags[..]), (limits::HTTP_VALUE, &strings(flags)[..]));
        let name = "n".repeat(limits::HTTP_NAME + extra);
        let long = request(format!("GET / HTTP/1.1\r\n{name}: x\r\n\r\n"));
        assert_eq!(long.headers.headers, [if extra == 0 { name.clone() } else { hidden(&name) }]);
        assert_eq!(long.flags, strings(flags));
    }
    // What frames the body and authorises it counts behind the cap too.
    let late = format!(
        "PUT / HTTP/1.1\r\n{}Host: h\r\nAuthorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: y\r\n".repeat(limits::HTTP_NAMES)
    );
    assert_eq!(flags(&late), ["cut"]);
    let messages = requests(&late);
    let [Message::Request(late), Message::Body(_)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((late.host.as_deref(), late.authorization.is_some()), (Some("h"), true));
}

#[test]
fn chunk_lines_and_trailers() {
    const CHUNKED: &str = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = |bytes: usize| format!("{CHUNKED}1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(bytes - 4));
    let most = limits::HTTP_CHUNK_LINE as usize;
    assert_eq!(at_once(&line(most)), ["0 PUT /", "0 body 1"]);
    assert_eq!(at_once(&line(most + 1)), ["0 PUT /", "0 cut 0", "end too_long"]);
    assert_eq!(at_once(&format!("{CHUNKED}{}", "0".repeat(1 << 16))), ["0 PUT /", "0 cut 0", "end too_long"]);
    assert_eq!(at_once(&format!("{CHUNKED}1{}", " ".repeat(1 << 16))), ["0 PUT /", "0 cut 0", "end too_long"]);
    let trailers = |bytes: usize| format!("{CHUNKED}1\r\nx\r\n0\r\nT: {}\r\n\r\n", "x".repeat(bytes - 7));
    let most = limits::HTTP_TRAILERS as usize;
    assert_eq!(at_once(&trailers(most)), ["0 PUT /", "0 body 1"]);
    assert_eq!(at_once(&trailers(most + 1)), ["0 PUT /", "0 cut 1", "end too_long"]);
    assert_eq!(
        at_once(&format!("{CHUNKED}0\r\n{}", "T: x\r\n".repeat(1 << 16))),
        ["0 PUT /", "0 cut 0", "end too_long"]
    );
}

#[test]
fn unanswered_requests() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    let methods = vec!["HEAD"; limits::HTTP_PIPELINE + 1];
    let messages = responses(&methods[1..], answer);
    assert_eq!(shape(&messages), ["0 200", "0 body 0"]);
    // Of those that there was no room for nobody knows whether a body follows.
    let mut reader = Reader::responses(&key());
    let mut messages = Vec::new();
    methods.iter().for_each(|method| reader.expect(method));
    (0..limits::HTTP_PIPELINE).for_each(|_| reader.feed(answer.as_bytes(), &mut messages));
    assert_eq!((messages.len(), reader.is_over()), (2 * limits::HTTP_PIPELINE, false));
    reader.feed(answer.as_bytes(), &mut messages);
    assert_eq!(messages.last(), Some(&end("too_long")));
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
