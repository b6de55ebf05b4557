//! Playing one scenario from its first process to its verdict.

use crate::alert;
use crate::appended::Appended;
use crate::beside::Beside;
use crate::client::{Client, Launch};
use crate::cloudflare::FakeCloudflare;
use crate::peer::BOUND;
use crate::place::Place;
use crate::scenario::{Call, ClientKind, Scenario, Server, Step, Transport};
use crate::{home, network, process, subject, verdict, wait};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A little more than the 500 ms for which an answered call still explains effects.
const TAIL: Duration = Duration::from_millis(700);

/// Set in the environment, the server runs unwatched: shows whether a scenario's own steps work.
const BARE: &str = "TRIPLINE_TEST_BARE";

/// Where a server under test takes requests over HTTP.
const STREAMABLE: &str = "http://127.0.0.1:${port}/mcp";
const SSE: &str = "http://127.0.0.1:${port}/sse";

/// Plays a scenario; its folder is kept when it fails.
pub fn play(name: &str, scenario: &Scenario, first_read: &Path) -> Result<()> {
    let mut place = Place::new(name)?;
    let bare = std::env::var_os(BARE).is_some();
    let cloudflare = match scenario.server {
        Server::Cloudflare => Some(FakeCloudflare::start(&place.path("cloudflare"))?),
        _ => None,
    };
    let beside = scenario.beside.iter().map(|server| Beside::start(server, &place)).collect::<Result<Vec<_>>>()?;
    let _covered = Appended::new(&scenario.appended, &place)?;
    let known: Vec<i32> = cloudflare.iter().map(FakeCloudflare::pid).chain(beside.iter().map(Beside::pid)).collect();
    let launch = launch(scenario, &place, cloudflare.as_ref(), first_read, bare)?;
    let outcome = perform(scenario, &place, &launch, bare);
    let rest = process::settle(&known, BOUND);
    let outcome = outcome.and_then(|pid| {
        rest?;
        deeds_happened(scenario, &place)?;
        let saw = |request: &String| cloudflare.as_ref().context("no Cloudflare API")?.saw(request);
        scenario.requests.iter().try_for_each(saw)?;
        if bare { Ok(()) } else { verdict::judge(scenario, &place, pid) }
    });
    // A leak is the worst that can be said of a run, whatever else went wrong.
    let outcome = alert::check_secrets(&place).and(outcome);
    let verdict = outcome.with_context(|| format!("{name}: {}", scenario.why));
    match &verdict {
        Ok(()) => place.passed(),
        // Beside what led to it, for whoever looks at the folder later.
        Err(error) => fs::write(place.path("verdict.txt"), format!("{error:#}\n"))?,
    }
    verdict
}

/// Everything that has to be there before the first process starts.
fn launch(
    scenario: &Scenario,
    place: &Place,
    cloudflare: Option<&FakeCloudflare>,
    first_read: &Path,
    bare: bool,
) -> Result<Launch> {
    for (path, text) in &scenario.files {
        home::write(place.fill(path, None).as_ref(), &place.fill(text, None))?;
    }
    for argv in &scenario.prepare {
        run_program(argv, place, None)?;
    }
    if !scenario.configuration.is_empty() {
        let text = fs::read_to_string(place.config())? + &place.fill(&scenario.configuration, None);
        fs::write(place.config(), text)?;
    }
    fs::write(place.path("deeds.json"), place.fill(&serde_json::to_string(&scenario.deeds)?, None))?;
    let mut server = Vec::new();
    if !bare {
        let binary = subject::tripline()?.to_string_lossy().into_owned();
        server.push(binary);
        if scenario.recorded {
            server.extend(["record".into(), "-o".into(), place.recording().to_string_lossy().into_owned()]);
        } else {
            server.push("exec".into());
        }
        for (option, path) in [("--config", place.config()), ("--alerts", place.alerts()), ("--events", place.events())]
        {
            server.extend([option.into(), path.to_string_lossy().into_owned()]);
        }
        if let Some(profile) = &scenario.profile {
            server.extend(["--profile".into(), profile.clone()]);
        }
        server.push("--".into());
    }
    if let Some(file) = &scenario.first_read {
        server.extend([first_read.to_string_lossy().into_owned(), place.fill(file, None)]);
    }
    match scenario.command.as_slice() {
        [] => server.extend(command(scenario, place)),
        words => server.extend(words.iter().map(|word| place.fill(word, None))),
    }
    server.extend(scenario.arguments.iter().map(|argument| place.fill(argument, None)));
    Ok(Launch {
        driver: driver(scenario, place),
        server,
        environment: environment(scenario, place, cloudflare),
        folder: place.home().join("project"),
        stderr: place.stderr(),
    })
}

