//! Names: whom connections are for, by what their clients say first, and what travels in look-ups. Of several categories.

use monitor_wire::tls::Hello;

use super::{Cx, Finding};
use crate::alert::{Confidence, Evidence, Fact, Severity};
use crate::event::{Dns, Net};
use crate::explain::{Destination, Explained, Firm, is_misplaced};
use crate::profile::NetworkPolicy;
use crate::role::{Role, canonical, is_https_resolver, is_tunnel_edge, shared_host};
use crate::rules::{self, Rule};
use crate::time::Time;

/// How many characters before its parent make a name long: two labels of ordinary hosts don't.
const LONG: usize = 40;
/// Least entropy of a long name's characters, in bits: repeating a few letters carries nothing.
const RANDOM: f64 = 2.5;

/// A name by which an address is known, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The name.
    pub name: String,
    /// `sni` or `dns`.
    pub by: &'static str,
}

/// A connection whose client began TLS and said whom it asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How it was made.
    pub net: &'a Net,
    /// When.
    pub opened: Time,
    /// Where to.
    pub to: &'a Destination<'a>,
    /// What the client said.
    pub hello: &'a Hello,
    /// The name in it.
    pub name: &'a str,
    /// What would explain a connection to that name.
    pub claimed: &'a Explained,
    /// What explained the connection before, and what explains it now.
    pub explained: (&'a Explained, &'a Explained),
}

/// A client asks for a host.
pub fn asked(cx: &Cx<'_>, asked: &Asked<'_>, out: &mut Vec<Finding>) {
    let (before, now) = asked.explained;
    if is_https_resolver(asked.name) && asked.claimed.firm < Firm::Strong {
        out.push(resolver(cx, asked));
        return;
    }
    if is_tunnel_edge(asked.name) && asked.claimed.firm == Firm::No {
        let rest = format!(", the edge of a tunnel service,{}.", cx.during(&cx.open_calls()));
        out.push(finding(cx, asked, &rules::TUNNEL, ("dest", &rest)));
    }
    if before.firm > Firm::No && now.firm == Firm::No {
        out.push(undeclared(cx, asked));
    }
    if before.firm == Firm::No && cx.scene().is_some_and(|scene| is_misplaced(&scene, asked.to, asked.name)) {
        out.push(misplaced(cx, asked));
    }
}

/// Many long names under one parent.
pub fn tunnelled(cx: &Cx<'_>, dns: &Dns, (parent, count): (&str, usize), out: &mut Vec<Finding>) {
    let summary = format!(
        "{} asked name servers for at least {count} long names under {parent} within a minute,{}: data can leave in them.",
        cx.whose(),
        cx.during(&cx.open_calls())
    );
    let fact = Fact::Dns {
        // what it carries may be a secret
        name: format!("{}….{parent}", dns.answer.name.chars().take(8).collect::<String>()),
        of: dns.answer.of.clone(),
        server: dns.server.to_string(),
    };
    let mut finding = cx.finding(&rules::DNS_TUNNEL, format!("dns:{parent}"), fact, summary);
    finding.confidence = Confidence::Medium;
    out.push(finding);
}

/// The parent of a name that is long enough, and looks random enough, to carry data: about the domain that somebody
/// registered.
#[must_use]
pub fn carrying(name: &str) -> Option<&str> {
    let (last, _) = name.rmatch_indices('.').nth(1)?;
    let (below, parent) = (name.get(..last)?, name.get(last.checked_add(1)?..)?);
    (!is_local(parent) && carries(below)).then_some(parent)
}

/// Whether a part of a name is long enough, and looks random enough, to carry data.
#[must_use]
pub fn carries(part: &str) -> bool {
    part.chars().filter(|c| *c != '.').count() >= LONG && entropy(part) >= RANDOM
}

/// Whether nobody has registered the name: what is asked for below it stays in the network, however long it is, as do
/// addresses that are looked up backwards.
fn is_local(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    ["arpa", "internal", "local", "localhost"].iter().any(|local| last.eq_ignore_ascii_case(local))
}

/// An address and port as sentences have them.
#[must_use]
pub fn place(net: &Net) -> String {
    Destination { addr: canonical(net.addr), port: net.port, name: None, role: Role::Internet }.text()
}

/// A place with its name, for people.
#[must_use]
pub fn shown(place: &str, name: &str) -> String {
    format!("{place} ({})", legible(name))
}

/// A name as sentences have it: what no host's name holds, whoever chose it may mean for the reader.
fn legible(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_\\".contains(c);
    name.chars().map(|c| if fits(c) { c } else { '?' }).collect()
}

/// A sentence with the name of a place that it tells of.
#[must_use]
pub fn with(sentence: &str, place: &str, name: &str) -> String {
    // a host that the sentence tells of needs it once
    let told = [shown(place, name), format!("{} at {place}", legible(name))];
    if told.iter().any(|told| sentence.contains(told)) {
        return sentence.to_owned();
    }
    sentence.replacen(place, &shown(place, name), 1)
}

