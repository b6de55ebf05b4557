//! `sensor`: the agent tells of its own losses and blind spots.

use crate::alert::{Confidence, Evidence, Fact};
use crate::event::{Blind, Loss};
use crate::rules::{self, Rule};
use crate::state::Table;
use crate::time::Time;

use super::Finding;

/// Data was lost.
#[must_use]
pub fn loss(loss: &Loss, now: Time) -> Finding {
    let summary = format!(
        "The {} sensor lost {} ({}); alerts of that time say what may be missing.",
        loss.sensor,
        amount(loss),
        loss.reason
    );
    own(&rules::LOSS, format!("loss:{}:{}", loss.sensor, loss.reason), fact(loss), summary, now)
}

/// Why something is missing that a table of the engine's had no room for.
pub const TABLE_FULL: &str = "table_full";

/// The engine forgot entries of a table before their time, so many by now.
#[must_use]
pub fn full(table: Table, count: u64, now: Time) -> Finding {
    let summary = format!(
        "The table of {} was full: {count} forgotten before their time ({TABLE_FULL}); what they would have told may be \
         missing.",
        table.holds()
    );
    let (sensor, reason) = (table.sensor().to_owned(), TABLE_FULL.to_owned());
    let fact = Fact::Loss { sensor: sensor.clone(), reason, from: now.into(), lost: count };
    let object = format!("loss:{sensor}:{TABLE_FULL}:{}", table.word());
    Finding { counted: true, ..own(&rules::LOSS, object, fact, summary, now) }
}

/// A sensor serves nothing.
#[must_use]
pub fn blind(blind: &Blind, now: Time) -> Finding {
    let summary = format!("The {} sensor is blind: {}. Run tripline doctor.", blind.sensor, blind.reason);
    let fact = Fact::Blind { sensor: blind.sensor.clone(), reason: blind.reason.clone() };
    own(&rules::BLIND, format!("blind:{}:{}", blind.sensor, blind.reason), fact, summary, now)
}

/// How much was lost: of streams bytes are counted, of all else records.
#[must_use]
pub fn amount(loss: &Loss) -> String {
    let bytes =
        loss.sensor == "stream" && matches!(loss.reason.as_str(), "ring_full" | "read_fault" | "splice" | "cut");
    format!("{} {}", loss.count, if bytes { "bytes" } else { "records" })
}

/// Evidence of a loss.
#[must_use]
pub fn fact(loss: &Loss) -> Fact {
    Fact::Loss { sensor: loss.sensor.clone(), reason: loss.reason.clone(), from: loss.from.into(), lost: loss.count }
}

fn own(rule: &'static Rule, object: String, fact: Fact, summary: String, now: Time) -> Finding {
    Finding {
        rule,
        severity: rule.severity,
        confidence: Confidence::Strong,
        absence: false,
        concerns: None,
        actor: None,
        object,
        calls: Vec::new(),
        evidence: vec![Evidence { time: now.into(), fact }],
        summary,
        attempt: None,
        counted: false,
    }
}
