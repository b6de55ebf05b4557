//! Datagrams that begin QUIC connections, to the hellos in them.

use monitor_abi::packet::Packet;
use monitor_core::state::Bounded;
use monitor_wire::quic::Reader;
use monitor_wire::tls::{Hello, Progress};

/// Most pairs of a socket and a peer that are remembered; the oldest goes. Each has at most four hellos that aren't whole,
/// of 64 KiB, so that all of them take 32 MiB at worst.
const MAX_FLOWS: usize = 128;

/// A socket, by its cookie, and a peer.
type Ends = (u64, [u8; 16], u16);

/// See the module documentation.
pub struct Datagrams {
    flows: Bounded<Ends, Flow>,
    rejected: u64,
    evicted: u64,
}

/// What one socket sends to one peer.
#[derive(Default)]
struct Flow {
    reader: Reader,
    /// The first part of what came in two.
    part: Part,
}

#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    /// Bytes of the whole.
    total: usize,
    segment: usize,
}

impl Datagrams {
    /// None yet.
    pub fn new() -> Self {
        Self { flows: Bounded::new(MAX_FLOWS), rejected: 0, evicted: 0 }
    }

    /// Takes what one call sent, or a part of it, and returns the hellos that it completes.
    pub fn take(&mut self, packet: &Packet, bytes: &[u8]) -> Vec<Hello> {
        let ends = (packet.cookie, packet.addr, packet.port);
        if self.flows.get(&ends).is_none()
            && let Some((_, mut gone)) = self.flows.insert(ends, Flow::default())
        {
            gone.reader.end();
            self.evicted += gone.reader.lost();
        }
        let Some(flow) = self.flows.get_mut(&ends) else { return Vec::new() };
        let (offset, total) = (packet.offset as usize, packet.total as usize);
        let mut hellos = Vec::new();
        if offset == 0 {
            // its other part never came
            self.rejected += flow.flush(&mut hellos);
            flow.part = Part { bytes: bytes.to_vec(), total, segment: packet.segment as usize };
        } else if offset == flow.part.bytes.len() {
            flow.part.bytes.extend(bytes);
        } else {
            self.rejected += 1;
        }
        // the kernel's side hands over two parts at most
        if offset > 0 || bytes.len() == total {
            self.rejected += flow.flush(&mut hellos);
        }
        self.evicted += flow.reader.lost();
        hellos
    }

    /// Packets that were no beginning of a QUIC connection, or can't be opened, since the last call.
    pub fn rejected(&mut self) -> u64 {
        std::mem::take(&mut self.rejected)
    }

    /// Hellos that were forgotten half read, since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }
}

