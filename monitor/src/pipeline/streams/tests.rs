//! Whose messages are on which flow.

use std::sync::LazyLock;

use monitor_abi::stream::{DIR_READ, DIR_WRITE, Data, Gap, STREAM_PIPE, STREAM_UNIX};
use monitor_core::event::Side;
use monitor_core::id::ServerId;
use monitor_wire::redact;
use monitor_wire::token::Set;

use super::super::standard::Standard;
use super::{Mover, Streams};

const S: Mover = Mover { scope: 1, pid: 10 };

const CALL: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}\n";

/// No token is known.
static NONE: LazyLock<Set> = LazyLock::new(|| Set::new(&redact::Key::from_bytes([1; 32])));

fn streams() -> Streams {
    Streams::new(redact::Key::from_bytes([7; 32]))
}

/// With this standard input.
fn started(ino: u64) -> Streams {
    let mut streams = streams();
    let standard = Standard { input: Some(ino), channel: true, ..Standard::default() };
    streams.standards.start(ServerId(1), standard);
    streams
}

fn pipe(ino: u64, dir: u16) -> Data {
    Data { ino, dir, class: STREAM_PIPE, ..Data::default() }
}

fn sides(streams: &mut Streams, data: &Data, bytes: &[u8]) -> Vec<Side> {
    streams.data(S, data, bytes, &NONE).messages.into_iter().map(|(side, _)| side).collect()
}

#[test]
fn what_only_the_server_reads_is_the_clients() {
    assert_eq!(sides(&mut streams(), &pipe(1, DIR_READ), CALL), [Side::Client]);
}

#[test]
fn what_only_the_server_writes_is_the_servers() {
    assert_eq!(sides(&mut streams(), &pipe(1, DIR_WRITE), CALL), [Side::Server]);
}

#[test]
fn a_request_written_into_the_clients_pipe_is_forged_and_its_reading_is_nobodys() {
    let mut streams = started(1);
    let other = b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"y\"}}\n";
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), [Side::Client]);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_WRITE), other), [Side::Forged]);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), other), []);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), [Side::Client]);
}

#[test]
fn a_request_that_one_of_its_own_wrote_before_the_first_reading_is_forged() {
    let mut streams = started(1);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_WRITE), CALL), [Side::Forged]);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), []);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), [Side::Client]);
    // the same through a socket, whose other end one of its own got hold of
    let mut streams = started(5);
    let other_end = Data { ino: 6, peer: 5, class: STREAM_UNIX, dir: DIR_WRITE, ..Data::default() };
    let input = Data { ino: 5, peer: 6, class: STREAM_UNIX, dir: DIR_READ, ..Data::default() };
    assert_eq!(sides(&mut streams, &other_end, CALL), [Side::Forged]);
    assert_eq!(sides(&mut streams, &input, CALL), []);
    // what it answers on the same socket is its own
    let answer = Data { ino: 5, peer: 6, class: STREAM_UNIX, dir: DIR_WRITE, ..Data::default() };
    assert_eq!(sides(&mut streams, &answer, CALL), [Side::Server]);
}

#[test]
fn after_a_forged_request_that_passed_for_the_clients_nothing_does() {
    let mut streams = started(1);
    let next = b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}\n";
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), [Side::Client]);
    // the reader had the processor first
    assert_eq!(sides(&mut streams, &pipe(1, DIR_WRITE), CALL), [Side::Forged]);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), next), []);
}

#[test]
fn what_is_written_unseen_makes_everybody_a_suspect() {
    let mut streams = started(1);
    streams.gap(S, &Gap { ino: 1, bytes: 20, dir: DIR_WRITE, ..Gap::default() }, &NONE);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), []);
}

#[test]
fn the_client_of_a_server_speaks_on_its_standard_input_only() {
    let mut streams = started(1);
    // a pipe of the server's own, whose writer is kept from returning
    assert_eq!(sides(&mut streams, &pipe(7, DIR_READ), CALL), []);
    assert_eq!(sides(&mut streams, &pipe(1, DIR_READ), CALL), [Side::Client]);
    streams.standards.end(ServerId(1));
    assert!(!streams.standards.has(1));
}

#[test]
fn a_pipe_between_watched_processes_says_nothing() {
    let mut streams = streams();
    let child = Data { ino: 5, peer: 6, class: STREAM_UNIX, dir: DIR_READ, ..Data::default() };
    let parent = Data { ino: 6, peer: 5, class: STREAM_UNIX, dir: DIR_WRITE, ..Data::default() };
    let written = streams.data(S, &parent, b"hello, no json\n", &NONE);
    assert!(written.messages.is_empty());
    let read = streams.data(S, &child, b"hello, no json\n", &NONE);
    assert!(read.messages.is_empty() && read.ignore.is_some());
}

#[test]
fn what_a_server_asks_of_one_of_its_own_is_not_forged() {
    let mut streams = streams();
    for _ in 0..2 {
        streams.data(S, &pipe(3, DIR_WRITE), CALL, &NONE);
        assert_eq!(sides(&mut streams, &pipe(3, DIR_READ), CALL), []);
    }
    assert_eq!(sides(&mut streams, &pipe(3, DIR_WRITE), CALL), []);
}

#[test]
fn what_one_server_writes_another_reads() {
    let mut streams = streams();
    let other = Mover { scope: 2, pid: 20 };
    for _ in 0..2 {
        assert_eq!(sides(&mut streams, &pipe(3, DIR_WRITE), CALL), [Side::Server]);
        let read = streams.data(other, &pipe(3, DIR_READ), CALL, &NONE);
        assert!(matches!(read.messages[..], [(Side::Client, _)]) && read.ignore.is_none());
    }
}

#[test]
fn bytes_that_are_missing_matter_on_transports_only() {
    let mut streams = started(1);
    let gap = |ino| Gap { ino, bytes: 20, dir: DIR_WRITE, ..Gap::default() };
    assert!(streams.gap(S, &gap(1), &NONE), "the standard streams are transports before a byte was seen");
    assert!(!streams.gap(S, &gap(2), &NONE));
    streams.data(S, &pipe(3, DIR_WRITE), b"no message\n", &NONE);
    assert!(!streams.gap(S, &gap(3), &NONE));
    streams.data(S, &pipe(4, DIR_WRITE), CALL, &NONE);
    assert!(streams.gap(S, &gap(4), &NONE));
}

#[test]
fn a_stream_that_never_speaks_mcp_is_let_go_but_not_standard_input() {
    let mut streams = streams();
    let noise = vec![b'x'; 70_000];
    assert!(streams.data(S, &pipe(9, DIR_WRITE), &noise, &NONE).ignore.is_some());
    let mut streams = started(8);
    assert!(streams.data(S, &pipe(8, DIR_READ), &noise, &NONE).ignore.is_none());
}
