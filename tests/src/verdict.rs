//! The verdict on a scenario: which alert answers which expectation, and that none is left over.
//!
//! An alert is one `id`, its highest revision. Each `[[expect]]` needs alerts of its own, exactly as many as its `count`
//! says; each `[[allow]]` takes as many as it is for. An alert of medium severity or higher that finds no room is one too
//! many: an analyst would have been woken by it for nothing, or twice for the same.

use crate::peer::BOUND;
use crate::place::Place;
use crate::scenario::{Expectation, Scenario, Step};
use crate::{alert, subject, wait};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Waits until every expectation has the alerts that it asks for, each one's own.
pub fn await_expected(scenario: &Scenario, place: &Place, pid: u32) -> Result<()> {
    let mut missing = Vec::new();
    let outcome = wait::until_true("the expected alerts", BOUND, || {
        let found = alert::read(&place.alerts()).map(|alerts| unmet(scenario, &alerts, place, pid));
        missing = found.unwrap_or_else(|error| vec![format!("{error:#}")]);
        missing.is_empty()
    });
    outcome.with_context(|| told(&missing, place))
}

/// Everything is over: the expected alerts, no loud one beside them, all well formed.
pub fn judge(scenario: &Scenario, place: &Place, pid: u32) -> Result<()> {
    let alerts = alert::read(&place.alerts())?;
    let missing = unmet(scenario, &alerts, place, pid);
    if !missing.is_empty() {
        bail!("an alert was taken back; {}", told(&missing, place));
    }
    // If each expectation can have its alerts, and each loud alert its place, then both can at once.
    let surplus = surplus(scenario, &alerts, place, pid);
    if !surplus.is_empty() {
        bail!("alerts of medium severity or higher that nobody expected, or expected once:{}", surplus.concat());
    }
    // What is too quiet to be counted isn't told twice either.
    let key = |alert: &Value| (alert["server"]["pid"].clone(), alert["dedup"]["key"].clone());
    for (number, alert) in alerts.iter().enumerate() {
        if let Some(other) = alerts[..number].iter().find(|other| key(other) == key(alert)) {
            bail!("two alerts tell of one thing:\n  {}\n  {}", alert::shown(other), alert::shown(alert));
        }
    }
    if !place.events().exists() {
        bail!("no event was written: the server was not watched");
    }
    for path in &scenario.silent {
        let path = place.fill(path, Some(pid));
        let said = fs::read_to_string(&path).with_context(|| format!("{path} was never written"))?;
        if !said.is_empty() {
            bail!("{path} must stay empty, and holds:\n{said}");
        }
    }
    let written = |path: &Path, wanted: &[Value]| -> Result<()> {
        let lines = lines(path)?;
        match wanted.iter().find(|wanted| !lines.iter().any(|line| alert::has(line, wanted, place, Some(pid)))) {
            Some(missing) => bail!("{} has nothing like {missing}", path.display()),
            None => Ok(()),
        }
    };
    let unheard = unheard(&scenario.steps, &lines(&place.path("state/calls.ndjson"))?, pid);
    if unheard != scenario.unheard {
        bail!("Tripline knows nothing of calls of {unheard:?}; it must hear all but {:?}", scenario.unheard);
    }
    written(&place.events(), &scenario.events)?;
    written(&place.path("state/calls.ndjson"), &scenario.stored_calls)?;
    let kept = lines(&place.path("state/calls.ndjson"))?;
    let absent = |call: &&Value| scenario.absent_calls.iter().any(|wanted| alert::has(call, wanted, place, Some(pid)));
    if let Some(call) = kept.iter().find(absent) {
        bail!("the store has a call that must not be there: {call}");
    }
    if scenario.recorded {
        replay(place)?;
    }
    alert::check_schema(&alerts)
}

/// The tools that were called and of which no call was kept: that nothing was told of them would say nothing.
fn unheard<'a>(steps: &'a [Step], kept: &[Value], pid: u32) -> Vec<&'a str> {
    let called = steps.iter().flat_map(|step| match step {
        Step::Call(call) | Step::Cancel(call) => std::slice::from_ref(call),
        Step::Calls(calls) => calls,
        _ => &[],
    });
    let mut left: Vec<&Value> = kept.iter().filter(|call| call["pid"] == pid).collect();
    let mut unheard = Vec::new();
    for call in called {
        match left.iter().position(|kept| kept["tool"] == call.tool.as_str()) {
            Some(at) => drop(left.remove(at)),
            None => unheard.push(call.tool.as_str()),
        }
    }
    unheard
}

/// The recording gives the same alerts again, to the byte.
pub fn replay(place: &Place) -> Result<()> {
    let again = place.path("replayed.ndjson");
    let mut replay = Command::new(subject::tripline()?);
    replay.arg("replay").arg(place.recording()).arg("--config").arg(place.config()).arg("--alerts").arg(&again);
    let output = replay.stdin(Stdio::null()).output().context("cannot start `tripline replay`")?;
    if !output.status.success() || !output.stderr.is_empty() {
        bail!("`tripline replay`: {} {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let live = fs::read(place.alerts())?;
    for (what, path) in [("its replay", again), ("the local store", place.path("state/alerts.ndjson"))] {
        if fs::read(&path)? != live {
            bail!("{what} ({}) has other alerts than the live run", path.display());
        }
    }
    Ok(())
}

/// A JSON value from each line.
fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = |line: &str| serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()));
    text.lines().map(line).collect()
}

