//! From the plain text of connections to HTTP messages.
//!
//! A *channel* is one connection as a process has it: for TLS the library's own object. Whoever speaks first on it asks,
//! for HTTP has no other way to begin; but where that was lost, or was before the watch, an answer is heard first.

use std::collections::{HashMap, HashSet};

use monitor_abi::stream::{DIR_WRITE, Key as StreamKey};
use monitor_abi::tls::Generation;
use monitor_wire::http::{Message, Reader, Request, Sniff, looks_like_http};
use monitor_wire::redact::Key;

/// Most channels that are remembered; the least recently used is dropped, which is counted. Each may hold half a head in
/// either direction.
const MAX_CHANNELS: usize = 1024;
/// Most ignored channels that are remembered until their process is another program; what is forgotten stays ignored.
const MAX_IGNORED: usize = 4096;

/// Which channel: the process and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    /// The process.
    pub pid: u32,
    /// The library's object.
    pub channel: u64,
}

impl Id {
    /// As the kernel names the stream.
    #[must_use]
    pub const fn stream(self) -> StreamKey {
        StreamKey { ino: self.channel, dev: self.pid, pad: 0 }
    }
}

/// What the bytes of a record gave.
#[derive(Debug, Default)]
pub struct Heard {
    /// Messages of that direction.
    pub messages: Vec<Message>,
    /// The kernel may stop capturing this channel, while its address stands for the same connection.
    pub ignore: Option<Generation>,
}

/// See the module documentation.
pub struct Channels {
    key: Key,
    open: HashMap<Id, Channel>,
    ignored: HashSet<Id>,
    tick: u64,
    evicted: u64,
}

struct Channel {
    used: u64,
    /// The process asks; else it is asked. Not known before anything was heard.
    asks: Option<bool>,
    /// It began like HTTP/1.
    http: bool,
    /// Something of it was lost: what is heard may make no sense for that alone.
    missed: bool,
    requests: Direction,
    responses: Direction,
}

struct Direction {
    reader: Reader,
    /// It has said anything that was understood.
    spoke: bool,
    /// Nothing more will be understood.
    over: bool,
}

impl Channels {
    /// Channels whose texts are redacted under `key`.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { key, open: HashMap::new(), ignored: HashSet::new(), tick: 0, evicted: 0 }
    }

    /// Channels that were dropped for want of room since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Takes bytes that a process sent (`dir` has `DIR_WRITE`) or received.
    pub fn data(&mut self, id: Id, generation: Generation, dir: u16, bytes: &[u8]) -> Heard {
        let sent = dir & DIR_WRITE != 0;
        let channel = self.channel(id);
        if channel.asks.is_none() {
            let begins = looks_like_http(bytes);
            channel.asks = Some(sent != matches!(begins, Sniff::Response));
            channel.http = matches!(begins, Sniff::Request | Sniff::Response);
        }
        let mut heard = Heard::default();
        channel.direction(sent).feed(bytes, &mut heard.messages);
        channel.told(&heard.messages);
        if channel.is_over() && !channel.missed {
            heard.ignore = Some(generation);
            if self.ignored.len() < MAX_IGNORED {
                self.ignored.insert(id);
            }
        }
        heard
    }

    /// Bytes are missing.
    pub fn gap(&mut self, id: Id, dir: u16, bytes: u64) -> Vec<Message> {
        let channel = self.channel(id);
        channel.missed = true;
        let mut messages = Vec::new();
        if channel.asks.is_some() {
            let direction = channel.direction(dir & DIR_WRITE != 0);
            direction.reader.gap(bytes, &mut messages);
            direction.after(&messages);
            channel.told(&messages);
        }
        messages
    }

    /// Whether a channel is known to carry HTTP.
    #[must_use]
    pub fn was_understood(&self, id: Id) -> bool {
        self.open.get(&id).is_some_and(|channel| channel.http || channel.requests.spoke)
    }

    /// A channel's object is given back: what ends with the connection has ended. First what was sent, then the rest.
    pub fn end(&mut self, id: Id) -> [(bool, Vec<Message>); 2] {
        let mut parts = [(true, Vec::new()), (false, Vec::new())];
        self.ignored.remove(&id);
        if let Some(mut channel) = self.open.remove(&id) {
            for (sent, messages) in &mut parts {
                channel.direction(*sent).reader.end(messages);
            }
        }
        parts
    }

    /// A process has ended, or is another program now. Returns its channels that the kernel ignores.
    pub fn gone(&mut self, pid: u32) -> Vec<Id> {
        self.open.retain(|id, _| id.pid != pid);
        let gone: Vec<Id> = self.ignored.iter().filter(|id| id.pid == pid).copied().collect();
        self.ignored.retain(|id| id.pid != pid);
        gone
    }

    fn channel(&mut self, id: Id) -> &mut Channel {
        self.tick += 1;
        if self.open.len() >= MAX_CHANNELS
            && !self.open.contains_key(&id)
            && let Some(oldest) = self.open.iter().min_by_key(|(_, channel)| channel.used).map(|(id, _)| *id)
        {
            self.open.remove(&oldest);
            self.evicted += 1;
        }
        let (tick, key) = (self.tick, &self.key);
        let channel = self.open.entry(id).or_insert_with(|| Channel::new(key));
        channel.used = tick;
        channel
    }
}

impl Channel {
    fn new(key: &Key) -> Self {
        let direction = |reader| Direction { reader, spoke: false, over: false };
        let (requests, responses) = (direction(Reader::requests(key)), direction(Reader::responses(key)));
        Self { used: 0, asks: None, http: false, missed: false, requests, responses }
    }

