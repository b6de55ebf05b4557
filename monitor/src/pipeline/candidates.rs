//! Processes that may be MCP servers: what they do is held until that is decided, so that a server has its effects from
//! its first instruction, and a process that is none has cost nothing but memory.

use std::collections::{HashMap, HashSet, VecDeque};

use monitor_abi::config::SCOPE_CANDIDATE;
use monitor_core::event::{Event, Exec};
use monitor_core::id::ServerId;

use super::held::Held;

/// How long a candidate stays one without a message or a profile, nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
/// Stream bytes of a candidate without a message after which it is none.
const BYTES: u64 = 64 << 10;
/// Most bytes of events that are held for all of them together, about.
const MAX_BYTES: usize = 64 << 20;
/// Most candidates at a time.
const MAX_CANDIDATES: usize = 1024;

/// One candidate.
#[derive(Debug, Default)]
pub struct Candidate {
    /// The process it began with.
    pub root: u32,
    /// What that process executed first and last; `None` if it ran before the agent did.
    pub execs: Option<(Exec, Exec)>,
    /// What happened and waits, in order.
    pub held: Held,
    since: u64,
    bytes: u64,
    /// It ran before the agent did: it may be silent for as long as it likes.
    patient: bool,
}

/// What is known of a scope number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A server.
    Server(ServerId),
    /// Undecided.
    Candidate,
    /// Decided to be none; the kernel is being told.
    Nobody,
}

/// Every candidate and what became of earlier ones.
#[derive(Debug, Default)]
pub struct Candidates {
    open: HashMap<u32, Candidate>,
    /// What all of them hold, in bytes.
    bytes: usize,
    decided: HashMap<u32, ServerId>,
    refused: HashSet<u32>,
    /// Refused ones whose process ended, and when.
    exited: VecDeque<(u64, u32)>,
    /// Of servers and parts: the number that the kernel has, or had, for their processes.
    origins: HashMap<ServerId, ServerId>,
}

impl Candidates {
    /// Whether a scope number is a candidate's (decided or not).
    #[must_use]
    pub const fn is_candidate(id: ServerId) -> bool {
        id.0 & SCOPE_CANDIDATE != 0
    }

    /// What a scope number stands for; an unknown candidate is new.
    pub fn standing(&mut self, id: ServerId, now: u64) -> Standing {
        if !Self::is_candidate(id) {
            return Standing::Server(id);
        }
        if let Some(server) = self.decided.get(&id.0) {
            return Standing::Server(*server);
        }
        if self.refused.contains(&id.0) || (!self.open.contains_key(&id.0) && self.open.len() >= MAX_CANDIDATES) {
            return Standing::Nobody;
        }
        let root = id.0 & !SCOPE_CANDIDATE;
        self.open.entry(id.0).or_insert_with(|| Candidate::begun(root, now));
        Standing::Candidate
    }

    /// A number that comes again with a new process: forget what the last one was.
    pub fn begin(&mut self, id: ServerId) {
        self.decided.remove(&id.0);
        self.refused.remove(&id.0);
        self.close(id);
    }

    /// A process that ran before the agent did.
    pub fn begin_running(&mut self, id: ServerId, now: u64) {
        self.begin(id);
        let root = id.0 & !SCOPE_CANDIDATE;
        self.open.insert(id.0, Candidate { patient: true, ..Candidate::begun(root, now) });
    }

    /// The candidate of a number.
    pub fn get_mut(&mut self, id: ServerId) -> Option<&mut Candidate> {
        self.open.get_mut(&id.0)
    }

    /// It is a server: from here on its number stands for `server`.
    pub fn accept(&mut self, id: ServerId, server: ServerId) -> Option<Candidate> {
        let candidate = self.close(id)?;
        self.decided.insert(id.0, server);
        let origin = self.origins.remove(&id).unwrap_or(id);
        self.origins.insert(server, origin);
        Some(candidate)
    }

    /// A part of a candidate is one of its own from here on.
    pub fn split(&mut self, from: ServerId, part: ServerId, candidate: Candidate) {
        self.begin(part);
        self.origins.insert(part, self.origins.get(&from).copied().unwrap_or(from));
        self.open.insert(part.0, candidate);
        // what moved was weighed with the whole
        self.bytes = self.open.values().map(|candidate| candidate.held.bytes()).sum();
    }

    /// Keeps an event of a candidate for later. Where all of them hold too much, the one that holds most gives way.
    pub fn hold(&mut self, id: ServerId, event: Event) {
        let Some(candidate) = self.open.get_mut(&id.0) else { return };
        self.bytes -= candidate.held.bytes();
        candidate.held.push(event);
        self.bytes += candidate.held.bytes();
        while self.bytes > MAX_BYTES {
            let largest = self.open.values_mut().max_by_key(|candidate| candidate.held.bytes());
            let Some(largest) = largest.filter(|largest| largest.held.bytes() > 0) else { return };
            let before = largest.held.bytes();
            largest.held.give_way();
            self.bytes -= before - largest.held.bytes();
        }
    }

    /// The number under which records of a server's, or a part's, processes may still come.
    #[must_use]
    pub fn origin(&self, id: ServerId) -> Option<ServerId> {
        self.origins.get(&id).copied()
    }

    /// A server's last process ended.
    pub fn gone(&mut self, server: ServerId) {
        self.origins.remove(&server);
        self.decided.retain(|_, decided| *decided != server);
    }

    /// It is none, or somebody else's.
    pub fn refuse(&mut self, id: ServerId) {
        self.close(id);
        self.origins.remove(&id);
        self.refused.insert(id.0);
    }

