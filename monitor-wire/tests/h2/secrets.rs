//! No token shows, wherever it was put.

use super::{
    END_HEADERS, HEADERS, PUSH_PROMISE, WHOLE, block, client, frame, hidden, key, request, requests, responses,
};
use monitor_wire::http::h2::Reader;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

fn hides(shown: &str) -> bool {
    !shown.to_lowercase().contains(&TOKEN.to_lowercase())
}

#[test]
fn tokens_show_nowhere() {
    let usual = [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/")];
    for (name, value) in [
        (":method", "TOKEN"),
        (":method", "a TOKEN"),
        (":scheme", "TOKEN"),
        (":authority", "TOKEN"),
        (":authority", "TOKEN@h:8443"),
        (":path", "/TOKEN"),
        (":path", "TOKEN"),
        (":path", "/?x=TOKEN"),
        (":path", "/?TOKEN=x"),
        (":path", "https://TOKEN/"),
        (":protocol", "TOKEN"),
        (":TOKEN", "x"),
        ("TOKEN", "x"),
        ("host", "TOKEN"),
        ("authorization", "Bearer TOKEN"),
        ("authorization", "TOKEN"),
        ("x-auth-key", "TOKEN"),
        ("cookie", "TOKEN"),
        ("x", "TOKEN"),
        ("user-agent", "a TOKEN b"),
        ("content-type", "a; b=TOKEN"),
        ("mcp-session-id", "TOKEN"),
        ("mcp-name", "TOKEN"),
        ("content-length", "TOKEN"),
        ("te", "TOKEN"),
    ] {
        let [name, value] = [name, value].map(|text| text.replace("TOKEN", TOKEN));
        let mut fields: Vec<(String, String)> = vec![(name.clone(), value.clone())];
        fields.extend(usual.iter().filter(|(known, _)| *known != name).map(|&(a, b)| (a.to_owned(), b.to_owned())));
        fields.push((name.clone(), format!("x{value}")));
        let shown = format!("{:?}", request(&fields));
        assert!(hides(&shown), "{name}: {shown}");
        let fields = [(":status", "200"), (name.as_str(), value.as_str())];
        let shown = format!("{:?}", responses(&[frame(HEADERS, WHOLE, 1, &block(&fields))]));
        assert!(hides(&shown), "{name}: {shown}");
        // as trailers, and as a promise
        let trailers = [frame(HEADERS, END_HEADERS, 1, &block(&usual)), frame(HEADERS, WHOLE, 1, &block(&fields[1..]))];
        assert!(hides(&format!("{:?}", requests(&trailers))));
        let promise = [&[0, 0, 0, 2][..], &block(&fields)].concat();
        assert!(hides(&format!("{:?}", responses(&[frame(PUSH_PROMISE, END_HEADERS, 1, &promise)]))));
    }
}

#[test]
fn one_token_has_one_fingerprint() {
    let (path, bearer) = (format!("/{TOKEN}?a={TOKEN}"), format!("Bearer {TOKEN}"));
    let fields = [(":method", "GET"), (":path", path.as_str()), ("authorization", bearer.as_str())];
    let request = request(&fields);
    assert_eq!(request.path, format!("/{}", hidden(TOKEN)));
    assert_eq!(request.query, Some(format!("a={}", hidden(TOKEN))));
    assert_eq!(request.authorization.unwrap().token, hidden(TOKEN));
}

/// Neither what is collected nor what is remembered shows.
#[test]
fn a_reader_shows_nothing() {
    let mut reader = Reader::requests(&key());
    let block = block(&[("authorization", TOKEN)]);
    let remembered = [&[0x40][..], &block[1..]].concat();
    let begun = [frame(HEADERS, WHOLE, 1, &remembered), frame(HEADERS, 0, 3, &block)];
    reader.feed(&client(&begun), &mut Vec::new());
    assert!(hides(&format!("{reader:?}")));
    assert_eq!(format!("{reader:?}"), "Reader { evicted: 0, .. }");
}
