//! Content codings: recorded bodies in every split, odd ones, and every cap.

use monitor_wire::http::coding::{Decoder, Reject, Unreadable};
use monitor_wire::limits;
use proptest::prelude::*;

/// What the recordings hold: `lines` messages.
fn text(lines: u32) -> Vec<u8> {
    let mut number: u32 = 1;
    let line = |id: u32| {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"worker_{}\",\
             \"arguments\":{{\"x\":{number}}}}}}}\n",
            number % 7
        )
    };
    (0..lines).map(line).collect::<String>().into_bytes()
}

const GZIP: &[u8] = include_bytes!("../testdata/coding/python.gz");
const ZLIB: &[u8] = include_bytes!("../testdata/coding/python.zlib");
const DEFLATE: &[u8] = include_bytes!("../testdata/coding/python.deflate");
const BROTLI: &[u8] = include_bytes!("../testdata/coding/node.br");
const ZSTD: &[u8] = include_bytes!("../testdata/coding/zstd.zst");

/// Recorded bodies of 40 messages each.
const RECORDED: [(&str, &[u8]); 7] = [
    ("gzip", GZIP),
    ("gzip", include_bytes!("../testdata/coding/node.gz")),
    ("deflate", ZLIB),
    ("deflate", DEFLATE),
    ("br", BROTLI),
    ("zstd", ZSTD),
    ("gzip, br", include_bytes!("../testdata/coding/node-gzip-br")),
];

/// And of 2000.
const LARGE: [(&str, &[u8]); 2] = [
    ("br", include_bytes!("../testdata/coding/node-big.br")),
    ("zstd", include_bytes!("../testdata/coding/zstd-big.zst")),
];

/// What comes out, and how it ends.
fn pieces<'a>(coding: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Result<(), Reject>) {
    let mut decoder = Decoder::new(coding).expect("known codings");
    let mut out = Vec::new();
    for piece in pieces {
        let result = decoder.feed(piece, &mut |piece| out.extend_from_slice(piece));
        assert_eq!(result.err(), decoder.reject());
    }
    assert_eq!(decoder.decoded(), out.len() as u64);
    let result = decoder.finish();
    (out, result)
}

/// The same, which no split may change.
fn decode(coding: &str, bytes: &[u8]) -> (Vec<u8>, Result<(), Reject>) {
    let whole = pieces(coding, std::iter::once(bytes));
    assert!(whole == pieces(coding, bytes.chunks(1)), "{coding} byte by byte: {}", bytes.escape_ascii());
    for end in (0..bytes.len()).step_by((bytes.len() / 256).max(1)) {
        let halves = [&bytes[..end], &bytes[end..]];
        assert!(whole == pieces(coding, halves.into_iter()), "{coding} at {end}: {}", bytes.escape_ascii());
    }
    whole
}

fn rejected(coding: &str, bytes: &[u8]) -> Reject {
    decode(coding, bytes).1.expect_err("a reject")
}

/// One frame of zstd with a window of 128 KiB and no checksum.
fn frame(blocks: &[(u8, usize, &[u8])]) -> Vec<u8> {
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x38".to_vec();
    for (index, (kind, size, content)) in blocks.iter().enumerate() {
        let last = u32::from(index + 1 == blocks.len());
        let header = last | u32::from(*kind) << 1 | u32::try_from(*size).expect("a size") << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(content);
    }
    frame
}

#[test]
fn recorded_bodies_are_decoded() {
    for (coding, body) in RECORDED {
        assert!(decode(coding, body) == (text(40), Ok(())), "{coding}");
    }
    for (coding, body) in LARGE {
        for size in [1, 7, 4096, body.len()] {
            assert!(pieces(coding, body.chunks(size)) == (text(2000), Ok(())), "{coding} by {size}");
        }
    }
}

/// More may come out of one piece than the decoder hands over at a time.
#[test]
fn all_that_is_known_comes_out() {
    for (coding, body) in LARGE {
        for end in (0..body.len()).step_by(4999) {
            let start = &body[..end];
            let whole = pieces(coding, std::iter::once(start));
            assert!(pieces(coding, start.chunks(97)) == whole, "{coding} {end}");
        }
    }
}

