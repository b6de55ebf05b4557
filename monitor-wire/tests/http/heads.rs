//! Heads: what is kept of them, and what is odd.

use super::{body, end, flags, hidden, key, request, requests, responses, shape};
use monitor_wire::http::{Authorization, Message, Reader};

fn kept(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn authorization(scheme: &str, token: &str) -> Option<Authorization> {
    Some(Authorization { scheme: scheme.to_owned(), token: hidden(token) })
}

#[test]
fn reads_an_upload() {
    let content = "------formdata-undici-012345678901\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n\
        {\"main_module\":\"index.js\"}\r\n------formdata-undici-012345678901--\r\n";
    let text = format!(
        "PUT /client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/evil?bindings_inherit=strict HTTP/1.1\r\n\
         host: api.cloudflare.com\r\nconnection: keep-alive\r\nAuthorization: Bearer not-a-known-form\r\n\
         content-type: multipart/form-data; boundary=----formdata-undici-012345678901\r\naccept: */*\r\n\
         accept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\naccept-encoding: gzip, deflate\r\n\
         content-length: {}\r\n\r\n{content}",
        content.len()
    );
    let messages = requests(&text);
    let [Message::Request(request), Message::Body(sent)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((request.exchange, request.method.as_str(), request.version.as_str()), (0, "PUT", "1.1"));
    assert_eq!(request.path, "/client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/evil");
    assert_eq!(request.query.as_deref(), Some("bindings_inherit=strict"));
    assert_eq!(request.host.as_deref(), Some("api.cloudflare.com"));
    assert_eq!(request.authorization, authorization("bearer", "not-a-known-form"));
    assert_eq!(
        request.headers.headers,
        [
            "host",
            "connection",
            "authorization",
            "content-type",
            "accept",
            "accept-language",
            "sec-fetch-mode",
            "user-agent",
            "accept-encoding",
            "content-length"
        ]
    );
    let boundary = "multipart/form-data; boundary=----formdata-undici-012345678901";
    assert_eq!(request.headers.values, kept(&[("content-type", boundary), ("user-agent", "node")]));
    assert_eq!(request.flags, Vec::<String>::new());
    assert_eq!(*sent, body(0, content));
}

#[test]
fn reads_a_response() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\
        Set-Cookie: __cf=hunter2\r\nMcp-Session-Id: 1868a90c\r\nContent-Length: 2\r\n\r\n{}";
    let messages = responses(&["GET"], text);
    let [Message::Response(response), Message::Body(sent)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((response.exchange, response.status), (0, 200));
    assert_eq!(
        response.headers.headers,
        ["content-type", "content-encoding", "set-cookie", "mcp-session-id", "content-length"]
    );
    let values =
        [("content-type", "application/json"), ("content-encoding", "gzip"), ("mcp-session-id", &hidden("1868a90c"))];
    assert_eq!(response.headers.values, kept(&values));
    assert_eq!(*sent, body(0, "{}"));
}

#[test]
fn reads_every_form_of_target() {
    for (line, path, query, host) in [
        ("GET /a/b HTTP/1.1", "/a/b", None, Some("h")),
        ("GET /a?b=c&d HTTP/1.0", "/a", Some("b=c&d"), Some("h")),
        ("GET /a? HTTP/1.1", "/a", Some(""), Some("h")),
        ("GET http://H:80/a?b HTTP/1.1", "/a", Some("b"), Some("h:80")),
        ("GET https://user:hunter2@h HTTP/1.1", "/", None, Some("h")),
        ("GET http://h?x://y HTTP/1.1", "/", Some("x://y"), Some("h")),
        ("GET /r?u=http://other/ HTTP/1.1", "/r", Some("u=http://other/"), Some("h")),
        ("CONNECT h:443 HTTP/1.1", "", None, Some("h:443")),
        ("OPTIONS * HTTP/1.1", "*", None, Some("h")),
        ("\r\n\nGET / HTTP/1.1", "/", None, Some("h")),
    ] {
        let request = request(format!("{line}\r\nHost: h\r\n\r\n"));
        let found = (request.path.as_str(), request.query.as_deref(), request.host.as_deref());
        assert_eq!(found, (path, query, host), "{line}");
        assert_eq!(request.flags, Vec::<String>::new(), "{line}");
    }
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").host, None);
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").version, "1.0");
    assert_eq!(request("GET / HTTP/1.1\r\nHost:\r\n\r\n").host, None);
}

#[test]
fn tells_who_authorises() {
    for (fields, scheme, token) in [
        ("Authorization: Bearer abc", "bearer", "abc"),
        ("authorization:bEARER \t abc  ", "bearer", "abc"),
        ("Authorization: Basic dXNlcjpwYXNz", "basic", "dXNlcjpwYXNz"),
        ("Authorization: Bearer a\r\n b", "bearer", "a b"),
        ("X-Auth-Key: abc", "key", "abc"),
        ("X-Auth-Key: abc\r\nAuthorization: Bearer def", "bearer", "def"),
        // what may be the secret itself isn't shown as a scheme
        ("Authorization: hunter2", "other", "hunter2"),
        ("Authorization: hunter2 hunter3", "other", "hunter2 hunter3"),
        ("Authorization: Bearer", "other", "Bearer"),
    ] {
        let request = request(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n"));
        assert_eq!(request.authorization, authorization(scheme, token), "{fields}");
    }
    assert_eq!(request("GET / HTTP/1.1\r\nHost: h\r\n\r\n").authorization, None);
}

#[test]
fn keeps_each_name_of_a_request_that_has_two() {
    for (text, host, others) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "a", &["b"][..]),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nHost: C\r\n\r\n", "a", &["c"]),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "a", &["b"]),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\nHost: c\r\n\r\n", "a", &["b", "c"]),
        ("GET http://a/ HTTP/1.1\r\nHost: a:80\r\nHost: a:80\r\n\r\n", "a", &[]),
    ] {
        let request = request(text);
        let values: Vec<&str> = request.headers.values.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!((request.host.as_deref(), &values[..]), (Some(host), others), "{text}");
        assert!(request.headers.values.iter().all(|(name, _)| name == "host"), "{text}");
    }
}

