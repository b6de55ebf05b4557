//! What holds whatever the events: the same bytes again, bounded memory, a schema that is the code's.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod script;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use monitor_core::alert::{self, Alert};
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::{Event, Kind, Net, NetOp, Proto};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::time::{MS, SECOND, Time};
use monitor_core::trace;

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

fn run(config: EngineConfig, events: &[Event]) -> (Engine, Vec<Alert>) {
    let mut engine = Engine::new(config);
    let mut alerts = Vec::new();
    for event in events {
        engine.step(event, &mut alerts);
    }
    (engine, alerts)
}

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
    let events = script::events(&script::Setup::default(), THEFT);
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

#[test]
fn tables_stay_bounded_over_a_million_events() {
    let mut config = EngineConfig::default();
    config.limits.processes = 2000;
    config.limits.connections = 500;
    config.limits.files = 500;
    config.limits.findings = 300;
    config.limits.calls = 10;
    let setup = script::Setup::default();
    let mut engine = Engine::new(config);
    let mut alerts = Vec::new();
    for event in script::events(&setup, "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake") {
        engine.step(&event, &mut alerts);
    }
    let root = ProcId { pid: 1001, start: 1001 * 10_000_000 };
    let (mut early, mut number) = (0, 0_u64);
    while number < 1_000_000 {
        let time = Time(script::EPOCH + SECOND + number * MS / 10);
        // most of it is ordinary: what raises alerts is dear, and one in twenty fills the tables all the same
        let kinds = if number % 20 < 4 { hostile(number, root) } else { ordinary(number, root) };
        for kind in kinds {
            let server = Some(ServerId(1));
            engine.step(&Event { time, server, kind }, &mut alerts);
            number += 1;
        }
        alerts.clear();
        if number == 100_000 {
            early = resident();
        }
    }
    let stats = engine.stats();
    assert!(stats.processes <= 2000 && stats.connections <= 500, "{stats:?}");
    let evicted = stats.evictions;
    assert!(evicted.processes > 0 && evicted.connections > 0 && evicted.findings > 0, "{stats:?}");
    assert!(evicted.calls > 0 && evicted.files > 0 && evicted.records > 0, "{stats:?}");
    let grown = resident().saturating_sub(early);
    assert!(grown < 24 * 1024 * 1024, "grew by {grown} bytes after the first tenth");
}

#[test]
fn what_a_full_table_forgot_is_told_and_marks_what_depends_on_it() {
    let mut config = EngineConfig::default();
    config.limits.processes = 20;
    config.limits.connections = 4;
    config.limits.files = 4;
    config.limits.calls = 2;
    config.limits.tools = 2;
    let mut steps = "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n".to_owned();
    steps.push_str("20 list one two three\n");
    for call in 0..3 {
        writeln!(steps, "{} call {call} go{call}", 5000 + call).unwrap();
    }
    for at in 0..150 {
        let time = 6000 + at * 1000;
        writeln!(steps, "{time} fork p{at} root").unwrap();
        writeln!(steps, "{time} send root 10.0.0.2:53").unwrap();
        writeln!(steps, "{time} connect root 10.0.0.2:53 +udp cookie={}", at + 1).unwrap();
        writeln!(steps, "{time} credential /home/u/.ssh/id_{at} ino={}", at + 1).unwrap();
    }
    steps.push_str("156000 read root /home/u/.ssh/id_ed25519 ino=9999\n");
    let events = script::events(&script::Setup::default(), &steps);
    let (_, alerts) = run(config, &events);
    let told = |table: &str| {
        let of = |alert: &&Alert| alert.rule.id == "TL-SEN-001" && alert.dedup.key.ends_with(&format!(":{table}"));
        let mut last: Option<&Alert> = None;
        for alert in alerts.iter().filter(of) {
            assert_eq!(alert.severity.as_str(), "low");
            assert!(serde_json::to_string(&alert.evidence).unwrap().contains("table_full"));
            last = Some(alert);
        }
        last.map_or((0, None), |alert| (alert.revision, alert.server.is_some().then_some(alert.dedup.count)))
    };
    // at once, and a minute later how many it has become: then not before they are ten times as many
    for table in ["processes", "connections", "files"] {
        assert_eq!(told(table), (2, None), "{table}");
    }
    for table in ["calls", "tools"] {
        assert_eq!(told(table), (1, Some(1)), "{table}");
    }
    let read = alerts.iter().find(|alert| alert.rule.id == "TL-CRED-001").unwrap();
    assert!(!read.coverage.complete);
    let gaps: Vec<(&str, &str)> =
        read.coverage.gaps.iter().map(|gap| (gap.sensor.as_str(), gap.reason.as_str())).collect();
    assert!(gaps.contains(&("process", "table_full")) && gaps.contains(&("file", "table_full")), "{gaps:?}");
    let (_, roomy) = run(EngineConfig::default(), &events);
    assert!(roomy.iter().all(|alert| alert.rule.id != "TL-SEN-001"), "a table with room loses nothing");
}

