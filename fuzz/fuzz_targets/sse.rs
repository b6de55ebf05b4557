//! Events don't depend on how the bytes are split, their data has no line end but the joints, and MCP's reader takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::limits;
use monitor_wire::reader::{self, Item};
use monitor_wire::redact::Key;
use monitor_wire::sse::{Part, Reader, deliver};

/// Data and end of each event, and what MCP's reader makes of them.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, gap: Option<usize>) -> (Vec<(Vec<u8>, String)>, Vec<Item>) {
    let key = Key::from_bytes([1; 32]);
    let (mut stream, mut reader) = (Reader::new(&key), reader::Reader::new(&key));
    let (mut events, mut data, mut items) = (Vec::new(), Vec::new(), Vec::new());
    let mut visit = |part: Part<'_>| {
        deliver(&part, &mut reader, &mut items);
        match part {
            Part::Data(bytes) => {
                assert!(!bytes.is_empty() && !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
                data.extend_from_slice(bytes);
            }
            Part::Join => data.push(b'\n'),
            Part::End(event) => {
                assert!(event.bytes == data.len() as u64 && event.kind.len() <= 4 * limits::SSE_TYPE);
                events.push((std::mem::take(&mut data), format!("{event:?}")));
            }
            Part::Cut(cut) => events.push((std::mem::take(&mut data), format!("{cut:?}"))),
        }
    };
    for (index, piece) in pieces.enumerate() {
        if gap == Some(index) {
            stream.gap(&mut visit);
        }
        stream.feed(piece, &mut visit);
    }
    stream.finish(&mut visit);
    assert!(data.is_empty() && !reader.is_mid_line());
    (events, items)
}

fuzz_target!(|bytes: &[u8]| {
    let size = usize::from(bytes.last().copied().unwrap_or_default()).max(2);
    let whole = read(std::iter::once(bytes), None);
    assert_eq!(read(bytes.chunks(1), None), whole);
    assert_eq!(read(bytes.chunks(size), None), whole);
    let (head, tail) = bytes.split_at(bytes.len().min(size));
    let _ = read([head, tail].into_iter(), Some(1));
    // Behind an empty line an event is read whatever came before it, and a loss.
    let mut more = bytes.to_vec();
    more.extend_from_slice(b"\n\ndata: {\"id\":1,\"result\":{}}\n\n");
    let (events, items) = read([head, &more[head.len()..]].into_iter(), Some(1));
    assert_eq!(events.last().map(|(data, _)| &data[..]), Some(&b"{\"id\":1,\"result\":{}}"[..]));
    assert!(matches!(items.last(), Some(Item::Message(message)) if message.complete));
});