/// A receiver that reads in small pieces sees what comes before the damage.
#[test]
fn what_comes_before_damage_comes_out() {
    let whole = text(2000);
    for (coding, body) in LARGE {
        let mut body = body.to_vec();
        let damaged = body.len() * 3 / 4;
        body[damaged..].fill(0xff);
        for size in [1, 1000, body.len()] {
            let (out, result) = pieces(coding, body.chunks(size));
            let same = out.iter().zip(&whole).take_while(|(out, whole)| out == whole).count();
            assert!(same > whole.len() / 2 && result.is_err(), "{coding} by {size}: {same} of {}", out.len());
        }
    }
}

#[test]
fn a_prefix_gives_a_prefix() {
    let whole = text(40);
    for (coding, body) in RECORDED {
        for end in 1..body.len() {
            let (out, result) = pieces(coding, std::iter::once(&body[..end]));
            assert_eq!(result, Err(Reject::Cut), "{coding} {end}");
            assert!(whole.starts_with(&out), "{coding} {end}");
        }
        assert_eq!(decode(coding, b""), (Vec::new(), Ok(())));
    }
}

/// What Node writes for an event with a flush behind it, and zstd for a block: the receiver sees it, though there is no end.
#[test]
fn what_was_flushed_is_there_at_once() {
    let event = b"data: {\"id\":1}\n\n";
    let deflated = b"\x4a\x49\x2c\x49\xb4\x52\xa8\x56\xca\x4c\x51\xb2\x32\xac\xe5\xe2\x02\0\0\0\xff\xff";
    let block = frame(&[(0, event.len(), event), (0, 0, b"")]);
    for (coding, body) in [
        ("gzip", &[&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], deflated].concat()[..]),
        ("deflate", &[&b"\x78\x9c"[..], deflated].concat()),
        ("deflate", deflated),
        ("br", b"\x8b\x07\x80data: {\"id\":1}\n\n"),
        ("zstd", &block[..block.len() - 3]),
    ] {
        assert_eq!(decode(coding, body), (event.to_vec(), Err(Reject::Cut)), "{coding}");
    }
}

#[test]
fn lists_of_codings() {
    let whole = text(40);
    for (names, body) in
        [("GZip", GZIP), ("x-gzip", GZIP), (" ,identity, gzip ,", GZIP), ("identity,br", BROTLI), ("BR,", BROTLI)]
    {
        assert!(decode(names, body) == (whole.clone(), Ok(())), "{names}");
    }
    for names in ["", "identity", ",", "identity, identity, identity"] {
        assert!(Decoder::new(names).unwrap().is_identity());
        assert_eq!(decode(names, b"as it is"), (b"as it is".to_vec(), Ok(())));
    }
    let coding = |name: &str| Unreadable::Coding(name.to_owned());
    for (names, unreadable) in [
        ("compress", coding("compress")),
        ("x-compress", coding("x-compress")),
        ("dcb", coding("dcb")),
        ("gzip, DCZ", coding("dcz")),
        ("gzip;q=1", coding("gzip;q=1")),
        ("aes128gcm, gzip", coding("aes128gcm")),
        ("gzip, gzip, gzip", Unreadable::TooMany),
    ] {
        assert_eq!(Decoder::new(names).unwrap_err(), unreadable, "{names}");
    }
    let long = Decoder::new(&"ü".repeat(1000)).unwrap_err();
    assert_eq!(long.to_string(), "ü".repeat(limits::HTTP_CODING_NAME / 2));
    assert_eq!(Unreadable::TooMany.to_string(), "too_many");
}

#[test]
fn members_and_frames_follow_each_other() {
    let twice = text(40).repeat(2);
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc\x50\x2a\x4d\x18\0\0\0\0";
    for (coding, body) in [
        ("gzip", [GZIP, GZIP].concat()),
        ("zstd", [ZSTD, ZSTD].concat()),
        ("zstd", [skippable, ZSTD, skippable, ZSTD, skippable].concat()),
    ] {
        assert!(decode(coding, &body) == (twice.clone(), Ok(())), "{coding}");
    }
    assert_eq!(decode("zstd", skippable), (Vec::new(), Ok(())));
}

