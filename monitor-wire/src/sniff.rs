//! Is this stream an MCP transport? Decided from its first bytes, before anything is known of the process.

use crate::json::{Event, Step, Tokenizer};
use crate::limits;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    /// A line begins as a JSON-RPC message does.
    Yes,
    /// It doesn't look like one, and no more bytes are wanted.
    No,
    /// Nothing speaks for or against it yet.
    More,
}

/// Looks at the first bytes of a stream, all of them each time. Lines that are no JSON may come first, since servers print
/// such; after [`limits::SNIFF`] bytes without a message the answer is no. Binary data, and framing by headers as the
/// language server protocol and HTTP have it, is no at once.
pub fn looks_like_mcp(first_bytes: &[u8]) -> Sniff {
    let window = first_bytes.get(..limits::SNIFF).unwrap_or(first_bytes);
    for (index, line) in window.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if is_message(line) {
            return Sniff::Yes;
        }
        if line.contains(&0) || (index == 0 && is_other_protocol(line)) {
            return Sniff::No;
        }
    }
    if first_bytes.len() >= limits::SNIFF { Sniff::No } else { Sniff::More }
}

/// The line, or what there is of it, is an object (or a batch that begins with one) whose member `jsonrpc` is `"2.0"`.
/// That name is the protocol's own, and nothing else is asked for: what comes with it may not have arrived.
fn is_message(line: &[u8]) -> bool {
    let mut tokenizer = Tokenizer::new();
    let mut rest = line;
    // Depth of nesting, and whether the outermost value is an array.
    let (mut depth, mut batch) = (0_u64, false);
    let mut text = String::new();
    let mut wanted = false;
    while let Step::Event(event) = tokenizer.next(&mut rest) {
        let member = depth == if batch { 2 } else { 1 };
        match event {
            Event::ArrayStart | Event::ObjectStart => {
                batch |= depth == 0 && event == Event::ArrayStart;
                depth = depth.saturating_add(1);
                wanted = false;
            }
            Event::ArrayEnd | Event::ObjectEnd => depth = depth.saturating_sub(1),
            Event::Key(key) => wanted = member && key == "jsonrpc",
            Event::String("2.0") if member && wanted => return true,
            Event::KeyStart | Event::StringStart => text.clear(),
            Event::Text(piece) if text.len() < 16 => text.push_str(piece.get(..16).unwrap_or(piece)),
            Event::Char { value, .. } if text.len() < 16 => text.push(value),
            Event::KeyEnd => wanted = member && text == "jsonrpc",
            Event::StringEnd if member && wanted && text == "2.0" => return true,
            _ => {}
        }
    }
    false
}

fn is_other_protocol(line: &[u8]) -> bool {
    const STARTS: [&[u8]; 8] =
        [b"Content-Length:", b"HTTP/", b"GET ", b"POST ", b"PRI * HTTP/2", b"SSH-", b"\x16\x03", b"\x7fELF"];
    STARTS.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{Sniff, looks_like_mcp};
    use crate::limits;

    #[test]
    fn knows_a_message() {
        for text in [
            "{\"jsonrpc\":\"2.0\"",
            "{\"method\":\"initialize\",\"params\":{},\"jsonrpc\":\"2.0\",\"id\":0}\n",
            "Successfully refreshed access token\n{\"result\":{},\"jsonrpc\":\"2.0\",\"id\":0}\n",
            "[{\"jsonrpc\":\"2.0\",\"method\":\"ping\"",
            "\u{feff}{\"jsonrpc\":\"2.0\"}",
            "\r\n\n{ \"jsonrpc\" : \"2.0\" }",
            "{\"\\u006asonrpc\":\"2.0\"}",
        ] {
            assert_eq!(looks_like_mcp(text.as_bytes()), Sniff::Yes, "{text}");
        }
    }

    #[test]
    fn waits_and_gives_up() {
        for text in ["", "{", "{\"jsonrpc\":\"2", "{\"a\":{\"jsonrpc\":\"2.0\"", "hello\n", "{\"jsonrpc\":\"1.0\"}\n"] {
            assert_eq!(looks_like_mcp(text.as_bytes()), Sniff::More, "{text}");
        }
        for bytes in
            [&b"Content-Length: 12\r\n\r\n{\"jsonrpc\":\"2.0\"}"[..], b"\x16\x03\x01", b"ab\0cd", b"GET / HTTP/1.1"]
        {
            assert_eq!(looks_like_mcp(bytes), Sniff::No);
        }
        assert_eq!(looks_like_mcp(&vec![b'x'; limits::SNIFF]), Sniff::No);
    }

    #[test]
    fn never_changes_its_mind_for_less() {
        let text = b"noise\n{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"m\"}\n";
        let first = (0..=text.len()).find(|&end| looks_like_mcp(&text[..end]) == Sniff::Yes).unwrap();
        assert!((0..first).all(|end| looks_like_mcp(&text[..end]) == Sniff::More));
        assert!((first..=text.len()).all(|end| looks_like_mcp(&text[..end]) == Sniff::Yes));
    }
}
