//! Watched servers: what they were given, which phase they are in, what they said of their tools.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use monitor_wire::mcp::ToolDecl;

use super::{Bounded, Call, Hold, Image, Node, Questions, Taints, Tokens, may_change};
use crate::alert::ServerInfo;
use crate::config::{EngineConfig, Windows};
use crate::event::{Net, NetOp, ServerStart};
use crate::id::{FileId, ProcId, ServerId};
use crate::ledger::{ArgumentShape, CallRecord};
use crate::named::{self, Host};
use crate::profile::{Phase, Profile, ServerIdentity};
use crate::time::{SECOND, Time};

/// How long after the handshake the start phase goes on: lists are answered, caches filled.
const SETTLE: u64 = 5 * SECOND;
/// Most destinations, resolvers and programs that are remembered per server.
const MAX_REMEMBERED: usize = 1024;
/// Most listeners that wait to be judged, for one server.
const MAX_EARLY: usize = 16;
/// Most files that are remembered as written by one server: as many as a clone of a large repository makes. Each takes
/// some 100 bytes, from when it is written.
const MAX_WRITTEN: usize = 32_768;

/// A watched server.
#[derive(Debug)]
pub struct Server {
    /// Its number.
    pub id: ServerId,
    /// How it came under watch.
    pub start: ServerStart,
    /// Its root process as it is now.
    pub root: Arc<Node>,
    /// The process whose program it turned out to be, where that isn't the root.
    pub serving: Option<Arc<Node>>,
    /// The process that last read from its transport.
    pub speaker: Option<ProcId>,
    /// Its profile comes from what a wrapper started.
    pub gained: bool,
    /// The command that the user gave.
    pub command: Vec<String>,
    /// The name under which it came under watch: that doesn't change.
    pub first_name: String,
    /// When it came under watch.
    pub started: Time,
    /// The profile that judges it.
    pub profile: Option<Arc<Profile>>,
    /// Key under which the profile lists its tools.
    pub key: String,
    /// Folders that it was given.
    pub roots: Vec<String>,
    /// Hosts that its command line or proxy settings name.
    pub hosts: Vec<Host>,
    /// Variables of API paths whose value the user gave it, for everything it does.
    pub configured: Vec<(String, String)>,
    /// What it authorises its own API requests with.
    pub tokens: Tokens,
    /// An API request of its own was read: what it asks of the API is seen.
    pub api_seen: bool,
    /// Clients ask it over HTTP.
    pub by_http: bool,
    /// Calls of other MCP servers.
    pub passes_on: PassesOn,
    /// What it says of its tools.
    pub tools: BTreeMap<String, ToolState>,
    /// A whole list was seen: a name that isn't in it was never listed.
    pub listed: bool,
    /// A page of the list in progress was cut.
    pub list_cut: bool,
    /// Tools were left out for want of room.
    pub tools_evicted: u64,
    /// First `tools/call`.
    pub first_call: Option<Time>,
    /// The client's handshake was over.
    pub settled: Option<Time>,
    /// The client began with `initialize`, as up to 2025-11-25: what says no revision of its own is of one of those.
    pub initialized: bool,
    /// MCP messages seen.
    pub messages: u64,
    /// The last message of the client's that was incomplete and may have been a call.
    pub incomplete: Option<Time>,
    /// Open calls and those in their tail, oldest first.
    pub calls: Vec<Call>,
    /// What else clients asked over HTTP and was not answered yet.
    pub questions: Questions,
    /// Calls that made room for others.
    pub calls_evicted: u64,
    /// Secrets that its processes read.
    pub taints: Taints,
    /// Destinations that were explained once, by name or address.
    pub destinations: BTreeSet<String>,
    /// Resolvers that it asked before it read any secret.
    pub resolvers: BTreeSet<IpAddr>,
    /// A client asked it over the streams that it was started with.
    pub by_streams: bool,
    /// Ports on which it listens.
    pub listens: BTreeSet<u16>,
    /// Listeners that others can reach, from before anything was heard: whether it had to is told by how its client speaks.
    pub early: Vec<Net>,
    /// It took the port of name look-ups, so that what this host answers may be its own words.
    pub resolves: bool,
    /// It listens, or somebody came in on a socket: it may be asked by a way that isn't read (MCP over HTTP).
    pub reachable: bool,
    /// Files that its processes wrote, by identity: the newest. Installing isn't counted.
    pub written: Bounded<FileId, ()>,
    /// Local sockets at which it listens.
    pub sockets: BTreeSet<String>,
    /// Programs that were seen on its MCP transport, besides the root.
    pub speakers: Vec<Arc<Image>>,
    /// When its root ended.
    pub stopped: Option<Time>,
    /// When its last process ended.
    pub ended: Option<Time>,
}

