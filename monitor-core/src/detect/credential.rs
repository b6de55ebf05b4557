//! `credential_access`: a server, or something below it, reaches a credential that isn't its own. And what both this
//! and `token_theft` ask of a file: which credential it is, and whose.

use crate::alert::{Evidence, Fact, Severity};
use crate::credential::{Credential, OwnerSpec, Secrecy, Standing};
use crate::event::{File, FileOp, Memory, MemoryOp};
use crate::interpreter::loads_code;
use crate::profile::Phase;
use crate::rules;
use crate::state::{Hold, Image, Server, State, Taint};

use super::{Cx, Finding, naming_arguments};

/// A credential that a file event reaches.
#[derive(Debug, Clone, Copy)]
pub struct Reached<'a> {
    /// What the map says of it.
    pub credential: &'a Credential,
    /// The name under which it is known.
    pub known_as: &'a str,
    /// It was reached by another name (hard link, bind mount).
    pub other_name: bool,
    /// Its content is, or becomes, readable for the actor.
    pub reads: bool,
}

/// The credential that a file event reaches, if it is one: by identity, else by name.
#[must_use]
pub fn reached<'a>(cx: &Cx<'a>, file: &'a File) -> Option<Reached<'a>> {
    let (reads, relevant) = match file.op {
        FileOp::Open => (file.read && !file.path_only && !file.dir, true),
        FileOp::Use | FileOp::Inherit => (file.read && !file.dir, true),
        FileOp::Rename | FileOp::Link => (true, true),
        FileOp::Chmod | FileOp::Truncate | FileOp::Unlink | FileOp::Create | FileOp::Symlink | FileOp::MapExec => {
            (false, true)
        }
    };
    if !relevant {
        return None;
    }
    by_identity(cx.config.credentials.lookup(&file.file.path), cx, file).map(|(credential, known_as)| Reached {
        credential,
        known_as,
        other_name: known_as != file.file.path,
        reads,
    })
}

fn by_identity<'a>(by_name: Option<&'a Credential>, cx: &Cx<'a>, file: &'a File) -> Option<(&'a Credential, &'a str)> {
    if let Some(credential) = by_name {
        return Some((credential, &file.file.path));
    }
    let known_as = cx.state.credentials.known_as(file.file.id)?;
    cx.config.credentials.lookup(known_as).map(|credential| (credential, known_as.as_ref()))
}

/// A server or something below it reaches a credential. Returns what it holds from now on, where that matters later.
pub fn file(cx: &Cx<'_>, file: &File, found: &Reached<'_>, out: &mut Vec<Finding>) -> Option<Taint> {
    let server = cx.server?;
    // what reaches the server's own store without being its own program is a theft of that token: `token_theft` tells
    if !found.reads
        || is_store_of(server, found.credential, found.known_as)
            && is_at_hand(cx, server, found.credential)
            && found.credential.secrecy > Secrecy::Ambient
        || is_excused_owner(cx, server, found.credential)
    {
        return None;
    }
    let moved = matches!(file.op, FileOp::Link | FileOp::Rename);
    let calls = cx.open_calls();
    let fact = evidence(file, found);
    let named = naming_arguments(server, &calls, &[found.known_as, &file.file.path]);
    let named_by = named_call(cx, server, found);
    let taint = (file.op != FileOp::Rename).then(|| Taint {
        time: cx.now,
        node: cx.node(),
        path: found.known_as.to_owned(),
        what: found.credential.kind.clone(),
        secrecy: Some(found.credential.secrecy),
        victim: None,
        at_start: server.phase(cx.now, &cx.config.windows) == Phase::Start,
        evidence: Evidence { time: cx.now.into(), fact: fact.clone() },
        named_by,
    });
    if found.credential.secrecy == Secrecy::Ambient {
        return taint;
    }
    let rule = if moved { &rules::CREDENTIAL_MOVED } else { &rules::CREDENTIAL_READ };
    let verb = verb(file);
    let other = if found.other_name { format!(" (reached as {})", file.file.path) } else { String::new() };
    let told = if named.is_empty() { "" } else { "; an argument of the call names this file" };
    let summary = format!(
        "{} {verb} {}{other}, a credential ({}) that isn't its own,{}{told}.",
        cx.whose(),
        found.known_as,
        found.credential.kind,
        cx.during(&calls),
    );
    // that it got another name is one thing, that it was then read another
    let object = format!("{}:{}", if moved { "name" } else { "file" }, found.known_as);
    let mut finding = cx.finding(rule, object, fact, summary);
    finding.severity = severity(found.credential.secrecy);
    if file.op == FileOp::Open && finding.evidence.len() == 1 && named.is_empty() && is_implicit(cx, found.credential) {
        finding.severity = Severity::Medium;
    }
    finding.evidence.splice(0..0, named);
    out.push(finding);
    taint
}

