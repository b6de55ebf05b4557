//! Open connections: what is needed to judge them again at their end.

use std::net::{IpAddr, SocketAddr};

use monitor_wire::tls::Hello;

use super::Bounded;
use crate::event::{Net, Proto};
use crate::explain::Explained;
use crate::id::ServerId;
use crate::profile::Phase;
use crate::time::{SECOND, Time};

/// Most protocols of a hello that are remembered: programs offer one or two.
const MAX_PROTOCOLS: usize = 4;
/// How long a QUIC connection is remembered that nothing was sent on, in nanoseconds: no kernel tells its end, and most
/// servers end idle ones within minutes.
const QUIC_IDLE: u64 = 3600 * SECOND;

/// A socket, by its cookie, and the address and port of a peer.
type Ends = (u64, IpAddr, u16);

/// A connection of a watched process.
#[derive(Debug, Clone)]
pub struct Connection {
    /// How it was made.
    pub net: Net,
    /// The server it belongs to.
    pub server: ServerId,
    /// When it was made.
    pub opened: Time,
    /// When it was made, or a datagram was last sent on it.
    pub used: Time,
    /// The phase of its server then.
    pub phase: Phase,
    /// What explained it then; what its client asked for may have taken from that since.
    pub explained: Explained,
    /// How its client began TLS.
    pub hello: Option<Box<Hello>>,
    /// A datagram socket that only had its default destination set: nothing was sent yet, as when the resolver sorts
    /// addresses.
    pub silent: bool,
    /// It is known to have been made, or to have failed.
    pub settled: bool,
    /// Bytes sent that were judged already.
    pub sent: u64,
}

impl Connection {
    /// Its client began TLS.
    pub fn began(&mut self, hello: &Hello) {
        let mut hello = hello.clone();
        hello.alpn.truncate(MAX_PROTOCOLS);
        self.hello = Some(Box::new(hello));
    }

    /// The host that its client asked for.
    #[must_use]
    pub fn asked(&self) -> Option<&str> {
        self.hello.as_deref().and_then(asked)
    }
}

/// The host that a hello asks for. An encrypted one names whoever takes the connection only.
#[must_use]
pub fn asked(hello: &Hello) -> Option<&str> {
    hello.sni.as_deref().filter(|name| !hello.ech && name.parse::<IpAddr>().is_err())
}

