//! Which processes are watched as servers, and which may be.

use std::fs;

use anyhow::{Context, Result, anyhow};
use monitor_abi::config::{SCOPE_CANDIDATE, SCOPE_PENDING, SCOPE_UNDECIDED, Scope};
use monitor_core::event::{Exec, ServerStart};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::profile::Profile;

use super::Session;
use crate::claims::Taken;
use crate::discover::{Start, proc_of};
use crate::pipeline::split::is_channel;
use crate::pipeline::standard::Standard;
use crate::pipeline::{Listener, Recognised, enrich};

/// The profile that a registration names.
#[derive(Debug, Clone)]
pub struct Named {
    /// It.
    pub profile: Profile,
    /// The text of its file, where it is none of the agent's own.
    pub text: Option<String>,
}

impl Session {
    /// Takes a process under watch. `pending`: it is going to execute its command; nothing counts before that.
    ///
    /// # Errors
    /// If the process is gone or the scope map is full.
    pub fn watch(&mut self, start: ServerStart, pending: bool) -> Result<ServerId> {
        self.watch_by(start, pending, None)
    }

    fn watch_by(&mut self, start: ServerStart, pending: bool, text: Option<String>) -> Result<ServerId> {
        let id = ServerId(self.next);
        self.next += 1;
        let root = start.root;
        let claim = self.claims.take(root).map_err(|taken| anyhow!(taken.advice()))?;
        self.add_homes(id, &start);
        let standard = Standard::of(root.pid);
        let flags = if pending { SCOPE_PENDING } else { 0 };
        let entered = self.enter(root, id, flags);
        if !matches!(entered, Ok(true)) {
            self.remove_homes(&[id]);
        }
        if !entered.with_context(|| format!("cannot take process {} under watch", root.pid))? {
            return Err(anyhow!("process {} ended before it could be watched", root.pid));
        }
        let from_start = start.from_start;
        if let Some(text) = text {
            self.lent.insert(id, start.profile.clone());
            self.pipeline.lend(text);
        }
        self.pipeline.server_start(id, start, standard);
        self.add_pipes(id, root.pid);
        if !pending {
            self.runs_already(root.pid, id);
        }
        if !from_start {
            self.join_descendants(root.pid, id);
        }
        self.live += 1;
        self.claimed.extend(claim.map(|claim| (id, claim)));
        Ok(id)
    }

    /// Watches a process that says it will execute a server (`exec` where an agent runs).
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn register(&mut self, start: &Start, named: Option<Named>) -> Result<ServerId> {
        let (profile, text) = named.map(|named| (named.profile, named.text)).unzip();
        let text = text.flatten();
        if let Some(profile) = profile.as_ref().filter(|_| text.is_some()) {
            let lent = self.profiles.lend(profile.clone());
            lent.map_err(|why| anyhow!("cannot judge by the profile {}: {why}", profile.name))?;
        }
        let start = start.describe(&self.profiles, profile.as_ref().or(self.wanted.as_ref()), &self.key);
        let watched = self.watch_by(start, true, text);
        if watched.is_err() {
            self.take_back_lent(&[]);
        }
        watched
    }

