//! Tables that were full. What the engine forgot before its time is a loss like any other: a gap in the coverage of what
//! depends on it, and an alert of its own: at once for the first, and how many it has become a minute later and then
//! whenever that is ten times as many as was told, and at the end.
//!
//! Whether time passes by events or by ticks, the same is told in the same order, with the time of the last loss: a
//! recording has no ticks.

use std::collections::BTreeMap;

use super::Engine;
use crate::alert::Alert;
use crate::detect::sensor;
use crate::id::ServerId;
use crate::state::{Overflow, Table};
use crate::time::{SECOND, Time};

/// How long a table's further losses only count.
const QUIET: u64 = 60 * SECOND;
/// Most tables of servers that are remembered as told.
const MAX_TOLD: usize = 4096;
/// How many times what was told it must have become to be told again.
const GROWN: u64 = 10;

/// A table: of one server's, or of all.
type Key = (Option<ServerId>, Table);

/// What was told.
#[derive(Debug)]
pub(super) struct Full {
    /// Losses of the tables of the whole host, as far as they were looked at.
    seen: Overflow,
    told: BTreeMap<Key, Told>,
    /// Nothing is to be told by time alone before then.
    next: Time,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    /// When the first was told.
    first: Time,
    /// The last loss.
    last: Time,
    /// All losses, and how many of them were told.
    lost: u64,
    told: u64,
}

impl Told {
    /// From when on losses are told by their growth. What a server wrote is told at once, and then at its end: one that
    /// writes that much goes on doing so.
    fn due(&self, table: Table) -> Time {
        if table == Table::Written { Time(u64::MAX) } else { self.first.plus(QUIET) }
    }

    const fn grown(&self) -> bool {
        self.lost >= self.told.saturating_mul(GROWN)
    }
}

impl Full {
    pub(super) fn new() -> Self {
        Self { seen: Overflow::default(), told: BTreeMap::new(), next: Time(u64::MAX) }
    }
}

impl Engine {
    /// Tells what the tables of the whole host lost by the last event.
    pub(super) fn tell_full(&mut self, now: Time, alerts: &mut Vec<Alert>) {
        let lost = self.state.overflow();
        if lost == self.full.seen {
            return;
        }
        let before = std::mem::replace(&mut self.full.seen, lost);
        for ((table, now_lost), (_, then)) in lost.counts().into_iter().zip(before.counts()) {
            self.overflow(None, table, now_lost.saturating_sub(then), now, alerts);
        }
    }

    /// A table was full and lost `count` entries: of one server's, or of all.
    pub(super) fn overflow(
        &mut self,
        server: Option<ServerId>,
        table: Table,
        count: u64,
        now: Time,
        alerts: &mut Vec<Alert>,
    ) {
        if count == 0 {
            return;
        }
        self.state.gaps.lose(server, table.sensor(), sensor::TABLE_FULL, (now, now), count);
        let key = (server, table);
        if let Some(told) = self.full.told.get_mut(&key) {
            told.last = told.last.max(now);
            told.lost = told.lost.saturating_add(count);
            if now >= told.due(table) && told.grown() {
                self.tell(key, alerts);
            }
            return;
        }
        if self.full.told.len() >= MAX_TOLD
            && let Some(oldest) = self.full.told.keys().find(|(server, _)| server.is_some()).copied()
        {
            self.full.told.remove(&oldest);
        }
        let told = Told { first: now, last: now, lost: count, told: 0 };
        self.full.next = self.full.next.min(told.due(table));
        self.full.told.insert(key, told);
        self.tell(key, alerts);
    }

    /// Time passes: tells what the tables lost whose quiet minute is over.
    pub(super) fn tell_due(&mut self, now: Time, alerts: &mut Vec<Alert>) {
        if now < self.full.next {
            return;
        }
        self.full.next = Time(u64::MAX);
        self.tell_if(alerts, |key, told| now >= told.due(key.1) && told.grown());
        let later = self.full.told.iter().map(|(key, told)| told.due(key.1)).filter(|due| *due > now);
        self.full.next = later.min().unwrap_or(Time(u64::MAX));
    }

    /// A server has ended: tells what its tables lost in all.
    pub(super) fn tell_ended(&mut self, server: ServerId, alerts: &mut Vec<Alert>) {
        self.tell_if(alerts, |key, _| key.0 == Some(server));
        self.full.told.retain(|key, _| key.0 != Some(server));
    }

    /// The end: tells what every table lost in all. What would have been told by time comes first, as it had if time had
    /// passed by ticks.
    pub(super) fn tell_rest(&mut self, alerts: &mut Vec<Alert>) {
        self.tell_if(alerts, |key, told| told.due(key.1) < Time(u64::MAX) && told.grown());
        self.tell_if(alerts, |_, _| true);
    }

    /// Tells of the tables that `wanted` names and that lost more than was told, in order of when that is due.
    fn tell_if(&mut self, alerts: &mut Vec<Alert>, wanted: impl Fn(&Key, &Told) -> bool) {
        let untold = self.full.told.iter().filter(|(key, told)| told.lost > told.told && wanted(key, told));
        let mut keys: Vec<(Time, Key)> = untold.map(|(key, told)| (told.due(key.1), *key)).collect();
        keys.sort_unstable();
        for (_, key) in keys {
            self.tell(key, alerts);
        }
    }

    /// Tells how many a table lost so far.
    fn tell(&mut self, key: Key, alerts: &mut Vec<Alert>) {
        let Some(told) = self.full.told.get_mut(&key) else { return };
        told.told = told.lost;
        let (lost, last) = (told.lost, told.last);
        if key.0.is_some_and(|server| self.state.servers.get(server).is_none()) {
            // nobody could say whose they were
            return;
        }
        let mut findings = vec![sensor::full(key.1, lost, last)];
        self.emit(key.0, &mut findings, last, alerts);
    }
}