/// The table, by socket cookie; of datagram sockets that name their peers each time, and of QUIC, by the peer too. When it is
/// full, datagram sockets make room first: no kernel tells their end, so that of most nothing more is ever heard.
#[derive(Debug)]
pub struct Connections {
    streams: Bounded<u64, Connection>,
    /// In order of their last use. Without a peer: that of a socket that is connected.
    datagrams: Bounded<(u64, Option<(IpAddr, u16)>), Connection>,
    /// Those on which a QUIC client has said whom it asks for, in the same order. That of a connected socket stays above, too.
    quic: Bounded<Ends, Connection>,
    limit: usize,
    evicted: u64,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        let (streams, datagrams, quic) = (Bounded::new(limit), Bounded::new(limit), Bounded::new(limit));
        Self { streams, datagrams, quic, limit, evicted: 0 }
    }

    /// The connection of a socket that has one.
    #[must_use]
    pub fn get(&self, cookie: u64) -> Option<&Connection> {
        self.streams.get(&cookie).or_else(|| self.datagrams.get(&(cookie, None)))
    }

    /// The same, to change.
    pub fn get_mut(&mut self, cookie: u64) -> Option<&mut Connection> {
        self.streams.get_mut(&cookie).or_else(|| self.datagrams.get_mut(&(cookie, None)))
    }

    /// The connection that was made so, or that a datagram went out on.
    #[must_use]
    pub fn of(&self, net: &Net) -> Option<&Connection> {
        let (cookie, addr, port) = ends(net)?;
        let connected = || self.datagrams.get(&(cookie, None)).filter(|known| ends(&known.net) == ends(net));
        self.streams
            .get(&cookie)
            .or_else(|| self.quic.get(&(cookie, addr, port)))
            .or_else(|| self.datagrams.get(&(cookie, Some((addr, port)))))
            .or_else(connected)
    }

    /// The same, to change.
    pub fn of_mut(&mut self, net: &Net) -> Option<&mut Connection> {
        let (cookie, addr, port) = ends(net)?;
        if self.streams.get(&cookie).is_some() {
            return self.streams.get_mut(&cookie);
        }
        if self.quic.get(&(cookie, addr, port)).is_some() {
            return self.quic.get_mut(&(cookie, addr, port));
        }
        if self.datagrams.get(&(cookie, Some((addr, port)))).is_some() {
            return self.datagrams.get_mut(&(cookie, Some((addr, port))));
        }
        self.datagrams.get_mut(&(cookie, None)).filter(|known| ends(&known.net) == ends(net))
    }

    /// A socket was connected, again perhaps. A name that was heard on it stays that peer's.
    pub fn insert(&mut self, connection: Connection) {
        let cookie = connection.net.cookie;
        self.remove(cookie);
        self.make_room();
        if matches!(connection.net.proto, Proto::Tcp | Proto::Other) {
            self.streams.insert(cookie, connection);
        } else {
            self.datagrams.insert((cookie, None), connection);
        }
    }

    /// A datagram went to a peer that this socket hadn't.
    pub fn insert_sent(&mut self, connection: Connection) {
        let Some((cookie, addr, port)) = ends(&connection.net) else { return };
        self.make_room();
        self.datagrams.insert((cookie, Some((addr, port))), connection);
    }

    /// A datagram went out on a connection. False if none is known.
    pub fn sends(&mut self, net: &Net, now: Time) -> bool {
        let Some((cookie, addr, port)) = ends(net) else { return false };
        if let Some(mut known) = self.quic.remove(&(cookie, addr, port)) {
            known.used = now;
            self.quic.insert((cookie, addr, port), known);
            return true;
        }
        let connected = self.datagrams.get(&(cookie, None)).is_some_and(|known| ends(&known.net) == ends(net));
        let key = if connected { (cookie, None) } else { (cookie, Some((addr, port))) };
        let Some(mut known) = self.datagrams.remove(&key) else { return false };
        (known.used, known.silent) = (now, false);
        self.datagrams.insert(key, known);
        true
    }

    /// The connection on which a client began TLS, by QUIC if a peer is given. An address that was translated on the way is
    /// none that the socket was told of: then it is the one that the socket is connected to.
    pub fn began(&mut self, cookie: u64, quic: Option<SocketAddr>) -> Option<&mut Connection> {
        if cookie == 0 {
            return None;
        }
        let Some(to) = quic else { return self.get_mut(cookie) };
        let (mut key, mut at) = ((cookie, Some((to.ip(), to.port()))), (cookie, to.ip(), to.port()));
        if self.quic.get(&at).is_none() && self.datagrams.get(&key).is_none() {
            key = (cookie, None);
            at = ends(&self.datagrams.get(&key)?.net)?;
        }
        if self.quic.get(&at).is_none() {
            let connection = match key.1 {
                Some(_) => self.datagrams.remove(&key)?,
                None => self.datagrams.get(&key)?.clone(),
            };
            self.make_room();
            self.quic.insert(at, connection);
        }
        self.quic.get_mut(&at)
    }

    /// A connection is over.
    pub fn remove(&mut self, cookie: u64) {
        if self.streams.remove(&cookie).is_none() {
            self.datagrams.remove(&(cookie, None));
        }
    }

    /// Forgets datagram sockets that nothing was sent on for more than `keep`: nothing is lost with them.
    pub(super) fn expire(&mut self, now: Time, keep: u64) {
        while self.datagrams.oldest().is_some_and(|oldest| now.since(oldest.used) > keep) {
            self.datagrams.pop_oldest();
        }
        while self.quic.oldest().is_some_and(|oldest| now.since(oldest.used) > QUIC_IDLE) {
            self.quic.pop_oldest();
        }
    }

    /// Forgets what belonged to a server that is forgotten itself.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.streams.retain(|connection| connection.server != server);
        self.datagrams.retain(|connection| connection.server != server);
        self.quic.retain(|connection| connection.server != server);
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len().saturating_add(self.datagrams.len()).saturating_add(self.quic.len())
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn make_room(&mut self) {
        if self.len() >= self.limit {
            let datagram = self.datagrams.pop_oldest().map(drop).or_else(|| self.quic.pop_oldest().map(drop));
            if datagram.is_none() {
                self.streams.pop_oldest();
            }
            self.evicted = self.evicted.saturating_add(1);
        }
    }
}

/// Its ends, if the socket is known.
fn ends(net: &Net) -> Option<Ends> {
    (net.cookie != 0).then_some((net.cookie, net.addr, net.port))
}
