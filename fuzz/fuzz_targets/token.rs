//! Tokens are found whatever the bytes around them and however those are split, nothing shows one, and lost bytes do no
//! harm.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use monitor_wire::limits;
use monitor_wire::redact::Key;
use monitor_wire::token::{Hit, Scanner, Set, Stats};

const TOKENS: [&str; 4] = [
    "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d",
    "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4dxYz",
    "hunter2!",
    "p@ss/w0rd\"\\%4",
];

static SET: LazyLock<Set> = LazyLock::new(|| {
    let mut set = Set::new(&Key::from_bytes([1; 32]));
    TOKENS.iter().for_each(|token| assert!(set.add(token.as_bytes()).is_ok()));
    set
});

fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Hit>, Stats) {
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    pieces.for_each(|piece| scanner.feed(&SET, piece, &mut hits));
    scanner.end(&SET, &mut hits);
    hits.sort_by_key(|hit| (hit.end, hit.start, hit.len));
    (hits, scanner.stats())
}

fn written(token: &str, way: usize) -> Vec<u8> {
    match way % 5 {
        0 => token.into(),
        1 => token.bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        2 => token.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect(),
        3 => token.bytes().flat_map(|byte| format!("\\u{byte:04x}").into_bytes()).collect(),
        _ => token.bytes().flat_map(|byte| [byte, 0]).collect(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Taken from the end, so that a seed is a stream as it is.
    let size = usize::from(bytes.last().copied().unwrap_or_default()).max(2);
    let (whole, stats) = scan(std::iter::once(bytes));
    for hit in &whole {
        assert!(hit.start < hit.end && hit.end <= bytes.len() as u64);
        assert!(hit.len <= limits::TOKEN_FORM && hit.len as u64 <= hit.end - hit.start + 3);
    }
    for size in [1, size] {
        let (pieces, other) = scan(bytes.chunks(size));
        if stats.skipped + other.skipped + stats.untold == 0 {
            assert_eq!(pieces, whole, "{size}");
        }
    }
    // A known token is found among anything. A dot ends whatever comes before.
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    for (token, way) in TOKENS.iter().zip(size..) {
        let planted = [head, b".", &written(token, way), b".", tail].concat();
        let (hits, stats) = scan(planted.chunks(size));
        let start = head.len() as u64 + 1;
        let found = hits.iter().any(|hit| hit.known && hit.start == start && hit.len == token.len());
        assert!(found || stats.skipped > 0, "{way} {hits:?}");
        let shown = format!("{hits:?}");
        assert!(!shown.contains("aB3dE5gH") && !shown.contains("hunter2"), "{shown}");
    }
    // Bytes that are lost anywhere do no harm.
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    scanner.feed(&SET, head, &mut hits);
    scanner.gap(&SET, size as u64, &mut hits);
    scanner.feed(&SET, tail, &mut hits);
    scanner.end(&SET, &mut hits);
    let end = (bytes.len() + size) as u64;
    assert!(hits.iter().all(|hit| hit.start < hit.end && hit.end <= end));
});
