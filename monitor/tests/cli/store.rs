//! `alerts` and `calls`: the local store, whoever wrote it and however it was left.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use monitor_core::alert::Alert;
use monitor_core::ledger::CallRecord;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Ground, Ran, as_nobody, command, values};

/// What a loaded machine gets for one line.
const SOON: Duration = Duration::from_secs(20);

/// A call as the store has it.
const CALL: &str = r#"{"id":"01930000-0000-7000-8000-0000bbbbbbbb","server":"@acme/mcp","profile":"generic","pid":10,
"tool":"read_notes","request":"7","started":"2026-01-02T03:04:05.678901234Z","ended":"2026-01-02T03:04:05.678901234Z",
"outcome":"answered","declared":{"by":"profile","effect":"reads","fetches":true,"open_world":false,"files":"read"},"arguments":[],
"observed":[]}"#;

/// An alert as the store has it; `tail` is the end of its id.
fn alert(tail: &str, revision: u32, severity: &str, category: &str, summary: &str) -> Value {
    let time = "2026-01-02T03:04:05.678901234Z";
    json!({
        "schema": "tripline.alert/1", "id": format!("01930000-0000-7000-8000-0000{tail}"), "revision": revision,
        "incident": "01930000-0000-7000-8000-000000000001", "time": time,
        "rule": {"id": "TL-CRED-001", "name": "Credential of somebody else read", "version": 1},
        "category": category, "severity": severity, "confidence": "strong",
        "coverage": {"complete": false, "gaps": [
            {"sensor": "stream", "reason": "ring_full", "from": time, "to": time, "count": 12},
            {"sensor": "memory", "reason": "not on this kernel", "from": time, "to": null, "count": 0},
        ]},
        "server": {"name": "@acme/mcp", "profile": "generic", "pid": 10, "start_time": 5, "exe": "/usr/bin/node",
            "argv": ["node", "/srv/my server.js"], "transport": "stdio", "container": "c0ffee", "pod": null},
        "calls": [{"id": "01930000-0000-7000-8000-00000000cafe", "tool": "read_notes", "started": time, "ended": null,
            "effect": "reads"}],
        "process": {"pid": 12, "start_time": 7, "ppid": 11, "exe": "/usr/bin/cat", "argv": ["cat", "x"], "uid": 1000,
            "lineage": [{"pid": 11, "exe": "/usr/bin/dash"}, {"pid": 10, "exe": "/usr/bin/node"}]},
        "evidence": [
            {"time": "2026-01-02T03:04:06.000000000Z", "kind": "connect", "op": "connect", "proto": "tcp",
                "address": "198.51.100.7", "port": 443, "name": null, "role": "internet", "result": "ok"},
            {"time": time, "kind": "file_open", "path": "/home/u/.ssh/id_rsa", "op": "open_read", "dev": 1, "ino": 2,
                "credential": "ssh_key"},
        ],
        "maestro": ["L4"], "attack": ["T1552.001"], "aivss": {"score": 7.1, "severity": "high"}, "summary": summary,
        "dedup": {"key": "k", "count": 3, "first": time, "last": time},
    })
}

/// The line that an agent writes for it.
fn line(alert: &Value) -> String {
    let alert: Alert = serde_json::from_value(alert.clone()).unwrap();
    alert.to_json_line().unwrap().trim_end().to_owned()
}

/// Three alerts: one with two revisions, one glued to a torn line, one plain; a torn last line; one line of nonsense.
fn store() -> (Ground, [Value; 3]) {
    let ground = Ground::new();
    let a1 = alert("aaaaaaaa", 1, "medium", "credential_access", "the first account");
    let a2 = alert("aaaaaaaa", 2, "high", "token_theft", "the better account");
    let mut b = alert("bbbbbbbb", 1, "low", "sensor", "the agent's own");
    b["time"] = json!("2026-01-03T00:00:00.000000000Z");
    b["server"] = Value::Null;
    b["process"] = Value::Null;
    b["calls"] = json!([]);
    let mut c = alert("cccccccc", 1, "critical", "token_theft", "\u{1b}[2J\u{202e}gone\nnext");
    c["time"] = json!("2026-01-01T00:00:00.000000000Z");
    c["incident"] = json!("01930000-0000-7000-8000-000000000002");
    let torn = &line(&a1)[..200];
    let text = format!("{}\n{}\n{torn}{}\nnonsense\n{}\n{torn}", line(&a1), line(&a2), line(&b), line(&c));
    ground.write("state/alerts.ndjson", text);
    (ground, [a2, b, c])
}

