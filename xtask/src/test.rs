//! `cargo xtask test`: every test, step by step, with one closing line.

use crate::tally::{Counts, Tally};
use crate::{demo, fuzz, generate, setup, shell, tidy, toolchain, vm};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Only these steps (may be given more than once).
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
    /// Seconds for each fuzz target.
    #[arg(long, default_value_t = 50)]
    fuzz_seconds: u64,
    /// For `unit` and `e2e`: arguments of the test runner, such as a part of a test's name.
    #[arg(last = true, value_name = "RUNNER ARGUMENTS")]
    runner: Vec<String>,
}

/// One step of the run, in the order of running: what fails fast comes first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// `cargo fmt --check`.
    Format,
    /// The rules that no compiler knows.
    Tidy,
    /// Generated files are up to date.
    Generated,
    /// Clippy over everything, warnings are errors.
    Lint,
    /// Unit, property and documentation tests of every crate.
    Unit,
    /// The documentation builds without a warning.
    Docs,
    /// Each parser's fuzz target, from its seeds.
    Fuzz,
    /// Scenarios and transparency tests on this machine's kernel, as root.
    E2e,
    /// The sensors and some scenarios on Debian's kernel in a virtual machine, where other hooks serve.
    Vm,
}

/// Runs the steps; `Ok(false)` when anything failed.
pub fn run(options: &Options) -> Result<bool> {
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| options.only.is_empty() || options.only.contains(step))
        .collect();
    let mut tally = Tally::default();
    timed(&mut tally, "set-up", || {
        setup::build_needs()?;
        if steps.contains(&Step::E2e) || steps.contains(&Step::Vm) { setup::test_needs() } else { Ok(()) }?;
        Ok(Counts::default())
    });
    for step in steps {
        let name = step.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        timed(&mut tally, &name, || match step {
            Step::Format => check(shell::cargo().args(["fmt", "--all", "--check"])),
            Step::Tidy => tidy::run().map(Counts::check),
            Step::Generated => generate::generate(true).map(|()| Counts::check(true)),
            Step::Lint => lint(),
            Step::Unit => unit(&options.runner),
            Step::Docs => {
                check(shell::cargo().args(["doc", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "--deny warnings"))
            }
            Step::Fuzz => fuzz::all(options.fuzz_seconds).map(Counts::check),
            Step::E2e => end_to_end(&options.runner),
            Step::Vm => vm::counts(&vm::Options::default()),
        });
    }
    println!("{}", tally.report());
    Ok(tally.is_fine())
}

/// Runs one step; an error is printed and counts as one failure.
fn timed(tally: &mut Tally, name: &str, step: impl FnOnce() -> Result<Counts>) {
    println!("\n==> {name}");
    let start = Instant::now();
    let counts = step().unwrap_or_else(|error| {
        println!("    {name} failed: {error:#}");
        Counts::check(false)
    });
    let took: Duration = start.elapsed();
    tally.add(name, took, counts);
}

fn check(command: &mut Command) -> Result<Counts> {
    toolchain::tell(command);
    Ok(match shell::must(command) {
        Ok(()) => Counts::check(true),
        Err(error) => {
            println!("    {error:#}");
            Counts::check(false)
        }
    })
}

/// The eBPF crates are left out: they build for the BPF target only, which `monitor/build.rs` and `bench` do.
fn lint() -> Result<Counts> {
    let mut command = shell::cargo();
    command.args(["clippy", "--quiet", "--workspace", "--all-targets"]);
    command.args(["--exclude", "monitor-ebpf", "--exclude", "bench-ebpf"]);
    command.args(["--", "--deny", "warnings"]);
    check(&mut command)
}

/// The workspace's default members.
fn unit(runner: &[String]) -> Result<Counts> {
    let mut command = shell::cargo();
    command.args(["test", "--no-fail-fast", "--"]).args(runner);
    toolchain::tell(&mut command);
    let (counts, fine) = counted(&mut command)?;
    Ok(counts.settle(fine))
}

/// Builds as the invoking user, then runs the test binaries as root.
fn end_to_end(runner: &[String]) -> Result<Counts> {
    let tripline = demo::build_release()?;
    if !shell::is_root() {
        println!("    watching a server with eBPF needs root: using sudo for the end-to-end tests");
    }
    let (mut counts, mut fine) = (Counts::default(), true);
    for binary in test_binaries("tests")? {
        let mut command = shell::as_root("env")?;
        command.arg(format!("TRIPLINE_BIN={}", tripline.display())).arg(&binary);
        // One at a time: a scenario may not see the effects of its neighbour's neighbours.
        command.args(["--test-threads=1"]).args(runner).current_dir(shell::root().join("tests"));
        let (one, exited_fine) = counted(&mut command)?;
        counts += one;
        fine &= exited_fine;
    }
    // What was left out on purpose is not a pass.
    counts.failed += counts.ignored;
    Ok(counts.settle(fine))
}

/// The test binaries of a crate, built.
pub fn test_binaries(package: &str) -> Result<Vec<PathBuf>> {
    let binaries = built(&["test", "--no-run", "--package", package], true)?;
    if binaries.is_empty() {
        bail!("the crate `{package}` has no test binary");
    }
    Ok(binaries)
}

/// The programs of a crate, built.
pub fn programs(package: &str) -> Result<Vec<PathBuf>> {
    built(&["build", "--bins", "--package", package], false)
}

/// Runs cargo and answers what it built: test binaries or programs.
fn built(arguments: &[&str], tests: bool) -> Result<Vec<PathBuf>> {
    let mut command = shell::cargo();
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    toolchain::tell(&mut command);
    println!("    $ {}", shell::shown(&command));
    let messages = shell::output(&mut command)?;
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["profile"]["test"] == tests)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect())
}

/// Runs a test runner, passing its output on and adding its results up; false when it exited with an error.
fn counted(command: &mut Command) -> Result<(Counts, bool)> {
    println!("    $ {}", shell::shown(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", shell::shown(command)))?;
    let mut counts = Counts::default();
    let mut ours = std::io::stdout().lock();
    for line in BufReader::new(child.stdout.take().context("no output")?).split(b'\n') {
        let line = line?;
        ours.write_all(&line)?;
        ours.write_all(b"\n")?;
        counts.add_line(&String::from_utf8_lossy(&line));
    }
    Ok((counts, child.wait()?.success()))
}