/// How a server calls others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassesOn {
    same: u32,
    other: u32,
}

impl PassesOn {
    /// It made a call, of the tool that it was asked for or another.
    pub const fn count(&mut self, same: bool) {
        let count = if same { &mut self.same } else { &mut self.other };
        *count = count.saturating_add(1);
    }

    /// It passes calls on as they are, and hardly ever did anything else.
    #[must_use]
    pub const fn is_bridge(self) -> bool {
        self.same > self.other.saturating_mul(4)
    }
}

/// A tool as it was last declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolState {
    /// The declaration.
    pub decl: ToolDecl,
    /// It was first declared then.
    pub since: Time,
}

impl Server {
    /// A server that came under watch `now`.
    #[must_use]
    pub fn new(id: ServerId, start: ServerStart, root: Arc<Node>, now: Time, config: &EngineConfig) -> Self {
        let profile = config.profiles.judge(&start.profile).cloned().map(Arc::new);
        let mut server = Self {
            id,
            first_name: start.name.clone(),
            start,
            root: Arc::clone(&root),
            serving: None,
            speaker: None,
            gained: false,
            command: Vec::new(),
            started: now,
            profile,
            key: String::new(),
            roots: Vec::new(),
            hosts: Vec::new(),
            configured: Vec::new(),
            tokens: Tokens::default(),
            api_seen: false,
            by_http: false,
            passes_on: PassesOn::default(),
            tools: BTreeMap::new(),
            listed: false,
            list_cut: false,
            tools_evicted: 0,
            first_call: None,
            settled: None,
            initialized: false,
            messages: 0,
            incomplete: None,
            calls: Vec::new(),
            questions: Questions::default(),
            calls_evicted: 0,
            taints: Taints::default(),
            destinations: BTreeSet::new(),
            resolvers: BTreeSet::new(),
            by_streams: false,
            listens: BTreeSet::new(),
            early: Vec::new(),
            resolves: false,
            written: Bounded::new(MAX_WRITTEN),
            sockets: BTreeSet::new(),
            reachable: false,
            speakers: Vec::new(),
            stopped: None,
            ended: None,
        };
        server.take_from(&root.image);
        server
    }

    /// The root process runs this now: what its command line gives is the server's, unless another program than a
    /// launcher wrote it.
    pub fn identify(&mut self, root: Arc<Node>) {
        if self.command.is_empty() {
            self.command.clone_from(&root.image.argv);
        }
        if !root.strayed && self.serving.is_none() {
            self.take_from(&root.given);
        }
        self.root = root;
    }

