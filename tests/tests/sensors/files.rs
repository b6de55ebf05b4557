//! Files that are hard to name, and descriptors that the server didn't open itself.

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount, umount};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use tests::effects::{Watched, holds};
use tests::{deeds, home, wait};

/// A credential file that this process opened and the server got by a socket: its use is the server's, by whatever call.
pub fn received(it: &mut Watched, how: &str) -> Result<()> {
    let path = it.place.home().join(format!(".ssh/id_{how}"));
    home::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\n")?;
    it.expect(&json!({"kind": "credential_file", "file": {"path": path}}))?;
    let file = File::open(&path)?;
    let socket = it.scratch(&format!("gift-{how}.sock"));
    let listener = UnixListener::bind(&socket)?;
    let giver = std::thread::spawn(move || deeds::give(&listener, &file));
    it.call("received", json!({"path": socket, "how": how}))?;
    giver.join().map_err(|_| anyhow::anyhow!("the giver panicked"))??;
    it.expect(&json!({"kind": "file", "op": "use", "file": {"path": path}, "proc": {"pid": it.pid}})).map(drop)
}

/// A child that has a credential open from its beginning, and reads nothing.
pub fn inherited(it: &mut Watched) -> Result<()> {
    let path = it.place.home().join(".kube/config");
    let program = env!("CARGO_BIN_EXE_idle");
    it.call("inherit", json!({"path": path, "program": program}))?;
    let exec = it.expect(&json!({"kind": "exec", "server": 1, "argv": [program, "heir"]}))?;
    let heir = &exec["proc"];
    if heir["pid"] == it.pid {
        bail!("the child is the server: {exec}");
    }
    it.expect(&json!({"kind": "file", "op": "inherit", "file": {"path": path}, "proc": heir})).map(drop)
}

/// Whatever lies that deep is shown by the end of its path, and said to be cut. No other file is taken for it.
pub fn from_deep(it: &mut Watched) -> Result<()> {
    let program = env!("CARGO_BIN_EXE_idle");
    it.call("from_deep", json!({"path": it.scratch(""), "program": program}))?;
    let cut = |op: &str, name: &str| -> Result<Value> {
        let event = wait::until("a file with a cut path", tests::peer::BOUND, || {
            let ends = |event: &Value| event["file"]["path"].as_str().is_some_and(|path| path.ends_with(name));
            it.events().into_iter().find(|event| event["op"] == op && ends(event))
        })?;
        if event["file"]["cut"] != true {
            bail!("its path is too long for any record, and not said to be cut: {event}");
        }
        Ok(event)
    };
    cut("open", "/deep-file")?;
    let renamed = cut("rename", "/deep-file")?;
    // Below the system calls the file's own identity is known all the same.
    if renamed["by"] == "tracepoint" && renamed["file"]["ino"] != 0 {
        bail!("another file was taken for it: {renamed}");
    }
    if renamed["to"].as_str().is_some_and(|to| !to.starts_with('…')) {
        bail!("the second path is none: {renamed}");
    }
    let exec = it.expect(&json!({"kind": "exec", "server": 1, "argv": [program, "deep"]}))?;
    if !exec["cwd"].is_null() {
        bail!("that is not where it works: {}", exec["cwd"]);
    }
    Ok(())
}

pub fn odd_name(it: &mut Watched) -> Result<()> {
    let path = it.scratch("odd");
    it.call("odd_name", json!({"path": path}))?;
    it.expect(&json!({"kind": "file", "op": "open", "file": {"path": format!("{path}\\xff")}})).map(drop)
}

pub fn deleted(it: &mut Watched) -> Result<()> {
    let path = it.file("deleted")?;
    let ino = fs::metadata(&path)?.ino();
    it.call("deleted", json!({"path": path}))?;
    it.expect(&json!({"kind": "file", "op": "open", "unlinked": true, "file": {"ino": ino}})).map(drop)
}

