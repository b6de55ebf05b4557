//! What is under test: the binary, and the real MCP servers that `cargo xtask setup` installed.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The account that the Cloudflare server works for.
pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where the subjects are installed.
pub fn folder() -> PathBuf {
    root().join("target/subjects")
}

/// The drivers, beside the packages that they import.
pub fn drivers() -> PathBuf {
    folder().join("node/drivers")
}

/// The Python that has the official SDK.
pub fn python() -> PathBuf {
    folder().join("python/venv/bin/python")
}

/// A script of a package from npm.
pub fn script(package: &str, file: &str) -> PathBuf {
    folder().join("node/node_modules").join(package).join(file)
}

/// The binary under test: `TRIPLINE_BIN`, else the newest that this workspace has built.
pub fn tripline() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("TRIPLINE_BIN") {
        return Ok(path.into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let built = ["release", "debug"].map(|profile| target.join(profile).join("tripline"));
    let newest = built
        .into_iter()
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .max_by_key(|(time, _)| *time);
    newest.map(|(_, path)| path).context("no tripline binary: build it, or set TRIPLINE_BIN")
}

/// Checks that everything is installed, and lays the drivers beside the packages that they import.
pub fn prepare() -> Result<()> {
    let needed = [python(), script("@modelcontextprotocol/sdk", "package.json")];
    if let Some(missing) = needed.iter().find(|path| !path.exists()) {
        bail!("{} is missing: run `cargo xtask setup`", missing.display());
    }
    copy_folder(&root().join("tests/drivers"), &drivers())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
