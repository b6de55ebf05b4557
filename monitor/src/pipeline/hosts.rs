//! Processes of the host by pid, as the process sensor tells: who a pid is, for sources that know only the number.

use std::collections::{HashMap, HashSet, VecDeque};

use monitor_core::id::{ProcId, ServerId};

/// How long an ended process can still be named, nanoseconds: a fanotify event of it may still be in the queue.
const KEEP: u64 = 10_000_000_000;
/// Longest line of ancestors that is followed.
const MAX_DEPTH: usize = 256;

/// See the module documentation.
#[derive(Default)]
pub struct Hosts {
    by_pid: HashMap<u32, ProcId>,
    parents: HashMap<u32, ProcId>,
    ended: VecDeque<(u64, ProcId)>,
    servers: HashMap<ServerId, HashSet<u32>>,
    member: HashMap<u32, ServerId>,
}

impl Hosts {
    /// A process is there.
    pub fn add(&mut self, id: ProcId, server: Option<ServerId>) {
        self.by_pid.insert(id.pid, id);
        if let Some(server) = server {
            self.join(id.pid, server);
        }
    }

    /// Whose child a process is; known until that child is forgotten.
    pub fn born(&mut self, child: u32, parent: ProcId) {
        self.parents.insert(child, parent);
    }

    /// A process and its ancestors, nearest first, as far as they are known.
    pub fn line(&self, pid: u32) -> impl Iterator<Item = u32> {
        let above = |pid: &u32| {
            let parent = self.parents.get(pid)?;
            (self.by_pid.get(&parent.pid) == Some(parent)).then_some(parent.pid)
        };
        std::iter::successors(Some(pid), above).take(MAX_DEPTH)
    }

    /// The running processes of a server.
    pub fn members(&self, server: ServerId) -> impl Iterator<Item = u32> {
        self.servers.get(&server).into_iter().flatten().copied()
    }

    /// A process belongs to a server.
    pub fn join(&mut self, pid: u32, server: ServerId) {
        if let Some(before) = self.member.insert(pid, server)
            && before != server
            && let Some(members) = self.servers.get_mut(&before)
        {
            members.remove(&pid);
        }
        self.servers.entry(server).or_default().insert(pid);
    }

    /// A process ended; the server whose last process it was, if so.
    pub fn end(&mut self, time: u64, id: ProcId) -> Option<ServerId> {
        self.ended.push_back((time, id));
        while let Some(&(at, old)) = self.ended.front() {
            if time.saturating_sub(at) < KEEP {
                break;
            }
            self.ended.pop_front();
            if self.by_pid.get(&old.pid) == Some(&old) {
                self.by_pid.remove(&old.pid);
                self.parents.remove(&old.pid);
            }
        }
        let server = self.member.remove(&id.pid)?;
        let members = self.servers.get_mut(&server)?;
        members.remove(&id.pid);
        if members.is_empty() {
            self.servers.remove(&server);
            return Some(server);
        }
        None
    }

    /// A scope is given up: its processes belong to none; returns them.
    pub fn leave(&mut self, server: ServerId) -> Vec<u32> {
        let mut members: Vec<u32> = self.servers.remove(&server).unwrap_or_default().into_iter().collect();
        members.sort_unstable();
        for pid in &members {
            self.member.remove(pid);
        }
        members
    }

    /// Who a pid is or, within ten seconds of its end, was.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<ProcId> {
        self.by_pid.get(&pid).copied()
    }

    /// The server that a pid belongs to.
    #[must_use]
    pub fn server_of(&self, pid: u32) -> Option<ServerId> {
        self.member.get(&pid).copied()
    }

    /// Servers that have a process.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.servers.len()
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::id::{ProcId, ServerId};

    use super::{Hosts, KEEP};

    #[test]
    fn a_line_ends_where_a_number_is_somebody_else_s() {
        let mut hosts = Hosts::default();
        let proc = |pid, start| ProcId { pid, start };
        for (pid, parent) in [(1, 0), (2, 1), (3, 2)] {
            hosts.add(proc(pid, 5), None);
            hosts.born(pid, proc(parent, 5));
        }
        assert_eq!(hosts.line(3).collect::<Vec<_>>(), [3, 2, 1]);
        hosts.end(6, proc(2, 5));
        assert_eq!(hosts.line(3).count(), 3, "an ended one is known for a while");
        hosts.add(proc(2, 7), None);
        assert_eq!(hosts.line(3).collect::<Vec<_>>(), [3]);
        hosts.born(1, proc(1, 5));
        assert!(hosts.line(1).count() <= super::MAX_DEPTH);
    }

    #[test]
    fn a_server_ends_with_its_last_process() {
        let mut hosts = Hosts::default();
        let (a, b) = (ProcId { pid: 1, start: 5 }, ProcId { pid: 2, start: 6 });
        hosts.add(a, Some(ServerId(1)));
        hosts.add(b, Some(ServerId(1)));
        assert_eq!(hosts.end(10, a), None);
        assert_eq!(hosts.end(11, b), Some(ServerId(1)));
        assert_eq!(hosts.get(2), Some(b), "still named for a while");
        hosts.end(12 + KEEP, ProcId { pid: 3, start: 0 });
        assert_eq!(hosts.get(2), None);
    }
}
