//! Judging alerts by the stable interface: category, severity, process, evidence and call.

use crate::peer::BOUND;
use crate::place::Place;
use crate::scenario::Expectation;
use crate::{home, subject};
use anyhow::{Context, Result, bail};
use globset::GlobBuilder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// In rising order.
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// The alerts of a file, of each the highest revision, in the order of their first lines.
pub fn read(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A line that is still being written is not there yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut order: Vec<String> = Vec::new();
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for line in whole.lines() {
        let alert: Value = serde_json::from_str(line).with_context(|| format!("not an alert: {line:?}"))?;
        let id = alert["id"].as_str().context("an alert without an id")?.to_owned();
        let revision = |alert: &Value| alert["revision"].as_u64();
        match newest.get(&id) {
            Some(known) if revision(known) >= revision(&alert) => {}
            Some(_) => drop(newest.insert(id, alert)),
            None => {
                order.push(id.clone());
                newest.insert(id, alert);
            }
        }
    }
    Ok(order.iter().filter_map(|id| newest.remove(id)).collect())
}

/// Does an alert fit?
pub fn fits(alert: &Value, wanted: &Expectation, place: &Place, pid: Option<u32>) -> bool {
    let matches = |pattern: &str, value: &Value| pattern_fits(&place.fill(pattern, pid), value.as_str().unwrap_or(""));
    let text = |pattern: &Option<String>, value: &Value| pattern.as_ref().is_none_or(|known| matches(known, value));
    let calls = alert["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let evidence = alert["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    (wanted.category.is_empty() || wanted.category.iter().any(|category| alert["category"] == category.as_str()))
        && wanted.severity.as_ref().is_none_or(|least| rank(&alert["severity"]) >= rank(&least.as_str().into()))
        && text(&wanted.rule, &alert["rule"]["id"])
        && text(&wanted.actor, &alert["process"]["exe"])
        && wanted.server.is_none_or(|pid| alert["server"]["pid"] == pid)
        && text(&wanted.profile, &alert["server"]["profile"])
        && text(&wanted.transport, &alert["server"]["transport"])
        && wanted.complete.is_none_or(|complete| alert["coverage"]["complete"] == complete)
        && wanted.tool.as_ref().is_none_or(|tool| calls.iter().any(|call| call["tool"] == tool.as_str()))
        && (!wanted.no_call || calls.is_empty())
        && (wanted.evidence.is_empty()
            || evidence
                .iter()
                .any(|item| wanted.evidence.iter().all(|(name, value)| has(&item[name], value, place, pid))))
}

/// Waits until an alert is there that fits, and answers it. Alerts are written at once; a loaded machine gets the bound.
pub fn wait(place: &Place, wanted: &Expectation, pid: Option<u32>) -> Result<Value> {
    let find = || match read(&place.alerts()) {
        Ok(alerts) => alerts.into_iter().find(|alert| fits(alert, wanted, place, pid)).map(Ok),
        Err(error) => Some(Err(error)),
    };
    crate::wait::until("an alert", BOUND, find).unwrap_or_else(|_| {
        let alerts = read(&place.alerts())?;
        let there: Vec<String> = alerts.iter().map(|alert| format!("\n  {}", shown(alert))).collect();
        bail!("no alert fits {wanted}; there are {}:{}", alerts.len(), there.concat())
    })
}

/// Is it severe enough that ordinary use must not cause it?
pub fn is_loud(alert: &Value) -> bool {
    rank(&alert["severity"]) >= rank(&"medium".into())
}

/// An alert on one line, for a person who looks at a failed test.
pub fn shown(alert: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let kinds: Vec<String> = alert["evidence"].as_array().into_iter().flatten().map(evidence).collect();
    format!(
        "{} {} {} [{}] by {}: {} {{{}}}",
        word(&alert["rule"]["id"]),
        word(&alert["category"]),
        word(&alert["severity"]),
        word(&alert["confidence"]),
        word(&alert["process"]["exe"]),
        word(&alert["summary"]),
        kinds.join(", ")
    )
}

fn evidence(item: &Value) -> String {
    let object = ["path", "address", "exe", "name", "tool", "op"].iter().find_map(|name| item[*name].as_str());
    format!("{} {}", item["kind"].as_str().unwrap_or("?"), object.unwrap_or(""))
}

/// Every alert holds to the schema that the documentation publishes.
pub fn check_schema(alerts: &[Value]) -> Result<()> {
    let path = subject::root().join("docs/schema/alert.schema.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let schema: Value = serde_json::from_str(&text)?;
    let validator = jsonschema::validator_for(&schema).with_context(|| format!("{} is no schema", path.display()))?;
    for alert in alerts {
        let problems: Vec<String> =
            validator.iter_errors(alert).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if !problems.is_empty() {
            bail!("an alert breaks the schema: {}\n  {}", problems.join("; "), shown(alert));
        }
    }
    Ok(())
}

/// As long as the shortest body of a token that is known by its form.
const PART: usize = 16;

/// What a test puts into its folder itself; all the rest is Tripline's, or said by what it started.
const INPUTS: [&str; 6] = ["home", "files", "scratch", "cloudflare", "config.toml", "deeds.json"];

/// No secret has reached anything that Tripline wrote: outputs, recording, log, state folder.
pub fn check_secrets(place: &Place) -> Result<()> {
    let entries = fs::read_dir(place.path(""))?.collect::<Result<Vec<_>, _>>()?;
    let own = |name: &OsStr| !INPUTS.iter().any(|input| name == *input);
    let mut left: Vec<PathBuf> = entries.iter().filter(|e| own(&e.file_name())).map(|entry| entry.path()).collect();
    while let Some(path) = left.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            left.extend(fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?);
        } else if kind.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            if let Some(part) = home::secrets().flat_map(parts).find(|part| text.contains(part)) {
                bail!("{} holds the secret {part}, or this part of it", path.display());
            }
        }
    }
    Ok(())
}

