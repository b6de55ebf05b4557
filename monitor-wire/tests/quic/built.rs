//! What clients may send and rarely do.

use monitor_wire::quic::Reader;
use monitor_wire::tls::{Progress, Reject};
use proptest::prelude::*;

use crate::seal::{Header, V1, V2, crypto, padded, seal};
use crate::{DCID, alone, answers, done, feed, message, reject, said};

/// The version of draft 29.
const DRAFT: u32 = 0xff00_001d;
const PING: &[u8] = &[1];
/// With two ranges and with counts.
const ACK: &[u8] = &[3, 9, 0, 1, 1, 0, 0, 1, 2, 3];
const CLOSE: &[u8] = &[0x1c, 0x41, 0x28, 0, 3, b'b', b'y', b'e'];

fn header(number: u64) -> Header {
    Header::new(V1, DCID, number)
}

/// A connection's hello in one datagram.
fn whole(dcid: &[u8], client: &str) -> Vec<u8> {
    padded(&Header::new(V1, dcid, 0), &crypto(0, &message(client)))
}

#[test]
fn every_known_version_is_read() {
    for version in [V1, V2, DRAFT, DRAFT + 3] {
        let datagram = padded(&Header::new(version, DCID, 0), &crypto(0, &message("node")));
        assert_eq!(done(alone(&datagram)), said(&message("node")), "{version:x}");
    }
}

#[test]
fn packet_numbers_are_completed() {
    let message = message("openssl");
    let mut reader = Reader::new();
    let (mut last, mut offset) = (Progress::Incomplete, 0);
    // Each in as few bytes as its distance from the one before allows (RFC 9000 section 17.1).
    for (number, size) in [(0, 1), (90, 1), (200, 1), (20_000, 2), (20_001, 1), (8_000_000, 3), (2_000_000_000, 4)] {
        let piece = &message[offset..message.len().min(offset + message.len().div_ceil(7))];
        let header = Header { number, number_bytes: size, ..header(number) };
        last = feed(&mut reader, &padded(&header, &crypto(offset as u64, piece)));
        offset += piece.len();
    }
    assert_eq!(offset, message.len());
    assert_eq!(done(last), said(&message));
}

#[test]
fn packets_of_one_datagram_are_read_one_by_one() {
    let message = message("curl");
    let (start, end) = message.split_at(100);
    let first = seal(&header(0), &crypto(0, start));
    let second = seal(&header(1), &crypto(100, end));
    // a Handshake packet with a length of 3, and one that says it goes on beyond the datagram
    let handshake = [&[0xe0, 0, 0, 0, 1, 8][..], DCID, &[0, 3, 7, 7, 7]].concat();
    let open_ended = [&[0xe0, 0, 0, 0, 1, 8][..], DCID, &[0, 9, 7]].concat();
    for rest in [&[][..], &[0; 900], &handshake, &open_ended, &[0x40; 9], &[0xff; 1300], &[0xc0, 0, 0, 0, 0, 0]] {
        for before in [&[][..], &handshake] {
            let datagram = [before, &first, &handshake, &second, rest].concat();
            assert_eq!(done(alone(&datagram)), said(&message), "{rest:x?} {before:x?}");
        }
    }
    // Another connection's is not looked at (RFC 9000 section 12.2).
    assert_eq!(alone(&[first.clone(), whole(b"another id", "node")].concat()), Progress::Incomplete);
    // One that was cut is told beside one that wasn't, but not beside a hello.
    let cut = [&first[..], &second[..200]].concat();
    assert_eq!(Reader::new().feed(&cut, first.len() + second.len()), reject(Reject::Lost));
    let cut = [&whole(DCID, "node")[..], &second[..200]].concat();
    assert_eq!(done(Reader::new().feed(&cut, 5000)), said(&self::message("node")));
    // A damaged one doesn't spoil the next.
    let mut damaged = first.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(answers(&[first, [damaged.clone(), second].concat()])[1], Progress::Done(said(&message)));
    assert_eq!(alone(&[damaged, seal(&header(1), &crypto(0, start))].concat()), reject(Reject::AuthFailed));
}

#[test]
fn a_server_s_choices_are_followed() {
    let message = message("python");
    let (start, end) = message.split_at(60);
    let begun = padded(&header(0), &crypto(0, start));
    // It answered: the client uses its connection id, of any length, under the keys of the first one.
    for dcid in [&b""[..], b"x", b"server's", &[9; 20]] {
        let next = Header { dcid: dcid.to_vec(), ..header(1) };
        let more = padded(&next, &[ACK, &crypto(60, end)].concat());
        assert_eq!(answers(&[begun.clone(), more])[1], Progress::Done(said(&message)), "{dcid:x?}");
    }
    // It chose another version: the keys come from the same id (RFC 9369 section 4.1).
    let next = Header { version: V2, dcid: b"server's".to_vec(), ..header(1) };
    let more = padded(&next, &crypto(60, end));
    assert_eq!(answers(&[begun.clone(), more])[1], Progress::Done(said(&message)));
    // It sent a Retry: all again, with a token, under keys of the id that it gave.
    let next = Header { token: vec![7; 70], ..Header::new(V1, b"given by a server", 1) };
    let again = [padded(&next, &crypto(0, start)), padded(&Header { number: 2, ..next }, &crypto(60, end))];
    let last = answers(&[std::slice::from_ref(&begun), &again].concat())[2].clone();
    assert_eq!(last, Progress::Done(said(&message)));
    // Where the hello was told before the Retry, it isn't told again.
    let told = padded(&header(1), &crypto(60, end));
    let all = answers(&[&[begun, told], &again[..]].concat());
    assert_eq!(all[1..], [last, Progress::Incomplete, Progress::Incomplete]);
}

