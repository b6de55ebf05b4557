//! What a set takes, and forgets.

use monitor_wire::limits;
use monitor_wire::redact::fingerprint;
use monitor_wire::token::{Kind, Refused, Scanner, Set};

use super::{TOKEN, all, key, known, set};

#[test]
fn what_can_not_be_looked_for_is_refused() {
    let mut set = Set::new(&key());
    for (token, refused) in [
        ("aB3dE5g".to_owned(), Refused::Short),
        ("aB3dE5gH".repeat(1025), Refused::Long),
        ("aaaaaaaaaaaabbbb".to_owned(), Refused::LowVariety),
        ("abcdefg".repeat(20), Refused::LowVariety),
        ("fp:0123456789abcdef".to_owned(), Refused::Placeholder),
        ("${CLOUDFLARE_API_TOKEN}".to_owned(), Refused::Placeholder),
        ("undefined".to_owned(), Refused::Placeholder),
    ] {
        assert_eq!(set.add(token.as_bytes()), Err(refused), "{token}");
        assert!(!refused.to_string().is_empty());
    }
    assert!(set.is_empty());
}

#[test]
fn a_token_has_the_fingerprint_that_it_has_elsewhere() {
    let mut set = Set::new(&key());
    let added = set.add(TOKEN.as_bytes()).unwrap();
    assert_eq!((added.fingerprint, added.kind), (fingerprint(&key(), TOKEN.as_bytes()), Kind::CloudflareUserToken));
    assert_eq!(set.add(b"no form at all").unwrap().kind, Kind::Opaque);
    set.add(TOKEN.as_bytes()).unwrap();
    assert_eq!(set.len(), 2);
}

#[test]
fn a_token_that_was_removed_is_not_found() {
    let mut set = set(&[TOKEN.as_bytes(), b"hunter2!hunter3?", b"hunter2!"]);
    let stream = format!("{TOKEN} hunter2!hunter3? hunter2!");
    assert_eq!(known(&all(&set, stream.as_bytes())).len(), 4);
    assert!(set.remove(&fingerprint(&key(), b"hunter2!hunter3?")));
    assert!(!set.remove(&fingerprint(&key(), b"hunter2!hunter3?")));
    assert!(set.remove(&fingerprint(&key(), b"hunter2!")));
    assert_eq!(known(&all(&set, stream.as_bytes())).len(), 1);
    assert_eq!(set.len(), 1);
    set.add(b"hunter2!").unwrap();
    assert_eq!(known(&all(&set, stream.as_bytes())).len(), 3);
}

#[test]
fn a_set_may_change_while_a_stream_is_read() {
    let mut set = set(&[TOKEN.as_bytes()]);
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    scanner.feed(&set, &TOKEN.as_bytes()[..30], &mut hits);
    set.remove(&fingerprint(&key(), TOKEN.as_bytes()));
    set.add(b"z9y8x7w6v5u4t3s2r1q0").unwrap();
    scanner.feed(&set, &TOKEN.as_bytes()[30..], &mut hits);
    scanner.feed(&set, b" z9y8x7w6v5u4t3s2r1q0 ", &mut hits);
    let found: Vec<_> = hits.iter().map(|hit| (hit.known, hit.kind)).collect();
    assert_eq!(found, [(false, Kind::CloudflareUserToken), (true, Kind::Opaque)]);
}

#[test]
fn every_one_of_a_thousand_is_found() {
    let tokens: Vec<String> = (1..=1000_u64)
        .map(|number| format!("t{:016x}x{}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number))
        .collect();
    let bytes: Vec<&[u8]> = tokens.iter().map(String::as_bytes).collect();
    let set = set(&bytes);
    let stream = tokens.join(" ");
    let hits = super::scan(&set, [stream.as_bytes()]);
    assert_eq!(hits.iter().filter(|hit| hit.known).count(), 1000);
    for (hit, token) in hits.iter().zip(&tokens) {
        assert_eq!(hit.fingerprint, fingerprint(&key(), token.as_bytes()));
    }
}

#[test]
fn tokens_that_begin_alike_are_told_apart_and_not_too_many_of_them_are_taken() {
    let head = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6In0".repeat(3);
    let mut set = Set::new(&key());
    let mut refused = None;
    let mut taken = 0;
    for number in 0..limits::TOKENS {
        // What repeats is no region, so something must occur once.
        match set.add(format!("0zYx1WvU2tSr3QpO{head}{number:05}").as_bytes()) {
            Ok(_) => taken += 1,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert_eq!(refused, Some(Refused::Crowded));
    assert!(taken >= 500, "{taken}");
    let hits = known(&super::scan(&set, [format!("0zYx1WvU2tSr3QpO{head}00123").as_bytes()]));
    assert_eq!(hits.len(), 1);
}

#[test]
fn nothing_shows_a_token() {
    let set = set(&[TOKEN.as_bytes()]);
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    scanner.feed(
        &set,
        format!("{TOKEN} ghp_aB3dE5gH7jK9mN1pQ2 -----BEGIN PRIVATE KEY----- {TOKEN}").as_bytes(),
        &mut hits,
    );
    let shown = format!("{set:?} {scanner:?} {hits:?} {:?}", set.clone().add(b"another secret"));
    for part in [&TOKEN[..12], &TOKEN[20..30], "aB3dE5gH", "another"] {
        assert!(!shown.contains(part), "{shown}");
    }
}
