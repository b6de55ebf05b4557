//! What a QUIC client says in clear when it begins: the TLS hello inside its Initial packets (RFC 9000, RFC 9001,
//! RFC 9369).
//!
//! Those packets are sealed, but with keys that come from the first one's destination connection id, which hides
//! nothing from anybody on the way (RFC 9001 section 5.2). [`Reader`] takes the datagrams that one socket sends to one
//! peer, opens them, and gives each connection's hello; [`looks_like_quic`] tells a first datagram from other
//! protocols.
//!
//! A packet counts only if it is whole and authentic, as for a server. Where servers differ in what they forgive, it is
//! forgiven: small datagrams, short connection ids, reserved bits. So a client may show a hello here that its server
//! drops; therefore nothing that was read keeps a later packet from being read, and a second hello is told like the
//! first.

mod frames;
mod handshake;
mod keys;
mod packet;

use sha2::{Digest, Sha256};

use self::handshake::Handshake;
use self::keys::{Keys, Version};
use self::packet::Packet;
use crate::limits;
use crate::tls::{Progress, Reject, Transport, hello};

pub use self::packet::looks_like_quic;

/// Reads the datagrams that one UDP socket sends to one peer, in any order, for the hello of each connection that
/// begins there.
///
/// It remembers [`limits::QUIC_CONNECTIONS`] connections, of each the keys, and until its hello is whole what has come
/// of that, at most [`limits::TLS_HELLO`] bytes. It stays in use after an answer, so that a connection's later packets
/// are known for what they are, and another connection for another.
#[derive(Clone, Default)]
pub struct Reader {
    /// The oldest first.
    connections: Vec<Connection>,
    lost: u64,
}

/// What came under the same first connection id. A server that answers has the client use another id, but the keys stay
/// (RFC 9000 section 7.2). Only with a Retry the client begins anew with keys of the id that it was given (RFC 9001
/// section 5.2), and repeats its hello (RFC 9000 section 17.2.5.2).
#[derive(Clone)]
struct Connection {
    /// The destination connection id of its first packet.
    dcid: Vec<u8>,
    /// Those of each version that was tried with this id: a server may choose another than the first packet has
    /// (RFC 9368 section 2.3), whose keys come from the same id.
    keys: Vec<(Version, Keys)>,
    /// One more than the highest packet number so far.
    expected: u64,
    handshake: Handshake,
    /// Packets since the handshake began.
    packets: u32,
    /// The hello is whole.
    whole: bool,
    /// The hash of the last whole one.
    told: Option<[u8; 32]>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Half a hello hasn't been checked for anything.
        let connections = self.connections.len();
        formatter.debug_struct("Reader").field("connections", &connections).field("lost", &self.lost).finish()
    }
}

impl Reader {
    /// Before the first datagram.
    pub const fn new() -> Self {
        Self { connections: Vec::new(), lost: 0 }
    }

    /// Takes a datagram of `total` bytes, of which the first ones are there, and says what it adds:
    ///
    /// - `Done`: it completes a hello. The same message is told once, though it is sent again, or repeated after a
    ///   Retry.
    /// - `Reject`: it is none, or not a QUIC client's (`not_quic`, `not_hello`, `version`), can't be opened
    ///   (`auth_failed`, `malformed`, `lost` where it was cut), or what is sealed in it is no part of a hello
    ///   (`malformed`, `not_hello`, `too_long`). What comes after it is read as if it hadn't been, but for a hello that
    ///   it spoiled, which begins anew.
    /// - `Incomplete`: it adds nothing yet. More of a hello is wanted, or it was told already.
    ///
    /// What differs from what an earlier packet had in its place begins another hello; one that was half read is lost
    /// then.
    ///
    /// What one call of the sender's has the kernel cut into several datagrams (`UDP_SEGMENT`) comes one by one; where
    /// it doesn't, what packets that fill their datagrams hold is read all the same, as of one datagram with several.
    pub fn feed(&mut self, datagram: &[u8], total: usize) -> Progress {
        let missing = total.saturating_sub(datagram.len());
        let mut answer = None;
        let mut first = None;
        let mut rest = datagram;
        while !rest.is_empty() || first.is_none() {
            let packet = match Packet::read(rest, missing) {
                Ok(packet) => packet,
                Err(reject) => {
                    answer = answer.or_else(|| self.no_packet(reject, first.is_none()));
                    break;
                }
            };
            // Packets of one datagram are one connection's (RFC 9000 section 12.2).
            if *first.get_or_insert(packet.dcid) != packet.dcid {
                break;
            }
            rest = packet.rest;
            let said = match packet.initial {
                Some(_) => self.initial(&packet),
                None if self.connections.is_empty() => Some(Progress::Reject(Reject::NotHello)),
                None => None,
            };
            // A hello says more than what went wrong beside it.
            match said {
                Some(Progress::Done(_)) => answer = said,
                _ => answer = answer.or(said),
            }
        }
        answer.unwrap_or(Progress::Incomplete)
    }

