//! The HTTP/1 reader gives the same messages however the bytes are split, nothing it keeps outgrows its cap, a token never
//! shows, and lost bytes do no harm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::http::{Headers, Message, Reader, Sniff, looks_like_http};
use monitor_wire::limits;
use monitor_wire::redact::Key;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

fn readers() -> [Reader; 2] {
    let key = Key::from_bytes([1; 32]);
    let mut responses = Reader::responses(&key);
    ["GET", "HEAD", "CONNECT"].iter().for_each(|method| responses.expect(method));
    [Reader::requests(&key), responses]
}

fn read<'a>(mut reader: Reader, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Message> {
    let mut messages = Vec::new();
    pieces.for_each(|piece| reader.feed(piece, &mut messages));
    reader.end(&mut messages);
    messages
}

fn check(messages: &[Message], bytes: u64) {
    let headers = |headers: &Headers| {
        assert!(headers.headers.len() <= limits::HTTP_NAMES && headers.values.len() <= limits::HTTP_VALUES);
        assert!(headers.headers.iter().all(|name| name.len() <= limits::HTTP_NAME));
        assert!(headers.values.iter().all(|(_, value)| value.len() <= limits::HTTP_VALUE));
    };
    for message in messages {
        match message {
            Message::Request(request) => {
                headers(&request.headers);
                assert!(request.method.len() <= limits::HTTP_METHOD && request.path.len() <= limits::HTTP_TARGET);
                assert!(request.query.as_ref().is_none_or(|query| query.len() <= limits::HTTP_TARGET));
                assert!(request.host.as_ref().is_none_or(|host| host.len() <= limits::HTTP_HOST));
            }
            Message::Response(response) => headers(&response.headers),
            Message::Body(body) => assert!(body.bytes <= bytes),
            Message::End(_) => {}
        }
    }
    let ends = messages.iter().filter(|message| matches!(message, Message::End(_))).count();
    assert!(ends == 0 || (ends == 1 && matches!(messages.last(), Some(Message::End(_)))));
}

fuzz_target!(|bytes: &[u8]| {
    // Taken from the end, so that a seed is a connection as it is.
    let size = usize::from(bytes.last().copied().unwrap_or_default()).max(2);
    let lost = bytes.len().wrapping_mul(7) % 97;
    let [requests, responses] = readers().map(|reader| read(reader, std::iter::once(bytes)));
    for (whole, index) in [(&requests, 0), (&responses, 1)] {
        let [single, pieces] = [1, size].map(|size| {
            let reader = readers().into_iter().nth(index).unwrap();
            read(reader, bytes.chunks(size))
        });
        assert_eq!(&single, whole);
        assert_eq!(&pieces, whole);
        check(whole, bytes.len() as u64);
    }
    let known = looks_like_http(bytes);
    assert!(!matches!(requests.first(), Some(Message::Request(_))) || known == Sniff::Request);
    assert!(!matches!(responses.first(), Some(Message::Response(_))) || known == Sniff::Response);
    let mut last = Sniff::More;
    for end in 0..=bytes.len().min(256) {
        let answer = looks_like_http(&bytes[..end]);
        assert!(last == Sniff::More || answer == last, "{last:?} became {answer:?} at {end}");
        last = answer;
    }
    // Bytes that are lost anywhere do no harm.
    let (head, tail) = bytes.split_at(bytes.len().min(size));
    for mut reader in readers() {
        let mut messages = Vec::new();
        reader.feed(head, &mut messages);
        reader.gap(lost as u64, &mut messages);
        reader.feed(tail, &mut messages);
        reader.end(&mut messages);
        check(&messages, (bytes.len() + lost) as u64);
    }
    // A token stays hidden whatever comes after it.
    let mut planted = format!(
        "GET /{TOKEN}?x={TOKEN} HTTP/1.1\r\nAuthorization: {TOKEN}\r\nCookie: {TOKEN}\r\nUser-Agent: a {TOKEN} b\r\n\
         X-Auth-Key: {TOKEN}\r\nMcp-Session-Id: {TOKEN}\r\nMcp-Name: {TOKEN}\r\n"
    )
    .into_bytes();
    planted.extend_from_slice(bytes);
    let shown = format!("{:?}", read(Reader::requests(&Key::from_bytes([1; 32])), std::iter::once(&planted[..])));
    let given = bytes.windows(TOKEN.len()).any(|window| window.eq_ignore_ascii_case(TOKEN.as_bytes()));
    assert!(given || !shown.contains(TOKEN), "{shown}");
});
