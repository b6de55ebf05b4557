//! Reads a file as its first act, then becomes the program that it was given: `first_read FILE PROGRAM [ARGUMENT…]`.
//!
//! Stands for a server whose very first instruction steals a credential, before anybody could have noticed it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), Some(program)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: first_read FILE PROGRAM [ARGUMENT…]");
        return ExitCode::from(2);
    };
    let outcome = std::fs::read(&file);
    eprintln!("{{\"deed\": \"first_read\", \"pid\": {}, \"ok\": {}}}", std::process::id(), outcome.is_ok());
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("cannot become {}: {error}", program.display());
    ExitCode::FAILURE
}
