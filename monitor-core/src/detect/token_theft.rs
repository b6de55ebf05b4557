//! `token_theft`, the reaching half: a stranger reads a watched server's own store, environment or memory.

use crate::alert::{Confidence, Fact, MemoryFact, Severity};
use crate::event::{File, FileOp, Memory, MemoryOp};
use crate::rules;
use crate::state::{Image, Server, Taint};

use super::credential::{Reached, evidence, is_owner, is_shared, is_store_of, verb};
use super::{Cx, Finding};

/// A credential that is some server's own is reached by somebody else. Returns what a process outside every server
/// holds from now on.
pub fn file(cx: &Cx<'_>, file: &File, found: &Reached<'_>, out: &mut Vec<Finding>) -> Option<Taint> {
    if !found.reads || is_shared(found.credential) {
        return None;
    }
    let proc = cx.proc();
    // inside a server a place that the server may write doesn't make a program what it is called
    let genuine = |image: &Image| {
        cx.server
            .is_none_or(|own| crate::explain::is_interpreter(image.program()) || crate::explain::vouched(own, image))
    };
    let owns = |image: &Image| is_owner(image, &found.credential.owners) && genuine(image);
    if proc.is_some_and(|proc| owns(&proc.node.image)) {
        return None;
    }
    let victim = cx.state.servers.iter().find(|server| {
        server.ended.is_none() && is_store_of(server, found.credential, found.known_as) && is_stranger(cx, server)
    })?;
    // another instance of the same server, or a second one with the same store, reads what is its own
    if cx.server.is_some_and(|own| own.id != victim.id && is_store_of(own, found.credential, found.known_as)) {
        return None;
    }
    let fact = evidence(file, found);
    let verb = verb(file);
    let summary = format!(
        "{} {verb} {}, the token store of MCP server {} (pid {}), and doesn't own it.",
        cx.whose(),
        found.known_as,
        victim.start.name,
        victim.start.root.pid,
    );
    let mut finding = cx.finding(&rules::STORE_READ, format!("file:{}", found.known_as), fact.clone(), summary);
    finding.concerns = Some(victim.id);
    out.push(finding);
    (file.op != FileOp::Rename).then(|| Taint {
        time: cx.now,
        node: cx.node(),
        path: found.known_as.to_owned(),
        what: found.credential.kind.clone(),
        secrecy: Some(found.credential.secrecy),
        victim: Some(victim.id),
        at_start: false,
        evidence: crate::alert::Evidence { time: cx.now.into(), fact },
        named_by: None,
    })
}

/// Somebody reaches for the environment, memory or descriptors of a watched server.
pub fn memory(cx: &Cx<'_>, memory: &Memory, out: &mut Vec<Finding>) -> Option<Taint> {
    let victim = memory
        .target_server
        .or_else(|| cx.state.processes.get(memory.target).and_then(|target| target.server))
        .and_then(|id| cx.state.servers.get(id))?;
    if memory.proc == memory.target {
        return None;
    }
    let onlooker = |image| crate::explain::may_look(image, memory.op, cx.state.agent);
    if cx.server.is_none() && cx.proc().is_some_and(|proc| onlooker(&proc.node.image)) {
        return None;
    }
    let inside = cx.server.is_some_and(|own| own.id == victim.id);
    let severity = if inside { within(cx, victim, memory) } else { from_outside(memory) }?;
    let what = match memory.op {
        MemoryOp::ProcEnviron => "the environment",
        MemoryOp::ProcMaps => "the memory map",
        MemoryOp::ProcFd | MemoryOp::FdOpen | MemoryOp::PidfdGetfd => "a descriptor",
        MemoryOp::VmWrite => "(for writing) the memory",
        MemoryOp::PtraceAttach | MemoryOp::VmRead | MemoryOp::ProcMem => "the memory",
    };
    let tried = if memory.ok == Some(false) { "tried to reach" } else { "reached" };
    let summary = format!(
        "{} {tried} {what} of MCP server {} (pid {}) {}: tokens it holds may be known to it.",
        cx.whose(),
        victim.start.name,
        memory.target.pid,
        way(memory),
    );
    let object = format!("process:{}:{}", memory.target.pid, crate::alert::memory_op(memory.op));
    let mut finding = cx.finding(&rules::MEMORY_READ, object, fact(memory), summary);
    finding.concerns = Some(victim.id);
    finding.severity = severity;
    if memory.ok.is_none() {
        finding.confidence = Confidence::Medium;
    }
    let evidence = finding.evidence.first().cloned();
    out.push(finding);
    if severity < Severity::High {
        return None;
    }
    evidence.map(|evidence| Taint {
        time: cx.now,
        node: cx.node(),
        path: format!("{what} of pid {}", memory.target.pid),
        what: "server_memory".to_owned(),
        secrecy: Some(crate::credential::Secrecy::Token),
        victim: Some(victim.id),
        at_start: false,
        evidence,
        named_by: None,
    })
}

