//! A server that says more than the payload ring holds, or a client that says more than is read as one message: only
//! payload is lost, it is counted, and alerts say so. What rests on a call that wasn't heard is low and weak then.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::process::Command;
use tests::agent::Agent;
use tests::exec::Ground;
use tests::peer::{BOUND, Peer, Transport};
use tests::place::Place;
use tests::{alert, effects, process, wait};

/// The ring holds 16 MiB of payload, the other one 4 MiB of everything else.
const LARGE: u64 = 24 << 20;
/// So many more small writes that a record for each would push everything else out.
const SMALL: u64 = 100_000;

/// Holds an agent off, as a machine that is too busy does.
fn held_off(agent: &Agent, deeds: impl FnOnce() -> Result<()>) -> Result<()> {
    let pid = Pid::from_raw(agent.pid() as i32);
    kill(pid, Signal::SIGSTOP)?;
    let stat = format!("/proc/{pid}/stat");
    let stopped = || std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T "));
    wait::until_true("the agent to stop", BOUND, stopped)?;
    let outcome = deeds();
    kill(pid, Signal::SIGCONT)?;
    outcome
}

/// The alert on a child that the server started without being asked to.
fn child(place: &Place, server: &Peer, exe: &str) -> Result<Value> {
    let text = format!("category = ['execution']\nrule = 'TL-EXEC-001'\nevidence = {{ kind = 'exec', exe = '{exe}' }}");
    alert::wait(place, &toml::from_str(&text)?, Some(server.pid)).with_context(|| exe.to_owned())
}

/// The gap of this sensor that an alert names, which is then not complete.
fn gap<'a>(alert: &'a Value, sensor: &str, reason: &str) -> Option<&'a Value> {
    let named = |gap: &&Value| gap["sensor"] == sensor && gap["reason"] == reason;
    alert["coverage"]["gaps"].as_array()?.iter().find(named).filter(|_| alert["coverage"]["complete"] == false)
}

/// Longer than the longest message that is read as a whole, which has 16 MiB.
const TOO_LONG: usize = 17 << 20;