/// By the mount it is opened through, and by its identity.
pub fn bind_mount(it: &mut Watched) -> Result<()> {
    let (from, to) = (it.scratch("mounted-from"), it.scratch("mounted-to"));
    fs::create_dir_all(&from)?;
    fs::create_dir_all(&to)?;
    fs::write(format!("{from}/x"), "x")?;
    mount(Some(from.as_str()), to.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let path = format!("{to}/x");
    let outcome = it.call("openat", json!({"path": path}));
    umount(to.as_str())?;
    outcome?;
    let ino = fs::metadata(format!("{from}/x"))?.ino();
    it.expect(&json!({"kind": "file", "op": "open", "file": {"path": path, "ino": ino}})).map(drop)
}

/// A name that is gone from memory when the call returns: it is missing, and said to be.
pub fn unreadable_name(it: &mut Watched) -> Result<()> {
    let path = it.scratch("says-its-own-name");
    it.call("truncate_its_own_name", json!({"path": path}))?;
    let loss = json!({"kind": "loss", "sensor": "file", "reason": "read_fault", "caused_by": {"pid": it.pid}});
    it.expect(&loss)?;
    it.expect(&json!({"kind": "file", "op": "truncate", "file": {"cut": true}})).map(drop)
}

/// A descriptor that leads to no file when its open returns: that open can't be told, and is said to be lost.
pub fn unresolved(it: &mut Watched) -> Result<()> {
    let path = it.file("unresolved")?;
    it.call("open_without_file", json!({"path": path}))?;
    let loss = it.expect(&json!({"kind": "loss", "sensor": "file", "reason": "unresolved"}))?;
    // A sandbox takes calls that way, and hides nothing by it.
    if loss["caused_by"].is_null() { Ok(()) } else { bail!("that is nobody's doing: {loss}") }
}

/// In which namespaces a program runs.
pub fn namespaces(it: &mut Watched) -> Result<()> {
    let program = env!("CARGO_BIN_EXE_idle");
    it.call("execute", json!({"path": program}))?;
    let exec = it.expect(&json!({"kind": "exec", "server": 1, "argv": [program, "nothing"]}))?;
    let mut wanted = json!({});
    for name in ["pid", "mnt", "net", "user"] {
        let link = fs::read_link(format!("/proc/{}/ns/{name}", it.pid))?;
        let text = link.to_string_lossy();
        let number = text.split(['[', ']']).nth(1).context("no number of a namespace")?;
        wanted[name] = number.parse::<u64>()?.into();
    }
    if !holds(&exec["namespaces"], &wanted) {
        bail!("its namespaces are {wanted}, reported were {}", exec["namespaces"]);
    }
    Ok(())
}

/// A descriptor that the server takes from this process counts as it comes, used or not.
pub fn taken(it: &mut Watched) -> Result<()> {
    let path = it.place.home().join(".ssh/id_taken");
    home::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\n")?;
    it.expect(&json!({"kind": "credential_file", "file": {"path": path}}))?;
    let file = File::open(&path)?;
    it.call("take_descriptor", json!({"pid": std::process::id(), "fd": file.as_raw_fd()}))?;
    it.expect(&json!({"kind": "file", "op": "use", "file": {"path": path}, "proc": {"pid": it.pid}})).map(drop)
}

/// A change by a request to io_uring: seen like the system call, or the operation is told.
pub fn by_io_uring(it: &mut Watched, op: &str) -> Result<()> {
    let (path, to) = (it.file(&format!("uring-{op}"))?, it.scratch(&format!("uring-{op}-to")));
    it.call(&format!("uring_{op}"), json!({"path": path, "to": to}))?;
    let wanted = if super::expected() == super::Tracepoint {
        let detail = format!("IORING_OP_{}AT", op.to_uppercase());
        json!({"kind": "opaque", "what": "io_uring", "detail": detail, "proc": {"pid": it.pid}})
    } else {
        json!({"kind": "file", "op": op, "file": {"path": path}, "proc": {"pid": it.pid}})
    };
    it.expect(&wanted).map(drop)
}
