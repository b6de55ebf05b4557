//! System calls that pass the 64-bit table by: what could be resolved is named, and the way itself is a finding.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use tests::effects::Watched;
use tests::peer::Transport;
use tests::{alert, process};

/// Has a server open a credential by `deed`; answers the alert on the way that it took.
fn theft_by(deed: &str) -> Result<Value> {
    process::adopt_orphans()?;
    let mut it = Watched::start(deed, Path::new(env!("CARGO_BIN_EXE_deed_server")), Transport::Pipes)?;
    it.call(deed, json!({"path": it.place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\nseverity = 'high'\nactor = '**/deed_server'\n\
                evidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid)).context("the file that was opened")?;
    let text = "category = ['evasion']\nseverity = 'medium'\nactor = '**/deed_server'";
    let way = alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid)).context("the way by which")?;
    // An open by the ordinary call is nothing of the kind: no second finding comes of it.
    it.call("openat", json!({"path": it.place.home().join(".aws/credentials")}))?;
    let text = "category = ['credential_access']\nevidence = { path = '${home}/.aws/credentials' }";
    alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid))?;
    let place = it.place.path("");
    let alerts = alert::read(&it.place.alerts())?;
    alert::check_schema(&alerts)?;
    alert::check_secrets(&it.place)?;
    let ways: Vec<String> = alerts.iter().filter(|alert| alert["category"] == "evasion").map(alert::shown).collect();
    assert_eq!(ways.len(), 1, "{}: {ways:?}", place.display());
    it.end()?;
    Ok(way)
}

#[test]
fn a_file_opened_by_a_32_bit_call() -> Result<()> {
    let way = theft_by("compat")?;
    let detail = way["evidence"].to_string();
    assert!(detail.contains(".ssh/id_ed25519"), "what was opened is named: {way}");
    Ok(())
}

#[test]
fn a_file_opened_by_io_uring() -> Result<()> {
    let way = theft_by("uring")?;
    assert_eq!(way["evidence"][0]["io_uring"], true, "{way}");
    Ok(())
}
