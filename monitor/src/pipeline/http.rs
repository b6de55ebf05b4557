//! From the bytes of connections to HTTP messages, and to the MCP messages that these carry.
//!
//! A *channel* is one connection as a process has it: for TLS the library's own object, else the socket. Whoever speaks
//! first on it asks, for HTTP has no other way to begin; but where that was lost, or was before the watch, an answer is
//! heard first.

mod bodies;
mod channel;
mod inner;
mod wire;

use std::collections::{HashMap, HashSet};

use monitor_abi::stream::{DIR_WRITE, Key as StreamKey};
use monitor_wire::http::Message;
use monitor_wire::mcp;
use monitor_wire::redact::Key;
use monitor_wire::token::{Hit, Set};

use channel::Channel;
pub use inner::{Inner, Peer};

/// Most channels that are remembered; the least recently used is dropped, which is counted where something of it was
/// half read. Each may hold half a head in either direction.
const MAX_CHANNELS: usize = 512;
/// Most bytes that decoders of bodies hold, all channels together: a window of br or zstd has 8 to 16 MiB.
const MAX_DECODING: usize = 64 << 20;
/// Most ignored channels that are remembered until their process is another program; what is forgotten stays ignored.
const MAX_IGNORED: usize = 4096;

/// Which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    /// For TLS the process, else the device of sockets.
    pub owner: u32,
    /// The library's object, or the socket's inode.
    pub channel: u64,
    /// It is a TLS library's.
    pub tls: bool,
}

impl Id {
    /// As the kernel names the stream.
    #[must_use]
    pub const fn stream(self) -> StreamKey {
        StreamKey { ino: self.channel, dev: self.owner, pad: 0 }
    }
}

/// Something that was said on a channel.
#[derive(Debug)]
pub struct Said {
    /// By the process; else it received it.
    pub sent: bool,
    /// What.
    pub what: What,
}

/// What was said.
#[derive(Debug)]
pub enum What {
    /// An HTTP message.
    Http(Message),
    /// An MCP message in the body of one.
    Mcp(mcp::Message),
}

/// What the bytes of a record gave.
#[derive(Debug, Default)]
pub struct Heard {
    /// In order.
    pub said: Vec<Said>,
    /// The process asks on this channel; else it is asked.
    pub asks: bool,
    /// Tokens, and whether the process sent them.
    pub hits: Vec<(bool, Hit)>,
    /// The host that the last request on a channel with MCP or a token named; empty where it named none.
    pub host: String,
    /// The kernel may stop capturing this channel.
    pub ignore: bool,
}

/// See the module documentation.
pub struct Channels {
    key: Key,
    open: HashMap<Id, Channel>,
    /// Channels by the cookies of their sockets.
    sockets: HashMap<u64, Id>,
    ignored: HashSet<Id>,
    /// Channels that made room for others, while they may go on.
    forgotten: HashSet<Id>,
    tick: u64,
    evicted: u64,
    unreadable: u64,
    missed: u64,
    /// Bytes that decoders hold.
    decoding: usize,
}

