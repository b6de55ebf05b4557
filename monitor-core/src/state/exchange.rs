//! HTTP requests whose answer matters: a change that may fail, and the refresh of a token.

use std::collections::VecDeque;

use super::{Bounded, CallKey};
use crate::id::{ProcId, ServerId};

/// Most connections with such requests.
const MAX_CHANNELS: usize = 2048;
/// Most of them on one connection: streams of HTTP/2, or requests that were sent without waiting.
const MAX_WAITING: usize = 64;

/// A connection, as its process knows it.
pub type Channel = (ProcId, u64);

/// What hangs on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A change that a call made: which of its APIs, and the hash of the path.
    Change(CallKey, usize, u64),
    /// A new token.
    Token,
}

/// The table, by connection.
#[derive(Debug)]
pub struct Exchanges {
    channels: Bounded<Channel, Waits>,
    /// The connection behind a socket.
    sockets: Bounded<u64, Channel>,
    /// Those whose answers can't be read any more.
    unreadable: Bounded<Channel, ServerId>,
    dropped: u64,
}

#[derive(Debug)]
struct Waits {
    server: ServerId,
    /// Its socket, 0 where it isn't known.
    cookie: u64,
    /// By the number of the exchange, oldest first.
    waiting: VecDeque<(u64, Waiting)>,
}

impl Exchanges {
    pub(super) fn new() -> Self {
        Self {
            channels: Bounded::new(MAX_CHANNELS),
            sockets: Bounded::new(MAX_CHANNELS),
            unreadable: Bounded::new(MAX_CHANNELS),
            dropped: 0,
        }
    }

    /// A request was sent whose answer matters. `cookie`: its socket, 0 where it isn't known. Returns what gets no answer
    /// any more, because another connection has its name now, or its own answers can't be read.
    pub fn wait(
        &mut self,
        server: ServerId,
        (channel, cookie): (Channel, u64),
        exchange: u64,
        waiting: Waiting,
    ) -> Vec<(ServerId, Waiting)> {
        let other =
            |known: &Waits| known.server != server || known.cookie != cookie && known.cookie != 0 && cookie != 0;
        let mut replaced =
            if self.channels.get(&channel).is_some_and(other) { self.ended(channel) } else { Vec::new() };
        if self.unreadable.get(&channel).is_some_and(|known| *known == server) {
            replaced.push((server, waiting));
            return replaced;
        }
        if cookie != 0 {
            self.sockets.insert(cookie, channel);
        }
        if self.channels.get(&channel).is_none() {
            self.channels.insert(channel, Waits { server, cookie, waiting: VecDeque::new() });
        }
        let Some(waits) = self.channels.get_mut(&channel) else { return replaced };
        if waits.cookie == 0 {
            waits.cookie = cookie;
        }
        // a number that comes again belongs to another connection of the same name
        waits.waiting.retain(|(known, _)| *known != exchange);
        if waits.waiting.len() >= MAX_WAITING {
            waits.waiting.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        waits.waiting.push_back((exchange, waiting));
        replaced
    }

    /// An exchange was answered: what hung on it.
    pub fn answered(&mut self, channel: Channel, exchange: u64) -> Option<(ServerId, Waiting)> {
        let waits = self.channels.get_mut(&channel)?;
        let at = waits.waiting.iter().position(|(known, _)| *known == exchange)?;
        let (_, waiting) = waits.waiting.remove(at)?;
        let server = waits.server;
        if waits.waiting.is_empty() {
            self.channels.remove(&channel);
        }
        Some((server, waiting))
    }

    /// Its answers can't be read any more: whether a change on it fails, nobody can tell from now on.
    pub fn unreadable(&mut self, channel: Channel, server: ServerId) {
        self.unreadable.insert(channel, server);
    }

    /// A request that begins a connection, or an answer: its answers are read.
    pub fn readable(&mut self, channel: Channel) {
        self.unreadable.remove(&channel);
    }

    /// A connection ended: what gets no answer any more.
    pub fn ended(&mut self, channel: Channel) -> Vec<(ServerId, Waiting)> {
        let Some(waits) = self.channels.remove(&channel) else { return Vec::new() };
        waits.waiting.into_iter().map(|(_, waiting)| (waits.server, waiting)).collect()
    }

    /// The connection behind a socket that ended, unless its name is another connection's by now.
    pub fn socket(&mut self, cookie: u64) -> Option<Channel> {
        let channel = self.sockets.remove(&cookie)?;
        self.channels.get(&channel).is_some_and(|waits| waits.cookie == cookie).then_some(channel)
    }

    /// Forgets what belonged to a server that is forgotten itself.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.channels.retain(|waits| waits.server != server);
        self.unreadable.retain(|known| *known != server);
    }

    /// On how many connections an answer is waited for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Requests that were forgotten before their answer: a retry of theirs may be told.
    pub(super) const fn evicted(&self) -> u64 {
        self.dropped.saturating_add(self.channels.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);

    fn channel(number: u64) -> Channel {
        (ProcId { pid: 1, start: 1 }, number)
    }

    fn change(path: u64) -> Waiting {
        Waiting::Change(CallKey(1), 0, path)
    }

    #[test]
    fn an_answer_settles_its_own_exchange() {
        let mut exchanges = Exchanges::new();
        for exchange in 0..3 {
            exchanges.wait(SERVER, (channel(1), 0), exchange, change(exchange));
        }
        assert_eq!(exchanges.answered(channel(1), 1), Some((SERVER, change(1))));
        assert_eq!(exchanges.answered(channel(1), 1), None);
        assert_eq!(exchanges.answered(channel(2), 0), None);
        assert_eq!(exchanges.ended(channel(1)), [(SERVER, change(0)), (SERVER, change(2))]);
        assert!(exchanges.is_empty());
    }

    #[test]
    fn a_name_that_another_connection_has_now_is_not_ended_by_the_old_socket() {
        let mut exchanges = Exchanges::new();
        exchanges.wait(SERVER, (channel(1), 7), 0, change(1));
        assert_eq!(exchanges.wait(SERVER, (channel(1), 8), 0, change(2)), [(SERVER, change(1))]);
        assert_eq!(exchanges.socket(7), None);
        assert_eq!(exchanges.socket(8), Some(channel(1)));
    }

    #[test]
    fn what_is_waited_for_is_bounded_and_counted() {
        let mut exchanges = Exchanges::new();
        for number in 0..10_000 {
            exchanges.wait(SERVER, (channel(number), number), 0, change(1));
            exchanges.wait(SERVER, (channel(0), 0), number, change(1));
        }
        assert_eq!(exchanges.len(), MAX_CHANNELS);
        assert!(exchanges.evicted() > 10_000);
        exchanges.forget(SERVER);
        assert!(exchanges.is_empty());
    }
}