/// A server or something below it reaches for a process that is part of no server.
pub fn memory(cx: &Cx<'_>, memory: &Memory, out: &mut Vec<Finding>) {
    let (Some(_), None) = (cx.server, memory.target_server) else { return };
    let harmless = matches!(memory.op, MemoryOp::ProcMaps | MemoryOp::ProcFd);
    if harmless || memory.ok == Some(false) && memory.op == MemoryOp::ProcEnviron || memory.proc == memory.target {
        return;
    }
    // the system's listing of processes opens every environment, asked to show it or not
    if cx.proc().is_some_and(|proc| crate::explain::may_look(&proc.node.image, memory.op, None)) {
        return;
    }
    // what it starts itself it may debug: the tracer's own children
    let own_child = cx.state.processes.get(memory.target).is_some_and(|target| target.node.descends_from(memory.proc));
    if own_child {
        return;
    }
    let target = cx
        .state
        .processes
        .get(memory.target)
        .map_or_else(String::new, |target| format!(" ({})", target.node.image.title()));
    let summary = format!(
        "{} reached into process {}{target}, which is no part of it, {}: its environment and memory may hold tokens.",
        cx.whose(),
        memory.target.pid,
        super::token_theft::way(memory),
    );
    let object = format!("process:{}", memory.target.pid);
    out.push(cx.finding(&rules::CREDENTIAL_MEMORY, object, super::token_theft::fact(memory), summary));
}

/// What was done to a credential that is readable by it.
#[must_use]
pub fn verb(file: &File) -> &'static str {
    match file.op {
        FileOp::Link => "made a hard link to",
        FileOp::Rename => "renamed",
        // that sensor doesn't tell for what: the worse is judged, and said is what is known
        FileOp::Open if file.by == "fanotify" => "opened",
        FileOp::Inherit => "began with an open descriptor of",
        _ => "read",
    }
}

/// Evidence of a credential's opening.
#[must_use]
pub fn evidence(file: &File, found: &Reached<'_>) -> Fact {
    let mut fact = Fact::file(file);
    if let Fact::FileOpen(fact) | Fact::FileChange(fact) = &mut fact {
        fact.credential = Some(found.credential.kind.clone());
        fact.same_as = found.other_name.then(|| found.known_as.to_owned());
    }
    fact
}

/// Whether this store is the server's own: its profile says so, and it lies in one of the server's homes (or in none).
#[must_use]
pub fn is_store_of(server: &Server, credential: &Credential, path: &str) -> bool {
    let Some(profile) = &server.profile else { return false };
    profile.owns(&server.key, &credential.kind, path) && (server.start.homes.is_empty() || in_homes(server, path))
}

/// Whose credential a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The server's own, as when it refreshes a token; or one that the actor owns and may touch here.
    Own,
    /// Somebody else's.
    Foreign,
}

/// Whose credential `path` is, if it is one, for a change of it. `found`: what the file is by identity.
#[must_use]
pub fn change(cx: &Cx<'_>, path: &str, found: Option<&Reached<'_>>) -> Option<Change> {
    let server = cx.server?;
    let by_name = cx.config.credentials.lookup(path).map(|credential| (credential, path));
    let (credential, path) = by_name.or_else(|| found.map(|found| (found.credential, found.known_as)))?;
    if credential.secrecy == Secrecy::Ambient {
        return None;
    }
    // a stranger below the server has no business in its store
    let by_owner = || {
        cx.proc().is_none_or(|proc| server.is_own_program(&proc.node) || is_owner(&proc.node.image, &credential.owners))
    };
    let own = is_store_of(server, credential, path) && is_at_hand(cx, server, credential) && by_owner();
    Some(if own || is_excused_owner(cx, server, credential) { Change::Own } else { Change::Foreign })
}

/// Settings of package managers: the server's own while it starts, and in the package manager's hands; never a reason to
/// look into what others do with them.
#[must_use]
pub fn is_shared(credential: &Credential) -> bool {
    credential.secrecy == Secrecy::Ambient || matches!(credential.kind.as_str(), "npm_config" | "pip_config")
}

