//! One test per file of `scenarios/`: `cargo xtask test --only e2e -- NAME` runs those whose name holds NAME.

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tests::scenario::Scenario;
use tests::{network, process, run, subject};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Every process of a test must have ended before the next begins, and nobody else's may run.
    arguments.test_threads = Some(1);
    let trials = match trials() {
        Ok(trials) => trials,
        Err(error) => return complain(&error),
    };
    if !arguments.list
        && let Err(error) = prepare()
    {
        return complain(&error);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn complain(error: &anyhow::Error) -> ExitCode {
    eprintln!("the scenarios cannot run: {error:#}");
    ExitCode::FAILURE
}

fn prepare() -> Result<()> {
    network::enter()?;
    process::adopt_orphans()?;
    subject::prepare()?;
    network::populate()
}

fn trials() -> Result<Vec<Trial>> {
    let folder = subject::root().join("tests/scenarios");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    Ok(paths.into_iter().map(|path| trial(&path)).collect())
}

fn trial(path: &Path) -> Trial {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = path.to_owned();
    Trial::test(name.clone(), move || {
        let scenario = Scenario::read(&path).map_err(failed)?;
        run::play(&name, &scenario, Path::new(env!("CARGO_BIN_EXE_first_read"))).map_err(failed)
    })
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}
