//! `replay`: the same input, the same alerts; and every way in which a recording can be bad.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use monitor_core::time::Time;
use monitor_core::trace::Header;

use super::{Ground, Ran, command, until, values};

/// A recording with two alerts: a blind sensor, then a loss.
fn recording() -> Vec<String> {
    let header = Header::new("none", Time(1_700_000_000_000_000_000)).to_line().unwrap();
    vec![
        header.trim_end().to_owned(),
        r#"{"time":1700000000100000000,"kind":"blind","sensor":"memory","reason":"not on this kernel"}"#.to_owned(),
        r#"{"time":1700000000200000000,"kind":"loss","sensor":"file","reason":"ring_full","from":1700000000100000000,"count":7}"#
            .to_owned(),
    ]
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn replay(ground: &Ground, bytes: impl AsRef<[u8]>, args: &[&str]) -> Ran {
    let file = ground.write("recording", bytes);
    ground.run("replay", &[&[file.as_str()], args].concat())
}

/// Its alerts, and what it said about the configuration, which these recordings never were made with.
#[track_caller]
fn good(ran: &Ran) -> String {
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    ran.says(&["recorded with another configuration"]);
    ran.stdout.clone()
}

/// Fails with this line after that about the configuration; returns the alerts before it.
#[track_caller]
fn bad(ran: &Ran, words: &[&str]) -> String {
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.stderr.lines().count() <= 2 && ran.stderr.lines().all(|line| line.starts_with("tripline: ")),
        "{ran:?}"
    );
    ran.says(words);
    ran.stdout.clone()
}

#[test]
fn the_same_input_gives_the_same_alerts() {
    let ground = Ground::new();
    let whole = text(&recording());
    let printed = good(&replay(&ground, &whole, &[]));
    let alerts = values(&printed);
    assert_eq!(alerts.len(), 2, "{printed}");
    assert_eq!((&alerts[0]["category"], &alerts[0]["rule"]["id"]), (&"sensor".into(), &"TL-SEN-002".into()));
    for _ in 0..2 {
        let (out, calls) = (ground.text("out"), ground.text("calls"));
        assert_eq!(good(&replay(&ground, &whole, &["--alerts", &out, "--calls", &calls])), "");
        assert_eq!(ground.read("out"), printed);
        assert_eq!(ground.read("calls"), "");
    }
    let blank_lines = whole.replace('\n', "\n\n");
    assert_eq!(good(&replay(&ground, &blank_lines, &[])), printed);
}

#[test]
fn standard_input_is_read_too() {
    let ground = Ground::new();
    let whole = text(&recording());
    let expected = good(&replay(&ground, &whole, &[]));
    let input = fs::File::open(ground.path("recording")).unwrap();
    let output = command(&["replay", "-", "--config", &ground.text("config.toml")]).stdin(input).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard input was recorded"));
}

#[test]
fn what_was_found_before_a_defect_is_written_first() {
    let ground = Ground::new();
    let alerts = good(&replay(&ground, text(&recording()), &[]));
    let first = alerts.lines().next().unwrap().to_owned() + "\n";
    let with = |third: &[u8]| {
        let lines = recording();
        [lines[0].as_bytes(), b"\n", lines[1].as_bytes(), b"\n", third].concat()
    };
    for (third, words) in [
        (&b"garbage\n"[..], &["recording: line 3: not an event: expected value"][..]),
        (b"{\"time\":1}\n", &["line 3: not an event: missing field `kind`"]),
        (b"{\"time\":1,\"kind\":\"nonsense\"}\n{}\n", &["line 3: not an event: unknown kind `nonsense`"]),
        (b"{\"time\":\xff}\n", &["line 3: not an event: not UTF-8 at column 9"]),
        (b"garbage", &["line 3: not an event"]),
    ] {
        assert_eq!(bad(&replay(&ground, with(third), &[]), words), first);
        let out = ground.text("out");
        assert_eq!(bad(&replay(&ground, with(third), &["--alerts", &out]), words), "");
        assert_eq!(ground.read("out"), first);
    }
}

#[test]
fn a_recording_that_was_cut_off_is_good_up_to_there() {
    let ground = Ground::new();
    let whole = text(&recording());
    let alerts = good(&replay(&ground, &whole, &[]));
    let third = whole.trim_end().rfind('\n').unwrap() + 1;
    // Cut anywhere within the last event, also within a character.
    let accented = whole.replace("ring_full", "ring_füll");
    for end in (third + 1..accented.len() - 2).step_by(7).chain([accented.find('ü').unwrap() + 1]) {
        let ran = replay(&ground, &accented.as_bytes()[..end], &[]);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.says(&["line 3: recording ends in the middle of an event; everything before it is good"]);
        assert_eq!(ran.stdout, alerts.lines().next().unwrap().to_owned() + "\n");
    }
    // Only the line's end is missing: the event is whole.
    assert_eq!(good(&replay(&ground, whole.trim_end(), &[])), alerts);
}

