//! Connections between processes of one server: what they say to each other is no client's.
//!
//! A process that a server started may ask its own server over HTTP: were that taken for the client's, it would explain
//! whatever it does. Both ends of such a connection are known by their ports, that of the asking end from the moment that
//! it is established, before anything was said on it.

use std::collections::VecDeque;

use monitor_core::id::ServerId;

/// Most connections that are remembered, the latest.
const MAX_CONNECTIONS: usize = 4096;
/// Most places that are remembered where servers take requests.
const MAX_DOORS: usize = 1024;

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
pub struct Inner {
    /// Connections that a server's own made to this host: whose, and their ports.
    made: VecDeque<(ServerId, u32)>,
    /// Ports at which its own listen.
    listens: VecDeque<(ServerId, u16)>,
    /// Ports at which clients were heard.
    doors: VecDeque<(ServerId, u16)>,
}

impl Inner {
    /// A process of a server has a connection. `ports`: its own, and in the lower half the other end's.
    pub fn made(&mut self, server: ServerId, ports: u32) {
        push(&mut self.made, (server, ports), MAX_CONNECTIONS);
    }

    /// It has ended.
    pub fn ended(&mut self, server: ServerId, ports: u32) {
        self.made.retain(|made| *made != (server, ports));
    }

    /// A process of a server listens at this port.
    pub fn listens(&mut self, server: ServerId, port: u16) {
        push(&mut self.listens, (server, port), MAX_DOORS);
    }

    /// Whether a server's own listen there.
    #[must_use]
    pub fn is_own(&self, server: ServerId, port: u16) -> bool {
        self.listens.contains(&(server, port))
    }

    /// Who is at the other end of a server's connection with these ports, on which it is asked.
    #[must_use]
    pub fn peer(&self, server: ServerId, ports: u32) -> Peer {
        if !self.made.contains(&(server, ports.rotate_left(16))) {
            return Peer::Outside;
        }
        if self.doors.contains(&(server, own(ports))) { Peer::Forger } else { Peer::Inside }
    }

    /// A client was heard on a connection with these ports.
    pub fn heard(&mut self, server: ServerId, ports: u32) {
        push(&mut self.doors, (server, own(ports)), MAX_DOORS);
    }

    /// A server is gone.
    pub fn gone(&mut self, server: ServerId) {
        self.made.retain(|(of, _)| *of != server);
        self.listens.retain(|(of, _)| *of != server);
        self.doors.retain(|(of, _)| *of != server);
    }
}

/// The port of the end that is asked for, in the upper half.
const fn own(ports: u32) -> u16 {
    (ports >> 16) as u16
}

/// Remembers something once, the oldest making room.
fn push<T: PartialEq>(known: &mut VecDeque<T>, new: T, most: usize) {
    if known.contains(&new) {
        return;
    }
    if known.len() >= most {
        known.pop_front();
    }
    known.push_back(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);
    const CLIENT: u32 = 40_000 << 16 | 8080;
    const ASKED: u32 = 8080 << 16 | 40_000;

    #[test]
    fn one_of_its_own_is_told_from_a_client() {
        let mut inner = Inner::default();
        assert_eq!(inner.peer(SERVER, ASKED), Peer::Outside);
        inner.made(SERVER, CLIENT);
        assert_eq!(inner.peer(SERVER, ASKED), Peer::Inside);
        assert_eq!(inner.peer(ServerId(2), ASKED), Peer::Outside);
        // clients come there too
        inner.heard(SERVER, 8080 << 16 | 50_000);
        assert_eq!(inner.peer(SERVER, ASKED), Peer::Forger);
        inner.ended(SERVER, CLIENT);
        assert_eq!(inner.peer(SERVER, ASKED), Peer::Outside);
    }

    #[test]
    fn what_a_server_leaves_is_forgotten_and_all_is_bounded() {
        let mut inner = Inner::default();
        for port in 0..5000 {
            inner.listens(SERVER, port);
            inner.made(SERVER, u32::from(port) << 16 | 1);
        }
        assert_eq!((inner.listens.len(), inner.made.len()), (MAX_DOORS, MAX_CONNECTIONS));
        assert!(inner.is_own(SERVER, 4999) && !inner.is_own(SERVER, 0));
        inner.gone(SERVER);
        assert!(inner.listens.is_empty() && inner.made.is_empty());
    }
}