/// Connections of one server: a look-up each second, and one TCP connection that stays.
fn look_ups(limit: usize) -> (EngineConfig, String) {
    let mut config = EngineConfig::default();
    config.limits.connections = limit;
    let mut steps = "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n".to_owned();
    steps.push_str("5000 send root 10.0.0.2:53 +udp\n5001 connect root 127.0.0.1:5432 cookie=9999\n");
    for at in 0..1000 {
        writeln!(steps, "{} connect root 10.0.0.2:53 +udp cookie={}", 6000 + at * 1000, at + 1).unwrap();
    }
    (config, steps)
}

#[test]
fn connections_that_nothing_can_be_said_of_any_more_are_no_loss() {
    let (config, mut steps) = look_ups(100);
    let (engine, alerts) = run(config.clone(), &script::events(&script::Setup::default(), &steps));
    assert_eq!(engine.stats().evictions.connections, 0);
    assert!(engine.stats().connections <= 62, "those of the last minute: {}", engine.stats().connections);
    assert!(alerts.iter().all(|alert| alert.rule.id != "TL-SEN-001"));
    steps.push_str("1007000 exit root\n1007000 end-server\n1100000 foreign x /usr/bin/x\n");
    let (engine, _) = run(config, &script::events(&script::Setup::default(), &steps));
    assert_eq!(engine.stats().connections, 0, "a server that is forgotten has none");
}

#[test]
fn look_ups_make_room_before_connections_do() {
    let (config, mut steps) = look_ups(20);
    steps.push_str("1007000 end root cookie=9999 sent=0 state=established\n");
    let (engine, _) = run(config, &script::events(&script::Setup::default(), &steps));
    assert!(engine.stats().evictions.connections > 0);
    assert!(engine.state().connections.get(9999).is_some());
}

/// A burst that a table has no room for, and what is told of it: the counts, with the times.
fn burst(rest: &str, step: impl Fn(&mut Engine, &mut Vec<Alert>)) -> Vec<(u32, u64, u64)> {
    let mut config = EngineConfig::default();
    config.limits.processes = 20;
    let mut steps = "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake\n".to_owned();
    for at in 0..1000 {
        writeln!(steps, "{} fork p{at} root", 5000 + at).unwrap();
    }
    steps.push_str(rest);
    let (mut engine, mut alerts) = run(config, &script::events(&script::Setup::default(), &steps));
    step(&mut engine, &mut alerts);
    let lost = |alert: &Alert| match alert.evidence.last().map(|item| &item.fact) {
        Some(alert::Fact::Loss { lost, .. }) => *lost,
        _ => 0,
    };
    let told = alerts.iter().filter(|alert| alert.rule.id == "TL-SEN-001");
    told.map(|alert| (alert.revision, lost(alert), (alert.time.0.0 - script::EPOCH) / MS)).collect()
}

#[test]
fn how_many_a_full_table_forgot_is_told_once_the_minute_is_over_or_at_the_end() {
    let at = |seconds: u64| Time(script::EPOCH + seconds * SECOND);
    let early = burst("", |_, _| {});
    assert_eq!(early, [(1, 1, 5019)], "the first at once");
    let whole = [(1, 1, 5019), (2, 981, 5999)];
    let tick = burst("", |engine, alerts| {
        engine.tick(at(64), alerts);
        assert_eq!(alerts.len(), 1, "not within the minute");
        engine.tick(at(66), alerts);
        engine.finish(at(99), alerts);
    });
    assert_eq!(tick, whole);
    // a recording has no ticks: the same is told before the next event, and at the end
    assert_eq!(burst("80000 read root /home/u/project/x\n", |engine, alerts| engine.finish(at(80), alerts)), whole);
    assert_eq!(burst("", |engine, alerts| engine.finish(at(6), alerts)), whole);
}

