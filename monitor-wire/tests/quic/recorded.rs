//! What real clients sent, and the packets of the RFCs.

use monitor_wire::quic::{Reader, looks_like_quic};
use monitor_wire::tls::{Progress, Reject};

use crate::seal::{Header, V1, V2, crypto, seal};
use crate::{alone, answers, bytes, done, feed, recording, reject};

/// Recordings; which datagrams end a hello; whom it is for, and who asks.
const RECORDED: [(&str, &[usize], &str, &str); 10] = [
    ("aioquic-answered", &[0], "aioquic.example", "q13d0307h3_55b375c5d22e_1cecd519fee8"),
    // It makes a new hello after a Retry, where it should repeat the first one.
    ("aioquic-retry", &[0, 1], "aioquic.example", "q13d0307h3_55b375c5d22e_1cecd519fee8"),
    ("aioquic-upgrade", &[0], "aioquic.example", "q13d0307h3_55b375c5d22e_1cecd519fee8"),
    ("aioquic-v2", &[0], "aioquic.example", "q13d0307h3_55b375c5d22e_1cecd519fee8"),
    ("chromium", &[1], "chromium.example", "q13d0311h3_55b375c5d22e_653d80c3fe9d"),
    ("curl-chrome", &[1], "curl.example", "q13d0312h3_55b375c5d22e_0013de7f128d"),
    ("quinn", &[0], "quinn.example", "q13d0311h3_55b375c5d22e_387675cfb458"),
    ("quinn-long", &[1], "quinn.example", "q13d0311h3_55b375c5d22e_387675cfb458"),
    ("quinn-retry", &[0], "quinn.example", "q13d0311h3_55b375c5d22e_387675cfb458"),
    ("rfc9001", &[0], "example.com", "q13d0211an_62ed6f6ca7ad_4d634acda6c0"),
];

fn datagrams(name: &str) -> Vec<Vec<u8>> {
    recording(&format!("quic/{name}"))
}

#[test]
fn real_clients_are_known() {
    for (name, ends, sni, ja4) in RECORDED {
        let datagrams = datagrams(name);
        assert!(looks_like_quic(&datagrams[0]), "{name}");
        for (at, answer) in answers(&datagrams).into_iter().enumerate() {
            if !ends.contains(&at) {
                assert_eq!(answer, Progress::Incomplete, "{name} at {at}");
                continue;
            }
            let hello = done(answer);
            assert_eq!((hello.sni.as_deref(), hello.ja4.as_str()), (Some(sni), ja4), "{name} at {at}");
            assert_eq!(hello.alpn[0], if name == "rfc9001" { "alpn" } else { "h3" }, "{name}");
            assert_eq!(hello.ech, ["chromium", "curl-chrome"].contains(&name), "{name}");
        }
    }
}

/// RFC 9001 appendix A.2, RFC 9369 appendix A.2.
#[test]
fn the_published_packets_are_opened_and_made() {
    let (one, two) = (datagrams("rfc9001").concat(), datagrams("rfc9369").concat());
    let hello = done(alone(&one));
    assert_eq!((hello.sni.as_deref(), hello.alpn.join(" ").as_str()), (Some("example.com"), "alpn"));
    assert_eq!(done(alone(&two)), hello);

    // What these tests make is held to them too: the client hello is that of the tests' own packets.
    for (version, packet) in [(V1, &one), (V2, &two)] {
        let mut header = Header::new(version, b"\x83\x94\xc8\xf0\x3e\x51\x57\x08", 2);
        header.scid = Vec::new();
        let mut frames = crypto(0, &published());
        frames.resize(1162, 0);
        assert_eq!(&seal(&header, &frames), packet);
    }
}

