//! Tables that were full. What the engine forgot before its time is a loss like any other: a gap in the coverage of what
//! depends on it, and an alert of its own, at most once a minute for each table.

use super::Engine;
use crate::alert::Alert;
use crate::detect::sensor;
use crate::id::ServerId;
use crate::state::{Bounded, Overflow, Table};
use crate::time::{SECOND, Time};

/// How long a table's further losses only count.
const QUIET: u64 = 60 * SECOND;
/// Most tables of servers that are remembered as told.
const MAX_TOLD: usize = 4096;

/// What was told.
#[derive(Debug)]
pub(super) struct Full {
    /// Losses of the tables of the whole host, as far as they were looked at.
    seen: Overflow,
    told: Bounded<(Option<ServerId>, Table), Told>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    at: Time,
    /// Lost since then.
    untold: u64,
}

impl Full {
    pub(super) fn new() -> Self {
        Self { seen: Overflow::default(), told: Bounded::new(MAX_TOLD) }
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
        let mut lost = count;
        match self.full.told.get_mut(&key) {
            Some(told) if now.since(told.at) < QUIET => {
                told.untold = told.untold.saturating_add(count);
                return;
            }
            Some(told) => {
                lost = lost.saturating_add(told.untold);
                *told = Told { at: now, untold: 0 };
            }
            None => {
                self.full.told.insert(key, Told { at: now, untold: 0 });
            }
        }
        let mut findings = vec![sensor::full(table, lost, now)];
        self.emit(server, &mut findings, now, alerts);
    }
}
