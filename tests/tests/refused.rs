//! One hook of a sensor that the kernel refuses: the sensor is blind in part, and says which hook it lacks.

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use tests::alert;
use tests::exec::Ground;
use tests::peer::{Peer, Transport};

const NOTHING: Option<&str> = None;
/// `BPF_CGROUP_INET6_CONNECT`.
const CONNECT6: u32 = 11;

/// A control group on which a program of somebody's serves `connect6` and allows none beside it.
struct Group {
    root: PathBuf,
    path: PathBuf,
}

impl Group {
    fn new() -> Result<Group> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let root = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
        let root = PathBuf::from(root.context("no cgroup v2 tree is mounted")?);
        let path = root.join(format!("tripline-refused-{}", std::process::id()));
        fs::create_dir(&path)?;
        let group = Group { root, path };
        let program = allow_all().context("a program cannot be loaded")?;
        // struct { target_fd, attach_bpf_fd, attach_type, attach_flags }: no flag is no company
        let folder = File::open(&group.path)?;
        let attributes = [folder.as_raw_fd() as u32, program.as_raw_fd() as u32, CONNECT6, 0];
        // SAFETY: BPF_PROG_ATTACH reads these attributes, which live until the call is over.
        let attached = unsafe { libc::syscall(libc::SYS_bpf, 8, attributes.as_ptr(), size_of_val(&attributes)) };
        ensure!(attached == 0, "the program cannot be attached: {}", io::Error::last_os_error());
        Ok(group)
    }

    /// For what `command` starts this group is the whole tree, and it is in it.
    fn confine(&self, command: &mut Command) -> Result<()> {
        let mut members = File::options().write(true).open(self.path.join("cgroup.procs"))?;
        let (root, path) = (self.root.clone(), self.path.clone());
        let enter = move || {
            members.write_all(b"0")?;
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
            mount(Some(&path), &root, NOTHING, MsFlags::MS_BIND, NOTHING)?;
            Ok(())
        };
        // SAFETY: between fork and exec it makes system calls and allocates nothing: short paths are kept on the stack.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // the program goes with it; a test that failed may have left somebody in it
        let _left = fs::remove_dir(&self.path);
    }
}

/// A program for `connect6` that returns 1.
fn allow_all() -> Result<OwnedFd> {
    let code: [u64; 2] = [0x1_0000_00b7, 0x95]; // r0 = 1; exit
    let license = c"Dual MIT/GPL";
    // prog_type (CGROUP_SOCK_ADDR), insn_cnt, insns, license, …, expected_attach_type
    let mut attributes = [0_u64; 9];
    attributes[0] = 18 | (code.len() as u64) << 32;
    attributes[1] = code.as_ptr() as u64;
    attributes[2] = license.as_ptr() as u64;
    attributes[8] = u64::from(CONNECT6) << 32;
    // SAFETY: BPF_PROG_LOAD reads the attributes and what they point to, which live until the call is over.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 5, attributes.as_ptr(), size_of_val(&attributes)) };
    ensure!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn gap<'a>(alert: &'a Value, sensor: &str) -> Option<&'a Value> {
    alert["coverage"]["gaps"].as_array()?.iter().find(|gap| gap["sensor"] == sensor)
}

#[test]
fn a_sensor_that_lacks_one_hook_says_so_on_what_depends_on_it() -> Result<()> {
    let ground = Ground::new("refused")?;
    let place = &ground.place;
    let group = Group::new()?;
    let mut command = ground.exec(env!("CARGO_BIN_EXE_deed_server"))?;
    group.confine(&mut command)?;
    let mut server = Peer::start(command, Transport::Pipes)?;
    server.greet().context("it must start all the same")?;

    server.call("raw", json!({}))?;
    let text = "category = ['lateral_movement']\nrule = 'TL-LAT-008'\ncomplete = false\nevidence = { kind = 'socket' }";
    let raw = alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;
    let named = gap(&raw, "socket").with_context(|| format!("the gap is not named: {raw}"))?;
    let why = named["reason"].as_str().unwrap_or_default();
    assert!(why.starts_with("it lacks connect6: ") && why.ends_with("its other hooks are armed"), "{named}");
    assert_eq!(named["to"], Value::Null, "{named}");
    // What doesn't depend on that sensor says nothing of it.
    server.call("openat", json!({"path": place.home().join(".ssh/id_ed25519")}))?;
    let text = "category = ['credential_access']\nrule = 'TL-CRED-001'\ncomplete = true";
    alert::wait(place, &toml::from_str(text)?, Some(server.pid))?;

    assert!(server.close()?.success());
    tests::process::settle(&[], tests::peer::BOUND)?;
    let alerts = alert::read(&place.alerts())?;
    let told: Vec<&Value> = alerts.iter().filter(|alert| alert["rule"]["id"] == "TL-SEN-002").collect();
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert_eq!(told[0]["evidence"][0]["sensor"], "socket", "{}", told[0]);
    alert::check_schema(&alerts)?;
    drop(group);
    ground.end()
}