#[test]
fn what_follows_the_end_is_passed_over() {
    for (coding, body) in RECORDED {
        for after in [&b"\0"[..], b"\x1f", b"\x1fx", b"garbage, and more of it"] {
            assert!(decode(coding, &[body, after].concat()) == (text(40), Ok(())), "{coding} {after:?}");
        }
    }
}

#[test]
fn every_part_of_a_gzip_header_is_read_over() {
    for (flags, parts) in [
        (4, &b"\x03\0abc"[..]),
        (4, b"\0\0"),
        (8, b"name\0"),
        (16, b"comment\0"),
        (2, b"\x12\x34"),
        (31, b"\x01\x00x\0a comment\0\x12\x34"),
        (1, b""),
    ] {
        // Python's has a name
        let mut body = GZIP[..10].to_vec();
        body[3] = flags;
        body.extend_from_slice(parts);
        body.extend_from_slice(&GZIP[10 + "message.ndjson\0".len()..]);
        assert!(decode("gzip", &body) == (text(40), Ok(())), "{flags}");
    }
}

#[test]
fn what_is_something_else_is_malformed() {
    for coding in ["gzip", "zstd"] {
        for body in [&b"{\"jsonrpc\":\"2.0\"}"[..], b"HTTP/1.1 200 OK", b"\x1f\x8a\x08\0", b"\0\0\0\0\0\0\0\0"] {
            assert_eq!(decode(coding, body), (Vec::new(), Err(Reject::Malformed)), "{coding}");
        }
    }
    assert_eq!(rejected("deflate", b"\x78\x9c\xff\xff"), Reject::Malformed);
    assert_eq!(rejected("deflate", b"\x07\x07\xff"), Reject::Malformed);
    assert_eq!(rejected("br", b"\xff\xff\xff\xff\xff\xff"), Reject::Malformed);
    // one coding in the other's place
    for (coding, body) in [("gzip", BROTLI), ("br", GZIP), ("zstd", GZIP), ("gzip", ZLIB)] {
        assert_eq!(rejected(coding, body), Reject::Malformed, "{coding}");
    }
    for (at, value) in [(0, 0), (1, 0), (2, 7), (3, 0x20)] {
        let mut body = GZIP.to_vec();
        body[at] = value;
        assert_eq!(rejected("gzip", &body), Reject::Malformed, "{at}");
    }
}

#[test]
fn checks_are_checked() {
    for (coding, body, from) in [("gzip", GZIP, 8), ("deflate", ZLIB, 4)] {
        for at in body.len() - from..body.len() {
            let mut body = body.to_vec();
            body[at] ^= 1;
            let (out, result) = decode(coding, &body);
            assert!(out == text(40) && result == Err(Reject::Checksum), "{coding} {at} {result:?}");
        }
    }
}