    /// Its folders, hosts and key, from a command line.
    pub(super) fn take_from(&mut self, image: &Image) {
        // the user wrote the command line; a profile that knows its server says itself whether that counts
        let counts = self.profile.as_ref().is_none_or(|profile| profile.argv_hosts || profile.trust_annotations);
        self.hosts = if counts { named::hosts_of_argv(&image.argv) } else { Vec::new() };
        for (name, value) in &self.start.env {
            if name.to_ascii_lowercase().ends_with("_proxy") {
                self.hosts.extend(named::host(value));
            }
        }
        if let Some(profile) = &self.profile {
            self.roots = profile.root_folders(&image.argv, &image.cwd);
            self.configured = profile.configured(&image.argv, &self.start.env);
            let names: Vec<String> = self.start.env.iter().map(|(name, _)| name.clone()).collect();
            let package = Some(self.start.program()).filter(|name| !name.is_empty());
            let identity = ServerIdentity {
                exe_path: &image.exe.path,
                argv: &image.argv,
                package: package.filter(|name| name.contains(':')),
                env_names: &names,
                image: None,
            };
            self.key = profile.server_key(&identity).unwrap_or(self.start.program()).to_owned();
        }
    }

    /// Which phase of its life it is in.
    #[must_use]
    pub fn phase(&self, now: Time, windows: &Windows) -> Phase {
        if self.calls.iter().any(|call| call.hold(now, windows) == Some(Hold::Open)) {
            return Phase::Call;
        }
        if self.stopped.is_some() {
            return Phase::Stop;
        }
        let settling = self.settled.is_none_or(|at| now.since(at) <= SETTLE);
        let young = now.since(self.started) <= windows.start;
        if self.start.from_start && self.first_call.is_none() && settling && young { Phase::Start } else { Phase::Idle }
    }

