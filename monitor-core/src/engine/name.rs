//! Names: what TLS clients and name servers say.

use super::{Engine, context};
use crate::alert::{Alert, Evidence, Fact};
use crate::detect::exfiltration::{self, Way};
use crate::detect::name::{self, Asked, Seen};
use crate::event::{Dns, Net, NetOp, Tls};
use crate::explain::{self, Destination, Explained, Firm, Scene};
use crate::id::ServerId;
use crate::role::canonical;
use crate::state::{Server, asked};
use crate::time::Time;

impl Engine {
    /// The client of a connection began TLS. Over TCP what it says first counts: a second hello is another layer's. Between a
    /// datagram socket and its peer there may be many connections, of which nobody can tell which one a datagram is of: the
    /// name that explains least stays.
    pub(super) fn tls(&mut self, tls: &Tls, now: Time, alerts: &mut Vec<Alert>) {
        let Some(known) = self.state.connections.began(tls.cookie, tls.quic) else { return };
        let first = known.hello.is_none();
        if !first && tls.quic.is_none() {
            return;
        }
        if known.silent && tls.quic.is_some() {
            self.speaks(tls, now, alerts);
        }
        let Some(known) = self.state.connections.began(tls.cookie, tls.quic) else { return };
        if first {
            known.began(&tls.hello);
        }
        let (id, net, made) = (known.server, known.net.clone(), (known.opened, known.explained.clone()));
        let (phase, asked) = (known.phase, asked(&tls.hello).map(str::to_owned));
        let seen = match &asked {
            Some(name) if net.name.is_none() => Some(Seen { name: name.clone(), by: "sni" }),
            _ => self.seen(id, &net, now),
        };
        let hello = Evidence { time: now.into(), fact: Fact::tls(&tls.hello) };
        self.correlator.named(&net, (&hello, seen.as_ref()), self.config.limits.evidence, now, alerts);
        let Some(asked) = asked else { return };
        let to = self.to(&net);
        let (opened, before) = made;
        let mut findings = std::mem::take(&mut self.findings);
        let cx = context(&self.config, &self.state, Some(id), net.proc, now);
        let (mut explained, mut claimed_firm) = (before.clone(), Firm::No);
        if let Some(scene) = cx.scene().filter(|scene| !explain::is_resolver(scene.server, &to)) {
            let then = Scene { now: opened, phase, ..scene };
            let claimed = explain::claimed(&[scene, then], cx.proc(), &to, &asked);
            explained = explain::after_claim(&before, &claimed, &asked);
            claimed_firm = claimed.firm;
            let asked = Asked {
                net: &net,
                opened,
                to: &to,
                hello: &tls.hello,
                name: &asked,
                claimed: &claimed,
                explained: (&before, &explained),
            };
            name::asked(&cx, &asked, &mut findings);
            if explained.firm < before.firm {
                let at = findings.len();
                let way = Way { net: &net, to: &to, sent: None, made: Some((opened, &explained)) };
                exfiltration::send(&cx, &way, &explained, &mut findings);
                for finding in findings.iter_mut().skip(at) {
                    // what was written when the connection was made is no longer true
                    finding.counted = true;
                }
            }
        }
        tell(&mut findings, &net, seen.as_ref());
        if explained.firm < before.firm {
            self.note(id, now, "connect", &name::shown(&name::place(&net), &asked), &explained, None);
        } else if let Some(server) = self.state.servers.get_mut(id)
            // a name that anything would have explained is its client's word alone
            && claimed_firm == Firm::Strong
            && to.outside()
        {
            server.remember(asked);
        }
        if let Some(known) = self.state.connections.of_mut(&net) {
            if explained.firm < before.firm {
                known.began(&tls.hello);
            }
            known.explained = explained;
        }
        self.emit(Some(id), &mut findings, now, alerts);
        self.findings = findings;
    }

