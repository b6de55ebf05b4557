//! What came of the connections that alerts tell of. The alert is written when the connection is tried; that it failed is
//! a revision.

use super::{Correlator, Kept};
use crate::alert::{Alert, Category, Confidence, Fact, NetFact, bounded};
use crate::detect::{Attempt, Finding, failure};
use crate::event::Net;
use crate::time::Time;

/// Most alerts that wait for one socket's outcome.
const MAX_WAITING: usize = 16;

impl Correlator {
    /// The outcome of a connection is known: `result` as in [`Net::result`]. Appends the alerts that it changes.
    pub fn outcome(&mut self, net: &Net, result: &str, now: Time, alerts: &mut Vec<Alert>) {
        for hash in self.pending.remove(&net.cookie).unwrap_or_default() {
            let Some(kept) = self.kept.get_mut(&hash) else { continue };
            alerts.extend(kept.settle(net, result, now));
        }
    }

    pub(super) fn await_outcome(&mut self, cookie: u64, hash: u128) {
        match self.pending.get_mut(&cookie) {
            Some(waiting) if waiting.len() < MAX_WAITING => waiting.push(hash),
            Some(_) => {}
            None => {
                self.pending.insert(cookie, vec![hash]);
            }
        }
    }
}

impl Kept {
    /// Another connection counts for this alert. True if it was made although the sentence says that none was.
    pub(super) fn tried(&mut self, attempt: Option<Attempt>, result: &str) -> bool {
        let Some(attempt) = attempt else { return false };
        let failed = failure(result).is_some();
        if attempt.pending(result).is_some() {
            self.pending = self.pending.saturating_add(1);
        } else {
            self.made |= !failed;
        }
        if self.attempt.is_none() {
            self.failed = failed;
            self.attempt = Some(attempt);
            return false;
        }
        let corrects = self.failed && self.made;
        self.failed &= !corrects;
        corrects
    }

    fn settle(&mut self, net: &Net, result: &str, now: Time) -> Option<Alert> {
        self.pending = self.pending.saturating_sub(1);
        self.fill(net, result);
        let failed = failure(result).is_some();
        self.made |= !failed;
        // one that was made, or that may have been, is enough for the sentence to stand
        let fails = !self.made && self.pending == 0;
        if fails == self.failed || !fails && failed {
            return None;
        }
        let sentence = self.attempt.as_ref()?.told(result);
        self.failed = failed;
        self.alert.summary = bounded(sentence);
        if failed && matches!(self.alert.category, Category::TokenTheft | Category::Exfiltration) {
            // nothing left by it
            self.alert.confidence = Confidence::Weak;
        }
        self.alert.revision = self.alert.revision.saturating_add(1);
        self.alert.time = now.into();
        Some(self.alert.clone())
    }

    /// Completes the item of evidence that waits for this outcome.
    fn fill(&mut self, net: &Net, result: &str) {
        let address = net.addr.to_string();
        let waits = |fact: &NetFact| {
            fact.op == "connect" && fact.result.is_empty() && fact.port == net.port && fact.address == address
        };
        let known = |fact: &Fact| {
            matches!(fact, Fact::Connect(fact) if fact.result == result && fact.op == "connect"
            && fact.port == net.port && fact.address == address)
        };
        let double = self.alert.evidence.iter().any(|item| known(&item.fact));
        let at = self.alert.evidence.iter().position(|item| matches!(&item.fact, Fact::Connect(fact) if waits(fact)));
        let Some(at) = at else { return };
        if double {
            self.alert.evidence.remove(at);
        } else if let Some(Fact::Connect(fact)) = self.alert.evidence.get_mut(at).map(|item| &mut item.fact) {
            result.clone_into(&mut fact.result);
        }
    }
}

/// What a finding says of its connection's outcome; empty if that isn't known.
pub(super) fn said(finding: &Finding) -> String {
    finding
        .evidence
        .iter()
        .rev()
        .find_map(|item| match &item.fact {
            Fact::Connect(fact) => Some(fact.result.clone()),
            _ => None,
        })
        .unwrap_or_default()
}
