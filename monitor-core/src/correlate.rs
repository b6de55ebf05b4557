//! From findings to alerts: what is the same, what belongs together, and what a finding is worth with the coverage
//! that there was.
//!
//! The first alert for each (category, server, actor lineage, object) is written at once. More of the same grows it:
//! the same id with a higher revision, when it got worse, when a new kind of evidence, another credential or another
//! call came, or when the count reached the next power of ten. What came of a connection is told the same way, once it is known.

mod name;
mod outcome;

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::alert::{
    Alert, Ancestor, CallInfo, Confidence, Coverage, Dedup, Evidence, Fact, Gap, ProcessInfo, RuleRef, SCHEMA,
    Severity, Stamp, bounded,
};
use crate::config::EngineConfig;
use crate::detect::{Attempt, Finding, calls_of};
use crate::digest::{Digest, uuid_v7};
use crate::id::ServerId;
use crate::state::{Bounded, Call, Node, Server, State};
use crate::time::{SECOND, Time};

/// How long after its last alert an incident takes in another one.
const INCIDENT: u64 = 300 * SECOND;
/// How long a missing message keeps the absence of a call from proving anything.
const DOUBT: u64 = 60 * SECOND;
/// Most ancestors that an alert shows.
const MAX_LINEAGE: usize = 32;
/// Most calls that one alert names.
const MAX_CALLS: usize = 64;

/// What was alerted before.
#[derive(Debug)]
pub struct Correlator {
    kept: Bounded<u128, Box<Kept>>,
    incidents: Bounded<(u32, u64), Incident>,
    /// Alerts that tell of a connection whose outcome isn't known yet, by its socket.
    pending: Bounded<u64, Vec<u128>>,
    /// Alerts that tell of a connection whose client may still say whom it asks for, by its socket and peer.
    unnamed: Bounded<(u64, IpAddr, u16), Vec<u128>>,
}

#[derive(Debug)]
struct Kept {
    alert: Alert,
    /// Evidence items that were left out.
    more: u64,
    /// The connection that the sentence tells of.
    attempt: Option<Attempt>,
    /// How many connections it stands for whose outcome isn't known yet.
    pending: u32,
    /// One of them was made, for all that is known.
    made: bool,
    /// The sentence says that it failed.
    failed: bool,
}

#[derive(Debug)]
struct Incident {
    id: String,
    last: Time,
}

impl Correlator {
    /// Nothing was alerted yet.
    #[must_use]
    pub fn new(config: &EngineConfig) -> Self {
        Self {
            kept: Bounded::new(config.limits.findings),
            incidents: Bounded::new(4096),
            pending: Bounded::new(4096),
            unnamed: Bounded::new(4096),
        }
    }

    /// Takes in a finding; returns the alert to write, if it is new or grew by enough.
    pub fn take(
        &mut self,
        config: &EngineConfig,
        state: &State,
        actor_server: Option<ServerId>,
        finding: Finding,
        now: Time,
    ) -> Option<Alert> {
        let mut finding = weigh(state, actor_server, finding, now);
        finding.summary = crate::text::plain(&finding.summary);
        let concerned = finding.concerns.or(actor_server);
        let server = concerned.and_then(|id| state.servers.get(id));
        let lineage = finding.actor.as_ref().map_or(0, |node| node.lineage);
        let identity = server.map_or((0, 0), |server| (server.start.root.pid, server.start.root.start));
        let name = server.map_or("agent", |server| server.first_name.as_str());
        let category = finding.rule.category;
        let key = format!("{category}/{name}/{}/{lineage:016x}/{}", identity.0, finding.object);
        let hash = Digest::new()
            .field(key.as_bytes())
            .number(identity.1)
            .number(concerned.map_or(0, |id| u64::from(id.0)))
            .finish();
        let attempt = finding.attempt.clone();
        let result = outcome::said(&finding);
        if let Some(cookie) = attempt.as_ref().and_then(|attempt| attempt.pending(&result)) {
            self.await_outcome(cookie, hash);
        }
        self.await_name(attempt.as_ref(), hash);
        if let Some(kept) = self.kept.get_mut(&hash) {
            return kept.grow(finding, state, actor_server, now, config.limits.evidence);
        }
        let incident = self.incident(concerned, actor_server, lineage, hash, now);
        let alert = build(config, state, actor_server, server, finding, (hash, key, incident), now);
        let mut kept =
            Box::new(Kept { alert: alert.clone(), more: 0, attempt: None, pending: 0, made: false, failed: false });
        kept.tried(attempt, &result);
        self.kept.insert(hash, kept);
        Some(alert)
    }

