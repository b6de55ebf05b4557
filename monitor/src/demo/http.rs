//! As much of HTTP/1.1 as the fake API needs: one request, one answer, and the connection is closed.

use std::io::{self, BufRead, Read, Write};

/// Longest head and longest body that are read.
const MOST: u64 = 1 << 20;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// `GET` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The whole body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// 200 …
    pub status: u16,
    /// Media type.
    pub media: &'static str,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Reads one request; an error when it is none, or too long.
pub fn read(stream: &mut impl BufRead) -> io::Result<Request> {
    let mut head = stream.take(MOST);
    let first = line(&mut head)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(_)) = (words.next(), words.next(), words.next()) else {
        return Err(io::Error::other("not an HTTP request"));
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let (mut length, mut chunked) = (0, false);
    loop {
        let field = line(&mut head)?;
        if field.is_empty() {
            break;
        }
        let Some((name, value)) = field.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let body = if chunked { read_chunks(stream)? } else { read_exactly(stream, length)? };
    Ok(Request { method, target, body })
}

/// Writes an answer.
pub fn write(stream: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let reason = if answer.status == 200 { "OK" } else { "Not Found" };
    write!(
        stream,
        "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.status,
        answer.media,
        answer.body.len()
    )?;
    stream.write_all(&answer.body)?;
    stream.flush()
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_exactly(stream: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > MOST {
        return Err(io::Error::other("the body is too long"));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    Ok(body)
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(&mut stream.take(64))?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16).map_err(io::Error::other)?;
        body.extend(read_exactly(stream, size)?);
        let _end_of_chunk = line(&mut stream.take(64))?;
        if size == 0 {
            return Ok(body);
        }
        if body.len() as u64 > MOST {
            return Err(io::Error::other("the body is too long"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, read, write};

    #[test]
    fn a_body_comes_by_length_or_in_chunks() {
        let mut plain = &b"PUT /a?b=c HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcnext"[..];
        let request = read(&mut plain).unwrap();
        assert_eq!(
            (request.method.as_str(), request.target.as_str(), request.body),
            ("PUT", "/a?b=c", b"abc".to_vec())
        );
        let mut chunked =
            &b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n"[..];
        assert_eq!(read(&mut chunked).unwrap().body, b"abc");
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        for bytes in
            [&b""[..], b"hello\r\n\r\n", b"GET / HTTP/1.1\r\n", b"PUT / HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n"]
        {
            assert!(read(&mut &*bytes).is_err());
        }
    }

    #[test]
    fn an_answer_says_how_long_it_is() {
        let mut out = Vec::new();
        write(&mut out, &Answer { status: 200, media: "text/plain", body: b"hi".to_vec() }).unwrap();
        assert!(out.ends_with(b"content-length: 2\r\nconnection: close\r\n\r\nhi"));
    }
}
