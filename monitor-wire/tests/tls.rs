//! ClientHellos of real clients and of none, in every split. `testdata/README.md` says how they were recorded.

use std::path::Path;

use monitor_wire::limits;
use monitor_wire::tls::{Hello, Progress, Reader, Reject, Transport, hello};
use proptest::prelude::*;

const RECORDED: [&str; 5] = ["curl", "node", "openssl", "openssl-tls12", "python"];

fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/tls/{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

fn read(bytes: &[u8]) -> Progress {
    Reader::new().feed(bytes)
}

fn done(bytes: &[u8]) -> Hello {
    match read(bytes) {
        Progress::Done(hello) => hello,
        other => panic!("{other:?}"),
    }
}

/// A handshake message in records of `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
    message.chunks(size).flat_map(record).collect()
}

fn message(body: &[u8]) -> Vec<u8> {
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// A hello with these extensions as they stand on the wire.
fn with(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let one = |(kind, data): &(u16, Vec<u8>)| [&kind.to_be_bytes()[..], &block(data)].concat();
    let extensions: Vec<u8> = extensions.iter().flat_map(one).collect();
    let start = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    message(&[start, block(&extensions)].concat())
}

/// Bytes behind their length in two.
fn block(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn server_name(name: &[u8]) -> (u16, Vec<u8>) {
    (0, block(&[&[0][..], &block(name)].concat()))
}

fn alpn(names: &[&[u8]]) -> (u16, Vec<u8>) {
    let list = names.iter().flat_map(|name| [&[name.len() as u8][..], name].concat()).collect::<Vec<_>>();
    (16, block(&list))
}

fn sni(name: &[u8]) -> Option<String> {
    done(&records(&with(&[server_name(name)]), 4096)).sni
}

#[test]
fn real_clients_are_known() {
    let expected = [
        ("curl.example", "h2 http/1.1", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        ("node.example", "http/1.1", "t13d5911h1_a33745022dd6_1f22a2ca17c4"),
        ("openssl.example", "h2 http/1.1", "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4"),
        ("", "", "t12i280600_d943125447b4_e7e480e5a997"),
        ("python.example", "", "t13d181100_85036bcba153_d41ae481755e"),
    ];
    for (name, (sni, alpn, ja4)) in RECORDED.into_iter().zip(expected) {
        let hello = done(&recorded(name));
        assert_eq!(hello.sni.as_deref().unwrap_or_default(), sni, "{name}");
        assert_eq!(hello.alpn.join(" "), alpn, "{name}");
        assert_eq!(hello.ja4, ja4, "{name}");
        assert!(!hello.ech, "{name}");
    }
}

#[test]
fn every_split_gives_the_same_answer() {
    for name in RECORDED {
        let bytes = recorded(name);
        let whole = Progress::Done(done(&bytes));
        for end in 0..bytes.len() {
            let mut reader = Reader::new();
            assert_eq!(reader.feed(&bytes[..end]), Progress::Incomplete, "{name} at {end}");
            assert_eq!(reader.feed(&bytes[end..]), whole, "{name} at {end}");
        }
        let mut reader = Reader::new();
        let answers: Vec<Progress> = bytes.iter().map(|byte| reader.feed(&[*byte])).collect();
        assert_eq!(answers.iter().position(|answer| *answer != Progress::Incomplete), Some(bytes.len() - 1));
        assert_eq!(answers.last(), Some(&whole));
        assert_eq!(reader.feed(b"GET / HTTP/1.1"), whole, "an answer stays");
        assert_eq!(reader.gap(), whole, "an answer stays");
    }
}

#[test]
fn a_hello_in_several_records_is_the_same() {
    for name in RECORDED {
        let bytes = recorded(name);
        let whole = read(&bytes);
        for size in 1..bytes.len() - 5 {
            let parts = records(&bytes[5..], size);
            assert_eq!(read(&parts), whole, "{name} in records of {size}");
            let mut reader = Reader::new();
            let last = parts.iter().map(|byte| reader.feed(&[*byte])).last();
            assert_eq!(last, Some(whole.clone()), "{name} in records of {size}");
        }
    }
}

#[test]
fn the_message_alone_serves_quic() {
    let bytes = recorded("openssl");
    let Progress::Done(quic) = hello(&bytes[5..], Transport::Quic) else { panic!("no hello") };
    assert_eq!(quic.ja4, "q13d3111h2_e8f1e7e78f70_1f22a2ca17c4");
    assert_eq!(hello(&bytes[5..], Transport::Tcp), read(&bytes));
    for end in 5..bytes.len() {
        assert_eq!(hello(&bytes[5..end], Transport::Quic), Progress::Incomplete, "{end}");
    }
    let more = [&bytes[5..], b"more"].concat();
    assert_eq!(hello(&more, Transport::Quic), Progress::Done(quic));
}

#[test]
fn what_is_no_hello_is_rejected_at_its_first_odd_byte() {
    let cases: [(&[u8], Reject); 13] = [
        (b"G", Reject::NotTls),
        (b"\x80\x2e\x01", Reject::NotTls),
        (b"\x15\x03\x01", Reject::NotTls),
        (b"\x17\x03\x03", Reject::NotTls),
        (b"\x16\x02", Reject::NotTls),
        (b"\x16\x03\x00", Reject::NotTls),
        (b"\x16\x03\x05", Reject::NotTls),
        (b"\x16\x03\x01\x00\x00", Reject::Malformed),
        (b"\x16\x03\x01\x41\x01", Reject::Malformed),
        (b"\x16\x03\x03\x00\x7a\x02", Reject::NotHello),
        (b"\x16\x03\x01\x02\x00\x01\x01\x00\x01", Reject::TooLong),
        (b"\x16\x03\x01\x00\x02\x01\x00\x15\x03\x03\x00\x02", Reject::Malformed),
        (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", Reject::Malformed),
    ];
    for (bytes, reject) in cases {
        assert_eq!(read(bytes), Progress::Reject(reject), "{bytes:x?}");
        let mut reader = Reader::new();
        let mut answers = bytes.iter().map(|byte| reader.feed(&[*byte])).skip_while(|one| *one == Progress::Incomplete);
        assert!(answers.all(|answer| answer == Progress::Reject(reject)), "{bytes:x?}");
    }
    for bytes in [&b""[..], b"\x16", b"\x16\x03", b"\x16\x03\x04\x41\x00", b"\x16\x03\x01\x02\x00\x01\x01\x00\x00"] {
        assert_eq!(read(bytes), Progress::Incomplete, "{bytes:x?}");
    }
}

#[test]
fn a_gap_ends_it() {
    let bytes = recorded("curl");
    let mut reader = Reader::new();
    assert_eq!(reader.feed(&bytes[..100]), Progress::Incomplete);
    assert_eq!(reader.gap(), Progress::Reject(Reject::Lost));
    assert_eq!(reader.feed(&bytes[100..]), Progress::Reject(Reject::Lost));
    assert_eq!(Reject::Lost.name(), "lost");
}

#[test]
fn the_largest_hello_fits_and_no_larger_one() {
    let padding = limits::TLS_HELLO - (with(&[(21, Vec::new())]).len() - 4);
    let largest = with(&[(21, vec![0; padding])]);
    assert_eq!(largest.len() - 4, limits::TLS_HELLO);
    assert_eq!(done(&records(&largest, 16384)).ja4, done(&records(&with(&[(21, Vec::new())]), 16384)).ja4);
    assert_eq!(read(&records(&message(&vec![0; limits::TLS_HELLO + 1]), 16384)), Progress::Reject(Reject::TooLong));
}

#[test]
fn server_names_are_plain_text() {
    assert_eq!(sni(b"API.Example.COM.").as_deref(), Some("api.example.com"));
    assert_eq!(sni(b"a\0b\n\xff").as_deref(), Some("a\\x00b\\x0a\\xff"));
    assert_eq!(sni(&[b'a'; limits::SNI]).map(|name| name.len()), Some(limits::SNI));
    assert_eq!(sni(b".").as_deref(), None);
    let other = (0, block(&[&[1][..], &block(b"x"), &[0], &block(b"host")].concat()));
    assert_eq!(done(&records(&with(&[other]), 4096)).sni.as_deref(), Some("host"));
    assert!(done(&records(&with(&[]), 4096)).ja4.starts_with("t12i010000_"));
}

#[test]
fn what_two_readers_could_take_differently_is_rejected() {
    let twice = [&[0][..], &block(b"a.example"), &[0], &block(b"b.example")].concat();
    let cases: [Vec<(u16, Vec<u8>)>; 8] = [
        vec![server_name(b"a.example"), server_name(b"b.example")],
        vec![(0, block(&twice))],
        vec![server_name(&[b'a'; limits::SNI + 1])],
        vec![server_name(b"")],
        vec![(0, Vec::new())],
        vec![(0, [server_name(b"a.example").1, vec![0]].concat())],
        vec![(16, vec![0, 3, 9, b'h', b'2'])],
        vec![(43, vec![3, 3, 4, 3])],
    ];
    for extensions in cases {
        let bytes = records(&with(&extensions), 4096);
        assert_eq!(read(&bytes), Progress::Reject(Reject::Malformed), "{extensions:x?}");
    }
}

#[test]
fn protocols_are_bounded() {
    let long = [b'x'; 200];
    let mut names: Vec<&[u8]> = vec![b"h2", b"", b"\x0a\x0a", &long];
    names.resize(40, b"more");
    let offered = done(&records(&with(&[alpn(&names)]), 4096)).alpn;
    assert_eq!(offered.len(), limits::ALPN);
    assert_eq!(offered[..3], ["h2".to_owned(), "\\x0a\\x0a".to_owned(), "x".repeat(limits::ALPN_NAME)]);
}

#[test]
fn an_encrypted_hello_is_told() {
    let outer = done(&records(&with(&[server_name(b"public.example"), (0xfe0d, vec![0, 0, 1, 0, 1])]), 4096));
    assert!(outer.ech);
    assert_eq!(outer.sni.as_deref(), Some("public.example"));
    assert!(!done(&records(&with(&[(0xfe0d, vec![1])]), 4096)).ech);
    assert!(!done(&records(&with(&[(0xfe0d, Vec::new())]), 4096)).ech);
}

#[test]
fn the_version_is_the_highest_that_is_no_grease() {
    let version = |list: &[u8]| {
        let data = [&[list.len() as u8][..], list].concat();
        done(&records(&with(&[(43, data)]), 4096)).ja4[1..3].to_owned()
    };
    assert_eq!(version(&[0xda, 0xda, 3, 3, 3, 4, 3, 2]), "13");
    assert_eq!(version(&[0x0a, 0x0a, 3, 1]), "10");
    assert_eq!(version(&[0x0a, 0x0a]), "12");
    assert_eq!(version(&[0x7f, 0x1c, 3, 3]), "00");
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0_usize..600) {
        let wrapped = records(&message(&bytes), 100);
        for stream in [&bytes, &wrapped] {
            let mut reader = Reader::new();
            let (start, end) = stream.split_at(at.min(stream.len()));
            let first = reader.feed(start);
            let answer = reader.feed(end);
            prop_assert!(first == Progress::Incomplete || first == answer);
            prop_assert_eq!(answer, read(stream));
        }
    }

    #[test]
    fn damage_does_no_harm(name in prop::sample::select(&RECORDED[..]), at in any::<prop::sample::Index>(), to: u8) {
        let mut bytes = recorded(name);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let whole = read(&bytes);
        let mut reader = Reader::new();
        let last = bytes.iter().map(|byte| reader.feed(&[*byte])).last();
        prop_assert_eq!(last, Some(whole.clone()));
        if let Progress::Done(hello) = whole {
            prop_assert!(hello.alpn.len() <= limits::ALPN && hello.ja4.len() == 36);
            prop_assert!(hello.sni.is_none_or(|name| name.len() <= 4 * limits::SNI));
        }
    }
}
