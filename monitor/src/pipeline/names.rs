//! From packets to what they say of whom a connection is for: TLS hellos, over TCP or in QUIC, and DNS.
//!
//! An answer counts if it came in, on the socket that asked, for the name that was asked: what a process sends to its
//! resolver is never the resolver's word. Names travel in clear, but they are whatever a process says: what looks like a
//! token in them is replaced.

mod datagrams;

use std::net::{IpAddr, SocketAddr};

use monitor_abi::packet::Packet;
use monitor_abi::stream::DIR_WRITE;
use monitor_core::state::Bounded;
use monitor_wire::dns::{self, Answer, Reject};
use monitor_wire::redact::{Key, redact};
use monitor_wire::tls::{self, Hello, Progress};

use self::datagrams::Datagrams;

const TCP: u16 = 6;
const UDP: u16 = 17;
const DNS: u16 = 53;
/// Most connections whose hello has begun, and most directions of look-ups over TCP, that are remembered; the oldest goes,
/// which is counted.
const MAX_OPEN: usize = 1024;
/// Most questions that are remembered, answered or not; what answers a forgotten one counts for nothing.
const MAX_ASKED: usize = 4096;

/// What a packet said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// A TLS client's first words.
    Hello(Hello),
    /// A question to a name server, or its answer.
    Dns(Answer),
}

/// See the module documentation.
pub struct Names {
    key: Key,
    /// Hellos that have begun, by cookie, with what comes next.
    hellos: Bounded<u64, (u32, tls::Reader)>,
    /// Look-ups over TCP, by cookie and direction.
    streams: Bounded<(u64, u16), (u32, dns::Stream)>,
    /// Names as they were asked, by socket and number of the question.
    asked: Bounded<(u64, u16), String>,
    datagrams: Datagrams,
    rejected: u64,
    evicted: u64,
}

impl Names {
    /// Names in which what looks like a token becomes a fingerprint under `key`.
    #[must_use]
    pub fn new(key: Key) -> Self {
        let (hellos, streams, asked) = (Bounded::new(MAX_OPEN), Bounded::new(MAX_OPEN), Bounded::new(MAX_ASKED));
        Self { key, hellos, streams, asked, datagrams: Datagrams::new(), rejected: 0, evicted: 0 }
    }

