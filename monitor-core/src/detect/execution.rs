//! `execution`: children that nothing explains, shells, programs from memory or from places that anybody can write.

use crate::alert::{Confidence, Fact, Severity};
use crate::event::{Exec, File, FileOp};
use crate::explain::{By, Explained, is_likely_declared, is_shell, is_tunnel};
use crate::interpreter::inline;
use crate::named::inside;
use crate::place::anybody_writes;
use crate::profile::Phase;
use crate::rules;
use crate::state::Server;

use super::{Cx, Finding};

/// A process of a server's tree executed something.
pub fn exec(cx: &Cx<'_>, exec: &Exec, explained: &Explained, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let calls = cx.open_calls();
    let starter = starter(cx, server);
    let during = cx.during(&calls);
    let line = command_line(exec);
    let exe = exec.exe.path.as_str();
    // the server's first program is what the user started, wherever it lies
    let first = server.is_root(exec.proc) && server.phase(cx.now, &cx.config.windows) == Phase::Start;
    // once it runs, what it becomes is its own doing
    let started = first && !cx.node().strayed;
    if (exec.memfd || exec.unlinked) && !started {
        let from = if exec.memfd { "memory (it has no file)" } else { "a deleted file" };
        let summary = format!("{} executed a program from {from}: {line}{during}.", starter);
        out.push(cx.finding(&rules::MEMORY_EXEC, format!("exec:{exe}"), Fact::exec(exec), summary));
        return;
    }
    let scratch = [Some(exe), exec.script.as_ref().map(|script| script.path.as_str())]
        .into_iter()
        .flatten()
        .find(|path| anybody_writes(path) && !exec.sealed && !lives_beside(server, path));
    if let (Some(path), false, false) = (scratch, first, explained.by == By::Profile && !server.lenient()) {
        let summary = format!("{} executed {path}, which lies where anybody can write: {line}{during}.", starter);
        out.push(cx.finding(&rules::SCRATCH_EXEC, format!("exec:{path}"), Fact::exec(exec), summary));
        return;
    }
    let files = [Some(&exec.exe), exec.script.as_ref()].into_iter().flatten();
    if let Some(file) = files.into_iter().find(|file| server.written.get(&file.id).is_some())
        && !started
    {
        let path = &file.path;
        let summary = format!("{} executed {path}, which it had written itself: {line}{during}.", starter);
        let mut finding = cx.finding(&rules::SCRATCH_EXEC, format!("exec:{path}"), Fact::exec(exec), summary);
        let inside_roots = server.roots.iter().any(|root| inside(path, root));
        if inside_roots && server.phase(cx.now, &cx.config.windows) == Phase::Call {
            // writing a program and running it is what some tools are for
            finding.severity = Severity::Low;
            finding.confidence = Confidence::Weak;
        }
        out.push(finding);
        return;
    }
    if explained.is_explained() {
        return;
    }
    if is_tunnel(exe) {
        super::lateral_movement::tunnel(cx, exec, out);
        return;
    }
    if is_shell(exe) {
        let summary = format!("{} started a shell: {line}{during}; no call excuses a shell.", starter);
        out.push(cx.finding(&rules::SHELL, format!("exec:{exe}"), Fact::exec(exec), summary));
        return;
    }
    let summary = format!("{} started {line}{during}, which nothing explains.", starter);
    let object = format!("exec:{}", exec.script.as_ref().map_or(exe, |script| &script.path));
    let mut finding = cx.finding(&rules::CHILD, object, Fact::exec(exec), summary);
    finding.absence = true;
    let code = || exec.argv.len() > 1 && inline(exe.rsplit('/').next().unwrap_or(exe), &exec.argv).is_some();
    let mover = crate::explain::is_mover(exe) || exec.script.is_none() && code();
    if server.lenient() && server.phase(cx.now, &cx.config.windows) == Phase::Start && !mover {
        // many servers look for their tools when they start
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    }
    let written = cx.proc().is_some_and(|proc| proc.node.image.written);
    if cx.scene().is_some_and(|scene| is_likely_declared(&scene, exec, written)) {
        // an installation of a kind that isn't known, far more often than a program that bears another's name
        finding.severity = Severity::Low;
    }
    out.push(finding);
}

/// A process of a server's tree opened a shared library where anybody can write: what opens one is about to load it, or
/// builds or packs one, so that alone is low.
pub fn library(cx: &Cx<'_>, file: &File, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let path = file.file.path.as_str();
    let reads = file.op == FileOp::Open && file.read && !file.write && !file.dir && !file.path_only;
    if !reads || !anybody_writes(path) || !is_library(path) || lives_beside(server, path) {
        return;
    }
    let written = server.written.get(&file.file.id).is_some();
    let told = if written { ", and which it had written itself" } else { "" };
    let calls = cx.open_calls();
    let summary = format!(
        "{} opened the library {path}, which lies where anybody can write{told},{}: its code may run there.",
        cx.whose(),
        cx.during(&calls)
    );
    // one-file programs unpack a whole folder of them
    let folder = path.match_indices('/').nth(2).and_then(|(at, _)| path.get(..at)).unwrap_or(path);
    let mut finding = cx.finding(&rules::SCRATCH_EXEC, format!("library:{folder}"), Fact::file(file), summary);
    finding.severity = Severity::Low;
    finding.confidence = if written { Confidence::Medium } else { Confidence::Weak };
    out.push(finding);
}

/// `libx.so`, `libx.so.6`.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once(".so").is_some_and(|(stem, version)| {
        !stem.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.') && !version.ends_with('.')
    })
}

/// Who made the process that executes, for people.
fn starter(cx: &Cx<'_>, server: &Server) -> String {
    let node = cx.node();
    match node.parent.as_deref() {
        Some(parent) if !server.is_root(node.id) && !server.is_root(parent.id) => {
            format!("{} (pid {}), below MCP server {},", parent.image.title(), parent.id.pid, server.start.name)
        }
        _ => format!("MCP server {}", server.start.name),
    }
}

/// The server was itself started from such a place: tests, demos, one-file bundles.
fn lives_beside(server: &Server, path: &str) -> bool {
    let image = &server.main().image;
    [image.exe.path.as_str(), image.script_path().unwrap_or_default()].into_iter().any(|own| {
        anybody_writes(own)
            && own.rsplit_once('/').is_some_and(|(folder, _)| {
                // the scratch place itself is nobody's folder
                folder.matches('/').count() > 1 && inside(path, folder)
            })
    })
}

/// The command for people, bounded.
fn command_line(exec: &Exec) -> String {
    let mut line = exec.exe.path.clone();
    for arg in exec.argv.iter().skip(1).take(8) {
        line.push(' ');
        line.extend(arg.chars().filter(|c| !c.is_control()).take(80));
    }
    if exec.argv.len() > 9 || exec.argv_cut {
        line.push_str(" …");
    }
    line
}
