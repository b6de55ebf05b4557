//! Who read what, and when: the first half of a theft.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Node;
use crate::alert::Evidence;
use crate::credential::Secrecy;
use crate::id::ServerId;
use crate::time::Time;

/// Most reads that are remembered per server: the worst count, then the newest, and one is enough for an alert.
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

/// The worst and newest of them.
#[derive(Debug, Default)]
pub struct Taints {
    list: VecDeque<Taint>,
}

impl Taints {
    /// Remembers a read; the same file again by the same process only moves its time.
    /// Where there is no room, what lies further back than `window` goes first, then what gives away least. False: what
    /// went was a credential that still counts.
    pub fn add(&mut self, taint: Taint, window: u64) -> bool {
        if let Some(known) =
            self.list.iter_mut().find(|known| known.path == taint.path && known.node.id == taint.node.id)
        {
            *known = taint;
            return true;
        }
        let now = taint.time;
        self.list.push_back(taint);
        if self.list.len() <= MAX {
            return true;
        }
        let worth = |taint: &Taint| (now.since(taint.time) <= window, taint.secrecy, taint.time);
        let least = self.list.iter().enumerate().min_by_key(|(_, taint)| worth(taint)).map(|(at, _)| at);
        let gone = least.and_then(|at| self.list.remove(at));
        gone.is_none_or(|gone| now.since(gone.time) > window || gone.secrecy <= Some(Secrecy::Ambient))
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

#[cfg(test)]
mod tests {
    use super::{MAX, Taint, Taints};
    use crate::alert::{Evidence, Fact};
    use crate::credential::Secrecy;
    use crate::id::ProcId;
    use crate::state::Node;
    use crate::time::{SECOND, Time};

    const WINDOW: u64 = 60 * SECOND;

    fn taint(path: &str, secrecy: Option<Secrecy>, second: u64) -> Taint {
        let time = Time(second * SECOND);
        let fact = Fact::Mcp { tool: None, field: None, request: None, detail: None };
        Taint {
            time,
            node: std::sync::Arc::new(Node::orphan(ProcId { pid: 7, start: 7 }, 1, std::sync::Arc::default())),
            path: path.to_owned(),
            what: String::new(),
            secrecy,
            victim: None,
            evidence: Evidence { time: time.into(), fact },
            at_start: false,
            named_by: None,
        }
    }

    fn holds(taints: &Taints, path: &str) -> bool {
        taints.list.iter().any(|taint| taint.path == path)
    }

    #[test]
    fn a_flood_of_lesser_reads_moves_no_key_out() {
        let mut taints = Taints::default();
        taints.add(taint("key", Some(Secrecy::Key), 100), WINDOW);
        for at in 0..2 * MAX {
            assert!(
                taints.add(taint(&format!("{at}.env"), Some(Secrecy::Ambient), 101), WINDOW),
                "no loss to speak of"
            );
            assert!(taints.add(taint(&format!("{at}.csv"), None, 101), WINDOW));
        }
        assert!(holds(&taints, "key"));
        assert!(!holds(&taints, "0.env"), "the oldest among equals");
        assert!(holds(&taints, &format!("{}.env", 2 * MAX - 1)));
        assert_eq!(taints.list.len(), MAX);
    }

    #[test]
    fn what_no_longer_counts_holds_no_room() {
        let mut taints = Taints::default();
        for at in 0..MAX {
            taints.add(taint(&format!("key {at}"), Some(Secrecy::Key), 100), WINDOW);
        }
        taints.add(taint(".env", Some(Secrecy::Ambient), 101), WINDOW);
        assert!(!holds(&taints, ".env"), "every key still counts for more");
        assert!(!taints.add(taint("one key more", Some(Secrecy::Key), 101), WINDOW), "a key that counts is gone");
        taints.add(taint(".env", Some(Secrecy::Ambient), 161), WINDOW);
        assert!(holds(&taints, ".env") && !holds(&taints, "key 1"));
    }
}