#[test]
fn a_written_program_that_made_room_is_missing_from_the_coverage() {
    let mut steps = "0 start /usr/bin/python3.11 script=/home/u/srv/server.py server.py\n10 handshake\n".to_owned();
    steps.push_str("5000 call 1 go\n");
    // a repository is cloned, and that takes a while
    for at in 0..40_000 {
        writeln!(steps, "{} write root /home/u/project/{at} ino={}", 5001 + at * 5, at + 1).unwrap();
    }
    steps.push_str("205100 spawn x root /usr/bin/python3.11 -c 1\n");
    let (mut engine, mut alerts) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    let child = alerts.iter().find(|alert| alert.rule.id == "TL-EXEC-001").unwrap();
    let gap = child.coverage.gaps.iter().find(|gap| gap.sensor == "engine" && gap.reason == "table_full").unwrap();
    assert_eq!(gap.count, 40_000 - 32_768);
    let told = alerts.iter().filter(|alert| alert.rule.id == "TL-SEN-001").collect::<Vec<_>>();
    assert_eq!(told.len(), 1);
    assert!(told[0].summary.contains("files that a server wrote"));
    engine.finish(Time(script::EPOCH + 300 * SECOND), &mut alerts);
    let whole = alerts.iter().rfind(|alert| alert.rule.id == "TL-SEN-001").unwrap();
    assert!(whole.revision == 2 && whole.summary.contains("7232 forgotten"), "{}", whole.summary);
}

/// A process that comes and goes, and a look-up.
fn ordinary(number: u64, root: ProcId) -> Vec<Kind> {
    let child = ProcId { pid: 5000 + u32::try_from(number % 4_000_000_000).unwrap(), start: number + 1 };
    let look_up = Net {
        proc: child,
        op: NetOp::Send,
        proto: Proto::Udp,
        addr: std::net::Ipv4Addr::new(10, 0, 0, 2).into(),
        port: 53,
        cookie: number + 1,
        result: String::new(),
        name: None,
        io_uring: false,
        abi: None,
    };
    vec![
        Kind::Fork(monitor_core::event::Fork { parent: root, child }),
        Kind::Net(look_up.clone()),
        Kind::Net(look_up),
        Kind::Exit(monitor_core::event::Exit { proc: child, status: 0 }),
    ]
}

/// Everything new every time: processes, credentials, destinations, calls.
fn hostile(number: u64, root: ProcId) -> Vec<Kind> {
    let child = ProcId { pid: 5000 + u32::try_from(number % 4_000_000_000).unwrap(), start: number + 1 };
    let path = format!("/home/u{number}/.ssh/id_rsa");
    let id = FileId { dev: 1, ino: number + 1 };
    let file = monitor_core::event::FileRef { path, id, cut: false };
    let addr = std::net::Ipv4Addr::from(0xcb00_0000 + u32::try_from(number % 0xff_ffff).unwrap());
    vec![
        Kind::Fork(monitor_core::event::Fork { parent: root, child }),
        Kind::File(monitor_core::event::File {
            proc: child,
            op: monitor_core::event::FileOp::Open,
            file,
            read: true,
            write: false,
            create: false,
            path_only: false,
            dir: false,
            unlinked: false,
            to: None,
            via: None,
            by: "tracepoint".to_owned(),
        }),
        Kind::Net(Net {
            proc: child,
            op: NetOp::Connect,
            proto: Proto::Tcp,
            addr: addr.into(),
            port: 443,
            cookie: number + 1,
            result: String::new(),
            name: None,
            io_uring: false,
            abi: None,
        }),
        Kind::Mcp(call(number, root)),
    ]
}

fn call(number: u64, proc: ProcId) -> monitor_core::event::Mcp {
    use monitor_wire::mcp::{Body, Id, Message, Request, ToolCall};
    let call = ToolCall {
        name: format!("tool{number}"),
        arguments: Vec::new(),
        cut: false,
        digest: number.to_string(),
        progress: None,
        repeat: false,
        as_task: false,
    };
    let id = Id::Number(i64::try_from(number).unwrap());
    let request = Request { id, method: "tools/call".to_owned(), call: Some(call), peer: None, task: None };
    monitor_core::event::Mcp {
        stream: FileId { dev: 1, ino: 1 },
        side: monitor_core::event::Side::Client,
        proc,
        message: Message { body: Body::Request(request), bytes: 100, complete: true, flags: Vec::new() },
    }
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
