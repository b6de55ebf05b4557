//! What the sensors missed, and when: missing data never reads as "did not happen".

use std::collections::VecDeque;

use crate::alert::Gap;
use crate::id::ServerId;
use crate::time::Time;

/// Most losses that are remembered; older ones no longer overlap any alert of interest.
const MAX_LOSSES: usize = 256;
/// Most blind sensors: there are fewer kinds than this.
const MAX_BLIND: usize = 32;
/// How many of the newest are looked through for one that goes on.
const MERGED: usize = 16;

/// Losses and blind sensors.
#[derive(Debug, Default)]
pub struct Gaps {
    losses: VecDeque<Span>,
    blind: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    /// `None`: every server.
    server: Option<ServerId>,
    sensor: String,
    reason: String,
    from: Time,
    /// `None`: it lasts.
    to: Option<Time>,
    count: u64,
}

impl Gaps {
    /// Data was lost.
    pub fn lose(&mut self, server: Option<ServerId>, sensor: &str, reason: &str, span: (Time, Time), count: u64) {
        // a burst of losses of one kind is one gap, be others in between
        let same = self.losses.iter_mut().rev().take(MERGED).find(|last| {
            last.server == server
                && last.sensor == sensor
                && last.reason == reason
                && last.to.is_some_and(|to| span.0 <= to.plus(crate::time::SECOND))
        });
        if let Some(last) = same {
            last.from = last.from.min(span.0);
            last.to = last.to.max(Some(span.1));
            last.count = last.count.saturating_add(count);
            return;
        }
        if self.losses.len() >= MAX_LOSSES {
            self.losses.pop_front();
        }
        let (sensor, reason) = (sensor.to_owned(), reason.to_owned());
        self.losses.push_back(Span { server, sensor, reason, from: span.0, to: Some(span.1), count });
    }

    /// A sensor serves nothing from now on. True if that is news.
    pub fn blind(&mut self, server: Option<ServerId>, sensor: &str, reason: &str, from: Time) -> bool {
        let known =
            self.blind.iter().any(|span| span.server == server && span.sensor == sensor && span.reason == reason);
        if known || self.blind.len() >= MAX_BLIND {
            return false;
        }
        let (sensor, reason) = (sensor.to_owned(), reason.to_owned());
        self.blind.push(Span { server, sensor, reason, from, to: None, count: 0 });
        true
    }

    /// The gaps of these sensors that overlap `from..=to` and concern `server`.
    #[must_use]
    pub fn overlapping(&self, server: Option<ServerId>, sensors: &[&str], from: Time, to: Time) -> Vec<Gap> {
        self.blind
            .iter()
            .chain(&self.losses)
            .filter(|span| span.server.is_none() || span.server == server)
            // the security ring carries every sensor's records but stream bytes
            .filter(|span| sensors.contains(&span.sensor.as_str()) || matches!(&*span.sensor, "engine" | "security"))
            .filter(|span| span.from <= to && span.to.is_none_or(|end| end >= from))
            .take(16)
            .map(|span| Gap {
                sensor: span.sensor.clone(),
                reason: span.reason.clone(),
                from: span.from.into(),
                to: span.to.map(Into::into),
                count: span.count,
            })
            .collect()
    }

    /// Whether any message of `server` may be missing from `from` to `to`.
    #[must_use]
    pub fn stream_incomplete(&self, server: ServerId, from: Time, to: Time) -> bool {
        self.missing(server, "stream", from, to)
    }

    /// Whether any answer to a request of `server` may be missing from `from` to `to`.
    #[must_use]
    pub fn answers_incomplete(&self, server: ServerId, from: Time, to: Time) -> bool {
        self.missing(server, "tls", from, to)
    }

    fn missing(&self, server: ServerId, sensor: &str, from: Time, to: Time) -> bool {
        self.blind.iter().chain(&self.losses).any(|span| {
            span.sensor == sensor
                && (span.server.is_none() || span.server == Some(server))
                && span.from <= to
                && span.to.is_none_or(|end| end >= from)
        })
    }
}
