//! Full tables: what goes first, and what is told of it.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod judge;
mod script;

use std::fmt::Write as _;

use monitor_core::alert::{self, Alert};
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::{Event, Kind};
use monitor_core::id::ServerId;
use monitor_core::time::{MS, SECOND, Time};

use judge::run;

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

/// One socket that sends to many peers, each of which it tells whom it asks for.
fn peers(steps: &mut String, count: u64) {
    for at in 0..count {
        let (time, to) = (6000 + at * 1000, format!("203.0.{}.{}:443", at / 250, at % 250));
        writeln!(steps, "{time} send root {to} cookie=7").unwrap();
        writeln!(steps, "{time} tls root x{at}.example cookie=7 quic={to}").unwrap();
    }
}

#[test]
fn peers_of_one_socket_take_bounded_room_and_leave_it_when_nothing_goes_to_them() {
    let (config, mut steps) = look_ups(20);
    steps = steps.lines().take(4).fold(String::new(), |text, line| text + line + "\n");
    let lasting = steps.clone();
    peers(&mut steps, 100);
    let (engine, _) = run(config, &script::events(&script::Setup::default(), &steps));
    assert_eq!((engine.stats().connections, engine.stats().evictions.connections), (20, 81));
    assert!(engine.state().connections.get(9999).is_some(), "datagrams make room before connections do");

    let mut steps = lasting;
    peers(&mut steps, 100);
    steps.push_str("3700000 send root 203.0.0.7:443 cookie=7\n3750000 loss file ring_full 1\n");
    let (mut engine, _) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    engine.tick(Time(script::EPOCH + 3_760_000 * MS), &mut Vec::new());
    // the connection by TCP, and the one that was used
    assert_eq!((engine.stats().connections, engine.stats().evictions.connections), (2, 0));
}

#[test]
fn requests_whose_answer_never_comes_are_bounded() {
    let setup = script::Setup {
        name: "@cloudflare/mcp-server-cloudflare".to_owned(),
        profile: "cloudflare".to_owned(),
        ..script::Setup::default()
    };
    let mut steps = "0 start /usr/bin/node script=/home/u/srv/index.js index.js run acct\n10 handshake\n".to_owned();
    for at in 0..5000 {
        let time = 5000 + at * 10;
        let host = "api.cloudflare.com/client/v4/accounts/acct";
        writeln!(steps, "{time} call {at} worker_put /name=s{at}").unwrap();
        writeln!(steps, "{time} http root PUT {host}/workers/scripts/s{at} token=fp:1 channel={at}").unwrap();
        writeln!(steps, "{time} http root POST dash.cloudflare.com/oauth2/token channel={at}").unwrap();
        writeln!(steps, "{time} answer {at}").unwrap();
    }
    let (engine, alerts) = run(EngineConfig::default(), &script::events(&setup, &steps));
    assert!(engine.state().exchanges.len() <= 2048, "{}", engine.state().exchanges.len());
    assert!(engine.stats().evictions.exchanges > 0);
    assert!(alerts.iter().all(|alert| alert.rule.id.starts_with("TL-SEN")), "each was asked for");
    steps.push_str("60000 exit root\n60000 end-server\n80000 foreign x /usr/bin/x\n");
    let (engine, _) = run(EngineConfig::default(), &script::events(&setup, &steps));
    assert!(engine.state().exchanges.is_empty(), "a server that is forgotten has none");
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

#[test]
fn what_all_servers_wrote_is_bounded_and_who_wrote_most_forgets_first() {
    let steps = "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n9 write root /home/u/project/x ino=5";
    let events = script::events(&script::Setup::default(), steps);
    let (mut engine, mut alerts) = (Engine::new(EngineConfig::default()), Vec::new());
    let mut of = |server: u32, number: u64| {
        for event in &events {
            let mut event = Event { server: Some(ServerId(server)), ..event.clone() };
            match &mut event.kind {
                Kind::ServerStart(start) if number == 0 => start.root.pid += server,
                Kind::File(file) => {
                    file.proc.pid += server;
                    file.file.id.ino = u64::from(server) << 32 | number;
                }
                _ => continue,
            }
            engine.step(&event, &mut alerts);
        }
        engine.state().servers.get(ServerId(server)).unwrap().written.len()
    };
    for (server, files) in [(9, 1000)].into_iter().chain((1..=5).map(|server| (server, 32_768))) {
        for number in 0..files {
            of(server, number);
        }
    }
    assert_eq!(of(9, 1), 1000, "who wrote little forgets nothing");
    let written: usize = engine.state().servers.iter().map(|server| server.written.len()).sum();
    assert!((100_000..=131_072 + 6 * 128).contains(&written), "{written}");
    assert!(alerts.iter().any(|alert| alert.summary.contains("files that a server wrote")));
}
