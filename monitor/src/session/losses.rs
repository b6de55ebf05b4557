//! What the kernel programs counted as lost, told: as a watched server's own doing where it is.

use monitor_abi::config::SCOPE_CANDIDATE;
use monitor_abi::stats::{Lost, SECURITY_FULL};
use monitor_core::id::ServerId;

use super::Session;
use crate::sensor::load::Counted;

/// Records of one server that a full ring must have refused since the last look for that to be its doing: a tenth of what
/// the ring holds. Fewer may be lost in ordinary use, where the agent was held up.
const FLOOD: u64 = 4096;

impl Session {
    /// Turns grown counters into loss events. Payload loss is told per stream by the kernel itself.
    pub(super) fn losses(&mut self) {
        let lost = self.reader.lost();
        let since = std::mem::replace(&mut self.counted, self.pipeline.clock().now());
        // The counters first: the kernel notes whose a loss was before it counts it.
        let counters = self.stats.losses();
        let grown = |counter: &Counted| {
            let told = self.reported.get(&(counter.sensor, counter.reason)).copied().unwrap_or(0);
            counter.total > told && counter.sensor != "stream"
        };
        let grown: Vec<Counted> = counters.into_iter().filter(grown).collect();
        let whose = if grown.is_empty() { Vec::new() } else { self.stats.take_lost() };
        for counter in grown {
            let Counted { sensor, reason, .. } = counter;
            let told = self.reported.entry((sensor, reason)).or_default();
            let count = counter.total - *told;
            let mut rest = count;
            for (server, own) in caused(&counter, count, &whose) {
                if self.pipeline.lost_by(server, sensor, reason, since, own) {
                    rest = rest.saturating_sub(own);
                }
            }
            *told = counter.total;
            if rest > 0 {
                self.pipeline.lost(sensor, reason, since, rest, None);
            }
        }
        // A record that found the ring full has left a gap too, which may show later than its counter.
        self.missing += lost.security;
        let unexplained = self.missing.saturating_sub(self.stats.get(SECURITY_FULL));
        let told = self.reported.entry(("security", "sequence_gap")).or_default();
        if unexplained > *told {
            let count = unexplained - std::mem::replace(told, unexplained);
            self.pipeline.lost("security", "sequence_gap", since, count, None);
        }
        for (sensor, late) in [("security", lost.late_security), ("stream", lost.late_payload)] {
            if late > 0 {
                self.pipeline.lost(sensor, "late", since, late, None);
            }
        }
    }
}

/// Which servers caused what one counter grew by, and how much of it each, never more than all. Whoever finds a ring full
/// need not have filled it: that is the doing of a server of which most of what was lost was, and much. A candidate's is nobody's:
/// it isn't known to be a server.
fn caused(counter: &Counted, count: u64, whose: &[(Lost, u64)]) -> Vec<(ServerId, u64)> {
    let mut left = count;
    let mut servers = Vec::new();
    for (lost, own) in whose {
        let filled = counter.index != SECURITY_FULL || *own >= FLOOD && *own > count / 2;
        let own = (*own).min(left);
        if lost.reason == counter.index && lost.scope & SCOPE_CANDIDATE == 0 && filled && own > 0 {
            left -= own;
            servers.push((ServerId(lost.scope), own));
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use monitor_abi::config::SCOPE_CANDIDATE;
    use monitor_abi::stats::{Lost, NAME_FAULT, SECURITY_FULL};
    use monitor_core::id::ServerId;

    use super::caused;
    use crate::sensor::load::Counted;

    const RING: Counted = Counted { sensor: "security", reason: "ring_full", index: SECURITY_FULL, total: 0 };
    const NAMES: Counted = Counted { sensor: "file", reason: "read_fault", index: NAME_FAULT, total: 0 };

    fn lost(scope: u32, reason: u32, count: u64) -> (Lost, u64) {
        (Lost { scope, reason }, count)
    }

    #[test]
    fn who_filled_the_ring_caused_the_loss_and_who_found_it_full_did_not() {
        let whose = [lost(1, SECURITY_FULL, 500), lost(2, SECURITY_FULL, 9000), lost(2, NAME_FAULT, 1)];
        assert_eq!(caused(&RING, 10_000, &whose), [(ServerId(2), 9000)]);
        assert_eq!(caused(&RING, 100_000, &whose), [], "the rest of the host filled it");
        assert_eq!(caused(&RING, 100, &[lost(2, SECURITY_FULL, 100)]), [], "the agent was held up");
    }

    #[test]
    fn a_name_that_cannot_be_read_is_the_doing_of_whoever_passed_it() {
        let whose = [lost(1, NAME_FAULT, 1), lost(2, NAME_FAULT, 2), lost(1, SECURITY_FULL, 7)];
        assert_eq!(caused(&NAMES, 9, &whose), [(ServerId(1), 1), (ServerId(2), 2)]);
    }

    #[test]
    fn a_candidate_is_no_server_yet() {
        assert_eq!(caused(&NAMES, 1, &[lost(SCOPE_CANDIDATE | 7, NAME_FAULT, 1)]), []);
    }

    #[test]
    fn no_more_is_told_than_was_counted() {
        let whose = [lost(1, NAME_FAULT, 3), lost(2, NAME_FAULT, 3)];
        assert_eq!(caused(&NAMES, 4, &whose), [(ServerId(1), 3), (ServerId(2), 1)]);
    }
}