/// Ids' ends, in order of the lines.
fn tails(text: &str) -> Vec<String> {
    values(text).iter().map(|alert| alert["id"].as_str().unwrap()[28..].to_owned()).collect()
}

#[test]
fn list_shows_the_highest_revision_of_each_in_order_of_time() {
    let (ground, [a, b, c]) = store();
    let ran = ground.run("alerts list", &["--json"]);
    assert_eq!(ran.status, 0);
    ran.says(&["passed over 1 line(s)", "line 4"]);
    assert_eq!(values(&ran.stdout), [c, a, b]);
    let lines = ground.run("alerts list", &[]).stdout;
    assert_eq!(
        lines,
        "2026-01-01 00:00:00  critical  token_theft        cccccccc  @acme/mcp  read_notes  cat[12]  \
         \\u{1b}[2J\\u{202e}gone\\nnext\n\
         2026-01-02 03:04:05  high      token_theft        aaaaaaaa  @acme/mcp  read_notes  cat[12]  the better account\n\
         2026-01-03 00:00:00  low       sensor             bbbbbbbb  -  -  -  the agent's own\n"
    );
}

#[test]
fn list_takes_what_fits_every_filter() {
    let (ground, _) = store();
    let list = |args: &[&str]| tails(&ground.run("alerts list", &[args, &["--json"]].concat()).stdout);
    assert_eq!(list(&["--severity", "high"]), ["cccccccc", "aaaaaaaa"]);
    assert_eq!(list(&["--severity", "critical"]), ["cccccccc"]);
    assert_eq!(list(&["--category", "sensor"]), ["bbbbbbbb"]);
    assert_eq!(list(&["--category", "sensor", "--category", "token_theft"]).len(), 3);
    // What an alert was before it grew doesn't count.
    assert!(list(&["--category", "credential_access"]).is_empty());
    assert_eq!(list(&["--server", "acme"]), ["cccccccc", "aaaaaaaa"]);
    assert_eq!(list(&["--since", "2026-01-02"]), ["aaaaaaaa", "bbbbbbbb"]);
    assert_eq!(list(&["--since", "2026-01-02T03:04:06Z"]), ["bbbbbbbb"]);
    assert_eq!(list(&["-n", "1"]), ["bbbbbbbb"]);
    assert_eq!(list(&["--severity", "high", "--since", "2026-01-02", "-n", "5"]), ["aaaaaaaa"]);
}

#[test]
fn show_lays_an_alert_out() {
    let (ground, [a, ..]) = store();
    let shown = ground.run("alerts show", &["aaaaaaaa"]).stdout;
    for part in [
        "high  token_theft  Credential of somebody else read",
        "the better account",
        "revision 2",
        "3 times from",
        "strong: it was seen as it is told",
        "@acme/mcp, profile generic, process 10, stdio",
        "node '/srv/my server.js'",
        "container c0ffee",
        "/usr/bin/cat, process 12, uid 1000",
        "Started by  /usr/bin/dash, process 11",
        "ATT&CK T1552.001, MAESTRO L4, AIVSS 7.1 (high)",
        "read_notes  declared: reads",
        "tripline calls show 0000cafe",
        "opened for reading /home/u/.ssh/id_rsa [credential: ssh_key]",
        "connected to 198.51.100.7:443, tcp, internet: ok",
        "the stream sensor lost records, because they came faster than they were read (12), from",
        "the memory sensor is blind since 2026-01-02 03:04:05.678: not on this kernel",
        "What to check",
        "Also of this incident",
        "bbbbbbbb  the agent's own",
    ] {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }
    let position = |part: &str| shown.find(part).unwrap();
    assert!(position("id_rsa") < position("198.51.100.7"), "in order of time:\n{shown}");
    assert!(!shown.contains("cccccccc"), "another incident:\n{shown}");
    let whole = a["id"].as_str().unwrap();
    assert_eq!(values(&ground.run("alerts show", &[whole, "--json"]).stdout)[0], a);
    assert!(!ground.run("alerts show", &["cccccccc"]).stdout.contains('\x1b'));
    for (id, words) in [
        ("dddddddd", &["no alert dddddddd", "tripline alerts list"][..]),
        ("01930000", &["fits 3 alerts", "give more of it"]),
        ("a", &["no alert a"]),
    ] {
        let ran = ground.run("alerts show", &[id]);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{ran:?}");
        ran.says(words);
    }
}

