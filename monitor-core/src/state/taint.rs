//! Who read what, and when: the first half of a theft.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Node;
use crate::alert::Evidence;
use crate::credential::Secrecy;
use crate::id::ServerId;
use crate::time::Time;

/// Most reads that are remembered per server: the newest count, and one is enough for an alert.
const MAX: usize = 64;

/// A secret, or a person's data, that a process read without a right to.
#[derive(Debug, Clone)]
pub struct Taint {
    /// When.
    pub time: Time,
    /// Who.
    pub node: Arc<Node>,
    /// Which file.
    pub path: String,
    /// What it is, for people.
    pub what: String,
    /// How much it gives away; `None` for data that is no credential.
    pub secrecy: Option<Secrecy>,
    /// The server whose own it was, where it was a server's.
    pub victim: Option<ServerId>,
    /// What was seen.
    pub evidence: Evidence,
    /// It was read while the server started, as settings are.
    pub at_start: bool,
    /// Call that named the file in its arguments, if one did.
    pub named_by: Option<u64>,
}

/// The newest of them.
#[derive(Debug, Default)]
pub struct Taints {
    list: VecDeque<Taint>,
}

impl Taints {
    /// Remembers a read; the same file again by the same process only moves its time.
    pub fn add(&mut self, taint: Taint) {
        if let Some(known) =
            self.list.iter_mut().find(|known| known.path == taint.path && known.node.id == taint.node.id)
        {
            *known = taint;
            return;
        }
        if self.list.len() >= MAX {
            self.list.pop_front();
        }
        self.list.push_back(taint);
    }

    /// Those of the last `window` before `now`, newest first.
    pub fn within(&self, now: Time, window: u64) -> impl Iterator<Item = &Taint> {
        self.list.iter().rev().filter(move |taint| taint.time <= now && now.since(taint.time) <= window)
    }

    /// Whether there is none at all: the quick answer for quiet servers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
