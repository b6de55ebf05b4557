//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, for a bounded time each.

use crate::packages::{self, Need};
use crate::shell;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::process::Command;

/// What to fuzz, and for how long.
#[derive(Args)]
pub struct Options {
    /// Only these targets; all of them when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// Fuzzes; `Ok(false)` when a target failed. What it found lies in `fuzz/artifacts`.
pub fn run(options: &Options) -> Result<bool> {
    let known = targets()?;
    for wanted in &options.targets {
        if !known.contains(wanted) {
            bail!("there is no fuzz target `{wanted}`; there are: {}", known.join(", "));
        }
    }
    let chosen = if options.targets.is_empty() { known } else { options.targets.clone() };
    fuzz(&chosen, options.seconds)
}

/// Every target, `seconds` each.
pub fn all(seconds: u64) -> Result<bool> {
    fuzz(&targets()?, seconds)
}

/// How a target is built and run is `fuzz/run`'s business; a person uses that too.
fn fuzz(targets: &[String], seconds: u64) -> Result<bool> {
    packages::require(&[Need {
        program: "g++",
        package: "g++",
        why: "builds libFuzzer, which drives the fuzz targets",
    }])?;
    let mut fine = true;
    for target in targets {
        println!("    fuzzing {target} for {seconds} s");
        let run = shell::must(Command::new("sh").args(["fuzz/run", target, &seconds.to_string()]));
        if let Err(error) = run {
            println!("    {error:#}; the input lies in fuzz/artifacts/{target}");
            fine = false;
        }
    }
    Ok(fine)
}

/// The targets, which are the binaries of the fuzz crate.
fn targets() -> Result<Vec<String>> {
    let mut command = shell::cargo();
    command.args(["metadata", "--format-version=1", "--no-deps", "--manifest-path", "fuzz/Cargo.toml"]);
    let metadata: Value = serde_json::from_str(&shell::output(&mut command).context("there is no fuzz crate")?)?;
    let empty = Vec::new();
    let all = metadata["packages"][0]["targets"].as_array().unwrap_or(&empty);
    let names = all.iter().filter(|target| target["kind"][0] == "bin");
    let names: Vec<String> = names.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    if names.is_empty() {
        bail!("the fuzz crate has no target");
    }
    Ok(names)
}
