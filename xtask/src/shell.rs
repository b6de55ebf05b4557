//! Running other programs: echoed, bounded, and with errors that name the command.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The repository's root, two levels above nothing else but this crate.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that started us, so that the toolchain stays the same one.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains([' ', '"', '$', '*']) { format!("'{word}'") } else { word.into_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command that must succeed; its output goes to ours.
pub fn must(command: &mut Command) -> Result<()> {
    println!("    $ {}", shown(command));
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command that must succeed within `limit`; it is stopped when the time is over.
pub fn must_within(command: &mut Command, limit: Duration) -> Result<()> {
    println!("    $ {}   (at most {} s)", shown(command), limit.as_secs());
    let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    match wait_within(child, limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("`{}` failed: {status}", shown(command)),
        None => bail!("`{}` did not end within {} s", shown(command), limit.as_secs()),
    }
}

/// Waits for a child; `None` when it had to be stopped.
fn wait_within(mut child: Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let (stop, stopped) = mpsc::channel::<()>();
    let pid = child.id().to_string();
    let watch = std::thread::spawn(move || {
        let late = stopped.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        // Only this child, by its number: it has not been waited for, so the number is still its own.
        late && Command::new("kill").args(["-KILL", &pid]).status().is_ok()
    });
    let status = child.wait()?;
    drop(stop);
    let late = watch.join().unwrap_or(false);
    Ok((!late).then_some(status))
}

/// The standard output of a command that must succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first line a command prints, or `None` when it is not there or fails.
pub fn probe(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or("").trim().to_owned())
}

/// Is this program on the PATH (or in the folders that only root's PATH has)?
pub fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

/// Are we root?
pub fn is_root() -> bool {
    probe("id", &["-u"]).as_deref() == Some("0")
}

/// A command run as root: as it is for root, through sudo otherwise.
pub fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if !have("sudo") {
        bail!("`{program}` needs root here and there is no sudo: run this as root");
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}