    /// A hello left on a datagram socket of which only the destination was known: the call that sends it is told when it
    /// returns.
    fn speaks(&mut self, tls: &Tls, now: Time, alerts: &mut Vec<Alert>) {
        let Some(known) = self.state.connections.began(tls.cookie, tls.quic) else { return };
        (known.silent, known.opened, known.net.op) = (false, now, NetOp::Send);
        let (id, net) = (known.server, known.net.clone());
        let phase = self.state.servers.get(id).map(|server| server.phase(now, &self.config.windows));
        let explained = self.destination(id, &net, None, now, alerts);
        if let Some(known) = self.state.connections.of_mut(&net) {
            known.explained = explained;
            known.phase = phase.unwrap_or(known.phase);
        }
    }

    /// A name server was asked, or answered.
    pub(super) fn dns(&mut self, said: Option<ServerId>, dns: &Dns, now: Time, alerts: &mut Vec<Alert>) {
        let Some(id) = self.state.server_of(said, dns.proc) else { return };
        let Some(server) = self.state.servers.get(id) else { return };
        let answer = &dns.answer;
        let parent = name::carrying(&answer.name).filter(|parent| !is_declared(server, parent));
        if answer.answer {
            let trusted = explain::is_trusted_resolver(server, dns.server, self.config.roles.role(dns.server));
            let addresses = answer.addresses.iter().copied();
            self.state.names.learn(id, (&answer.name, trusted), addresses, (answer.ttl, now));
        }
        let Some(parent) = parent else { return };
        if let Some(count) = self.state.names.asks(id, (&answer.name, parent), now, name::carries) {
            self.detect(Some(id), dns.proc, now, alerts, |cx, out| name::tunnelled(cx, dns, (parent, count), out));
        }
    }

    /// By which name the place is known to which a connection was made. Its client's word comes first: it may be untrue,
    /// but it is what the other side gets to see.
    pub(super) fn seen(&self, id: ServerId, net: &Net, now: Time) -> Option<Seen> {
        if net.name.is_some() {
            return None;
        }
        if let Some(asked) = self.state.connections.of(net).and_then(|connection| connection.asked()) {
            return Some(Seen { name: asked.to_owned(), by: "sni" });
        }
        let resolved = self.state.names.of(id, net.addr, now).next()?;
        Some(Seen { name: resolved.name.clone(), by: "dns" })
    }

    /// What explains a connection now: its address, its resolved names, and what its client claims.
    pub(super) fn explained_now(&self, scene: &Scene<'_>, net: &Net, to: &Destination<'_>) -> Explained {
        let actor = self.state.processes.get(net.proc);
        let mut explained = explain::destination(scene, actor, to);
        if !explained.is_explained() && to.name.is_none() {
            let names = self.state.names.of(scene.server.id, net.addr, scene.now);
            explained = explain::by_resolver(scene, actor, to, names);
        }
        match self.state.connections.of(net).and_then(|connection| connection.asked()) {
            Some(asked) => {
                let claimed = explain::claimed(&[*scene], actor, to, asked);
                explain::after_claim(&explained, &claimed, asked)
            }
            None => explained,
        }
    }

    fn to<'a>(&self, net: &'a Net) -> Destination<'a> {
        let role = self.config.roles.role(net.addr);
        Destination { addr: canonical(net.addr), port: net.port, name: net.name.as_deref(), role }
    }
}

/// Writes the name into what was found of a connection.
pub(super) fn tell(findings: &mut [crate::detect::Finding], net: &Net, seen: Option<&Seen>) {
    if let Some(seen) = seen {
        for finding in findings {
            name::tell(finding, net, seen);
        }
    }
}

/// Whether the profile, or the user's command line, names a host under this parent.
fn is_declared(server: &Server, parent: &str) -> bool {
    let below = |host: &str| host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    server.hosts.iter().any(|host| below(&host.name))
        || server.profile.as_ref().is_some_and(|profile| profile.hosts.iter().any(|host| below(&host.host)))
}