/// What is missing, an expectation each.
fn unmet(scenario: &Scenario, alerts: &[Value], place: &Place, pid: u32) -> Vec<String> {
    let wanted = rooms(&scenario.expected);
    let fits = |room: usize, number: usize| alert::fits(&alerts[number], wanted[room], place, Some(pid));
    let unmet = unmatched(wanted.len(), alerts.len(), fits);
    unmet.into_iter().map(|room| format!("\n  {}", wanted[room])).collect()
}

/// The loud alerts that no expectation and no allowance has room for.
fn surplus(scenario: &Scenario, alerts: &[Value], place: &Place, pid: u32) -> Vec<String> {
    let mut known = rooms(&scenario.expected);
    known.extend(rooms(&scenario.allowed));
    let loud: Vec<&Value> = alerts.iter().filter(|alert| alert::is_loud(alert)).collect();
    let fits = |number: usize, room: usize| alert::fits(loud[number], known[room], place, Some(pid));
    let surplus = unmatched(loud.len(), known.len(), fits);
    surplus.into_iter().map(|number| format!("\n  {}", alert::shown(loud[number]))).collect()
}

/// Room for one alert each.
fn rooms(expectations: &[Expectation]) -> Vec<&Expectation> {
    expectations.iter().flat_map(|wanted| std::iter::repeat_n(wanted, wanted.count)).collect()
}

/// Gives each of the left ones a right one of its own, as many as possible; answers the left ones that have none.
fn unmatched(left: usize, right: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut taken: Vec<Option<usize>> = vec![None; right];
    (0..left).filter(|number| !place_one(*number, &mut taken, &mut vec![false; right], &fits)).collect()
}

/// One more finds its place, if need be by moving others that have a choice.
fn place_one(
    number: usize,
    taken: &mut [Option<usize>],
    tried: &mut [bool],
    fits: &impl Fn(usize, usize) -> bool,
) -> bool {
    for room in 0..taken.len() {
        if tried[room] || !fits(number, room) {
            continue;
        }
        tried[room] = true;
        if taken[room].is_none_or(|other| place_one(other, taken, tried, fits)) {
            taken[room] = Some(number);
            return true;
        }
    }
    false
}

fn told(missing: &[String], place: &Place) -> String {
    let alerts = alert::read(&place.alerts()).unwrap_or_default();
    let there: Vec<String> = alerts.iter().map(|alert| format!("\n  {}", alert::shown(alert))).collect();
    format!("no alert of its own fits:{}\nthere are {}:{}", missing.concat(), alerts.len(), there.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert(id: &str, category: &str, path: &str) -> Value {
        json!({"id": id, "revision": 1, "category": category, "severity": "high",
               "evidence": [{"kind": "file_open", "path": path}]})
    }

    /// What is missing and what is too much.
    fn counted(scenario: &str, alerts: &[Value]) -> (usize, usize) {
        let mut place = Place::new("verdict").unwrap();
        place.passed();
        let text = "why = 'a test'\nserver = 'memory'\n".to_owned() + scenario;
        let scenario: Scenario = toml::from_str(&text).unwrap();
        (unmet(&scenario, alerts, &place, 1).len(), surplus(&scenario, alerts, &place, 1).len())
    }

    #[test]
    fn every_call_has_to_be_heard() {
        let text = "why = 'a test'\nserver = 'memory'\n[[step]]\nrun = ['true']\n[[step]]\ncall = { tool = 'a' }\n\
                    [[step]]\ncalls = [{ tool = 'a' }, { tool = 'b' }]\n";
        let scenario: Scenario = toml::from_str(text).unwrap();
        let call = |tool: &str, pid: u32| json!({"tool": tool, "pid": pid});
        let all = [call("b", 1), call("a", 1), call("a", 1)];
        assert!(unheard(&scenario.steps, &all, 1).is_empty());
        assert_eq!(unheard(&scenario.steps, &all[..2], 1), ["a"]);
        assert_eq!(unheard(&scenario.steps, &[call("a", 1), call("a", 1), call("b", 2)], 1), ["b"]);
    }

    const EXPECT: &str = "[[expect]]\ncategory = ['execution', 'evasion']\n[[expect]]\ncategory = ['execution']\n";

    #[test]
    fn an_alert_serves_one_expectation_only() {
        let (one, two) = (alert("a", "execution", "/x"), alert("b", "evasion", "/y"));
        assert_eq!(counted(EXPECT, std::slice::from_ref(&one)), (1, 0));
        // The first one moves on to what only it can serve.
        assert_eq!(counted(EXPECT, &[one.clone(), two.clone()]), (0, 0));
        assert_eq!(counted(EXPECT, &[two.clone(), one.clone()]), (0, 0));
        assert_eq!(counted(EXPECT, &[one.clone(), one.clone(), one.clone()]), (0, 1));
        assert_eq!(counted(EXPECT, &[two.clone(), two]), (1, 1));
    }

    #[test]
    fn as_many_as_it_says_and_no_more() {
        let same = vec![alert("a", "execution", "/x"); 4];
        let one = "[[expect]]\ncategory = ['execution']\n";
        assert_eq!(counted(one, &same[..1]), (0, 0));
        assert_eq!(counted(one, &same[..2]), (0, 1), "twice the same is a failure");
        assert_eq!(counted("[[expect]]\ncategory = ['execution']\ncount = 3\n", &same[..2]), (1, 0));
        assert_eq!(counted("[[expect]]\ncategory = ['execution']\ncount = 3\n", &same), (0, 1));
        // What may come need not, and has as much room as it says.
        let may = "[[allow]]\ncategory = ['execution']\ncount = 2\n";
        assert_eq!(counted(may, &[]), (0, 0));
        assert_eq!(counted(may, &same[..3]), (0, 1));
        assert_eq!(counted(&(one.to_owned() + may), &same[..3]), (0, 0));
    }
}
