//! QUIC clients' first datagrams: recorded ones, and such as no client sends. `testdata/README.md` says how they were
//! recorded.

mod bounds;
mod built;
mod recorded;
mod rejects;
mod seal;

use std::path::Path;

use monitor_wire::quic::Reader;
use monitor_wire::tls::{Hello, Progress, Reject, Transport, hello};

const DCID: &[u8] = b"12345678";

/// The datagrams of a recording, in order.
fn recording(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(bytes).collect()
}

/// Those that are written in hex.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

/// A handshake message that a real client sent over TCP, without its record.
fn message(client: &str) -> Vec<u8> {
    recording(&format!("tls/{client}")).concat().split_off(5)
}

/// What a message says if it comes over QUIC.
fn said(message: &[u8]) -> Hello {
    done(hello(message, Transport::Quic))
}

fn done(progress: Progress) -> Hello {
    match progress {
        Progress::Done(hello) => hello,
        other => panic!("{other:?}"),
    }
}

fn feed(reader: &mut Reader, datagram: &[u8]) -> Progress {
    reader.feed(datagram, datagram.len())
}

/// The answers to datagrams, one after another.
fn answers(datagrams: &[Vec<u8>]) -> Vec<Progress> {
    let mut reader = Reader::new();
    datagrams.iter().map(|datagram| feed(&mut reader, datagram)).collect()
}

/// The only answer to a single datagram.
fn alone(datagram: &[u8]) -> Progress {
    feed(&mut Reader::new(), datagram)
}

const fn reject(reject: Reject) -> Progress {
    Progress::Reject(reject)
}
