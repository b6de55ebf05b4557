//! MCP over a terminal: a server whose standard input and output are one pseudoterminal in raw mode.

use anyhow::{Result, bail};
use serde_json::json;
use std::path::Path;
use tests::effects::Watched;
use tests::peer::Transport;
use tests::{alert, process};

#[test]
fn a_call_over_a_terminal_explains_and_is_named() -> Result<()> {
    process::adopt_orphans()?;
    let mut it = Watched::start("terminal", Path::new(env!("CARGO_BIN_EXE_deed_server")), Transport::Terminal)?;
    let id = it.call("openat", json!({"path": it.place.home().join(".ssh/id_ed25519")}))?;
    for side in ["client", "server"] {
        it.expect(&json!({"kind": "mcp", "side": side, "message": {"body": {"id": id}, "complete": true}}))?;
    }
    let text = "category = ['credential_access']\nseverity = 'high'\ntool = 'openat'\n\
                evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    let theft = alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid))?;
    assert_eq!(theft["calls"].as_array().map(Vec::len), Some(1), "{theft}");
    // Both ways in pieces and by every call, and a message that is longer than the terminal's buffer.
    for how in ["readv", "read"] {
        it.call("listen", json!({"how": how}))?;
    }
    it.call("speak", json!({"how": "writev"}))?;
    let id = it.call("long", json!({"bytes": 100_000}))?;
    it.expect(&json!({"kind": "mcp", "side": "server", "message": {"body": {"id": id}, "complete": true}}))?;
    let events = it.events();
    let odd = |event: &&serde_json::Value| event["kind"] == "loss" || event["side"] == "forged";
    if let Some(odd) = events.iter().find(odd) {
        bail!("lost or taken for forged: {odd}");
    }
    it.end()
}
