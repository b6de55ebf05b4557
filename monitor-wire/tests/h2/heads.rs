//! Heads: what is kept of them, and what is odd.

use super::{HEADERS, WHOLE};
use super::{block, frame, hidden, request, requests, response};
use monitor_wire::http::{Authorization, Message};

/// The fields of an ordinary request, and these.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/a")];
    usual.iter().chain(more).copied().collect()
}

/// An ordinary request with one of its fields changed, or left out.
fn but<'a>(name: &str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut fields = with(&[]);
    match value {
        Some(value) => fields.iter_mut().filter(|(known, _)| *known == name).for_each(|field| field.1 = value),
        None => fields.retain(|(known, _)| *known != name),
    }
    fields
}

#[test]
fn reads_a_request() {
    let request = request(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "user:hunter2@API.Example.com:8443"),
        (":path", "/client/v4/zones?page=2&token=abc"),
        ("authorization", "Bearer not-a-known-form"),
        ("content-type", "application/json"),
        ("cookie", "a=hunter2"),
        ("cookie", "b=hunter2"),
        ("te", "trailers"),
        ("mcp-session-id", "1868a90c"),
        ("user-agent", "node"),
    ]);
    assert_eq!((request.exchange, request.method.as_str(), request.version.as_str()), (0, "POST", "2"));
    assert_eq!(request.path, "/client/v4/zones");
    assert_eq!(request.query, Some(format!("page=2&token={}", hidden("abc"))));
    assert_eq!(request.host.as_deref(), Some("api.example.com:8443"));
    let token = hidden("not-a-known-form");
    assert_eq!(request.authorization, Some(Authorization { scheme: "bearer".to_owned(), token }));
    assert_eq!(
        request.headers.headers,
        ["authorization", "content-type", "cookie", "te", "mcp-session-id", "user-agent"]
    );
    let values = [
        ("content-type", "application/json".to_owned()),
        ("mcp-session-id", hidden("1868a90c")),
        ("user-agent", "node".to_owned()),
    ];
    assert_eq!(request.headers.values, values.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(request.flags, Vec::<String>::new());
}

#[test]
fn reads_a_response() {
    let response = response(&[
        (":status", "404"),
        ("content-type", "text/html"),
        ("set-cookie", "a=hunter2"),
        ("content-length", "10"),
    ]);
    assert_eq!((response.exchange, response.status), (0, 404));
    assert_eq!(response.headers.headers, ["content-type", "set-cookie", "content-length"]);
    assert_eq!(response.headers.values, [("content-type".to_owned(), "text/html".to_owned())]);
    assert_eq!(response.flags, Vec::<String>::new());
}