    /// The socket is closed: hellos that aren't whole are lost.
    pub fn end(&mut self) {
        let open = self.connections.drain(..).filter(Connection::is_open).count();
        self.lost = self.lost.saturating_add(u64::try_from(open).unwrap_or(u64::MAX));
    }

    /// Hellos that were begun and never whole, because others took their place or the socket was closed, since the last
    /// call.
    pub const fn lost(&mut self) -> u64 {
        std::mem::replace(&mut self.lost, 0)
    }

    /// What it means that a datagram goes on, or begins, with something else.
    fn no_packet(&self, reject: Reject, first: bool) -> Option<Progress> {
        let nothing = match reject {
            // Short headers, as all later packets have; or whatever a client fills its datagram up with.
            Reject::NotQuic => !first || !self.connections.is_empty(),
            Reject::Version | Reject::NotHello => !first,
            _ => false,
        };
        (!nothing).then_some(Progress::Reject(reject))
    }

    fn initial(&mut self, packet: &Packet<'_>) -> Option<Progress> {
        let mut known = self.connections.iter_mut().rev().enumerate();
        let opened = known.find_map(|(at, connection)| connection.open(packet).map(|frames| (at, frames)));
        let (at, frames) = match opened {
            Some(opened) => opened,
            None => {
                let mut connection = Connection::new(packet.dcid);
                let Some(frames) = connection.open(packet) else { return Some(Progress::Reject(Reject::AuthFailed)) };
                self.remember(connection);
                (0, frames)
            }
        };
        let connection = self.connections.iter_mut().rev().nth(at)?;
        let before = connection.told;
        let answer = connection.take(&frames, &mut self.lost)?;
        if !matches!(answer, Progress::Done(_)) {
            return Some(answer);
        }
        let told = connection.told;
        let repeated = told == before || self.connections.iter().filter(|one| one.told == told).count() > 1;
        (!repeated).then_some(answer)
    }

    /// Makes room by forgetting the oldest connection whose hello is told, else the oldest.
    fn remember(&mut self, connection: Connection) {
        if self.connections.len() >= limits::QUIC_CONNECTIONS {
            let told = self.connections.iter().position(|one| !one.is_open());
            let forgotten = self.connections.remove(told.unwrap_or(0));
            self.lost = self.lost.saturating_add(forgotten.is_open().into());
        }
        self.connections.push(connection);
    }
}

impl Connection {
    fn new(dcid: &[u8]) -> Self {
        let (keys, handshake) = (Vec::new(), Handshake::default());
        Self { dcid: dcid.to_vec(), keys, expected: 0, handshake, packets: 0, whole: false, told: None }
    }

    /// The frames of a packet that is this connection's.
    fn open(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let initial = packet.initial?;
        let keys = match self.keys.iter().find(|(version, _)| *version == packet.version) {
            Some((_, keys)) => *keys,
            None => {
                let keys = Keys::of_client(packet.version, &self.dcid);
                self.keys.push((packet.version, keys));
                keys
            }
        };
        let (number, frames) = keys.open(initial.bytes, initial.number_at, self.expected)?;
        self.expected = self.expected.max(number.saturating_add(1));
        Some(frames)
    }

    /// Takes the frames of its next packet.
    fn take(&mut self, frames: &[u8], lost: &mut u64) -> Option<Progress> {
        let Some(pieces) = frames::crypto(frames) else { return Some(Progress::Reject(Reject::Malformed)) };
        let open = self.is_open();
        let mut put = self.handshake.put_all(&pieces);
        if put == Err(Reject::Malformed) {
            *lost = lost.saturating_add(open.into());
            self.begin();
            put = self.handshake.put_all(&pieces);
        }
        if let Err(reject) = put {
            return Some(self.reject(reject));
        }
        if self.whole {
            return None;
        }
        self.packets = self.packets.saturating_add(1);
        match hello(self.handshake.front(), Transport::Quic) {
            Progress::Incomplete if self.packets < limits::QUIC_PACKETS => None,
            Progress::Incomplete => Some(self.reject(Reject::TooLong)),
            Progress::Reject(reject) => Some(self.reject(reject)),
            done @ Progress::Done(_) => {
                self.whole = true;
                self.told = Some(Sha256::digest(message(self.handshake.front())).into());
                Some(done)
            }
        }
    }

    fn reject(&mut self, reject: Reject) -> Progress {
        self.begin();
        Progress::Reject(reject)
    }

    /// Forgets what has come of a hello.
    fn begin(&mut self) {
        self.handshake = Handshake::default();
        self.packets = 0;
        self.whole = false;
    }

    /// Something of a hello has come, and not all.
    fn is_open(&self) -> bool {
        !self.whole && !self.handshake.is_empty()
    }
}

/// The first message of a handshake: behind its type, the length has three bytes (RFC 8446 section 4).
fn message(handshake: &[u8]) -> &[u8] {
    let length =
        handshake.get(1..4).unwrap_or_default().iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    handshake.get(..length.saturating_add(4)).unwrap_or(handshake)
}