    /// Takes a packet, or a part of one.
    pub fn packet(&mut self, packet: &Packet, bytes: &[u8]) -> Vec<Said> {
        match (packet.protocol, packet.port) {
            (TCP, DNS) => self.stream(packet, bytes),
            (TCP, _) if packet.dir == DIR_WRITE => self.hello(packet, bytes).into_iter().collect(),
            (UDP, DNS) if packet.offset == 0 => self.answered(packet, vec![dns::parse(bytes)]),
            (UDP, port) if port != DNS && packet.dir == DIR_WRITE => {
                let hellos = self.datagrams.take(packet, bytes).into_iter();
                hellos.map(|hello| Said::Hello(self.redacted(hello))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Packets that were not what their port or first byte says, since the last call.
    pub fn rejected(&mut self) -> u64 {
        std::mem::take(&mut self.rejected) + self.datagrams.rejected()
    }

    /// Hellos and look-ups that were forgotten half read, since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted) + self.datagrams.evicted()
    }

    /// A connection is closed.
    pub fn closed(&mut self, cookie: u64) {
        self.hellos.remove(&cookie);
        for dir in 0..2 {
            self.streams.remove(&(cookie, dir));
        }
    }

    fn hello(&mut self, packet: &Packet, bytes: &[u8]) -> Option<Said> {
        let (next, mut reader) = match self.hellos.remove(&packet.cookie) {
            Some(begun) => begun,
            None if packet.offset == 0 => (0, tls::Reader::new()),
            // the rest of one that is told already, or whose beginning was lost
            None => return None,
        };
        if next != packet.offset {
            self.rejected += 1;
            return None;
        }
        match reader.feed(bytes) {
            Progress::Done(hello) => Some(Said::Hello(self.redacted(hello))),
            Progress::Reject(_) => {
                self.rejected += 1;
                None
            }
            Progress::Incomplete => {
                let begun = (packet.offset.saturating_add(packet.data_len), reader);
                self.evicted += u64::from(self.hellos.insert(packet.cookie, begun).is_some());
                None
            }
        }
    }

    fn stream(&mut self, packet: &Packet, bytes: &[u8]) -> Vec<Said> {
        let key = (packet.cookie, packet.dir);
        let (next, mut stream) = self.streams.remove(&key).unwrap_or_default();
        let mut out = Vec::new();
        if next != packet.offset {
            stream.gap(&mut out);
        }
        stream.feed(bytes, &mut out);
        let begun = (packet.offset.saturating_add(packet.data_len), stream);
        self.evicted += u64::from(self.streams.insert(key, begun).is_some());
        self.answered(packet, out)
    }

    /// Questions that went out, and the answers to them that came in.
    fn answered(&mut self, packet: &Packet, read: Vec<Result<Answer, Reject>>) -> Vec<Said> {
        let mut said = Vec::new();
        for answer in read {
            let Ok(mut answer) = answer else {
                self.rejected += 1;
                continue;
            };
            if answer.answer == (packet.dir == DIR_WRITE) {
                self.rejected += 1;
                continue;
            }
            let question = (packet.cookie, answer.id);
            if !answer.answer {
                let _forgotten = self.asked.insert(question, answer.name.clone());
            } else if self.asked.get(&question) != Some(&answer.name) {
                self.rejected += 1;
                continue;
            }
            answer.name = self.labels(&answer.name);
            answer.aliases = answer.aliases.iter().map(|alias| self.labels(alias)).collect();
            said.push(Said::Dns(answer));
        }
        said
    }

    fn redacted(&self, hello: Hello) -> Hello {
        let sni = hello.sni.as_deref().map(|name| self.labels(name));
        let alpn = hello.alpn.iter().map(|name| redact(&self.key, name).into_owned()).collect();
        Hello { sni, alpn, ..hello }
    }

    /// A name, label by label.
    fn labels(&self, name: &str) -> String {
        let labels: Vec<_> = name.split('.').map(|label| redact(&self.key, label)).collect();
        labels.join(".")
    }
}

/// The other end of a packet's connection.
pub fn peer(packet: &Packet) -> IpAddr {
    super::enrich::address(packet.family, packet.addr)
}

/// Whom a hello went to by datagrams: one socket may have many peers.
pub fn quic(packet: &Packet) -> Option<SocketAddr> {
    (packet.protocol == UDP).then(|| SocketAddr::new(peer(packet), packet.port))
}

#[cfg(test)]
mod tests {
    use monitor_abi::stream::DIR_READ;

    use super::*;

    /// The hello of a real client.
    fn hello() -> Vec<u8> {
        let text = include_str!("../../../monitor-wire/testdata/tls/node.hex");
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    fn tcp(port: u16, dir: u16, offset: usize, len: usize) -> Packet {
        let (offset, data_len) = (offset as u32, len as u32);
        Packet { cookie: 5, protocol: TCP, port, dir, offset, data_len, total: data_len, ..Packet::default() }
    }

    #[test]
    fn a_hello_in_several_segments_is_one() {
        let bytes = hello();
        for cut in [1, 5, 100, bytes.len() - 1] {
            let mut names = Names::new(Key::from_bytes([7; 32]));
            let (first, rest) = bytes.split_at(cut);
            assert_eq!(names.packet(&tcp(443, DIR_WRITE, 0, cut), first), []);
            let said = names.packet(&tcp(443, DIR_WRITE, cut, rest.len()), rest);
            let [Said::Hello(hello)] = &said[..] else { panic!("{said:?}") };
            assert_eq!((hello.sni.as_deref(), names.rejected()), (Some("node.example"), 0));
            assert!(names.hellos.is_empty());
        }
    }

    #[test]
    fn a_part_that_is_missing_makes_no_name() {
        let bytes = hello();
        let mut names = Names::new(Key::from_bytes([7; 32]));
        assert_eq!(names.packet(&tcp(443, DIR_WRITE, 0, 50), &bytes[..50]), []);
        assert_eq!(names.packet(&tcp(443, DIR_WRITE, 60, bytes.len() - 60), &bytes[60..]), []);
        assert_eq!(names.rejected(), 1);
        // the rest of a connection says nothing
        assert_eq!(names.packet(&tcp(443, DIR_WRITE, 5000, 5), b"hello"), []);
    }

    #[test]
    fn half_hellos_take_bounded_room_and_go_with_their_connection() {
        let bytes = hello();
        let mut names = Names::new(Key::from_bytes([7; 32]));
        for cookie in 0..2 * MAX_OPEN as u64 {
            names.packet(&Packet { cookie, ..tcp(443, DIR_WRITE, 0, 50) }, &bytes[..50]);
        }
        let count = MAX_OPEN as u64;
        assert_eq!((names.hellos.len(), names.evicted(), names.evicted()), (MAX_OPEN, count, 0));
        names.closed(2 * count - 1);
        assert_eq!(names.hellos.len(), MAX_OPEN - 1);
    }

    #[test]
    fn what_looks_like_a_token_in_a_name_is_replaced() {
        let secret = "c1e5a9d2b7f04836a1b2c3d4e5f60718293a4";
        let names = Names::new(Key::from_bytes([7; 32]));
        let shown = names.labels(&format!("{secret}.drop.example"));
        assert!(shown.starts_with("fp:") && shown.ends_with(".drop.example"), "{shown}");
        let plain = "0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com";
        assert_eq!(names.labels(plain), plain);
    }

    #[test]
    fn a_hello_in_a_datagram_is_redacted_as_any_other() {
        let text = include_str!("../../../monitor-wire/testdata/quic/quinn.hex");
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = text.lines().next().unwrap().as_bytes().chunks(2).map(byte).collect();
        let addr = [192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let packet = Packet { protocol: UDP, family: 2, addr, ..tcp(443, DIR_WRITE, 0, bytes.len()) };
        let mut names = Names::new(Key::from_bytes([7; 32]));
        let said = names.packet(&packet, &bytes);
        let [Said::Hello(hello)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((hello.sni.as_deref(), names.rejected()), (Some("quinn.example"), 0));
        assert_eq!(quic(&packet), Some("192.0.2.1:443".parse().unwrap()));
        assert_eq!(quic(&tcp(443, DIR_WRITE, 0, 1)), None);
        // what comes in is another's, and what goes to a name server is none
        assert_eq!(names.packet(&Packet { dir: DIR_READ, cookie: 6, ..packet }, &bytes), []);
        assert_eq!(names.packet(&Packet { port: DNS, cookie: 6, ..packet }, &bytes), []);
        assert_eq!((names.rejected(), names.evicted()), (1, 0));
    }

    #[test]
    fn questions_and_answers_come_by_either_transport() {
        // www.example.com A, and its answer 192.0.2.1
        let question = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";
        let mut answer = question.to_vec();
        (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
        answer.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        let mut names = Names::new(Key::from_bytes([7; 32]));
        let udp = Packet { protocol: 17, port: DNS, dir: DIR_READ, ..Packet::default() };
        let out = Packet { dir: DIR_WRITE, ..udp };
        // nobody asked; the process itself says so; another socket asked
        assert_eq!((names.packet(&udp, &answer), names.packet(&out, &answer)), (vec![], vec![]));
        assert_eq!(names.packet(&Packet { cookie: 9, ..out }, question).len(), 1);
        assert_eq!((names.packet(&udp, &answer), names.packet(&udp, question)), (vec![], vec![]));
        assert_eq!((names.packet(&out, question).len(), names.rejected()), (1, 4));
        let said = names.packet(&udp, &answer);
        let [Said::Dns(read)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((read.name.as_str(), read.addresses.len(), read.answer), ("www.example.com", 1, true));
        let mut framed = vec![0, question.len() as u8];
        framed.extend(question);
        let (first, rest) = framed.split_at(9);
        assert_eq!(names.packet(&tcp(DNS, DIR_WRITE, 0, 9), first), []);
        let said = names.packet(&tcp(DNS, DIR_WRITE, 9, rest.len()), rest);
        let [Said::Dns(asked)] = &said[..] else { panic!("{said:?}") };
        assert!(!asked.answer && asked.name == "www.example.com");
        assert_eq!(names.packet(&udp, b"no such thing"), []);
        assert_eq!(names.rejected(), 1);
    }
}
