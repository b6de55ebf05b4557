//! Which processes of a candidate are a server, by what they say on their streams.
//!
//! A candidate is everything that one process started. If that was an MCP client, the servers are branches below it: what
//! one process asks, as clients do, another one reads. The reader's branch is split off and is a candidate of its own from
//! then on, with all that it did. A request that nobody inside wrote comes from outside: the candidate is the server.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use monitor_abi::config::SCOPE_CANDIDATE;
use monitor_abi::header::Header;
use monitor_abi::stream::{DIR_WRITE, Data, Key, POLICY_IGNORE};
use monitor_core::event::{Event, Exec, Kind, Mcp, Side};
use monitor_core::id::{ProcId, ServerId};
use monitor_wire::mcp::{Body, Message};

use super::candidates::{Candidate, Candidates};
use super::clock::boot_now;
use super::streams::{Mover, Streams};
use super::{Pipeline, enrich};

/// How long the writing of what was read may still be told, nanoseconds: it is when the system call returns, and who read
/// may have got the processor before.
const GRACE: u64 = 100_000_000;
/// Most messages of undecided processes that wait.
const MAX_WAITING: usize = 4096;

/// A message by which a candidate may be decided.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    candidate: ServerId,
    flow: Key,
    /// The inode of the end that was used.
    ino: u64,
    /// Who read it; who wrote it, if `written`.
    pid: u32,
    written: bool,
    boot: u64,
}

impl Word {
    /// Whether a candidate waits for its being weighed.
    pub(super) fn is_of(&self, candidate: ServerId) -> bool {
        self.candidate == candidate
    }
}

/// What follows from a word.
enum Verdict {
    /// The whole candidate is a server.
    Whole,
    /// The branch that begins with this process is one.
    Branch(ProcId),
    /// Nothing.
    Nothing,
    /// That can't be told yet.
    Later,
}

impl Pipeline {
    /// Whose a record is. Of a server that was found only now some may still come under its candidate's number.
    pub(super) fn owner(&self, head: &Header) -> Option<ServerId> {
        enrich::server(head).map(|scope| self.moved(scope, head.tgid))
    }

    /// The server, or the part of a candidate, that a process with this number belongs to by now.
    pub(super) fn moved(&self, scope: ServerId, pid: u32) -> ServerId {
        let own = self.hosts.server_of(pid);
        own.filter(|own| self.candidates.origin(*own) == Some(scope)).unwrap_or(scope)
    }

    /// Bytes of a stream.
    pub(super) fn stream(&mut self, head: &Header, server: Option<ServerId>, data: &Data, bytes: &[u8]) {
        let by = Mover { scope: server.map_or(0, |id| id.0), pid: head.tgid };
        let outcome = self.streams.data(by, data, bytes, &self.tokens.set);
        self.ignore.extend(outcome.ignore.map(|key| (key, Some(POLICY_IGNORE))));
        let candidate = server.filter(|id| Candidates::is_candidate(*id));
        if let (Some(id), Some((_, false))) = (candidate, outcome.flow) {
            self.heard(id, bytes.len());
        }
        let (time, stream, proc) = (self.clock.wall(head.time), Streams::id(data), enrich::actor(head));
        let sent = data.dir & DIR_WRITE != 0;
        // the answer that holds it ends the call
        let (first, last) = if sent { (outcome.hits, Vec::new()) } else { (Vec::new(), outcome.hits) };
        self.passed(time, server, proc, (sent, None), first);
        for (side, message) in outcome.messages {
            if let (Some(candidate), Some((flow, _))) = (candidate, outcome.flow) {
                if side == Side::Client && matches!(message.body, Body::Response(_)) {
                    continue; // a client's end
                }
                let written = side == Side::Server;
                if (if written { asks_back(&message) } else { asks(&message) }) && self.words.len() < MAX_WAITING {
                    let word = Word { candidate, flow, ino: data.ino, pid: head.tgid, written, boot: head.time };
                    self.words.push_back(word);
                }
            }
            self.event(Event {
                time,
                server,
                kind: Kind::Mcp(Mcp { stream, side, remote: None, http: false, proc, message }),
            });
        }
        self.passed(time, server, proc, (sent, None), last);
    }

    /// Whether a candidate waits to be decided by what was heard.
    pub(super) fn waits(&self, candidate: ServerId) -> bool {
        self.words.iter().any(|word| word.is_of(candidate))
    }

