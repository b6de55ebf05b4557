//! Open connections: what is needed to judge them again at their end.

use std::net::IpAddr;

use monitor_wire::tls::Hello;

use super::Bounded;
use crate::event::{Net, Proto};
use crate::explain::Explained;
use crate::id::ServerId;
use crate::profile::Phase;
use crate::time::Time;

/// Most protocols of a hello that are remembered: programs offer one or two.
const MAX_PROTOCOLS: usize = 4;

/// A connection of a watched process.
#[derive(Debug)]
pub struct Connection {
    /// How it was made.
    pub net: Net,
    /// The server it belongs to.
    pub server: ServerId,
    /// When it was made.
    pub opened: Time,
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

    /// The host that its client asked for. An encrypted hello names whoever takes the connection only.
    #[must_use]
    pub fn asked(&self) -> Option<&str> {
        let hello = self.hello.as_ref().filter(|hello| !hello.ech)?;
        hello.sni.as_deref().filter(|name| name.parse::<IpAddr>().is_err())
    }
}

/// The table, by socket cookie. When it is full, datagram sockets make room first: no kernel tells their end, so that of
/// most nothing more is ever heard.
#[derive(Debug)]
pub struct Connections {
    streams: Bounded<u64, Connection>,
    /// In order of time.
    datagrams: Bounded<u64, Connection>,
    limit: usize,
    evicted: u64,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { streams: Bounded::new(limit), datagrams: Bounded::new(limit), limit, evicted: 0 }
    }

    /// A connection that is known.
    #[must_use]
    pub fn get(&self, cookie: u64) -> Option<&Connection> {
        self.streams.get(&cookie).or_else(|| self.datagrams.get(&cookie))
    }

    /// A connection that is known, to change.
    pub fn get_mut(&mut self, cookie: u64) -> Option<&mut Connection> {
        self.streams.get_mut(&cookie).or_else(|| self.datagrams.get_mut(&cookie))
    }

    /// A socket was connected, again perhaps.
    pub fn insert(&mut self, connection: Connection) {
        let cookie = connection.net.cookie;
        self.remove(cookie);
        if self.len() >= self.limit {
            let _forgotten = self.datagrams.pop_oldest().or_else(|| self.streams.pop_oldest());
            self.evicted = self.evicted.saturating_add(1);
        }
        let stream = matches!(connection.net.proto, Proto::Tcp | Proto::Other);
        let table = if stream { &mut self.streams } else { &mut self.datagrams };
        table.insert(cookie, connection);
    }

    /// A connection is over.
    pub fn remove(&mut self, cookie: u64) {
        if self.streams.remove(&cookie).is_none() {
            self.datagrams.remove(&cookie);
        }
    }

    /// Forgets datagram sockets that were connected more than `keep` ago: nothing is lost with them.
    pub(super) fn expire(&mut self, now: Time, keep: u64) {
        while self.datagrams.oldest().is_some_and(|oldest| now.since(oldest.opened) > keep) {
            self.datagrams.pop_oldest();
        }
    }

    /// Forgets what belonged to a server that is forgotten itself.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.streams.retain(|connection| connection.server != server);
        self.datagrams.retain(|connection| connection.server != server);
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len().saturating_add(self.datagrams.len())
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