#[test]
fn a_store_that_is_not_there_is_empty() {
    let ground = Ground::new();
    for verb in ["alerts list", "calls list"] {
        let ran = ground.run(verb, &[]);
        assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
        ran.says(&["written yet", "state/"]);
    }
    ground.run("alerts show", &["aaaaaaaa"]).fails(1, &["no alert aaaaaaaa", "alerts.ndjson"]);
    ground.run("calls show", &["aaaaaaaa"]).fails(1, &["no call aaaaaaaa", "calls.ndjson"]);
    let missing = ground.text("none");
    super::tripline(&["alerts", "list", "--file", &missing]).fails(1, &["there is no file", "none"]);
    super::tripline(&["alerts", "list", "--file", &ground.text("state")]).fails(1, &["is a folder"]);
}

#[test]
fn a_store_that_may_not_be_read_is_told() {
    let (ground, _) = store();
    fs::set_permissions(ground.path("state"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let config = ground.text("config.toml");
    for args in [
        &["alerts", "list"][..],
        &["alerts", "show", "aaaaaaaa"],
        &["alerts", "tail"],
        &["calls", "list"],
        &["calls", "show", "aaaaaaaa"],
    ] {
        let args = [args, &["--config", &config]].concat();
        as_nobody(&ground, &args).fails(1, &["cannot read", "state", "Permission denied", "run it as root"]);
    }
    fs::set_permissions(ground.path("state"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_closed_pipe_ends_list_and_show() {
    let (ground, _) = store();
    let config = ground.text("config.toml");
    for args in [&["alerts", "list"][..], &["alerts", "show", "aaaaaaaa"], &["alerts", "tail"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(&[args, &["--config", &config]].concat()).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_full_disk_under_list_and_show_is_told() {
    let ground = Ground::new();
    ground.write("state/alerts.ndjson", format!("{}\n", line(&alert("aaaaaaaa", 1, "high", "token_theft", "told"))));
    ground.write("state/calls.ndjson", CALL.replace('\n', "") + "\n");
    let config = ground.text("config.toml");
    for args in [
        &["alerts", "list"][..],
        &["alerts", "list", "--json"],
        &["alerts", "show", "aaaaaaaa"],
        &["calls", "list"],
        &["calls", "list", "--json"],
        &["calls", "show", "bbbbbbbb"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let args = [args, &["--config", &config]].concat();
        let output = command(&args).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { status: output.status.code().unwrap(), stdout: String::new(), stderr }
            .fails(1, &["cannot write to standard output", "No space left"]);
    }
}

/// A running `alerts tail` and its lines.
struct Tail {
    child: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(ground: &Ground, args: &[&str]) -> Self {
        let config = ground.text("config.toml");
        let args = [&["alerts", "tail", "--json", "--config", &config], args].concat();
        let mut child =
            command(&args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines }
    }

    /// Revision and summary of the next alert.
    fn next(&self) -> (u64, String) {
        let line = self.lines.recv_timeout(SOON).expect("a line in time");
        let alert: Value = serde_json::from_str(&line).unwrap();
        (alert["revision"].as_u64().unwrap(), alert["summary"].as_str().unwrap().to_owned())
    }

    fn stop(mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert_eq!(self.lines.recv().ok(), None);
    }
}

fn append(ground: &Ground, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(ground.path("state/alerts.ndjson")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn tail_follows_a_store_that_grows_and_is_replaced() {
    let ground = Ground::new();
    let tail = Tail::start(&ground, &["--severity", "low"]);
    let grows = |revision, severity, summary| line(&alert("aaaaaaaa", revision, severity, "evasion", summary));
    append(&ground, &(grows(1, "low", "one") + "\n"));
    assert_eq!(tail.next(), (1, "one".into()));
    // Half a line isn't one yet; an old revision is no news; what doesn't fit isn't shown.
    let grown = grows(3, "high", "three");
    append(&ground, &grown[..100]);
    append(&ground, &format!("{}\n{}\n", &grown[100..], grows(2, "high", "two")));
    append(&ground, &(line(&alert("dddddddd", 1, "info", "evasion", "too little")) + "\n"));
    assert_eq!(tail.next(), (3, "three".into()));
    fs::rename(ground.path("state/alerts.ndjson"), ground.path("state/alerts.1")).unwrap();
    append(&ground, &(line(&alert("bbbbbbbb", 1, "low", "evasion", "after")) + "\n"));
    assert_eq!(tail.next(), (1, "after".into()));
    File::options().write(true).truncate(true).open(ground.path("state/alerts.ndjson")).unwrap();
    append(&ground, &(grows(4, "low", "four") + "\n"));
    assert_eq!(tail.next(), (4, "four".into()));
    tail.stop();
}

#[test]
fn tail_begins_with_the_last_alerts() {
    let (ground, _) = store();
    let tail = Tail::start(&ground, &["-n", "2"]);
    assert_eq!(tail.next(), (2, "the better account".into()));
    assert_eq!(tail.next(), (1, "the agent's own".into()));
    // The torn last line ends now, and another follows.
    let rest = line(&alert("aaaaaaaa", 1, "medium", "credential_access", "the first account"))[200..].to_owned();
    let new = line(&alert("eeeeeeee", 1, "low", "sensor", "new"));
    append(&ground, &format!("{rest}\n{new}\n"));
    assert_eq!(tail.next(), (1, "new".into()));
    tail.stop();
}

#[test]
fn calls_show_declared_beside_observed() {
    let ground = Ground::new();
    let time = "2026-01-02T03:04:05.678901234Z";
    let call = |tail: &str, tool: &str, observed: Value, alerts: Value| {
        let mut call = json!({
            "id": format!("01930000-0000-7000-8000-0000{tail}"), "server": "@acme/mcp", "profile": "generic", "pid": 10,
            "tool": tool, "request": "7", "started": time, "ended": time, "outcome": "answered",
            "declared": {"by": "profile", "effect": "reads", "fetches": true, "open_world": false, "files": "read",
                "children": ["git"], "apis": ["GET api.example /x"], "risk": ["egress"]},
            "arguments": [{"at": "/path", "len": 20}], "observed": observed,
        });
        if alerts.is_array() {
            call["alerts"] = alerts;
        }
        call
    };
    let seen = json!([{"kind": "file_read", "object": "/home/u/.ssh/id_rsa", "first": time, "explained": "alerted"},
        {"kind": "connect", "object": "a.example:443", "first": time, "explained": "call"}]);
    let first = call("aaaaaaaa", "read_notes", seen, json!(["01930000-0000-7000-8000-0000bbbbbbbb"]));
    let second = call("cccccccc", "list_notes", json!([]), json!(null));
    let line = |call: &Value| {
        let record: CallRecord = serde_json::from_value(call.clone()).unwrap();
        serde_json::to_string(&record).unwrap()
    };
    let torn = &line(&first)[..90];
    ground.write("state/calls.ndjson", format!("{}\n{torn}{}\n{torn}", line(&first), line(&second)));
    assert_eq!(
        ground.run("calls list", &[]).fine(),
        "2026-01-02 03:04:05  aaaaaaaa  @acme/mcp  read_notes  reads  answered  2 observed  1 unexplained  1 alerted\n\
         2026-01-02 03:04:05  cccccccc  @acme/mcp  list_notes  reads  answered  0 observed\n"
    );
    assert_eq!(values(&ground.run("calls list", &["--json", "--alerted"]).fine()), std::slice::from_ref(&first));
    assert_eq!(ground.run("calls list", &["--tool", "list_notes"]).fine().lines().count(), 1);
    assert_eq!(values(&ground.run("calls list", &["--json", "-n", "1"]).fine()), [second]);
    assert_eq!(values(&ground.run("calls show", &["aaaaaaaa", "--json"]).fine()), [first]);
    let shown = ground.run("calls show", &["aaaaaaaa"]).fine();
    for part in [
        "read_notes  answered",
        "/path  20 bytes",
        "the profile",
        "GET api.example /x",
        "alerted  file read  /home/u/.ssh/id_rsa",
        "call     connect    a.example:443",
        "tripline alerts show 01930000-0000-7000-8000-0000bbbbbbbb",
    ] {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }
    ground.run("calls show", &["ffffffff"]).fails(1, &["no call ffffffff", "tripline calls list"]);
}
