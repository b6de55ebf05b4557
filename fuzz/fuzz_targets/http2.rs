//! The HTTP/2 reader gives the same messages however the bytes are split, nothing it keeps outgrows its cap, a token
//! never shows, and lost bytes do no harm.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use monitor_wire::http::h2::{Reader, Sniff, looks_like_http2};
use monitor_wire::http::{Headers, Message};
use monitor_wire::limits;
use monitor_wire::redact::Key;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

fn readers() -> [Reader; 2] {
    let key = Key::from_bytes([1; 32]);
    [Reader::requests(&key), Reader::responses(&key)]
}

/// Messages, and how many bytes of each body were visited.
fn read<'a>(mut reader: Reader, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Message>, BTreeMap<u64, u64>) {
    let (mut messages, mut visited) = (Vec::new(), BTreeMap::<u64, u64>::new());
    let mut visit = |exchange: u64, piece: &[u8]| *visited.entry(exchange).or_default() += piece.len() as u64;
    pieces.for_each(|piece| reader.feed_with(piece, &mut messages, &mut visit));
    assert!(reader.take_resets().len() <= limits::HTTP2_RESETS);
    reader.end(&mut messages);
    (messages, visited)
}

fn check(messages: &[Message], bytes: u64) {
    let headers = |headers: &Headers| {
        assert!(
            headers.headers.len() <= limits::HTTP_NAMES
                && headers.headers.iter().all(|name| name.len() <= limits::HTTP_NAME)
        );
        // the names of a host come beside those that are kept
        assert!(headers.values.len() <= limits::HTTP_VALUES + 4);
        assert!(headers.values.iter().all(|(_, value)| value.len() <= limits::HTTP_VALUE.max(limits::HTTP_HOST)));
    };
    for message in messages {
        match message {
            Message::Request(request) => {
                headers(&request.headers);
                assert!(request.method.len() <= limits::HTTP_METHOD && request.path.len() <= limits::HTTP_TARGET);
                assert!(request.query.as_ref().is_none_or(|query| query.len() <= limits::HTTP_TARGET));
                assert!(request.host.as_ref().is_none_or(|host| host.len() <= limits::HTTP_HOST));
                assert!(request.exchange < 1 << 30);
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
    for (index, begin) in [(0, PREFACE), (1, SETTINGS)] {
        let reader = || readers().into_iter().nth(index).unwrap();
        // as it is, and as it would go on behind a beginning that is right
        for stream in [bytes, &[begin, bytes].concat()] {
            let whole = read(reader(), std::iter::once(stream));
            assert_eq!(read(reader(), stream.chunks(1)), whole);
            assert_eq!(read(reader(), stream.chunks(size)), whole);
            check(&whole.0, stream.len() as u64);
            let mut counted = BTreeMap::<u64, u64>::new();
            for message in &whole.0 {
                if let Message::Body(body) = message
                    && body.bytes > 0
                {
                    *counted.entry(body.exchange).or_default() += body.bytes;
                }
            }
            assert_eq!(counted, whole.1);
            let known = [Sniff::Client, Sniff::Server][index];
            assert!(matches!(whole.0.first(), None | Some(Message::End(_))) || looks_like_http2(stream) == known);
            // Bytes that are lost anywhere do no harm, nor do resets.
            let (head, tail) = stream.split_at(stream.len().min(size * 4));
            let (mut reader, mut messages) = (reader(), Vec::new());
            reader.feed(head, &mut messages);
            reader.gap(lost as u64, &mut messages);
            (0..4).for_each(|exchange| reader.reset(exchange, &mut messages));
            reader.feed(tail, &mut messages);
            reader.end(&mut messages);
            check(&messages, (stream.len() + lost) as u64);
        }
    }
    let mut last = Sniff::More;
    for end in 0..=bytes.len().min(64) {
        let answer = looks_like_http2(&bytes[..end]);
        assert!(last == Sniff::More || answer == last, "{last:?} became {answer:?} at {end}");
        last = answer;
    }
    // A token stays hidden whatever comes after it, though it is remembered as a name and as a value.
    let remembered = |name: &str, value: &str| {
        [&[0x40, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
    };
    let path = format!("/{TOKEN}?x={TOKEN}");
    let block: Vec<u8> = [
        (":method", "GET"),
        (":path", &path),
        (":authority", TOKEN),
        ("authorization", TOKEN),
        ("cookie", TOKEN),
        ("user-agent", TOKEN),
        ("mcp-session-id", TOKEN),
        (TOKEN, TOKEN),
    ]
    .iter()
    .flat_map(|(name, value)| remembered(name, value))
    .collect();
    let length = (block.len() as u32).to_be_bytes();
    for (index, begin) in [(0, PREFACE), (1, SETTINGS)] {
        let head = [&length[1..], b"\x01\x05\0\0\0\x01", &block].concat();
        let planted = [begin, &head, bytes].concat();
        let reader = readers().into_iter().nth(index).unwrap();
        let shown = format!("{:?}", read(reader, std::iter::once(&planted[..])));
        let given = bytes.windows(TOKEN.len()).any(|window| window.eq_ignore_ascii_case(TOKEN.as_bytes()));
        assert!(given || !shown.to_lowercase().contains(&TOKEN.to_lowercase()), "{shown}");
    }
});
