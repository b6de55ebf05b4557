//! `cargo xtask demo`: the release binary, then its demo.

use crate::{setup, shell, toolchain};
use anyhow::Result;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds and runs; `Ok(false)` when the demo did not end as it should.
pub fn run(arguments: &[String]) -> Result<bool> {
    setup::build_needs()?;
    setup::test_needs()?;
    let binary = build_release()?;
    if !shell::is_root() {
        println!("==> watching a server with eBPF needs root: using sudo for the demo");
    }
    let mut command = shell::as_root(&binary.to_string_lossy())?;
    command.arg("demo").args(arguments).stdin(Stdio::inherit());
    println!("    $ {}", shell::shown(&command));
    Ok(command.status()?.success())
}

/// Builds the release binary and says where it is.
pub fn build_release() -> Result<PathBuf> {
    println!("==> building the release binary");
    let mut command = shell::cargo();
    command.args(["build", "--release", "--package", "monitor", "--bin", "tripline"]);
    toolchain::tell(&mut command);
    shell::must(&mut command)?;
    Ok(target_folder()?.join("release/tripline"))
}

/// Where cargo puts what it builds.
pub fn target_folder() -> Result<PathBuf> {
    let mut command: Command = shell::cargo();
    command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let metadata: serde_json::Value = serde_json::from_str(&shell::output(&mut command)?)?;
    Ok(metadata["target_directory"].as_str().unwrap_or("target").into())
}
