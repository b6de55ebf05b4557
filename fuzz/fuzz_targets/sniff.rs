//! The answer for a stream never goes back: more bytes turn `More` into an answer, and no answer into another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::sniff::{Sniff, looks_like_mcp};

fuzz_target!(|input: &[u8]| {
    let mut last = Sniff::More;
    for end in 0..=input.len().min(512) {
        let answer = looks_like_mcp(&input[..end]);
        assert!(last == Sniff::More || answer == last, "{last:?} became {answer:?} at {end}");
        last = answer;
    }
});
