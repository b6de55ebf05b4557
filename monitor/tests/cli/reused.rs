//! A file that has the number of a credential file which is gone is another file.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use serde_json::Value;

use super::{Ground, command, need_root, until, values};

/// Reads each file that it is told to.
const SERVER: &str = "while read -r path; do read -r line < \"$path\"; done";

/// A server that waits for paths, watched and with its events in a file.
struct Server(Child, Option<ChildStdin>);

impl Server {
    fn start(ground: &Ground) -> Self {
        let (config, events, alerts) = (ground.text("config.toml"), ground.text("events"), ground.text("alerts"));
        let watch = ["exec", "--config", &config, "--events", &events, "--alerts", &alerts, "--"];
        let mut exec = command(&[&watch[..], &["/bin/sh", "-c", SERVER]].concat());
        let mut child = exec.env("HOME", ground.path("home")).stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        Self(child, stdin)
    }

    /// Tells it to read a file, and waits until that was seen.
    fn read(&mut self, ground: &Ground, path: &Path) {
        writeln!(self.1.as_mut().unwrap(), "{}", path.display()).unwrap();
        until(&format!("the opening of {}", path.display()), || {
            let opened = |event: &Value| event["op"] == "open" && event["file"]["path"] == path.to_str().unwrap();
            values(&fs::read_to_string(ground.path("events")).unwrap_or_default()).iter().any(opened).then_some(())
        });
    }

    fn end(mut self) {
        drop(self.1.take());
        assert!(self.0.wait().unwrap().success());
    }
}

fn number(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

/// The reading of a credential by another name, as it was told.
fn reached(ground: &Ground, path: &Path) -> Option<Value> {
    let text = fs::read_to_string(ground.path("alerts")).unwrap_or_default();
    let of = |alert: &Value| {
        let known = |item: &Value| item["path"] == path.to_str().unwrap() && item["same_as"].is_string();
        alert["rule"]["id"] == "TL-CRED-001" && alert["evidence"].as_array().unwrap().iter().any(known)
    };
    values(&text).into_iter().find(of)
}

#[test]
fn root_a_number_that_is_used_again_is_no_credential() {
    need_root();
    // `/tmp` may be a tmpfs, which gives no number out again
    let ground = Ground::below(Path::new(env!("CARGO_TARGET_TMPDIR")));
    fs::create_dir_all(ground.path("home/.aws")).unwrap();
    fs::create_dir_all(ground.path("home/.ssh")).unwrap();
    ground.write("home/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    let [key, other] = ["home/.ssh/id_ed25519", "home/.ssh/id_rsa"].map(|name| ground.path(name));
    [&key, &other].iter().for_each(|key| fs::write(key, "none\n").unwrap());
    fs::create_dir(ground.path("data")).unwrap();
    let store = ground.path("home/.aws/credentials");
    let mut server = Server::start(&ground);
    // what is there by now is known by its number
    server.read(&ground, &ground.path("config.toml"));

    let before = number(&store);
    fs::remove_file(&store).unwrap();
    let again = (0..4096).map(|at| ground.path(&format!("data/{at}"))).find(|path| {
        File::create_new(path).unwrap();
        number(path) == before
    });
    let again = again.expect("this file system gives the number out again");
    server.read(&ground, &again);

    // A credential that has another name is one all the same, whether it still has the first or not.
    let (linked, moved) = (ground.path("data/linked"), ground.path("data/moved"));
    fs::hard_link(&key, &linked).unwrap();
    server.read(&ground, &linked);
    until("the key by its second name", || reached(&ground, &linked));
    fs::rename(&other, &moved).unwrap();
    server.read(&ground, &moved);
    until("the key by its new name", || reached(&ground, &moved));
    server.end();
    assert_eq!(reached(&ground, &again), None, "another file by now");
}
