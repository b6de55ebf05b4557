//! Finding servers: candidates by what they execute and say, and what becomes of what they did before that was decided.

use monitor_core::event::{Event, Exec, Kind, Loss, ServerStart};
use monitor_core::id::{ProcId, ServerId};

use super::candidates::{Candidates, Standing};
use super::clock::boot_now;
use super::standard::{Standard, Vet};
use super::{Found, Listener, MAX_LISTENED, MAX_WORKPLACES, Pipeline, Recognise, Recognised, Workplace, enrich};

impl Pipeline {
    /// From now on processes may be undecided; `recognise` tells a server by what it executes. Replaces an earlier one.
    pub fn discover(&mut self, recognise: Recognise) {
        self.recognise = Some(recognise);
    }

    /// Where MCP clients were started, since the last call.
    pub fn take_workplaces(&mut self) -> Vec<Workplace> {
        std::mem::take(&mut self.workplaces)
    }

    /// A process that may be an MCP client.
    pub fn client(&mut self, exec: &Exec) {
        let script = exec.script.as_ref().map(|script| script.path.as_str());
        if self.workplaces.len() < MAX_WORKPLACES && monitor_core::client::is_client(&exec.exe.path, script) {
            self.workplaces.push((exec.cwd.clone(), exec.uid));
        }
    }

    /// A process that runs already may be a server.
    pub fn begin_running(&mut self, candidate: ServerId) {
        self.candidates.begin_running(candidate, boot_now());
    }

    /// Candidates that turned out to be servers, since the last call. Each must be given to [`Self::accept`]. `drained`
    /// (`CLOCK_BOOTTIME`, nanoseconds): everything up to then has been judged.
    pub fn take_found(&mut self, drained: u64) -> Vec<Found> {
        self.weigh(drained);
        std::mem::take(&mut self.found)
    }

    /// Processes that the kernel has in another scope than the one they turned out to be in, since the last call.
    pub fn take_strays(&mut self) -> Vec<(u32, ServerId)> {
        let mut strays = std::mem::take(&mut self.strays);
        strays.retain(|(pid, id)| self.hosts.server_of(*pid) == Some(*id));
        strays
    }

    /// Candidates that turned out to be none, since the last call, with their processes.
    pub fn take_refused(&mut self) -> Vec<u32> {
        let words = &self.words;
        let busy = |id| words.iter().any(|word| word.is_of(id));
        let refused = self.candidates.expire(boot_now(), busy);
        for id in &refused {
            self.streams.forget(id.0);
            self.inner.gone(*id);
        }
        refused.into_iter().flat_map(|id| self.hosts.leave(id)).collect()
    }

    /// A candidate is somebody else's server. Returns its processes.
    pub fn leave(&mut self, candidate: ServerId) -> Vec<u32> {
        self.candidates.refuse(candidate);
        self.streams.forget(candidate.0);
        self.inner.gone(candidate);
        self.hosts.leave(candidate)
    }