#[test]
fn flags_what_is_odd() {
    for (text, flag) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "two_hosts"),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "two_hosts"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "two_hosts"),
        ("GET / HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", "two_authorizations"),
        ("GET / HTTP/1.1\r\nAuthorization: Bearer a\r\nX-Auth-Key: a\r\n\r\n", "two_authorizations"),
        ("GET / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length_and_chunked"),
        ("GET / HTTP/1.1\r\nUser-Agent: a\r\n\tb\r\n\r\n", "obs_fold"),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "obs_fold"),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", "bare_lf"),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", "bare_lf"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", "bare_lf"),
        ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "bare_cr"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "space_before_colon"),
        ("GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "odd_name"),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", "odd_target"),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "odd_target"),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "odd_target"),
        ("PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad_length"),
        ("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding_in_1_0"),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "bad_coding"),
    ] {
        assert_eq!(flags(text), [flag], "{text:?}");
    }
    for quiet in [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: A\r\n\r\n",
        "GET https://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 0, 0\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(flags(quiet), Vec::<String>::new(), "{quiet:?}");
    }
    assert_eq!(request("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").host.as_deref(), Some("a"));
    assert_eq!(request("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n").host.as_deref(), Some("a"));
    assert_eq!(request("GET / HTTP/1.1\r\nHost : a\r\n\r\n").headers.headers, ["host"]);
    let folded = request("GET / HTTP/1.1\r\nUser-Agent: a\r\n\tb\r\nHost: h\r\n\r\n");
    assert_eq!(folded.headers.values, kept(&[("user-agent", "a b")]));
}

#[test]
fn writes_what_is_no_text_as_hex() {
    let odd = request(b"GET /\xff?a=\xc3 HTTP/1.1\r\nHost: \xfe\r\nUser-Agent: \xfd\r\n\x80: x\r\n\r\n");
    assert_eq!((odd.path.as_str(), odd.query.as_deref()), ("/\\xff", Some("a=\\xc3")));
    assert_eq!(odd.host.as_deref(), Some("\\xfe"));
    assert_eq!(odd.headers.headers, ["host", "user-agent", "\\x80"]);
    assert_eq!(odd.headers.values, kept(&[("user-agent", "\\xfd")]));
    assert_eq!(odd.flags, ["bad_utf8", "odd_name"]);
    let text = request("GET /ü HTTP/1.1\r\nCookie: \u{fc}\r\n\r\n");
    assert_eq!((text.path.as_str(), text.flags), ("/ü", Vec::new()));
}

/// What a reader says of bytes before anything follows.
fn at_once(text: &str) -> Vec<String> {
    let (mut reader, mut messages) = (Reader::requests(&key()), Vec::new());
    reader.feed(text.as_bytes(), &mut messages);
    shape(&messages)
}

#[test]
fn ends_at_what_is_no_message() {
    for text in [
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\0 HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\r\n\r\n",
        "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "\rGET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET / HTTP/1.1\r\nHost: cut by the end",
    ] {
        assert_eq!(requests(text), [end("malformed")], "{text:?}");
    }
    for text in ["HTTP/1.1\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/2 200\r\n\r\n", "{}"] {
        assert_eq!(responses(&[], text), [end("malformed")], "{text:?}");
    }
    assert_eq!(requests("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [end("upgrade")]);
    // A first line is enough; nothing is collected after it.
    assert_eq!(at_once("HELO example.com\r\n"), ["end malformed"]);
    assert_eq!(at_once("PRI * HTTP/2.0\r\n"), ["end upgrade"]);
    assert_eq!(requests(""), []);
    assert_eq!(requests("\r\n"), []);
    // what came before is told
    let messages = requests("GET /a HTTP/1.1\r\n\r\n\x16\x03");
    assert_eq!(shape(&messages), ["0 GET /a", "0 body 0", "end malformed"]);
}