#[test]
fn a_client_that_tries_an_unknown_version_is_read_when_it_comes_to_a_known_one() {
    let mut grease = whole(DCID, "node");
    grease[1..5].copy_from_slice(&0x1a2a_3a4a_u32.to_be_bytes());
    let answers = answers(&[grease, whole(b"another id", "node")]);
    assert_eq!(answers, [reject(Reject::Version), Progress::Done(said(&message("node")))]);
}

#[test]
fn connections_of_one_socket_are_told_apart() {
    let clients = ["curl", "node", "python"];
    let piece = |client: &str, number: u64, start: usize, end: usize| {
        let dcid = format!("id of {client}");
        padded(&Header::new(V1, dcid.as_bytes(), number), &crypto(start as u64, &message(client)[start..end]))
    };
    let mut datagrams = Vec::new();
    for number in 0..2 {
        for client in clients {
            let length = message(client).len();
            let (start, end) = if number == 0 { (0, length / 2) } else { (length / 2, length) };
            datagrams.push(piece(client, number, start, end));
        }
    }
    let mut expected = vec![Progress::Incomplete; 3];
    expected.extend(clients.map(|client| Progress::Done(said(&message(client)))));
    assert_eq!(answers(&datagrams), expected);
    // The same hello of another connection is another only if the message is.
    let again = [whole(b"id again", "node"), whole(b"id once more", "curl")];
    assert_eq!(answers(&again), ["node", "curl"].map(|client| Progress::Done(said(&message(client)))));
}

#[test]
fn what_isn_t_the_hello_s_is_skipped() {
    let message = message("node");
    let frames = [PING, &[0; 9], ACK, &crypto(0, &message), CLOSE, &crypto(message.len() as u64, b"more")].concat();
    assert_eq!(done(alone(&padded(&header(0), &frames))), said(&message));
    for frames in [PING, ACK, CLOSE, &crypto(5, b""), &[0; 4]] {
        assert_eq!(alone(&padded(&header(0), frames)), Progress::Incomplete, "{frames:x?}");
    }
}

#[test]
fn later_packets_of_a_connection_say_nothing() {
    let mut reader = Reader::new();
    let short = [&[0x40][..], DCID, &[7; 40]].concat();
    let handshake = [&[0xe0, 0, 0, 0, 1, 8][..], DCID, &[0, 3, 7, 7, 7]].concat();
    assert_eq!(feed(&mut reader, &short), reject(Reject::NotQuic));
    assert_eq!(feed(&mut reader, &handshake), reject(Reject::NotHello));
    done(feed(&mut reader, &whole(DCID, "node")));
    // what follows the hello, as after a HelloRetryRequest
    let more = padded(&header(10), &crypto(message("node").len() as u64, &message("node")));
    for datagram in [short, handshake, padded(&header(9), ACK), Vec::new(), more] {
        assert_eq!(feed(&mut reader, &datagram), Progress::Incomplete, "{:x?}", datagram.get(..8));
    }
}

#[test]
fn debug_shows_nothing_of_a_hello() {
    let mut reader = Reader::new();
    feed(&mut reader, &padded(&header(0), &crypto(0, &message("node")[..200])));
    assert_eq!(format!("{reader:?}"), "Reader { connections: 1, lost: 0 }");
}

/// A hello cut into pieces, each with how far it reaches into its neighbours, in some order over some packets.
fn cuts() -> impl Strategy<Value = (Vec<usize>, Vec<(usize, usize, usize)>)> {
    let piece = (any::<usize>(), 0_usize..20, 0_usize..4);
    (prop::collection::vec(1_usize..300, 1..20), prop::collection::vec(piece, 20))
}

proptest! {
    #[test]
    fn pieces_in_any_order_give_the_same_hello((sizes, places) in cuts(), padding in any::<bool>()) {
        let message = message("node");
        let mut pieces = Vec::new();
        let mut start = 0;
        for (at, size) in sizes.iter().chain(&[message.len()]).enumerate() {
            let end = message.len().min(start + size);
            let (order, overlap, packet) = places[at % places.len()];
            let from = start.saturating_sub(overlap);
            pieces.push((order, packet, crypto(from as u64, &message[from..end])));
            start = end;
        }
        pieces.sort();
        let mut packets = vec![PING.to_vec(); 4];
        for (_, packet, frame) in pieces {
            packets[packet].extend(frame);
            packets[packet].extend(if padding { &[0, 0, 1][..] } else { ACK });
        }
        let sealed = packets.iter().zip(0..).map(|(frames, number)| padded(&header(number), frames));
        let answers = answers(&sealed.collect::<Vec<_>>());
        let told: Vec<_> = answers.into_iter().filter(|answer| *answer != Progress::Incomplete).collect();
        prop_assert_eq!(told, [Progress::Done(said(&message))]);
    }
}