impl Channels {
    /// Channels whose texts are redacted under `key`.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            open: HashMap::new(),
            sockets: HashMap::new(),
            ignored: HashSet::new(),
            forgotten: HashSet::new(),
            tick: 0,
            evicted: 0,
            unreadable: 0,
            missed: 0,
            decoding: 0,
        }
    }

    /// Channels that were dropped for want of room since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Bodies that may carry messages and could not be decoded, since the last call.
    pub fn unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    /// Tokens that may have been missed, since the last call.
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// Takes bytes that a process sent (`dir` has `DIR_WRITE`) or received. `cookie` and `ports`: the channel's socket, 0 where that isn't
    /// known.
    pub fn data(&mut self, id: Id, (cookie, ports): (u64, u32), dir: u16, bytes: &[u8], set: &Set) -> Heard {
        let sent = dir & DIR_WRITE != 0;
        if cookie != 0 && self.sockets.len() < 2 * MAX_CHANNELS {
            self.sockets.insert(cookie, id);
        }
        let mut heard = Heard::default();
        self.channel(id);
        let Some(channel) = self.open.get_mut(&id) else { return heard };
        channel.cookie = channel.cookie.max(cookie);
        channel.ports = ports;
        channel.data(sent, bytes, set, &mut heard);
        heard.ignore = channel.is_over() && !channel.missed;
        let before = channel.decoding;
        channel.decoding = channel.decoders();
        // whoever wants more than there is goes without
        let others = self.decoding.saturating_sub(before);
        if channel.decoding > before && others + channel.decoding > MAX_DECODING {
            channel.stop_decoding();
        }
        self.decoding = others + channel.decoding;
        self.unreadable += channel.take_unreadable();
        self.missed += channel.take_missed();
        if heard.ignore && id.tls && self.ignored.len() < MAX_IGNORED {
            self.ignored.insert(id);
        }
        heard
    }

    /// Bytes are missing.
    pub fn gap(&mut self, id: Id, dir: u16, bytes: u64, set: &Set) -> Heard {
        let mut heard = Heard::default();
        self.channel(id).gap(dir & DIR_WRITE != 0, bytes, set, &mut heard);
        heard
    }

    /// Whether a channel is known to carry HTTP.
    #[must_use]
    pub fn was_understood(&self, id: Id) -> bool {
        self.open.get(&id).is_some_and(Channel::was_understood)
    }

    /// Whether a channel is known to carry MCP, or may: nothing of it was understood yet.
    #[must_use]
    pub fn carries_mcp(&self, id: Id) -> bool {
        self.open.get(&id).is_none_or(|channel| channel.may_carry_mcp())
    }

    /// Whether a channel is known to carry MCP.
    #[must_use]
    pub fn is_mcp(&self, id: Id) -> bool {
        self.open.get(&id).is_some_and(Channel::is_mcp)
    }

    /// The ports of a channel's socket, as they were told last.
    #[must_use]
    pub fn ports(&self, id: Id) -> u32 {
        self.open.get(&id).map_or(0, |channel| channel.ports)
    }

    /// A channel is given back: what ends with the connection has ended. First what was sent, then the rest.
    pub fn end(&mut self, id: Id, set: &Set) -> Heard {
        let mut heard = Heard::default();
        self.ignored.remove(&id);
        if let Some(mut channel) = self.remove(id) {
            channel.end(set, &mut heard);
            self.unreadable += channel.take_unreadable();
            self.missed += channel.take_missed();
        }
        heard
    }

    /// The channel that a socket is, if it is known as one.
    #[must_use]
    pub fn by_socket(&self, cookie: u64) -> Option<Id> {
        self.sockets.get(&cookie).copied()
    }

    /// A process has ended, or is another program now: its library's objects are nobody's. Returns those that the kernel
    /// ignores.
    pub fn gone(&mut self, pid: u32) -> Vec<Id> {
        let of = |id: &Id| id.tls && id.owner == pid;
        for id in self.open.keys().filter(|id| of(id)).copied().collect::<Vec<_>>() {
            self.remove(id);
        }
        let gone: Vec<Id> = self.ignored.iter().filter(|id| of(id)).copied().collect();
        self.ignored.retain(|id| !of(id));
        gone
    }

    fn channel(&mut self, id: Id) -> &mut Channel {
        self.tick += 1;
        if self.open.len() >= MAX_CHANNELS
            && !self.open.contains_key(&id)
            && let Some(oldest) = self.open.iter().min_by_key(|(_, channel)| channel.used).map(|(id, _)| *id)
            && let Some(channel) = self.remove(oldest)
        {
            self.evicted += u64::from(channel.is_busy());
            // it may go on in the middle, and make no sense for that alone
            if self.forgotten.len() >= MAX_IGNORED {
                self.forgotten.clear();
            }
            self.forgotten.insert(oldest);
        }
        let (tick, key) = (self.tick, &self.key);
        let forgotten = &mut self.forgotten;
        let channel = self.open.entry(id).or_insert_with(|| {
            let mut channel = Channel::new(key);
            channel.missed = forgotten.remove(&id);
            channel
        });
        channel.used = tick;
        channel
    }

    fn remove(&mut self, id: Id) -> Option<Channel> {
        let channel = self.open.remove(&id)?;
        self.sockets.remove(&channel.cookie);
        self.decoding = self.decoding.saturating_sub(channel.decoding);
        Some(channel)
    }
}

#[cfg(test)]
mod tests;