    /// Decides by what was heard, in order. `drained`: every record up to then has been judged.
    pub(super) fn weigh(&mut self, drained: u64) {
        let (mut later, mut ended): (Vec<Word>, Vec<ServerId>) = (Vec::new(), Vec::new());
        for word in std::mem::take(&mut self.words) {
            let id = word.candidate;
            if later.iter().any(|earlier| earlier.candidate == id) {
                later.push(word);
                continue;
            }
            match self.verdict(&word, drained) {
                Verdict::Whole => self.find(id, None),
                Verdict::Branch(root) => {
                    if let Some(part) = self.split(id, root) {
                        self.find(part, None);
                    }
                }
                Verdict::Nothing => {}
                Verdict::Later => {
                    later.push(word);
                    continue;
                }
            }
            let found = self.found.iter().any(|found| found.candidate == id);
            if self.hosts.members(id).next().is_none() && self.candidates.get_mut(id).is_some() && !found {
                ended.push(id);
            }
        }
        self.words.extend(later);
        for id in ended {
            if !self.waits(id) {
                self.candidate_ended(id);
            }
        }
    }

    /// The last process of a candidate ended, and nothing says that it was a server.
    pub(super) fn candidate_ended(&mut self, id: ServerId) {
        self.candidates.end(id);
        self.streams.forget(id.0);
        self.inner.gone(id);
    }

    fn verdict(&mut self, word: &Word, drained: u64) -> Verdict {
        let id = word.candidate;
        let Some(root) = self.candidates.get_mut(id).map(|candidate| candidate.root) else { return Verdict::Nothing };
        if self.found.iter().any(|found| found.candidate == id) || self.moved(id, word.pid) != id {
            return Verdict::Nothing;
        }
        let ended = self.hosts.members(id).next().is_none();
        let due = ended || drained.saturating_sub(word.boot) >= GRACE;
        let (readers, writers) = self.streams.ends(id.0, word.flow);
        let standard = standard_streams(root);
        let own = standard.is_some_and(|own| own.contains(&word.ino));
        if word.written {
            // on another stream it may be a client that speaks
            return match standard {
                _ if !readers.is_empty() => Verdict::Nothing,
                Some(_) if own => Verdict::Whole,
                Some(_) => Verdict::Nothing,
                None if due => Verdict::Whole,
                None => Verdict::Later,
            };
        }
        if readers.is_empty() {
            return Verdict::Nothing; // that end has been split off
        }
        // whoever else writes there: what the candidate was started with leads outside
        if own {
            return Verdict::Whole;
        }
        if let Some(first) = writers.iter().find_map(|writer| self.branch(root, *writer, word.pid)) {
            return Verdict::Branch(first);
        }
        match writers.is_empty() {
            true if due || word.pid == root => Verdict::Whole,
            true => Verdict::Later,
            false => Verdict::Nothing,
        }
    }

    /// Where the branch of `reader` begins that `writer` isn't in: below both, the first process that `writer` doesn't
    /// descend from.
    fn branch(&self, root: u32, writer: u32, reader: u32) -> Option<ProcId> {
        let above: Vec<u32> = self.hosts.line(writer).collect();
        let line = self.hosts.line(reader).take_while(|pid| *pid != root && !above.contains(pid));
        line.last().and_then(|pid| self.hosts.get(pid))
    }

    /// What a process of a candidate executes is a server. Of what its client started, the branch with the same standard
    /// streams is; a wrapper shares them with what it starts.
    pub(super) fn executes(&mut self, id: ServerId, exec: &Exec) -> Option<ServerId> {
        let root = self.candidates.get_mut(id)?.root;
        let pid = exec.proc.pid;
        let (Some(outer), Some(own)) = (standard_streams(root), standard_streams(pid)) else { return Some(id) };
        let shares = |pid: &u32| standard_streams(*pid).is_some_and(|other| share(own, other));
        if pid == root || share(own, outer) {
            return Some(id);
        }
        if !is_channel(pid, 0) || !is_channel(pid, 1) {
            return None;
        }
        let first = self.hosts.line(pid).take_while(|pid| *pid != root).take_while(shares).last()?;
        let first = self.hosts.get(first)?;
        self.split(id, first)
    }

