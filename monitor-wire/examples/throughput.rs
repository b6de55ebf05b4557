//! How fast the reader is: `cargo run --release -p monitor-wire --example throughput`.

use monitor_wire::reader::Reader;
use monitor_wire::redact::{Key, redact};

/// Seconds that this thread has run, so that a busy machine doesn't matter.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// Feeds `line` again and again in pieces of `size` bytes until half a gigabyte went through.
fn measure(name: &str, line: &str, size: usize) {
    let bytes = line.repeat((1_usize << 20).div_ceil(line.len()));
    let mut reader = Reader::new(&Key::from_bytes([1; 32]));
    let mut items = Vec::new();
    let start = busy();
    let mut fed = 0;
    while fed < 512 << 20 && busy() - start < 3.0 {
        for chunk in bytes.as_bytes().chunks(size) {
            reader.feed(chunk, &mut items);
            items.clear();
        }
        fed += bytes.len();
    }
    let seconds = busy() - start;
    let messages = reader.stats().messages as f64 / seconds / 1e6;
    println!("{name:<28} {:>8.0} MB/s {messages:>8.3} M messages/s", fed as f64 / seconds / 1e6);
}

fn main() {
    let small = r#"{"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello there"}},"jsonrpc":"2.0","id":41}"#;
    let answer = r#"{"result":{"content":[{"type":"text","text":"Echo: hello there"}]},"jsonrpc":"2.0","id":41}"#;
    let big = |head: &str, body: &str, tail: &str| format!("{head}{}{tail}\n", body.repeat(600_000 / body.len()));
    let (head, tail) = (r#"{"result":{"content":[{"type":"text","text":""#, r#""}]},"jsonrpc":"2.0","id":41}"#);
    measure("small calls", &format!("{small}\n"), 65_536);
    measure("small answers", &format!("{answer}\n"), 65_536);
    measure("small answers, one a feed", &format!("{answer}\n"), answer.len() + 1);
    measure("600 kB answer, 64 KiB", &big(head, "plain text ", tail), 65_536);
    measure("600 kB answer, 8 KiB", &big(head, "plain text ", tail), 8_192);
    measure("600 kB answer, Greek", &big(head, "λόγος ", tail), 65_536);
    measure("600 kB answer, escapes", &big(head, r#"{\"a\":\"b\"}\n"#, tail), 65_536);
    measure("600 kB answer, broken UTF-16", &big(head, r"\ud800", tail), 65_536);
    let (head, tail) = (r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":""#, r#""}}}"#);
    measure("600 kB argument", &big(head, "plain text ", tail), 65_536);
    let (head, tail) = (r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":[0"#, "]}}");
    measure("600 kB of small arguments", &big(head, ",1", tail), 65_536);
    let (head, tail) = (r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1"#, "}}}");
    measure("600 kB of one key", &big(head, r#","a":1"#, tail), 65_536);
    let (head, tail) = (r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":[1"#, "]}}}");
    measure("600 kB of brackets", &big(head, ",[[[0]]]", tail), 65_536);

    for (name, text) in [
        ("redact prose", "The quick brown fox jumps over /usr/lib/x. "),
        ("redact colons", "a:"),
        ("redact names", "token= "),
        ("redact URLs", "://a:b"),
        ("redact underscores", "_-"),
        ("redact eyJ", "eyJaaaaaaaaaa."),
        ("redact PEM", "-----BEGIN PRIVATE KEY----- "),
        ("redact quotes", "token=\"\\"),
    ] {
        let text = text.repeat(100_000);
        let start = busy();
        let result = redact(&Key::from_bytes([1; 32]), &text);
        let seconds = busy() - start;
        println!("{name:<28} {:>8.0} MB/s ({} bytes out)", text.len() as f64 / seconds / 1e6, result.len());
    }
}
