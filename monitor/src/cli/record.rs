//! `tripline record`: as `exec`, `attach` or `run`, and every event is kept.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::attach::Attach;
use super::exec::Exec;
use super::run::Run;
use super::{Failure, WatchOptions};

/// Watch and record.
#[derive(Debug, Args)]
#[command(
    override_usage = "tripline record -o <FILE> [OPTIONS] -- <COMMAND>...\n       tripline record -o <FILE> [OPTIONS] --pid \
<PID>\n       tripline record -o <FILE> [OPTIONS]",
    after_help = "With COMMAND everything is as with `tripline exec`, the exit status too; with --pid as with `tripline \
attach`; with neither as with `tripline run`. The recording holds parsed events in the order in which they were judged, and no secret: tokens are fingerprints, \
contents are not kept.\n\nExamples:\n  sudo tripline record -o session.ndjson -- npx -y @modelcontextprotocol/server-everything\n  \
sudo tripline record -o session.ndjson --pid 4711\n  tripline replay session.ndjson"
)]
pub struct Record {
    /// The recording; made anew, an existing one is not overwritten
    #[arg(long, short = 'o', value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    options: WatchOptions,
    /// Watch this running process instead of starting COMMAND
    #[arg(long, conflicts_with = "command")]
    pid: Option<u32>,
    /// The server's command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Record {
    /// Returns as `exec`, `attach` or `run` does.
    pub fn run(self) -> u8 {
        if let Err(failure) = fresh(&self.output) {
            return failure.report();
        }
        let options = WatchOptions { recording: Some(self.output), ..self.options };
        match self.pid {
            Some(pid) => Attach { options, pid }.run(),
            None if self.command.is_empty() => Run { options }.run(),
            None => Exec { options, command: self.command }.run(),
        }
    }
}

/// Two sessions in one file can't be replayed, and somebody may still need the first.
fn fresh(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Err(Failure::usage("-o - is refused: standard output belongs to the server; name a file"));
    }
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(Failure::usage(format!("-o {} is a folder; name a file", path.display()))),
        Ok(meta) if meta.len() > 0 => {
            Err(Failure::usage(format!("-o {} is there already; remove it or name another file", path.display())))
        }
        _ => Ok(()),
    }
}