/// Writes into a finding by which name the address is known to which a connection was made.
pub fn tell(finding: &mut Finding, net: &Net, seen: &Seen) {
    fill(&mut finding.evidence, net, seen);
    let place = place(net);
    finding.summary = with(&finding.summary, &place, &seen.name);
    if let Some(attempt) = &mut finding.attempt {
        attempt.named(&place, &seen.name);
    }
}

/// Names the connections in the evidence.
pub fn fill(evidence: &mut [Evidence], net: &Net, seen: &Seen) {
    let address = net.addr.to_string();
    for item in evidence {
        if let Fact::Connect(fact) = &mut item.fact
            && fact.port == net.port
            && fact.address == address
            // whoever asked knows better than who was asked
            && (fact.name.is_none() || seen.by == "sni" && fact.by.as_deref() == Some("dns"))
        {
            fact.name = Some(seen.name.clone());
            fact.by = Some(seen.by.to_owned());
        }
    }
}

fn undeclared(cx: &Cx<'_>, asked: &Asked<'_>) -> Finding {
    let what = match shared_host(asked.name) {
        Some(owner) => format!("of some other {owner} customer, which its profile doesn't declare"),
        None => "that its profile doesn't declare".to_owned(),
    };
    let shared = match asked.to.role {
        Role::Cloudflare => "; its address is Cloudflare's, which many share",
        _ => "",
    };
    let rest = format!(", a host {what},{}{shared}.", cx.during(&cx.open_calls()));
    let mut finding = finding(cx, asked, &rules::UNDECLARED_HOST, ("dest", &rest));
    if let Some(server) = cx.server {
        let policy = server.profile.as_ref().map_or(NetworkPolicy::Open, |profile| profile.network);
        // where no call explains a host, none is missed
        finding.absence = matches!(policy, NetworkPolicy::Fetch | NetworkPolicy::Open);
        if server.destinations.contains(asked.name) {
            finding.severity = Severity::Low;
        }
    }
    finding
}

fn misplaced(cx: &Cx<'_>, asked: &Asked<'_>) -> Finding {
    let rest = format!(
        ", a host of its profile's at an address of role {}, where it doesn't belong,{}.",
        asked.to.role.as_str(),
        cx.during(&cx.open_calls())
    );
    let mut finding = finding(cx, asked, &rules::MISPLACED_HOST, ("host", &rest));
    finding.confidence = Confidence::Medium;
    if asked.to.local() {
        // a stand-in for tests, or a proxy on this host
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    }
    finding
}

fn resolver(cx: &Cx<'_>, asked: &Asked<'_>) -> Finding {
    let rest =
        format!(", a resolver over HTTPS: what it looks up there can't be seen,{}.", cx.during(&cx.open_calls()));
    finding(cx, asked, &rules::DNS_OVER_HTTPS, ("dest", &rest))
}

fn finding(cx: &Cx<'_>, asked: &Asked<'_>, rule: &'static Rule, (object, rest): (&str, &str)) -> Finding {
    let Asked { net, to, name, .. } = asked;
    let mut connect = Fact::net(net, to.role);
    if let Fact::Connect(fact) = &mut connect
        && matches!(fact.result.as_str(), "" | "in_progress")
    {
        // it was made: something was said on it
        "ok".clone_into(&mut fact.result);
    }
    let summary = format!("{} began TLS with {} at {}{rest}", cx.whose(), legible(name), place(net));
    let mut finding = cx.finding(rule, format!("{object}:{name}:{}", net.port), connect, summary);
    for item in &mut finding.evidence {
        item.time = asked.opened.into();
    }
    finding.evidence.push(Evidence { time: cx.now.into(), fact: Fact::tls(asked.hello) });
    finding
}

/// Shannon entropy of the characters, in bits.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 128];
    let mut total = 0_u32;
    for byte in text.bytes().filter(|byte| *byte != b'.') {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
            total = total.saturating_add(1);
        }
    }
    let total = f64::from(total);
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_random_names_carry_data() {
        let hex = "3b9f01aa7c42d8e6510f9be2847d3ac6e19b0475";
        assert_eq!(carrying(&format!("{hex}.evil.example")), Some("evil.example"));
        assert_eq!(carrying(&format!("{}.{}.t.evil.example", &hex[..20], &hex[20..])), Some("evil.example"));
        let zeros = "0".repeat(60);
        for name in ["", ".", "example", "api.cloudflare.com", &format!("{zeros}.evil.example"), hex] {
            assert_eq!(carrying(name), None, "{name}");
        }
        let back = "b.a.9.8.7.6.5.4.3.2.1.0.b.a.9.8.7.6.5.4.3.2.1.0.8.b.d.0.1.0.0.2.0.1.2.3.4.5.6.7.8.9.ip6.arpa";
        assert_eq!(carrying(back), None);
    }
}
