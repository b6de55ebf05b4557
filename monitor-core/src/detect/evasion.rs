//! `evasion`: persistence, forged requests, ways around the sensors, injected code.

use crate::alert::{Confidence, Fact};
use crate::event::{Exec, File, FileOp, Loss, Mcp, Net, Opaque};
use crate::role::Role;
use crate::rules;

use monitor_wire::mcp::Body;

use super::{Cx, Finding, naming_arguments, request_id};

/// A write to a persistence point of this kind. Only the profile can excuse it.
pub fn persistence(cx: &Cx<'_>, file: &File, path: &str, kind: &str, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let declared = server.profile.as_ref().is_some_and(|profile| {
        profile.writes.iter().any(|pattern| pattern.matches(path))
            && cx.proc().is_none_or(|proc| server.is_own_program(&proc.node))
    });
    // package managers link the programs that they install while the server is being started
    let installs = kind == "path_program"
        && server.phase(cx.now, &cx.config.windows) == crate::profile::Phase::Start
        && cx.proc().is_some_and(|proc| crate::explain::managed(server, &proc.node));
    if declared || installs {
        return;
    }
    let calls = cx.open_calls();
    let named = naming_arguments(server, &calls, &[path]);
    let told = if named.is_empty() { "" } else { "; an argument of the call names this file" };
    let verb = match file.op {
        FileOp::Rename => "moved or replaced",
        FileOp::Symlink | FileOp::Link => "made a link at",
        FileOp::Unlink => "removed",
        FileOp::Open => "opened for writing",
        _ => "wrote to",
    };
    let known_as = cx.state.persistent.known_as(file.file.id).filter(|known| known.as_ref() != path);
    let other = known_as
        .filter(|_| crate::persistence::lookup(path).is_none() && path == file.file.path)
        .map_or_else(String::new, |known| format!(", which is {known} by another name"));
    let summary = format!(
        "{} {verb} {path}{other} ({kind}), from which code is started later,{}{told}.",
        cx.whose(),
        cx.during(&calls)
    );
    let mut finding = cx.finding(&rules::PERSISTENCE, format!("file:{path}"), Fact::file(file), summary);
    finding.evidence.splice(0..0, named);
    out.push(finding);
}

/// A request that came from inside the server's own tree.
pub fn forged(cx: &Cx<'_>, mcp: &Mcp, out: &mut Vec<Finding>) {
    let (tool, request, method) = match &mcp.message.body {
        Body::Request(request) => (
            request.call.as_ref().map(|call| call.name.clone()),
            Some(request_id(&request.id)),
            request.method.as_str(),
        ),
        Body::Notification(note) => (None, None, note.method.as_str()),
        Body::Response(response) => (None, Some(request_id(&response.id)), "a response"),
    };
    let what = if method == "tools/call" { "tool " } else { "" };
    let named = tool.as_deref().map_or_else(String::new, |tool| format!(" for {what}{tool}"));
    let summary = format!(
        "{} sent the server {method}{named} from inside the server's own process tree; it explains nothing.",
        cx.whose()
    );
    let object = format!("mcp:{}", tool.as_deref().unwrap_or(method));
    let fact = Fact::Mcp { tool, field: Some(method.to_owned()), request, detail: Some("forged".to_owned()) };
    out.push(cx.finding(&rules::FORGED, object, fact, summary));
}

/// An operation that the sensors can't decode.
pub fn opaque(cx: &Cx<'_>, opaque: &Opaque, out: &mut Vec<Finding>) {
    if cx.server.is_none() {
        return;
    }
    let (rule, abi, io_uring) = match opaque.what.as_str() {
        "compat_abi" | "ia32" | "x32" => (&rules::COMPAT, Some(opaque.what.clone()), false),
        "io_uring" => (&rules::IO_URING, None, true),
        "input_opened" => (&rules::FORGED, None, false),
        _ => (&rules::OPAQUE, None, false),
    };
    let detail = if opaque.detail.is_empty() { String::new() } else { format!(" ({})", opaque.detail) };
    let what = match rule.id {
        "TL-EVA-002" => {
            "opened the client's end of the server's input for writing, so no request explains anything now"
        }
        "TL-EVA-003" => "used 32-bit system calls",
        "TL-EVA-004" => "used io_uring in a way that this kernel's hooks can't resolve",
        _ => "did something that the sensors couldn't decode",
    };
    let summary = format!("{} {what}: {}{detail}.", cx.whose(), opaque.what);
    let fact = Fact::Opaque { what: opaque.what.clone(), detail: opaque.detail.clone(), abi, io_uring };
    out.push(cx.finding(rule, format!("opaque:{}", opaque.what), fact, summary));
}

/// A 32-bit program below a server: every system call it makes goes by the other table.
pub fn compat_exec(cx: &Cx<'_>, exec: &Exec, out: &mut Vec<Finding>) {
    if !exec.compat || cx.server.is_none() {
        return;
    }
    let summary = format!(
        "{} executed the 32-bit program {}: its system calls pass the 64-bit hooks by.",
        cx.whose(),
        exec.exe.path
    );
    out.push(cx.finding(&rules::COMPAT, format!("exec:{}", exec.exe.path), Fact::exec(exec), summary));
}

/// A socket call through the 32-bit table.
pub fn compat_net(cx: &Cx<'_>, net: &Net, role: Role, out: &mut Vec<Finding>) {
    let abi = net.abi.as_deref().unwrap_or_default();
    let summary = format!("{} used 32-bit system calls ({abi}) to reach {} port {}.", cx.whose(), net.addr, net.port);
    out.push(cx.finding(&rules::COMPAT, format!("opaque:{abi}"), Fact::net(net, role), summary));
}

/// A child with an injected preload that the server itself wasn't started with.
pub fn preload(cx: &Cx<'_>, exec: &Exec, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    if exec.preload.is_empty() || server.is_root(exec.proc) {
        return;
    }
    let inherited = |name: &String| server.root.image.preload.contains(name);
    let new: Vec<&str> = exec.preload.iter().filter(|name| !inherited(name)).map(String::as_str).collect();
    if new.is_empty() {
        return;
    }
    let summary = format!(
        "{} started {} with {} naming a place that it or other users can write: foreign code runs in it.",
        cx.whose(),
        exec.exe.path,
        new.join(", ")
    );
    let object = format!("preload:{}:{}", new.join(","), exec.exe.path);
    let mut finding = cx.finding(&rules::PRELOAD, object, Fact::exec(exec), summary);
    finding.confidence = Confidence::Medium;
    out.push(finding);
}

/// Data was lost because of one watched process.
pub fn caused_loss(cx: &Cx<'_>, loss: &Loss, out: &mut Vec<Finding>) {
    if cx.server.is_none() {
        return;
    }
    let summary = format!(
        "{} made the {} sensor lose {} ({}): what it did meanwhile may be missing.",
        cx.whose(),
        loss.sensor,
        super::sensor::amount(loss),
        loss.reason
    );
    let fact = super::sensor::fact(loss);
    out.push(cx.finding(&rules::CAUSED_LOSS, format!("loss:{}:{}", loss.sensor, loss.reason), fact, summary));
}
