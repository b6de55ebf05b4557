//! What is hidden and what stays readable. Every token here is made up.

use monitor_wire::mcp::Body;
use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact::{Key, fingerprint, is_secret_name, redact, redact_argv};
use proptest::prelude::*;

fn key() -> Key {
    Key::from_bytes([9; 32])
}

/// Tokens that are known by their form alone.
fn tokens() -> Vec<String> {
    let body = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f";
    let hex = "0123456789abcdef".repeat(10);
    vec![
        format!("cfk_{body}1a2b3c4d"),
        format!("cfut_{body}1a2b3c4d"),
        format!("cfat_{body}1a2b3c4d"),
        format!("cfoat_{body}"),
        format!("v1.0-{}-{}", &hex[..24], &hex[..146]),
        "eyJhIjoiMDEyMzQ1Njc4OWFiY2RlZiIsInQiOiJhYmMiLCJzIjoiZGVmIn0=".to_owned(),
        format!("user-1:aB3dE5gH7jK9mN1p:{}", &body[..32]),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("ghp_{}", &body[..36]),
        format!("gho_{}", &body[..36]),
        format!("ghs_{}", &body[..36]),
        format!("github_pat_11ABC_{body}"),
        format!("glpat-{}", &body[..20]),
        format!("npm_{}", &body[..36]),
        format!("pypi-AgEIcHlwaS5vcmc{body}"),
        format!("sk-ant-api03-{body}"),
        format!("sk-{body}"),
        "xoxb-123456789012-abcdefABCDEF".to_owned(),
        format!("AIza{}", &body[..35]),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g".to_owned(),
        body.to_owned(),
        hex[..37].to_owned(),
    ]
}

#[test]
fn tokens_are_hidden_wherever_they_stand() {
    for token in tokens() {
        let hidden = fingerprint(&key(), token.as_bytes());
        for (before, after) in [
            ("", ""),
            ("see ", " there"),
            ("\"", "\""),
            ("(", ")"),
            ("https://h/p?x=", "&y=1"),
            ("a=", ""),
            ("/", "/x"),
        ] {
            let text = format!("{before}{token}{after}");
            assert_eq!(redact(&key(), &text), format!("{before}{hidden}{after}"), "{text}");
        }
    }
}