fn driver(scenario: &Scenario, place: &Place) -> Vec<String> {
    let mut driver = match scenario.client {
        ClientKind::Node => vec!["node".into(), subject::drivers().join("client.mjs").to_string_lossy().into_owned()],
        ClientKind::Python => [subject::python(), subject::drivers().join("client.py")]
            .map(|path| path.to_string_lossy().into_owned())
            .into(),
    };
    match scenario.transport {
        Transport::Stdio => {}
        Transport::StreamableHttp => driver.extend(["--streamable-http".into(), place.fill(STREAMABLE, None)]),
        Transport::HttpSse => driver.extend(["--http-sse".into(), place.fill(SSE, None)]),
    }
    if let Some(file) = &scenario.after {
        driver.extend(["--after".into(), place.fill(file, None)]);
    }
    driver
}

fn command(scenario: &Scenario, place: &Place) -> Vec<String> {
    let node = |package: &str, file: &str| vec!["node".into(), subject::script(package, file).display().to_string()];
    let python = |program: &str| vec![subject::python().with_file_name(program).display().to_string()];
    let deeds = place.path("deeds.json").display().to_string();
    let driver = |name: &str| subject::drivers().join("servers").join(name).display().to_string();
    match scenario.server {
        Server::Cloudflare => {
            let mut command = node("@cloudflare/mcp-server-cloudflare", "dist/index.js");
            command.extend(["run".into(), subject::ACCOUNT.into()]);
            command
        }
        Server::Everything => {
            let mut command = node("@modelcontextprotocol/server-everything", "dist/index.js");
            command.push(match scenario.transport {
                Transport::Stdio => "stdio".into(),
                Transport::StreamableHttp => "streamableHttp".into(),
                Transport::HttpSse => "sse".into(),
            });
            command
        }
        Server::Filesystem => node("@modelcontextprotocol/server-filesystem", "dist/index.js"),
        Server::Memory => node("@modelcontextprotocol/server-memory", "dist/index.js"),
        Server::Fetch => python("mcp-server-fetch"),
        Server::Git => python("mcp-server-git"),
        Server::McpRemote => node("mcp-remote", "dist/proxy.js"),
        Server::Supergateway => node("supergateway", "dist/index.js"),
        Server::TrojanNode => vec!["node".into(), driver("trojan.mjs"), deeds],
        Server::TrojanPython => vec![subject::python().display().to_string(), driver("trojan.py"), deeds],
    }
}

fn environment(scenario: &Scenario, place: &Place, cloudflare: Option<&FakeCloudflare>) -> HashMap<String, String> {
    let mut environment = plain_environment(place);
    if let Some(cloudflare) = cloudflare {
        environment.insert("NODE_EXTRA_CA_CERTS".into(), cloudflare.authority().display().to_string());
    }
    if scenario.transport != Transport::Stdio {
        environment.insert("PORT".into(), network::PORT.to_string());
    }
    if scenario.transport == Transport::HttpSse {
        // how the drivers' own servers are told
        environment.insert("TRIPLINE_TEST_TRANSPORT".into(), "sse".into());
    }
    let more = scenario.environment.iter().map(|(name, value)| (name.clone(), place.fill(value, None)));
    environment.extend(more);
    environment
}

/// The environment of every program of a test, as far as nothing adds to it.
pub fn plain_environment(place: &Place) -> HashMap<String, String> {
    HashMap::from([
        ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ("HOME".into(), place.home().display().to_string()),
        ("LANG".into(), "C.UTF-8".into()),
        ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
    ])
}

/// The steps; answers the server's PID.
fn perform(scenario: &Scenario, place: &Place, launch: &Launch, bare: bool) -> Result<u32> {
    let mut client = Client::start(launch).with_context(|| {
        let stderr = fs::read_to_string(&launch.stderr).unwrap_or_default();
        format!("standard error was:\n{}", stderr.lines().take(20).collect::<Vec<_>>().join("\n"))
    })?;
    let pid = client.server;
    let mut meanwhile: Vec<Child> = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let outcome = match step {
            Step::Await(wanted) if !bare => alert::wait(place, wanted, Some(pid)).map(drop),
            Step::Await(_) => Ok(()),
            Step::NeighbourMeanwhile(deeds) => neighbour(deeds, place, pid).map(|child| meanwhile.push(child)),
            other => take(other, &mut client, place),
        };
        outcome.with_context(|| format!("step {} ({step:?})", number + 1))?;
    }
    for mut child in meanwhile {
        finish(&mut child)?;
    }
    if !bare {
        verdict::await_expected(scenario, place, pid)?;
    }
    client.close().context("the client and its server did not end as they should")?;
    Ok(pid)
}