    /// How many alerts were forgotten before their time.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.kept.evicted()
    }

    /// Inside a server, one lineage: its processes hand things to each other. Strangers count by where they come from.
    fn incident(
        &mut self,
        concerned: Option<ServerId>,
        actor_server: Option<ServerId>,
        lineage: u64,
        hash: u128,
        now: Time,
    ) -> String {
        let inside = actor_server.is_some() && actor_server == concerned;
        let group = (concerned.map_or(0, |id| id.0), if inside { 0 } else { lineage });
        if let Some(known) = self.incidents.get_mut(&group)
            && now.since(known.last) <= INCIDENT
        {
            known.last = known.last.max(now);
            return known.id.clone();
        }
        let id = uuid_v7(now, Digest::new().field(b"incident").field(&hash.to_le_bytes()).finish());
        self.incidents.insert(group, Incident { id: id.clone(), last: now });
        id
    }
}

impl Kept {
    fn grow(
        &mut self,
        finding: Finding,
        state: &State,
        actor_server: Option<ServerId>,
        now: Time,
        limit: usize,
    ) -> Option<Alert> {
        let result = outcome::said(&finding);
        let made = self.tried(finding.attempt.clone(), &result);
        let alert = &mut self.alert;
        // two sensors that saw one effect are one effect: within the reordering of their sources
        let twice = alert.dedup.last.0.since(now).max(now.since(alert.dedup.last.0)) <= 10 * crate::time::MS
            && finding.evidence.iter().all(|new| alert.evidence.iter().any(|old| old.fact == new.fact));
        if twice && finding.severity <= alert.severity && !made {
            return None;
        }
        alert.dedup.count = alert.dedup.count.saturating_add(1);
        alert.dedup.last = alert.dedup.last.max(now.into());
        let worse = finding.severity > alert.severity;
        let surer = finding.confidence > alert.confidence && finding.severity >= alert.severity;
        let (mut new_kind, mut new_secret) = (false, false);
        for item in finding.evidence {
            if alert.evidence.iter().any(|old| old.fact == item.fact) {
                continue;
            }
            new_kind |= !alert.evidence.iter().any(|old| old.fact.word() == item.fact.word());
            new_secret |= item.fact.is_credential() && alert.evidence.len() < limit.max(1);
            add_evidence(&mut alert.evidence, &mut self.more, item, limit);
        }
        let mut new_call = false;
        if let Some(server) = actor_server.and_then(|id| state.servers.get(id)) {
            new_call = add_calls(&mut alert.calls, calls_of(server, &finding.calls));
        }
        let round = is_power_of_ten(alert.dedup.count);
        let told = round || made || finding.counted;
        if !(worse || surer || new_kind || new_secret || told || new_call && alert.calls.len() <= 8) {
            return None;
        }
        if worse || made || finding.counted || new_secret && finding.severity == alert.severity {
            alert.severity = alert.severity.max(finding.severity);
            alert.summary = bounded(finding.summary);
        }
        if worse || surer {
            alert.confidence = finding.confidence;
        }
        alert.revision = alert.revision.saturating_add(1);
        alert.time = now.into();
        Some(alert.clone())
    }
}

/// What a finding is worth: one that rests on the absence of a call is at most low and weak while calls may have been
/// missed.
fn weigh(state: &State, server: Option<ServerId>, mut finding: Finding, now: Time) -> Finding {
    let Some(server) = server.and_then(|id| state.servers.get(id)) else { return finding };
    if finding.absence && doubtful(state, server, now) {
        finding.severity = finding.severity.min(Severity::Low);
        finding.confidence = Confidence::Weak;
    }
    finding
}

fn doubtful(state: &State, server: &Server, now: Time) -> bool {
    let recently = Time(now.0.saturating_sub(DOUBT));
    !server.transport_seen()
        || server.incomplete.is_some_and(|at| at >= recently)
        || state.gaps.stream_incomplete(server.id, recently, now)
}

