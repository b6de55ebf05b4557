//! `cargo xtask test`: every test, step by step, with one closing line.

use crate::tally::{Counts, Tally};
use crate::{demo, fuzz, generate, ownership, setup, shell, tidy, toolchain, vm};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Only these steps (may be given more than once).
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
    /// Seconds for each fuzz target: all of them take three minutes.
    #[arg(long, default_value_t = 12)]
    fuzz_seconds: u64,
    /// For `unit`, `e2e` and `demo`: arguments of the test runner, such as a part of a test's name.
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
    /// The demo with each of its servers, as root: exactly the expected alerts, and nothing left behind.
    Demo,
    /// The sensors and some scenarios on Debian's kernel in virtual machines, where other hooks serve.
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
        if steps.iter().any(|step| [Step::E2e, Step::Demo, Step::Vm].contains(step)) {
            setup::test_needs()?;
        }
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
            Step::Demo => demo(&options.runner),
            Step::Vm => vm::both(),
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

/// The workspace's default members. What watches with eBPF needs root, and says so by its name: that is run apart.
fn unit(runner: &[String]) -> Result<Counts> {
    let mut command = shell::cargo();
    command.args(["test", "--no-fail-fast", "--"]).args(others(runner));
    toolchain::tell(&mut command);
    let (mut counts, mut fine) = counted(&mut command)?;
    for binary in built(&["test", "--no-run"], true)? {
        let listed = shell::output(Command::new(&binary.path).args(runner).arg("--list"))?;
        let names = of_root(&listed);
        if names.is_empty() {
            continue;
        }
        tell_of_sudo("the unit tests that watch");
        let mut command = env_as_root()?;
        command.arg(&binary.path).args(only(runner, &names)).current_dir(&binary.folder);
        let (one, exited_fine) = counted(&mut command)?;
        counts += one;
        fine &= exited_fine;
    }
    Ok(counts.settle(fine))
}

/// How the names of tests that need root begin, behind their module's.
const ROOT: &str = "::root_";

/// The runner's arguments for what needs no root.
fn others(runner: &[String]) -> Vec<String> {
    ["--skip", ROOT].map(str::to_owned).into_iter().chain(runner.iter().cloned()).collect()
}

/// The runner's arguments for the tests with these names. A filter in `runner` has chosen them already; where whole names
/// count it adds none.
fn only(runner: &[String], names: &[String]) -> Vec<String> {
    let exact = "--exact".to_owned();
    let rest = runner.iter().filter(|argument| **argument != exact);
    rest.chain([&exact]).chain(names).cloned().collect()
}

/// The names of tests that need root, from what a runner lists.
fn of_root(listed: &str) -> Vec<String> {
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    names.filter(|name| name.contains(ROOT)).map(str::to_owned).collect()
}

/// Scenarios, transparency, sensors and all else but the demo.
fn end_to_end(runner: &[String]) -> Result<Counts> {
    let tripline = demo::build_release()?;
    as_root(&[("TRIPLINE_BIN", &tripline)], runner, |name| name != DEMO)
}

/// The test binary that plays the demo.
const DEMO: &str = "demo";

/// The demo with each of its servers.
fn demo(runner: &[String]) -> Result<Counts> {
    let (tripline, sample) = (demo::build_release()?, demo::build_sample()?);
    as_root(&[("TRIPLINE_BIN", &tripline), ("TRIPLINE_SAMPLE", &sample)], runner, |name| name == DEMO)
}

/// Builds as the invoking user, then runs the end-to-end test binaries that are `wanted` as root.
fn as_root(variables: &[(&str, &Path)], runner: &[String], wanted: impl Fn(&str) -> bool) -> Result<Counts> {
    tell_of_sudo("the end-to-end tests");
    let (mut counts, mut fine) = (Counts::default(), true);
    for binary in test_binaries("tests")?.into_iter().filter(|binary| wanted(&binary.name)) {
        let mut command = env_as_root()?;
        command.args(variables.iter().map(|(name, path)| format!("{name}={}", path.display()))).arg(&binary.path);
        // One at a time: a scenario may not see the effects of its neighbour's neighbours.
        command.args(["--test-threads=1"]).args(runner).current_dir(&binary.folder);
        let (one, exited_fine) = counted(&mut command)?;
        counts += one;
        fine &= exited_fine;
    }
    ownership::take_back()?;
    // What was left out on purpose is not a pass.
    counts.failed += counts.ignored;
    Ok(counts.settle(fine))
}

fn tell_of_sudo(what: &str) {
    if !shell::is_root() {
        println!("    watching a server with eBPF needs root: using sudo for {what}");
    }
}

/// `env` as root, which variables and a test binary follow. Tripline goes back to whoever called sudo, and these tests are
/// about root.
fn env_as_root() -> Result<Command> {
    let mut command = shell::as_root("env")?;
    for name in ["SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"] {
        command.args(["-u", name]);
    }
    Ok(command)
}

/// Something that cargo built: a test binary or a program.
pub struct Built {
    /// The target's name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its package's folder, where cargo would run it.
    pub folder: PathBuf,
}

/// The test binaries of a crate, built.
pub fn test_binaries(package: &str) -> Result<Vec<Built>> {
    let binaries = built(&["test", "--no-run", "--package", package], true)?;
    if binaries.is_empty() {
        bail!("the crate `{package}` has no test binary");
    }
    Ok(binaries)
}

/// The programs of a crate, built.
pub fn programs(package: &str) -> Result<Vec<Built>> {
    built(&["build", "--bins", "--package", package], false)
}

/// Runs cargo and answers what it built: test binaries or programs.
fn built(arguments: &[&str], tests: bool) -> Result<Vec<Built>> {
    let mut command = shell::cargo();
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    toolchain::tell(&mut command);
    println!("    $ {}", shell::shown(&command));
    let messages = shell::output(&mut command)?;
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["profile"]["test"] == tests)
        .filter_map(|message| {
            Some(Built {
                name: message["target"]["name"].as_str()?.to_owned(),
                path: message["executable"].as_str()?.into(),
                folder: Path::new(message["manifest_path"].as_str()?).parent()?.to_owned(),
            })
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_runs_once_either_as_the_caller_or_as_root() {
        let listed =
            "usage::help_is_printed: test\nbelow::root_a_server: test\nenrich::only_root_can: test\n\n3 tests\n";
        let names = of_root(listed);
        assert_eq!(names, ["below::root_a_server"]);
        let runner = ["--exact", "--nocapture", "server"].map(str::to_owned);
        assert_eq!(others(&runner), ["--skip", ROOT, "--exact", "--nocapture", "server"]);
        assert_eq!(only(&runner, &names), ["--nocapture", "server", "--exact", "below::root_a_server"]);
    }
}
