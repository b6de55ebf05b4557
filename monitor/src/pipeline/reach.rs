//! One process reaching for another: who it was, and whose descriptor.

use monitor_abi::header::Header;
use monitor_core::event::{Event, Kind, Memory, MemoryOp};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;

use super::candidates::{Candidates, Standing};
use super::clock::boot_now;
use super::{Pipeline, enrich};

/// Most standard streams that are remembered with their server.
const MAX_PIPES: usize = 4096;

impl Pipeline {
    /// A stream that a server was started with.
    pub(super) fn add_pipe(&mut self, ino: u64, server: ServerId, root: ProcId) {
        if self.pipes.len() >= MAX_PIPES {
            self.pipes.pop_front();
        }
        self.pipes.push_back((ino, (server, root)));
    }

    /// One process reached for another: identities are completed.
    pub(super) fn reached(&mut self, time: Time, server: Option<ServerId>, mut memory: Memory) {
        if memory.target.start == 0 {
            memory.target = self.known(memory.target.pid).unwrap_or(memory.target);
        }
        if let Some(id) = memory.target_server.filter(|id| Candidates::is_candidate(*id)) {
            memory.target_server = match self.candidates.standing(id, boot_now()) {
                Standing::Server(server) => Some(server),
                Standing::Candidate | Standing::Nobody => None,
            };
        }
        self.event(Event { time, server, kind: Kind::Memory(memory) });
    }

    /// A process outside every server opened the pipe that a server was started with: it went by that descriptor of
    /// somebody else, unless it named its own.
    pub(super) fn pipe_opened(&self, head: &Header, ino: u64, via: &[u8]) -> Option<Memory> {
        let via = String::from_utf8_lossy(via);
        let own = ["/dev/fd/", "/dev/std", "/proc/self/fd/", "/proc/thread-self/fd/"];
        let numbered = format!("/proc/{}/", head.tgid);
        if own.iter().any(|prefix| via.starts_with(prefix)) || via.starts_with(&numbered) {
            return None;
        }
        let (_, (server, target)) = self.pipes.iter().find(|(known, _)| *known == ino)?;
        Some(Memory {
            proc: enrich::actor(head),
            target: *target,
            target_server: Some(*server),
            op: MemoryOp::FdOpen,
            ok: Some(true),
        })
    }
}
