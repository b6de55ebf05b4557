//! Any split gives the same messages, of connections that are made from pieces of ordinary ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PRIORITISED, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WHOLE, WINDOW_UPDATE, block, client, feed, frame, key, server,
};
use monitor_wire::http::h2::{Reader, Sniff, looks_like_http2};
use monitor_wire::http::{Message, Request, Response};
use proptest::prelude::*;

/// Header blocks, with and without what is remembered.
fn blocks() -> Vec<Vec<u8>> {
    vec![
        b"\x82\x87\x84\x41\x01h".to_vec(),
        b"\x83\x87\x44\x02/b\xbe".to_vec(),
        b"\x82\x87\x84\xbe\xbf".to_vec(),
        b"\x88\x5f\x01t".to_vec(),
        b"\x48\x03204".to_vec(),
        b"\x08\x03103".to_vec(),
        b"\x3f\x05\x40\x01a\x01b".to_vec(),
        b"\x20\x8c".to_vec(),
        b"\x80".to_vec(),
        block(&[("grpc-status", "0")]),
        block(&[(":method", "POST"), (":path", "/x?y"), ("Host", "other"), ("x", "a\nb")]),
        b"\x82\x04\x85\x60\xff\xff\xff".to_vec(),
        Vec::new(),
    ]
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = proptest::sample::select(vec![0_u32, 1, 1, 1, 2, 3, 3, 5, 7, 9]);
    let flags = proptest::sample::select(vec![
        0,
        END_STREAM,
        END_HEADERS,
        WHOLE,
        WHOLE,
        PADDED,
        PADDED | END_HEADERS,
        PRIORITISED | END_HEADERS,
    ]);
    let kinds = vec![
        DATA,
        DATA,
        DATA,
        HEADERS,
        HEADERS,
        HEADERS,
        HEADERS,
        CONTINUATION,
        RST_STREAM,
        SETTINGS,
        GOAWAY,
        WINDOW_UPDATE,
        PUSH_PROMISE,
        0x20,
    ];
    (proptest::sample::select(kinds), flags, stream, proptest::sample::select(blocks())).prop_map(
        |(kind, flags, stream, block)| {
            let payload = match kind {
                RST_STREAM | WINDOW_UPDATE => vec![0, 0, 0, 8],
                SETTINGS => vec![0; 6],
                GOAWAY => vec![0; 8],
                PUSH_PROMISE => [vec![0, 0, 0, 2], block].concat(),
                _ => block,
            };
            let padded = flags & PADDED != 0 && matches!(kind, DATA | HEADERS | PUSH_PROMISE);
            let priority = if kind == HEADERS && flags & PRIORITISED != 0 { vec![0; 5] } else { Vec::new() };
            let payload = match padded {
                true => [vec![2], priority, payload, vec![0; 2]].concat(),
                false => [priority, payload].concat(),
            };
            let stream = if matches!(kind, SETTINGS | GOAWAY) { 0 } else { stream };
            frame(kind, flags, stream, &payload)
        },
    )
}

/// Frames, and a few odd bytes where they stand.
fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![20 => any_frame(), 1 => proptest::collection::vec(any::<u8>(), 0..12)];
    proptest::collection::vec(piece, 0..24)
}

type Begin = fn(&[Vec<u8>]) -> Vec<u8>;

fn readers() -> [(Reader, Begin); 2] {
    [(Reader::requests(&key()), client), (Reader::responses(&key()), server)]
}

fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(rest.len().min(size));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_split_matters(frames in frames(), sizes in proptest::collection::vec(1_usize..24, 1..8)) {
        for ((split, begin), (whole, _)) in readers().into_iter().zip(readers()) {
            let bytes = begin(&frames);
            prop_assert_eq!(feed(split, &pieces(&bytes, &sizes)), feed(whole, &[&bytes]));
        }
    }

    /// Within an exchange a head is followed by its body, requests count up, nothing follows the end, and what is
    /// visited is what is counted.
    #[test]
    fn messages_keep_their_order(frames in frames()) {
        for (mut reader, begin) in readers() {
            let (mut messages, mut seen) = (Vec::new(), BTreeMap::<u64, u64>::new());
            let mut visit = |exchange: u64, piece: &[u8]| *seen.entry(exchange).or_default() += piece.len() as u64;
            reader.feed_with(&begin(&frames), &mut messages, &mut visit);
            reader.end(&mut messages);
            let (mut next, mut open, mut over) = (0, BTreeSet::new(), false);
            let mut counted = BTreeMap::<u64, u64>::new();
            for message in messages {
                prop_assert!(!over);
                match message {
                    Message::Request(Request { exchange, .. }) => {
                        prop_assert!(exchange >= next && open.insert(exchange));
                        next = exchange + 1;
                    }
                    Message::Response(Response { exchange, .. }) => prop_assert!(open.insert(exchange)),
                    Message::Body(body) => {
                        prop_assert!(open.remove(&body.exchange));
                        prop_assert_eq!(body.digest.is_some(), body.complete && body.bytes > 0);
                        *counted.entry(body.exchange).or_default() += body.bytes;
                    }
                    Message::End(_) => over = true,
                }
            }
            prop_assert!(open.is_empty());
            counted.retain(|_, bytes| *bytes > 0);
            prop_assert_eq!(counted, seen);
        }
    }

    /// Whatever is lost, what comes out is less, not different: the heads before the loss, and nothing made up behind
    /// it.
    #[test]
    fn a_loss_makes_nothing_up(frames in frames(), at in 0_usize..400, lost in 1_usize..40) {
        for ((mut reader, begin), (whole, _)) in readers().into_iter().zip(readers()) {
            let bytes = begin(&frames);
            let (at, lost) = (at.min(bytes.len()), lost.min(bytes.len().saturating_sub(at)));
            let mut messages = Vec::new();
            reader.feed(&bytes[..at], &mut messages);
            reader.gap(lost as u64, &mut messages);
            reader.feed(&bytes[at + lost..], &mut messages);
            reader.end(&mut messages);
            let heads = |messages: Vec<Message>| -> Vec<Message> {
                messages.into_iter().filter(|it| matches!(it, Message::Request(_) | Message::Response(_))).collect()
            };
            let (some, all) = (heads(messages), heads(feed(whole, &[&bytes])));
            prop_assert!(some.len() <= all.len());
            prop_assert_eq!(&some[..], &all[..some.len()]);
        }
    }

    /// What the reader reads, the sniffer knows, whatever begins the stream.
    #[test]
    fn what_is_read_is_known(frames in frames(), cut in 0_usize..40) {
        for ((reader, begin), known) in readers().into_iter().zip([Sniff::Client, Sniff::Server]) {
            let bytes = begin(&frames);
            let bytes = &bytes[cut.min(bytes.len())..];
            if matches!(feed(reader, &[bytes]).first(), Some(Message::Request(_) | Message::Response(_))) {
                prop_assert_eq!(looks_like_http2(bytes), known);
            }
        }
    }
}
