//! Datagrams do no harm, an answer comes once, caps hold; a hello in sealed packets is read in any order of its pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::limits;
use monitor_wire::quic::{Reader, looks_like_quic};
use monitor_wire::tls::{Progress, Reject, Transport, hello};

#[path = "../../monitor-wire/tests/quic/seal.rs"]
mod seal;

use seal::{Header, V1, V2, crypto, padded, seal};

const DCID: &[u8] = b"12345678";
/// Steps through the pieces of a hello in another order.
const STEPS: [usize; 4] = [1, 7, 11, 13];

fuzz_target!(|input: &[u8]| {
    // Recordings are written in hex, a datagram a line.
    let text = input.split(|&byte| byte == b'\n').map(decoded).collect::<Option<Vec<_>>>();
    datagrams(&text.unwrap_or_else(|| vec![input.to_vec()]));
    let [kind, rest @ ..] = input else { return };
    match kind % 3 {
        0 => frames(kind / 3, rest),
        1 => sequence(rest),
        _ => pieces(kind / 3, rest),
    }
});

/// Whatever comes, cut anywhere.
fn datagrams(datagrams: &[Vec<u8>]) {
    let mut reader = Reader::new();
    for datagram in datagrams {
        let answer = reader.feed(datagram, datagram.len());
        check(&answer);
        if looks_like_quic(datagram) {
            assert_ne!(answer, Progress::Reject(Reject::NotQuic));
            assert_ne!(answer, Progress::Reject(Reject::Version));
        }
        let cut = datagram.len() / 2;
        check(&Reader::new().feed(&datagram[..cut], datagram.len()));
    }
    let mut rest = Reader::new();
    check(&rest.feed(&datagrams.concat(), usize::MAX));
    reader.end();
    assert!(reader.lost() <= datagrams.len() as u64);
}

/// The input as frames, which a fuzzer can't seal by itself.
fn frames(kind: u8, frames: &[u8]) {
    let mut header = Header::new(if kind & 1 == 0 { V1 } else { V2 }, DCID, u64::from(kind));
    header.number_bytes = usize::from(kind >> 1 & 3) + 1;
    let datagram = padded(&header, frames);
    let mut reader = Reader::new();
    let answer = reader.feed(&datagram, datagram.len());
    check(&answer);
    if let Progress::Reject(reject) = answer {
        assert!([Reject::Malformed, Reject::TooLong, Reject::NotHello].contains(&reject), "{reject:?}");
    }
    // Nothing that was sealed is told twice, or keeps anything else from being read.
    assert!(!matches!(reader.feed(&datagram, datagram.len()), Progress::Done(_)));
    let message = [&[1, 0, 0, 41, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    for id in [DCID, b"another id"] {
        let mut reader = reader.clone();
        let number = u64::from(kind) + 1;
        let other = padded(&Header::new(V1, id, number), &crypto(0, &message));
        let said = reader.feed(&other, other.len());
        assert!(
            said == hello(&message, Transport::Quic)
                || said == Progress::Incomplete && answer == hello(&message, Transport::Quic)
        );
    }
}

/// Several packets of several connections, each behind what tells its length.
fn sequence(mut input: &[u8]) {
    let mut reader = Reader::new();
    let mut begun = 0;
    for number in 0..100 {
        let [id, length, rest @ ..] = input else { break };
        let (frames, rest) = rest.split_at(rest.len().min((*length).into()));
        input = rest;
        begun += 1;
        let mut header = Header::new(V1, &[id % 8; 8], number);
        if id & 8 != 0 {
            header.dcid = b"server's".to_vec();
        }
        let datagram = seal(&header, &[frames, &[0; 4]].concat());
        check(&reader.feed(&datagram, datagram.len()));
    }
    reader.end();
    assert!(reader.lost() <= begun);
}

/// The input as a hello's body, in pieces that overlap, in another order.
fn pieces(kind: u8, body: &[u8]) {
    let message = [&[1], &(body.len() as u32).to_be_bytes()[1..], body].concat();
    let size = message.len() / 17 + 1;
    let count = message.len().div_ceil(size);
    let step = STEPS[usize::from(kind % 4)];
    let order: Vec<usize> = (0..17).map(|at| at * step % 17).filter(|at| *at < count).collect();
    let mut reader = Reader::new();
    let mut told = Vec::new();
    for (number, at) in order.into_iter().enumerate() {
        let start = (at * size).saturating_sub(usize::from(kind >> 2));
        let end = message.len().min((at + 1) * size);
        let frames = [&[1, 0][..], &crypto(start as u64, &message[start..end])].concat();
        let datagram = seal(&Header::new(V1, DCID, number as u64), &frames);
        told.push(reader.feed(&datagram, datagram.len()));
    }
    told.retain(|answer| *answer != Progress::Incomplete);
    assert_eq!(told, [hello(&message, Transport::Quic)]);
}

fn check(answer: &Progress) {
    if let Progress::Done(hello) = answer {
        assert_eq!(hello.ja4.len(), 36);
        assert!(hello.ja4.starts_with('q') && hello.alpn.len() <= limits::ALPN);
    }
}

/// The bytes that a line of hex stands for.
fn decoded(line: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let (pairs, []) = line.as_chunks() else { return None };
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}