    /// The profile by which this agent judges servers of that name: a shipped one, or the one that stands in its place.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Named> {
        self.profiles.own(name).map(|profile| Named { profile: profile.clone(), text: None })
    }

    /// Profiles that only these servers named judge nobody any more.
    pub(super) fn take_back_lent(&mut self, ended: &[ServerId]) {
        self.lent.retain(|id, _| !ended.contains(id));
        self.profiles.keep_lent(|name| self.lent.values().any(|used| used == name));
    }

    /// A process that runs already and that a profile knows is watched; one that has pipes or sockets as standard input
    /// and output is a candidate.
    pub fn look_around(&mut self, recognise: &dyn Fn(&Exec) -> Option<Recognised>) {
        let Ok(all) = procfs::process::all_processes() else { return };
        let mut pids: Vec<u32> = all.flatten().filter_map(|process| u32::try_from(process.pid).ok()).collect();
        pids.sort_unstable();
        for pid in pids {
            if pid == std::process::id() || self.scopes.contains(pid) {
                continue;
            }
            let Some(exec) = enrich::known(pid, &self.key) else { continue };
            self.pipeline.client(&exec);
            let channels = is_channel(pid, 0) && is_channel(pid, 1);
            let recognised = recognise(&exec);
            if (channels || recognised.is_some())
                && let Some(taken) = self.claims.above(pid)
            {
                self.leave_to(&taken);
                continue;
            }
            if let Some(Recognised { called }) = recognised {
                self.watch_running(pid, called);
            } else if channels {
                let candidate = ServerId(SCOPE_CANDIDATE | pid);
                self.pipeline.begin_running(candidate);
                self.pipeline.join(pid, candidate);
                self.put_in_scope(pid, candidate, SCOPE_UNDECIDED);
            }
        }
    }

    /// Candidates that have been decided: the kernel is told.
    pub(super) fn decide(&mut self, drained: u64) {
        for found in self.pipeline.take_found(drained) {
            let id = ServerId(self.next);
            self.next += 1;
            let start = match found.exec {
                Some(exec) => Start::executed(&exec, found.from_start),
                None => Start::running(found.root, found.from_start),
            };
            let start = Start { called: found.called, ..start };
            let start = start.describe(&self.profiles, self.wanted.as_ref(), &self.key);
            match self.claims.take(start.root) {
                Ok(claim) => self.claimed.extend(claim.map(|claim| (id, claim))),
                Err(taken) => {
                    self.leave_to(&taken);
                    for pid in self.pipeline.leave(found.candidate) {
                        self.scopes.leave(pid);
                    }
                    continue;
                }
            }
            let standard = Standard::of(found.root);
            tracing::info!(pid = found.root, name = start.name, profile = start.profile, "watching an MCP server");
            self.add_homes(id, &start);
            self.add_pipes(id, found.root);
            for pid in self.pipeline.accept(found.candidate, id, start, standard) {
                self.put_in_scope(pid, id, 0);
            }
            if !found.from_start {
                self.join_descendants(found.root, id);
            }
            self.live += 1;
        }
        for Listener { pid, called } in self.pipeline.take_listeners() {
            match self.claims.above(pid) {
                Some(taken) => self.leave_to(&taken),
                None if self.scopes.contains(pid) => {}
                None => self.watch_running(pid, called),
            }
        }
        for (pid, id) in self.pipeline.take_strays() {
            self.put_in_scope(pid, id, 0);
        }
        for pid in self.pipeline.take_refused() {
            self.scopes.leave(pid);
        }
    }

    /// A process that runs already is a server by what it executed.
    fn watch_running(&mut self, pid: u32, called: Option<String>) {
        let start = Start { called, ..Start::running(pid, false) };
        let start = start.describe(&self.profiles, self.wanted.as_ref(), &self.key);
        let (name, profile) = (start.name.clone(), start.profile.clone());
        match self.watch(start, false) {
            Ok(_id) => tracing::info!(pid, name, profile, "watching an MCP server that runs already"),
            Err(error) => tracing::warn!(pid, %error, "cannot watch a running server"),
        }
    }

    /// Whether a process is part of a watched server, as the kernel has it.
    #[must_use]
    pub fn is_watched(&self, pid: u32) -> bool {
        self.scopes.server(pid).is_some_and(|server| server & SCOPE_CANDIDATE == 0)
    }

    /// A server that is another watcher's is left to it; the log says so once.
    fn leave_to(&mut self, taken: &Taken) {
        const MOST: usize = 4096;
        if self.left.len() >= MOST {
            self.left.clear();
        }
        if self.left.insert(taken.server) {
            tracing::info!("{taken}, and is left to it");
        }
    }

    fn put_in_scope(&mut self, pid: u32, id: ServerId, flags: u32) {
        if let Err(error) = self.enter(proc_of(pid), id, flags) {
            tracing::warn!(pid, %error, "cannot put a process in scope");
        }
    }

    /// Puts a process in scope. False if it has ended: the kernel told of that before it knew whose process it was, so
    /// that nobody would ever take it out again, and its number is going to be somebody else's.
    fn enter(&mut self, proc: ProcId, id: ServerId, flags: u32) -> Result<bool> {
        let scope = Scope { start: proc.start, server: id.0, flags };
        self.scopes.enter(proc.pid, scope)?;
        let runs = enrich::is_running(proc);
        if !runs {
            self.scopes.leave(proc.pid);
        }
        Ok(runs)
    }

    /// Children that a running server has already.
    fn join_descendants(&mut self, root: u32, id: ServerId) {
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for child in children(parent) {
                // a server that it is the client of
                if self.is_watched(child) && self.scopes.server(child) != Some(id.0) {
                    continue;
                }
                if self.enter(proc_of(child), id, 0).unwrap_or(false) {
                    self.pipeline.join(child, id);
                    self.runs_already(child, id);
                    parents.push(child);
                }
            }
        }
    }
}

/// Children of a process, by procfs.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
