//! `token_theft` and `exfiltration`, the sending half: what was read without a right leaves by a way that nothing
//! explains, or by one that is explained and must not carry it.

use crate::alert::{Category, Confidence, Evidence, Fact, Severity};
use crate::credential::Secrecy;
use crate::event::{Net, NetOp, Unix};
use crate::explain::{By, Destination, Explained, Firm, Scene, only_launches, resolver_known};
use crate::profile::Phase;
use crate::role::{is_quiet_socket, runtime_socket};
use crate::rules::{self, Rule};
use crate::state::{Hold, Taint, Taints};
use crate::time::{SECOND, Time};

use super::{Attempt, Cx, Finding};

/// Most further credentials that one alert shows.
const MAX_OTHERS: usize = 15;

/// A way out.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The network effect.
    pub net: &'a Net,
    /// Where to.
    pub to: &'a Destination<'a>,
    /// Bytes that were seen to leave on it, where known.
    pub sent: Option<u64>,
    /// When it was made, and what explained it then, where it is judged again later.
    pub made: Option<(Time, &'a Explained)>,
}

impl Way<'_> {
    /// What explains it as far as this is concerned: a connection was made for what had been read before, and what was
    /// read after goes by what explains it now.
    fn explained_for<'a>(&'a self, taint: &Taint, now: &'a Explained) -> &'a Explained {
        match self.made {
            Some((made, then)) if taint.time <= made && then.firm > now.firm => then,
            _ => now,
        }
    }

    /// To another process of this host.
    fn local(&self) -> bool {
        self.to.local()
    }
}

/// Whether something that was read without a right may leave on this way. `explained` is what explains the way itself.
pub fn send(cx: &Cx<'_>, way: &Way<'_>, explained: &Explained, out: &mut Vec<Finding>) {
    let taints = cx.server.map_or(&cx.state.foreign, |server| &server.taints);
    // strangers talk to this host's services all day
    if taints.is_empty() || way.local() && way.net.op != NetOp::Send && cx.server.is_none() {
        return;
    }
    let held = held(cx, taints, way, explained);
    let Some(taint) = held.first().copied() else { return };
    let explained = way.explained_for(taint, explained);
    let Some((rule, severity, confidence)) = verdict(cx, taint, way, explained) else { return };
    // the package manager above the server gets nothing from it, and its registry is where it goes
    let launches = cx.scene().zip(cx.proc()).is_some_and(|(scene, proc)| only_launches(&scene, proc))
        && !cx.node().descends_from(taint.node.id);
    if launches && explained.by == By::Runtime {
        return;
    }
    let left = way.net.op == NetOp::Send || way.sent.is_some_and(|sent| sent > 0);
    let severity =
        if left && !launches && rule.category == Category::TokenTheft { Severity::Critical } else { severity };
    let mut fact = Fact::net(way.net, way.to.role);
    if let Fact::Connect(fact) = &mut fact {
        fact.sent = way.sent;
    }
    let calls = cx.open_calls();
    let way_out = match rule.id {
        id if id == rules::CREDENTIAL_IN_CALL.id => "by a connection that must not carry it",
        _ if explained.firm == Firm::No && way.local() => {
            "a service of this host that nothing explains, which may relay it"
        }
        _ if explained.firm == Firm::No => "which nothing explains",
        _ => "which is explained, but not for a credential",
    };
    let others = others(&held);
    let (read, later) = told(cx, taint, others.len());
    let (before, to) = (format!("{} {read} and {later}", cx.whose()), way.to.text());
    let rest = format!(", {way_out},{}.", cx.during(&calls));
    let object = format!("dest:{to}");
    let mut finding = if left {
        cx.finding(rule, object, fact, format!("{before} sent data to {to}{rest}"))
    } else {
        cx.connecting(rule, object, (way.net, way.to.role), Attempt::new(way.net, before, to, rest))
    };
    finding.severity = severity;
    finding.confidence = confidence;
    if way.local() && super::credential::is_implicit_kind(cx, &taint.what, &taint.node) {
        // read without being asked for, and a database on this host: too little for an accusation
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    }
    if cx.server.is_none() {
        finding.concerns = taint.victim;
    }
    finding.evidence.splice(0..0, std::iter::once(taint).chain(others).map(|taint| taint.evidence.clone()));
    out.push(finding);
}

