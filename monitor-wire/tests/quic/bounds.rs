//! What is kept has bounds, and what they cost is said.

use monitor_wire::limits;
use monitor_wire::quic::Reader;
use monitor_wire::tls::{Progress, Reject};

use crate::seal::{Header, V1, crypto, padded, seal};
use crate::{DCID, done, feed, message, reject, said};

fn header(number: u64) -> Header {
    Header::new(V1, DCID, number)
}

/// A hello whose message has so many bytes behind its header, by a padding extension (RFC 7685).
fn long(length: usize) -> Vec<u8> {
    let start = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let padding = length - start.len() - 6;
    let extension = [&[0, 21][..], &(padding as u16).to_be_bytes(), &vec![0; padding]].concat();
    let body = [&start[..], &(extension.len() as u16).to_be_bytes(), &extension].concat();
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

/// The last answer to a message in pieces of so many bytes, each in a packet.
fn in_pieces(message: &[u8], size: usize) -> Progress {
    let mut reader = Reader::new();
    let mut last = Progress::Incomplete;
    for (at, piece) in message.chunks(size).enumerate() {
        assert_eq!(last, Progress::Incomplete);
        last = feed(&mut reader, &seal(&header(at as u64), &crypto((at * size) as u64, piece)));
    }
    last
}

#[test]
fn the_largest_hello_fits_and_no_larger_one() {
    let largest = long(limits::TLS_HELLO);
    assert_eq!(largest.len(), limits::TLS_HELLO + 4);
    assert_eq!(done(in_pieces(&largest, 1150)), said(&largest));
    let mut larger = long(2000);
    larger[1..4].copy_from_slice(&(limits::TLS_HELLO as u32 + 1).to_be_bytes()[1..]);
    assert_eq!(in_pieces(&larger[..1150], 1150), reject(Reject::TooLong));
    let beyond = crypto(limits::TLS_HELLO as u64 + 4, b"x");
    assert_eq!(feed(&mut Reader::new(), &padded(&header(0), &beyond)), reject(Reject::TooLong));
}

#[test]
fn so_many_packets_are_read_and_no_more() {
    let message = message("node");
    let mut reader = Reader::new();
    let most = u64::from(limits::QUIC_PACKETS);
    for number in 0..most - 1 {
        assert_eq!(feed(&mut reader, &padded(&header(number), &crypto(0, &message[..9]))), Progress::Incomplete);
    }
    let whole = padded(&header(most), &crypto(0, &message));
    assert_eq!(feed(&mut reader.clone(), &whole), Progress::Done(said(&message)));
    assert_eq!(feed(&mut reader, &padded(&header(most - 1), &crypto(0, &message[..9]))), reject(Reject::TooLong));
    // It begins anew then.
    assert_eq!(feed(&mut reader, &padded(&header(most), &crypto(9, &message[9..]))), Progress::Incomplete);
    assert_eq!(feed(&mut reader, &whole), Progress::Done(said(&message)));
}

#[test]
fn so_many_pieces_lie_apart_and_no_more() {
    let message = long(1000);
    // Every second byte, from the second on.
    let apart = |count: usize| (0..count).flat_map(|at| crypto(2 * at as u64 + 1, &message[2 * at + 1..2 * at + 2]));
    let mut reader = Reader::new();
    let most: Vec<u8> = apart(limits::QUIC_RANGES).collect();
    assert_eq!(feed(&mut reader, &padded(&header(0), &most)), Progress::Incomplete);
    assert_eq!(done(feed(&mut reader, &padded(&header(1), &crypto(0, &message)))), said(&message));
    let more: Vec<u8> = apart(limits::QUIC_RANGES + 1).collect();
    let mut reader = Reader::new();
    assert_eq!(feed(&mut reader, &padded(&header(0), &more)), reject(Reject::TooLong));
    assert_eq!(done(feed(&mut reader, &padded(&header(1), &crypto(0, &message)))), said(&message));
}

#[test]
fn so_many_connections_are_remembered_and_whose_hello_is_lost_is_counted() {
    let message = message("node");
    let header = |id: usize, number: u64| Header::new(V1, format!("{id:08}").as_bytes(), number);
    let (start, end) = message.split_at(100);
    let mut reader = Reader::new();
    // One is told, and goes first; then the oldest that has begun.
    done(feed(&mut reader, &padded(&header(0, 0), &crypto(0, &self::message("curl")))));
    for id in 1..=limits::QUIC_CONNECTIONS {
        assert_eq!(feed(&mut reader, &padded(&header(id, 0), &crypto(0, start))), Progress::Incomplete);
    }
    assert_eq!(reader.lost(), 0);
    assert_eq!(feed(&mut reader, &padded(&header(9, 0), &crypto(0, start))), Progress::Incomplete);
    assert_eq!((reader.lost(), reader.lost()), (1, 0));
    // The second one is there still, and the forgotten one begins in its middle.
    assert_eq!(done(feed(&mut reader, &padded(&header(2, 1), &crypto(100, end)))), said(&message));
    assert_eq!(feed(&mut reader, &padded(&header(1, 1), &crypto(100, end))), Progress::Incomplete);
    reader.end();
    assert_eq!(reader.lost(), limits::QUIC_CONNECTIONS as u64);
}
