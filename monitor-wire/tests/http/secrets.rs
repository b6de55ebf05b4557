//! No token shows, wherever it was put.

use super::{hidden, request, requests, responses};

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

#[test]
fn tokens_show_nowhere() {
    let encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for text in [
        "GET /TOKEN HTTP/1.1\r\n\r\n",
        "GET /a/TOKEN/b HTTP/1.1\r\n\r\n",
        "GET /a/ENCODED/b HTTP/1.1\r\n\r\n",
        "GET /?x=TOKEN HTTP/1.1\r\n\r\n",
        "GET /?TOKEN HTTP/1.1\r\n\r\n",
        "GET /?TOKEN=x HTTP/1.1\r\n\r\n",
        "GET /?x=ENCODED&y HTTP/1.1\r\n\r\n",
        "GET /?x=Bearer+TOKEN HTTP/1.1\r\n\r\n",
        "GET http://TOKEN@h/ HTTP/1.1\r\nHost: TOKEN\r\n\r\n",
        "GET http://TOKEN/TOKEN HTTP/1.1\r\n\r\n",
        "CONNECT TOKEN:443 HTTP/1.1\r\nProxy-Authorization: Basic TOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Bearer TOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: TOKEN x\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Auth-Key: TOKEN\r\nX-Auth-Email: TOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nCookie: a=TOKEN\r\nX-Custom: TOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nTOKEN: x\r\n\r\n",
        "GET / HTTP/1.1\r\nUser-Agent: a TOKEN b\r\nMcp-Session-Id: TOKEN\r\nMcp-Name: TOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nUser-Agent: Bearer\tTOKEN\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Type: a; b=TOKEN\r\nMcp-Method: TOKEN\r\nMcp-Protocol-Version: TOKEN\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 53\r\n\r\nTOKEN",
        "GET /TOKEN\r\n\r\n",
    ] {
        let messages = requests(text.replace("TOKEN", TOKEN).replace("ENCODED", &encoded));
        let shown = format!("{messages:?}").to_lowercase();
        assert!(!shown.contains(&TOKEN.to_lowercase()) && !shown.contains(&encoded), "{text:?}: {shown}");
    }
    for method in ["AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890!xoxb-1234567890"] {
        let request = request(format!("{method} / HTTP/1.1\r\n\r\n"));
        assert!(!request.method.contains("AKIA") && !request.method.contains("1234567890"), "{request:?}");
        assert!(request.method.len() <= 32);
    }
    let answer = format!("HTTP/1.1 200 {TOKEN}\r\nSet-Cookie: {TOKEN}\r\n{TOKEN}: x\r\nContent-Length: 0\r\n\r\n");
    assert!(!format!("{:?}", responses(&[], answer)).to_lowercase().contains(&TOKEN.to_lowercase()));
}

#[test]
fn one_token_has_one_fingerprint() {
    let fingerprint = hidden(TOKEN);
    let text = format!(
        "GET /{TOKEN}?a={TOKEN}&b=%63{} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nMcp-Session-Id: {TOKEN}\r\n\r\n",
        &TOKEN[1..]
    );
    let request = request(text);
    assert_eq!(request.path, format!("/{fingerprint}"));
    assert_eq!(request.query, Some(format!("a={fingerprint}&b={fingerprint}")));
    assert_eq!(request.authorization.unwrap().token, fingerprint);
    assert_eq!(request.headers.values[0].1, fingerprint);
}

#[test]
fn a_secret_name_hides_any_value() {
    for (query, expected) in [
        ("token=abc&x=y", format!("token={}&x=y", hidden("abc"))),
        ("a=b&api_key=a%20b", format!("a=b&api_key={}", hidden("a b"))),
        ("%74oken=abc", format!("%74oken={}", hidden("abc"))),
        ("client_secret=a%2fb&c=d%2fe", format!("client_secret={}&c=d%2fe", hidden("a/b"))),
        ("token=", "token=".to_owned()),
        ("page=2&per_page=50&name=my%20worker", "page=2&per_page=50&name=my%20worker".to_owned()),
    ] {
        assert_eq!(request(format!("GET /?{query} HTTP/1.1\r\n\r\n")).query, Some(expected), "{query}");
    }
}
