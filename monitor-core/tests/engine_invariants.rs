//! What holds whatever the events: the same bytes again, bounded memory, a schema that is the code's.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod judge;
mod script;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use monitor_core::alert::{self, Alert};
use monitor_core::config::EngineConfig;
use monitor_core::event::Event;
use monitor_core::time::{SECOND, Time};
use monitor_core::trace;

use judge::run;

const THEFT: &str = r#"
0    start /usr/bin/node script=/home/u/srv/server.js server.js
10   handshake
20   list weather:1:ro:closed
5000 call 1 weather /city=Bern
5005 spawn child root /usr/bin/tac x
5010 read child /home/u/.ssh/id_ed25519
5020 connect root 203.0.113.9:8443 cookie=5
5900 end root cookie=5 sent=900
5950 answer 1
"#;

/// Requests that a call explains, one that it doesn't, and another token.
const REQUESTS: &str = r"
0    start /usr/bin/node script=/home/u/srv/server.js server.js run acct
10   handshake
5000 call 1 worker_put /name=good
5010 http root PUT api.cloudflare.com/client/v4/accounts/acct/workers/scripts/good token=fp:1
5020 status root 500
5030 http root PUT api.cloudflare.com/client/v4/accounts/acct/workers/scripts/good token=fp:1
5040 hangup root
5050 http root POST api.cloudflare.com/client/v4/user/tokens token=fp:2
";

fn lines(alerts: &[Alert]) -> String {
    alerts.iter().map(|alert| alert.to_json_line().unwrap()).collect()
}

/// Compares with a file of the repository; `TRIPLINE_BLESS=1` rewrites the file.
fn same_as_file(path: &Path, text: &str) {
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert!(known == text, "{} differs from the code: run the tests with TRIPLINE_BLESS=1\n{text}", path.display());
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_schema_file_is_the_codes() {
    same_as_file(&here("../docs/schema/alert.schema.json"), &alert::schema().unwrap());
}

#[test]
fn one_alert_in_full() {
    let (_, alerts) = run(EngineConfig::default(), &script::events(&script::Setup::default(), THEFT));
    let theft = alerts.iter().rfind(|alert| alert.category == alert::Category::TokenTheft).unwrap();
    let mut text = serde_json::to_string_pretty(theft).unwrap();
    text.push('\n');
    same_as_file(&here("tests/snapshots/alert.json"), &text);
    let incidents: std::collections::BTreeSet<&str> = alerts.iter().map(|alert| alert.incident.as_str()).collect();
    assert_eq!(incidents.len(), 1, "one story is one incident");
}

#[test]
fn a_replay_gives_the_same_bytes() {
    replayed(&script::Setup::default(), THEFT);
    let profile = "cloudflare".to_owned();
    replayed(&script::Setup { profile, ..script::Setup::default() }, REQUESTS);
}

fn replayed(setup: &script::Setup, steps: &str) {
    let events = script::events(setup, steps);
    let (_, first) = run(EngineConfig::default(), &events);
    let header = trace::Header::new(&trace::config_digest(["a = 1"]), Time(script::EPOCH));
    let mut recording = header.to_line().unwrap();
    for event in &events {
        recording.push_str(&trace::event_line(event).unwrap());
    }
    let (again, read) = trace::read(&recording).unwrap();
    assert_eq!(again, header);
    let read: Vec<Event> = read.collect::<Result<_, _>>().unwrap();
    assert_eq!(read, events);
    let (_, second) = run(EngineConfig::default(), &read);
    assert!(!first.is_empty());
    assert_eq!(lines(&first), lines(&second));
}

#[test]
fn what_a_recording_can_be_wrong_about_is_said_in_one_line() {
    let header = trace::Header::new("d", Time(0)).to_line().unwrap();
    let good = r#"{"time":1,"kind":"server_end"}"#;
    let errors = |text: &str| match trace::read(text) {
        Err(error) => error.to_string(),
        Ok((_, events)) => events.filter_map(Result::err).map(|error| error.to_string()).collect(),
    };
    assert_eq!(errors(""), "recording is empty: its first line should be a header");
    assert!(errors("hello\n").starts_with("line 1: not a tripline recording"));
    assert!(errors(&header.replace("\"version\":1", "\"version\":9")).contains("format 9"));
    assert!(errors(&format!("{header}{good}\nnonsense\n")).starts_with("line 3: not an event"));
    assert!(errors(&format!("{header}{good}\n{{\"time\":1")).contains("line 3: recording ends in the middle"));
    assert_eq!(errors(&format!("{header}\n{good}\n")), "");
}

#[test]
fn calls_are_recorded_with_what_was_seen() {
    let steps = r"
0    start /usr/bin/node script=/home/u/srv/server.js server.js
10   handshake
20   list fetch note:1:ro
5000 call 1 fetch /url=https://news.example/
5001 call 2 note /text=hello
5010 connect root 203.0.113.9:443 host=news.example
5020 read root /home/u/.ssh/id_ed25519
5030 answer 1
5040 answer 2 iserror
";
    let events = script::events(&script::Setup::default(), steps);
    let (mut engine, alerts) = run(EngineConfig::default(), &events);
    engine.finish(Time(script::EPOCH + 10 * SECOND), &mut Vec::new());
    let calls: Vec<_> = engine.take_calls().collect();
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].tool.as_str(), calls[0].outcome.as_str()), ("fetch", "answered"));
    assert_eq!((calls[1].tool.as_str(), calls[1].outcome.as_str()), ("note", "error"));
    let seen = |index: usize| calls[index].observed.iter().map(|seen| seen.object.as_str()).collect::<Vec<_>>();
    assert_eq!(seen(0), ["news.example:443", "/home/u/.ssh/id_ed25519"]);
    assert_eq!(seen(1), ["news.example:443", "/home/u/.ssh/id_ed25519"], "an open world explains as well");
    assert_eq!(calls[0].arguments[0].at, "/url");
    let theft = alerts.iter().find(|alert| alert.rule.id == "TL-CRED-001").unwrap();
    assert!(calls.iter().all(|call| call.alerts.contains(&theft.id)));
    assert_eq!(theft.calls.len(), 2, "every open call concerned");
}

