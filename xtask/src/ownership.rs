//! What runs as root by sudo may leave files below `target` that the user who called can't change or remove any more.

use crate::shell;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// Where what runs as root writes.
const FOLDERS: [&str; 2] = ["target/e2e", "target/subjects"];

/// Makes it the user's again; nothing where nobody else's is there.
pub fn take_back() -> Result<()> {
    if shell::is_root() {
        return Ok(());
    }
    let number = |option: &str| shell::probe("id", &[option]).with_context(|| format!("`id {option}` fails"));
    let (user, group) = (number("-u")?, number("-g")?);
    let folders: Vec<PathBuf> =
        FOLDERS.iter().map(|name| shell::root().join(name)).filter(|path| path.exists()).collect();
    if folders.is_empty() || !has_others(&folders, &user)? {
        return Ok(());
    }
    println!("    the tests that ran as root left files below target: using sudo to make them yours");
    let mut command = shell::as_root("chown")?;
    command.args(["--recursive", "--no-dereference", "-P", &format!("{user}:{group}")]).args(&folders);
    shell::must(&mut command)
}

/// Whether anything in these folders is somebody else's. What can't be entered is.
fn has_others(folders: &[PathBuf], user: &str) -> Result<bool> {
    let mut command = Command::new("find");
    command.args(folders).args(["!", "-user", user, "-print", "-quit"]);
    let output = command.output().with_context(|| format!("cannot start `{}`", shell::shown(&command)))?;
    if output.stdout.is_empty() && !output.status.success() {
        bail!("`{}` failed: {}", shell::shown(&command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(!output.stdout.is_empty())
}