fn build(
    config: &EngineConfig,
    state: &State,
    actor_server: Option<ServerId>,
    server: Option<&Server>,
    finding: Finding,
    (hash, key, incident): (u128, String, String),
    now: Time,
) -> Alert {
    let rule = finding.rule;
    let mut calls = Vec::new();
    if let Some(own) = actor_server.and_then(|id| state.servers.get(id)) {
        add_calls(&mut calls, calls_of(own, &finding.calls));
    }
    let (mut evidence, mut more) = (Vec::new(), 0);
    for item in finding.evidence {
        add_evidence(&mut evidence, &mut more, item, config.limits.evidence);
    }
    Alert {
        schema: SCHEMA.to_owned(),
        id: uuid_v7(now, hash),
        revision: 1,
        incident,
        time: now.into(),
        rule: RuleRef { id: rule.id.to_owned(), name: rule.name.to_owned(), version: rule.version },
        category: rule.category,
        severity: finding.severity,
        confidence: finding.confidence,
        coverage: coverage(state, server, rule.sensors, now, config.windows.theft),
        server: server.map(Server::info),
        calls,
        process: finding.actor.as_deref().map(|node| process(node, server.filter(|_| finding.concerns.is_none()))),
        evidence,
        maestro: words(rule.maestro),
        attack: words(rule.attack),
        aivss: None,
        summary: bounded(finding.summary),
        dedup: Dedup { key, count: 1, first: now.into(), last: now.into() },
    }
}

fn coverage(state: &State, server: Option<&Server>, sensors: &[&str], now: Time, window: u64) -> Coverage {
    let from = Time(now.0.saturating_sub(window));
    let mut gaps = state.gaps.overlapping(server.map(|server| server.id), sensors, from, now);
    if let Some(server) = server.filter(|_| sensors.contains(&"stream")) {
        let gap = |reason: &str, from: Time, to: Option<Stamp>| Gap {
            sensor: "stream".to_owned(),
            reason: reason.to_owned(),
            from: from.into(),
            to,
            count: 0,
        };
        if !server.transport_seen() {
            gaps.push(gap("transport_unseen", server.started, None));
        } else if !server.start.from_start {
            // calls from before the agent came may still be open, but no call lasts longer without progress
            if now.since(server.started) < 600 * SECOND {
                gaps.push(gap("attached_late", server.started, None));
            }
        }
        if let Some(at) = server.incomplete.filter(|at| *at >= from) {
            gaps.push(gap("incomplete_message", at, Some(at.into())));
        }
    }
    Coverage { complete: gaps.is_empty(), gaps }
}

fn process(node: &Node, server: Option<&Server>) -> ProcessInfo {
    let root = server.map(|server| server.start.root);
    let mut lineage = Vec::new();
    if root != Some(node.id) {
        for ancestor in node.chain().skip(1).take(MAX_LINEAGE) {
            lineage.push(Ancestor { pid: ancestor.id.pid, exe: ancestor.image.exe.path.clone() });
            if root == Some(ancestor.id) {
                break;
            }
        }
    }
    ProcessInfo {
        pid: node.id.pid,
        start_time: node.id.start_ticks(),
        ppid: node.ppid,
        exe: node.image.exe.path.clone(),
        argv: node.image.argv.clone(),
        uid: node.image.uid,
        lineage,
    }
}

fn add_evidence(list: &mut Vec<Evidence>, more: &mut u64, item: Evidence, limit: usize) {
    if list.len() < limit.max(1) {
        list.push(item);
        return;
    }
    *more = more.saturating_add(1);
    let count = Fact::More { count: *more };
    match list.last_mut() {
        Some(last) if matches!(last.fact, Fact::More { .. }) => {
            last.time = item.time;
            last.fact = count;
        }
        _ => list.push(Evidence { time: item.time, fact: count }),
    }
}

/// True if one of the calls is new to the alert. After a loss there may be a thousand of them.
fn add_calls<'a>(list: &mut Vec<CallInfo>, calls: impl Iterator<Item = &'a Call>) -> bool {
    let known: FxHashMap<String, usize> = list.iter().enumerate().map(|(at, call)| (call.id.clone(), at)).collect();
    let mut new = false;
    for call in calls {
        match known.get(&call.id) {
            Some(at) => {
                if let Some(known) = list.get_mut(*at) {
                    known.ended = call.answered.map(Into::into);
                }
            }
            None if list.len() < MAX_CALLS => {
                list.push(call.info());
                new = true;
            }
            None => {}
        }
    }
    new
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}
