//! `tripline run`: which processes it takes for servers, and that those have what they did from their first instruction.
//!
//! It watches the whole host, so each test looks only at what concerns its own processes.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::agent::Agent;
use tests::client::{Client, Launch};
use tests::exec::Ground;
use tests::peer::{Peer, Transport};
use tests::place::Place;
use tests::{alert, effects, process, subject, verdict, wait};

/// What the silent one writes: more than a process may say before it is taken for no server.
const NOISE: usize = 80 << 10;

/// A test's ground and the agent that watches the host meanwhile.
struct Host {
    ground: Ground,
    agent: Agent,
}

impl Host {
    fn watched(name: &str) -> Result<Host> {
        let ground = Ground::new(name)?;
        let agent = Agent::run(&ground.place)?;
        Ok(Host { ground, agent })
    }

    fn key(&self) -> String {
        self.ground.place.home().join(".ssh/id_ed25519").display().to_string()
    }

    /// The alert on a server's, or its descendant's, reading of the SSH key.
    fn theft(&self, server: u32, more: &str) -> Result<Value> {
        let text = "category = ['credential_access']\nseverity = 'high'\nserver = ${pid}\n\
                    evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }\n";
        let text = self.ground.place.fill(&(text.to_owned() + more), Some(server));
        alert::wait(&self.ground.place, &toml::from_str(&text)?, Some(server))
    }

    /// Nothing that an agent alone would know of is left: it ends as asked, and every alert holds to the schema.
    fn end(mut self) -> Result<()> {
        self.agent.stop()?;
        let alerts = alert::read(&self.ground.place.alerts())?;
        alert::check_schema(&alerts)?;
        alert::check_secrets(&self.ground.place)?;
        self.ground.end()
    }
}

fn command(ground: &Ground, words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", ground.place.home());
    command.current_dir(ground.place.path("scratch")).stderr(Stdio::null());
    command
}

const SERVER: &str = env!("CARGO_BIN_EXE_deed_server");
const FIRST_READ: &str = env!("CARGO_BIN_EXE_first_read");

/// Alerts of medium severity or higher about a server, beside those of a category. Other agents that may run on this
/// machine look at the server as this one does; that is not what is tested here.
fn loud_beside(place: &Place, server: u32, category: &str) -> Result<Vec<String>> {
    let alerts = alert::read(&place.alerts())?;
    let others = alerts.iter().filter(|alert| alert["server"]["pid"] == server && alert["category"] != category);
    let agent = |alert: &&Value| alert["process"]["exe"].as_str().is_some_and(|exe| exe.ends_with("/tripline"));
    Ok(others.filter(|alert| alert::is_loud(alert) && !agent(alert)).map(alert::shown).collect())
}

/// The one event that tells of a server's start.
fn start_of(place: &Place, pid: u32) -> Result<Value> {
    let wanted = json!({"kind": "server_start", "root": {"pid": pid}});
    let first = effects::expect(place, &wanted)?;
    match effects::events(place).iter().filter(|event| effects::holds(event, &wanted)).count() {
        1 => Ok(first),
        many => bail!("it started {many} times"),
    }
}

#[test]
fn what_a_server_did_before_it_spoke_is_judged() -> Result<()> {
    let host = Host::watched("run-first")?;
    for transport in [Transport::Pipes, Transport::Sockets] {
        let key = host.key();
        let mut server = Peer::start(command(&host.ground, &[FIRST_READ, &key, SERVER]), transport)?;
        server.greet()?;
        let alert = host.theft(server.pid, "actor = '**/first_read'").with_context(|| format!("{transport:?}"))?;
        let (process, calls) = (&alert["process"], &alert["calls"]);
        assert_eq!((&process["pid"], calls), (&server.pid.into(), &json!([])), "{alert}");
        assert_eq!(alert["server"]["transport"], "stdio");
        let others = loud_beside(&host.ground.place, server.pid, "credential_access")?;
        assert!(others.is_empty(), "{transport:?}: {others:?}");
        assert!(server.close()?.success());
    }
    host.end()
}