    fn direction(&mut self, sent: bool) -> &mut Direction {
        if sent == self.asks.unwrap_or(true) { &mut self.requests } else { &mut self.responses }
    }

    /// What the answers' reader must know of the requests.
    fn told(&mut self, messages: &[Message]) {
        for message in messages {
            if let Message::Request(Request { method, .. }) = message {
                self.responses.reader.expect(method);
            }
        }
    }

    /// It is no HTTP/1, or both directions are over.
    const fn is_over(&self) -> bool {
        self.requests.over && (self.responses.over || !self.requests.spoke)
    }
}

impl Direction {
    fn feed(&mut self, bytes: &[u8], messages: &mut Vec<Message>) {
        if !self.over {
            self.reader.feed(bytes, messages);
            self.after(messages);
        }
    }

    fn after(&mut self, messages: &[Message]) {
        self.spoke |= messages.iter().any(|message| !matches!(message, Message::End(_)));
        self.over |= messages.iter().any(|message| matches!(message, Message::End(_)));
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::stream::DIR_READ;

    use super::*;

    const ASK: &[u8] = b"PUT /x HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\n\r\nhi";
    const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

    fn id(pid: u32, channel: u64) -> Id {
        Id { pid, channel }
    }

    fn channels() -> Channels {
        Channels::new(Key::from_bytes([7; 32]))
    }

    fn kinds(messages: &[Message]) -> Vec<&'static str> {
        let kind = |message: &Message| match message {
            Message::Request(_) => "request",
            Message::Response(_) => "response",
            Message::Body(_) => "body",
            Message::End(_) => "end",
        };
        messages.iter().map(kind).collect()
    }

    #[test]
    fn whoever_speaks_first_asks() {
        let mut channels = channels();
        assert_eq!(kinds(&channels.data(id(1, 8), 1, DIR_WRITE, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 8), 1, DIR_READ, ANSWER).messages), ["response", "body"]);
        // a server: it reads the request
        assert_eq!(kinds(&channels.data(id(1, 9), 1, DIR_READ, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 9), 1, DIR_WRITE, ANSWER).messages), ["response", "body"]);
    }

    #[test]
    fn an_answer_to_what_was_lost_is_one() {
        let mut channels = channels();
        assert!(channels.gap(id(1, 8), DIR_WRITE, 100).is_empty());
        let heard = channels.data(id(1, 8), 1, DIR_READ, ANSWER);
        assert_eq!((kinds(&heard.messages), heard.ignore), (vec!["response", "body"], None));
        assert_eq!(kinds(&channels.data(id(1, 8), 1, DIR_WRITE, ASK).messages), ["request", "body"]);
    }

    #[test]
    fn the_same_number_in_another_process_is_another_channel() {
        let mut channels = channels();
        let (first, rest) = ASK.split_at(10);
        assert!(channels.data(id(1, 8), 1, DIR_WRITE, first).messages.is_empty());
        assert_eq!(kinds(&channels.data(id(2, 8), 1, DIR_WRITE, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 8), 1, DIR_WRITE, rest).messages), ["request", "body"]);
    }

    #[test]
    fn an_address_that_is_used_again_is_a_channel_anew() {
        let mut channels = channels();
        channels.data(id(1, 8), 1, DIR_WRITE, &ASK[..10]);
        let [(_, sent), _] = channels.end(id(1, 8));
        assert_eq!(kinds(&sent), ["end"]);
        assert_eq!(kinds(&channels.data(id(1, 8), 3, DIR_READ, ASK).messages), ["request", "body"]);
        // so it is when the process has ended
        channels.data(id(3, 8), 1, DIR_WRITE, &ASK[..10]);
        assert!(channels.gone(3).is_empty());
        assert_eq!(kinds(&channels.data(id(3, 8), 1, DIR_WRITE, ASK).messages), ["request", "body"]);
    }

    #[test]
    fn what_is_no_http_is_ignored_as_long_as_it_is_that_connection() {
        const OTHER: &[u8] = b"\x00\x01\x02 nothing like it\n";
        let mut channels = channels();
        assert_eq!(channels.data(id(1, 8), 7, DIR_WRITE, OTHER).ignore, Some(7));
        assert_eq!(channels.data(id(1, 9), 7, DIR_WRITE, ASK).ignore, None);
        // what makes no sense because something was lost may make sense again
        channels.gap(id(1, 10), DIR_WRITE, 5);
        assert_eq!(channels.data(id(1, 10), 7, DIR_WRITE, OTHER).ignore, None);
        // another program in that process has other connections
        assert_eq!(channels.gone(1), [id(1, 8)]);
        assert_eq!(channels.gone(1), []);
    }

    #[test]
    fn bytes_that_are_missing_are_missed() {
        let mut channels = channels();
        channels.data(id(1, 8), 1, DIR_WRITE, &ASK[..ASK.len() - 2]);
        let messages = channels.gap(id(1, 8), DIR_WRITE, 2);
        let [Message::Body(body)] = &messages[..] else { panic!("{messages:?}") };
        assert!(!body.complete && body.bytes == 2, "{body:?}");
        assert_eq!(kinds(&channels.data(id(1, 8), 1, DIR_WRITE, ASK).messages), ["request", "body"]);
    }

    #[test]
    fn the_least_used_channel_makes_room() {
        let mut channels = channels();
        for channel in 0..=MAX_CHANNELS as u64 {
            channels.data(id(1, channel), 1, DIR_WRITE, &ASK[..10]);
        }
        assert_eq!((channels.open.len(), channels.evicted(), channels.evicted()), (MAX_CHANNELS, 1, 0));
        assert!(!channels.open.contains_key(&id(1, 0)));
    }
}
