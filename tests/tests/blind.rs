//! A sensor that the kernel refuses: it is told once, and every verdict that could depend on it says so.

use anyhow::{Context, Result};
use nix::libc;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::process::Command;
use tests::exec::Ground;
use tests::peer::{Peer, Transport};
use tests::{alert, process};

/// Refuses one system call to a process and all that it starts, as a kernel without it, or a container's rules, would.
fn refuse(command: &mut Command, number: i64) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let load = statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0); // seccomp_data.nr
    let mut other = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number as u32);
    other.jf = 1;
    let refused = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
    let allowed = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW);
    let mut program = [load, other, refused, allowed];
    let install = move || {
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: the filter and its program live until the call is over.
        let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
        if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it makes one system call and allocates nothing.
    unsafe { command.pre_exec(install) };
}

fn gap<'a>(alert: &'a Value, sensor: &str) -> Option<&'a Value> {
    alert["coverage"]["gaps"].as_array()?.iter().find(|gap| gap["sensor"] == sensor)
}

#[test]
fn without_fanotify_it_says_so_on_what_depends_on_it() -> Result<()> {
    let ground = Ground::new("blind")?;
    let place = &ground.place;
    let mut command = ground.exec(env!("CARGO_BIN_EXE_deed_server"))?;
    refuse(&mut command, libc::SYS_fanotify_init);
    let mut server = Peer::start(command, Transport::Pipes)?;
    server.greet().context("it must start all the same")?;

    // What the other sensors see is told as ever, and says what might be missing.
    server.call("openat", json!({"path": place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\nseverity = 'high'\nrule = 'TL-CRED-001'\ntool = 'openat'\n\
                complete = false\nevidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    let theft = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    let named = gap(&theft, "fanotify").with_context(|| format!("the gap is not named: {theft}"))?;
    assert!(named["reason"].as_str().is_some_and(|why| why.contains("fanotify_init")), "{named}");
    assert_eq!((&named["to"], theft["confidence"].as_str()), (&Value::Null, Some("strong")), "{theft}");
    // What doesn't depend on it says nothing of it.
    server.call("raw", json!({}))?;
    let text = "category = ['lateral_movement']\nrule = 'TL-LAT-008'\nevidence = { kind = 'socket' }";
    let raw = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    assert!(gap(&raw, "fanotify").is_none(), "{raw}");

    assert!(server.close()?.success());
    process::settle(&[], tests::peer::BOUND)?;
    let alerts = alert::read(&place.alerts())?;
    let blind: Vec<&Value> = alerts.iter().filter(|alert| alert["rule"]["id"] == "TL-SEN-002").collect();
    let about = |alert: &&&Value| alert["evidence"][0]["sensor"] == "fanotify";
    let told: Vec<&&Value> = blind.iter().filter(about).collect();
    assert_eq!(told.len(), 1, "once: {blind:?}");
    let (category, severity) = (&told[0]["category"], &told[0]["severity"]);
    assert_eq!((category, severity), (&"sensor".into(), &"low".into()), "{}", told[0]);
    assert_eq!(told[0]["dedup"]["count"], 1, "{}", told[0]);
    alert::check_schema(&alerts)?;
    ground.end()
}
