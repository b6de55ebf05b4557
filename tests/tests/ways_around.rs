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

/// A static 32-bit program that ends at once, with success.
#[cfg(target_arch = "x86_64")]
fn program_of_32_bits() -> Vec<u8> {
    const BASE: u32 = 0x0804_8000;
    const HEADERS: u16 = 52 + 32;
    // mov eax, 1 (exit); xor ebx, ebx; int 0x80
    const CODE: [u8; 9] = [0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80];
    let size = u32::from(HEADERS) + CODE.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut put = |values: &[u32]| values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    put(&[2 | 3 << 16, 1]); // ET_EXEC, EM_386; version
    put(&[BASE + u32::from(HEADERS), 52, 0, 0]); // entry, program headers, no sections, flags
    put(&[52 | 32 << 16, 1, 0]); // sizes of the headers, one program header, no sections
    put(&[1, 0, BASE, BASE, size, size, 5, 4096]); // PT_LOAD of the whole file, readable and executable
    file.extend(CODE);
    file
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_program_is_told_once() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    process::adopt_orphans()?;
    let mut it = Watched::start("program_32", Path::new(env!("CARGO_BIN_EXE_deed_server")), Transport::Pipes)?;
    let path = it.scratch("old");
    std::fs::write(&path, program_of_32_bits())?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    let ran = it.call("execute", json!({"path": path}));
    // What is told after the program is told after all that is told of it.
    it.call("openat", json!({"path": it.place.home().join(".aws/credentials")}))?;
    let text = "category = ['credential_access']\nevidence = { path = '${home}/.aws/credentials' }";
    alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid))?;
    let alerts = alert::read(&it.place.alerts())?;
    alert::check_schema(&alerts)?;
    let told: Vec<&Value> = alerts.iter().filter(|alert| alert["rule"]["id"] == "TL-EVA-003").collect();
    let closed = it.expect(&json!({"kind": "call", "call": {"tool": "openat", "outcome": "answered"}}))?;
    assert!(closed["call"]["observed"].to_string().contains(".aws/credentials"), "beside what was declared: {closed}");
    match ran {
        Ok(_) => {
            assert_eq!(told.len(), 1, "{told:?}");
            let fact = &told[0]["evidence"][0];
            assert_eq!((fact["kind"].as_str(), fact["exe"].as_str()), (Some("exec"), Some(path.as_str())), "{fact}");
            assert_eq!(fact["abi"], "compat_abi", "{fact}");
        }
        // a kernel without 32-bit programs starts none, and there is nothing to tell
        Err(error) => {
            let said = format!("{error:#}");
            assert!(said.contains("Exec format error"), "{said}");
            assert!(told.is_empty(), "{told:?}");
        }
    }
    it.end()
}

#[test]
fn a_socket_to_the_hypervisor() -> Result<()> {
    process::adopt_orphans()?;
    let mut it = Watched::start("vsock", Path::new(env!("CARGO_BIN_EXE_deed_server")), Transport::Pipes)?;
    it.call("vsock", json!({}))?;
    it.expect(&json!({"kind": "socket", "family": "vsock", "proc": {"pid": it.pid}}))?;
    let text = "rule = 'TL-LAT-008'\ncategory = ['lateral_movement']\nactor = '**/deed_server'";
    alert::wait(&it.place, &toml::from_str(text)?, Some(it.pid))?;
    it.end()
}
