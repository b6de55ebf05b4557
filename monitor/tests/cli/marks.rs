//! What is marked before anything is opened has bounds, and what they leave out is said.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::{Ground, command, need_root, until, values};

#[test]
fn root_credential_files_that_are_too_many_are_told_once() {
    need_root();
    let ground = Ground::new();
    fs::create_dir_all(ground.path("home/.ssh")).unwrap();
    (0..600).for_each(|number| drop(ground.write(&format!("home/.ssh/{number}"), "")));
    fs::create_dir(ground.path("home/.aws")).unwrap();
    let (config, alerts, events) = (ground.text("config.toml"), ground.text("alerts"), ground.text("events"));
    let watch = ["exec", "--config", &config, "--alerts", &alerts, "--events", &events, "--", "/bin/cat"];
    let mut exec = command(&watch);
    let mut server = exec.env("HOME", ground.path("home")).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let told = || {
        let left_out = |alert: &Value| {
            alert["rule"]["id"] == "TL-SEN-001" && alert["evidence"].to_string().contains("\"too_many\"")
        };
        values(&fs::read_to_string(&alerts).unwrap_or_default()).into_iter().filter(left_out).count()
    };
    until("the word that there are too many", || (told() > 0).then_some(()));
    // A new one makes it look again, and what that look finds is told before that there are too many.
    let new = ground.write("home/.aws/credentials", "none\n");
    fs::read(&new).unwrap();
    until("another look", || {
        let found = |event: &Value| event["kind"] == "credential_file" && event["file"]["path"] == new.as_str();
        values(&fs::read_to_string(&events).unwrap_or_default()).iter().any(found).then_some(())
    });
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    assert_eq!(told(), 1);
}
