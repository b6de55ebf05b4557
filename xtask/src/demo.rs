//! `cargo xtask demo`: the release binary and the sample server, then the demo.

use crate::{setup, shell, subjects, toolchain};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds and runs; `Ok(false)` when the demo did not end as it should.
pub fn run(arguments: &[String]) -> Result<bool> {
    setup::build_needs()?;
    setup::test_needs()?;
    let binary = build_release()?;
    let sample = build_sample()?;
    if !shell::is_root() {
        println!("==> watching a server with eBPF needs root: using sudo for the demo");
    }
    let mut command = shell::as_root(&binary.to_string_lossy())?;
    command.arg("demo").arg("--sample").arg(sample);
    command.arg("--package").arg(subjects::node_package("@cloudflare/mcp-server-cloudflare"));
    if let Some(node) = on_path("node") {
        // Root's PATH need not have it.
        command.arg("--node").arg(node);
    }
    command.args(arguments).stdin(Stdio::inherit());
    println!("    $ {}", shell::shown(&command));
    Ok(command.status()?.success())
}

/// Builds the release binary and says where it is.
pub fn build_release() -> Result<PathBuf> {
    println!("==> building the release binary");
    build("monitor", "tripline")
}

/// The server that the demo watches where the one of npm can't run.
pub fn build_sample() -> Result<PathBuf> {
    println!("==> building the sample server");
    build("sample-server", "sample-server")
}

fn build(package: &str, binary: &str) -> Result<PathBuf> {
    let mut command = shell::cargo();
    command.args(["build", "--release", "--package", package, "--bin", binary]);
    toolchain::tell(&mut command);
    shell::must(&mut command)?;
    Ok(target_folder()?.join("release").join(binary))
}

/// Where cargo puts what it builds.
pub fn target_folder() -> Result<PathBuf> {
    let mut command: Command = shell::cargo();
    command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let metadata: serde_json::Value = serde_json::from_str(&shell::output(&mut command)?)?;
    match metadata["target_directory"].as_str() {
        Some(folder) => Ok(Path::new(folder).to_path_buf()),
        None => bail!("cargo doesn't say where it builds"),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