#[test]
fn a_server_that_is_gone_as_soon_as_it_has_spoken_is_judged() -> Result<()> {
    let host = Host::watched("run-brief")?;
    // Its child reads the key; both end within the millisecond in which the agent looks.
    let script = "cat \"$HOME/.ssh/id_ed25519\" >/dev/null; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}'";
    let mut server = Peer::start(command(&host.ground, &["/bin/sh", "-c", script]), Transport::Pipes)?;
    server.line()?;
    assert!(server.close()?.success());
    let alert = host.theft(server.pid, "actor = '**/cat'")?;
    assert_eq!(alert["server"]["argv"], json!(["/bin/sh", "-c", script]), "{alert}");
    let number = &start_of(&host.ground.place, server.pid)?["server"];
    effects::expect(&host.ground.place, &json!({"kind": "server_end", "server": number}))?;
    host.end()
}

#[test]
fn a_server_that_already_ran_is_watched_with_what_it_had_started() -> Result<()> {
    let ground = Ground::new("run-late")?;
    let go = ground.place.path("scratch/go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU)?;
    // A helper without a channel of its own, which was there before anybody watched.
    let helper = "(read word < go; cat \"$HOME/.aws/credentials\") </dev/null >/dev/null & exec \"$0\"";
    let mut server = Peer::start(command(&ground, &["/bin/sh", "-c", helper, SERVER]), Transport::Pipes)?;
    server.greet()?;
    let host = Host { agent: Agent::run(&ground.place)?, ground };
    server.call("openat", json!({"path": host.key()}))?;
    host.theft(server.pid, "actor = '**/deed_server'\ntool = 'openat'")?;
    let start = json!({"kind": "server_start", "root": {"pid": server.pid}, "from_start": false});
    effects::expect(&host.ground.place, &start)?;
    File::options().write(true).open(&go)?.write_all(b"now\n")?;
    let text = "category = ['credential_access']\nactor = '**/cat'\nserver = ${pid}\n\
                evidence = { path = '${home}/.aws/credentials' }";
    let text = host.ground.place.fill(text, Some(server.pid));
    alert::wait(&host.ground.place, &toml::from_str(&text)?, Some(server.pid))?;
    assert!(server.close()?.success());
    host.end()
}

#[test]
fn a_process_that_never_speaks_mcp_is_nobodys_business() -> Result<()> {
    let host = Host::watched("run-silent")?;
    let key = host.key();
    // It reads the key, says much that is no MCP, and is let go: what it says then is not listened to.
    let script = format!(
        "cat {key} >/dev/null; head -c {NOISE} /dev/zero | tr '\\0' x; echo; read line; cat {key} >/dev/null; \
         echo '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}'; read line"
    );
    let mut noisy = Peer::start(command(&host.ground, &["/bin/sh", "-c", &script]), Transport::Pipes)?;
    assert_eq!(noisy.line()?.len(), NOISE);
    // This one says nothing at all.
    let quiet = Peer::start(command(&host.ground, &[FIRST_READ, &key, "/bin/cat"]), Transport::Sockets)?;
    // One that does speak shows that all before it has been judged.
    let spoke = |server: &mut Peer| -> Result<()> {
        server.greet()?;
        host.theft(server.pid, "")?;
        server.close().map(drop)
    };
    spoke(&mut Peer::start(command(&host.ground, &[FIRST_READ, &key, SERVER]), Transport::Pipes)?)?;
    noisy.send(&json!({}))?;
    noisy.line()?;
    spoke(&mut Peer::start(command(&host.ground, &[FIRST_READ, &key, SERVER]), Transport::Pipes)?)?;
    let pids = [noisy.pid, quiet.pid];
    drop((noisy, quiet));
    let alerts = alert::read(&host.ground.place.alerts())?;
    let about = alerts
        .iter()
        .find(|alert| pids.iter().any(|pid| alert["server"]["pid"] == *pid || alert["process"]["pid"] == *pid));
    assert!(about.is_none(), "{about:?}");
    let taken = effects::events(&host.ground.place)
        .into_iter()
        .find(|event| event["kind"] == "server_start" && pids.iter().any(|pid| event["root"]["pid"] == *pid));
    assert!(taken.is_none(), "{taken:?}");
    host.end()
}

#[test]
fn a_server_that_a_profile_knows_is_one_before_it_speaks() -> Result<()> {
    let host = Host::watched("run-profile")?;
    let script = subject::script("@cloudflare/mcp-server-cloudflare", "dist/index.js").display().to_string();
    let mut server =
        Peer::start(command(&host.ground, &["node", &script, "run", subject::ACCOUNT]), Transport::Sockets)?;
    let root = json!({"pid": server.pid});
    let start = effects::expect(&host.ground.place, &json!({"kind": "server_start", "root": root}))?;
    assert_eq!((&start["profile"], &start["from_start"]), (&"cloudflare".into(), &true.into()), "{start}");
    server.greet()?;
    effects::expect(&host.ground.place, &json!({"kind": "mcp", "side": "server", "proc": root}))?;
    server.close()?;
    let loud = loud_beside(&host.ground.place, server.pid, "")?;
    assert!(loud.is_empty(), "{loud:?}");
    host.end()
}

#[test]
fn a_server_below_npx_is_found_and_named() -> Result<()> {
    let host = Host::watched("run-npx")?;
    let place = &host.ground.place;
    std::os::unix::fs::symlink(subject::folder().join("node/node_modules"), place.path("scratch/node_modules"))?;
    let home = place.home().display().to_string();
    let npx = ["npx", "-y", "--offline", "@modelcontextprotocol/server-filesystem", &home];
    let mut npx = command(&host.ground, &npx);
    npx.env("npm_config_update_notifier", "false");
    let mut server = Peer::start(npx, Transport::Sockets)?;
    server.greet()?;
    server.call("read_text_file", json!({"path": place.home().join("project/README.md")}))?;
    server.call("read_text_file", json!({"path": host.key()}))?;
    // What serves is the last of three: npx, the shell that it starts, and node.
    let theft = host.theft(server.pid, "actor = '**/node'\nprofile = 'filesystem'\ntool = 'read_text_file'")?;
    assert_ne!(theft["process"]["pid"], server.pid, "{theft}");
    assert_eq!(start_of(place, server.pid)?["from_start"], true);
    assert!(server.close()?.success());
    // the call names a key, and its answer has it: that is told too, and nothing else
    let mut others = loud_beside(place, server.pid, "credential_access")?;
    others.retain(|alert| !["TL-TOOL-003", "TL-EXF-005"].iter().any(|rule| alert.starts_with(rule)));
    assert!(others.is_empty(), "{others:?}");
    host.end()
}

#[test]
fn a_recording_of_the_host_replays_to_the_same_alerts() -> Result<()> {
    let ground = Ground::new("run-recorded")?;
    let agent = Agent::record(&ground.place)?;
    let mut host = Host { ground, agent };
    let key = host.key();
    let mut server = Peer::start(command(&host.ground, &[FIRST_READ, &key, SERVER]), Transport::Pipes)?;
    server.greet()?;
    host.theft(server.pid, "actor = '**/first_read'")?;
    server.call("openat", json!({"path": host.ground.place.home().join(".aws/credentials")}))?;
    let text = "category = ['credential_access']\ntool = 'openat'\nevidence = { path = '${home}/.aws/credentials' }";
    alert::wait(&host.ground.place, &toml::from_str(text)?, Some(server.pid))?;
    assert!(server.close()?.success());
    host.agent.stop()?;
    verdict::replay(&host.ground.place)?;
    alert::check_secrets(&host.ground.place)?;
    host.ground.end()
}

#[test]
fn a_client_on_pipes_is_told_from_its_server() -> Result<()> {
    let host = Host::watched("run-client")?;
    let place = &host.ground.place;
    let node = ["node".into(), subject::drivers().join("client.mjs")];
    for driver in [node, [subject::python(), subject::drivers().join("client.py")]] {
        let driver = driver.map(|word| word.display().to_string());
        let mut client = Client::start(&Launch {
            driver: driver.to_vec(),
            server: [FIRST_READ, &host.key(), SERVER].map(str::to_owned).to_vec(),
            environment: [("PATH", "/usr/bin:/bin".into()), ("HOME", place.home().display().to_string())]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            folder: place.path("scratch"),
            stderr: place.stderr(),
        })?;
        host.theft(client.server, "actor = '**/first_read'").with_context(|| driver[0].clone())?;
        let credentials = place.home().join(".aws/credentials");
        let call = json!({"op": "call", "tool": "openat", "params": {"arguments": {"path": credentials}}});
        for _ in 0..2 {
            let order = client.order(call.clone())?;
            client.result(order)?;
        }
        let text = "category = ['credential_access']\nserver = ${pid}\ntool = 'openat'\n\
                    evidence = { path = '${home}/.aws/credentials' }";
        let text = place.fill(text, Some(client.server));
        alert::wait(place, &toml::from_str(&text)?, Some(client.server)).with_context(|| driver[0].clone())?;
        assert_eq!(start_of(place, client.server)?["from_start"], true);
        let mut others = loud_beside(place, client.server, "credential_access")?;
        // the call does name a credential
        others.retain(|alert| !alert.starts_with("TL-TOOL-003"));
        assert!(others.is_empty(), "{driver:?}: {others:?}");
        assert!(client.close()?.success());
    }
    let is_driver = |event: &Value| event["name"].as_str().is_some_and(|name| name.starts_with("client."));
    let taken = effects::events(place).into_iter().find(|event| event["kind"] == "server_start" && is_driver(event));
    assert!(taken.is_none(), "{taken:?}");
    host.end()
}

#[test]
fn exec_where_an_agent_runs_only_registers() -> Result<()> {
    let host = Host::watched("run-exec")?;
    let place = &host.ground.place;
    let own = place.path("own.ndjson");
    let binary = subject::tripline()?.display().to_string();
    let (config, alerts) = (place.config().display().to_string(), own.display().to_string());
    let key = host.key();
    let words = [&binary, "exec", "--config", &config, "--alerts", &alerts, "--", FIRST_READ, &key, SERVER];
    let mut server = Peer::start(command(&host.ground, &words), Transport::Pipes)?;
    server.greet()?;
    host.theft(server.pid, "actor = '**/first_read'")?;
    server.call("openat", json!({"path": place.home().join(".aws/credentials")}))?;
    let pid = server.pid;
    let thefts = |path: &Path| -> Result<Vec<Value>> {
        let alerts = alert::read(path)?;
        let thefts = |alert: &Value| alert["server"]["pid"] == pid && alert["category"] == "credential_access";
        Ok(alerts.into_iter().filter(thefts).collect())
    };
    wait::until_true("both thefts in the server's own file", tests::peer::BOUND, || {
        thefts(&own).is_ok_and(|alerts| alerts.len() == 2)
    })?;
    assert!(server.close()?.success());
    // Its end is noticed although the agent lives on, and nobody but the agent has watched.
    effects::expect(place, &json!({"kind": "exit", "proc": {"pid": pid}, "status": 0}))?;
    effects::expect(place, &json!({"kind": "server_end", "server": start_of(place, pid)?["server"]}))?;
    let (all, own) = (thefts(&place.alerts())?, thefts(&own)?);
    assert_eq!(all, own, "the server's own file holds what concerns it");
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|alert| alert["dedup"]["count"] == 1), "each once: {all:?}");
    host.end()
}

#[test]
fn asked_to_end_before_it_is_armed_it_ends_in_order() -> Result<()> {
    let ground = Ground::new("run-early-end")?;
    let mut agent = Agent::start(&ground.place, &["run"])?;
    // Taken before the sensors are loaded, which takes far longer than this signal.
    let socket = ground.place.path("state/agent.sock");
    wait::until_true("the socket for registrations", tests::peer::BOUND, || socket.exists())?;
    agent.stop()?;
    ground.end()
}

#[test]
fn a_second_agent_on_the_same_state_is_refused() -> Result<()> {
    let mut host = Host::watched("run-twice")?;
    let log = host.ground.place.path("agent.txt");
    let first = fs::read_to_string(&log)?;
    let mut second = Agent::start(&host.ground.place, &["run"])?;
    let status = second.end()?;
    assert_eq!(status.code(), Some(1));
    assert!(second.said().contains("another tripline agent runs"), "{}", second.said());
    if second.said().lines().count() != 1 || !first.contains("armed") {
        bail!("one clear line: {}", second.said());
    }
    host.agent.stop()?;
    process::settle(&[], tests::peer::BOUND)?;
    Agent::run(&host.ground.place).context("the state folder is free again")?.stop()?;
    host.ground.end()
}
