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
    request(line).call.unwrap()
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
