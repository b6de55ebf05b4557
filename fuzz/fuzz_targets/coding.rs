//! A body's codings give the same however its bytes are split, stay within the cap, and say why they stop.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::http::coding::{Decoder, Reject};
use monitor_wire::limits;
use std::hash::{DefaultHasher, Hasher};

/// Length and hash of what comes out, and how it ends: a body can hold too much to be kept.
fn decode<'a>(coding: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (u64, u64, Result<(), Reject>) {
    let mut decoder = Decoder::new(coding).unwrap();
    let (mut length, mut hash) = (0, DefaultHasher::new());
    for piece in pieces {
        let result = decoder.feed(piece, &mut |piece| {
            length += piece.len() as u64;
            hash.write(piece);
        });
        assert_eq!(result.err(), decoder.reject());
        if result.is_err() {
            break;
        }
    }
    assert_eq!(length, decoder.decoded());
    // an input is shorter than the stretch after which the cap grows
    assert!(length <= limits::HTTP_DECODED);
    (length, hash.finish(), decoder.finish())
}

fuzz_target!(|bytes: &[u8]| {
    // Taken from the end, so that a seed is a body as it is.
    let size = usize::from(bytes.last().copied().unwrap_or_default()).max(2);
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, br", "identity"] {
        let whole = decode(coding, std::iter::once(bytes));
        for other in [decode(coding, bytes.chunks(1)), decode(coding, bytes.chunks(size))] {
            // Of a malformed body in br the last bytes may be missing, and then what they hold is cut.
            match coding.contains("br") && whole.2 == Err(Reject::Malformed) {
                true => assert!(other.2.is_err(), "{coding}"),
                false => assert_eq!(other, whole, "{coding}"),
            }
        }
        let mut decoder = Decoder::new(coding).unwrap();
        let (head, tail) = bytes.split_at(bytes.len().min(size));
        let _ = decoder.feed(head, &mut |_| {});
        decoder.gap();
        let after = decoder.feed(tail, &mut |_| assert_eq!(coding, "identity"));
        assert!(coding == "identity" || after.is_err());
    }
    let name: String = bytes.iter().take(64).map(|&byte| char::from(byte)).collect();
    if let Err(unreadable) = Decoder::new(&name) {
        assert!(unreadable.to_string().len() <= limits::HTTP_CODING_NAME);
    }
});