#[test]
fn blocks_of_zstd() {
    let body = frame(&[(0, 3, b"abc"), (1, 4, b"x"), (0, 0, b""), (1, 0, b"y"), (0, 1, b"!")]);
    assert_eq!(decode("zstd", &body), (b"abcxxxx!".to_vec(), Ok(())));
    // literals, and no sequence: raw, then one byte repeated
    let body = frame(&[(2, 5, b"\x18abc\0"), (2, 3, b"\x21z\0")]);
    assert_eq!(decode("zstd", &body), (b"abczzzz".to_vec(), Ok(())));
    for (body, out) in [
        (frame(&[(3, 1, b"a")]), &b""[..]),
        (frame(&[(0, 1, b"a"), (0, 131_073, b"a")]), b"a"),
        (frame(&[(2, 1, b"\x18")]), b""),
        (frame(&[(2, 0, b"")]), b""),
        // no codes to use again, no table, something behind the literals
        (frame(&[(2, 4, b"\x13\x40\0\0")]), b""),
        (frame(&[(2, 4, b"\0\x01\xfc\x01")]), b""),
        (frame(&[(2, 3, b"\0\0\0")]), b""),
        // a match that begins before the frame does, and one of an offset that was never used
        (frame(&[(2, 7, b"\0\x01\x54\0\x02\0\x05")]), b""),
        (frame(&[(0, 2, b"ab"), (2, 7, b"\0\x01\x54\0\0\0\x01")]), b"ab"),
        // a bit too few
        (frame(&[(0, 2, b"ab"), (2, 7, b"\0\x01\x54\0\x02\0\x02")]), b"ab"),
    ] {
        assert_eq!(decode("zstd", &body), (out.to_vec(), Err(Reject::Malformed)), "{}", body.escape_ascii());
    }
    // three bytes from two back, by one symbol each, twice
    let copy = (2, 7, &b"\0\x01\x54\0\x02\0\x05"[..]);
    assert_eq!(decode("zstd", &frame(&[(0, 2, b"ab"), copy, copy])), (b"abababab".to_vec(), Ok(())));
    // and with the tables used again
    let again = (2, 4, &b"\0\x01\xfc\x05"[..]);
    assert_eq!(decode("zstd", &frame(&[(0, 2, b"ab"), copy, again])), (b"abababab".to_vec(), Ok(())));
    // a bit too many, and one that is reserved
    let odd = (2, 7, &b"\0\x01\x55\0\x02\0\x0a"[..]);
    assert_eq!(decode("zstd", &frame(&[(0, 2, b"ab"), odd])), (b"ababa".to_vec(), Ok(())));
    // what the header says of the content's size
    assert_eq!(decode("zstd", b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0a"), (b"a".to_vec(), Ok(())));
    assert_eq!(decode("zstd", b"\x28\xb5\x2f\xfd\x20\x02\x09\0\0a"), (b"a".to_vec(), Err(Reject::Malformed)));
    assert_eq!(decode("zstd", b"\x28\xb5\x2f\xfd\x20\0\x01\0\0"), (Vec::new(), Ok(())));
    assert_eq!(rejected("zstd", b"\x28\xb5\x2f\xfd\x08\x38"), Reject::Malformed);
}

#[test]
fn dictionaries_and_large_windows_are_named() {
    assert_eq!(rejected("deflate", b"\x78\xbb\0\0\0\0"), Reject::Dictionary);
    assert_eq!(rejected("zstd", b"\x28\xb5\x2f\xfd\x01\x38\x07"), Reject::Dictionary);
    // an id of 0 is none
    assert_eq!(decode("zstd", b"\x28\xb5\x2f\xfd\x01\x38\0\x09\0\0a"), (b"a".to_vec(), Ok(())));
    // 8 MiB, and the next that can be said
    let window = |byte: u8| [&b"\x28\xb5\x2f\xfd\0"[..], &[byte], b"\x09\0\0a"].concat();
    assert_eq!(decode("zstd", &window(13 << 3)), (b"a".to_vec(), Ok(())));
    assert_eq!(rejected("zstd", &window(13 << 3 | 1)), Reject::Window);
    assert_eq!(rejected("zstd", b"\x28\xb5\x2f\xfd\xe0\x01\0\x80\0\0\0\0\0"), Reject::Window);
    // a large window of brotli's encoder
    assert_eq!(rejected("br", b"\x11\x1e\x03"), Reject::Malformed);
}

/// How much comes out of a body in pieces of this size, and how it ends.
fn count(coding: &str, body: &[u8], size: usize) -> (u64, Result<(), Reject>) {
    let mut decoder = Decoder::new(coding).expect("known codings");
    let mut out = 0;
    for piece in body.chunks(size) {
        let _ = decoder.feed(piece, &mut |piece| out += piece.len() as u64);
    }
    (out, decoder.finish())
}

#[test]
fn a_bomb_ends_at_the_cap() {
    const BLOCK: usize = 128 << 10;
    let blocks = usize::try_from(limits::HTTP_DECODED).unwrap() / BLOCK;
    let mut body = frame(&vec![(1, BLOCK, &b"a"[..]); blocks]);
    assert_eq!(count("zstd", &body, body.len()), (limits::HTTP_DECODED, Ok(())));
    body.extend_from_slice(&frame(&[(0, 1, b"b")]));
    for size in [body.len(), 1] {
        assert_eq!(count("zstd", &body, size), (limits::HTTP_DECODED, Err(Reject::TooLong)));
    }
    // 256 bytes come out for each that goes in: the cap is met in the sixth stretch of 64 KiB, wherever the pieces end
    let body = frame(&vec![(1, 1024, &b"a"[..]); 90_000]);
    let cap = limits::HTTP_DECODED + 5 * (64 << 10) * limits::HTTP_DECODED_RATIO;
    for size in [body.len(), 65_537, 1000, 3] {
        assert_eq!(count("zstd", &body, size), (cap, Err(Reject::TooLong)), "{size}");
    }
}

/// What one coding makes of a body earns nothing for the one inside it.
#[test]
fn a_bomb_within_a_bomb_ends_at_the_cap() {
    const BLOCK: usize = 128 << 10;
    let inner = frame(&[(1, BLOCK, &b"a"[..]); 8]).repeat(1000);
    let blocks: Vec<_> = inner.chunks(BLOCK).map(|block| (0, block.len(), block)).collect();
    let body = frame(&blocks);
    assert!(body.len() < 64 << 10);
    for size in [body.len(), 1000] {
        assert_eq!(count("zstd, zstd", &body, size), (limits::HTTP_DECODED, Err(Reject::TooLong)));
    }
}

#[test]
fn a_long_stream_does_not_end_at_the_cap() {
    const BLOCK: usize = 128 << 10;
    let blocks = usize::try_from(limits::HTTP_DECODED).unwrap() / BLOCK + 3;
    let block = vec![b'a'; BLOCK];
    let body = frame(&vec![(0, BLOCK, &block[..]); blocks]);
    assert_eq!(count("zstd", &body, 100_000), ((blocks * BLOCK) as u64, Ok(())));
}

#[test]
fn a_loss_ends_the_decoding() {
    for (coding, body) in RECORDED {
        let mut decoder = Decoder::new(coding).unwrap();
        let mut out = Vec::new();
        let (head, tail) = body.split_at(body.len() / 2);
        decoder.feed(head, &mut |piece| out.extend_from_slice(piece)).unwrap();
        let before = out.len();
        decoder.gap();
        assert_eq!(decoder.feed(tail, &mut |piece| out.extend_from_slice(piece)), Err(Reject::Lost));
        assert_eq!((decoder.finish(), out.len()), (Err(Reject::Lost), before));
        assert!(!decoder.is_identity());
    }
    let mut decoder = Decoder::new("identity").unwrap();
    decoder.gap();
    assert_eq!(decoder.feed(b"x", &mut |piece| assert_eq!(piece, b"x")), Ok(()));
}

#[test]
fn nothing_of_a_body_shows() {
    let mut decoder = Decoder::new("gzip").unwrap();
    decoder.feed(GZIP, &mut |_| {}).unwrap();
    assert!(!format!("{decoder:?}").contains("jsonrpc"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A body with damage in it gives the same in every split, and what came before the damage is what was sent.
    #[test]
    fn no_split_matters(
        which in 0..RECORDED.len(),
        damage in proptest::collection::vec((0.0..1.0, 0_u8..8), 0..4),
        sizes in proptest::collection::vec(1_usize..200, 1..8),
    ) {
        let (coding, body) = RECORDED[which];
        let mut body = body.to_vec();
        for (place, bit) in damage {
            let at = (body.len() as f64 * place) as usize;
            body[at] ^= 1 << bit;
        }
        let whole = pieces(coding, std::iter::once(&body[..]));
        let mut cut = Vec::new();
        let (mut rest, mut sizes) = (&body[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            cut.push(piece);
            rest = tail;
        }
        for other in [pieces(coding, cut.into_iter()), pieces(coding, body.chunks(1))] {
            prop_assert_eq!(other.1, whole.1);
            // of a malformed one the last bytes may be missing
            let same = if coding.contains("br") && whole.1 == Err(Reject::Malformed) {
                other.0.starts_with(&whole.0) || whole.0.starts_with(&other.0)
            } else {
                other.0 == whole.0
            };
            prop_assert!(same, "{}", coding);
        }
    }
}
