//! Does this stream begin as HTTP/2 does? Decided from its first bytes.

use super::frame::{Frame, HEADER};
use crate::http::sniff::PREFACE;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    /// A client's preface begins it (RFC 9113 section 3.4).
    Client,
    /// A `SETTINGS` frame begins it that acknowledges none, which is a server's preface.
    Server,
    /// Neither, and no more bytes are wanted.
    No,
    /// Nothing speaks for or against it yet.
    More,
}

/// Looks at the first bytes of a stream, all of them each time. An answer but [`Sniff::More`] never changes, and comes
/// with the 24th byte at the latest.
pub fn looks_like_http2(first_bytes: &[u8]) -> Sniff {
    if first_bytes.starts_with(PREFACE) {
        return Sniff::Client;
    }
    if PREFACE.starts_with(first_bytes) {
        return Sniff::More;
    }
    match first_bytes.first_chunk::<HEADER>() {
        Some(header) if Frame::is_server_preface(header) => Sniff::Server,
        Some(_) => Sniff::No,
        // The high byte of a length that nobody sends so early. A server's first frame has no use for it.
        None if first_bytes.first() == Some(&0) => Sniff::More,
        None => Sniff::No,
    }
}

#[cfg(test)]
mod tests {
    use super::{Sniff, looks_like_http2};

    #[test]
    fn knows_how_each_begins() {
        for (bytes, answer) in [
            (&b""[..], Sniff::More),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", Sniff::More),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Sniff::Client),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0", Sniff::Client),
            (b"PRI * HTTP/1.1\r\n", Sniff::No),
            (b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Sniff::No),
            (b"\0\0\x12\x04\0\0\0\0", Sniff::More),
            (b"\0\0\x12\x04\0\0\0\0\0", Sniff::Server),
            (b"\0\0\0\x04\0\0\0\0\0\0\x03", Sniff::Server),
            (b"\0\0\x11\x04\0\0\0\0\0", Sniff::No),
            (b"\0\0\0\x04\x01\0\0\0\0", Sniff::No),
            (b"\0\0\x06\x04\0\0\0\0\x01", Sniff::No),
            (b"\0\0\x06\x00\0\0\0\0\0", Sniff::No),
            (b"\0\x40\x02\x04\0\0\0\0\0", Sniff::No),
            (b"\x01", Sniff::No),
            (b"\x16\x03\x01", Sniff::No),
            (b"GET / HTTP/1.1\r\n", Sniff::No),
            (b"HTTP/1.1 200 OK\r\n", Sniff::No),
        ] {
            assert_eq!(looks_like_http2(bytes), answer, "{bytes:?}");
            let mut last = Sniff::More;
            for end in 0..=bytes.len() {
                let answer = looks_like_http2(&bytes[..end]);
                assert!(last == Sniff::More || answer == last, "{bytes:?}: {last:?} became {answer:?}");
                last = answer;
            }
        }
    }
}
