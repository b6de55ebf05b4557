//! The reader over whole sessions and single odd lines, each fed in every split.

use monitor_wire::limits;
use monitor_wire::mcp::{Body, Id, Message, Request, Response, ToolCall};
use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact::{Key, fingerprint};

fn key() -> Key {
    Key::from_bytes([7; 32])
}

fn read(chunks: &[&[u8]]) -> Vec<Item> {
    let mut reader = Reader::new(&key());
    let mut items = Vec::new();
    for chunk in chunks {
        reader.feed(chunk, &mut items);
    }
    items
}

/// The one message of a line, which must come out the same whatever the split.
fn message(line: &str) -> Message {
    let bytes = format!("{line}\n").into_bytes();
    let whole = read(&[&bytes]);
    for end in 0..bytes.len() {
        assert_eq!(read(&[&bytes[..end], &bytes[end..]]), whole, "split at {end} of {line}");
    }
    match <[Item; 1]>::try_from(whole) {
        Ok([Item::Message(message)]) => message,
        other => panic!("{line}: {other:?}"),
    }
}

fn request(line: &str) -> Request {
    match message(line).body {
        Body::Request(request) => request,
        other => panic!("{line}: {other:?}"),
    }
}

fn call(line: &str) -> ToolCall {
    let Some(call) = request(line).call else { panic!("no call: {line}") };
    call
}

fn response(line: &str) -> Response {
    match message(line).body {
        Body::Response(response) => response,
        other => panic!("{line}: {other:?}"),
    }
}

fn arguments(call: &ToolCall) -> Vec<(&str, &str)> {
    call.arguments.iter().map(|argument| (argument.at.as_str(), argument.text.as_str())).collect()
}

#[test]
fn reads_a_call() {
    let line = r#"{"method":"tools/call","params":{"name":"worker_put","arguments":{"name":"w","files":[{"path":"a/b"},2,true,null]},"_meta":{"progressToken":3}},"jsonrpc":"2.0","id":4}"#;
    let message = message(line);
    assert_eq!((message.bytes, message.complete, &message.flags), (line.len() as u64, true, &Vec::new()));
    let request = request(line);
    assert_eq!(request.id, Id::Number(4));
    let call = request.call.unwrap();
    assert_eq!(call.name, "worker_put");
    assert_eq!(
        arguments(&call),
        [("/name", "w"), ("/files/0/path", "a/b"), ("/files/1", "2"), ("/files/2", "true"), ("/files/3", "null")]
    );
    assert_eq!(call.progress, Some(Id::Number(3)));
    assert!(!call.cut && !call.repeat && !call.as_task);
    assert_eq!(call.digest.len(), 32);
}

