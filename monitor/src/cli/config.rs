//! `tripline config`: the configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::read_config;
use super::out::{Out, plain};
use super::{Failure, report};

/// Look at the configuration.
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Validate a configuration file; unknown keys are errors
    #[command(
        after_help = "Prints one line and exits 0 if the file is valid; else names file, line and column and exits 2.\
\n\nExample:\n  tripline config check /etc/tripline/config.toml"
    )]
    Check {
        /// The file
        file: PathBuf,
    },
}

impl Config {
    /// Runs the verb.
    pub fn run(self) -> u8 {
        let Verb::Check { file } = self.verb;
        report(check(&file))
    }
}

fn check(file: &std::path::Path) -> Result<(), Failure> {
    read_config(Some(file))?;
    let mut out = Out::new();
    out.line(format_args!("{}: valid", plain(&file.display().to_string())))?;
    out.flush()
}