    /// Candidates that have had their chance; they are none from here on. Those that are `busy` still have it.
    pub fn expire(&mut self, now: u64, busy: impl Fn(ServerId) -> bool) -> Vec<ServerId> {
        let late: Vec<u32> = self
            .open
            .iter()
            .filter(|(id, candidate)| {
                (candidate.bytes > BYTES || (!candidate.patient && now.saturating_sub(candidate.since) > PATIENCE))
                    && !busy(ServerId(**id))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in &late {
            self.close(ServerId(*id));
            self.refused.insert(*id);
        }
        late.into_iter().map(ServerId).collect()
    }

    /// Its last process ended.
    pub fn end(&mut self, id: ServerId) {
        self.begin(id);
    }

    /// A process ended: where it was a candidate that was refused, that is forgotten once nothing of it can be on its way.
    pub fn exited(&mut self, pid: u32, now: u64) {
        let id = SCOPE_CANDIDATE | pid;
        if self.refused.contains(&id) {
            self.exited.push_back((now, id));
        }
        while let Some((_, id)) = self.exited.pop_front_if(|(at, _)| now.saturating_sub(*at) > PATIENCE) {
            self.refused.remove(&id);
        }
    }

    fn close(&mut self, id: ServerId) -> Option<Candidate> {
        let candidate = self.open.remove(&id.0)?;
        self.bytes -= candidate.held.bytes();
        Some(candidate)
    }
}

impl Candidate {
    /// One that begins with this process.
    #[must_use]
    pub fn begun(root: u32, since: u64) -> Self {
        Self { root, since, ..Self::default() }
    }

    /// The rest of a candidate that held a server: what else it started has its chance from now on.
    pub const fn renew(&mut self, now: u64) {
        self.since = now;
        self.bytes = 0;
    }

    /// One of its processes executed something.
    pub fn executed(&mut self, exec: &Exec) {
        if exec.proc.pid == self.root {
            let first = self.execs.take().map_or_else(|| exec.clone(), |(first, _)| first);
            self.execs = Some((first, exec.clone()));
        }
    }

    /// Counts stream bytes.
    pub const fn heard(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::config::SCOPE_CANDIDATE;
    use monitor_core::id::ServerId;

    use monitor_core::event::{Event, Kind, Opaque};
    use monitor_core::id::ProcId;
    use monitor_core::time::Time;

    use super::{BYTES, Candidates, MAX_BYTES, MAX_CANDIDATES, PATIENCE, Standing};

    const ID: ServerId = ServerId(SCOPE_CANDIDATE | 77);

    #[test]
    fn a_candidate_is_decided_once() {
        let mut candidates = Candidates::default();
        assert_eq!(candidates.standing(ID, 0), Standing::Candidate);
        assert_eq!(candidates.get_mut(ID).unwrap().root, 77);
        assert!(candidates.accept(ID, ServerId(3)).is_some());
        assert_eq!(candidates.standing(ID, 1), Standing::Server(ServerId(3)));
        assert!(candidates.accept(ID, ServerId(4)).is_none());
    }

    #[test]
    fn silence_and_noise_end_it() {
        let mut candidates = Candidates::default();
        candidates.standing(ID, 0);
        assert!(candidates.expire(PATIENCE, |_| false).is_empty());
        assert_eq!(candidates.expire(PATIENCE + 1, |_| false), [ID]);
        assert_eq!(candidates.standing(ID, PATIENCE + 2), Standing::Nobody);
        candidates.begin_running(ID, 0);
        assert!(candidates.expire(u64::MAX, |_| false).is_empty(), "one that ran before may be silent");
        candidates.get_mut(ID).unwrap().heard(BYTES as usize + 1);
        assert_eq!(candidates.expire(1, |_| false), [ID]);
    }

    #[test]
    fn what_all_hold_together_is_bounded_and_the_largest_gives_way() {
        let event = |length: usize| {
            let opaque = Opaque { proc: ProcId { pid: 1, start: 1 }, what: String::new(), detail: "x".repeat(length) };
            Event { time: Time(0), server: None, kind: Kind::Opaque(opaque) }
        };
        let mut candidates = Candidates::default();
        let id = |number: usize| ServerId(SCOPE_CANDIDATE | u32::try_from(number).unwrap());
        candidates.standing(ID, 0);
        candidates.hold(ID, event(10));
        for number in 100..100 + MAX_CANDIDATES - 1 {
            assert_eq!(candidates.standing(id(number), 0), Standing::Candidate);
            (0..8).for_each(|_| candidates.hold(id(number), event(20_000)));
        }
        let held: usize = candidates.open.values().map(|candidate| candidate.held.bytes()).sum();
        assert_eq!(candidates.bytes, held);
        assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&held), "{held}");
        let small = candidates.accept(ID, ServerId(1)).unwrap();
        assert_eq!((small.held.iter().count(), small.held.dropped()), (1, 0), "who holds little loses nothing");
        let dropped: u64 = candidates.open.values().map(|candidate| candidate.held.dropped()).sum();
        assert!(dropped > 0);
        candidates.expire(PATIENCE + 1, |_| false);
        assert_eq!(candidates.bytes, 0);
    }

    #[test]
    fn what_became_of_candidates_is_forgotten_with_their_processes() {
        let mut candidates = Candidates::default();
        candidates.standing(ID, 0);
        candidates.accept(ID, ServerId(3));
        candidates.gone(ServerId(3));
        let other = ServerId(SCOPE_CANDIDATE | 78);
        candidates.standing(other, 0);
        candidates.refuse(other);
        assert_eq!(candidates.standing(other, 0), Standing::Nobody);
        candidates.exited(78, 5);
        assert_eq!(candidates.standing(other, 6), Standing::Nobody, "something may be on its way");
        candidates.exited(79, 6 + PATIENCE);
        assert!(candidates.decided.is_empty() && candidates.refused.is_empty() && candidates.origins.is_empty());
    }
}
