//! Messages made by hand, damaged, and cut at every place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use monitor_wire::dns::{Answer, Reject, Stream, parse};
use monitor_wire::limits;
use proptest::prelude::*;

const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const DNAME: u16 = 39;
const OPT: u16 = 41;
const HTTPS: u16 = 65;
const ANY: u16 = 255;

/// An answer without error to one question.
const ANSWER: u16 = 0x8180;

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let fixed = [&kind.to_be_bytes()[..], &[0, 1], &ttl.to_be_bytes(), &(data.len() as u16).to_be_bytes()].concat();
    [owner, &fixed, data].concat()
}

fn address(owner: &str, last: u8) -> Vec<u8> {
    record(&wire(owner), A, 60, &[192, 0, 2, last])
}

fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
    record(&wire(owner), CNAME, ttl, &wire(target))
}

fn service(owner: &str, priority: u16, target: &str, parameters: &[u8]) -> Vec<u8> {
    record(&wire(owner), HTTPS, 300, &[&priority.to_be_bytes()[..], &wire(target), parameters].concat())
}

fn message(flags: u16, name: &str, kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let counts = [0x1234, flags, 1, records.len() as u16, 0, 0];
    let header = counts.iter().flat_map(|count| count.to_be_bytes()).collect();
    let question = [&wire(name)[..], &kind.to_be_bytes(), &[0, 1]].concat();
    [header, question, records.concat()].concat()
}

fn answer(name: &str, kind: u16, records: &[Vec<u8>]) -> Answer {
    parse(&message(ANSWER, name, kind, records)).unwrap_or_else(|reject| panic!("{reject:?}: {records:x?}"))
}