#[test]
fn after_a_message_that_is_too_long_absence_proves_nothing() -> Result<()> {
    let ground = Ground::new("too-long")?;
    let place = &ground.place;
    let command = ground.exec(env!("CARGO_BIN_EXE_deed_server"))?;
    let mut server = Peer::start(command, Transport::Pipes)?;
    server.greet()?;
    // While everything was heard, nobody had asked for a child, and that is said without doubt.
    server.call("execute", json!({"path": "/usr/bin/true"}))?;
    let unasked = child(place, &server, "/usr/bin/true")?;
    assert_eq!((&unasked["severity"], &unasked["confidence"]), (&"medium".into(), &"strong".into()), "{unasked}");
    assert_eq!(unasked["coverage"]["complete"], true, "{unasked}");

    // Read to its end, so what was asked for is known; what else stood in it is not.
    server.request("tools/call", json!({"a": "x".repeat(TOO_LONG), "name": "nothing", "arguments": {}}))?;
    let call = json!({"name": "nothing"});
    let long = json!({"kind": "mcp", "side": "client", "message": {"complete": false, "body": {"call": call}}});
    effects::expect(place, &long)?;
    server.call("execute", json!({"path": "/usr/bin/test"}))?;
    let unasked = child(place, &server, "/usr/bin/test")?;
    assert_eq!((&unasked["severity"], &unasked["confidence"]), (&"low".into(), &"weak".into()), "{unasked}");
    assert!(gap(&unasked, "stream", "incomplete_message").is_some(), "{unasked}");
    // What was seen was seen.
    server.call("openat", json!({"path": place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\nseverity = 'high'\nevidence = { path = '${home}/.ssh/id_ed25519' }";
    let theft = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    assert_eq!(theft["confidence"], "strong", "{theft}");

    assert!(server.close()?.success());
    process::settle(&[], BOUND)?;
    alert::check_schema(&alert::read(&place.alerts())?)?;
    ground.end()
}

/// So many opens that their records don't fit the ring of everything else, which has 4 MiB.
const OPENS: u64 = 60_000;

#[test]
fn a_flood_of_opens_is_told_with_its_cause() -> Result<()> {
    let ground = Ground::new("flood-of-opens")?;
    let place = &ground.place;
    let mut command = Command::new(env!("CARGO_BIN_EXE_deed_server"));
    command.env_clear().env("HOME", place.home()).current_dir(place.path("scratch"));
    let mut server = Peer::start(command, Transport::Sockets)?;
    let mut agent = Agent::attach(place, server.pid)?;
    server.greet()?;
    let ready = json!({"kind": "mcp", "side": "server", "message": {"body": {"id": 2}}});
    effects::expect(place, &ready)?;

    let file = place.path("scratch").join("nothing-special");
    std::fs::write(&file, "x")?;
    held_off(&agent, || server.call("open_often", json!({"path": file, "times": OPENS})).map(drop))?;

    let loss = json!({"kind": "loss", "sensor": "security", "reason": "ring_full", "caused_by": {"pid": server.pid}});
    effects::expect(place, &loss)?;
    let text = "category = ['evasion']\nseverity = 'medium'\nrule = 'TL-EVA-006'\nactor = '**/deed_server'\n\
                evidence = { kind = 'loss', sensor = 'security', reason = 'ring_full' }";
    alert::wait(place, &toml::from_str(text)?, Some(server.pid)).context("the flood itself")?;
    // What is told next may have begun in what is missing.
    server.call("openat", json!({"path": place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\nseverity = 'high'\nevidence = { path = '${home}/.ssh/id_ed25519' }";
    let theft = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    assert!(gap(&theft, "security", "ring_full").is_some(), "{theft}");

    assert!(server.close()?.success());
    assert!(agent.end()?.success(), "{}", agent.said());
    // Each is told once: what was told of the opens, and what was told as lost, are all of them.
    let events = effects::events(place);
    let count = |wanted: Value| events.iter().filter(|event| effects::holds(event, &wanted)).count() as u64;
    let told = count(json!({"kind": "file", "op": "open", "file": {"path": file}}));
    let losses = events.iter().filter(|event| event["kind"] == "loss" && event["sensor"] == "security");
    let (mut own, mut others) = (0, 0);
    for loss in losses {
        let count = loss["count"].as_u64().unwrap_or_default();
        if loss["caused_by"].is_null() { others += count } else { own += count }
    }
    assert!(told + own <= OPENS + 100 && told + own + others >= OPENS, "{told} told, {own} and {others} lost");
    alert::check_schema(&alert::read(&place.alerts())?)?;
    ground.end()
}

#[test]
fn a_flood_of_payload_loses_payload_only_and_alerts_say_so() -> Result<()> {
    let ground = Ground::new("flood")?;
    let place = &ground.place;
    let mut command = Command::new(env!("CARGO_BIN_EXE_deed_server"));
    command.env_clear().env("HOME", place.home()).current_dir(place.path("scratch"));
    let mut server = Peer::start(command, Transport::Sockets)?;
    let mut agent = Agent::attach(place, server.pid)?;
    server.greet()?;
    let ready = json!({"kind": "mcp", "side": "server", "message": {"body": {"id": 2}}});
    effects::expect(place, &ready)?;

    let key = place.home().join(".ssh/id_ed25519");
    held_off(&agent, || {
        server.call("flood", json!({"bytes": LARGE, "writes": SMALL}))?;
        server.call("execute", json!({"path": "/usr/bin/true"}))?;
        server.call("openat", json!({"path": key})).map(drop)
    })?;

    // What was done meanwhile is known, though nobody can say any more who had asked for it.
    let text = "category = ['credential_access']\nseverity = 'high'\nactor = '**/deed_server'\n\
                evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    alert::wait(place, &toml::from_str(text)?, Some(server.pid)).context("the theft during the flood")?;
    // A child is nothing by itself: whether somebody asked for it can't be said, so it is low, and says why.
    let unasked = child(place, &server, "/usr/bin/true")?;
    assert_eq!((&unasked["severity"], &unasked["confidence"]), (&"low".into(), &"weak".into()), "{unasked}");
    assert!(gap(&unasked, "stream", "ring_full").is_some(), "{unasked}");
    // Who made the sensor lose data has hidden something.
    let text = "category = ['evasion']\nseverity = 'medium'\nrule = 'TL-EVA-006'\nactor = '**/deed_server'\n\
                evidence = { kind = 'loss', sensor = 'stream', reason = 'ring_full' }";
    alert::wait(place, &toml::from_str(text)?, Some(server.pid)).context("the flood itself")?;

    // From here on everything is read again, and what rests on messages says what is missing.
    let request = server.call("openat", json!({"path": place.home().join(".aws/credentials")}))?;
    let heard = json!({"kind": "mcp", "side": "client", "message": {"body": {"id": request}, "complete": true}});
    effects::expect(place, &heard)?;
    let text = "category = ['tool_abuse']\ntool = 'openat'\nevidence = { detail = '${home}/.aws/credentials' }";
    let later = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    let gap = gap(&later, "stream", "ring_full").with_context(|| format!("the gap is not named: {later}"))?;
    assert!(gap["from"].is_string() && gap["to"].is_string(), "{gap}");
    assert!(gap["count"].as_u64() > Some(0), "{gap}");

    assert!(server.close()?.success());
    assert!(agent.end()?.success(), "{}", agent.said());
    let events = effects::events(place);
    let losses: Vec<&Value> = events.iter().filter(|event| event["kind"] == "loss").collect();
    let other: Vec<&&Value> = losses.iter().filter(|loss| loss["sensor"] != "stream").collect();
    assert!(other.is_empty(), "only payload may be lost: {other:?}");
    // Every byte is accounted for: it was read, or counted as lost.
    let (large, small) = (LARGE, SMALL * 64);
    let lost: u64 = losses.iter().filter_map(|loss| loss["count"].as_u64()).sum();
    assert!(lost >= large + small - (17 << 20) && lost <= large + small + (1 << 20), "{lost} bytes were counted");
    assert!(losses.len() < 1000, "{} records tell of it", losses.len());
    alert::check_schema(&alert::read(&place.alerts())?)?;
    ground.end()
}