/// The hello of both.
fn published() -> Vec<u8> {
    bytes(
        "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0\
        00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501\
        00000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304\
        000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07\
        048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    )
}

#[test]
fn datagrams_come_in_any_order_more_than_once_and_together() {
    for name in ["chromium", "curl-chrome", "quinn-long"] {
        let [first, second] = &datagrams(name)[..] else { panic!("{name}") };
        let expected = answers(&[first.clone(), second.clone()])[1].clone();
        assert!(matches!(expected, Progress::Done(_)));
        for order in [[first, first, second], [second, second, first]] {
            let order = order.map(Clone::clone);
            assert_eq!(answers(&order), [Progress::Incomplete, Progress::Incomplete, expected.clone()], "{name}");
        }
        // one call that the kernel cuts in two (UDP_SEGMENT), as it left the socket
        assert_eq!(alone(&[&first[..], second].concat()), expected, "{name}");
    }
}

#[test]
fn what_was_cut_is_lost_and_what_comes_again_counts() {
    for name in ["quinn", "rfc9369", "chromium"] {
        let datagrams = datagrams(name);
        for datagram in &datagrams {
            for end in 0..datagram.len() {
                let mut reader = Reader::new();
                assert_eq!(reader.feed(&datagram[..end], datagram.len()), reject(Reject::Lost), "{name} at {end}");
                let short = alone(&datagram[..end]);
                assert!(
                    [reject(Reject::NotQuic), reject(Reject::Malformed)].contains(&short),
                    "{name} at {end}: {short:?}"
                );
                assert_eq!(feed(&mut reader, datagram), alone(datagram), "{name} at {end}");
            }
        }
    }
}

#[test]
fn no_byte_can_be_changed() {
    let datagram = datagrams("quinn")[0].clone();
    for at in 0..datagram.len() {
        for bit in [0x01, 0x40, 0x80] {
            let mut damaged = datagram.clone();
            damaged[at] ^= bit;
            let answer = alone(&damaged);
            let Progress::Reject(reject) = answer else { panic!("{at}: {answer:?}") };
            let header = [Reject::NotQuic, Reject::NotHello, Reject::Version, Reject::Malformed];
            assert!(reject == Reject::AuthFailed || at < 40 && header.contains(&reject), "{at}: {reject:?}");
        }
    }
}

#[test]
fn a_connection_in_which_all_is_told_loses_nothing() {
    for (name, ..) in RECORDED {
        let mut reader = Reader::new();
        for datagram in datagrams(name) {
            feed(&mut reader, &datagram);
        }
        reader.end();
        assert_eq!(reader.lost(), 0, "{name}");
    }
    let mut reader = Reader::new();
    feed(&mut reader, &datagrams("chromium")[0]);
    assert_eq!(reader.lost(), 0);
    reader.end();
    assert_eq!((reader.lost(), reader.lost()), (1, 0));
}

#[test]
fn other_protocols_dont_look_like_quic() {
    let datagram = datagrams("quinn")[0].clone();
    assert!(looks_like_quic(&datagram) && looks_like_quic(&datagrams("aioquic-v2")[0]));
    assert!(!looks_like_quic(&datagram[..1199]));
    let changed = |at: usize, to: u8| {
        let mut changed = datagram.clone();
        changed[at] = to;
        looks_like_quic(&changed)
    };
    // short, without the fixed bit, a Handshake, version 0, another one, and ids too short and too long
    let cases = [(0, 0x43), (0, 0x83), (0, 0xe3), (4, 0), (3, 1), (5, 7), (5, 21), (5, 255)];
    assert_eq!(cases.map(|(at, to)| changed(at, to)), [false; 8]);
    assert!(changed(5, 8) && changed(5, 20));
    let long = |start: &[u8]| [start, &[0; 1400]].concat();
    for other in [
        // STUN, DTLS, DNS, RTP, TURN, WireGuard, TLS, and nothing at all
        &long(b"\x00\x01\x00\x00\x21\x12\xa4\x42"),
        &long(b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00"),
        &long(b"\xc0\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www"),
        &long(b"\x80\x60\x00\x01"),
        &long(b"\x40\x00\x00\x01"),
        &long(b"\x01\x00\x00\x00"),
        &long(b"\x16\x03\x01"),
        &Vec::new(),
    ] {
        assert!(!looks_like_quic(other));
        assert_eq!(alone(other), reject(Reject::NotQuic), "{:x?}", other.get(..8));
    }
}