/// A local socket, after a key or token was read: what listens there may carry it on. Sockets that are known by what
/// they give are quiet, or told as `lateral_movement`.
pub fn hand_over(cx: &Cx<'_>, unix: &Unix, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    if server.taints.is_empty() || unix.op != "connect" || unix.result != "ok" || server.sockets.contains(&unix.path) {
        return;
    }
    let elsewhere = |service| super::lateral_movement::power(service).is_some();
    if is_quiet_socket(&unix.path) || runtime_socket(&unix.path).is_some_and(elsewhere) {
        return;
    }
    let heavy = |taint: &&Taint| taint.secrecy >= Some(Secrecy::Token);
    let mut held: Vec<&Taint> = server.taints.within(cx.now, cx.config.windows.theft).filter(heavy).collect();
    held.sort_by_key(|taint| std::cmp::Reverse(taint.secrecy));
    let Some(taint) = held.first().copied() else { return };
    let calls = cx.open_calls();
    let others = others(&held);
    let (read, later) = told(cx, taint, others.len());
    let summary = format!(
        "{} {read} and {later} connected to {}, a socket of this host that may relay it,{}.",
        cx.whose(),
        unix.path,
        cx.during(&calls)
    );
    let fact = Fact::UnixConnect { path: unix.path.clone(), service: None, result: unix.result.clone() };
    let mut finding = cx.finding(&rules::TOKEN_SENT, format!("unix:{}", unix.path), fact, summary);
    finding.severity = Severity::High;
    finding.confidence = Confidence::Weak;
    finding.evidence.splice(0..0, std::iter::once(taint).chain(others).map(|taint| taint.evidence.clone()));
    out.push(finding);
}

/// The other credentials among those that may leave, each once: by rank, as they come.
fn others<'a>(held: &[&'a Taint]) -> Vec<&'a Taint> {
    let mut others: Vec<&Taint> = Vec::new();
    for taint in held.iter().skip(1).filter(|taint| taint.secrecy.is_some()) {
        let known = held.first().into_iter().chain(&others).any(|known| known.path == taint.path);
        if !known && others.len() < MAX_OTHERS {
            others.push(taint);
        }
    }
    others
}

/// `read X (what)`, with how many more credentials, and `N s later`, for people.
fn told(cx: &Cx<'_>, taint: &Taint, others: usize) -> (String, String) {
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let read = if taint.node.id == cx.actor {
        format!("read {} ({})", taint.path, taint.what)
    } else {
        format!(
            "held what {} (pid {}) read from {} ({})",
            taint.node.image.title(),
            taint.node.id.pid,
            taint.path,
            taint.what
        )
    };
    let read = read + &more;
    let later = match cx.now.since(taint.time) / SECOND {
        0 => "within a second".to_owned(),
        seconds => format!("{seconds} s later"),
    };
    (read, later)
}

/// A name look-up after a secret was read: quiet towards a resolver that was in use before; one that wasn't is a way
/// out as good as any.
pub fn look_up(cx: &Cx<'_>, scene: &Scene<'_>, way: &Way<'_>, out: &mut Vec<Finding>) {
    if resolver_known(scene, way.to) {
        return;
    }
    let before = out.len();
    send(cx, way, &Explained::nothing(), out);
    for finding in out.iter_mut().skip(before) {
        // a first look-up may simply come late
        finding.confidence = Confidence::Weak;
        finding.severity = finding.severity.min(Severity::High);
    }
}

/// What may leave this way. First the one that is most likely: what the sender itself read before what its relatives did,
/// then the worst, then the newest; behind it the others, the most secret first.
fn held<'a>(cx: &Cx<'_>, taints: &'a Taints, way: &Way<'_>, explained: &Explained) -> Vec<&'a Taint> {
    let node = cx.node();
    let related = |taint: &&Taint| {
        // one server is one lineage: what a child reads, its sibling or parent may send through a pipe
        // outside, a common ancestor proves nothing, but the reader's own children and nearest parents do
        cx.server.is_some()
            || node.descends_from(taint.node.id)
            || taint.node.chain().take(3).any(|above| above.id == node.id)
    };
    let counts = |taint: &&Taint| match taint.secrecy {
        // services of this host are everybody's: only what is worth a relay counts
        secrecy if way.local() && way.net.op != NetOp::Send => secrecy >= Some(Secrecy::Token),
        // what programs read as they start, and plain data, only count when the way is wholly unexplained
        None | Some(Secrecy::Ambient) => {
            let explained = way.explained_for(taint, explained);
            explained.firm == Firm::No || is_loose(explained) && !taint.at_start
        }
        Some(_) => true,
    };
    // newest first, and stable: among equals the newest stays in front
    let mut held: Vec<&Taint> = taints.within(cx.now, cx.config.windows.theft).filter(related).filter(counts).collect();
    held.sort_by_key(|taint| std::cmp::Reverse(taint.secrecy));
    let own = held.iter().position(|taint| taint.node.id == cx.actor);
    if let Some(own) = own {
        let likely = held.remove(own);
        held.insert(0, likely);
    }
    held
}

