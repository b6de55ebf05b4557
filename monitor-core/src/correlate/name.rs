//! Whom the connections that alerts tell of are for. The alert is written when the connection is tried; what its client
//! says first, some milliseconds later, is a revision.

use super::{Correlator, Kept, add_evidence};
use crate::alert::{Alert, Evidence, Fact, bounded};
use crate::detect::Attempt;
use crate::detect::name::{self, Seen};
use crate::event::Net;
use crate::time::Time;

/// Most alerts that wait for the name of one socket's peer.
const MAX_WAITING: usize = 16;

impl Correlator {
    /// The client of a connection began TLS: `hello`. Appends the alerts that it changes.
    pub fn named(
        &mut self,
        net: &Net,
        (hello, seen): (&Evidence, Option<&Seen>),
        limit: usize,
        now: Time,
        alerts: &mut Vec<Alert>,
    ) {
        for hash in self.unnamed.remove(&(net.cookie, net.addr, net.port)).unwrap_or_default() {
            let Some(kept) = self.kept.get_mut(&hash) else { continue };
            alerts.extend(kept.name(net, (hello, seen), limit, now));
        }
    }

    pub(super) fn await_name(&mut self, attempt: Option<&Attempt>, hash: u128) {
        let Some(ends) = attempt.and_then(Attempt::ends) else { return };
        match self.unnamed.get_mut(&ends) {
            Some(waiting) if waiting.len() < MAX_WAITING && !waiting.contains(&hash) => waiting.push(hash),
            Some(_) => {}
            None => {
                self.unnamed.insert(ends, vec![hash]);
            }
        }
    }
}

impl Kept {
    fn name(&mut self, net: &Net, (hello, seen): (&Evidence, Option<&Seen>), limit: usize, now: Time) -> Option<Alert> {
        let alert = &mut self.alert;
        let is_hello = |item: &Evidence| matches!(item.fact, Fact::Tls { .. });
        let first = !alert.evidence.iter().any(is_hello);
        if alert.evidence.iter().any(|item| item.fact == hello.fact) {
            return None;
        }
        if let Some(seen) = seen {
            name::fill(&mut alert.evidence, net, seen);
        }
        add_evidence(&mut alert.evidence, &mut self.more, hello.clone(), limit);
        if !first {
            // one host after the other at one address: told with the next revision
            return None;
        }
        if let Some(seen) = seen {
            let place = name::place(net);
            if let Some(attempt) = &mut self.attempt {
                attempt.named(&place, &seen.name);
            }
            alert.summary = bounded(name::with(&alert.summary, &place, &seen.name));
        }
        alert.revision = alert.revision.saturating_add(1);
        alert.time = now.into();
        Some(alert.clone())
    }
}
