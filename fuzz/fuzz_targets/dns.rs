//! A message is read alike alone and in any split of a stream; what comes out is bounded and plain.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::dns::{Answer, Reject, Stream, parse};
use monitor_wire::limits;

fuzz_target!(|input: &[u8]| {
    let alone = parse(input);
    check(&alone);
    // Twice the message, then the bytes as they are.
    let length = (input.len() as u16).to_be_bytes();
    let stream = [&length, input, &length, input, input].concat();
    let whole = feed(&[&stream]);
    assert_eq!(whole[..2], [alone.clone(), alone]);
    whole.iter().for_each(check);
    assert_eq!(feed(&stream.chunks(1).collect::<Vec<_>>()), whole);
    let (start, end) = stream.split_at(usize::from(input.first().copied().unwrap_or(0)).min(stream.len()));
    assert_eq!(feed(&[start, end]), whole);
});

fn feed(chunks: &[&[u8]]) -> Vec<Result<Answer, Reject>> {
    let mut stream = Stream::new();
    let mut out = Vec::new();
    chunks.iter().for_each(|chunk| stream.feed(chunk, &mut out));
    out
}

fn check(read: &Result<Answer, Reject>) {
    let Ok(read) = read else { return };
    assert!(read.aliases.len() <= limits::DNS_ALIASES);
    assert!(read.addresses.len() <= limits::DNS_ADDRESSES);
    assert!(read.answer || (read.aliases.is_empty() && read.addresses.is_empty() && read.rcode.is_empty()));
    for name in read.aliases.iter().chain([&read.name]) {
        assert!((1..=4 * limits::DNS_NAME).contains(&name.len()));
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
}
