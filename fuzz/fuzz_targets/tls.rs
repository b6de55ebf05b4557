//! The answer depends neither on the split nor on how records cut the hello, and once given it stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::limits;
use monitor_wire::tls::{Progress, Reader, Transport, hello};

fuzz_target!(|input: &[u8]| {
    check(input);
    // The same bytes as the body of a hello, which a fuzzer finds by itself only late.
    let Some((&size, body)) = input.split_first() else { return };
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], body].concat();
    let record = |part: &[u8]| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
    let records: Vec<u8> = message.chunks(usize::from(size) * 4 + 1).flat_map(record).collect();
    assert_eq!(check(&records), hello(&message, Transport::Tcp));
});

fn check(stream: &[u8]) -> Progress {
    let whole = Reader::new().feed(stream);
    let mut reader = Reader::new();
    let mut last = Progress::Incomplete;
    for byte in stream {
        let answer = reader.feed(&[*byte]);
        assert!(last == Progress::Incomplete || answer == last, "{last:?} became {answer:?}");
        last = answer;
    }
    assert_eq!(last, whole);
    if let Progress::Done(hello) = &whole {
        assert_eq!(hello.ja4.len(), 36);
        assert!(hello.alpn.len() <= limits::ALPN);
        assert!(hello.alpn.iter().all(|name| name.len() <= 4 * limits::ALPN_NAME));
        assert!(hello.sni.as_ref().is_none_or(|name| (1..=4 * limits::SNI).contains(&name.len())));
        assert!(!hello.sni.iter().chain(&hello.alpn).any(|name| name.chars().any(char::is_control)));
    }
    whole
}