#[test]
fn requests_are_listed_with_how_firmly_they_were_joined_and_what_never_came() {
    let setup = script::Setup {
        name: "@cloudflare/mcp-server-cloudflare".to_owned(),
        profile: "cloudflare".to_owned(),
        ..script::Setup::default()
    };
    let api = "api.cloudflare.com/client/v4/accounts/acct";
    let steps = format!(
        "0    start /usr/bin/node script=/home/u/srv/dist/index.js index.js run acct
        10   handshake
        5000 call 1 worker_put /name=good
        5010 http root GET {api}/workers/scripts
        5020 http root PUT {api}/workers/scripts/good
        5030 answer 1
        6000 call 2 worker_list
        6010 http root GET {api}/workers/scripts
        6020 answer 2
        7000 call 3 queue_create
        7010 answer 3
        8000 call 4 queue_create
        8010 answer 4 error
        9000 call 5 d1_create_database
        9010 cancel 5
        9020 answer 5
        9900 call 6 d1_list_databases
        9901 call 7 d1_list_databases
        9910 http root GET {api}/d1/database
        9920 answer 6
        9921 answer 7"
    );
    let observed = |steps: &str| {
        let events = script::events(&setup, steps);
        let (mut engine, _) = run(EngineConfig::default(), &events);
        engine.finish(Time(script::EPOCH + 20 * SECOND), &mut Vec::new());
        let line = |seen: monitor_core::ledger::Observed| {
            let object = seen.object.replace(api, "A");
            format!("{} {object} {} {}", seen.kind, seen.explained, seen.strength.unwrap_or_default())
        };
        engine.take_calls().map(|call| call.observed.into_iter().map(line).collect()).collect::<Vec<Vec<String>>>()
    };
    let calls = observed(&steps);
    assert_eq!(
        calls[0],
        ["http_request GET A/workers/scripts unexplained ", "http_request PUT A/workers/scripts/good call strong"]
    );
    assert_eq!(calls[1], ["http_request GET A/workers/scripts call medium"]);
    let unobserved = "http_request POST api.cloudflare.com/client/v4/accounts/{account_id}/queues unobserved ";
    assert_eq!(calls[2], [unobserved]);
    assert!(calls[3].is_empty() && calls[4].is_empty(), "neither an error nor what was cancelled: {calls:?}");
    let either = calls.iter().flatten().filter(|line| line.contains("/d1/")).collect::<Vec<_>>();
    assert_eq!(either, ["http_request GET A/d1/database call weak"], "it counts for one of two that may have made it");
    // without any request of the server's that was read, nothing is missing
    let blind: String = steps.lines().filter(|line| !line.contains(" http ")).collect::<Vec<_>>().join("\n");
    assert!(observed(&blind).iter().all(Vec::is_empty));
}