/// Every part of a secret that is long enough to be worth something.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    (0..=secret.len().saturating_sub(PART))
        .filter_map(|from| secret.get(from..))
        .map(|rest| rest.get(..PART).unwrap_or(rest))
}

/// Whether a value has all that another has: texts are patterns (also of a
/// number, such as a PID), and of a list each wanted item is there.
pub fn has(value: &Value, wanted: &Value, place: &Place, pid: Option<u32>) -> bool {
    match wanted {
        Value::Object(fields) => fields.iter().all(|(name, field)| has(&value[name], field, place, pid)),
        Value::Array(items) => {
            let there = value.as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().all(|item| there.iter().any(|known| has(known, item, place, pid)))
        }
        Value::String(pattern) => {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            pattern_fits(&place.fill(pattern, pid), &text)
        }
        other => value == other,
    }
}

fn rank(severity: &Value) -> usize {
    SEVERITIES.iter().position(|known| severity == *known).unwrap_or(0)
}

/// `*` stays within a path's part, `**` does not.
fn pattern_fits(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '{', '[']) {
        return pattern == text;
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert() -> Value {
        json!({
            "id": "1", "revision": 1, "category": "token_theft", "severity": "high",
            "rule": {"id": "TL-TOKEN-001"}, "process": {"exe": "/usr/bin/cat"}, "server": {"profile": "cloudflare"},
            "coverage": {"complete": true}, "calls": [{"tool": "worker_list"}],
            "evidence": [{"kind": "exec", "exe": "/usr/bin/cat"}, {"kind": "file_open", "path": "/home/dev/.x"}],
        })
    }

    fn wanted(text: &str) -> Expectation {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_expectation_looks_at_what_it_names_and_at_nothing_else() {
        let mut place = Place::new("matcher").unwrap();
        place.passed();
        let fits = |text: &str| fits(&alert(), &wanted(text), &place, None);
        assert!(fits(""));
        assert!(fits("category = ['exfiltration', 'token_theft']\nseverity = 'medium'\nactor = '**/cat'"));
        assert!(fits("evidence = { kind = 'file_open', path = '/home/*/.x' }\ntool = 'worker_list'"));
        assert!(!fits("severity = 'critical'"));
        assert!(!fits("actor = '*/cat'"), "one star stays within a folder");
        assert!(!fits("evidence = { kind = 'exec', path = '/home/dev/.x' }"), "all fields are of one item");
        assert!(!fits("no_call = true"));
    }

    #[test]
    fn the_highest_revision_counts_and_a_half_line_does_not() {
        let mut place = Place::new("revisions").unwrap();
        place.passed();
        let lines =
            "{\"id\":\"a\",\"revision\":1}\n{\"id\":\"b\",\"revision\":1}\n{\"id\":\"a\",\"revision\":2}\n{\"id\":";
        fs::write(place.alerts(), lines).unwrap();
        let alerts = read(&place.alerts()).unwrap();
        assert_eq!(alerts, [json!({"id": "a", "revision": 2}), json!({"id": "b", "revision": 1})]);
    }
}
