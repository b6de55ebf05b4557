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
        if names_own(&String::from_utf8_lossy(via), head.tgid) {
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

/// Whether a path is the whole name of one of the process's own descriptors: `..` would lead on from there.
fn names_own(via: &str, tgid: u32) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = format!("/proc/{tgid}/fd/");
    let folders = ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", &numbered];
    matches!(via, "/dev/stdin" | "/dev/stdout" | "/dev/stderr")
        || folders.iter().any(|folder| via.strip_prefix(folder).is_some_and(is_number))
}

#[cfg(test)]
mod tests {
    use super::names_own;

    #[test]
    fn only_the_whole_name_of_a_descriptor_of_its_own_is_one() {
        for own in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/12", "/proc/thread-self/fd/1", "/proc/7/fd/0"] {
            assert!(names_own(own, 7), "{own}");
        }
        let others = [
            "/proc/8/fd/0",
            "/proc/self/fd/../../8/fd/0",
            "/dev/fd/../../8/fd/0",
            "/dev/fd/../8/fd/0",
            "/dev/stdin/../x",
            "/proc/7/../8/fd/0",
            "/proc/7/fd/",
            "/proc/7/fd/0/",
            "/proc/7/root/proc/8/fd/0",
            "/proc/self/task/../../8/fd/0",
            "",
        ];
        for other in others {
            assert!(!names_own(other, 7), "{other}");
        }
    }
}
