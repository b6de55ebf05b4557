//! `undeclared_effect`: destinations, changes and reads that nothing explains.

use crate::alert::{Confidence, Fact, Severity};
use crate::event::{File, FileOp, Net};
use crate::explain::{Destination, Explained, Firm, is_settings_of_others, is_user_data};
use crate::profile::Phase;
use crate::role::Role;
use crate::rules;
use crate::state::{Hold, Server};

use super::{Attempt, Cx, Finding};

/// A destination. `told`: what it leads to was told already; that nobody had asked for anything is still news.
pub fn connect(
    cx: &Cx<'_>,
    net: &Net,
    to: &Destination<'_>,
    (explained, told): (&Explained, bool),
    out: &mut Vec<Finding>,
) {
    let Some(server) = cx.server else { return };
    if explained.firm > Firm::No || matches!(to.role, Role::Multicast | Role::Metadata | Role::Internal) {
        return;
    }
    let phase = server.phase(cx.now, &cx.config.windows);
    let idle = phase == Phase::Idle || phase == Phase::Stop;
    if told && !idle {
        return;
    }
    let calls = cx.open_calls();
    let (rule, why) = if idle {
        (&rules::IDLE_EFFECT, "although no call was open".to_owned())
    } else {
        (&rules::DESTINATION, format!("which nothing explains,{}", cx.during(&calls)))
    };
    let attempt = Attempt::new(net, cx.whose(), to.text(), format!(", {why}."));
    let mut finding = cx.connecting(rule, format!("dest:{}", to.text()), (net, to.role), attempt);
    finding.absence = true;
    if to.local() {
        // proxies, debuggers and neighbours on this host: worth a record, not a person's time
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    } else if server.destinations.contains(&key(to)) {
        finding.severity = Severity::Low;
    }
    out.push(finding);
}

/// A change of a file that is no persistence point.
pub fn write(cx: &Cx<'_>, file: &File, path: &str, explained: &Explained, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let lenient = server.lenient();
    let others = lenient && cx.scene().is_some_and(|scene| is_settings_of_others(&scene, path));
    let outside_roots = !server.roots.iter().any(|root| crate::named::inside(path, root));
    let (severity, confidence) = match explained.firm {
        Firm::Strong => return,
        // a call is open that may change things, and changes one where it was given nothing
        Firm::Weak if lenient && outside_roots && !explained.calls.is_empty() && is_user_data(path) => {
            (Severity::Low, Confidence::Weak)
        }
        // nobody would miss what a program of its own writes there, but this is another program's
        Firm::Weak if others => (Severity::Low, Confidence::Weak),
        Firm::Weak => return,
        // a start that says little: programs make their folders
        Firm::No if lenient && server.phase(cx.now, &cx.config.windows) == Phase::Start && is_user_data(path) => {
            (Severity::Low, Confidence::Weak)
        }
        // it may be the end of what a call was for; that excuses nothing
        Firm::No if trails(cx, server) => (Severity::High, Confidence::Weak),
        Firm::No => (Severity::High, Confidence::Strong),
    };
    let calls = cx.open_calls();
    let verb = match file.op {
        FileOp::Unlink => "removed",
        FileOp::Rename if path != file.file.path => "put another file at",
        FileOp::Rename => "renamed",
        FileOp::Chmod => "changed the mode or owner of",
        FileOp::Truncate => "truncated",
        FileOp::Link | FileOp::Symlink => "made a link at",
        FileOp::Open => "opened for writing",
        _ => "changed",
    };
    let held = || server.holding(cx.now, &cx.config.windows);
    let reads_only = held().any(|(call, hold)| hold == Hold::Open && !call.declared.may_mutate());
    let why = if reads_only { ", although the open tool is declared to change nothing" } else { "" };
    let to = match (&file.to, file.op) {
        (Some(to), FileOp::Rename) if path == file.file.path => format!(" to {to}"),
        _ => String::new(),
    };
    let summary = format!("{} {verb} {path}{to}{}{why}, which nothing explains.", cx.whose(), cx.during(&calls));
    let object = if others { format!("folder:{}", person_folder(path)) } else { format!("file:{path}") };
    let mut finding = cx.finding(&rules::MUTATION, object, Fact::file(file), summary);
    finding.severity = severity;
    finding.confidence = confidence;
    finding.absence = true;
    out.push(finding);
}

/// Whether a call that was just answered could have explained a change while it was open.
fn trails(cx: &Cx<'_>, server: &Server) -> bool {
    server.holding(cx.now, &cx.config.windows).any(|(call, hold)| hold == Hold::Tail && call.declared.may_mutate())
}

/// A read of a person's file.
pub fn read(cx: &Cx<'_>, file: &File, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let folder = person_folder(&file.file.path);
    let calls = cx.open_calls();
    let why = if calls.is_empty() { "which nothing explains" } else { "which no argument and no declaration names" };
    let summary = format!("{} read {}{}, {why}.", cx.whose(), file.file.path, cx.during(&calls));
    let mut finding = cx.finding(&rules::READ, format!("folder:{folder}"), Fact::file(file), summary);
    finding.absence = true;
    if server.lenient() {
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    }
    out.push(finding);
}

/// How a server remembers a destination.
#[must_use]
pub fn key(to: &Destination<'_>) -> String {
    to.name.map_or_else(|| to.addr.to_string(), |name| name.trim_end_matches('.').to_ascii_lowercase())
}

/// The first folder below a home (or the first two of any path): many files of one folder are one finding.
fn person_folder(path: &str) -> &str {
    let depth = if path.starts_with("/home/") { 4 } else { 3 };
    path.match_indices('/').nth(depth - 1).and_then(|(at, _)| path.get(..at)).unwrap_or(path)
}
