//! From records to alerts: one thread, one owner, no lock.
//!
//! `record` takes what the reader hands out in time order; `opened` what fanotify saw. Both become events, the engine
//! steps, and what it says is written at once.

pub mod candidates;
pub mod clock;
mod conversation;
mod discovery;
pub mod enrich;
mod held;
pub mod hosts;
mod http;
mod losses;
mod mapped;
mod marked;
mod names;
mod numbers;
pub mod opens;
mod outcomes;
pub mod output;
pub mod policy;
mod reach;
mod records;
pub mod split;
pub mod standard;
pub mod streams;
mod tokens;
mod uring;

use std::collections::{HashMap, HashSet, VecDeque};

use monitor_abi::stream::Key as StreamKey;
use monitor_core::alert::Alert;
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::{Agent, Event, Exec, Kind, OwnProfile, ServerStart};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;
use monitor_wire::redact::Key;

use crate::sensor::decode::decode;
use crate::sensor::reader::Look;
use crate::sensor::tls::Mapped;
use candidates::{Candidates, Standing};
use clock::{Clock, boot_now};
use hosts::Hosts;
use http::{Channels, Inner};
use names::Names;
use numbers::Numbers;
use opens::Opens;
use outcomes::Outcomes;
use output::Output;
use standard::Standard;
use streams::Streams;
use tokens::Tokens;

/// What an execution alone tells of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognised {
    /// What the configuration of an MCP client calls it.
    pub called: Option<String>,
}

/// Whether an execution alone tells that a process is a server.
pub type Recognise = Box<dyn Fn(&Exec) -> Option<Recognised>>;

/// Where an MCP client works: folder and user.
pub type Workplace = (String, u32);

/// Most workplaces that wait to be taken.
const MAX_WORKPLACES: usize = 256;

/// Most processes that are remembered as listening; what is forgotten is looked at again.
const MAX_LISTENED: usize = 4096;

/// A process that listens, and is a server by what it executed.
#[derive(Debug)]
pub struct Listener {
    /// It.
    pub pid: u32,
    /// What the configuration of an MCP client calls it.
    pub called: Option<String>,
}

/// A candidate that turned out to be a server.
#[derive(Debug)]
pub struct Found {
    /// Its number as the kernel has it.
    pub candidate: ServerId,
    /// The process it began with.
    pub root: u32,
    /// It is watched from its first instruction.
    pub from_start: bool,
    /// What the configuration of an MCP client calls it.
    pub called: Option<String>,
    /// What that process executed last: it may have ended by now.
    pub exec: Option<Exec>,
}

/// See the module documentation.
pub struct Pipeline {
    engine: Engine,
    clock: Clock,
    key: Key,
    output: Output,
    hosts: Hosts,
    numbers: Numbers,
    streams: Streams,
    channels: Channels,
    inner: Inner,
    names: Names,
    tokens: Tokens,
    /// Programs and libraries that watched processes run, since that was last asked.
    mapped: Vec<Mapped>,
    /// How many there was no room for.
    unmapped: u64,
    opens: Opens,
    alerts: Vec<Alert>,
    /// Streams that the kernel may stop capturing, by the policy that says so; `None` where one doesn't hold any more.
    ignore: Vec<(StreamKey, Option<u32>)>,
    ended: Vec<ServerId>,
    candidates: Candidates,
    /// Candidates that turned out to be servers: number, root, and what it executed.
    found: Vec<Found>,
    /// Processes outside every scope that were seen to listen, since they executed something.
    listened: HashSet<ProcId>,
    listeners: Vec<Listener>,
    /// What was heard that may decide candidates.
    words: VecDeque<split::Word>,
    /// Processes that the kernel has in the scope of what their server was found in.
    strays: Vec<(u32, ServerId)>,
    /// How candidates are told from others by what they execute.
    recognise: Option<Recognise>,
    /// Where MCP clients were started, since that was last asked.
    workplaces: Vec<Workplace>,
    /// What each process did past the system calls, once told: io_uring operations by their bit, and [`COMPAT`].
    uring: HashMap<u32, u64>,
    /// Hooks below the system calls see opens and connects, also those by io_uring.
    objects_below: bool,
    /// What servers were started with as standard input and output, by inode.
    pipes: VecDeque<(u64, (ServerId, ProcId))>,
    outcomes: Outcomes,
    undecodable: u64,
    last: Time,
}

