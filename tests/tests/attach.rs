//! `tripline attach`: a server that runs already, one that is gone, one that goes at that moment.

use anyhow::{Context, Result};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::agent::Agent;
use tests::cloudflare::FakeCloudflare;
use tests::exec::Ground;
use tests::peer::{Peer, Transport};
use tests::{alert, effects, verdict, wait};

const SERVER: &str = env!("CARGO_BIN_EXE_deed_server");

/// A server that nobody watches yet.
fn server(ground: &Ground, transport: Transport) -> Result<Peer> {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", ground.place.home()).current_dir(ground.place.path("scratch"));
    Peer::start(command, transport)
}

/// What it said, which must be one line that names the process, and its exit status.
fn refused(ground: &Ground, agent: &mut Agent, pid: u32) -> Result<()> {
    let status = agent.end()?;
    let said = agent.said();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "one clear line: {said}");
    assert!(said.contains(&pid.to_string()), "it must name the process: {said}");
    let started = effects::events(&ground.place).into_iter().find(|event| event["kind"] == "server_start");
    assert!(started.is_none(), "{started:?}");
    Ok(())
}

/// The one line that it begins with, and nothing else.
fn is_beginning(said: &str) -> bool {
    said.lines().count() == 1
        && said.starts_with("tripline: watching ")
        && said.contains("by profile generic; what it did before isn't known")
}

#[test]
fn what_a_server_does_from_then_on_is_judged() -> Result<()> {
    for transport in [Transport::Pipes, Transport::Sockets] {
        let ground = Ground::new("attach")?;
        let mut server = server(&ground, transport)?;
        // The handshake is over before anybody watches, and so is a theft that nobody will know of.
        server.greet()?;
        server.call("openat", json!({"path": ground.place.home().join(".aws/credentials")}))?;
        let mut agent = Agent::attach(&ground.place, server.pid)?;
        let request = server.call("openat", json!({"path": ground.place.home().join(".ssh/id_ed25519")}))?;
        let text = "category = ['credential_access']\nseverity = 'high'\nactor = '**/deed_server'\ntool = 'openat'\n\
                    evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
        let theft = alert::wait(&ground.place, &toml::from_str(text)?, Some(server.pid))
            .with_context(|| format!("{transport:?}"))?;
        assert_eq!((&theft["process"]["pid"], &theft["server"]["pid"]), (&server.pid.into(), &server.pid.into()));
        for side in ["client", "server"] {
            let message = json!({"kind": "mcp", "side": side, "message": {"body": {"id": request}, "complete": true}});
            effects::expect(&ground.place, &message)?;
        }
        // What rests on messages says that some were exchanged before anybody listened.
        let text = "category = ['tool_abuse']\ntool = 'openat'\nevidence = { kind = 'mcp', field = '/path' }";
        let named = alert::wait(&ground.place, &toml::from_str(text)?, Some(server.pid))?;
        assert_eq!(named["coverage"]["complete"], false, "{named}");
        assert_eq!(named["coverage"]["gaps"][0]["reason"], "attached_late", "{named}");
        // It ends with the server.
        assert!(server.close()?.success());
        let status = agent.end()?;
        assert!(status.success(), "{status}: {}", agent.said());
        assert!(is_beginning(&agent.said()), "{}", agent.said());
        let alerts = alert::read(&ground.place.alerts())?;
        alert::check_schema(&alerts)?;
        alert::check_secrets(&ground.place)?;
        assert!(!alerts.iter().any(|alert| alert.to_string().contains(".aws/credentials")), "that was before");
        ground.end()?;
    }
    Ok(())
}

/// Sends a request inside TLS for each line that it reads.
const INSIDE_TLS: &str = r#"
const { connect } = require("node:tls");
const ca = require("node:fs").readFileSync(process.env.CA);
process.stdin.on("data", () => {
  const to = connect({ host: "127.64.0.1", port: 443, servername: "api.cloudflare.com", ca }, () =>
    to.write("GET /client/v4/user HTTP/1.1\r\nHost: api.cloudflare.com\r\nConnection: close\r\n\r\n"));
  to.resume();
});
"#;

