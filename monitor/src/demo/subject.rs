//! Which server is watched: the real one of npm, or the sample server of this workspace.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::Want;
use super::cloud::ACCOUNT;
use super::ground::Ground;
use crate::discover::find_command;

/// The package.
const PACKAGE: &str = "@cloudflare/mcp-server-cloudflare";
/// One of its dependencies, which the trojan takes hold of.
const DEPENDENCY: &str = "chalk";
/// What the trojan adds to it.
const TROJAN: &str = include_str!("trojan.mjs");

/// A server that can be started.
#[derive(Debug)]
pub enum Subject {
    /// The real one.
    Npm {
        /// The node program, and its version.
        node: PathBuf,
        /// `v20…`
        node_version: String,
        /// The package's folder.
        package: PathBuf,
        /// Its version.
        version: String,
        /// The file that the trojan is added to, and what it holds.
        dependency: (PathBuf, String),
    },
    /// The sample server.
    Sample {
        /// The program.
        program: PathBuf,
        /// Why it isn't the real one.
        why: String,
    },
}

/// Takes the best that is wanted and there.
pub fn choose(want: &Want) -> Result<Subject> {
    let why = if want.npm {
        match npm(want) {
            Ok(subject) => return Ok(subject),
            Err(error) => format!("{error:#}"),
        }
    } else {
        "asked for".to_owned()
    };
    if !want.sample {
        bail!("{why}");
    }
    let program = sample(want).with_context(|| format!("the server of npm can't be used ({why})"))?;
    Ok(Subject::Sample { program, why })
}

impl Subject {
    /// What must stay visible whatever the demo mounts.
    pub fn needed(&self) -> Vec<PathBuf> {
        let mut needed: Vec<PathBuf> = std::env::current_exe().into_iter().collect();
        match self {
            Self::Npm { node, package, .. } => needed.extend([node.clone(), package.clone()]),
            Self::Sample { program, .. } => needed.push(program.clone()),
        }
        needed
    }

    /// Which one it is, for the first lines of the output.
    pub fn title(&self) -> String {
        match self {
            Self::Npm { version, node_version, .. } => format!("{PACKAGE} {version} of npm, on node {node_version}"),
            Self::Sample { why, .. } => format!("the sample server on the official Rust SDK ({why})"),
        }
    }

    /// A path that is long in every message, and what to print for it.
    pub fn short_name(&self) -> Option<(String, String)> {
        match self {
            Self::Npm { package, .. } => Some((package.to_string_lossy().into_owned(), PACKAGE.to_owned())),
            Self::Sample { .. } => None,
        }
    }

    /// What makes it hostile, in one sentence.
    pub fn trojan(&self) -> String {
        match self {
            Self::Npm { .. } => {
                format!("its dependency `{DEPENDENCY}` carries a trojan, put in place in this demo's own mounts only")
            }
            Self::Sample { .. } => "it was started with --trojan, as if a crate it is built on were hostile".to_owned(),
        }
    }

    /// Puts everything in place; answers the server's command line.
    pub fn install(&self, ground: &Ground) -> Result<Vec<OsString>> {
        match self {
            Self::Npm { node, package, dependency, .. } => {
                let (file, text) = dependency;
                ground.replace(file, &format!("{text}{TROJAN}"))?;
                Ok(vec![node.into(), package.join("dist/index.js").into(), "run".into(), ACCOUNT.into()])
            }
            Self::Sample { program, .. } => {
                // Under the name by which the profile knows a server with these tools.
                let installed = ground.path("bin/mcp-server-cloudflare");
                std::fs::create_dir_all(ground.path("bin"))?;
                std::fs::copy(program, &installed).with_context(|| format!("cannot copy {}", program.display()))?;
                Ok(vec![installed.into(), "run".into(), ACCOUNT.into(), "--trojan".into()])
            }
        }
    }
}

fn npm(want: &Want) -> Result<Subject> {
    let node = match &want.node {
        Some(node) => node.clone(),
        None => find_command("node".as_ref()).map_err(|_| anyhow!("there is no node on PATH"))?,
    };
    let output = Command::new(&node).arg("--version").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{} can't be run", node.display()))?;
    let node_version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let package = match &want.package {
        Some(package) => package.clone(),
        None => package_folders().into_iter().find(|folder| folder.is_dir()).with_context(|| {
            format!("{PACKAGE} isn't installed; `npm install {PACKAGE}` here, or name it with --package")
        })?,
    };
    let manifest = read(&package.join("package.json"))?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).context("its package.json is no JSON")?;
    let version = manifest["version"].as_str().unwrap_or("of no version").to_owned();
    let file = dependency(&package)?;
    let text = read(&file)?;
    Ok(Subject::Npm { node, node_version, package, version, dependency: (file, text) })
}

/// Where npm puts packages: beside a build of this workspace, in this folder, for everybody.
fn package_folders() -> Vec<PathBuf> {
    let built = std::env::current_exe().ok();
    let beside =
        built.iter().flat_map(|exe| exe.ancestors().skip(2)).take(2).map(|folder| folder.join("subjects/node"));
    let mut folders: Vec<PathBuf> = beside.collect();
    folders.extend(std::env::current_dir());
    folders.extend(["/usr/local/lib", "/usr/lib"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join("node_modules").join(PACKAGE)).collect()
}

/// The dependency's main file, found as node finds it.
fn dependency(package: &Path) -> Result<PathBuf> {
    let found = package.ancestors().map(|folder| folder.join("node_modules").join(DEPENDENCY)).find(|at| at.is_dir());
    let folder = found.with_context(|| format!("{PACKAGE} lacks its dependency {DEPENDENCY}: install it anew"))?;
    let file = folder.join("source/index.js");
    if !file.is_file() {
        bail!("{} has no source/index.js: install {PACKAGE} anew", folder.display());
    }
    Ok(file.canonicalize()?)
}

fn sample(want: &Want) -> Result<PathBuf> {
    if let Some(program) = &want.sample_server {
        return find_command(program.as_os_str()).map_err(|(_, message)| anyhow!("--sample: {message}"));
    }
    let beside = std::env::current_exe()?.with_file_name("sample-server");
    if beside.is_file() {
        return Ok(beside);
    }
    bail!(
        "the sample server isn't at {}: build it (`cargo build -p sample-server`) or name it with --sample",
        beside.display()
    )
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
