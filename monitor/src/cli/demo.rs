//! `tripline demo`: what Tripline sees when a server is used, and when it is abused.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FAILED, FINE, Failure};
use crate::demo::{self, Want};

/// Benign use and attacks against a real server, on loopback, with the timeline printed.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs root. Everything happens in mounts and a network of the demo's own, with made-up secrets: \
nothing leaves this machine, no file of it is changed, and nothing is left behind.\n\nExit status: 0 if exactly the \
expected alerts came, 1 otherwise."
)]
pub struct Demo {
    /// The server to watch; `auto` is the one of npm where Node and the package are there, else the sample
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    server: Choice,
    /// The installed package @cloudflare/mcp-server-cloudflare [default: looked for]
    #[arg(long, value_name = "FOLDER", overrides_with = "package")]
    package: Option<PathBuf>,
    /// The node program [default: the one on PATH]
    #[arg(long, value_name = "PATH", overrides_with = "node")]
    node: Option<PathBuf>,
    /// The sample server [default: `sample-server` beside this program]
    #[arg(long, value_name = "PATH", overrides_with = "sample")]
    sample: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    Auto,
    Npm,
    Sample,
}

impl Demo {
    /// Plays it.
    pub fn run(self) -> u8 {
        let want = Want {
            npm: !matches!(self.server, Choice::Sample),
            sample: !matches!(self.server, Choice::Npm),
            package: self.package,
            node: self.node,
            sample_server: self.sample,
        };
        match demo::run(&want) {
            Ok(true) => FINE,
            Ok(false) => FAILED,
            Err(error) => Failure::from(error).report(),
        }
    }
}