#[test]
fn what_a_server_that_runs_already_says_inside_tls_is_read() -> Result<()> {
    let ground = Ground::new("attach-tls")?;
    let cloudflare = FakeCloudflare::start(&ground.place.path("cloudflare"))?;
    let mut command = Command::new("node");
    command.args(["-e", INSIDE_TLS]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", ground.place.home());
    command.env("CA", cloudflare.authority()).current_dir(ground.place.path("scratch")).stdin(Stdio::piped());
    let mut server = command.spawn()?;
    let mut input = server.stdin.take().context("no input")?;
    writeln!(input, "before anybody watches")?;
    cloudflare.saw("GET /user")?;
    let mut agent = Agent::attach(&ground.place, server.id())?;
    let message = json!({"type": "request", "method": "GET", "path": "/client/v4/user", "host": "api.cloudflare.com"});
    let request = json!({"kind": "http", "sent": true, "tls": true, "message": message});
    wait::until_true("a request that is read", tests::peer::BOUND, || {
        // what runs is looked into meanwhile
        let asked = writeln!(input, "again").is_ok();
        asked && effects::events(&ground.place).iter().any(|event| effects::holds(event, &request))
    })?;
    drop(input);
    assert!(server.wait()?.success());
    let status = agent.end()?;
    assert!(status.success(), "{status}: {}", agent.said());
    drop(cloudflare);
    ground.end()
}

#[test]
fn a_recording_of_a_server_that_ran_already_replays_to_the_same_alerts() -> Result<()> {
    let ground = Ground::new("attach-recorded")?;
    let mut server = server(&ground, Transport::Pipes)?;
    server.greet()?;
    let mut agent = Agent::record_pid(&ground.place, server.pid)?;
    server.call("openat", json!({"path": ground.place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\ntool = 'openat'\n\
                evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    alert::wait(&ground.place, &toml::from_str(text)?, Some(server.pid))?;
    assert!(server.close()?.success());
    let status = agent.end()?;
    assert!(status.success() && is_beginning(&agent.said()), "{status}: {}", agent.said());
    verdict::replay(&ground.place)?;
    alert::check_secrets(&ground.place)?;
    ground.end()
}

#[test]
fn a_process_that_has_ended_is_refused() -> Result<()> {
    let ground = Ground::new("attach-ended")?;
    // Ended and waited for by nobody: its number is still in the process table.
    let mut ended = Command::new("/bin/true").stdin(Stdio::null()).spawn()?;
    let (pid, stat) = (ended.id(), format!("/proc/{}/stat", ended.id()));
    let has_ended = || std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") Z "));
    wait::until_true("a process to end", tests::peer::BOUND, has_ended)?;
    refused(&ground, &mut Agent::start(&ground.place, &["attach", "--pid", &pid.to_string()])?, pid)?;
    // Nobody at all.
    ended.wait()?;
    refused(&ground, &mut Agent::start(&ground.place, &["attach", "--pid", &pid.to_string()])?, pid)?;
    ground.end()
}

#[test]
fn a_process_that_ends_while_the_sensors_are_armed_is_no_reason_to_wait() -> Result<()> {
    let ground = Ground::new("attach-ending")?;
    let mut server = server(&ground, Transport::Pipes)?;
    server.greet()?;
    let mut agent = Agent::start(&ground.place, &["attach", "--pid", &server.pid.to_string()])?;
    // Its output is opened just before the sensors are armed, which takes a while.
    let opened = || Path::new(&ground.place.events()).exists();
    wait::until_true("`attach` to open its output", tests::peer::BOUND, opened)?;
    server.close()?;
    let status = agent.end()?;
    let said = agent.said();
    match status.code() {
        Some(0) => assert!(is_beginning(&said), "it was armed in time: {said}"),
        Some(1) => assert!(said.lines().count() == 1 && said.contains(&server.pid.to_string()), "{said}"),
        _ => panic!("{status}: {said}"),
    }
    ground.end()
}

#[test]
fn asked_to_end_it_ends_and_the_server_goes_on() -> Result<()> {
    let ground = Ground::new("attach-stop")?;
    let mut server = server(&ground, Transport::Pipes)?;
    server.greet()?;
    let mut agent = Agent::attach(&ground.place, server.pid)?;
    agent.stop()?;
    let said = agent.said();
    assert!(is_beginning(&said) && said.contains(&format!("(pid {})", server.pid)), "{said}");
    server.call("openat", json!({"path": ground.place.home().join("project/README.md")}))?;
    assert!(server.close()?.success());
    ground.end()
}
