//! `cargo xtask deny`: licences, sources and banned crates, by cargo-deny.
//!
//! Not part of `test`: building cargo-deny takes minutes. Advisories are left to a public workflow, because their
//! database is not a crate.

use crate::shell;
use anyhow::Result;

const VERSION: &str = "0.20.2";

/// `Ok(false)` when the policy in `deny.toml` is broken.
pub fn run() -> Result<bool> {
    let installed = shell::probe("cargo-deny", &["--version"]).unwrap_or_default();
    if !installed.ends_with(VERSION) {
        println!("==> installing cargo-deny {VERSION} (some minutes): it checks the dependencies against deny.toml");
        shell::must(shell::cargo().args(["install", "cargo-deny", "--version", VERSION, "--locked", "--force"]))?;
    }
    // Also what only other targets need, whose licences are looked at too.
    shell::must(shell::cargo().args(["fetch", "--locked"]))?;
    let mut command = shell::cargo();
    command.args(["deny", "--offline", "check", "bans", "licenses", "sources"]);
    println!("    $ {}", shell::shown(&command));
    Ok(command.status()?.success())
}
