//! Processes of the host by pid, as the process sensor tells: who a pid is, for sources that know only the number.

use std::collections::{HashMap, HashSet, VecDeque};

use monitor_core::id::{ProcId, ServerId};

/// How long an ended process can still be named, nanoseconds: a fanotify event of it may still be in the queue.
const KEEP: u64 = 10_000_000_000;

/// See the module documentation.
#[derive(Default)]
pub struct Hosts {
    by_pid: HashMap<u32, ProcId>,
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
