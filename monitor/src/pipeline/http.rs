//! From the plain text of connections to HTTP messages.
//!
//! A *channel* is one connection as a process has it: for TLS the library's own object. Whoever speaks first on it asks:
//! HTTP has no other way to begin.

use std::collections::HashMap;

use monitor_abi::stream::{DIR_WRITE, Key as StreamKey};
use monitor_wire::http::{Message, Reader, Request};
use monitor_wire::redact::Key;

/// Most channels that are remembered; the least recently used is dropped, which is counted.
const MAX_CHANNELS: usize = 4096;

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
    /// The kernel may stop capturing this channel.
    pub ignore: bool,
}

/// See the module documentation.
pub struct Channels {
    key: Key,
    open: HashMap<Id, Channel>,
    tick: u64,
    evicted: u64,
}

struct Channel {
    used: u64,
    /// The process asks; else it is asked.
    asks: bool,
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
        Self { key, open: HashMap::new(), tick: 0, evicted: 0 }
    }

    /// Channels that were dropped for want of room since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Takes bytes that a process sent (`dir` is `DIR_WRITE`) or received.
    pub fn data(&mut self, id: Id, dir: u16, bytes: &[u8]) -> Heard {
        let sent = dir & DIR_WRITE != 0;
        self.make_room(id);
        self.tick += 1;
        let (tick, key) = (self.tick, &self.key);
        let channel = self.open.entry(id).or_insert_with(|| Channel::new(key, sent));
        channel.used = tick;
        let mut heard = Heard::default();
        channel.direction(sent).feed(bytes, &mut heard.messages);
        channel.told(&heard.messages);
        heard.ignore = channel.is_over();
        heard
    }

    /// Bytes are missing. `None` if nothing is known of that channel.
    pub fn gap(&mut self, id: Id, dir: u16, bytes: u64) -> Option<Heard> {
        let channel = self.open.get_mut(&id)?;
        let mut heard = Heard::default();
        let direction = channel.direction(dir & DIR_WRITE != 0);
        direction.reader.gap(bytes, &mut heard.messages);
        direction.after(&heard.messages);
        channel.told(&heard.messages);
        heard.ignore = channel.is_over();
        Some(heard)
    }

    /// A channel's object is given back: what ends with the connection has ended. First what was sent, then the rest.
    pub fn end(&mut self, id: Id) -> [(bool, Vec<Message>); 2] {
        let mut parts = [(true, Vec::new()), (false, Vec::new())];
        if let Some(mut channel) = self.open.remove(&id) {
            for (sent, messages) in &mut parts {
                channel.direction(*sent).reader.end(messages);
            }
        }
        parts
    }

    /// A process has ended, or is another program now.
    pub fn gone(&mut self, pid: u32) {
        self.open.retain(|id, _| id.pid != pid);
    }

    fn make_room(&mut self, id: Id) {
        if self.open.len() >= MAX_CHANNELS
            && !self.open.contains_key(&id)
            && let Some(oldest) = self.open.iter().min_by_key(|(_, channel)| channel.used).map(|(id, _)| *id)
        {
            self.open.remove(&oldest);
            self.evicted += 1;
        }
    }
}

impl Channel {
    fn new(key: &Key, asks: bool) -> Self {
        let direction = |reader| Direction { reader, spoke: false, over: false };
        Self { used: 0, asks, requests: direction(Reader::requests(key)), responses: direction(Reader::responses(key)) }
    }

    fn direction(&mut self, sent: bool) -> &mut Direction {
        if sent == self.asks { &mut self.requests } else { &mut self.responses }
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
        assert_eq!(kinds(&channels.data(id(1, 8), DIR_WRITE, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 8), DIR_READ, ANSWER).messages), ["response", "body"]);
        // a server: it reads the request
        assert_eq!(kinds(&channels.data(id(1, 9), DIR_READ, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 9), DIR_WRITE, ANSWER).messages), ["response", "body"]);
    }

    #[test]
    fn the_same_number_in_another_process_is_another_channel() {
        let mut channels = channels();
        let (first, rest) = ASK.split_at(10);
        assert!(channels.data(id(1, 8), DIR_WRITE, first).messages.is_empty());
        assert_eq!(kinds(&channels.data(id(2, 8), DIR_WRITE, ASK).messages), ["request", "body"]);
        assert_eq!(kinds(&channels.data(id(1, 8), DIR_WRITE, rest).messages), ["request", "body"]);
    }

    #[test]
    fn an_address_that_is_used_again_is_a_channel_anew() {
        let mut channels = channels();
        channels.data(id(1, 8), DIR_WRITE, &ASK[..10]);
        let [(_, sent), _] = channels.end(id(1, 8));
        assert_eq!(kinds(&sent), ["end"]);
        assert_eq!(kinds(&channels.data(id(1, 8), DIR_READ, ASK).messages), ["request", "body"]);
        // so it is when the process has ended
        channels.data(id(3, 8), DIR_WRITE, &ASK[..10]);
        channels.gone(3);
        assert_eq!(kinds(&channels.data(id(3, 8), DIR_WRITE, ASK).messages), ["request", "body"]);
    }

    #[test]
    fn what_is_no_http_is_ignored_and_what_is_not_over_isn_t() {
        let mut channels = channels();
        assert!(channels.data(id(1, 8), DIR_WRITE, b"\x00\x01\x02 nothing like it\n").ignore);
        assert!(!channels.data(id(1, 9), DIR_WRITE, ASK).ignore);
    }

    #[test]
    fn bytes_that_are_missing_are_missed() {
        let mut channels = channels();
        assert!(channels.gap(id(1, 8), DIR_WRITE, 5).is_none());
        channels.data(id(1, 8), DIR_WRITE, &ASK[..ASK.len() - 2]);
        let heard = channels.gap(id(1, 8), DIR_WRITE, 2).unwrap();
        let [Message::Body(body)] = &heard.messages[..] else { panic!("{heard:?}") };
        assert!(!body.complete && body.bytes == 2, "{body:?}");
        assert_eq!(kinds(&channels.data(id(1, 8), DIR_WRITE, ASK).messages), ["request", "body"]);
    }

    #[test]
    fn the_least_used_channel_makes_room() {
        let mut channels = channels();
        for channel in 0..=MAX_CHANNELS as u64 {
            channels.data(id(1, channel), DIR_WRITE, &ASK[..10]);
        }
        assert_eq!((channels.open.len(), channels.evicted(), channels.evicted()), (MAX_CHANNELS, 1, 0));
        assert!(!channels.open.contains_key(&id(1, 0)));
    }
}