    /// A candidate is a server: it starts, its processes join it, and what they did is judged, from the first
    /// instruction and as what they were when they did it. Returns its processes, of which none may be left.
    pub fn accept(&mut self, candidate: ServerId, id: ServerId, start: ServerStart, standard: Standard) -> Vec<u32> {
        let Some(mut accepted) = self.candidates.accept(candidate, id) else { return Vec::new() };
        let members = self.hosts.leave(candidate);
        for pid in &members {
            self.hosts.join(*pid, id);
        }
        let now = self.clock.now();
        let root = start.root.pid;
        let begun = self.clock.wall(start.root.start).min(now);
        self.start(id, accepted.held.iter().next().map_or(now, |event| event.time), start, standard);
        self.inner.rename(candidate, id);
        self.read_given(id, root);
        let inner = self.streams.accept(candidate.0, id.0);
        let mut first = accepted.execs.map(|(first, _)| first);
        if let Some(exec) = &first {
            self.event(Event { time: now, server: Some(id), kind: Kind::Known(exec.clone()) });
        }
        if accepted.held.dropped() > 0 {
            let (sensor, reason) = ("engine".to_owned(), "table_full".to_owned());
            let loss = Loss { sensor, reason, from: begun, count: accepted.held.dropped(), caused_by: None };
            self.event(Event { time: now, server: Some(id), kind: Kind::Loss(loss) });
        }
        let mut vet = Vet::new(standard, self.streams.input_writer(id), accepted.held.iter());
        let mut shared = false;
        for mut event in accepted.held.take() {
            // What made it a candidate isn't something that a server did.
            if matches!(&event.kind, Kind::Exec(exec) if first.as_ref() == Some(exec)) {
                first = None;
                continue;
            }
            // whose stream it was on isn't known any more
            if matches!(&event.kind, Kind::Token(token) if token.host.is_none()) {
                continue;
            }
            if let Kind::Mcp(mcp) = &mut event.kind
                && (inner.contains(&mcp.stream) || !vet.passes(mcp, shared))
            {
                continue;
            }
            let event = Event { server: Some(id), ..event };
            let more = self.shares(&event);
            shared |= more.is_some();
            self.event(event);
            more.into_iter().for_each(|event| self.event(event));
        }
        self.streams.forged(id, vet.unread());
        if members.is_empty() {
            self.end(now, id);
        }
        members
    }

    /// What a candidate executes may tell what it is.
    pub(super) fn executed(&mut self, server: Option<ServerId>, exec: &Exec, boot: u64) {
        let Some(id) = server.filter(|id| Candidates::is_candidate(*id)) else { return };
        let root = id.0 & !monitor_abi::config::SCOPE_CANDIDATE;
        if exec.proc.pid == root && self.hosts.server_of(root) != Some(id) {
            self.candidates.begin(id);
        }
        if self.candidates.standing(id, boot) != Standing::Candidate {
            return;
        }
        if let Some(candidate) = self.candidates.get_mut(id) {
            candidate.executed(exec);
        }
        let Some(recognised) = self.recognise.as_ref().and_then(|recognise| recognise(exec)) else { return };
        let Some(server) = self.executes(id, exec) else { return };
        if server != id
            && let Some(part) = self.candidates.get_mut(server)
        {
            part.executed(exec);
        }
        self.find(server, recognised.called);
    }

    /// A process outside every scope listens, and may be a server that needs no pipe: what it executed tells. It is no
    /// candidate: no message of its could decide, and what a daemon starts would be held with it.
    pub(super) fn listened(&mut self, proc: ProcId) {
        let Some(recognise) = &self.recognise else { return };
        if self.hosts.server_of(proc.pid).is_some() || self.listened.contains(&proc) {
            return;
        }
        if self.listened.len() >= MAX_LISTENED {
            self.listened.clear();
        }
        self.listened.insert(proc);
        let Some(exec) = enrich::known(proc.pid, &self.key).filter(|exec| exec.proc == proc) else { return };
        if let Some(Recognised { called }) = recognise(&exec) {
            self.listeners.push(Listener { pid: proc.pid, called });
        }
    }

    /// Processes that listen and are servers by what they executed, since the last call.
    pub fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    /// Stream bytes of a candidate that are no messages.
    pub(super) fn heard(&mut self, id: ServerId, bytes: usize) {
        if let Some(candidate) = self.candidates.get_mut(id) {
            candidate.heard(bytes);
        }
    }

    pub(super) fn find(&mut self, id: ServerId, called: Option<String>) {
        let Some(candidate) = self.candidates.get_mut(id) else { return };
        let (root, exec) = (candidate.root, candidate.execs.as_ref().map(|(_, last)| last.clone()));
        if let Some(found) = self.found.iter_mut().find(|found| found.candidate == id) {
            found.exec = exec;
            found.called = found.called.take().or(called);
        } else {
            self.found.push(Found { candidate: id, root, from_start: exec.is_some(), called, exec });
        }
    }
}
