//! Calls that move a transport's bytes past the process's memory: each is a gap, and the transport goes on after it.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tests::effects::Watched;
use tests::{alert, peer, wait};

/// The server says something by this call. What it moved is told as missing, and as its own doing.
pub fn spoken(it: &mut Watched, how: &str, reason: &str) -> Result<()> {
    let before = gaps(it, reason);
    it.call("speak", json!({"how": how}))?;
    it.call("speak", json!({"how": "write"}))?;
    wait::until_true("a gap", peer::BOUND, || gaps(it, reason) > before)?;
    let id = it.call("speak", json!({"how": "write"}))?;
    it.expect(&json!({"kind": "mcp", "side": "server", "message": {"body": {"id": id}, "complete": true}}))?;
    hidden(it)
}

/// And hears something by it.
pub fn heard(it: &mut Watched, how: &str, reason: &str) -> Result<()> {
    let before = gaps(it, reason);
    it.call("listen", json!({"how": how}))?;
    it.call("listen", json!({"how": "read"}))?;
    wait::until_true("a gap", peer::BOUND, || gaps(it, reason) > before)?;
    it.call("listen", json!({"how": "read"}))?;
    let id = it.call("listen", json!({"how": "read"}))?;
    it.expect(&json!({"kind": "mcp", "side": "client", "message": {"body": {"id": id}, "complete": true}}))?;
    hidden(it)
}

fn gaps(it: &Watched, reason: &str) -> usize {
    let is = |event: &Value| event["kind"] == "loss" && event["sensor"] == "stream" && event["reason"] == reason;
    it.events().into_iter().filter(is).count()
}

fn hidden(it: &Watched) -> Result<()> {
    let text = "rule = 'TL-EVA-006'\ncategory = ['evasion']\nactor = '**/deed_server'";
    let told = alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid))?;
    if told["severity"] != "medium" {
        bail!("what the server itself hides weighs otherwise: {told}");
    }
    Ok(())
}
