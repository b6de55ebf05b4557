//! The socket on which a running agent takes `exec`'s registrations: one line of JSON each way.
//!
//! It lies in the state folder (0700, root's), so only root reaches it; other users knock at the `doorway`.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest a side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest line.
pub const MAX_LINE: u64 = 64 << 10;

/// What `exec` asks of a running agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The process that is going to execute the server.
    pub pid: u32,
    /// Its command: resolved executable.
    pub exe: PathBuf,
    /// Its arguments, the program first.
    pub argv: Vec<String>,
    /// Profile by name or file, if one was asked for.
    pub profile: Option<String>,
    /// Where else its alerts go.
    pub alerts: Option<PathBuf>,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Everything the process does from its next execution on is seen.
    Armed,
    /// It can't be watched; why.
    Refused(String),
}

/// Where the socket of a state folder is.
#[must_use]
pub fn socket(state: &Path) -> PathBuf {
    state.join("agent.sock")
}

/// Asks a running agent: the one with that state folder, else the one of this host; `None` if neither runs.
#[must_use]
pub fn register(state: &Path, runtime: &Path, registration: &Registration) -> Option<Answer> {
    let stream = UnixStream::connect(socket(state)).ok().or_else(|| crate::doorway::connect(runtime))?;
    let refused = |error: io::Error| Answer::Refused(format!("the running agent did not answer: {error}"));
    Some(exchange(stream, registration).unwrap_or_else(refused))
}

/// Whether one runs that would be asked.
#[must_use]
pub fn runs(state: &Path, runtime: &Path) -> bool {
    UnixStream::connect(socket(state)).is_ok() || crate::doorway::connect(runtime).is_some()
}

fn exchange(mut stream: UnixStream, registration: &Registration) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(registration)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut said = String::new();
    BufReader::new(stream.take(MAX_LINE)).read_line(&mut said)?;
    Ok(serde_json::from_str(&said)?)
}

/// The agent's end.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens; refuses if another agent does already.
    ///
    /// # Errors
    /// As the socket says; `AddrInUse` if an agent runs.
    pub fn open(state: &Path) -> io::Result<Self> {
        let path = socket(state);
        if UnixStream::connect(&path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another tripline agent runs with this state folder"));
        }
        let _stale = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path })
    }

    /// Serves everybody who waits; never blocks for longer than one peer's patience.
    pub fn serve(&self, mut each: impl FnMut(Registration) -> Answer) {
        while let Ok((stream, _)) = self.listener.accept() {
            if let Err(error) = answer(&stream, &mut each) {
                tracing::warn!(%error, "a registration failed");
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

fn answer(stream: &UnixStream, each: &mut impl FnMut(Registration) -> Answer) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    let mut line = String::new();
    if BufReader::new(stream.take(MAX_LINE)).read_line(&mut line)? == 0 {
        return Ok(()); // somebody who only wanted to know whether an agent runs
    }
    let said = match serde_json::from_str(&line) {
        Ok(registration) => each(registration),
        Err(error) => Answer::Refused(format!("not a registration: {error}")),
    };
    let mut out = serde_json::to_vec(&said)?;
    out.push(b'\n');
    (&*stream).write_all(&out)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Listener, Registration, register};

    fn registration() -> Registration {
        Registration { pid: 7, exe: "/bin/true".into(), argv: vec!["true".into()], profile: None, alerts: None }
    }

    #[test]
    fn nobody_listens_nobody_answers() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(register(dir.path(), dir.path(), &registration()), None);
    }

    #[test]
    fn a_registration_is_answered_and_a_second_agent_refused() {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::open(dir.path()).unwrap();
        let state = dir.path().to_owned();
        let client = std::thread::spawn(move || register(&state, &state, &registration()));
        let mut seen = None;
        while seen.is_none() {
            listener.serve(|registration| {
                seen = Some(registration.pid);
                Answer::Armed
            });
            std::thread::yield_now();
        }
        assert_eq!(client.join().unwrap(), Some(Answer::Armed));
        assert_eq!(seen, Some(7));
        assert!(Listener::open(dir.path()).is_err());
    }
}
