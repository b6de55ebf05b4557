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
    dropped: u64,
}

#[derive(Debug)]
struct Waits {
    server: ServerId,
    /// By the number of the exchange, oldest first.
    waiting: VecDeque<(u64, Waiting)>,
}

impl Exchanges {
    pub(super) fn new() -> Self {
        Self { channels: Bounded::new(MAX_CHANNELS), sockets: Bounded::new(MAX_CHANNELS), dropped: 0 }
    }

    /// A request was sent whose answer matters. `cookie`: its socket, 0 where it isn't known.
    pub fn wait(&mut self, server: ServerId, channel: Channel, cookie: u64, exchange: u64, waiting: Waiting) {
        if cookie != 0 {
            self.sockets.insert(cookie, channel);
        }
        let fresh = self.channels.get(&channel).is_none_or(|known| known.server != server);
        if fresh {
            self.channels.insert(channel, Waits { server, waiting: VecDeque::new() });
        }
        let Some(waits) = self.channels.get_mut(&channel) else { return };
        // a number that comes again belongs to another connection of the same name
        waits.waiting.retain(|(known, _)| *known != exchange);
        if waits.waiting.len() >= MAX_WAITING {
            waits.waiting.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        waits.waiting.push_back((exchange, waiting));
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

    /// A connection ended: what gets no answer any more.
    pub fn ended(&mut self, channel: Channel) -> Vec<(ServerId, Waiting)> {
        let Some(waits) = self.channels.remove(&channel) else { return Vec::new() };
        waits.waiting.into_iter().map(|(_, waiting)| (waits.server, waiting)).collect()
    }

    /// The connection behind a socket that ended.
    pub fn socket(&mut self, cookie: u64) -> Option<Channel> {
        self.sockets.remove(&cookie)
    }

    /// Forgets what belonged to a server that is forgotten itself.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.channels.retain(|waits| waits.server != server);
    }

    /// How many answers are waited for.
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