impl Pipeline {
    /// A pipeline that writes to `output`.
    #[must_use]
    pub fn new(config: EngineConfig, key: Key, clock: Clock, output: Output) -> Self {
        Self {
            engine: Engine::new(config),
            clock,
            streams: Streams::new(key.clone()),
            channels: Channels::new(key.clone()),
            inner: Inner::default(),
            names: Names::new(key.clone()),
            tokens: Tokens::new(&key),
            mapped: Vec::new(),
            unmapped: 0,
            key,
            output,
            hosts: Hosts::default(),
            numbers: Numbers::default(),
            opens: Opens::default(),
            alerts: Vec::new(),
            ignore: Vec::new(),
            ended: Vec::new(),
            candidates: Candidates::default(),
            found: Vec::new(),
            listened: HashSet::new(),
            listeners: Vec::new(),
            words: VecDeque::new(),
            strays: Vec::new(),
            recognise: None,
            workplaces: Vec::new(),
            uring: HashMap::new(),
            objects_below: false,
            pipes: VecDeque::new(),
            outcomes: Outcomes::default(),
            undecodable: 0,
            last: Time(0),
        }
    }

    /// Says that hooks below the system calls see opens and connects, whoever makes them.
    pub const fn objects_are_seen_below(&mut self) {
        self.objects_below = true;
    }

    /// The session's clock.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The fingerprint key.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Everything that runs already, for lineage.
    pub fn snapshot(&mut self) {
        let now = self.clock.now();
        if let Some(exe) = enrich::agent() {
            self.event(Event { time: now, server: None, kind: Kind::Agent(Agent { exe }) });
        }
        let Ok(all) = procfs::process::all_processes() else { return };
        for process in all.flatten() {
            let Ok(pid) = u32::try_from(process.pid) else { continue };
            if let Some(exec) = enrich::known(pid, &self.key) {
                let server = self.hosts.server_of(pid);
                self.hosts.add(exec.proc, server);
                self.hosts.born(pid, exec.parent);
                self.event(Event { time: now, server, kind: Kind::Known(exec) });
            }
        }
    }

    /// The text of a profile for the servers that name it.
    pub fn lend(&mut self, text: String) {
        let time = self.clock.now().max(self.last);
        self.event(Event { time, server: None, kind: Kind::Profile(OwnProfile { text }) });
    }

    /// A server comes under watch.
    pub fn server_start(&mut self, id: ServerId, start: ServerStart, standard: Standard) {
        self.hosts.add(start.root, Some(id));
        self.start(id, self.clock.now(), start, standard);
    }

    fn start(&mut self, id: ServerId, time: Time, start: ServerStart, standard: Standard) {
        self.streams.standards.start(id, standard);
        for ino in standard.inodes() {
            self.add_pipe(ino, id, start.root);
        }
        let root = start.root.pid;
        let runs = !start.from_start;
        self.event(Event { time, server: Some(id), kind: Kind::ServerStart(start) });
        if runs {
            self.read_given(id, root);
        }
    }

    /// A process that ran before its server came under watch belongs to it.
    pub fn join(&mut self, pid: u32, server: ServerId) {
        self.hosts.join(pid, server);
    }

    /// A server's last process has ended.
    fn end(&mut self, time: Time, id: ServerId) {
        if let Some(server) = self.engine.state().servers.get(id) {
            self.output.over(server.start.root.pid, time);
        }
        self.event(Event { time, server: Some(id), kind: Kind::ServerEnd });
        self.candidates.gone(id);
        self.streams.standards.end(id);
        self.inner.gone(id);
        self.tokens.gone(id);
        self.ended.push(id);
    }

    /// Another place for alerts.
    pub fn add_alerts(&mut self, lines: output::Lines) {
        self.output.alerts.push(lines);
    }

    /// The place that was added last is none.
    pub fn take_back_alerts(&mut self) {
        self.output.alerts.pop();
    }

    /// A record of the rings as the reader shows it.
    pub fn look(&mut self, look: &Look<'_>) {
        match look {
            Look::Ahead(bytes) => self.outcomes.ahead(bytes),
            Look::Due(bytes) => self.record(bytes),
        }
    }

    /// One record of the rings, in time order.
    pub fn record(&mut self, bytes: &[u8]) {
        match decode(bytes) {
            Ok(record) => self.decoded(&record),
            Err(error) => {
                self.undecodable += 1;
                tracing::warn!(%error, count = self.undecodable, "a kernel record is malformed");
            }
        }
    }

    /// Whether a process is in a server's tree, or may be.
    #[must_use]
    pub fn watches(&self, pid: u32) -> bool {
        self.hosts.server_of(pid).is_some()
    }

    /// Every hook of the file sensor is armed.
    pub const fn sees_every_open(&mut self) {
        self.opens.complete = true;
    }

