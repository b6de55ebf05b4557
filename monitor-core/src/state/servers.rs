//! The table of watched servers, and the records of their closed calls until somebody fetches them.

use std::collections::{BTreeSet, VecDeque};

use super::{Bounded, Server};
use crate::config::Windows;
use crate::id::{FileId, ServerId};
use crate::ledger::CallRecord;
use crate::time::Time;

/// Most closed calls that wait to be fetched.
const MAX_CLOSED: usize = 4096;

/// Most files that are remembered as written by all servers together, give or take [`SLACK`] for each: some 13 MB.
const MAX_WRITTEN: usize = 131_072;
/// A server's writing is weighed with the others' whenever it has grown by this.
const SLACK: usize = 128;

/// The table.
#[derive(Debug)]
pub struct Servers {
    table: Bounded<ServerId, Server>,
    /// In order, for the few questions that concern all.
    live: BTreeSet<ServerId>,
    closed: VecDeque<CallRecord>,
    closed_lost: u64,
    calls_evicted: u64,
    tools_evicted: u64,
    /// Nothing runs out before then.
    next: Time,
}

impl Servers {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            table: Bounded::new(limit),
            live: BTreeSet::new(),
            closed: VecDeque::new(),
            closed_lost: 0,
            calls_evicted: 0,
            tools_evicted: 0,
            next: Time(u64::MAX),
        }
    }

    /// A server.
    #[must_use]
    pub fn get(&self, id: ServerId) -> Option<&Server> {
        self.table.get(&id)
    }

    /// A server, to change.
    pub fn get_mut(&mut self, id: ServerId) -> Option<&mut Server> {
        self.table.get_mut(&id)
    }

    /// Every server, in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &Server> {
        self.live.iter().filter_map(|id| self.table.get(id))
    }

    /// A server came under watch. Returns the one that made room for it.
    pub(super) fn add(&mut self, server: Server) -> Option<ServerId> {
        let id = server.id;
        let evicted = self.table.insert(id, server).map(|(old, mut gone)| {
            self.live.remove(&old);
            gone.close_all("evicted", &mut |record| Self::push(&mut self.closed, &mut self.closed_lost, record));
            old
        });
        self.live.insert(id);
        evicted
    }

    /// A server wrote a file. Where all of them wrote too many, the one that wrote most forgets its oldest. Returns who
    /// forgot how many.
    pub fn wrote(&mut self, id: ServerId, file: FileId) -> Option<(ServerId, u64)> {
        let server = self.table.get_mut(&id)?;
        if server.written.insert(file, ()).is_some() {
            return Some((id, 1));
        }
        if !server.written.len().is_multiple_of(SLACK) {
            return None;
        }
        let written = |id: &ServerId| self.table.get(id).map_or(0, |server| server.written.len());
        if self.live.iter().map(written).sum::<usize>() <= MAX_WRITTEN {
            return None;
        }
        let most = *self.live.iter().max_by_key(|id| written(id))?;
        let server = self.table.get_mut(&most)?;
        let gone = (0..SLACK).filter(|_| server.written.pop_oldest().is_some()).count();
        Some((most, gone as u64))
    }

    /// A file is gone: its number says nothing of the next one that gets it.
    pub fn forget_written(&mut self, file: FileId) {
        for id in &self.live {
            if let Some(server) = self.table.get_mut(id) {
                server.written.remove(&file);
            }
        }
    }

    /// Closes what has run out. Returns the servers that are forgotten with it.
    pub(super) fn advance(&mut self, now: Time, windows: &Windows) -> Vec<ServerId> {
        let mut gone = Vec::new();
        if now < self.next {
            return gone;
        }
        self.next = Time(u64::MAX);
        for id in &self.live {
            let Some(server) = self.table.get_mut(id) else { continue };
            let (closed, lost) = (&mut self.closed, &mut self.closed_lost);
            server.close_expired(now, windows, &mut |record| Self::push(closed, lost, record));
            if let Some(ended) = server.ended {
                if now.since(ended) >= windows.lineage {
                    server.close_all("server_ended", &mut |record| Self::push(closed, lost, record));
                    gone.push(*id);
                } else {
                    self.next = self.next.min(ended.plus(windows.lineage));
                }
            }
            if let Some(deadline) = server.calls.iter().map(|call| call.deadline(windows)).min() {
                self.next = self.next.min(deadline);
            }
        }
        for id in &gone {
            self.live.remove(id);
            if let Some(server) = self.table.remove(id) {
                self.calls_evicted += server.calls_evicted;
                self.tools_evicted += server.tools_evicted;
            }
        }
        gone
    }

    /// A call or server will run out at `when`.
    pub fn due(&mut self, when: Time) {
        self.next = self.next.min(when);
    }

    /// Closes every call of every server.
    pub fn close_all(&mut self) {
        for id in &self.live {
            if let Some(server) = self.table.get_mut(id) {
                let (closed, lost) = (&mut self.closed, &mut self.closed_lost);
                server.close_all("agent_ended", &mut |record| Self::push(closed, lost, record));
            }
        }
    }

    /// Hands over a closed call's record.
    pub fn keep(&mut self, record: CallRecord) {
        Self::push(&mut self.closed, &mut self.closed_lost, record);
    }

    /// The closed calls so far, oldest first.
    pub fn take_closed(&mut self) -> impl Iterator<Item = CallRecord> + '_ {
        self.closed.drain(..)
    }

    /// Closed calls that nobody fetched in time.
    #[must_use]
    pub const fn closed_lost(&self) -> u64 {
        self.closed_lost
    }

    pub(super) fn evicted(&self) -> u64 {
        self.table.evicted()
    }

    pub(super) fn inner_evictions(&self) -> (u64, u64) {
        self.iter().fold((self.calls_evicted, self.tools_evicted), |(calls, tools), server| {
            (calls + server.calls_evicted, tools + server.tools_evicted)
        })
    }

    fn push(closed: &mut VecDeque<CallRecord>, lost: &mut u64, record: CallRecord) {
        if closed.len() >= MAX_CLOSED {
            closed.pop_front();
            *lost += 1;
        }
        closed.push_back(record);
    }
}
