//! A full disk under `--alerts`: nothing that was detected is lost silently, and the server doesn't notice.

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::agent::Agent;
use tests::exec::Ground;
use tests::peer::{BOUND, Peer, Transport};
use tests::{alert, process, subject, wait};

const SERVER: &str = env!("CARGO_BIN_EXE_deed_server");

/// A file system without room, which only this thread and what it starts see.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn full(ground: &Ground) -> Result<Disk> {
        let none: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS).context("cannot make a mount namespace: this needs root")?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let folder = ground.place.path("full");
        fs::create_dir(&folder)?;
        mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some("size=64k"))?;
        let mut filler = File::create(folder.join("filler"))?;
        while filler.write_all(&[0; 4096]).is_ok() {}
        Ok(Disk { folder })
    }

    fn alerts(&self) -> PathBuf {
        self.folder.join("alerts.ndjson")
    }

    fn make_room(&self) -> Result<()> {
        Ok(fs::remove_file(self.folder.join("filler"))?)
    }

    fn end(self, ground: Ground) -> Result<()> {
        process::settle(&[], BOUND)?;
        umount(&self.folder)?;
        ground.end()
    }
}

/// `tripline exec` with its alerts on that disk.
fn exec(ground: &Ground, disk: &Disk, server: &[&str]) -> Result<Command> {
    let mut command = Command::new(subject::tripline()?);
    command.arg("exec").arg("--config").arg(ground.place.config()).arg("--alerts").arg(disk.alerts());
    command.arg("--").args(server).env("HOME", ground.place.home()).current_dir(ground.place.path("scratch"));
    command.stderr(File::create(ground.place.stderr())?);
    Ok(command)
}

fn store(ground: &Ground) -> PathBuf {
    ground.place.path("state/alerts.ndjson")
}

/// The thefts that a file of alerts tells of.
fn thefts(path: &Path) -> Vec<Value> {
    let alerts = alert::read(path).unwrap_or_default();
    alerts.into_iter().filter(|alert| alert["category"] == "credential_access").collect()
}

/// Lines of a log that speak of errors.
fn errors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.contains("ERROR") || line.starts_with("tripline: ")).map(str::to_owned).collect()
}

#[test]
fn what_could_not_be_written_is_written_when_there_is_room() -> Result<()> {
    let ground = Ground::new("full-for-a-while")?;
    let disk = Disk::full(&ground)?;
    let mut server = Peer::start(exec(&ground, &disk, &[SERVER])?, Transport::Pipes)?;
    server.greet()?;
    for (number, name) in [".ssh/id_ed25519", ".aws/credentials"].into_iter().enumerate() {
        server.call("openat", json!({"path": ground.place.home().join(name)}))?;
        let stored = || thefts(&store(&ground)).len() == number + 1;
        wait::until_true("the theft in the store", BOUND, stored)?;
    }
    assert_eq!(thefts(&disk.alerts()), [] as [Value; 0]);
    let said = errors(&ground.place.path("state/tripline.log"));
    assert_eq!(said.len(), 1, "one clear line: {said:?}");
    let path = disk.alerts().display().to_string();
    assert!(said[0].contains(&path) && said[0].contains("No space left"), "{said:?}");
    disk.make_room()?;
    wait::until_true("both thefts where they belong", BOUND, || thefts(&disk.alerts()).len() == 2)?;
    assert!(server.close()?.success());
    process::settle(&[], BOUND)?;
    assert_eq!(fs::read(disk.alerts())?, fs::read(store(&ground))?, "every line, whole and in order");
    assert_eq!(fs::read_to_string(ground.place.stderr())?, "", "nothing of our own on the server's streams");
    disk.end(ground)
}

#[test]
fn what_could_not_be_written_to_the_end_is_told_and_stored() -> Result<()> {
    let ground = Ground::new("full-for-good")?;
    let disk = Disk::full(&ground)?;
    let script = "cat \"$HOME/.ssh/id_ed25519\"; exit 7";
    let mut server = Peer::start(exec(&ground, &disk, &["/bin/sh", "-c", script])?, Transport::Pipes)?;
    while server.line().is_ok_and(|line| !line.contains("tripline-fake-ssh-key-body")) {}
    assert_eq!(server.close()?.code(), Some(7), "the server's own status");
    process::settle(&[], BOUND)?;
    assert_eq!(fs::read_to_string(ground.place.stderr())?, "");
    assert_eq!(thefts(&store(&ground)).len(), 1);
    let said = errors(&ground.place.path("state/tripline.log"));
    let path = disk.alerts().display().to_string();
    let last = said.last().context("nothing was said")?;
    assert!(last.contains("lines could not be written to") && last.contains(&path), "{said:?}");
    disk.end(ground)
}

#[test]
fn attach_fails_if_alerts_could_not_be_written() -> Result<()> {
    let ground = Ground::new("full-attach")?;
    let disk = Disk::full(&ground)?;
    // The agent's `--alerts` is a link to the full disk.
    std::os::unix::fs::symlink(disk.alerts(), ground.place.alerts())?;
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", ground.place.home()).current_dir(ground.place.path("scratch"));
    let mut server = Peer::start(command, Transport::Pipes)?;
    server.greet()?;
    let mut agent = Agent::attach(&ground.place, server.pid)?;
    server.call("openat", json!({"path": ground.place.home().join(".ssh/id_ed25519")}))?;
    wait::until_true("the theft in the store", BOUND, || thefts(&store(&ground)).len() == 1)?;
    assert!(server.close()?.success());
    assert_eq!(agent.end()?.code(), Some(1), "{}", agent.said());
    let said = agent.said();
    let own: Vec<&str> = said.lines().filter(|line| line.starts_with("tripline: ")).collect();
    assert_eq!(own.len(), 2, "what is watched, and one clear line: {said}");
    assert!(own[0].contains("watching deed_server"), "{said}");
    assert!(own[1].contains("alerts.ndjson") && own[1].contains("No space left"), "{said}");
    disk.end(ground)
}
