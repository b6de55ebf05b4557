//! Build, test, bench, demo and upkeep of Tripline: `cargo xtask VERB`.
//!
//! Every verb installs what it lacks, says what and why before it does, and takes seconds the second time.

mod bench;
mod demo;
mod deny;
mod fuzz;
#[path = "gen.rs"] // `gen` is a word of the language
mod generate;
mod ownership;
mod packages;
mod setup;
mod shell;
mod subjects;
mod tally;
mod test;
mod tidy;
mod toolchain;
mod vm;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Build, test, bench, demo and upkeep of Tripline.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what is missing to build and test: rust-src, bpf-linker, Debian packages, test subjects.
    ///
    /// Says what it installs and why before it does. Running it again changes nothing and takes seconds.
    Setup {
        /// Only say what is missing; exit 1 if anything is.
        #[arg(long)]
        check: bool,
    },
    /// Run every test: format, lints, unit tests, docs, tidy, fuzz, end-to-end on this kernel, and the sensors on Debian's
    /// kernel in a virtual machine.
    ///
    /// Installs what it lacks first. Uses sudo for the end-to-end part if not root, because eBPF needs it.
    /// A need that cannot be met fails the run; nothing is skipped silently.
    Test(test::Options),
    /// Build the release binary and run the demo: benign use and attacks against a real server on loopback.
    Demo {
        /// Arguments passed on to `tripline demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure what Tripline costs, beside nothing, the floor and its peers, and write docs/benchmarks.md.
    ///
    /// Takes about half an hour on a quiet machine; exit 1 where a goal is missed.
    Bench(bench::Options),
    /// Check the rules that no compiler knows: crate directions, banned calls, file length, links, licences.
    Tidy,
    /// Write the files that are made from other committed files.
    #[command(alias = "gen")]
    Generate {
        /// Write nothing; exit 1 where a file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Run the sensors' tests on Debian's kernel in a virtual machine, where BPF LSM and fexit hooks serve.
    Vm(vm::Options),
    /// Fuzz the parsers for longer than `test` does.
    Fuzz(fuzz::Options),
    /// Check licences, sources and banned crates of every dependency with cargo-deny (installed if missing).
    Deny,
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)`: the verb ran and found something wrong, which it has printed.
fn run(verb: Verb) -> Result<bool> {
    std::env::set_current_dir(shell::root())?;
    match verb {
        Verb::Setup { check } => setup::run(check),
        Verb::Test(options) => test::run(&options),
        Verb::Demo { arguments } => demo::run(&arguments),
        Verb::Bench(options) => bench::run(&options),
        Verb::Tidy => tidy::run(),
        Verb::Generate { check } => generate::generate(check).map(|()| true),
        Verb::Vm(options) => vm::run(&options),
        Verb::Fuzz(options) => fuzz::run(&options),
        Verb::Deny => deny::run(),
    }
}
