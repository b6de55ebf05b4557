//! API requests that nothing explains: `undeclared_effect`; `tool_abuse` where lasting access, code or traffic is at
//! stake and a call is open; and requests with another token than the server's own.

use crate::alert::{Confidence, Fact, Severity};
use crate::event::Http;
use crate::explain::{ApiRequest, Joined, Refused, is_anybodys_guess};
use crate::profile::{Phase, Profile};
use crate::rules;
use crate::state::Hold;
use crate::time::Time;

use super::{Cx, Finding};

/// What is told of a request.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The event.
    pub http: &'a Http,
    /// Its head.
    pub head: &'a monitor_wire::http::Request,
    /// As it was judged.
    pub asked: &'a ApiRequest<'a>,
}

impl Told<'_> {
    fn fact(&self, detail: Option<String>) -> Fact {
        Fact::HttpRequest {
            method: self.head.method.clone(),
            host: self.asked.host.to_owned(),
            path: self.head.path.clone(),
            token: self.head.authorization.as_ref().map(|authorization| authorization.token.clone()),
            exchange: self.head.exchange,
            by: self.http.by.clone(),
            tls: self.http.tls,
            detail,
        }
    }

    fn line(&self) -> String {
        format!("{} {} to {}", self.head.method, self.head.path, self.asked.host)
    }

    /// What counts as the same change.
    fn object(&self) -> String {
        let path = self.asked.route.as_ref().map_or_else(|| self.head.path.clone(), crate::profile::Route::text);
        format!("request:{} {}{path}", self.head.method, self.asked.host)
    }
}

/// Whether the end of its path is missing, so that nobody can tell what it is for.
#[must_use]
pub fn is_cut(head: &monitor_wire::http::Request) -> bool {
    head.flags.iter().any(|flag| flag == "cut_path")
}

/// A request that nothing explains.
pub fn unexplained(cx: &Cx<'_>, told: &Told<'_>, joined: &Joined, out: &mut Vec<Finding>) {
    if joined.explained.is_explained() {
        return;
    }
    if joined.changes { change(cx, told, joined, out) } else { read(cx, told, joined, out) }
}

/// A change.
fn change(cx: &Cx<'_>, told: &Told<'_>, joined: &Joined, out: &mut Vec<Finding>) {
    let (Some(server), Some(scene)) = (cx.server, cx.scene()) else { return };
    let open = || server.holding(cx.now, &cx.config.windows).filter(|(_, hold)| *hold == Hold::Open);
    let sensitive = is_sensitive(cx, told);
    // with no call open there is no tool to misuse
    let abuse = sensitive && !joined.declared && open().next().is_some();
    let rule = if abuse { &rules::SENSITIVE_API } else { &rules::API_CHANGE };
    let why = why(told, joined, open().next().is_some());
    let mut finding = cx.finding(rule, told.object(), told.fact(detail(joined)), sentence(cx, told, &why));
    let mutating = open().any(|(call, _)| call.declared.may_mutate());
    let mut tails = server.holding(cx.now, &cx.config.windows).filter(|(_, hold)| *hold == Hold::Tail);
    let trails = open().next().is_none() && tails.any(|(call, _)| call.declared.may_mutate());
    (finding.severity, finding.confidence) = if is_anybodys_guess(&scene) {
        // a tool that no profile knows may be for just this
        (if sensitive { Severity::High } else { Severity::Medium }, Confidence::Weak)
    } else if trails || is_cut(told.head) {
        // it may be the end of what a call was for; that excuses nothing
        (Severity::High, Confidence::Weak)
    } else if mutating && joined.refused.is_none() {
        (Severity::High, Confidence::Medium)
    } else {
        (Severity::High, Confidence::Strong)
    };
    if joined.refused == Some(Refused::Again) {
        // the first may have failed
        let since = open().map(|(call, _)| call.started).min().unwrap_or(cx.now);
        doubt(cx, since, &mut finding);
    }
    finding.absence = true;
    out.push(finding);
}