/// Whether a program owns a credential: by where its executable (or main script) lies, without a preload, be it of the
/// environment's or by an option.
#[must_use]
pub fn is_owner(image: &Image, owners: &[OwnerSpec]) -> bool {
    image.preload.is_empty()
        && !image.fileless
        && !image.written
        && owners.iter().any(|owner| {
            owner.admits(&image.exe.path, image.script_path()).is_some_and(|standing| standing > Standing::Scratch)
        })
        && !loads_code(image)
}

/// The call whose arguments named this credential, if one that is open did.
#[must_use]
pub fn named_call(cx: &Cx<'_>, server: &Server, found: &Reached<'_>) -> Option<u64> {
    server
        .holding(cx.now, &cx.config.windows)
        .find(|(call, _)| call.paths.iter().any(|(_, path)| path == found.known_as))
        .map(|(call, _)| call.key.0)
}

/// A program that owns the credential, below a server: excused only if profile and open call (or the start) both say so.
fn is_excused_owner(cx: &Cx<'_>, server: &Server, credential: &Credential) -> bool {
    let Some(proc) = cx.proc() else { return false };
    let image = &proc.node.image;
    if !is_owner(image, &credential.owners)
        || !crate::explain::is_interpreter(image.program()) && !crate::explain::vouched(server, image)
    {
        return false;
    }
    let Some(profile) = &server.profile else { return false };
    let phase = server.phase(cx.now, &cx.config.windows);
    if phase == Phase::Start && profile.registries && crate::explain::manages(server, &proc.node) {
        // npx reads its own settings to fetch the server's package
        return credential.secrecy < Secrecy::Key;
    }
    let Some(rule) = profile.child(&image.exe.path, image.script_path(), phase) else { return false };
    let called = || {
        server.holding(cx.now, &cx.config.windows).any(|(call, hold)| {
            hold == Hold::Open
                && (server.lenient()
                    || call.declared.children.iter().any(|glob| crate::pattern::wildcard(glob, image.program())))
        })
    };
    rule.credentials && (phase == Phase::Start || called())
}

/// What is the server's own is so at any time, but for the settings of package managers. (What everybody reads as it
/// starts is only remembered, in case something is sent.)
fn is_at_hand(cx: &Cx<'_>, server: &Server, credential: &Credential) -> bool {
    !is_shared(credential)
        || server.phase(cx.now, &cx.config.windows) == Phase::Start
        || cx.proc().is_some_and(|proc| is_owner(&proc.node.image, &credential.owners))
}

/// Python's HTTP libraries look into `.netrc` before every request that brings no credentials, without anybody asking:
/// by itself that says less than a key that was picked. (What then leaves by an unexplained way is a theft all the same.)
#[must_use]
pub fn is_implicit(cx: &Cx<'_>, credential: &Credential) -> bool {
    cx.proc().is_some_and(|proc| is_implicit_kind(cx, &credential.kind, &proc.node))
}

/// Whether it is a credential that the libraries of this process, which runs the server's own program, read on their own.
#[must_use]
pub fn is_implicit_kind(cx: &Cx<'_>, kind: &str, node: &crate::state::Node) -> bool {
    kind == "netrc"
        && node.image.program().starts_with("python")
        && cx.server.is_some_and(|server| server.is_own_program(node))
}

fn severity(secrecy: Secrecy) -> Severity {
    if secrecy >= Secrecy::Token { Severity::High } else { Severity::Medium }
}

fn in_homes(server: &Server, path: &str) -> bool {
    server.start.homes.iter().any(|home| crate::named::inside(path, home))
}

/// Keeps the inode map current: a credential made, replaced or removed.
pub fn learn(state: &mut State, config: &crate::config::EngineConfig, file: &File) {
    match file.op {
        FileOp::Unlink if file.unlinked => state.credentials.forget(file.file.id),
        // the file at the new name is the old one; it keeps its identity
        FileOp::Rename => {
            if let Some(to) = &file.to
                && config.credentials.lookup(to).is_some()
            {
                let moved = crate::event::FileRef { path: to.clone(), ..file.file.clone() };
                state.credentials.learn(&moved);
            } else if config.credentials.lookup(&file.file.path).is_some_and(|found| found.secrecy > Secrecy::Ambient) {
                // it stays what it was, whatever it is called now
                state.credentials.learn(&file.file);
            }
        }
        FileOp::Open | FileOp::Create | FileOp::Use | FileOp::Inherit
            if config.credentials.lookup(&file.file.path).is_some_and(|found| found.secrecy > Secrecy::Ambient) =>
        {
            state.credentials.learn(&file.file);
        }
        _ => {}
    }
}