    /// The calls that may explain what happens `now`, oldest first.
    pub fn holding<'a>(&'a self, now: Time, windows: &'a Windows) -> impl Iterator<Item = (&'a Call, Hold)> + 'a {
        self.calls.iter().filter_map(move |call| call.hold(now, windows).map(|hold| (call, hold)))
    }

    /// Whether the absence of a call proves anything. Yes once a message was seen; before that only if the server was
    /// watched from its start and can't be reached but by the streams that it was started with: then nobody asked.
    #[must_use]
    pub fn transport_seen(&self) -> bool {
        self.messages > 0 || self.start.from_start && !self.reachable
    }

    /// Whether the server lets annotations of its tools count: the generic profile, or none.
    #[must_use]
    pub fn lenient(&self) -> bool {
        self.profile.as_ref().is_none_or(|profile| profile.trust_annotations)
    }

    /// Whether this is the server's own program, not merely something below it: the root's program, or one that
    /// speaks MCP on its transport.
    #[must_use]
    pub fn is_own_program(&self, node: &Node) -> bool {
        let image = &node.image;
        let main = self.main();
        node.id == main.id
            || image.same_program(&main.image)
            || self.speakers.iter().any(|speaker| speaker.same_program(image))
            || image.script_path().is_some_and(|script| self.is_own_package(script))
    }

    /// Whether this process was the last that was seen on its transport.
    #[must_use]
    pub fn spoken_by(&self, id: ProcId) -> bool {
        self.speaker == Some(id)
    }

    /// A process of its tree was seen on its transport.
    pub fn speaks(&mut self, node: &Node) {
        self.speaker = Some(node.id);
        if !self.is_own_program(node) && self.speakers.len() < 2 {
            self.speakers.push(Arc::clone(&node.image));
        }
    }

    /// Whether a listener may be where its clients come: nothing was heard of them yet.
    #[must_use]
    pub fn may_serve(&self, net: &Net) -> bool {
        net.op == NetOp::Listen && self.messages == 0 && self.early.len() < MAX_EARLY
    }

    /// Whether clients come to this port: it listened there before any came, and they came over HTTP alone.
    #[must_use]
    pub fn serves_at(&self, net: &Net) -> bool {
        let before = self.messages == 0 || self.listens.contains(&net.port);
        let by_http = self.by_http || self.start.transport != "stdio";
        net.op == NetOp::Listen && by_http && !self.by_streams && before
    }

    /// It listens: the port is known from now on, and judged once a client has spoken if none has.
    pub fn listens(&mut self, net: &Net) {
        if self.may_serve(net) {
            self.early.push(net.clone());
        }
        if self.listens.len() < MAX_REMEMBERED {
            self.listens.insert(net.port);
        }
    }

    /// Remembers a destination that was explained.
    pub fn remember(&mut self, destination: String) {
        if self.destinations.len() < MAX_REMEMBERED {
            self.destinations.insert(destination);
        }
    }

    /// Remembers a resolver.
    pub fn resolver(&mut self, addr: IpAddr) {
        if self.resolvers.len() < MAX_REMEMBERED {
            self.resolvers.insert(addr);
        }
    }

    /// Remembers a local socket of its own.
    pub fn listens_at(&mut self, path: &str) {
        if self.sockets.len() < MAX_REMEMBERED {
            self.sockets.insert(path.to_owned());
        }
    }

    /// What alerts say of it.
    #[must_use]
    pub fn info(&self) -> ServerInfo {
        ServerInfo {
            name: self.start.name.clone(),
            profile: self.start.profile.clone(),
            pid: self.start.root.pid,
            start_time: self.start.root.start_ticks(),
            exe: self.root.image.exe.path.clone(),
            argv: self.root.image.argv.clone(),
            transport: if self.by_http { "http".to_owned() } else { self.start.transport.clone() },
            container: self.start.container.clone(),
            pod: None,
        }
    }

    /// Whether `id` is its root.
    #[must_use]
    pub fn is_root(&self, id: ProcId) -> bool {
        self.start.root == id
    }

    /// The record of a call that is over.
    #[must_use]
    pub fn record(&self, mut call: Call, outcome: &str) -> CallRecord {
        self.note_unobserved(&mut call, outcome);
        let (observed, more, alerts) = call.observed.take();
        CallRecord {
            id: call.id,
            server: self.start.name.clone(),
            profile: self.start.profile.clone(),
            pid: self.start.root.pid,
            tool: call.tool,
            request: crate::detect::request_id(&call.rpc),
            started: call.started.into(),
            ended: call.answered.map(Into::into),
            outcome: outcome.to_owned(),
            declared: call.declared,
            arguments: call.arguments.into_iter().map(|arg| ArgumentShape { at: arg.at, len: arg.len }).collect(),
            observed,
            more,
            alerts,
        }
    }

    /// A change that a call was declared to make and says it made, but that was never seen, although what the server
    /// asks of its API is read.
    fn note_unobserved(&self, call: &mut Call, outcome: &str) {
        let succeeded = matches!(outcome, "answered" | "task_completed");
        if !self.api_seen || !succeeded || call.requests.seen || !call.declared.may_mutate() {
            return;
        }
        let Some(api) = call.requests.apis.iter().find(|api| may_change(&api.method)) else { return };
        let object = format!("{} {}{}", api.method, api.host, api.path);
        let (time, kind) = (call.answered.unwrap_or(call.progressed), "http_request");
        call.observed.note(time, crate::ledger::hash(kind, &object), (kind, &object), "unobserved", None);
    }

    fn is_own_package(&self, script: &str) -> bool {
        let Some(package) = crate::profile::package_of_path(script) else { return false };
        let name = self.start.program();
        package == name || package.split_once(':').is_some_and(|(_, package)| package == name)
    }

    /// Closes the calls that have run out.
    pub(super) fn close_expired(&mut self, now: Time, windows: &Windows, keep: &mut dyn FnMut(CallRecord)) {
        let mut at = 0;
        while let Some(call) = self.calls.get(at) {
            if now < call.deadline(windows) {
                at += 1;
                continue;
            }
            let call = self.calls.remove(at);
            let outcome = call.outcome("no_progress");
            keep(self.record(call, outcome));
        }
    }

    /// Closes every call.
    pub(super) fn close_all(&mut self, otherwise: &'static str, keep: &mut dyn FnMut(CallRecord)) {
        for call in std::mem::take(&mut self.calls) {
            let outcome = call.outcome(otherwise);
            keep(self.record(call, outcome));
        }
    }
}