    /// Lets time pass: calls close, windows end. `drained` (`CLOCK_BOOTTIME`, nanoseconds): everything up to then has been
    /// judged. Not the time now: a record of a moment ago must not find the engine's clock ahead of it.
    pub fn tick(&mut self, drained: u64) {
        let now = self.clock.wall(drained).max(self.last);
        self.unseen(drained, now);
        self.engine.tick(now, &mut self.alerts);
        let rejected = self.names.rejected();
        if rejected > 0 {
            // They name nobody: no verdict rests on that.
            tracing::debug!(rejected, "packets were not what their port or first byte said");
        }
        for (sensor, evicted) in
            [("stream", self.streams.evicted()), ("tls", self.channels.evicted()), ("name", self.names.evicted())]
        {
            if evicted > 0 {
                self.lost(sensor, "table_full", now, evicted, None);
            }
        }
        let refused = self.tokens.refused();
        if refused > 0 {
            self.lost("token", "table_full", now, refused, None);
        }
        let missed = self.channels.missed() + self.streams.missed();
        if missed > 0 {
            self.lost("token", "too_many", now, missed, None);
        }
        let unreadable = self.channels.unreadable();
        if unreadable > 0 {
            self.lost("stream", "unreadable", now, unreadable, None);
        }
        self.write();
        self.output.retry();
        self.output.close_over(now);
        self.output.policy.tell(now, false);
    }

    /// A look is over: what was to be written together is written.
    pub fn settle(&mut self) {
        self.output.write_on();
    }

    /// The end: what is still open closes.
    pub fn finish(&mut self) {
        let now = self.clock.now().max(self.last);
        self.unseen(u64::MAX, now);
        self.engine.finish(now, &mut self.alerts);
        self.write();
        self.output.policy.tell(now, true);
        self.output.settle();
    }

    /// What could not be written, and where.
    #[must_use]
    pub fn unwritten(&self) -> Vec<String> {
        self.output.unwritten()
    }

    /// Streams that the kernel may stop capturing, by the policy that says so, since the last call; `None` where one doesn't
    /// hold any more.
    pub fn take_ignored(&mut self) -> Vec<(StreamKey, Option<u32>)> {
        std::mem::take(&mut self.ignore)
    }

    /// Whether a server is watched.
    #[must_use]
    pub fn is_live(&self, id: ServerId) -> bool {
        self.hosts.members(id).next().is_some()
    }

    /// Servers whose last process ended, since the last call.
    pub fn take_ended(&mut self) -> Vec<ServerId> {
        std::mem::take(&mut self.ended)
    }

    fn known(&mut self, pid: u32) -> Option<ProcId> {
        if let Some(id) = self.hosts.get(pid) {
            return Some(id);
        }
        let exec = enrich::known(pid, &self.key)?;
        let id = exec.proc;
        self.hosts.add(id, None);
        self.event(Event { time: self.clock.now().max(self.last), server: None, kind: Kind::Known(exec) });
        Some(id)
    }

    /// Whether a process is in the tree of something that is known to be a server.
    fn is_server(&self, pid: u32) -> bool {
        self.hosts.server_of(pid).is_some_and(|id| !Candidates::is_candidate(id))
    }

    /// Routes an event: a server's to the engine, a candidate's to where they wait. Of the life of a candidate's processes
    /// the engine is told at once too, since they may be the ancestors of a server.
    fn event(&mut self, mut event: Event) {
        if let Some(id) = event.server.filter(|id| Candidates::is_candidate(*id)) {
            let life = matches!(event.kind, Kind::Fork(_) | Kind::Exec(_) | Kind::Exit(_) | Kind::Known(_));
            match self.candidates.standing(id, boot_now()) {
                Standing::Server(server) => event.server = Some(server),
                Standing::Candidate => {
                    self.candidates.hold(id, event.clone());
                    event.server = None;
                }
                Standing::Nobody => event.server = None,
            }
            if event.server.is_none() && !life {
                return;
            }
        }
        let file = if let Kind::File(file) = &event.kind { Some(file) } else { None };
        if let Some(file) = file {
            self.renumber(file, event.time);
        }
        self.judge(&event);
        if let Some(file) = file {
            self.number(file, event.time);
        }
    }

    fn judge(&mut self, event: &Event) {
        self.last = self.last.max(event.time);
        self.mapped(event);
        for lines in self.output.events.iter_mut().chain(&mut self.output.recording) {
            lines.push_later(event);
        }
        self.engine.step(event, &mut self.alerts);
        self.write();
    }

    fn write(&mut self) {
        for alert in self.alerts.drain(..) {
            if !self.output.policy.passes(&alert) {
                continue;
            }
            let Ok(line) = alert.to_json_line() else { continue };
            let server = alert.server.as_ref().map(|server| server.pid);
            for lines in self.output.alerts.iter_mut().filter(|lines| lines.takes(server)) {
                lines.push(line.trim_end());
            }
        }
        self.output.closed(self.engine.take_calls(), self.last);
    }
}