/// A request that changes nothing.
fn read(cx: &Cx<'_>, told: &Told<'_>, joined: &Joined, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let phase = server.phase(cx.now, &cx.config.windows);
    let (severity, object) = match (&joined.refused, phase) {
        (Some(Refused::Foreign(name, value)), _) => (Severity::Medium, format!("{name}={value}")),
        (_, Phase::Idle | Phase::Stop) if cx.open_calls().is_empty() && !is_startup(cx, told) => {
            (Severity::Medium, "idle".to_owned())
        }
        _ => (Severity::Low, "other".to_owned()),
    };
    let open = phase == Phase::Call;
    let object = format!("reads:{}:{object}", told.asked.host);
    let fact = told.fact(detail(joined));
    let mut finding = cx.finding(&rules::API_READ, object, fact, sentence(cx, told, &why(told, joined, open)));
    finding.severity = severity;
    // helpers look things up, and nobody declares that
    let unsure = severity == Severity::Low || is_cut(told.head);
    finding.confidence = if unsure { Confidence::Weak } else { Confidence::Strong };
    finding.absence = true;
    out.push(finding);
}

/// Authorised by another token than before, which was last used at `since`.
pub fn token(cx: &Cx<'_>, told: &Told<'_>, joined: &Joined, since: Time, out: &mut Vec<Finding>) {
    let Some(authorization) = &told.head.authorization else { return };
    let calls = cx.open_calls();
    let summary = format!(
        "{} sent {}{} with another token ({}) than before, and none was refreshed.",
        cx.whose(),
        told.line(),
        cx.during(&calls),
        authorization.token,
    );
    let fact = told.fact(Some("another token than before".to_owned()));
    let object = format!("token:{}", authorization.token);
    let mut finding = cx.finding(&rules::OTHER_TOKEN, object, fact, summary);
    // somebody may have signed in anew meanwhile
    if joined.explained.is_explained() || !joined.changes {
        finding.severity = Severity::Low;
    }
    finding.confidence = Confidence::Medium;
    doubt(cx, since, &mut finding);
    out.push(finding);
}

/// What rests on an answer that wasn't seen is worth little where one may have been lost since.
fn doubt(cx: &Cx<'_>, since: Time, finding: &mut Finding) {
    if cx.server.is_some_and(|server| cx.state.gaps.answers_incomplete(server.id, since, cx.now)) {
        finding.severity = finding.severity.min(Severity::Low);
        finding.confidence = Confidence::Weak;
    }
}

fn sentence(cx: &Cx<'_>, told: &Told<'_>, why: &str) -> String {
    let calls = cx.open_calls();
    format!("{} sent {}, {why},{}.", cx.whose(), told.line(), cx.during(&calls))
}

fn why(told: &Told<'_>, joined: &Joined, open: bool) -> String {
    if is_cut(told.head) {
        return "whose path is too long to tell what it is for".to_owned();
    }
    match &joined.refused {
        Some(Refused::Foreign(name, value)) => {
            format!("whose {name} ({value}) is neither what the call was asked for nor what is configured")
        }
        Some(Refused::Again) => "more often than the open call is declared to".to_owned(),
        None if open => "which no open call explains".to_owned(),
        None => "which nothing explains".to_owned(),
    }
}

fn detail(joined: &Joined) -> Option<String> {
    Some(match joined.refused.as_ref()? {
        Refused::Foreign(name, _) => format!("foreign {name}"),
        Refused::Again => "more often than declared".to_owned(),
    })
}

fn is_sensitive(cx: &Cx<'_>, told: &Told<'_>) -> bool {
    listed(cx, told, |profile| &profile.sensitive_apis)
}

fn is_startup(cx: &Cx<'_>, told: &Told<'_>) -> bool {
    listed(cx, told, |profile| &profile.startup_apis)
}

fn listed(cx: &Cx<'_>, told: &Told<'_>, list: impl Fn(&Profile) -> &[crate::profile::Api]) -> bool {
    let (Some(profile), Some(route)) = (cx.server.and_then(|server| server.profile.as_ref()), &told.asked.route) else {
        return false;
    };
    Profile::is_listed(list(profile), &told.head.method, told.asked.host, route)
}