impl Flow {
    /// Reads what there is, datagram by datagram. Returns how many said nothing that is understood.
    fn flush(&mut self, hellos: &mut Vec<Hello>) -> u64 {
        let Part { bytes, total, segment } = std::mem::take(&mut self.part);
        let segment = if segment == 0 { total.max(1) } else { segment };
        let (mut left, mut rejected) = (total, 0);
        for datagram in bytes.chunks(segment) {
            let whole = left.min(segment);
            left -= whole;
            match self.reader.feed(datagram, whole) {
                Progress::Done(hello) => hellos.push(hello),
                Progress::Reject(_) => rejected += 1,
                Progress::Incomplete => {}
            }
        }
        // datagrams of which nothing came
        rejected + u64::from(left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 8192;

    /// What real clients sent, a datagram a line.
    fn recording(text: &str) -> Vec<Vec<u8>> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
    }

    fn quinn() -> Vec<Vec<u8>> {
        recording(include_str!("../../../../monitor-wire/testdata/quic/quinn.hex"))
    }

    /// The hello takes two datagrams.
    fn long() -> Vec<Vec<u8>> {
        recording(include_str!("../../../../monitor-wire/testdata/quic/quinn-long.hex"))
    }

    fn packet(cookie: u64, offset: usize, len: usize, total: usize) -> Packet {
        let (offset, data_len, total) = (offset as u32, len as u32, total as u32);
        Packet { cookie, port: 443, protocol: 17, offset, data_len, total, ..Packet::default() }
    }

    /// As the kernel's side hands over what one call sent.
    fn send(datagrams: &mut Datagrams, cookie: u64, bytes: &[u8], segment: u32) -> Vec<Option<String>> {
        let mut hellos = Vec::new();
        for (at, piece) in bytes.chunks(PIECE).take(2).enumerate() {
            let offset = at * PIECE;
            let packet = Packet { segment, ..packet(cookie, offset, piece.len(), bytes.len() - offset) };
            hellos.extend(datagrams.take(&packet, piece));
        }
        hellos.into_iter().map(|hello| hello.sni).collect()
    }

    fn name() -> Vec<Option<String>> {
        vec![Some("quinn.example".to_owned())]
    }

    #[test]
    fn sockets_and_peers_are_told_apart() {
        let mut datagrams = Datagrams::new();
        let [first, second] = &long()[..] else { panic!("not two datagrams") };
        assert_eq!(send(&mut datagrams, 1, first, 0), []);
        assert_eq!(send(&mut datagrams, 2, second, 0), []);
        let other = Packet { port: 444, ..packet(1, 0, second.len(), second.len()) };
        assert_eq!(datagrams.take(&other, second), []);
        assert_eq!(send(&mut datagrams, 1, second, 0), name());
        // neither of the others had seen the first datagram, whose keys are the connection's
        assert_eq!((datagrams.evicted(), datagrams.flows.len()), (0, 3));
    }

    #[test]
    fn datagrams_of_one_call_are_read_one_by_one() {
        let (segments, one) = (long(), quinn().remove(0));
        let segment = segments[0].len();
        let mut datagrams = Datagrams::new();
        assert_eq!(send(&mut datagrams, 1, &segments.concat(), segment as u32), name());
        // also where a datagram lies across both parts
        let many = [vec![0x40; 6 * one.len() + 1], one.clone()].concat();
        assert_eq!(send(&mut datagrams, 2, &many, one.len() as u32), []);
        let many = [vec![0x40; 6 * one.len()], one.clone(), vec![0x40; 200]].concat();
        assert!(many.len() > PIECE);
        assert_eq!(send(&mut datagrams, 3, &many, one.len() as u32), name());
    }

    #[test]
    fn a_large_datagram_is_joined_and_one_that_is_cut_is_rejected() {
        // An Initial packet, and what nothing reads behind it.
        let large = |len: usize| [quinn().remove(0), vec![0; len]].concat();
        let mut datagrams = Datagrams::new();
        assert_eq!(send(&mut datagrams, 1, &large(2 * PIECE - 1200), 0), name());
        assert_eq!(datagrams.rejected(), 0);

        // The packet itself is cut, which nothing can authenticate.
        let bytes = quinn().remove(0);
        assert_eq!(datagrams.take(&packet(2, 0, 1100, 1200), &bytes[..1100]), []);
        assert_eq!(datagrams.rejected(), 0);
        // Another one comes in place of its rest.
        assert_eq!(send(&mut datagrams, 2, &bytes, 0), name());
        assert_eq!(datagrams.rejected(), 1);
        // A rest without a beginning.
        assert_eq!(datagrams.take(&packet(3, 1100, 100, 100), &bytes[1100..]), []);
        assert_eq!(datagrams.rejected(), 1);
    }

    #[test]
    fn half_hellos_take_bounded_room_and_are_counted() {
        let half = long().remove(0);
        let mut datagrams = Datagrams::new();
        for cookie in 0..2 * MAX_FLOWS as u64 {
            assert_eq!(send(&mut datagrams, cookie, &half, 0), []);
        }
        let flows = MAX_FLOWS as u64;
        assert_eq!((datagrams.flows.len(), datagrams.evicted(), datagrams.evicted()), (MAX_FLOWS, flows, 0));
        // What was read is no loss.
        for cookie in 0..2 * MAX_FLOWS as u64 {
            assert_eq!(send(&mut datagrams, 1000 + cookie, &quinn()[0], 0), name());
        }
        assert_eq!(datagrams.evicted(), flows);
    }
}
