//! The engine: `step` for every event, in order of time; `tick` when none comes; `finish` at the end.
//!
//! It owns all state, reads no clock and does no I/O: the same events give the same alerts, byte for byte.

mod effects;
mod full;
mod http;
mod life;
mod name;
mod quiet;
mod remote;

use crate::alert::Alert;
use crate::config::EngineConfig;
use crate::correlate::Correlator;
use crate::detect::{self, Cx, Finding};
use crate::event::{Event, Kind, OwnProfile};
use crate::id::{ProcId, ServerId};
use crate::ledger::CallRecord;
use crate::profile::Profile;
use crate::state::{Evictions, State, Table, Taint};
use crate::time::Time;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    state: State,
    correlator: Correlator,
    /// Number of the last call.
    calls: u64,
    /// The latest time that was seen.
    now: Time,
    events: u64,
    quiet: quiet::QuietPaths,
    full: full::Full,
    /// Reused for every event.
    findings: Vec<Finding>,
}

/// What the engine says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Events so far.
    pub events: u64,
    /// Calls so far.
    pub calls: u64,
    /// Processes known now.
    pub processes: usize,
    /// Connections open now.
    pub connections: usize,
    /// What was forgotten before its time.
    pub evictions: Evictions,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let state = State::new(&config);
        let correlator = Correlator::new(&config);
        Self {
            config,
            state,
            correlator,
            calls: 0,
            now: Time(0),
            events: 0,
            quiet: quiet::QuietPaths::new(),
            full: full::Full::new(),
            findings: Vec::new(),
        }
    }

    /// Takes in an event and appends the alerts that follow from it.
    pub fn step(&mut self, event: &Event, alerts: &mut Vec<Alert>) {
        self.events = self.events.saturating_add(1);
        self.now = self.now.max(event.time);
        self.tell_due(self.now, alerts);
        self.state.advance(self.now, &self.config);
        let now = event.time;
        let said = event.server;
        match &event.kind {
            Kind::ServerStart(start) => self.server_start(said, start, now),
            Kind::ServerEnd => self.server_end(said, now, alerts),
            Kind::Fork(fork) => self.state.processes.fork(fork, said),
            Kind::Known(exec) => self.known(said, exec),
            Kind::Exec(exec) => self.exec(said, exec, now, alerts),
            Kind::Exit(exit) => self.exit(said, exit, now),
            Kind::File(file) => self.file(said, file, now, alerts),
            Kind::Net(net) => self.net(said, net, now, alerts),
            Kind::NetEnd(end) => self.net_end(end, now, alerts),
            Kind::Unix(unix) => self.unix(said, unix, now, alerts),
            Kind::Socket(made) => self.detect(said, made.proc, now, alerts, |cx, out| {
                if cx.server.is_some() {
                    detect::lateral_movement::socket(cx, made, out);
                }
            }),
            Kind::Memory(memory) => self.memory(said, memory, now, alerts),
            Kind::Mcp(mcp) => self.mcp(said, mcp, now, alerts),
            Kind::Http(http) => self.http(said, http, now, alerts),
            Kind::KnownToken(known) => self.state.known_tokens.learn(known, said),
            Kind::Token(token) => {
                self.detect(said, token.proc, now, alerts, |cx, out| detect::token::seen(cx, token, out));
            }
            Kind::Tls(tls) => self.tls(tls, now, alerts),
            Kind::Dns(dns) => self.dns(said, dns, now, alerts),
            Kind::Opaque(opaque) => {
                self.detect(said, opaque.proc, now, alerts, |cx, out| detect::evasion::opaque(cx, opaque, out));
            }
            Kind::Loss(loss) => self.loss(said, loss, now, alerts),
            Kind::Blind(blind) => self.blind(said, blind, now, alerts),
            Kind::CredentialFile(known) if known.gone => self.state.credentials.forget(known.file.id),
            Kind::CredentialFile(known) => self.state.credentials.learn(&known.file),
            Kind::Agent(agent) => self.state.agent = Some(agent.exe),
            Kind::Profile(profile) => self.lend(profile),
        }
        self.tell_full(now, alerts);
    }

    /// Lets time pass without an event.
    pub fn tick(&mut self, now: Time, alerts: &mut Vec<Alert>) {
        self.now = self.now.max(now);
        self.tell_due(self.now, alerts);
        self.state.advance(self.now, &self.config);
    }

    /// The end: every call is closed, and its record kept for [`Engine::take_calls`].
    pub fn finish(&mut self, now: Time, alerts: &mut Vec<Alert>) {
        self.tell_rest(alerts);
        self.tick(now, alerts);
        self.state.servers.close_all();
    }

    /// The records of the calls that were closed since the last time, oldest first.
    pub fn take_calls(&mut self) -> impl Iterator<Item = CallRecord> + '_ {
        self.state.servers.take_closed()
    }

    /// Counts and evictions.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let mut evictions = self.state.evictions();
        evictions.findings = self.correlator.evicted();
        evictions.records = self.state.servers.closed_lost();
        EngineStats {
            events: self.events,
            calls: self.calls,
            processes: self.state.processes.len(),
            connections: self.state.connections.len(),
            evictions,
        }
    }

    /// What is remembered.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// A profile for the servers that name it. Those of servers that are gone make room; if that isn't enough, those of
    /// servers that have ended, of which little can come any more.
    fn lend(&mut self, own: &OwnProfile) {
        let text = Some(own.text.as_str()).filter(|text| text.len() <= OwnProfile::MAX);
        let Some(Ok(profile)) = text.map(|text| Profile::parse(text, "profile")) else { return };
        let Self { config, state, .. } = self;
        let servers = || state.servers.iter();
        config.profiles.keep_lent(|name| servers().any(|server| server.start.profile == name));
        if config.profiles.lend(profile.clone()).is_err() {
            config
                .profiles
                .keep_lent(|name| servers().any(|server| server.ended.is_none() && server.start.profile == name));
            // who lends it was told why already
            let _refused = config.profiles.lend(profile);
        }
    }

    /// Runs a detector and turns what it finds into alerts.
    fn detect(
        &mut self,
        said: Option<ServerId>,
        actor: ProcId,
        now: Time,
        alerts: &mut Vec<Alert>,
        detector: impl FnOnce(&Cx<'_>, &mut Vec<Finding>),
    ) {
        let server = self.state.server_of(said, actor);
        let mut findings = std::mem::take(&mut self.findings);
        detector(&context(&self.config, &self.state, server, actor, now), &mut findings);
        self.emit(server, &mut findings, now, alerts);
        self.findings = findings;
    }

    /// Turns findings into alerts. `server` is the actor's.
    fn emit(&mut self, server: Option<ServerId>, findings: &mut Vec<Finding>, now: Time, alerts: &mut Vec<Alert>) {
        for finding in findings.drain(..) {
            let calls = finding.calls.clone();
            let alert = self.correlator.take(&self.config, &self.state, server, finding, now);
            let Some(alert) = alert else { continue };
            if let Some(server) = server.and_then(|id| self.state.servers.get_mut(id)) {
                for call in server.calls.iter_mut().filter(|call| calls.contains(&call.key)) {
                    call.observed.alert(&alert.id);
                }
            }
            alerts.push(alert);
        }
    }

    /// Remembers what somebody holds without a right.
    fn taint(&mut self, server: Option<ServerId>, taint: Option<Taint>, now: Time, alerts: &mut Vec<Alert>) {
        let Some(taint) = taint else { return };
        let window = self.config.windows.theft;
        let whole = match server.and_then(|id| self.state.servers.get_mut(id)) {
            Some(server) => server.taints.add(taint, window),
            None => self.state.foreign.add(taint, window),
        };
        self.overflow(server, Table::Secrets, u64::from(!whole), now, alerts);
    }
}