/// Evidence of reaching for another process.
#[must_use]
pub fn fact(memory: &Memory) -> Fact {
    let fact = MemoryFact {
        target_pid: memory.target.pid,
        op: crate::alert::memory_op(memory.op).to_owned(),
        ok: memory.ok,
        path: proc_file(memory.op).map(|name| format!("/proc/{}/{name}", memory.target.pid)),
    };
    if memory.op == MemoryOp::PtraceAttach { Fact::Ptrace(fact) } else { Fact::Memory(fact) }
}

/// How it was reached, in words that follow a verb.
#[must_use]
pub fn way(memory: &Memory) -> String {
    let pid = memory.target.pid;
    match memory.op {
        MemoryOp::PtraceAttach => "by attaching to it as a debugger (ptrace)".to_owned(),
        MemoryOp::VmRead => "by reading its memory (process_vm_readv)".to_owned(),
        MemoryOp::VmWrite => "by writing to its memory (process_vm_writev)".to_owned(),
        MemoryOp::ProcMem => format!("by opening /proc/{pid}/mem"),
        MemoryOp::ProcEnviron => format!("by opening /proc/{pid}/environ"),
        MemoryOp::ProcMaps => format!("by opening /proc/{pid}/maps or the like"),
        MemoryOp::ProcFd => format!("by listing /proc/{pid}/fd"),
        MemoryOp::FdOpen => format!("by opening one of its pipes through /proc/{pid}/fd"),
        MemoryOp::PidfdGetfd => "by copying it (pidfd_getfd)".to_owned(),
    }
}

const fn proc_file(op: MemoryOp) -> Option<&'static str> {
    match op {
        MemoryOp::ProcMem => Some("mem"),
        MemoryOp::ProcEnviron => Some("environ"),
        MemoryOp::ProcMaps => Some("maps"),
        MemoryOp::ProcFd => Some("fd"),
        _ => None,
    }
}

fn is_stranger(cx: &Cx<'_>, server: &Server) -> bool {
    match cx.server {
        Some(own) if own.id == server.id => cx.proc().is_some_and(|proc| !server.is_own_program(&proc.node)),
        _ => true,
    }
}

/// From outside the server's tree: whoever it is. Monitoring tools read maps and list descriptors, so that alone is
/// low; and an attempt that the kernel refused reached nothing.
const fn from_outside(memory: &Memory) -> Option<Severity> {
    match (memory.op, memory.ok) {
        (MemoryOp::ProcMaps, Some(false)) => None,
        // listing descriptors is what `lsof`, `ss -p` and `fuser` do all day
        (MemoryOp::ProcMaps | MemoryOp::ProcFd, _) | (MemoryOp::ProcEnviron, Some(false)) => Some(Severity::Low),
        (_, Some(false)) => Some(Severity::Medium),
        _ => Some(Severity::High),
    }
}

/// From inside: the server and its helpers are one program to the user, a stranger among them isn't.
fn within(cx: &Cx<'_>, victim: &Server, memory: &Memory) -> Option<Severity> {
    let node = cx.node();
    let target = cx.state.processes.get(memory.target);
    let own_child = target.is_some_and(|target| target.node.descends_from(memory.proc));
    if victim.is_own_program(&node) || own_child || memory.ok == Some(false) {
        return None;
    }
    match memory.op {
        MemoryOp::ProcMaps | MemoryOp::ProcFd => None,
        // crash handlers attach to what they serve
        MemoryOp::PtraceAttach if cx.proc().is_some_and(|proc| proc.explained) => Some(Severity::Low),
        _ if cx.proc().is_some_and(|proc| proc.explained) => Some(Severity::Low),
        _ => Some(Severity::High),
    }
}