fn v4(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

#[test]
fn a_question_has_no_answer() {
    let asked = parse(&message(0x0100, "WWW.Example.com", AAAA, &[])).unwrap_or_else(|reject| panic!("{reject:?}"));
    let expected = Answer {
        id: 0x1234,
        name: "www.example.com".into(),
        of: "AAAA".into(),
        answer: false,
        rcode: String::new(),
        aliases: Vec::new(),
        addresses: Vec::new(),
        ttl: 0,
        cut: false,
    };
    assert_eq!(asked, expected);
    // What stands behind the question of a question says nothing.
    let odd = message(0x0300, "www.example.com", AAAA, &[record(&wire("www.example.com"), AAAA, 9, &[1; 16])]);
    assert_eq!(parse(&odd), Ok(expected));
}

/// As servers send it, with each name but the first compressed.
#[test]
fn a_compressed_answer_is_read() {
    let mut bytes = message(ANSWER, "www.example.com", A, &[]);
    bytes[7] = 3;
    // www.example.com is at 12, example.com at 16, com at 24.
    bytes.extend(record(b"\xc0\x0c", CNAME, 300, b"\x03cdn\xc0\x10"));
    let cdn = bytes.len() - 6;
    bytes.extend(record(&(0xc000 | cdn as u16).to_be_bytes(), CNAME, 20, b"\x01x\x03net\0"));
    let net = bytes.len() - 7;
    bytes.extend(record(&(0xc000 | net as u16).to_be_bytes(), A, 60, &[192, 0, 2, 7]));
    let read = parse(&bytes).unwrap_or_else(|reject| panic!("{reject:?}"));
    assert_eq!(read.aliases, ["cdn.example.com", "x.net"]);
    assert_eq!((read.addresses, read.ttl, read.cut), (vec![v4(7)], 20, false));
    assert_eq!((read.answer, read.rcode.as_str()), (true, "NOERROR"));
}

#[test]
fn a_chain_is_followed_in_any_order() {
    let records = [alias("a.example", 300, "b.example"), alias("B.example", 30, "c.Example"), address("C.EXAMPLE", 1)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let read = answer("A.example", A, &order.map(|at| records[at].clone()));
        assert_eq!(read.aliases, ["b.example", "c.example"], "{order:?}");
        assert_eq!((read.addresses, read.ttl), (vec![v4(1)], 30), "{order:?}");
    }
}

#[test]
fn a_record_of_another_name_names_nothing() {
    let read = answer(
        "a.example",
        A,
        &[
            address("evil.example", 66),
            record(&wire("a.example"), AAAA, 5, &[6; 16]),
            record(&wire("a.example"), TXT, 5, b"\x02hi"),
            alias("other.example", 1, "a.example"),
            address("a.example", 1),
            address("sub.a.example", 67),
        ],
    );
    assert_eq!((read.addresses, read.ttl), (vec![v4(1)], 60));
    assert!(read.aliases.is_empty());
    // Another class has other addresses.
    let mut chaos = message(ANSWER, "a.example", A, &[address("a.example", 1)]);
    let class = 12 + wire("a.example").len() + 3;
    assert_eq!(std::mem::replace(&mut chaos[class], 3), 1);
    assert!(parse(&chaos).is_ok_and(|read| read.addresses.is_empty()));
    let mut chaos = message(ANSWER, "a.example", A, &[address("a.example", 1)]);
    let class = chaos.len() - 11;
    assert_eq!(std::mem::replace(&mut chaos[class], 3), 1);
    assert!(parse(&chaos).is_ok_and(|read| read.addresses.is_empty()));
}

#[test]
fn chains_without_end_end() {
    let circle = [alias("a.example", 9, "b.example"), alias("b.example", 9, "a.example")];
    let read = answer("a.example", A, &circle);
    assert_eq!((read.aliases, read.cut), (vec!["b.example".to_owned()], false));
    let own = answer("a.example", A, &[alias("a.example", 9, "a.example"), address("a.example", 1)]);
    assert_eq!((own.aliases.len(), own.addresses), (0, vec![v4(1)]));
    let long: Vec<_> = (0..40).map(|at| alias(&format!("n{at}"), 9, &format!("n{}", at + 1))).collect();
    let read = answer("n0", A, &long);
    assert_eq!((read.aliases.len(), read.cut), (limits::DNS_ALIASES, true));
    assert!(!answer("n0", A, &long[..limits::DNS_ALIASES]).cut);
}

#[test]
fn addresses_are_bounded() {
    let many: Vec<_> = (0..200).map(|last| address("a.example", last)).collect();
    let read = answer("a.example", A, &many);
    assert_eq!((read.addresses.len(), read.cut), (limits::DNS_ADDRESSES, true));
    let same: Vec<_> = (0..200).map(|_| address("a.example", 1)).collect();
    let read = answer("a.example", A, &same);
    assert_eq!((read.addresses, read.cut), (vec![v4(1)], false));
}

#[test]
fn a_subtree_that_moved_is_followed() {
    let dname = record(&wire("old.example"), DNAME, 40, &wire("new.test"));
    let written = alias("w.old.example", 40, "w.new.test");
    for records in [vec![dname.clone(), written, address("w.new.test", 3)], vec![address("w.new.test", 3), dname]] {
        let read = answer("w.old.example", A, &records);
        assert_eq!((read.aliases, read.addresses, read.ttl), (vec!["w.new.test".to_owned()], vec![v4(3)], 40));
    }
    // Its owner itself has not moved.
    let dname = record(&wire("old.example"), DNAME, 40, &wire("new.test"));
    assert!(answer("old.example", A, &[dname]).aliases.is_empty());
    // Each step makes the name longer, until it is none.
    let growing = record(&wire("x"), DNAME, 40, &wire("y.y.y.y.y.y.y.y.y.y.y.y.y.y.y.x"));
    let read = answer("a.x", A, &[growing]);
    assert!(read.aliases.iter().all(|name| name.len() < limits::DNS_NAME) && !read.aliases.is_empty());
}

#[test]
fn services_name_targets_and_hints() {
    let hints = [&[0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2, 0, 6, 0, 16][..], &[0x20; 16]];
    let v6 = IpAddr::V6(Ipv6Addr::from([0x20; 16]));
    let read = answer("a.example", HTTPS, &[service("a.example", 1, "", &hints.concat())]);
    assert_eq!((read.addresses, read.ttl), (vec![v4(1), v4(2), v6], 300));
    assert_eq!((read.of.as_str(), read.aliases.len()), ("HTTPS", 0));

    let read = answer("a.example", HTTPS, &[service("a.example", 1, "Svc.Example", &hints.concat())]);
    assert_eq!((read.aliases, read.addresses.len()), (vec!["svc.example".to_owned()], 3));

    // An alias leads on, and neither what is beside it nor its parameters count.
    let read = answer(
        "a.example",
        HTTPS,
        &[
            service("pool.example", 1, "", &[0, 4, 0, 4, 192, 0, 2, 9]),
            service("a.example", 2, "beside.example", &[0, 4, 0, 4, 192, 0, 2, 8]),
            service("a.example", 0, "pool.example", &[0, 4, 0, 4, 192, 0, 2, 7]),
        ],
    );
    assert_eq!((read.aliases, read.addresses), (vec!["pool.example".to_owned()], vec![v4(9)]));

    // No such service.
    let read = answer("a.example", HTTPS, &[service("a.example", 0, "", &[])]);
    assert!(read.aliases.is_empty() && read.addresses.is_empty() && !read.cut);

    // Behind a CNAME, and with a type nobody asked for.
    let read =
        answer("w.example", HTTPS, &[alias("w.example", 7, "a.example"), service("a.example", 1, "", &hints.concat())]);
    assert_eq!((read.addresses.len(), read.ttl), (3, 7));
    assert!(answer("a.example", A, &[service("a.example", 1, "", &hints.concat())]).addresses.is_empty());
}

#[test]
fn what_cannot_be_read_is_told_as_cut() {
    let broken = [
        record(&wire("a.example"), A, 9, &[1, 2, 3]),
        record(&wire("a.example"), AAAA, 9, &[1, 2, 3, 4]),
        record(&wire("a.example"), CNAME, 9, b"\x01a\0more"),
        record(&wire("a.example"), CNAME, 9, b"\x01a"),
        record(&wire("a.example"), HTTPS, 9, b"\0"),
        service("a.example", 1, "", &[0, 4, 0, 3, 1, 2, 3]),
        service("a.example", 1, "", &[0, 4, 0, 0]),
        service("a.example", 1, "", &[0, 4, 0, 8, 1, 2, 3]),
        service("a.example", 1, "", &[0, 6, 0, 0, 0, 4, 0, 4, 1, 2, 3, 4]),
    ];
    for record in broken {
        let read = answer("a.example", ANY, &[record.clone(), address("a.example", 1)]);
        assert!(read.cut, "{record:x?}");
        assert_eq!(read.addresses, [v4(1)], "{record:x?}");
    }
    assert!(!answer("b.example", ANY, &[record(&wire("a.example"), A, 9, &[1])]).cut);
}

#[test]
fn codes_are_told() {
    let read = |flags| parse(&message(flags, "a.example", TXT, &[])).map(|read| (read.rcode, read.of, read.cut));
    assert_eq!(read(0x8183), Ok(("NXDOMAIN".into(), "TXT".into(), false)));
    assert_eq!(read(0x8385), Ok(("REFUSED".into(), "TXT".into(), true)));
    assert_eq!(read(0x818f), Ok(("RCODE 15".into(), "TXT".into(), false)));
    assert_eq!(answer(".", 2, &[]).name, ".");
    assert_eq!(answer("a", 777, &[]).of, "TYPE 777");
    assert_eq!(answer("a", A, &[record(&wire("a"), A, u32::MAX, &[192, 0, 2, 1])]).ttl, 0);
}

#[test]
fn what_is_no_message_is_rejected() {
    let question = message(0x0100, "a.example", A, &[]);
    for end in 0..question.len() {
        let reject = parse(&question[..end]);
        assert_eq!(reject, Err(Reject::Malformed), "{end}");
    }
    for opcode in 1..16 {
        let flags = ANSWER | opcode << 11;
        assert_eq!(parse(&message(flags, "a.example", A, &[])), Err(Reject::Opcode), "{opcode}");
    }
    for count in [0, 2, 255] {
        let mut other = question.clone();
        other[5] = count;
        assert_eq!(parse(&other), Err(Reject::Questions), "{count}");
    }
    assert_eq!(parse(&vec![0; limits::DNS_MESSAGE + 1]), Err(Reject::TooLong));
    let mut circle = question.clone();
    circle[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(parse(&circle), Err(Reject::Malformed));
    assert_eq!(Reject::Questions.name(), "questions");
}

#[test]
fn an_answer_cut_short_is_rejected_unless_it_says_so() {
    let records = [address("a.example", 1), address("a.example", 2)];
    let whole = message(ANSWER, "a.example", A, &records);
    let start = message(ANSWER, "a.example", A, &[]).len();
    for end in start..whole.len() {
        assert_eq!(parse(&whole[..end]), Err(Reject::Malformed), "{end}");
        let mut said = whole[..end].to_vec();
        said[2] |= 2;
        let read = parse(&said).unwrap_or_else(|reject| panic!("{reject:?} at {end}"));
        assert!(read.cut);
        assert_eq!(read.addresses.len(), (end - start) / records[0].len(), "{end}");
    }
    // What is in the other sections doesn't matter, nor whether it is there.
    let mut more = whole.clone();
    more[11] = 1;
    assert_eq!(parse(&more), parse(&whole));
    more.extend(record(&[0], OPT, 0, &[]));
    assert_eq!(parse(&more), parse(&whole));
}

fn feed(chunks: &[&[u8]]) -> Vec<Result<Answer, Reject>> {
    let mut stream = Stream::new();
    let mut out = Vec::new();
    chunks.iter().for_each(|chunk| stream.feed(chunk, &mut out));
    out
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().flat_map(|one| [&(one.len() as u16).to_be_bytes()[..], one].concat()).collect()
}

#[test]
fn a_stream_gives_its_messages_in_every_split() {
    let messages = [
        message(0x0100, "a.example", A, &[]),
        b"noise".to_vec(),
        Vec::new(),
        message(ANSWER, "a.example", A, &[address("a.example", 1)]),
    ];
    let bytes = framed(&messages);
    let whole = feed(&[&bytes]);
    assert_eq!(whole, messages.iter().map(|one| parse(one)).collect::<Vec<_>>());
    assert_eq!(whole.iter().filter(|one| one.is_ok()).count(), 2);
    for end in 0..bytes.len() {
        assert_eq!(feed(&[&bytes[..end], &bytes[end..]]), whole, "{end}");
    }
    assert_eq!(feed(&bytes.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_stream_takes_the_longest_message() {
    let mut long = message(ANSWER, "a.example", A, &[address("a.example", 1)]);
    long.resize(limits::DNS_MESSAGE, 0);
    let bytes = framed(&[long.clone(), long.clone()]);
    assert_eq!(feed(&[&bytes]), [parse(&long), parse(&long)]);
    assert!(parse(&long).is_ok());
}

#[test]
fn a_stream_ends_at_a_gap_or_when_it_is_something_else() {
    let good = framed(&[message(0x0100, "a.example", A, &[])]);
    let mut stream = Stream::new();
    let mut out = Vec::new();
    stream.feed(&good[..9], &mut out);
    stream.gap(&mut out);
    stream.gap(&mut out);
    stream.feed(&good, &mut out);
    assert_eq!(out, [Err(Reject::Lost)]);
    assert!(stream.is_over());

    let nothing = vec![0; 1000];
    let read = feed(&[&nothing, &good]);
    assert_eq!(read.len() as u32, limits::DNS_REJECTS + 1);
    assert_eq!(read.last(), Some(&Err(Reject::NotDns)));
    let few = vec![0; 2 * (limits::DNS_REJECTS as usize - 1)];
    assert!(feed(&[&few, &good, &few, &good]).last().is_some_and(Result::is_ok));
}

fn check(read: &Result<Answer, Reject>) {
    let Ok(read) = read else { return };
    assert!(read.aliases.len() <= limits::DNS_ALIASES && read.addresses.len() <= limits::DNS_ADDRESSES);
    for name in read.aliases.iter().chain([&read.name]) {
        assert!(!name.is_empty() && name.len() <= 4 * limits::DNS_NAME);
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..400), kind in prop::sample::select(&[A, HTTPS, ANY][..])) {
        check(&parse(&bytes));
        let read = feed(&[&bytes]);
        read.iter().for_each(check);
        prop_assert_eq!(feed(&bytes.chunks(1).collect::<Vec<_>>()), read);
        let mut behind = message(ANSWER, "a.example", kind, &[]);
        behind[7] = 5;
        behind.append(&mut bytes);
        check(&parse(&behind));
    }

    #[test]
    fn damage_does_no_harm(at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), order in any::<u64>()) {
        let mut records = vec![
            record(b"\xc0\x0c", CNAME, 300, b"\x03cdn\xc0\x0e"),
            record(b"\x03cdn\xc0\x0e", HTTPS, 300, b"\0\x01\xc0\x0c\0\x04\0\x04\x01\x02\x03\x04"),
            record(b"\x03cdn\xc0\x0e", DNAME, 300, b"\xc0\x0c"),
            record(b"\x03cdn\xc0\x0e", A, 300, &[1, 2, 3, 4]),
        ];
        records.rotate_left((order % 4) as usize);
        let mut bytes = message(ANSWER, "w.example", ANY, &records);
        for (at, to) in at {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        check(&parse(&bytes));
    }
}
