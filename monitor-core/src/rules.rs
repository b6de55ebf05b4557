//! The registry of rules: one entry per rule id, with what a person needs who meets it for the first time.
//!
//! `tripline rules list|explain` prints it, and every alert takes its name, MAESTRO layer and ATT&CK ids from it. An id
//! is never reused; a change of meaning raises `version`.

mod text;
mod wire;

use crate::alert::{Category, Severity};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Id, e.g. `TL-CRED-001`.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Grows with every change of meaning.
    pub version: u32,
    /// Category of its alerts.
    pub category: Category,
    /// Usual severity.
    pub severity: Severity,
    /// MAESTRO layers.
    pub maestro: &'static [&'static str],
    /// MITRE ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// Sensors whose loss could have changed its verdict.
    pub sensors: &'static [&'static str],
    /// What it means.
    pub explanation: &'static str,
    /// What looks like it and is quiet.
    pub normal: &'static str,
    /// What to check first.
    pub check: &'static str,
}

/// Every rule, in order of id.
pub const ALL: &[&Rule] = &[
    &text::CREDENTIAL_READ,
    &text::CREDENTIAL_MOVED,
    &text::CREDENTIAL_MEMORY,
    &text::DESTINATION,
    &text::MUTATION,
    &text::IDLE_EFFECT,
    &text::READ,
    &wire::API_CHANGE,
    &wire::API_READ,
    &wire::UNDECLARED_HOST,
    &wire::REMOTE_CALL,
    &text::PERSISTENCE,
    &text::FORGED,
    &text::COMPAT,
    &text::IO_URING,
    &text::OPAQUE,
    &text::CAUSED_LOSS,
    &text::PRELOAD,
    &wire::DNS_OVER_HTTPS,
    &wire::MISPLACED_HOST,
    &text::CHILD,
    &text::SHELL,
    &text::MEMORY_EXEC,
    &text::SCRATCH_EXEC,
    &text::CREDENTIAL_SENT,
    &text::DATA_SENT,
    &text::CREDENTIAL_IN_CALL,
    &wire::DNS_TUNNEL,
    &wire::TOKEN_IN_MESSAGE,
    &text::METADATA,
    &text::ORCHESTRATOR,
    &text::INTERNAL_SERVICE,
    &text::INTERNAL,
    &text::RUNTIME_SOCKET,
    &text::LISTENER,
    &text::TUNNEL,
    &text::RAW_SOCKET,
    &text::LOSS,
    &text::BLIND,
    &text::STORE_READ,
    &text::MEMORY_READ,
    &text::TOKEN_SENT,
    &wire::OTHER_TOKEN,
    &wire::TOKEN_ELSEWHERE,
    &text::UNLISTED_TOOL,
    &text::CHANGED_TOOL,
    &text::CREDENTIAL_ARGUMENT,
    &wire::SENSITIVE_API,
    &wire::HEADER_DIFFERS,
];

/// Rules that no sensor of this version feeds. The engine judges by them all the same: an event that says of something
/// what this version doesn't know must not be passed over.
const UNFED: &[&Rule] = &[&text::OPAQUE];

impl Rule {
    /// Whether any sensor of this version reports what the rule is about.
    #[must_use]
    pub fn is_fed(&self) -> bool {
        !UNFED.contains(&self)
    }
}

/// The rule of this id.
#[must_use]
pub fn get(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}

pub(crate) use text::*;
pub(crate) use wire::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sorted_and_texts_are_there() {
        for pair in ALL.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
        }
        for rule in ALL {
            assert!(!rule.maestro.is_empty() && !rule.sensors.is_empty(), "{}", rule.id);
            assert!(rule.explanation.len() > 40 && rule.normal.len() > 20 && rule.check.len() > 20, "{}", rule.id);
            assert_eq!(get(rule.id), Some(*rule));
        }
    }

    #[test]
    fn the_rule_that_no_sensor_feeds_says_so_in_its_own_words() {
        let unfed: Vec<&str> = ALL.iter().filter(|rule| !rule.is_fed()).map(|rule| rule.id).collect();
        assert_eq!(unfed, ["TL-EVA-005"]);
        assert!(get("TL-EVA-005").unwrap().explanation.contains("No sensor of this version"));
    }
}