#[test]
fn what_is_no_recording_is_refused() {
    let ground = Ground::new();
    for (content, words) in [
        (&b""[..], &["recording is empty"][..]),
        (b"hello\n", &["line 1: not a tripline recording", "tripline record -o FILE"]),
        (b"{\"a\":1}\n", &["line 1: not a tripline recording"]),
        (b"\x7fELF\xff\xfe\n", &["line 1: not"]),
    ] {
        replay(&ground, content, &[]).fails(1, words);
    }
    let newer = text(&recording()).replace("\"version\":1", "\"version\":99");
    replay(&ground, newer, &[]).fails(1, &["line 1: recording has format 99", "replay it with tripline"]);
    let long = format!("{}\n{}\n", recording()[0], "x".repeat(9 << 20));
    bad(&replay(&ground, long, &[]), &["line 2: longer than 8388608 bytes"]);
    ground.run("replay", &[&ground.text("none")]).fails(1, &["cannot read the recording", "none", "No such file"]);
    ground.run("replay", &[&ground.text("state")]).fails(1, &["state is a folder"]);
}

#[test]
fn nothing_precious_is_overwritten() {
    let ground = Ground::new();
    let file = ground.write("recording", text(&recording()));
    let store = ground.write("state/alerts.ndjson", "precious\n");
    ground.run("replay", &[&file, "--alerts", &file]).fails(2, &["the recording itself"]);
    ground.run("replay", &[&file, "--alerts", &store]).fails(2, &["the local store of alerts"]);
    ground.run("replay", &[&file, "--calls", &store]).fails(2, &["the local store of alerts"]);
    ground.run("replay", &[&file, "--calls", "-"]).fails(2, &["--alerts and --calls name the same output"]);
    assert_eq!(
        (ground.read("recording"), ground.read("state/alerts.ndjson")),
        (text(&recording()), "precious\n".into())
    );
    let nowhere = ground.text("none/out");
    bad(&ground.run("replay", &[&file, "--alerts", &nowhere]), &["cannot write", "none/out", "No such file"]);
    bad(&ground.run("replay", &[&file, "--alerts", "/dev/full"]), &["cannot write /dev/full: No space left"]);
}

#[test]
fn configuration_and_profile_are_checked_first() {
    let ground = Ground::new();
    let file = ground.write("recording", text(&recording()));
    let config = ground.write("bad.toml", "nonsense = 1\n");
    super::tripline(&["replay", &file, "--config", &config]).fails(2, &["bad.toml:1:1", "nonsense"]);
    ground.run("replay", &[&file, "--profile", "nosuch"]).fails(2, &["no profile nosuch"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let ground = Ground::new();
    let file = ground.write("recording", text(&recording()));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let config = ground.text("config.toml");
    let output =
        command(&["replay", &file, "--config", &config]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8(output.stderr).unwrap().contains("write"));
}

#[test]
fn the_configuration_says_which_alerts_are_written() {
    let ground = Ground::new();
    let all = good(&replay(&ground, text(&recording()), &[]));
    let last = all.lines().last().unwrap().to_owned() + "\n";
    let state = ground.read("config.toml");
    ground.write("config.toml", format!("{state}[[alerts.suppress]]\nrule = \"TL-SEN-002\"\n"));
    assert_eq!(good(&replay(&ground, text(&recording()), &[])), last);
    ground.write("config.toml", format!("{state}[alerts]\nmin_severity = \"critical\"\n"));
    assert_eq!(good(&replay(&ground, text(&recording()), &[])), "");
}

#[test]
fn an_output_that_fails_ends_it_while_more_input_may_come() {
    let ground = Ground::new();
    let mut replay = command(&["replay", "-", "--config", &ground.text("config.toml"), "--alerts", "/dev/full"]);
    let mut child = replay.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = recording();
    writeln!(input, "{}", lines[0]).unwrap();
    for number in 0..600 {
        let event = format!(r#"{{"time":1,"kind":"blind","sensor":"s{number}","reason":"r"}}"#);
        // it may have ended by now
        let _gone = writeln!(input, "{event}");
    }
    let status = until("the end of replay", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    drop(input);
}

#[test]
fn what_events_are_written_to_is_no_recording() {
    let ground = Ground::new();
    let call = r#"{"time":1700000000300000000,"kind":"call","call":{"id":"1","tool":"x"}}"#;
    let events = [&recording()[1..], &[call.to_owned()]].concat();
    bad(&replay(&ground, text(&events), &[]), &["line 1: not a tripline recording", "tripline record -o FILE"]);
    // nor is a call an event of a recording: what is before it is judged
    let mixed = [&recording()[..], &[call.to_owned()]].concat();
    let alerts = bad(&replay(&ground, text(&mixed), &[]), &["line 4: not an event", "`call`"]);
    assert_eq!(values(&alerts).len(), 2, "{alerts}");
}
