//! `undeclared_effect`: destinations, changes and reads that nothing explains.

use crate::alert::{Confidence, Fact, Severity};
use crate::event::{File, FileOp, Net};
use crate::explain::{Destination, Explained, Firm, is_user_data};
use crate::profile::Phase;
use crate::role::Role;
use crate::rules;

use super::{Cx, Finding};

/// A destination.
pub fn connect(cx: &Cx<'_>, net: &Net, to: &Destination<'_>, explained: &Explained, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    if explained.firm > Firm::No || matches!(to.role, Role::Multicast | Role::Metadata | Role::Internal) {
        return;
    }
    let phase = server.phase(cx.now, &cx.config.windows);
    let idle = phase == Phase::Idle || phase == Phase::Stop;
    let calls = cx.open_calls();
    let (rule, why) = if idle {
        (&rules::IDLE_EFFECT, "although no call was open".to_owned())
    } else {
        (&rules::DESTINATION, format!("which nothing explains,{}", cx.during(&calls)))
    };
    let summary = format!("{} connected to {}, {why}.", cx.whose(), to.text());
    let mut finding = cx.finding(rule, format!("dest:{}", to.text()), Fact::net(net, to.role), summary);
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
    let outside_roots = !server.roots.iter().any(|root| crate::named::inside(path, root));
    let (severity, confidence) = match explained.firm {
        Firm::Strong => return,
        // a call is open that may change things, and changes one where it was given nothing
        Firm::Weak if lenient && outside_roots && !explained.calls.is_empty() && is_user_data(path) => {
            (Severity::Low, Confidence::Weak)
        }
        Firm::Weak => return,
        // a start that says little: programs make their folders
        Firm::No if lenient && server.phase(cx.now, &cx.config.windows) == Phase::Start && is_user_data(path) => {
            (Severity::Low, Confidence::Weak)
        }
        Firm::No => (Severity::High, Confidence::Strong),
    };
    let calls = cx.open_calls();
    let verb = match file.op {
        FileOp::Unlink => "removed",
        FileOp::Rename => "renamed",
        FileOp::Chmod => "changed the mode or owner of",
        FileOp::Truncate => "truncated",
        FileOp::Link | FileOp::Symlink => "made a link at",
        _ => "changed",
    };
    let reads_only = super::calls_of(server, &calls).any(|call| !call.declared.may_mutate());
    let why = if reads_only { ", although the open tool is declared to change nothing" } else { "" };
    let summary = format!("{} {verb} {path}{}{why}, which nothing explains.", cx.whose(), cx.during(&calls));
    let mut finding = cx.finding(&rules::MUTATION, format!("file:{path}"), Fact::file(file), summary);
    finding.severity = severity;
    finding.confidence = confidence;
    finding.absence = true;
    out.push(finding);
}

/// A read of a person's file.
pub fn read(cx: &Cx<'_>, file: &File, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let folder = person_folder(&file.file.path);
    let calls = cx.open_calls();
    let summary = format!("{} read {}{}, which nothing explains.", cx.whose(), file.file.path, cx.during(&calls));
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
