//! Connections between processes of one server: what they say to each other is no client's.
//!
//! A process that a server started may ask its own server over HTTP: were that taken for the client's, it would explain
//! whatever it does. Both ends of such a connection are known by their ports, that of the asking end from the moment that
//! it is established, before anything was said on it.

use std::collections::{BTreeMap, VecDeque};

use monitor_core::id::ServerId;
use monitor_core::time::Time;

/// Most connections that are remembered of one server, the latest.
const MAX_CONNECTIONS: usize = 4096;
/// Most ports that are remembered of one server.
const MAX_DOORS: usize = 256;
/// How long a connection is remembered that has ended: what was sent on it may be read later.
const LINGER: u64 = 60_000_000_000;

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody else.
    Outside,
    /// One of the server's own, and clients come to this port too: it speaks in their name.
    Forger,
    /// One of the server's own.
    Inside,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Inner(BTreeMap<ServerId, Own>);

/// Those of one server.
#[derive(Debug, Default)]
struct Own {
    /// Connections that its own made.
    made: VecDeque<Made>,
    /// Ports at which its own listen.
    listens: VecDeque<u16>,
    /// Ports at which clients were heard.
    doors: VecDeque<u16>,
    /// Connections were forgotten for want of room: nobody can tell any more who asks.
    forgot: bool,
}

#[derive(Debug)]
struct Made {
    cookie: u64,
    /// Its own port, and in the lower half the other end's.
    ports: u32,
    ended: Option<Time>,
}

impl Inner {
    /// A process of a server has a connection. `ports`: its own, and in the lower half the other end's.
    pub fn made(&mut self, server: ServerId, cookie: u64, ports: u32, now: Time) {
        let own = self.0.entry(server).or_default();
        own.made.retain(|made| made.cookie != cookie && made.ended.is_none_or(|ended| now.since(ended) < LINGER));
        if own.made.len() >= MAX_CONNECTIONS {
            own.made.pop_front();
            own.forgot = true;
        }
        own.made.push_back(Made { cookie, ports, ended: None });
    }

    /// It has ended.
    pub fn ended(&mut self, server: ServerId, cookie: u64, now: Time) {
        let made = self.0.get_mut(&server).and_then(|own| own.made.iter_mut().find(|made| made.cookie == cookie));
        if let Some(made) = made {
            made.ended.get_or_insert(now);
        }
    }

    /// A process of a server listens at this port.
    pub fn listens(&mut self, server: ServerId, port: u16) {
        push(&mut self.0.entry(server).or_default().listens, port);
    }

    /// Whether a server's own listen there.
    #[must_use]
    pub fn is_own(&self, server: ServerId, port: u16) -> bool {
        self.0.get(&server).is_some_and(|own| own.listens.contains(&port))
    }

    /// Who is at the other end of a server's connection with these ports, on which it is asked.
    #[must_use]
    pub fn peer(&self, server: ServerId, ports: u32, now: Time) -> Peer {
        let Some(own) = self.0.get(&server) else { return Peer::Outside };
        // who made a connection itself is asked on it by nobody that came
        let is_inner = |made: &Made| {
            (made.ports == ports.rotate_left(16) || made.ports == ports)
                && made.ended.is_none_or(|ended| now.since(ended) < LINGER)
        };
        if !own.forgot && !own.made.iter().any(is_inner) {
            return Peer::Outside;
        }
        if own.doors.contains(&port_of(ports)) { Peer::Forger } else { Peer::Inside }
    }

    /// A client was heard on a connection with these ports.
    pub fn heard(&mut self, server: ServerId, ports: u32) {
        push(&mut self.0.entry(server).or_default().doors, port_of(ports));
    }

    /// A candidate is this server from now on.
    pub fn rename(&mut self, candidate: ServerId, server: ServerId) {
        if let Some(own) = self.0.remove(&candidate) {
            self.0.insert(server, own);
        }
    }

    /// A server is gone.
    pub fn gone(&mut self, server: ServerId) {
        self.0.remove(&server);
    }
}

/// The port of the end that is asked for, in the upper half.
const fn port_of(ports: u32) -> u16 {
    (ports >> 16) as u16
}

/// Remembers a port once, the oldest making room.
fn push(known: &mut VecDeque<u16>, port: u16) {
    if known.contains(&port) {
        return;
    }
    if known.len() >= MAX_DOORS {
        known.pop_front();
    }
    known.push_back(port);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);
    const CLIENT: u32 = 40_000 << 16 | 8080;
    const ASKED: u32 = 8080 << 16 | 40_000;
    const LATER: Time = Time(LINGER + 1);

    #[test]
    fn one_of_its_own_is_told_from_a_client() {
        let mut inner = Inner::default();
        let now = Time(1);
        assert_eq!(inner.peer(SERVER, ASKED, now), Peer::Outside);
        inner.made(SERVER, 7, CLIENT, now);
        assert_eq!(inner.peer(SERVER, ASKED, now), Peer::Inside);
        // whichever end speaks first
        assert_eq!(inner.peer(SERVER, CLIENT, now), Peer::Inside);
        assert_eq!(inner.peer(ServerId(2), ASKED, now), Peer::Outside);
        // clients come there too
        inner.heard(SERVER, 8080 << 16 | 50_000);
        assert_eq!(inner.peer(SERVER, ASKED, now), Peer::Forger);
        // what was sent may be read when it has ended
        inner.ended(SERVER, 7, now);
        assert_eq!(inner.peer(SERVER, ASKED, now), Peer::Forger);
        assert_eq!(inner.peer(SERVER, ASKED, LATER), Peer::Outside);
    }

    #[test]
    fn who_makes_too_many_connections_is_asked_by_nobody_that_counts() {
        let mut inner = Inner::default();
        for cookie in 0..=MAX_CONNECTIONS as u64 {
            inner.listens(SERVER, cookie as u16);
            inner.made(SERVER, cookie, cookie as u32 | 1 << 16, Time(1));
        }
        assert_eq!(inner.0[&SERVER].made.len(), MAX_CONNECTIONS);
        assert_eq!(inner.0[&SERVER].listens.len(), MAX_DOORS);
        assert!(inner.is_own(SERVER, MAX_CONNECTIONS as u16) && !inner.is_own(SERVER, 0));
        assert_eq!(inner.peer(SERVER, ASKED, LATER), Peer::Inside);
        // another is not concerned
        assert_eq!(inner.peer(ServerId(2), ASKED, LATER), Peer::Outside);
        inner.gone(SERVER);
        assert_eq!(inner.peer(SERVER, ASKED, LATER), Peer::Outside);
    }

    #[test]
    fn what_ended_long_ago_makes_room() {
        let mut inner = Inner::default();
        for cookie in 0..3 * MAX_CONNECTIONS as u64 {
            let now = Time(cookie * LINGER);
            inner.made(SERVER, cookie, CLIENT, now);
            inner.ended(SERVER, cookie, now);
        }
        assert!(!inner.0[&SERVER].forgot);
    }
}
