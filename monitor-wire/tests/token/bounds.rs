//! Whoever sends what is made to cost much costs little.

use monitor_wire::limits;
use monitor_wire::token::{Scanner, Stats};

use super::{TOKEN, known, long, set};

fn stats(tokens: &[&[u8]], stream: &[u8]) -> (Stats, usize) {
    let set = set(tokens);
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    let mut found = 0;
    for piece in stream.chunks(4096) {
        scanner.feed(&set, piece, &mut hits);
        found += hits.len();
        hits.clear();
    }
    (scanner.stats(), found)
}

#[test]
fn ordinary_text_is_never_looked_at_closely() {
    let text =
        "The quick brown fox jumps over the lazy dog, {\"id\":\"0123456789abcdef\"}, and so on.\n".repeat(10_000);
    let (stats, found) = stats(&[TOKEN.as_bytes(), b"z9y8x7w6v5u4t3s2r1q0"], text.as_bytes());
    assert_eq!((stats.tried, stats.skipped, found), (0, 0, 0));
    assert_eq!(stats.bytes, text.len() as u64);
}

#[test]
fn repetitions_cost_no_more_than_they_send() {
    let token = long(8000);
    for part in [&token[..200], &token[..64], &token[100..160], &token[150..175], &token[..7999], TOKEN] {
        let stream = part.repeat(400_000 / part.len() + 1);
        let (stats, _) = stats(&[token.as_bytes(), TOKEN.as_bytes()], stream.as_bytes());
        assert!(stats.tried <= stats.bytes / 8 + 8, "{stats:?}");
        assert_eq!(stats.skipped, 0);
    }
}

#[test]
fn what_was_found_and_not_told_is_counted() {
    let stream = "hunter2!".repeat(5000);
    let set = set(&[b"hunter2!"]);
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    scanner.feed(&set, stream.as_bytes(), &mut hits);
    assert_eq!(hits.len(), limits::TOKEN_HITS);
    assert_eq!(scanner.stats().untold, 5000 - limits::TOKEN_HITS as u64);
}

#[test]
fn lost_bytes_hide_what_they_are_in_and_nothing_else() {
    let set = set(&[TOKEN.as_bytes()]);
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    let (head, tail) = TOKEN.as_bytes().split_at(30);
    scanner.feed(&set, head, &mut hits);
    scanner.gap(&set, 0, &mut hits);
    scanner.feed(&set, tail, &mut hits);
    assert_eq!(known(&hits), []);
    scanner.gap(&set, 100, &mut hits);
    scanner.feed(&set, TOKEN.as_bytes(), &mut hits);
    let start = TOKEN.len() as u64 + 100;
    assert_eq!(known(&hits), [(monitor_wire::token::Encoding::Plain, start, start + TOKEN.len() as u64)]);
    assert_eq!(scanner.stats().lost, 100);
}
