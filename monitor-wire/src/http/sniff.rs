//! Does this stream begin as HTTP does? Decided from its first bytes.

use super::value::{is_token, trim};
use crate::limits;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    /// A request of HTTP/1 begins it (RFC 9112 section 3).
    Request,
    /// A response of HTTP/1 begins it (RFC 9112 section 4).
    Response,
    /// The preface of an HTTP/2 client begins it (RFC 9113 section 3.4).
    Http2,
    /// None of these, and no more bytes are wanted.
    No,
    /// Nothing speaks for or against it yet.
    More,
}

/// The first line of the preface that an HTTP/2 client sends (RFC 9113 section 3.4).
pub(super) const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0";

/// The whole of it.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Looks at the first bytes of a stream, all of them each time. An answer but [`Sniff::More`] never changes. A usual
/// method before a path or an `http` URL is enough; any other method waits for the version at the line's end, for at most
/// [`limits::HTTP_HEAD`] bytes.
pub fn looks_like_http(first_bytes: &[u8]) -> Sniff {
    let Some(bytes) = after_empty_lines(first_bytes) else { return Sniff::No };
    if bytes.starts_with(PREFACE) {
        return Sniff::Http2;
    }
    if PREFACE.starts_with(bytes) {
        return Sniff::More;
    }
    let response = begins_response(bytes);
    if response == Begins::Yes {
        return Sniff::Response;
    }
    match begins_request(bytes) {
        Begins::Yes => request(bytes),
        Begins::No if response == Begins::No => Sniff::No,
        _ => Sniff::More,
    }
}

/// Whether some bytes begin a thing, as far as they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    Yes,
    No,
    More,
}

/// A method and a blank.
pub(super) fn begins_request(bytes: &[u8]) -> Begins {
    let method = bytes.iter().take_while(|&&byte| is_token(byte)).count();
    match bytes.get(method) {
        _ if method > limits::HTTP_METHOD => Begins::No,
        None => Begins::More,
        Some(b' ' | b'\t') if method > 0 => Begins::Yes,
        // a CR that may be an empty line's
        Some(b'\r') if bytes == b"\r" => Begins::More,
        Some(_) => Begins::No,
    }
}

/// A version and a blank.
pub(super) fn begins_response(bytes: &[u8]) -> Begins {
    const VERSION: &[u8] = b"HTTP/1.";
    if bytes == b"\r" {
        return Begins::More;
    }
    let Some(rest) = bytes.strip_prefix(VERSION) else {
        return if VERSION.starts_with(bytes) { Begins::More } else { Begins::No };
    };
    match rest {
        [] => Begins::More,
        [minor] if minor.is_ascii_digit() => Begins::More,
        [minor, b' ' | b'\t', ..] if minor.is_ascii_digit() => Begins::Yes,
        _ => Begins::No,
    }
}

/// What is left after as many empty lines as are allowed; `None` if there are more.
pub(super) fn after_empty_lines(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..=limits::HTTP_EMPTY_LINES {
        match rest {
            [b'\n', tail @ ..] | [b'\r', b'\n', tail @ ..] => rest = tail,
            _ => return Some(rest),
        }
    }
    None
}

/// Whether control characters stand in a line where no receiver takes them; a stray CR is a blank to some.
pub(super) fn has_controls(line: &[u8]) -> bool {
    line.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t' && byte != b'\r')
}

/// Bytes that begin with a method and a blank.
fn request(bytes: &[u8]) -> Sniff {
    const METHODS: [&[u8]; 8] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE "];
    let usual = METHODS.iter().find_map(|method| bytes.strip_prefix(*method));
    if usual.is_some_and(|target| [&b"/"[..], b"http://", b"https://"].iter().any(|form| target.starts_with(form))) {
        return Sniff::Request;
    }
    let window = bytes.get(..limits::HTTP_HEAD).unwrap_or(bytes);
    let end = memchr::memchr(b'\n', window);
    let line = window.get(..end.unwrap_or(window.len())).unwrap_or_default();
    if has_controls(line) {
        return Sniff::No;
    }
    match (end, trim(line)) {
        (None, _) if bytes.len() >= limits::HTTP_HEAD => Sniff::No,
        (None, _) => Sniff::More,
        (Some(_), [.., b' ' | b'\t', b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor]) if minor.is_ascii_digit() => {
            Sniff::Request
        }
        (Some(_), _) => Sniff::No,
    }
}

#[cfg(test)]
mod tests {
    use super::{Sniff, looks_like_http};
    use crate::limits;

    #[test]
    fn knows_how_each_begins() {
        for (text, answer) in [
            ("", Sniff::More),
            ("G", Sniff::More),
            ("GET ", Sniff::More),
            ("GET /", Sniff::Request),
            ("\r\n\nPOST /mcp HTTP/1.1\r\n", Sniff::Request),
            ("GET http://example.com/ HTTP/1.1\r\n", Sniff::Request),
            ("CONNECT example.com:443 HTTP/1.1\r\n", Sniff::Request),
            ("CONNECT example.com:443 HTTP/1.1", Sniff::More),
            ("OPTIONS * HTTP/1.1\n", Sniff::Request),
            ("PROPFIND /dav HTTP/1.1\r\n", Sniff::Request),
            ("PRI * HTTP/1.1\r\n", Sniff::Request),
            ("PRI * HTTP/2.", Sniff::More),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", Sniff::More),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Sniff::Http2),
            ("PRI * HTTP/2.0\r\nHost: h\r\n", Sniff::No),
            ("PRI * HTTP/2.0/ HTTP/1.1\n", Sniff::Request),
            ("HTTP", Sniff::More),
            ("HTTP/1.1", Sniff::More),
            ("HTTP/1.1 200 OK", Sniff::Response),
            ("HTTP/1.0 ", Sniff::Response),
            ("HTTP/2 200", Sniff::No),
            ("GET key\r\n", Sniff::No),
            ("{\"jsonrpc\":\"2.0\"}\n", Sniff::No),
            ("EHLO example.com\r\n", Sniff::No),
            ("\x16\x03\x01", Sniff::No),
            ("SET a \0", Sniff::No),
            ("\r\n\r\n\r\n\r\n\r\n", Sniff::No),
            ("A-METHOD-OF-THIRTY-THREE-LETTERS-", Sniff::No),
        ] {
            assert_eq!(looks_like_http(text.as_bytes()), answer, "{text:?}");
            let mut last = Sniff::More;
            for end in 0..=text.len() {
                let answer = looks_like_http(&text.as_bytes()[..end]);
                assert!(last == Sniff::More || answer == last, "{text:?}: {last:?} became {answer:?}");
                last = answer;
            }
        }
    }

    #[test]
    fn does_not_wait_for_ever() {
        let mut text = b"QUERY /".to_vec();
        text.resize(limits::HTTP_HEAD - 1, b'x');
        assert_eq!(looks_like_http(&text), Sniff::More);
        text.push(b'x');
        assert_eq!(looks_like_http(&text), Sniff::No);
        text.extend_from_slice(b" HTTP/1.1\r\n");
        assert_eq!(looks_like_http(&text), Sniff::No);
    }
}