#[test]
fn key_order_does_not_matter() {
    let usual = call(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1,"b":{"c":"x"}}}}"#,
    );
    let other = call(r#"{"params":{"arguments":{"b":{"c":"x"},"a":1},"name":"t"},"id":9,"method":"tools/call"}"#);
    assert_eq!(usual.digest, other.digest);
    assert_eq!(arguments(&other), [("/b/c", "x"), ("/a", "1")]);
    for different in [
        r#"{"id":1,"method":"tools/call","params":{"name":"u","arguments":{"a":1,"b":{"c":"x"}}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"1","b":{"c":"x"}}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1,"b":["x"]}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"t","input":{"a":1,"b":{"c":"x"}}}}"#,
    ] {
        assert_ne!(call(different).digest, usual.digest, "{different}");
    }
    let response = response(r#"{"result":{"content":[],"isError":true},"jsonrpc":"2.0","id":"q"}"#);
    assert_eq!((response.id, response.is_error), (Id::Text("q".into()), true));
}

#[test]
fn reads_arguments_wherever_they_are() {
    let both = call(
        r#"{"id":0,"method":"tools/call","params":{"name":"t","input":{"k":"v"},"arguments":{"a/b":{"c~d":"e"}}}}"#,
    );
    assert_eq!(arguments(&both), [("/a~1b/c~0d", "e"), ("/input/k", "v")]);
    let scalar = call(r#"{"id":0,"method":"tools/call","params":{"name":"t","arguments":"x"}}"#);
    assert_eq!(arguments(&scalar), [("", "x")]);
    assert_eq!(arguments(&call(r#"{"id":0,"method":"tools/call","params":{"name":"t"}}"#)), []);
    let list = call(r#"{"id":0,"method":"tools/call","params":{"name":"t","arguments":[[1,[2]],-1.5e3,{}]}}"#);
    assert_eq!(arguments(&list), [("/0/0", "1"), ("/0/1/0", "2"), ("/1", "-1.5e3")]);
}

#[test]
fn ids() {
    for (text, id, bad) in [
        ("0", Id::Number(0), false),
        ("-7", Id::Number(-7), false),
        ("1.0", Id::Number(1), false),
        ("1e2", Id::Number(100), false),
        ("9223372036854775807", Id::Number(i64::MAX), false),
        ("\"\"", Id::Text(String::new()), false),
        ("\"a\\u0062\"", Id::Text("ab".into()), false),
        ("1.5", Id::Text("1.5".into()), true),
        ("1e400", Id::Text("1e400".into()), true),
        ("null", Id::Text("null".into()), true),
        ("true", Id::Text("true".into()), true),
        ("{\"a\": [1]}", Id::Text("{\"a\": [1]}".into()), true),
        ("[ ]", Id::Text("[ ]".into()), true),
    ] {
        let message = message(&format!("{{\"id\": {text} ,\"method\":\"m\"}}"));
        assert_eq!(message.flags, if bad { vec!["bad_id"] } else { vec![] }, "{text}");
        assert!(matches!(message.body, Body::Request(request) if request.id == id), "{text}");
    }
    let long = format!("{{\"id\":\"{}\",\"method\":\"m\"}}", "y".repeat(limits::NAME + 1));
    let expected = Id::Text(fingerprint(&key(), "y".repeat(limits::NAME + 1).as_bytes()));
    assert_eq!(request(&long).id, expected);
    assert!(!message(&long).complete);
    assert_eq!(response(r#"{"error":{"code":-32700,"message":"x"}}"#).id, Id::Text("null".into()));
}

#[test]
fn a_tool_with_a_long_name_is_called_as_it_is_listed() {
    let name = "y".repeat(limits::NAME + 1);
    let list = format!(r#"{{"id":1,"result":{{"tools":[{{"name":"{name}"}}]}}}}"#);
    let listed = response(&list).tools.expect("a list");
    let call = format!(r#"{{"id":2,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
    let called = request(&call).call.expect("a call");
    assert_eq!([listed[0].name.as_str()], [called.name.as_str()]);
}

#[test]
fn the_last_of_two_keys_counts() {
    let name = message(r#"{"id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1},"name":"b"}}"#);
    assert_eq!(name.flags, ["duplicate_key"]);
    assert!(matches!(name.body, Body::Request(request) if request.call.as_ref().unwrap().name == "b"));
    let twice = r#"{"id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1}},"params":{"name":"b"}}"#;
    let twice = call(twice);
    assert_eq!((twice.name.as_str(), arguments(&twice)), ("b", vec![]));
    let inner =
        call(r#"{"id":1,"method":"tools/call","params":{"name":"a","arguments":{"p":{"q":1},"pq":2,"p":[3]}}}"#);
    assert_eq!(arguments(&inner), [("/pq", "2"), ("/p/0", "3")]);
    let none = call(r#"{"id":1,"method":"tools/call","params":{"name":"a","name":{}}}"#);
    assert!(none.cut && none.name.is_empty());
    assert!(message(r#"{"id":1,"method":"m","params":{"a":{"x":1},"b":{"x":1}}}"#).flags.is_empty());
    assert_eq!(request(r#"{"id":1,"method":"m","id":2}"#).id, Id::Number(2));
    let response = response(r#"{"id":1,"result":{"isError":true},"result":{}}"#);
    assert!(!response.is_error);
}

#[test]
fn escapes_resolve() {
    for method in [r"tools\/call", r"tools\u002fcall", r"\u0074ools/call"] {
        let line = format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{{\"name\":\"x\"}}}}");
        assert_eq!(message(&line).flags, ["escaped_method"]);
        assert_eq!(call(&line).name, "x");
    }
    assert_eq!(message(r#"{"id":1,"meth\u006fd":"m"}"#).flags, ["escaped_method"]);
    let text = call(
        r#"{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":"\ud83d\ude00 \ud83d\ud83d\ude00\udc00 \n\t\"\\"}}}"#,
    );
    assert_eq!(arguments(&text), [("/a", "\u{1f600} \u{fffd}\u{1f600}\u{fffd} \n\t\"\\")]);
    assert_eq!(message(r#"{"id":1,"method":"\ud800"}"#).flags, ["escaped_method", "invalid_utf8"]);
    assert!(message("{\"id\":1,\"method\":\"ü€😀\"}").flags.is_empty());
}

#[test]
fn bytes_that_are_no_text() {
    let line = b"{\"id\":1,\"method\":\"a\xff\xe2\x82b\xf0\x9f\x98\"}\n";
    let whole = read(&[line]);
    let Item::Message(message) = &whole[0] else { panic!("{whole:?}") };
    assert_eq!(message.flags, ["invalid_utf8"]);
    assert!(
        matches!(&message.body, Body::Request(request) if request.method == String::from_utf8_lossy(b"a\xff\xe2\x82b\xf0\x9f\x98"))
    );
    for end in 0..line.len() {
        assert_eq!(read(&[&line[..end], &line[end..]]), whole);
    }
}

#[test]
fn a_resource_is_asked_for_by_its_uri() {
    let read = call(
        r#"{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"file:///home/u/a%20b","_meta":{"progressToken":9}}}"#,
    );
    assert_eq!(read.name, "file:///home/u/a%20b");
    assert_eq!(arguments(&read), [("/uri", "file:///home/u/a%20b")]);
    assert_eq!((read.cut, read.progress), (false, Some(Id::Number(9))));
    let other = call(r#"{"params":{"uri":"file:///home/u/x"},"id":2,"method":"resources/subscribe"}"#);
    assert_eq!(arguments(&other), [("/uri", "file:///home/u/x")]);
    assert_ne!(other.digest, read.digest);
    // the last of two counts, and what is no text names nothing
    let twice = call(r#"{"id":1,"method":"resources/read","params":{"uri":"a://x","uri":"b://y"}}"#);
    assert_eq!(arguments(&twice), [("/uri", "b://y")]);
    for uri in ["{\"uri\":\"a://x\"}", "[\"a://x\"]"] {
        assert_eq!(request(&format!(r#"{{"id":1,"method":"resources/read","params":{{"uri":{uri}}}}}"#)).call, None);
    }
    assert_eq!(
        request(r#"{"id":1,"method":"resources/read","params":{"name":"n","arguments":{"uri":"a"}}}"#).call,
        None
    );
    assert_eq!(request(r#"{"id":1,"method":"resources/list","params":{"uri":"a://x"}}"#).call, None);
    // of a tool's call it is no argument, and doesn't count for its digest
    let tool = call(r#"{"id":1,"method":"tools/call","params":{"name":"t","uri":"a://x","arguments":{}}}"#);
    assert_eq!(tool.digest, call(r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#).digest);
    assert!(tool.arguments.is_empty());
}

#[test]
fn the_uri_of_a_resource_is_redacted_and_bounded() {
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let read = call(&format!(r#"{{"id":1,"method":"resources/read","params":{{"uri":"x://h/{secret}"}}}}"#));
    assert!(!format!("{read:?}").contains(&secret), "{read:?}");
    assert!(read.name.contains("fp:"), "{read:?}");
    let line = format!(r#"{{"id":1,"method":"resources/read","params":{{"uri":"x://{}"}}}}"#, "é".repeat(3000));
    let Item::Message(long) = read_one(&line) else { panic!("no message") };
    let Body::Request(Request { call: Some(read), .. }) = long.body else { panic!("no call") };
    assert!(read.cut && !long.complete);
    assert!(read.name.len() <= limits::NAME && read.arguments[0].text.len() <= limits::ARGUMENT);
    assert_eq!(read.arguments[0].len, 6004);
}

fn read_one(line: &str) -> Item {
    read(&[format!("{line}\n").as_bytes()]).remove(0)
}

#[test]
fn each_revision_has_its_shapes() {
    let peer = |name: &str, version: &str, protocol: &str| {
        Some(monitor_wire::mcp::Peer { name: name.into(), version: version.into(), protocol: protocol.into() })
    };
    let old = request(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
    );
    assert_eq!(old.peer, peer("c", "1", "2024-11-05"));
    let answer = response(
        r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"2"}}}"#,
    );
    assert_eq!(answer.peer, peer("s", "2", "2024-11-05"));
    assert_eq!(request(r#"{"id":1,"method":"prompts/get","params":{"protocolVersion":"x"}}"#).peer, None);

    let modern = request(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{},"requestState":"s","inputResponses":{"a":{}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"3"},"io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}}}"#,
    );
    assert_eq!(modern.peer, peer("c", "3", "2026-07-28"));
    let modern_call = modern.call.unwrap();
    assert!(modern_call.repeat);
    assert_eq!(modern_call.progress, Some(Id::Text("p".into())));
    let required = response(
        r#"{"id":1,"result":{"resultType":"input_required","inputRequests":{},"requestState":"s","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"4"}}}}"#,
    );
    assert!(required.input_required);
    assert_eq!(required.peer, peer("s", "4", ""));
    assert!(!response(r#"{"id":1,"result":{"resultType":"complete"}}"#).input_required);

    let wrapped = response(r#"{"id":1,"result":{"toolResult":{"content":[],"isError":true}}}"#);
    assert!(wrapped.is_error);
    assert_eq!(response(r#"{"id":1,"error":{"code":-32601,"message":"no","data":{"code":1}}}"#).error, Some(-32601));
    assert_eq!(response(r#"{"id":1,"error":null,"result":{}}"#).error, None);
}

#[test]
fn tasks_and_references() {
    let state = |id: &str, status: &str| Some(monitor_wire::mcp::TaskState { id: id.into(), status: status.into() });
    assert!(call(r#"{"id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":5}}}"#).as_task);
    assert!(!call(r#"{"id":1,"method":"tools/call","params":{"name":"t","task":null}}"#).as_task);
    let handle = response(r#"{"id":1,"result":{"task":{"taskId":"k","status":"working","ttl":5}}}"#);
    assert_eq!(handle.task, state("k", "working"));
    let status = response(r#"{"id":1,"result":{"status":"failed","taskId":"k"}}"#);
    assert_eq!(status.task, state("k", "failed"));
    assert_eq!(request(r#"{"id":1,"method":"tasks/result","params":{"taskId":"k"}}"#).task, Some("k".into()));
    let notification = |line: &str| match message(line).body {
        Body::Notification(notification) => notification,
        other => panic!("{other:?}"),
    };
    let told = notification(r#"{"method":"notifications/tasks/status","params":{"taskId":"k","status":"completed"}}"#);
    assert_eq!(told.task, state("k", "completed"));
    let cancelled = notification(r#"{"method":"notifications/cancelled","params":{"requestId":0,"reason":"r"}}"#);
    assert_eq!(cancelled.cancels, Some(Id::Number(0)));
    let progress = notification(r#"{"method":"notifications/progress","params":{"progressToken":"x","progress":1}}"#);
    assert_eq!(progress.progress, Some(Id::Text("x".into())));
}

#[test]
fn tool_lists() {
    let list = response(
        r#"{"id":1,"result":{"tools":[{"name":"a","description":"d","inputSchema":{"type":"object","properties":{}},"annotations":{"readOnlyHint":true,"destructiveHint":false,"openWorldHint":"x"}},3,{"description":"no name"},{"name":"b"}],"nextCursor":"c"}}"#,
    );
    assert!(list.more);
    let tools = list.tools.unwrap();
    assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let hints = (tools[0].read_only, tools[0].destructive, tools[0].open_world);
    assert_eq!(hints, (Some(true), Some(false), None));
    let digest = |declaration: &str| {
        response(&format!("{{\"id\":1,\"result\":{{\"tools\":[{declaration}]}}}}")).tools.unwrap()[0].digest.clone()
    };
    let first = digest(r#"{"name":"a","description":"d","inputSchema":{"required":["x","y"],"type":"object"}}"#);
    assert_eq!(first, digest(r#"{"inputSchema":{"type":"object","required":["x","y"]},"description":"d","name":"a"}"#));
    assert_ne!(first, digest(r#"{"name":"a","description":"D","inputSchema":{"required":["x","y"],"type":"object"}}"#));
    assert_ne!(first, digest(r#"{"name":"a","description":"d","inputSchema":{"required":["y","x"],"type":"object"}}"#));
    assert_ne!(
        first,
        digest(r#"{"name":"a","description":"d","inputSchema":{"required":["x","y"],"type":"object","a":{}}}"#)
    );
    assert_eq!(response(r#"{"id":1,"result":{"tools":[]}}"#).tools, Some(vec![]));
    assert!(!response(r#"{"id":1,"result":{"tools":[],"nextCursor":null}}"#).more);
}

#[test]
fn batches() {
    let line = "[{\"id\":1,\"method\":\"a\"} , {\"method\":\"b\"},5,{\"id\":1,\"result\":{}}]\n";
    let items = read(&[line.as_bytes()]);
    let seen: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Message(message) => (message.bytes, message.flags.clone()),
            Item::Noise { .. } => panic!("{items:?}"),
        })
        .collect();
    assert_eq!(seen, [21, 14, 20].map(|bytes| (bytes, vec!["batch".to_owned()])));
    for end in 0..line.len() {
        assert_eq!(read(&[&line.as_bytes()[..end], &line.as_bytes()[end..]]), items);
    }
    for noise in ["[]\n", "[1,[{\"id\":1,\"method\":\"m\"}]]\n"] {
        assert_eq!(read(&[noise.as_bytes()]), [Item::Noise { bytes: noise.len() as u64 - 1 }]);
    }
}

#[test]
fn noise_and_blank_lines_pass() {
    let good = "{\"id\":1,\"method\":\"m\"}";
    for noise in [
        "Successfully refreshed access token",
        "{",
        "{\"id\":1,\"method\":\"m\"",
        "{\"id\":1,\"method\":\"m\"}}",
        "{\"id\":1,\"method\":\"m\"} x",
        "{\"id\":1,\"method\":\"m\",}",
        "{\"id\":01,\"method\":\"m\"}",
        "{\"id\":1,\"method\":\"a\tb\"}",
        "{\"id\":1,\"method\":\"\\x\"}",
        "{'id':1}",
        "{\"id\":1}",
        "{\"level\":\"info\"}",
        "3",
        "\"text\"",
        "nul",
        "\u{feff}x",
    ] {
        let text = format!("{noise}\n\r\n \n{good}\r\n");
        let items = read(&[text.as_bytes()]);
        assert_eq!(items.len(), 2, "{noise}: {items:?}");
        assert_eq!(items[0], Item::Noise { bytes: noise.len() as u64 });
        for end in 0..text.len() {
            assert_eq!(read(&[&text.as_bytes()[..end], &text.as_bytes()[end..]]), items, "{noise} at {end}");
        }
    }
    let marked = format!("\u{feff}{good}");
    assert_eq!(message(&marked).bytes, marked.len() as u64);
    assert_eq!(read(&[b"\xef\xbb\n"]), [Item::Noise { bytes: 2 }]);
    assert_eq!(read(&[b"\xef\xbb\xbf\n"]), []);
}

#[test]
fn nesting_beyond_the_limit_is_hashed_not_followed() {
    let line = |value: &str| {
        let (open, close) = ("[".repeat(200), "]".repeat(200));
        format!(
            "{{\"params\":{{\"arguments\":{{\"a\":{open}{value}{close},\"b\":1}},\"name\":\"t\"}},\"id\":1,\"method\":\"tools/call\"}}"
        )
    };
    let message = message(&line("\"[\\\"]\""));
    assert_eq!((message.complete, message.flags), (false, vec!["depth".to_owned()]));
    let (one, other) = (call(&line("1")), call(&line("2")));
    assert_eq!(arguments(&one), [("/b", "1")]);
    assert!(one.cut);
    assert_ne!(one.digest, other.digest);
    assert_eq!(one.digest, call(&line("1")).digest);
    let skipped = response(&format!("{{\"id\":1,\"result\":{{\"x\":{}{}}}}}", "[".repeat(5000), "]".repeat(5000)));
    assert_eq!(skipped.id, Id::Number(1));
}

#[test]
fn what_is_kept_is_bounded() {
    let many: Vec<_> = (0..1000).map(|n| format!("\"k{n}\":\"{}\"", "v ".repeat(3000))).collect();
    let line = format!(
        "{{\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{{}}}}}}}\n",
        many.join(",")
    );
    let items = read(&[line.as_bytes()]);
    let [Item::Message(Message { body: Body::Request(request), complete: false, .. })] = &items[..] else { panic!() };
    let call = request.call.as_ref().unwrap();
    assert!(call.cut);
    assert_eq!(call.arguments.len(), limits::ARGUMENTS);
    assert!(call.arguments.iter().all(|argument| argument.len == 6000 && argument.text.len() <= limits::ARGUMENT));
    let deep_name = format!(
        "{{\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{\"{}\":1}}}}}}",
        "n".repeat(600)
    );
    let call = self::call(&deep_name);
    assert!(call.cut && call.arguments.is_empty());
}

#[test]
fn gaps_cut_what_they_hit() {
    let mut reader = Reader::new(&key());
    let mut items = Vec::new();
    reader.feed(
        b"{\"method\":\"tools/call\",\"id\":5,\"params\":{\"name\":\"t\",\"arguments\":{\"a\":\"b\",\"c\":\"cut he",
        &mut items,
    );
    reader.gap(100);
    reader.feed(b"{\"id\":6,\"method\":\"forged\"}\n{\"id\":7,\"method\":\"m\"}\n", &mut items);
    let [Item::Message(cut), Item::Message(next)] = &items[..] else { panic!("{items:?}") };
    assert!(!cut.complete && next.complete);
    let Body::Request(Request { id: Id::Number(5), call: Some(call), .. }) = &cut.body else { panic!("{cut:?}") };
    assert!(call.cut);
    assert_eq!(arguments(call), [("/a", "b")]);
    assert!(matches!(&next.body, Body::Request(request) if request.id == Id::Number(7)));
    let stats = reader.stats();
    assert_eq!((stats.gaps, stats.lost, stats.messages, stats.incomplete), (1, 100, 2, 1));

    // Nothing is known of what was lost between two lines, so the next line may be a part of one.
    items.clear();
    reader.gap(0);
    reader.feed(b"\"}}\n{\"id\":8,\"method\":\"m\"}\n{\"id\":9,", &mut items);
    reader.gap(1);
    reader.gap(1);
    assert_eq!(items.len(), 1);
    reader.finish(&mut items);
    let [_, Item::Message(Message { body: Body::Response(answer), complete: false, .. })] = &items[..] else {
        panic!()
    };
    assert_eq!(answer.id, Id::Number(9));
}

#[test]
fn a_stream_may_end_without_a_line_end() {
    let finish = |text: &[u8]| {
        let mut reader = Reader::new(&key());
        let mut items = Vec::new();
        reader.feed(text, &mut items);
        reader.finish(&mut items);
        items
    };
    assert!(matches!(
        &finish(b"{\"id\":1,\"method\":\"m\"}")[..],
        [Item::Message(Message { complete: false, bytes: 21, .. })]
    ));
    assert_eq!(finish(b"half a li"), [Item::Noise { bytes: 9 }]);
    assert_eq!(finish(b"{\"a\":"), [Item::Noise { bytes: 5 }]);
    assert_eq!(finish(b""), []);
    assert_eq!(finish(b"x\n"), [Item::Noise { bytes: 1 }]);
    assert_eq!(finish(b"  "), []);
}

#[test]
fn long_messages_in_the_pieces_that_were_measured() {
    let text = "long \\u00e9 \u{20ac} ".repeat(600_000 / 16);
    let line = format!(
        "{{\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}},\"jsonrpc\":\"2.0\",\"id\":3}}\n"
    );
    let whole = read(&[line.as_bytes()]);
    assert!(
        matches!(&whole[..], [Item::Message(message)] if message.complete && message.bytes == line.len() as u64 - 1)
    );
    for size in [65_536, 8_192, 4_097, 7, 1] {
        let chunks: Vec<_> = line.as_bytes().chunks(size).collect();
        assert_eq!(read(&chunks), whole, "{size}");
    }
    let line = format!(
        "{{\"id\":1,\"method\":\"tools/call\",\"params\":{{\"arguments\":{{\"a\":\"{text}\"}},\"name\":\"n\"}}}}\n"
    );
    let whole = read(&[line.as_bytes()]);
    for size in [65_536, 8_192, 4_097, 1] {
        assert_eq!(read(&line.as_bytes().chunks(size).collect::<Vec<_>>()), whole, "{size}");
    }
}

#[test]
fn a_message_over_the_cap_is_delivered_at_the_cap_once_it_is_known() {
    let piece = vec![b'x'; 1 << 20];
    let feed = |head: &[u8], tail: &[u8]| {
        let mut reader = Reader::new(&key());
        let mut items = Vec::new();
        reader.feed(head, &mut items);
        for _ in 0..17 {
            reader.feed(&piece, &mut items);
        }
        let early = items.len();
        reader.feed(tail, &mut items);
        (items, early, reader.stats())
    };
    let (items, early, stats) = feed(b"{\"id\":1,\"result\":{\"content\":\"", b"\"}}\n{\"id\":2,\"method\":\"m\"}\n");
    assert_eq!((early, items.len(), stats.oversize), (1, 2, 1));
    assert!(matches!(&items[0], Item::Message(message) if !message.complete && message.bytes == limits::MESSAGE));

    // Here the id comes last; without it nobody could tell which call is answered.
    let (items, early, _) = feed(b"{\"result\":{\"content\":\"", b"\"},\"id\":1}\n{\"id\":2,\"method\":\"m\"}\n");
    assert_eq!((early, items.len()), (0, 2));
    let Item::Message(Message { body: Body::Response(answer), complete: false, bytes, .. }) = &items[0] else {
        panic!()
    };
    assert_eq!((&answer.id, *bytes > limits::MESSAGE), (&Id::Number(1), true));

    // The tool's name hides behind an argument.
    let (items, _, _) = feed(
        b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":{\"a\":\"",
        b"\"},\"name\":\"worker_deploy\"}}\n",
    );
    let Item::Message(Message { body: Body::Request(request), complete: false, .. }) = &items[0] else { panic!() };
    assert_eq!(request.call.as_ref().unwrap().name, "worker_deploy");

    let (items, _, stats) = feed(b"plain text ", b"\n{\"id\":2,\"method\":\"m\"}\n");
    assert_eq!((items.len(), stats.noise), (2, 1));
}

#[test]
fn exactly_at_the_cap_is_whole() {
    let (head, tail) = ("{\"id\":1,\"result\":\"", "\"}");
    for extra in [0, 1] {
        let body = "x".repeat(limits::MESSAGE as usize - head.len() - tail.len() + extra);
        let items = read(&[format!("{head}{body}{tail}\n").as_bytes()]);
        assert!(matches!(&items[..], [Item::Message(message)] if message.complete == (extra == 0)), "{extra}");
    }
}
