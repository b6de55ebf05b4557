//! From bytes on pipes, unix sockets and terminals to MCP messages, and to whom they came from.
//!
//! A *flow* is one direction of bytes, named by its receiving end: a pipe's inode, or the inode of the socket that reads.
//! Read by a watched process and written by none: it enters from outside, its messages are the client's. Written by one
//! and read by none: the server's. Both: internal, and says nothing; but if it is a flow on which the client speaks, then
//! somebody inside writes requests in the client's name: those messages are forged, and so is the reading of them. What
//! `standard` knows of a server's standard streams comes before all this.
//!
//! Each scope has its own view of a flow, since what one server writes another may read. In a candidate's both ends count:
//! which of its processes are a server is what they tell.

use std::collections::{HashMap, HashSet, VecDeque};

use monitor_abi::config::SCOPE_CANDIDATE;
use monitor_abi::stream::{DIR_READ, Data, Gap, Key, STREAM_TTY, STREAM_UNIX};
use monitor_core::event::Side;
use monitor_core::id::{FileId, ServerId};
use monitor_wire::mcp::{Body, Message};
use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact;
use monitor_wire::token::{Hit, Set};

use super::standard::{Speaker, Standards};
use super::tokens::Search;

/// Bytes without a message after which a stream is taken for something else.
const UNDECIDED_BYTES: u64 = 64 << 10;
/// Most flows that are remembered; the least recently used is dropped, which is counted.
const MAX_FLOWS: usize = 4096;
/// Forged messages that are remembered until their reading is seen, and read ones in case their writing is told later.
const MAX_FORGED: usize = 256;
/// Most processes that are remembered for one end of a flow.
const MAX_USERS: usize = 16;

/// What the tracker says of a record.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Messages, with who sent them.
    pub messages: Vec<(Side, Message)>,
    /// Tokens that passed by.
    pub hits: Vec<Hit>,
    /// The kernel may stop capturing this stream.
    pub ignore: Option<Key>,
    /// The flow, and whether it is known to carry messages.
    pub flow: Option<(Key, bool)>,
}

/// Who moved the bytes of a record.
#[derive(Debug, Clone, Copy)]
pub struct Mover {
    /// The scope that it is in; 0 = none.
    pub scope: u32,
    /// The process.
    pub pid: u32,
}

/// See the module documentation.
pub struct Streams {
    key: redact::Key,
    flows: HashMap<(u32, Key), Flow>,
    /// What servers were started with.
    pub standards: Standards,
    items: Vec<Item>,
    tick: u64,
    evicted: u64,
    missed: u64,
}

#[derive(Default)]
struct Flow {
    used: u64,
    /// A watched process read from it.
    read: Option<End>,
    /// A watched process wrote to it.
    written: Option<End>,
    /// It connects processes of one server.
    inner: bool,
    bytes: u64,
    messages: u64,
    forged: VecDeque<u64>,
    /// What was read from a standard input.
    asked: VecDeque<u64>,
}

/// One end of a flow, as a scope has it.
struct End {
    reader: Reader,
    search: Search,
    /// Who used it, the latest last.
    users: VecDeque<u32>,
    /// The inode under which the kernel knows it.
    ino: u64,
}

impl Streams {
    /// A tracker whose texts are redacted under `key`.
    #[must_use]
    pub fn new(key: redact::Key) -> Self {
        Self {
            key,
            flows: HashMap::new(),
            standards: Standards::default(),
            items: Vec::new(),
            tick: 0,
            evicted: 0,
            missed: 0,
        }
    }

