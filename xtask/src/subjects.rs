//! The test subjects: real MCP servers and client libraries, from lock files under `tests/subjects`.
//!
//! They are installed under `target/subjects`, so that the source tree stays clean. A stamp with a hash of everything
//! that decides the result makes the second run free.

use crate::{packages, shell};
use anyhow::{Context, Result};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One kind of subject: the folder's name, the files that decide the result, and how to install them.
struct Kind {
    name: &'static str,
    files: &'static [&'static str],
    runtime: (&'static str, &'static str),
    install: fn(&Path) -> Result<()>,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "node",
        files: &["package.json", "package-lock.json", ".npmrc"],
        runtime: ("node", "--version"),
        install: install_node,
    },
    Kind { name: "python", files: &["requirements.txt"], runtime: ("python3", "--version"), install: install_python },
];

/// What is not installed, or is from other lock files; each is a sentence.
pub fn missing() -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for kind in &KINDS {
        if !is_current(kind)? {
            missing.push(format!("the {} test subjects (tests/subjects/{0})", kind.name));
        }
    }
    if !is_current(&KINDS[1])? && !has_venv() {
        missing.push(format!("{VENV}: {VENV_WHY}"));
    }
    Ok(missing)
}

/// Installs what is missing or out of date.
pub fn install() -> Result<()> {
    for kind in &KINDS {
        if is_current(kind)? {
            continue;
        }
        println!("==> installing the {} test subjects: the real MCP servers and clients under test", kind.name);
        let folder = folder(kind);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for file in kind.files {
            fs::copy(source(kind).join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        (kind.install)(&folder)?;
        // Last, so that an interrupted installation is done again.
        fs::write(folder.join(".stamp"), stamp(kind)?)?;
    }
    Ok(())
}

/// Where a package of npm is installed.
pub fn node_package(name: &str) -> PathBuf {
    folder(&KINDS[0]).join("node_modules").join(name)
}

fn install_node(folder: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    // No package's own scripts run here.
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    shell::must(&mut command)
}

/// Debian splits it off from Python.
const VENV: &str = "python3-venv";
const VENV_WHY: &str = "the Python test subjects get an environment of their own";

fn has_venv() -> bool {
    shell::probe("python3", &["-c", "import venv, ensurepip"]).is_some()
}

fn install_python(folder: &Path) -> Result<()> {
    if !has_venv() {
        println!("==> needs the package {VENV}: {VENV_WHY}");
        packages::install(&[VENV])?;
    }
    shell::must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv")))?;
    let mut command = Command::new(folder.join("venv/bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    command.arg("--only-binary=:all:").arg("-r").arg(folder.join("requirements.txt"));
    shell::must(&mut command)
}

fn is_current(kind: &Kind) -> Result<bool> {
    let written = fs::read_to_string(folder(kind).join(".stamp")).unwrap_or_default();
    Ok(written == stamp(kind)?)
}

/// A change of the lock files, of the runtime or of this format makes another stamp.
fn stamp(kind: &Kind) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in kind.files {
        let path = source(kind).join(file);
        hasher.write(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let (program, argument) = kind.runtime;
    let runtime = shell::probe(program, &[argument]).unwrap_or_default();
    Ok(format!("1 {:016x} {runtime}\n", hasher.finish()))
}

fn source(kind: &Kind) -> PathBuf {
    shell::root().join("tests/subjects").join(kind.name)
}

fn folder(kind: &Kind) -> PathBuf {
    shell::root().join("target/subjects").join(kind.name)
}