#[test]
fn a_cancelled_call_stays_cancelled_whoever_ends_first() {
    let head = "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n";
    let calls = "5000 call 1 long\n5000 call 2 other\n5100 cancel 1\n";
    let outcomes = |rest: &str, config: EngineConfig| {
        let events = script::events(&script::Setup::default(), &format!("{head}{calls}{rest}"));
        let (mut engine, mut alerts) = run(config, &events);
        engine.finish(events.last().unwrap().time, &mut alerts);
        let mut calls: Vec<_> = engine.take_calls().map(|call| (call.tool, call.outcome)).collect();
        calls.sort();
        calls.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("", EngineConfig::default()), ["cancelled", "agent_ended"]);
    let ended = "5200 exit root\n5200 end-server\n20000 foreign x /usr/bin/x\n";
    assert_eq!(outcomes(ended, EngineConfig::default()), ["cancelled", "server_ended"]);
    let mut small = EngineConfig::default();
    small.limits.calls = 2;
    let crowded = "5200 call 3 third\n5200 call 4 x-fourth\n";
    assert_eq!(outcomes(crowded, small), ["cancelled", "evicted", "agent_ended", "agent_ended"]);
}

#[test]
fn growth_is_told_at_powers_of_ten() {
    let mut steps = String::from(
        "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n5000 call 1 weather\n",
    );
    for at in 0..1000 {
        writeln!(steps, "{} read root /home/u/.ssh/id_ed25519", 5100 + at * 20).unwrap();
    }
    let (_, alerts) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    let counts: Vec<(u32, u64)> = alerts.iter().map(|alert| (alert.revision, alert.dedup.count)).collect();
    assert_eq!(counts, [(1, 1), (2, 10), (3, 100), (4, 1000)]);
}

#[test]
fn evidence_is_bounded_and_the_rest_counted() {
    let mut steps = String::from(
        "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n5000 call 1 weather\n",
    );
    for at in 0..100 {
        writeln!(steps, "{} read root /home/u/.ssh/id_ed25519 via=/home/u/link{at}", 5100 + at * 20).unwrap();
    }
    let (_, alerts) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    let last = alerts.last().unwrap();
    assert_eq!(last.dedup.count, 100);
    assert_eq!(last.evidence.len(), 65);
    assert!(lines(&alerts).contains(r#""kind":"more","count":36"#));
}

/// Events of every scenario, in an order that no kernel would give.
#[test]
fn no_order_of_events_breaks_the_engine_and_the_same_order_gives_the_same_bytes() {
    let mut pool: Vec<Event> = Vec::new();
    for entry in std::fs::read_dir(here("tests/scenarios")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let table: toml::Table = text.parse().unwrap();
        for case in table["case"].as_array().unwrap() {
            let setup =
                case.get("server").map_or_else(script::Setup::default, |setup| setup.clone().try_into().unwrap());
            pool.extend(script::events(&setup, case["steps"].as_str().unwrap()).into_iter().take(40));
        }
    }
    let config = EngineConfig::default();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20 {
        for at in (1..pool.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pool.swap(at, usize::try_from((seed >> 33) % (at as u64 + 1)).unwrap());
        }
        let (_, first) = run(config.clone(), &pool);
        let (_, second) = run(config.clone(), &pool);
        assert!(!first.is_empty());
        assert!(lines(&first) == lines(&second), "the same order gave other bytes");
        assert!(first.iter().all(|alert| !alert.evidence.is_empty() && alert.evidence.len() <= 65));
    }
}
