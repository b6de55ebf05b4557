//! What is no hello, by the name of the reason.

use monitor_wire::quic::{Reader, looks_like_quic};
use monitor_wire::tls::{Progress, Reject};
use proptest::prelude::*;

use crate::seal::{Header, V1, V2, crypto, padded, seal};
use crate::{DCID, alone, answers, done, feed, message, recording, reject, said};

fn header(number: u64) -> Header {
    Header::new(V1, DCID, number)
}

fn sealed(frames: &[u8]) -> Vec<u8> {
    padded(&header(0), frames)
}

#[test]
fn a_datagram_is_rejected_by_its_header() {
    let good = sealed(&crypto(0, &message("node")));
    // before the connection ids: a first byte, and a version
    let long = |start: &[u8], rest: &[u8]| [start, rest, &[0; 1300]].concat();
    let one = [0xc0, 0, 0, 0, 1];
    let cases: [(Vec<u8>, Reject); 15] = [
        (Vec::new(), Reject::NotQuic),
        (vec![0xc0], Reject::NotQuic),
        (b"GET / HTTP/1.1\r\n".to_vec(), Reject::NotQuic),
        (long(b"\x40", &[]), Reject::NotQuic),
        // an unknown version: without the fixed bit or a client's connection id, or too small, it is some other
        // protocol
        (long(b"\xca\x0a\x1a\x2a\x3a", &[8]), Reject::Version),
        (long(b"\x8a\x0a\x1a\x2a\x3a", &[8]), Reject::NotQuic),
        (long(b"\xca\x0a\x1a\x2a\x3a", &[7]), Reject::NotQuic),
        (b"\xca\x0a\x1a\x2a\x3a\x08".to_vec(), Reject::NotQuic),
        // Version Negotiation and Retry, which servers send, and 0-RTT
        (long(b"\xc0\0\0\0\0", &[]), Reject::NotHello),
        (long(b"\xf0\0\0\0\x01", &[8]), Reject::NotHello),
        (long(b"\xd0\0\0\0\x01", &[8]), Reject::NotHello),
        // ids and lengths that don't fit
        (long(&one, &[21]), Reject::Malformed),
        (long(&one, &[0, 255]), Reject::Malformed),
        (long(&one, &[0, 0, 0x7f, 0xff]), Reject::Malformed),
        (long(&one, &[0, 0, 0, 0xff]), Reject::Malformed),
    ];
    for (datagram, expected) in cases {
        assert_eq!(alone(&datagram), reject(expected), "{:x?}", datagram.get(..9));
        // It changes nothing.
        let hello = answers(&[datagram.clone(), good.clone()])[1].clone();
        assert_eq!(hello, Progress::Done(said(&message("node"))), "{:x?}", datagram.get(..9));
        assert!(!looks_like_quic(&datagram));
    }
    // A packet too small for its tag opens under no key.
    for length in 0..20 {
        let small = [&one[..], &[0, 0, 0, length], &vec![7; length.into()]].concat();
        assert_eq!(alone(&small), reject(Reject::AuthFailed), "{length}");
    }
}

#[test]
fn a_packet_under_other_keys_is_not_authentic() {
    let middle = Header { dcid: b"server's".to_vec(), ..header(3) };
    let datagram = padded(&middle, &crypto(0, &message("node")));
    assert_eq!(alone(&datagram), reject(Reject::AuthFailed));
    let begun = padded(&header(0), &[1]);
    assert_eq!(answers(&[begun, datagram])[1], Progress::Done(said(&message("node"))));
}

#[test]
fn what_is_sealed_is_rejected_and_what_follows_is_read() {
    let node = message("node");
    let mut other = node.clone();
    other[50] ^= 1;
    let cases: [(&[u8], Reject); 9] = [
        // a ServerHello, and what is too long for a hello
        (&crypto(0, &[2, 0, 0, 9]), Reject::NotHello),
        (&crypto(0, &[1, 2, 0, 0]), Reject::TooLong),
        (&crypto(1 << 40, b"x"), Reject::TooLong),
        (&crypto((1 << 62) - 1, b"x"), Reject::TooLong),
        // no hello, as the TLS reader sees it
        (&crypto(0, &[1, 0, 0, 4, 0, 0, 0, 0]), Reject::Malformed),
        // pieces of one packet that differ
        (&[crypto(0, &node[..100]), crypto(0, &other)].concat(), Reject::Malformed),
        (&[crypto(50, &node[50..60]), crypto(0, &other)].concat(), Reject::Malformed),
        // a STREAM frame behind a whole hello, and a frame that is cut
        (&[&crypto(0, &node)[..], &[8, 0, 7]].concat(), Reject::Malformed),
        (&[&[0; 1157][..], &crypto(0, &node)[..9]].concat(), Reject::Malformed),
    ];
    for (frames, expected) in cases {
        let mut reader = Reader::new();
        assert_eq!(feed(&mut reader, &sealed(frames)), reject(expected), "{frames:x?}");
        assert_eq!(done(feed(&mut reader, &padded(&header(1), &crypto(0, &node)))), said(&node), "{frames:x?}");
        let another = padded(&Header::new(V1, b"another id", 0), &crypto(0, &message("curl")));
        assert_eq!(done(feed(&mut reader, &another)), said(&message("curl")), "{frames:x?}");
        reader.end();
        assert_eq!(reader.lost(), 0);
    }
}