#[test]
fn what_is_odd_is_flagged() {
    for (fields, flags) in [
        (with(&[]), &[][..]),
        (with(&[("host", "h"), ("te", "Trailers"), ("content-length", "0")]), &[]),
        (with(&[("host", "H:443")]), &[]),
        (but(":method", None), &["no_method"]),
        (but(":method", Some("")), &["no_method"]),
        (but(":method", Some("GE T")), &["odd_method"]),
        (but(":path", None), &["no_path"]),
        (but(":path", Some("")), &["no_path"]),
        (but(":path", Some("a")), &["odd_target"]),
        (but(":path", Some("/a b")), &["odd_target"]),
        (but(":path", Some("*")), &[]),
        (but(":path", Some("https://h/a")), &["odd_target"]),
        (but(":path", Some("/a\r\nx: y")), &["odd_value", "odd_target"]),
        (but(":scheme", None), &[]),
        (with(&[(":authority", "h")]), &["two_pseudo_headers"]),
        (with(&[(":path", "/b")]), &["two_pseudo_headers"]),
        (with(&[("x", "y"), (":scheme", "http")]), &["late_pseudo_header", "two_pseudo_headers"]),
        (with(&[(":other", "y")]), &["unknown_pseudo_header"]),
        (with(&[(":", "y")]), &["unknown_pseudo_header"]),
        (with(&[(":Path", "/b")]), &["unknown_pseudo_header"]),
        (with(&[(":status", "200")]), &["unknown_pseudo_header"]),
        (with(&[("X-Name", "y")]), &["upper_case_name"]),
        (with(&[("", "y")]), &["odd_name"]),
        (with(&[("a:b", "y")]), &["odd_name"]),
        (with(&[("a\r\nb", "y")]), &["odd_name"]),
        (with(&[("x", "a\nb")]), &["odd_value"]),
        (with(&[("x", "a\0")]), &["odd_value"]),
        (with(&[("x", " a")]), &["odd_value"]),
        (with(&[("x", "a\t")]), &["odd_value"]),
        (with(&[("x", "a b")]), &[]),
        (with(&[("connection", "close")]), &["connection_header"]),
        (with(&[("proxy-connection", "close")]), &["connection_header"]),
        (with(&[("keep-alive", "5")]), &["connection_header"]),
        (with(&[("upgrade", "x")]), &["connection_header"]),
        (with(&[("te", "gzip")]), &["connection_header"]),
        (with(&[("transfer-encoding", "chunked")]), &["connection_header"]),
        (
            with(&[("transfer-encoding", "chunked"), ("content-length", "0")]),
            &["connection_header", "length_and_chunked"],
        ),
        (with(&[("content-length", "5")]), &["bad_length"]),
        (with(&[("content-length", "x")]), &["bad_length"]),
        (with(&[("content-length", "0"), ("content-length", "1")]), &["bad_length"]),
        (with(&[("host", "other")]), &["host_and_authority_differ"]),
        (with(&[("host", "h:80")]), &["host_and_authority_differ"]),
        (with(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), &["two_authorizations"]),
        (with(&[("authorization", "Bearer a"), ("x-auth-key", "b")]), &["two_authorizations"]),
    ] {
        assert_eq!(request(&fields).flags, flags, "{fields:?}");
    }
    for (fields, flags) in [
        (vec![(":status", "200"), (":status", "500")], &["two_pseudo_headers"][..]),
        (vec![("x", "y"), (":status", "200")], &["late_pseudo_header"]),
        (vec![(":status", "200"), (":path", "/")], &["unknown_pseudo_header"]),
        (vec![(":status", "200"), ("connection", "close")], &["connection_header"]),
        (vec![(":status", "200"), ("content-length", "x")], &["bad_length"]),
        (vec![(":status", "200"), ("content-length", "7")], &[]),
    ] {
        assert_eq!(response(&fields).flags, flags, "{fields:?}");
    }
}

#[test]
fn no_name_of_the_host_is_dropped() {
    for (fields, host, others) in [
        (with(&[]), "h", &[][..]),
        (with(&[("host", "h:443")]), "h", &[]),
        (with(&[("host", "Other")]), "h", &["other"]),
        (with(&[("host", "a"), ("host", "b")]), "h", &["a", "b"]),
        (with(&[(":authority", "c"), ("host", "a")]), "h", &["a", "c"]),
        (but(":path", Some("http://d/x")), "h", &["d"]),
        ([&but(":authority", None)[..], &[("host", "a")]].concat(), "a", &[]),
        ([&but(":authority", None)[..], &[("host", "a"), ("host", "b")]].concat(), "a", &["b"]),
    ] {
        let request = request(&fields);
        assert_eq!(request.host.as_deref(), Some(host), "{fields:?}");
        let values: Vec<(&str, &str)> =
            request.headers.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(values, others.iter().map(|host| ("host", *host)).collect::<Vec<_>>(), "{fields:?}");
    }
    assert_eq!(request(&but(":authority", None)).host, None);
}

#[test]
fn tunnels_have_no_path() {
    let tunnel = request(&[(":method", "CONNECT"), (":authority", "h:443")]);
    assert_eq!((tunnel.path.as_str(), tunnel.host.as_deref(), tunnel.flags.len()), ("", Some("h:443"), 0));
    let fields = with(&[(":protocol", "websocket")]);
    let socket = request(
        &fields
            .iter()
            .map(|&(name, value)| (name, if name == ":method" { "CONNECT" } else { value }))
            .collect::<Vec<_>>(),
    );
    assert_eq!((socket.path.as_str(), socket.host.as_deref(), socket.flags.len()), ("/a", Some("h"), 0));
}

/// What isn't indexed and what must never be is a field like any other, with or without Huffman's code.
#[test]
fn every_form_of_a_field_is_read() {
    for path in [&b"\x04\x02/a"[..], b"\x14\x02/a", b"\x44\x02/a", b"\x04\x82\x60\x7f", b"\x00\x05:path\x02/a"] {
        let block = [b"\x82\x87", path, b"\x41\x01h"].concat();
        let messages = requests(&[frame(HEADERS, WHOLE, 1, &block)]);
        let Message::Request(request) = &messages[0] else { panic!("{messages:?}") };
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a"), "{path:x?}");
        assert_eq!((request.host.as_deref(), request.flags.len()), (Some("h"), 0), "{path:x?}");
    }
    assert_eq!(block(&[("a", "b")]), b"\0\x01a\x01b");
}
