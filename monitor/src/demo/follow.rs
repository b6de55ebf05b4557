//! What Tripline wrote while the demo ran: alerts, each in its highest revision, and closed calls.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use monitor_core::ledger::CallRecord;
use serde_json::Value;

use super::ground::Ground;

/// One alert, as far as the demo looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its id, which is the same in every revision.
    pub id: String,
    /// `token_theft` …
    pub category: String,
    /// `high` …
    pub severity: String,
    /// The sentence for a person.
    pub summary: String,
    /// What its evidence is about: paths, `address:port`, programs.
    pub objects: Vec<String>,
    revision: u64,
}

#[cfg(test)]
impl Seen {
    /// An alert of the tests.
    pub fn sample(category: &str, severity: &str, object: &str) -> Self {
        let [category, severity] = [category, severity].map(str::to_owned);
        Self {
            id: String::new(),
            category,
            severity,
            summary: String::new(),
            objects: vec![object.to_owned()],
            revision: 1,
        }
    }
}

/// The files.
#[derive(Debug)]
pub struct Follow {
    alerts: PathBuf,
    calls: PathBuf,
}

impl Follow {
    /// Where the configuration and the options of the demo put them.
    pub fn new(ground: &Ground) -> Self {
        Self { alerts: ground.path("alerts.ndjson"), calls: ground.path("state/calls.ndjson") }
    }

    /// All alerts so far, in the order of their first revisions.
    pub fn alerts(&self) -> Result<Vec<Seen>> {
        let mut all: Vec<Seen> = Vec::new();
        for line in whole_lines(&self.alerts).lines() {
            let alert =
                read_alert(line).with_context(|| format!("{} holds no alert: {line}", self.alerts.display()))?;
            match all.iter_mut().find(|known| known.id == alert.id) {
                Some(known) if known.revision >= alert.revision => {}
                Some(known) => *known = alert,
                None => all.push(alert),
            }
        }
        Ok(all)
    }

    /// All calls that are closed so far.
    pub fn calls(&self) -> Result<Vec<CallRecord>> {
        let text = whole_lines(&self.calls);
        let calls = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        calls.with_context(|| format!("{} holds a line that is no call", self.calls.display()))
    }
}

/// A line that is still being written isn't there yet; nor is a file before its first line.
fn whole_lines(path: &PathBuf) -> String {
    let mut text = fs::read_to_string(path).unwrap_or_default();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}

fn read_alert(line: &str) -> Option<Seen> {
    let alert: Value = serde_json::from_str(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Seen {
        id: text(&alert["id"])?,
        category: text(&alert["category"])?,
        severity: text(&alert["severity"])?,
        summary: text(&alert["summary"])?,
        objects: alert["evidence"].as_array()?.iter().filter_map(object).collect(),
        revision: alert["revision"].as_u64()?,
    })
}

fn object(evidence: &Value) -> Option<String> {
    if let (Some(address), Some(port)) = (evidence["address"].as_str(), evidence["port"].as_u64()) {
        return Some(format!("{address}:{port}"));
    }
    ["path", "exe", "detail", "tool"].iter().find_map(|name| evidence[*name].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Follow, Seen};

    #[test]
    fn the_highest_revision_counts_and_half_a_line_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let line = |id: &str, revision: u64, severity: &str| {
            format!(
                r#"{{"id":"{id}","revision":{revision},"category":"token_theft","severity":"{severity}","summary":"s",
                "evidence":[{{"kind":"connect","address":"127.0.0.1","port":80}},{{"kind":"exec","exe":"/bin/x"}}]}}"#
            )
            .replace('\n', "")
        };
        let text = [line("a", 1, "high"), line("b", 1, "low"), line("a", 2, "critical")].join("\n");
        let alerts = dir.path().join("alerts");
        fs::write(&alerts, text + "\n{\"id\":").unwrap();
        let follow = Follow { alerts, calls: dir.path().join("none") };
        let seen = follow.alerts().unwrap();
        let shown: Vec<(&str, &str)> = seen.iter().map(|alert: &Seen| (&*alert.id, &*alert.severity)).collect();
        assert_eq!(shown, [("a", "critical"), ("b", "low")]);
        assert_eq!(seen[0].objects, ["127.0.0.1:80", "/bin/x"]);
        assert!(follow.calls().unwrap().is_empty());
    }
}