/// A client may show what its server drops: in another version, in a datagram that is too small, or so that it never
/// arrives.
#[test]
fn no_packet_hides_another() {
    let (decoy, real) = (message("curl"), message("node"));
    for version in [V1, V2] {
        let before = Header::new(version, DCID, 0);
        let real_packet = padded(&header(1), &crypto(0, &real));
        // a whole hello
        let shown = seal(&before, &crypto(0, &decoy));
        let both = [Progress::Done(said(&decoy)), Progress::Done(said(&real))];
        assert_eq!(answers(&[shown.clone(), real_packet.clone()]), both);
        // sent again, neither is told again
        let four = answers(&[shown.clone(), shown.clone(), real_packet.clone(), real_packet.clone()]);
        assert_eq!(four, [both[0].clone(), Progress::Incomplete, both[1].clone(), Progress::Incomplete]);
        // half of one, which is lost
        let half = seal(&before, &crypto(0, &decoy[..100]));
        let mut reader = Reader::new();
        assert_eq!(feed(&mut reader, &half), Progress::Incomplete);
        assert_eq!((feed(&mut reader, &real_packet), reader.lost()), (both[1].clone(), 1));
        // the real one in two packets
        let start = padded(&header(1), &crypto(0, &real[..100]));
        let end = padded(&header(2), &crypto(100, &real[100..]));
        assert_eq!(answers(&[shown, start.clone(), end])[1..], [Progress::Incomplete, both[1].clone()]);
        assert_eq!(feed(&mut reader, &half), Progress::Incomplete);
        assert_eq!((feed(&mut reader, &start), reader.lost()), (Progress::Incomplete, 1));
        reader.end();
        assert_eq!(reader.lost(), 1);
    }
}

#[test]
fn reasons_have_names() {
    let reasons = [
        Reject::NotQuic,
        Reject::NotHello,
        Reject::Version,
        Reject::AuthFailed,
        Reject::TooLong,
        Reject::Malformed,
        Reject::Lost,
    ];
    let names = ["not_quic", "not_hello", "version", "auth_failed", "too_long", "malformed", "lost"];
    assert_eq!(reasons.map(Reject::name), names);
}

proptest! {
    #[test]
    fn no_bytes_do_harm(start in prop::sample::select(vec![0xc0_u8, 0xd0, 0xe0, 0x80, 0x40]), version in 0_u32..3,
        bytes in prop::collection::vec(any::<u8>(), 0..1400), missing in 0_usize..300) {
        let datagram = [&[start][..], &version.to_be_bytes(), &bytes].concat();
        let mut reader = Reader::new();
        let answer = reader.feed(&datagram, datagram.len() + missing);
        prop_assert!(matches!(answer, Progress::Reject(_)));
        prop_assert_eq!(reader.feed(&datagram, datagram.len() + missing), answer, "it changes nothing");
        reader.end();
        prop_assert_eq!(reader.lost(), 0);
    }

    #[test]
    fn no_frames_do_harm(frames in prop::collection::vec(any::<u8>(), 4..300), cut in any::<prop::sample::Index>()) {
        // Whatever comes of it, the same comes again, and another connection isn't touched.
        let datagram = seal(&header(0), &frames);
        let both = [datagram.clone(), recording("quic/quinn")[0].clone()];
        let answers = answers(&both);
        prop_assert_eq!(&answers[0], &alone(&datagram));
        prop_assert_eq!(&answers[1], &alone(&both[1]));
        let end = cut.index(datagram.len());
        prop_assert_eq!(Reader::new().feed(&datagram[..end], datagram.len()), reject(Reject::Lost));
    }
}