/// A call explains it, and merely because its tool may reach any host.
fn is_loose(explained: &Explained) -> bool {
    explained.by == By::Call && explained.firm == Firm::Weak
}

fn verdict(
    cx: &Cx<'_>,
    taint: &Taint,
    way: &Way<'_>,
    explained: &Explained,
) -> Option<(&'static Rule, Severity, Confidence)> {
    let refused = !matches!(way.net.result.as_str(), "" | "ok" | "in_progress" | "established");
    let sure = match (explained.firm, taint.node.id == cx.actor) {
        _ if refused => Confidence::Weak,
        (Firm::No, true) if !way.local() => Confidence::Strong,
        _ => Confidence::Medium,
    };
    if is_loose(explained) && taint.secrecy <= Some(Secrecy::Ambient) {
        // a call that may reach any host explains the way, and what a program reads of its own accord may be its job:
        // worth a record where the two come together
        let rule = if taint.secrecy.is_none() { &rules::DATA_SENT } else { &rules::CREDENTIAL_SENT };
        return Some((rule, Severity::Low, Confidence::Weak));
    }
    if explained.firm < Firm::Strong {
        let calling = cx.server.is_some_and(|server| server.phase(cx.now, &cx.config.windows) == Phase::Call);
        return Some(match taint.secrecy {
            Some(Secrecy::Token | Secrecy::Key) => (&rules::TOKEN_SENT, Severity::High, sure),
            Some(Secrecy::Config) => (&rules::CREDENTIAL_SENT, Severity::High, sure),
            // while a call is open, what is read and where it goes ought to be its business
            Some(Secrecy::Ambient) if calling && !taint.at_start && explained.firm == Firm::No => {
                (&rules::CREDENTIAL_SENT, Severity::High, Confidence::Weak)
            }
            // everybody reads it, so the two may well have nothing to do with each other
            Some(Secrecy::Ambient) => (&rules::CREDENTIAL_SENT, Severity::Medium, Confidence::Weak),
            None => (&rules::DATA_SENT, Severity::High, sure.min(Confidence::Medium)),
        });
    }
    taint.secrecy.filter(|secrecy| *secrecy > Secrecy::Ambient)?;
    let server = cx.server?;
    let open = |key: u64| {
        server.holding(cx.now, &cx.config.windows).any(|(call, hold)| call.key.0 == key && hold == Hold::Open)
    };
    // the call that named the credential makes the connection that it declares
    if taint.named_by.is_some_and(open) {
        return Some((&rules::CREDENTIAL_IN_CALL, Severity::High, Confidence::Medium));
    }
    match explained.by {
        // an argument excuses the destination, never the credential
        By::Call if super::credential::is_implicit_kind(cx, &taint.what, &taint.node) => {
            Some((&rules::CREDENTIAL_IN_CALL, Severity::Low, Confidence::Weak))
        }
        By::Call => Some((&rules::CREDENTIAL_IN_CALL, Severity::High, Confidence::Weak)),
        // nobody asked for anything, and yet it sends
        By::Profile if matches!(server.phase(cx.now, &cx.config.windows), Phase::Idle | Phase::Stop) => {
            Some((&rules::CREDENTIAL_IN_CALL, Severity::High, Confidence::Weak))
        }
        _ => None,
    }
}

/// Data that a process read without being asked: remembered, in case it leaves.
#[must_use]
pub fn data_taint(cx: &Cx<'_>, file: &crate::event::File) -> Taint {
    Taint {
        time: cx.now,
        node: cx.node(),
        path: file.file.path.clone(),
        what: "a person's file".to_owned(),
        secrecy: None,
        victim: None,
        at_start: cx.server.is_some_and(|server| server.phase(cx.now, &cx.config.windows) == Phase::Start),
        evidence: Evidence { time: cx.now.into(), fact: Fact::file(file) },
        named_by: None,
    }
}