    /// Flows that were dropped for want of room since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Tokens that may have been missed, since the last call.
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// Takes the bytes of one record.
    pub fn data(&mut self, by: Mover, data: &Data, bytes: &[u8], set: &Set) -> Outcome {
        let tty = data.class == STREAM_TTY;
        let reading = data.dir == DIR_READ;
        let Some((id, own)) = flow_of(data.ino, data.peer, data.dev, data.class, reading) else {
            return Outcome::default();
        };
        let input = self.standards.is_input(by.scope, id);
        let stdio = input || self.standards.has(data.ino);
        let speaker = self.standards.speaker(by.scope, id);
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        let key = self.key.clone();
        let flow = self.flow(by.scope, id);
        let mut outcome = Outcome::default();
        let other_side = if reading { flow.written.is_some() } else { flow.read.is_some() };
        let internal = other_side && !tty && by.scope & SCOPE_CANDIDATE == 0;
        // what is written before anybody inside is known to read it isn't from the client
        flow.inner |= internal && !stdio && (flow.messages == 0 || reading && flow.read.is_none());
        if flow.inner {
            outcome.ignore = Some(own);
            return outcome;
        }
        let end = if reading { &mut flow.read } else { &mut flow.written };
        let end = end.get_or_insert_with(|| End::new(&key, data.ino));
        end.used(by.pid);
        end.reader.feed(bytes, &mut items);
        end.search.feed(set, bytes, &mut outcome.hits);
        let missed = end.search.take_missed();
        flow.bytes += bytes.len() as u64;
        let mut late = false;
        for item in items.drain(..) {
            let Item::Message(message) = item else { continue };
            flow.messages += 1;
            let side = if !reading {
                if internal || input {
                    if !flow.forge(identity(&message), input) {
                        late = true;
                    }
                    Side::Forged
                } else {
                    Side::Server
                }
            } else if flow.was_forged(identity(&message)) || speaker == Speaker::Unknown {
                continue;
            } else {
                if speaker == Speaker::Input {
                    flow.ask(identity(&message));
                }
                Side::Client
            };
            outcome.messages.push((side, message));
        }
        if flow.messages == 0 && !stdio && flow.bytes > UNDECIDED_BYTES {
            outcome.ignore = Some(own);
        }
        if flow.messages == 0 && !stdio {
            // no transport, for all that is known
            outcome.hits.clear();
        }
        outcome.flow = Some((id, flow.messages > 0));
        self.missed += missed;
        if late {
            // its reading was told first, and passed for the client's: no other will
            self.standards.share(by.scope);
        }
        self.items = items;
        outcome
    }

    /// Bytes of a stream are missing: the message in progress is incomplete. True if that stream is a transport.
    pub fn gap(&mut self, by: Mover, gap: &Gap, set: &Set) -> bool {
        let reading = gap.dir == DIR_READ;
        let class = if gap.peer == 0 { 0 } else { STREAM_UNIX };
        let stdio = self.standards.has(gap.ino);
        let Some((mut id, _)) = flow_of(gap.ino, gap.peer, gap.dev, class, reading) else { return stdio };
        // A gap doesn't say that it is a terminal's; nothing but a terminal's output has such a key.
        let output = Key { pad: 1, ..id };
        if !reading && self.flows.contains_key(&(by.scope, output)) {
            id = output;
        } else if !reading && self.standards.is_input(by.scope, id) {
            // what its own wrote there can't be told from what the client did
            self.standards.share(by.scope);
        }
        let candidate = by.scope & SCOPE_CANDIDATE != 0;
        if !candidate && !self.flows.contains_key(&(by.scope, id)) {
            return stdio;
        }
        let key = self.key.clone();
        let flow = self.flow(by.scope, id);
        let end = if reading { &mut flow.read } else { &mut flow.written };
        if candidate {
            // who wrote what another one reads is known by this alone
            end.get_or_insert_with(|| End::new(&key, gap.ino)).used(by.pid);
        }
        if let Some(end) = end {
            end.reader.gap(gap.bytes);
            end.search.gap(set, gap.bytes, &mut Vec::new());
        }
        stdio || flow.messages > 0
    }

    /// Which processes of a scope read a flow and which wrote to it, the latest first.
    #[must_use]
    pub fn ends(&self, scope: u32, flow: Key) -> (Vec<u32>, Vec<u32>) {
        let users = |end: &Option<End>| end.iter().flat_map(|end| end.users.iter().rev().copied()).collect();
        self.flows.get(&(scope, flow)).map_or_else(Default::default, |flow| (users(&flow.read), users(&flow.written)))
    }

    /// From now on the ends that some processes of one scope hold are another's.
    pub fn pass(&mut self, from: u32, to: u32, of: impl Fn(u32) -> bool) {
        let keys: Vec<Key> = self.flows.keys().filter(|(scope, _)| *scope == from).map(|(_, key)| *key).collect();
        for key in keys {
            let Some(flow) = self.flows.get_mut(&(from, key)) else { continue };
            let (read, written) = (flow.read.take_if(|end| end.is_of(&of)), flow.written.take_if(|end| end.is_of(&of)));
            let part =
                Flow { read, written, used: flow.used, bytes: flow.bytes, messages: flow.messages, ..Flow::default() };
            if flow.read.is_none() && flow.written.is_none() {
                self.flows.remove(&(from, key));
            }
            if part.read.is_some() || part.written.is_some() {
                self.flows.insert((to, key), part);
            }
        }
    }