fn take(step: &Step, client: &mut Client, place: &Place) -> Result<()> {
    let pid = client.server;
    match step {
        Step::List => one(client, json!({"op": "list"}), false),
        Step::Call(call) => calls(client, place, std::slice::from_ref(call)),
        Step::Calls(several) => calls(client, place, several),
        Step::Cancel(call) => cancel(client, place, call),
        Step::ReadResource(uri) => {
            one(client, json!({"op": "request", "method": "resources/read", "params": {"uri": uri}}), false)
        }
        Step::Run(argv) => run_program(argv, place, Some(pid)),
        Step::Neighbour(deeds) => finish(&mut neighbour(deeds, place, pid)?),
        Step::PassTail => {
            let start = Instant::now();
            wait::until_true("the end of the tail", TAIL * 2, || start.elapsed() > TAIL)
        }
        Step::NeighbourMeanwhile(_) | Step::Await(_) => Ok(()),
    }
}

/// A program that is no descendant of the server.
fn run_program(argv: &[String], place: &Place, pid: Option<u32>) -> Result<()> {
    let argv: Vec<String> = argv.iter().map(|word| place.fill(word, pid)).collect();
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).env_clear().envs(plain_environment(place));
    let output = process::output(&mut command, b"", BOUND).with_context(|| format!("{argv:?}"))?;
    if !output.status.success() {
        bail!("{argv:?} failed: {} {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn one(client: &mut Client, order: Value, may_fail: bool) -> Result<()> {
    let id = client.order(order)?;
    judge_answer(&client.result(id)?, may_fail)
}

fn calls(client: &mut Client, place: &Place, calls: &[Call]) -> Result<()> {
    let open = calls.iter().map(|call| Ok((order(client, place, call)?, call))).collect::<Result<Vec<_>>>()?;
    for (id, call) in open {
        let report = client.result(id)?;
        judge_answer(&report, call.may_fail).with_context(|| format!("the call of {}", call.tool))?;
    }
    Ok(())
}

/// Servers take messages in order: the answer to what is asked after the call says that they have the call.
fn cancel(client: &mut Client, place: &Place, call: &Call) -> Result<()> {
    let id = order(client, place, call)?;
    one(client, json!({"op": "list"}), false)?;
    client.order(json!({"op": "cancel", "ref": id}))?;
    let report = client.result(id)?;
    if report["ok"] == true {
        bail!("the call of {} was answered, not cancelled: {report}", call.tool);
    }
    Ok(())
}

/// Makes one call; answers the number of its order.
fn order(client: &mut Client, place: &Place, call: &Call) -> Result<u64> {
    let mut params = json!({"arguments": {}});
    if !call.arguments.is_null() {
        params["arguments"] = call.arguments.clone();
    }
    if let Some(input) = &call.input {
        params["input"] = input.clone();
    }
    let params: Value = serde_json::from_str(&place.fill(&params.to_string(), Some(client.server)))?;
    client.order(json!({"op": "call", "tool": call.tool, "params": params}))
}

fn judge_answer(report: &Value, may_fail: bool) -> Result<()> {
    let result = &report["result"];
    let in_band = result["isError"] == true || result["toolResult"]["isError"] == true;
    if !may_fail && (report["ok"] != true || in_band) {
        bail!("it failed: {report}");
    }
    Ok(())
}

fn neighbour(deeds: &[Value], place: &Place, pid: u32) -> Result<Child> {
    let file = tempfile::Builder::new().prefix("neighbour-").tempfile_in(place.path("scratch"))?;
    let (_, path) = file.keep()?;
    fs::write(&path, place.fill(&json!({ "deeds": deeds }).to_string(), Some(pid)))?;
    Command::new(subject::python())
        .arg(subject::drivers().join("deeds.py"))
        .arg(&path)
        .arg("deeds")
        .env_clear()
        .envs(plain_environment(place))
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start the neighbour")
}

fn finish(child: &mut Child) -> Result<()> {
    let status = process::wait(child, BOUND)?;
    if !status.success() {
        bail!("the neighbour's deed failed: {status}");
    }
    Ok(())
}

/// Each deed of the server reported itself, and none that had to work failed.
fn deeds_happened(scenario: &Scenario, place: &Place) -> Result<()> {
    let stderr = String::from_utf8_lossy(&fs::read(place.stderr())?).into_owned();
    let lines = stderr.lines().filter(|line| line.starts_with("{\"deed\""));
    let reports: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    if let Some(failed) = reports.iter().find(|report| report["ok"] != true) {
        bail!("a deed failed: {failed}");
    }
    fn count(deeds: &[Value]) -> usize {
        deeds.iter().map(|deed| 1 + deed["deeds"].as_array().map_or(0, |more| count(more))).sum()
    }
    let planned: usize = scenario.deeds.values().map(|deeds| count(deeds)).sum::<usize>();
    let planned = planned + usize::from(scenario.first_read.is_some());
    if reports.len() < planned {
        bail!("of {planned} deeds only {} happened", reports.len());
    }
    Ok(())
}
