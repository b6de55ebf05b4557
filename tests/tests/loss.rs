//! A server that says more than the payload ring holds: only payload is lost, it is counted, and alerts say so.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::process::Command;
use tests::agent::Agent;
use tests::exec::Ground;
use tests::peer::{BOUND, Peer, Transport};
use tests::{alert, effects, wait};

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
        server.call("openat", json!({"path": key})).map(drop)
    })?;

    // What was done meanwhile is known, though nobody can say any more who had asked for it.
    let text = "category = ['credential_access']\nseverity = 'high'\nactor = '**/deed_server'\n\
                evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    alert::wait(place, &toml::from_str(text)?, Some(server.pid)).context("the theft during the flood")?;
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
    assert_eq!(later["coverage"]["complete"], false, "{later}");
    let gaps = later["coverage"]["gaps"].as_array().context("no gaps")?;
    let named = |gap: &&Value| gap["sensor"] == "stream" && gap["reason"] == "ring_full";
    let gap = gaps.iter().find(named).with_context(|| format!("the gap is not named: {later}"))?;
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