/// What detectors look at.
fn context<'a>(
    config: &'a EngineConfig,
    state: &'a State,
    server: Option<ServerId>,
    actor: ProcId,
    now: Time,
) -> Cx<'a> {
    Cx { config, state, now, server: server.and_then(|id| state.servers.get(id)), actor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace;

    fn engine(lines: impl IntoIterator<Item = String>) -> Engine {
        let mut engine = Engine::new(EngineConfig::default());
        for line in lines {
            let event = trace::parse_event(&line, 2, true).unwrap().unwrap();
            engine.step(&event, &mut Vec::new());
        }
        engine
    }

    fn lent(text: &str) -> String {
        serde_json::json!({"time": 1, "kind": "profile", "text": text}).to_string()
    }

    fn own(name: &str) -> String {
        format!("name = \"{name}\"\nversion = 1\nsummary = \"\"\n")
    }

    #[test]
    fn servers_that_have_ended_hold_no_profile_that_another_needs() {
        let servers = |count: u32, ends: bool| {
            (1..=count).flat_map(move |id| {
                let (name, time) = (format!("p{id}"), 1);
                let start = serde_json::json!({"time": time, "server": id, "kind": "server_start", "name": name,
                    "root": {"pid": id, "start": id}, "profile": name, "transport": "stdio", "from_start": true});
                let end = serde_json::json!({"time": time, "server": id, "kind": "server_end"});
                [lent(&own(&name)), start.to_string()].into_iter().chain(ends.then(|| end.to_string()))
            })
        };
        assert!(engine(servers(65, true)).config.profiles.get("p65").is_some());
        let full = engine(servers(65, false));
        assert!(full.config.profiles.get("p64").is_some() && full.config.profiles.get("p65").is_none());
    }

    #[test]
    fn what_is_no_profile_changes_nothing() {
        let long = own("long") + &"#".repeat(OwnProfile::MAX);
        let texts = ["", "name = 1", &own("fetch"), &long].map(lent);
        let profiles = engine(texts).config.profiles;
        assert!(profiles.get("long").is_none());
        assert_eq!(profiles.get("fetch"), EngineConfig::default().profiles.get("fetch"));
    }
}