    /// A candidate is this server from now on: what its processes say to each other says nothing. Returns those streams,
    /// by all their names.
    pub fn accept(&mut self, candidate: u32, server: u32) -> HashSet<FileId> {
        self.pass(candidate, server, |_| true);
        let Self { flows, standards, .. } = self;
        let mut inner = HashSet::new();
        for ((_, key), flow) in flows.iter_mut().filter(|((scope, _), _)| *scope == server) {
            if let (Some(read), Some(written)) = (&flow.read, &flow.written)
                && key.pad == 0
                && ![read.ino, written.ino].iter().any(|ino| standards.has(*ino))
            {
                flow.inner = true;
                inner.extend([read.ino, written.ino].map(|ino| id_of(key.dev, ino)));
            }
        }
        inner
    }

    /// The inode by which writes to a server's standard input are told, if there were any.
    #[must_use]
    pub fn input_writer(&self, server: ServerId) -> Option<u64> {
        let of =
            |((scope, flow), _): &(&(u32, Key), &Flow)| *scope == server.0 && self.standards.is_input(*scope, *flow);
        self.flows.iter().find(of).and_then(|(_, flow)| flow.written.as_ref()).map(|end| end.ino)
    }

    /// What one of a server's own wrote to its standard input, and nobody has read yet.
    pub fn forged(&mut self, server: ServerId, identities: Vec<u64>) {
        let Self { flows, standards, .. } = self;
        let mut inputs =
            flows.iter_mut().filter(|((scope, flow), _)| *scope == server.0 && standards.is_input(*scope, *flow));
        if let Some((_, flow)) = inputs.next() {
            flow.forged.extend(identities.into_iter().take(MAX_FORGED));
        }
    }

    /// A candidate is none any more.
    pub fn forget(&mut self, candidate: u32) {
        self.flows.retain(|(scope, _), _| *scope != candidate);
    }

    /// The stream's identity for events.
    #[must_use]
    pub fn id(data: &Data) -> FileId {
        id_of(data.dev, data.ino)
    }

    fn flow(&mut self, scope: u32, id: Key) -> &mut Flow {
        let id = (scope, id);
        self.tick += 1;
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&id) {
            let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.used).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.flows.remove(&oldest);
                self.evicted += 1;
            }
        }
        let tick = self.tick;
        let flow = self.flows.entry(id).or_default();
        flow.used = tick;
        flow
    }
}

impl End {
    fn new(key: &redact::Key, ino: u64) -> Self {
        Self { reader: Reader::new(key), search: Search::default(), users: VecDeque::new(), ino }
    }

    fn used(&mut self, pid: u32) {
        if self.users.back() == Some(&pid) {
            return;
        }
        self.users.retain(|known| *known != pid);
        if self.users.len() >= MAX_USERS {
            self.users.pop_front();
        }
        self.users.push_back(pid);
    }

    /// Whether the latest to use it is one of these.
    fn is_of(&self, of: impl Fn(u32) -> bool) -> bool {
        self.users.back().is_some_and(|pid| of(*pid))
    }
}

impl Flow {
    /// Remembers a forged message until it is read. False if it was read before.
    fn forge(&mut self, identity: u64, input: bool) -> bool {
        if input && self.asked.contains(&identity) {
            return false;
        }
        if self.forged.len() >= MAX_FORGED {
            self.forged.pop_front();
        }
        self.forged.push_back(identity);
        true
    }

    fn ask(&mut self, identity: u64) {
        if self.asked.len() >= MAX_FORGED {
            self.asked.pop_front();
        }
        self.asked.push_back(identity);
    }

    fn was_forged(&mut self, identity: u64) -> bool {
        match self.forged.iter().position(|known| *known == identity) {
            Some(at) => {
                self.forged.remove(at);
                true
            }
            None => false,
        }
    }
}

fn id_of(dev: u32, ino: u64) -> FileId {
    FileId { dev: super::enrich::device(dev), ino }
}

/// The flow, and the key under which the kernel knows the stream.
fn flow_of(ino: u64, peer: u64, dev: u32, class: u16, reading: bool) -> Option<(Key, Key)> {
    let own = Key { ino, dev, pad: 0 };
    let receiver = match (class, reading) {
        (STREAM_UNIX, false) if peer == 0 => return None,
        (STREAM_UNIX, false) => Key { ino: peer, dev, pad: 0 },
        // A terminal's two directions share an inode.
        (STREAM_TTY, false) => Key { ino, dev, pad: 1 },
        _ => own,
    };
    Some((receiver, own))
}

/// Enough of a message to recognise it when it is read.
pub fn identity(message: &Message) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    message.bytes.hash(&mut hasher);
    match &message.body {
        Body::Request(request) => {
            (&request.id, &request.method).hash(&mut hasher);
            request.call.as_ref().map(|call| &call.digest).hash(&mut hasher);
        }
        Body::Notification(notification) => notification.method.hash(&mut hasher),
        Body::Response(response) => response.id.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