#[test]
fn secrets_are_hidden_where_they_belong() {
    let fp = |secret: &str| fingerprint(&key(), secret.as_bytes());
    for (text, secret) in [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Authorization: something odd", "something odd"),
        ("curl -H 'Authorization: Bearer x1' https://h/", "x1"),
        ("Bearer opensesame", "opensesame"),
        ("X-Auth-Key: 12345", "12345"),
        ("https://user:hunter2@example.com/x", "hunter2"),
        ("postgres://u:p/ss@db:5432/x", "p/ss"),
        ("https://abcdefghijklmnopqrst1@example.com/x", "abcdefghijklmnopqrst1"),
        ("https://h/?token=abc&x=y", "abc"),
        ("https://h/?a=b&api_key=abc#f", "abc#f"),
        ("password=hunter2", "hunter2"),
        ("PASSWORD = hunter2 and more", "hunter2"),
        ("{\"apiToken\": \"a b\", \"x\": 1}", "a b"),
        ("{\\\"token\\\":\\\"abc\\\"}", "abc"),
        ("export CLOUDFLARE_API_TOKEN=abc", "abc"),
        ("DB_PASS=abc", "abc"),
        ("client_secret: 'abc'", "abc"),
        ("run --api-token abc def", "abc"),
        ("//host/:_authToken=abc", "abc"),
        ("Cookie: a=b; c=d", "a=b; c=d"),
        ("the key is 0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("secret abcdefABCDEF0123456789abcdefABCD!", "abcdefABCDEF0123456789abcdefABCD"),
        (
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
        ),
        ("x -----BEGIN ARGO TUNNEL TOKEN-----\nabc", "-----BEGIN ARGO TUNNEL TOKEN-----\nabc"),
    ] {
        assert_eq!(redact(&key(), text), text.replacen(secret, &fp(secret), 1), "{text}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "/home/user/.aws/credentials",
        "/usr/lib/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js",
        "123e4567-e89b-12d3-a456-426614174000",
        "token id 123e4567-e89b-12d3-a456-426614174000",
        "0123456789abcdef0123456789abcdef",
        "account_id=0123456789abcdef0123456789abcdef",
        "token for account 0123456789abcdef0123456789abcdef",
        "d2a84f4b8b650937ec8f73cd8be2c74add5a911b",
        "registry.example.com:443",
        "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/evil",
        "https://example.com:8443/x@y",
        "ssh://git@example.com/x",
        "@cloudflare/mcp-server-cloudflare@0.2.0",
        "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+9aZA==",
        "token sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "npm_config_registry=x npm_lifecycle_event=start",
        "PWD=/root OLDPWD=/home",
        "nextPageToken=abc max_tokens=100",
        "TOKEN_FILE=/run/x",
        "tools/call",
        "task-list-of-things-that-are-long-and-have-2-digits",
        "Authorization: ${AUTH_HEADER}",
        "{\"token\": null, \"password\": \"\"}",
        "Token::new(x)",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "the bearer token is refreshed",
        "fp:0123456789abcdef",
        "token=fp:0123456789abcdef",
        "ünïcödé ☃",
        "",
    ] {
        assert_eq!(redact(&key(), text), text);
    }
}

#[test]
fn command_lines() {
    let fp = |secret: &str| fingerprint(&key(), secret.as_bytes());
    let hide =
        |argv: &[&str]| redact_argv(&key(), &argv.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>());
    assert_eq!(hide(&["run", "--token", "a b", "x"]), ["run", "--token", &fp("a b"), "x"]);
    assert_eq!(
        hide(&["--api-key=x&y", "TOKEN=z;z"]),
        [format!("--api-key={}", fp("x&y")), format!("TOKEN={}", fp("z;z"))]
    );
    assert_eq!(
        hide(&["--header", "Authorization: Bearer q"]),
        ["--header".to_owned(), format!("Authorization: Bearer {}", fp("q"))]
    );
    assert_eq!(hide(&["-H", "X-Auth-Key:q r"]), ["-H".to_owned(), format!("X-Auth-Key:{}", fp("q r"))]);
    assert_eq!(hide(&["-u", "me:pw"]), ["-u".to_owned(), format!("me:{}", fp("pw"))]);
    assert_eq!(hide(&["--token", "--verbose"]), ["--token", "--verbose"]);
    assert_eq!(hide(&["Authorization:", "Bearer", "x"]), ["Authorization:".to_owned(), fp("Bearer"), fp("x")]);
    assert_eq!(
        hide(&["node", "/x/index.js", "run", "0123456789abcdef0123456789abcdef"]),
        ["node", "/x/index.js", "run", "0123456789abcdef0123456789abcdef"]
    );
    let info = hide(&["--static-oauth-client-info", "{\"client_id\":\"c\",\"client_secret\":\"s\"}"]);
    assert_eq!(info[1], format!("{{\"client_id\":\"c\",\"client_secret\":\"{}\"}}", fp("s")));
}

#[test]
fn names() {
    for name in [
        "apiToken",
        "CF_API_KEY",
        "--client-secret",
        "X-Auth-Key",
        "password",
        "secretValue",
        "_auth",
        "DB_PWD",
        "secretAccessKey",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "key",
        "name",
        "path",
        "PWD",
        "secretName",
        "accessKeyId",
        "tokens",
        "nextPageToken",
        "bypass",
        "publicKey",
        "",
        "token_file",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

fn call(arguments: &str) -> Vec<monitor_wire::mcp::Argument> {
    let line =
        format!("{{\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{arguments}}}}}\n");
    let mut items = Vec::new();
    Reader::new(&key()).feed(line.as_bytes(), &mut items);
    match items.pop() {
        Some(Item::Message(monitor_wire::mcp::Message { body: Body::Request(request), .. })) => {
            request.call.map(|call| call.arguments).unwrap_or_default()
        }
        other => panic!("{other:?}"),
    }
}

/// A fingerprint is shorter than what it stands for, so that more of the text comes into view.
#[test]
fn a_hidden_password_ends_where_it_ended_before() {
    for text in [
        format!("x://:p?a@{}@c", "b".repeat(130)),
        format!("x://user:p?{}@{}@c", "a".repeat(60), "b".repeat(60)),
        format!("x://u1234567890123456789:p?a@{}@c", "b".repeat(130)),
        format!("x://:{}://e://:{}?@c", "a".repeat(50), "b".repeat(100)),
        "x://xoxc-aBgj1pQ2rS?@c".to_owned(),
        "Bearer\tjwt:\0".to_owned(),
    ] {
        let once = redact(&key(), &text).into_owned();
        assert_ne!(once, text);
        assert_eq!(redact(&key(), &once), once, "{text}");
    }
    let user = "x://u1234567890123456789:fp:0123456789abcdef@c";
    assert!(!redact(&key(), user).contains("u1234567890123456789"));
}

#[test]
fn a_secret_argument_is_known_by_its_key() {
    let hidden = fingerprint(&key(), b"abc");
    let found =
        call("{\"env\":{\"API_TOKEN\":\"abc\"},\"passwords\":1,\"password\":[\"abc\"],\"token\":5,\"secret\":\"\"}");
    let texts: Vec<_> = found.iter().map(|argument| argument.text.as_str()).collect();
    assert_eq!(texts, [&hidden, "1", &hidden, "5", ""]);
    assert_eq!(found[0].len, 3);
    let pairs = "[{\"name\":\"X-API-Key\",\"value\":\"abc\"},{\"text\":\"abc\",\"type\":\"secret_text\"},{\"name\":\"n\",\"value\":\"abc\"}]";
    let texts: Vec<_> = call(pairs).into_iter().map(|argument| argument.text).collect();
    assert_eq!(texts, ["X-API-Key", &hidden, &hidden, "secret_text", "n", "abc"]);
    let key_is_token = call(&format!("{{\"{}\":1}}", tokens()[1]));
    assert_eq!(key_is_token[0].at, format!("/{}", fingerprint(&key(), tokens()[1].as_bytes())));
}

proptest! {
    #[test]
    fn no_kept_text_holds_a_planted_token(
        token in prop::sample::select(tokens()),
        before in "[ -~]{0,40}",
        after in "[ -~]{0,40}",
        fill in 0_usize..5000,
        sizes in prop::collection::vec(1_usize..400, 1..20),
    ) {
        // A separator on both sides: a token that is glued to other letters is another word.
        let text = format!("{}{before} {token} {after}", "a ".repeat(fill / 2));
        let value = serde_json::json!({
            "jsonrpc": "2.0", "id": text, "method": "tools/call",
            "params": {"name": text, "arguments": {"a": text, "b": [text], text.clone(): 1}, "_meta": {"progressToken": text}},
        });
        let line = format!("{value}\n");
        let mut reader = Reader::new(&key());
        let mut items = Vec::new();
        let mut rest = line.as_bytes();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            reader.feed(head, &mut items);
            rest = tail;
        }
        prop_assert_eq!(items.len(), 1);
        let kept = format!("{items:?}");
        prop_assert!(!kept.contains(&token), "{kept}");
        // Nor the first part of it, where a cap cut the text.
        let part: String = token.chars().skip(6).take(token.len() / 2).collect();
        prop_assert!(!kept.contains(&part), "{part}: {kept}");
    }

    #[test]
    fn redacting_twice_changes_nothing(
        text in prop::collection::vec(prop_oneof![
            prop::sample::select(tokens()),
            "[ -~]{0,6}",
            "[a-zA-Z0-9]{16}|[a-zA-Z0-9]{32}|[0-9a-f]{32}",
            prop::sample::select(vec!["token", "Bearer ", "=", ":", " ", "\"", "://", "@", "Authorization", "\n", "fp:", "\\", "key "]).prop_map(str::to_owned),
            "\\PC{0,3}",
        ], 0..12),
    ) {
        let text = text.concat();
        let once = redact(&key(), &text).into_owned();
        let twice = redact(&key(), &once).into_owned();
        prop_assert_eq!(&once, &twice, "{}", text);
    }
}
