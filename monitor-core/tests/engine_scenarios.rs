//! Every file in `scenarios/` is a list of cases: what happens, and exactly which alerts of medium or higher follow.
//! Alerts below that are checked where a case names them.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod script;

use std::path::Path;

use monitor_core::alert::Alert;
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::time::Time;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenarios {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    #[serde(default)]
    server: script::Setup,
    steps: String,
    #[serde(default)]
    expect: Vec<Expected>,
    /// Low alerts are failures too.
    #[serde(default)]
    silent: bool,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Expected {
    rule: String,
    category: String,
    severity: String,
    #[serde(default)]
    confidence: Option<String>,
    /// Executable of the actor.
    #[serde(default)]
    exe: Option<String>,
    /// Tools of the calls, in order.
    #[serde(default)]
    tools: Option<Vec<String>>,
    /// Text that the evidence holds, as JSON.
    #[serde(default)]
    evidence: Option<String>,
    /// Text that the summary holds.
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    complete: Option<bool>,
    #[serde(default)]
    count: Option<u64>,
}

#[test]
fn scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let (mut failures, mut cases) = (Vec::new(), 0);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenarios: Scenarios = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in scenarios.case {
            if !case.why.contains(&only) {
                continue;
            }
            cases += 1;
            if let Err(why) = check(&case) {
                failures.push(format!("{}: {}\n{why}", file.file_stem().unwrap().display(), case.why));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {cases} cases:\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(cases > 0);
}

fn check(case: &Case) -> Result<(), String> {
    let events = script::events(&case.server, &case.steps);
    let mut engine = Engine::new(EngineConfig::default());
    let mut alerts = Vec::new();
    for event in &events {
        engine.step(event, &mut alerts);
    }
    engine.finish(events.last().map_or(Time(0), |event| event.time), &mut alerts);
    well_formed(&alerts)?;
    let mut last: Vec<&Alert> = Vec::new();
    for alert in &alerts {
        match last.iter_mut().find(|known| known.id == alert.id) {
            Some(known) => *known = alert,
            None => last.push(alert),
        }
    }
    let floor = if case.silent { "info" } else { "medium" };
    let mut surplus: Vec<&Alert> = last.clone();
    let mut missing = Vec::new();
    for expected in &case.expect {
        match surplus.iter().position(|alert| expected.fits(alert)) {
            Some(at) => {
                surplus.remove(at);
            }
            None => missing.push(expected),
        }
    }
    surplus.retain(|alert| rank(alert.severity.as_str()) >= rank(floor));
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    let missing: String = missing.iter().map(|expected| format!("  missing: {expected:?}\n")).collect();
    let had: String = last
        .iter()
        .map(|alert| {
            format!(
                "  had: {} {} {} {} x{}: {}\n",
                alert.rule.id, alert.category, alert.severity, alert.confidence, alert.dedup.count, alert.summary
            )
        })
        .collect();
    Err(format!("{missing}{had}"))
}

/// What holds for every alert.
fn well_formed(alerts: &[Alert]) -> Result<(), String> {
    let mut seen: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for alert in alerts {
        let before = seen.insert(&alert.id, alert.revision).unwrap_or(0);
        if alert.revision != before + 1 {
            return Err(format!("revision {} of {} follows {before}", alert.revision, alert.id));
        }
        if alert.evidence.is_empty() || alert.evidence.len() > 65 || alert.summary.contains('\n') {
            return Err(format!("malformed: {alert:?}"));
        }
        let text = alert.to_json_line().map_err(|error| error.to_string())?;
        let back: Alert = serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))?;
        if back != *alert {
            return Err(format!("not the same after a round trip: {text}"));
        }
    }
    Ok(())
}

impl Expected {
    fn fits(&self, alert: &Alert) -> bool {
        let tools: Vec<&str> = alert.calls.iter().map(|call| call.tool.as_str()).collect();
        let evidence = serde_json::to_string(&alert.evidence).unwrap();
        self.rule == alert.rule.id
            && self.category == alert.category.as_str()
            && self.severity == alert.severity.as_str()
            && self.confidence.as_ref().is_none_or(|word| word == alert.confidence.as_str())
            && self.exe.as_ref().is_none_or(|exe| alert.process.as_ref().is_some_and(|process| process.exe == *exe))
            && self.tools.as_ref().is_none_or(|wanted| *wanted == tools)
            && self.evidence.as_ref().is_none_or(|text| evidence.contains(text.as_str()))
            && self.summary.as_ref().is_none_or(|text| alert.summary.contains(text.as_str()))
            && self.complete.is_none_or(|complete| alert.coverage.complete == complete)
            && self.count.is_none_or(|count| alert.dedup.count == count)
    }
}

fn rank(severity: &str) -> usize {
    ["info", "low", "medium", "high", "critical"].iter().position(|known| *known == severity).unwrap()
}
