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
    let (config, alerts) = (ground.text("config.toml"), ground.text("alerts"));
    let watch = ["exec", "--config", &config, "--alerts", &alerts, "--", "/bin/cat"];
    let mut exec = command(&watch);
    let mut server = exec.env("HOME", ground.path("home")).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let told = || {
        let left_out = |alert: &Value| {
            alert["rule"]["id"] == "TL-SEN-001" && alert["evidence"].to_string().contains("\"too_many\"")
        };
        values(&fs::read_to_string(&alerts).unwrap_or_default()).into_iter().filter(left_out).count()
    };
    until("the word that there are too many", || (told() > 0).then_some(()));
    // One more makes it look again.
    ground.write("home/.ssh/600", "");
    fs::read(ground.path("home/.ssh/600")).unwrap();
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    assert_eq!(told(), 1);
}
