//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, for a bounded time each.

use crate::packages::{self, Need};
use crate::shell;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
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

/// Coverage for libFuzzer by stable compiler flags; the parsers hold no `unsafe`, so no sanitiser is needed, and so no
/// nightly compiler either.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
];

/// A named triple keeps the flags away from build scripts.
const TRIPLE: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

fn fuzz(targets: &[String], seconds: u64) -> Result<bool> {
    packages::require(&[Need {
        program: "g++",
        package: "g++",
        why: "builds libFuzzer, which drives the fuzz targets",
    }])?;
    let mut build = shell::cargo();
    build.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", TRIPLE]);
    build.arg("--target-dir").arg(target_folder()).env("RUSTFLAGS", COVERAGE.join(" "));
    shell::must(&mut build)?;
    let mut fine = true;
    for target in targets {
        fine &= one(target, seconds)?;
    }
    Ok(fine)
}

fn one(target: &str, seconds: u64) -> Result<bool> {
    let fuzz = shell::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut command = Command::new(target_folder().join(TRIPLE).join("release").join(target));
    command.arg(&corpus);
    // What is found goes to the first folder; the seeds are only read.
    let seeds = fuzz.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"]);
    println!("    fuzzing {target} for {seconds} s");
    match shell::must(&mut command) {
        Ok(()) => Ok(true),
        Err(error) => {
            println!("    {error:#}; the input is in {}", artifacts.display());
            Ok(false)
        }
    }
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

fn target_folder() -> PathBuf {
    shell::root().join("fuzz/target")
}