    /// A branch of a candidate is a candidate of its own from here on, with its members, streams and held events.
    fn split(&mut self, from: ServerId, root: ProcId) -> Option<ServerId> {
        let part = ServerId(SCOPE_CANDIDATE | root.pid);
        let now = boot_now();
        let Self { candidates, hosts, streams, .. } = self;
        let below = |pid: u32| hosts.line(pid).any(|above| above == root.pid);
        if part == from || candidates.get_mut(part).is_some() {
            return None;
        }
        let whole = candidates.get_mut(from)?;
        let candidate =
            divide(whole, root, now, |proc| hosts.get(proc.pid).is_none_or(|known| known == proc) && below(proc.pid));
        whole.renew(now);
        candidates.split(from, part, candidate);
        streams.pass(from.0, part.0, below);
        let members: Vec<u32> = hosts.members(from).filter(|pid| below(*pid)).collect();
        for pid in members {
            self.hosts.join(pid, part);
        }
        Some(part)
    }
}

/// Takes from a candidate what the branch that begins with `root` did since it executed its program.
fn divide(whole: &mut Candidate, root: ProcId, now: u64, below: impl Fn(ProcId) -> bool) -> Candidate {
    let mut part = Candidate::begun(root.pid, now);
    let executed = |event: &Event| matches!(&event.kind, Kind::Exec(exec) if exec.proc == root);
    let before = whole.held.iter().position(executed).unwrap_or(0);
    for (at, event) in whole.held.take().enumerate() {
        let Some(proc) = subject(&event.kind) else {
            whole.held.push(event);
            continue;
        };
        if proc == root && matches!(event.kind, Kind::Fork(_)) {
            continue; // the engine knows of it; it isn't for the rest to tell again whose that process is
        }
        // until then it was a copy of its client
        if !below(proc) || (proc == root && at < before) {
            whole.held.push(event);
            continue;
        }
        if let Kind::Exec(exec) = &event.kind {
            part.executed(exec);
        }
        part.held.push(event);
    }
    // the oldest go first: where its program is still among them, nothing of it went
    if part.execs.is_none() {
        part.held.dropped_before(whole.held.dropped());
    }
    part
}

/// The process that an event is about.
const fn subject(kind: &Kind) -> Option<ProcId> {
    Some(match kind {
        Kind::Fork(fork) => fork.child,
        Kind::Known(exec) | Kind::Exec(exec) => exec.proc,
        Kind::Exit(exit) => exit.proc,
        Kind::File(file) => file.proc,
        Kind::Net(net) => net.proc,
        Kind::NetEnd(end) => end.proc,
        Kind::Unix(unix) => unix.proc,
        Kind::Socket(made) => made.proc,
        Kind::Memory(memory) => memory.proc,
        Kind::Mcp(mcp) => mcp.proc,
        Kind::Http(http) => http.proc,
        Kind::Token(token) => token.proc,
        Kind::Tls(tls) => tls.proc,
        Kind::Dns(dns) => dns.proc,
        Kind::Opaque(opaque) => opaque.proc,
        Kind::Loss(loss) => return loss.caused_by,
        Kind::ServerStart(_)
        | Kind::ServerEnd
        | Kind::Blind(_)
        | Kind::CredentialFile(_)
        | Kind::KnownToken(_)
        | Kind::Agent(_)
        | Kind::Profile(_) => return None,
    })
}

/// What MCP clients ask of servers, and nobody else of anybody: other protocols in lines of JSON have an `initialize` too,
/// but another idea of its version.
pub fn asks(message: &Message) -> bool {
    let Body::Request(request) = &message.body else { return false };
    let of = |prefix: &str| request.method.starts_with(prefix);
    match request.method.as_str() {
        "initialize" => request.peer.as_ref().is_some_and(|peer| !peer.protocol.is_empty()),
        "completion/complete" | "logging/setLevel" | "server/discover" | "subscriptions/listen" => true,
        _ => ["tools/", "resources/", "prompts/", "tasks/"].into_iter().any(of),
    }
}

/// What servers ask of clients.
fn asks_back(message: &Message) -> bool {
    let Body::Request(request) = &message.body else { return false };
    matches!(request.method.as_str(), "sampling/createMessage" | "elicitation/create" | "roots/list" | "ping")
}

/// Inodes of a process's standard input and output.
fn standard_streams(pid: u32) -> Option<[u64; 2]> {
    let ino = |fd: u32| Some(fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok()?.ino());
    Some([ino(0)?, ino(1)?])
}

/// Whether standard input or output are the same.
fn share(one: [u64; 2], other: [u64; 2]) -> bool {
    one.iter().zip(&other).any(|(one, other)| one == other)
}

/// Whether a descriptor of a process is a pipe or a socket.
pub fn is_channel(pid: u32, fd: u32) -> bool {
    fs::metadata(format!("/proc/{pid}/fd/{fd}"))
        .is_ok_and(|meta| meta.file_type().is_fifo() || meta.file_type().is_socket())
}

#[cfg(test)]
mod tests;
