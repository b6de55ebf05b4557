//! The reader gives the same items however the bytes are split, and nothing it keeps outgrows its cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::limits;
use monitor_wire::mcp::Body;
use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact::Key;

fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut reader = Reader::new(&Key::from_bytes([1; 32]));
    let mut items = Vec::new();
    chunks.for_each(|chunk| reader.feed(chunk, &mut items));
    reader.finish(&mut items);
    items
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = read(std::iter::once(bytes));
    assert_eq!(read(bytes.chunks(1)), whole);
    assert_eq!(read(bytes.chunks(usize::from(size).max(2))), whole);
    for item in &whole {
        let Item::Message(message) = item else { continue };
        assert!(message.bytes <= bytes.len() as u64);
        if let Body::Request(request) = &message.body {
            assert!(request.method.len() <= limits::NAME);
            for call in &request.call {
                assert!(call.name.len() <= limits::NAME && call.arguments.len() <= limits::ARGUMENTS);
                assert!(call.arguments.iter().all(|argument| argument.text.len() <= limits::ARGUMENT));
            }
        }
    }
    // Bytes that are lost anywhere do no harm.
    let (head, tail) = bytes.split_at(bytes.len().min(usize::from(size)));
    let mut reader = Reader::new(&Key::from_bytes([1; 32]));
    let mut items = Vec::new();
    reader.feed(head, &mut items);
    reader.gap(u64::from(size));
    reader.feed(tail, &mut items);
    reader.finish(&mut items);
});
