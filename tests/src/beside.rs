//! A server beside the one under test that nobody watches: what a bridge passes calls on to.

use crate::peer::BOUND;
use crate::place::Place;
use crate::run::plain_environment;
use crate::{scenario, wait};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// It runs as long as this lives.
pub struct Beside {
    child: Child,
}

impl Beside {
    /// Starts it and waits until it takes connections.
    pub fn start(server: &scenario::Beside, place: &Place) -> Result<Beside> {
        let words: Vec<String> = server.command.iter().map(|word| place.fill(word, None)).collect();
        let (program, arguments) = words.split_first().context("a server beside has no command")?;
        let log = place.path(&format!("beside-{}.txt", server.port));
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(plain_environment(place))
            .envs(server.environment.iter().map(|(name, value)| (name, place.fill(value, None))))
            .current_dir(place.path("scratch"))
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut beside = Beside { child };
        let address = ("127.0.0.1", server.port);
        let ended = wait::until(&format!("{program} to listen at {}", server.port), BOUND, || {
            let ended = beside.child.try_wait().ok().flatten();
            ended.map(Some).or_else(|| TcpStream::connect(address).is_ok().then_some(None))
        })?;
        match ended {
            Some(status) => bail!("{program} ended with {status}: {}", std::fs::read_to_string(&log)?),
            None => Ok(beside),
        }
    }

    /// Its PID, so that it is not taken for something a test left behind.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
