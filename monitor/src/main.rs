//! The `tripline` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    monitor::cli::main()
}
