//! Names that take many events: data in look-ups, full tables, recordings.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod judge;
mod script;

use std::fmt::Write as _;

use monitor_core::alert::Alert;
use monitor_core::config::EngineConfig;
use monitor_core::event::Event;
use monitor_core::trace;

use judge::run;

const HEAD: &str = "0 start /usr/bin/node script=/home/u/srv/server.js server.js https://api.mine.example/\n\
                    10 handshake\n20 list weather:1:ro:closed\n5000 call 1 weather /city=Bern\n";

fn told(steps: &str) -> Vec<Alert> {
    let events = script::events(&script::Setup::default(), &format!("{HEAD}{steps}"));
    run(EngineConfig::default(), &events).1
}

/// Forty hexadecimal digits, other ones for each number.
fn digits(number: u64) -> String {
    let mut value = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    while text.len() < 40 {
        value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{:08x}", value >> 32).unwrap();
    }
    text
}

/// Look-ups, one each `every` milliseconds.
fn look_ups(count: u64, every: u64, name: impl Fn(u64) -> String) -> String {
    let mut steps = String::new();
    for number in 0..count {
        writeln!(steps, "{} dns root {}", 5100 + number * every, name(number)).unwrap();
    }
    steps
}

#[test]
fn data_in_the_names_of_look_ups_is_told_once_and_not_shown() {
    let alerts = told(&look_ups(60, 100, |number| format!("{}.t.evil.example", digits(number))));
    let lines: Vec<(&str, u32, u64)> =
        alerts.iter().map(|alert| (alert.rule.id.as_str(), alert.revision, alert.dedup.count)).collect();
    assert_eq!(lines, [("TL-EXF-004", 1, 1), ("TL-EXF-004", 2, 10)], "at the twentieth, then as it grows");
    let alert = &alerts[0];
    assert_eq!((alert.severity.as_str(), alert.confidence.as_str()), ("high", "medium"));
    assert_eq!((alert.category.as_str(), alert.calls.len()), ("exfiltration", 1));
    assert!(alert.summary.contains("20 long names under evil.example"), "{}", alert.summary);
    let evidence = serde_json::to_string(&alert.evidence).unwrap();
    let start = &digits(19)[..8];
    assert!(evidence.contains(&format!(r#""kind":"dns","name":"{start}….evil.example","type":"A""#)), "{evidence}");
    assert!(!alert.to_json_line().unwrap().contains(&digits(19)), "it may be a secret");
}

#[test]
fn ordinary_look_ups_are_no_tunnel() {
    let cloud = "a1b2c3d4e5f6g7h8i9j0k1l2m3";
    let quiet = [
        ("few", look_ups(19, 100, |number| format!("{}.evil.example", digits(number)))),
        ("slowly", look_ups(60, 3200, |number| format!("{}.evil.example", digits(number)))),
        ("the same ones again", look_ups(200, 100, |number| format!("{}.evil.example", digits(number % 10)))),
        ("short", look_ups(200, 100, |number| format!("{}.evil.example", &digits(number)[..30]))),
        ("each of another's", look_ups(200, 100, |number| format!("{}.{number}.example", digits(number)))),
        ("repetition", look_ups(200, 100, |number| format!("{:060}.evil.example", number))),
        ("of its own", look_ups(200, 100, |number| format!("{}.mine.example", digits(number)))),
        (
            "below a cloud network's long name",
            look_ups(60, 100, |number| format!("host{number}.site.example.{cloud}.bx.internal.cloudapp.net")),
        ),
        (
            "a cluster's search domain",
            look_ups(60, 100, |number| format!("{number}.news.example.model-context-production.svc.cluster.local")),
        ),
        ("a company's own", look_ups(60, 100, |number| format!("{}.corp.internal", digits(number)))),
        (
            "buckets",
            look_ups(60, 100, |number| format!("acme-production-{number}-backup.s3.us-west-2.storage.example")),
        ),
    ];
    for (what, steps) in quiet {
        let alerts = told(&steps);
        assert!(alerts.is_empty(), "{what}: {}", alerts[0].summary);
    }
    let below = look_ups(20, 100, |number| format!("{}.{cloud}.t.evil.example", digits(number)));
    assert_eq!(told(&below).len(), 1, "what the names share takes nothing from what differs");
    let between = look_ups(60, 100, |number| match number % 4 {
        0 => format!("{number}.{cloud}{cloud}.evil.example"),
        _ => format!("{}.{cloud}{cloud}.evil.example", digits(number)),
    });
    assert!(!told(&between).is_empty(), "names that carry nothing hide none that does");
    let both = look_ups(20, 100, |number| format!("{}.evil.example 203.0.113.9", digits(number)))
        + &look_ups(10, 100, |number| format!("{}.evil.example", digits(number)));
    assert_eq!(told(&both).len(), 1, "a question and its answer are one");
}

#[test]
fn names_that_made_room_are_told_and_their_table_is_bounded() {
    let mut config = EngineConfig::default();
    config.limits.names = 16;
    let mut steps = HEAD.to_owned();
    for number in 0..100 {
        writeln!(steps, "{} dns root h{number}.example 203.0.113.{number}", 5100 + number).unwrap();
    }
    let (engine, alerts) = run(config, &script::events(&script::Setup::default(), &steps));
    assert_eq!((engine.state().names.len(), engine.stats().evictions.names), (16, 84));
    let told: Vec<&Alert> = alerts.iter().filter(|alert| alert.rule.id == "TL-SEN-001").collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].summary.contains("names of addresses"), "{}", told[0].summary);
    let (_, roomy) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    assert!(roomy.is_empty(), "a table with room loses nothing");
}

#[test]
fn a_recording_of_names_gives_the_same_bytes() {
    let mut steps = HEAD.to_owned();
    steps.push_str("5010 dns root evil.example 203.0.113.9\n5011 dns root why.example\n");
    steps.push_str("5020 connect root 203.0.113.9:8443 cookie=7\n5030 tls root evil.example cookie=7\n");
    steps.push_str("5031 tls root - cookie=7 +ech\n9000 connect root 203.0.113.9:22 cookie=8\n");
    let events = script::events(&script::Setup::default(), &steps);
    let again: Vec<Event> = events
        .iter()
        .map(|event| trace::parse_event(&trace::event_line(event).unwrap(), 2, true).unwrap().unwrap())
        .collect();
    assert_eq!(again, events);
    let lines = |events: &[Event]| {
        let (_, alerts) = run(EngineConfig::default(), events);
        alerts.iter().map(|alert| alert.to_json_line().unwrap()).collect::<String>()
    };
    assert!(lines(&events).contains("203.0.113.9:22 (evil.example)"), "{}", lines(&events));
    assert_eq!(lines(&events), lines(&again));
}

#[test]
fn an_alert_learns_once_whom_its_connections_are_for() {
    let mut steps = HEAD.to_owned();
    steps.push_str("6000 answer 1\n");
    for number in 0..30 {
        let time = 9000 + number * 100;
        writeln!(steps, "{time} connect root 203.0.113.9:443 cookie={}", number + 1).unwrap();
        writeln!(steps, "{} tls root h{number}.example cookie={}", time + 20, number + 1).unwrap();
    }
    let (_, alerts) = run(EngineConfig::default(), &script::events(&script::Setup::default(), &steps));
    let lines: Vec<(u32, u64)> = alerts.iter().map(|alert| (alert.revision, alert.dedup.count)).collect();
    assert_eq!(lines, [(1, 1), (2, 1), (3, 10)], "no line for each connection");
    assert!(alerts[0].summary.contains("connected to 203.0.113.9:443, although"), "{}", alerts[0].summary);
    assert!(alerts[1].summary.contains("connected to 203.0.113.9:443 (h0.example), although"), "{}", alerts[1].summary);
    let hellos = alerts[2].evidence.iter().filter(|item| item.fact.word() == "tls").count();
    assert_eq!(hellos, 9, "those so far");
}
