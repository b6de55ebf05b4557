//! The socket on which a running agent takes registrations of ordinary users: `exec` without root.
//!
//! Everybody may connect, so nothing that a peer does holds up the thread that judges: another thread accepts, waits,
//! and hands over whole requests. A peer can register itself only (the kernel says who it is), as its own user's process,
//! names no file that the agent opens, and has a share of the agent's attention.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use monitor_core::profile::Profiles;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::agent::{Answer, MAX_LINE, Registration};
use crate::claims::private_folder;
use crate::discover::proc_of;
use crate::pipeline::enrich;

/// How long a peer has for its whole request.
const PATIENCE: Duration = Duration::from_secs(1);
/// Requests that are being read: of everybody, and of one user.
const READING: usize = 32;
const READING_OF_ONE: usize = 4;
/// Requests that wait to be judged.
const WAITING: usize = 16;
/// Requests that are judged at one look.
const AT_ONCE: usize = 4;
/// Registered servers of one user that run.
const MOST_OF_ONE: usize = 32;
/// Registrations of one user in [`WINDOW`].
const RATE: usize = 16;
const WINDOW: Duration = Duration::from_secs(10);

/// A whole request, and who made it.
struct Request {
    stream: UnixStream,
    uid: u32,
    registration: Registration,
}

/// See the module documentation.
pub struct Doorway {
    path: PathBuf,
    requests: Receiver<Request>,
    registered: BTreeMap<u32, Vec<(Instant, monitor_core::id::ProcId)>>,
}

/// Where the socket is.
#[must_use]
pub fn socket(runtime: &Path) -> PathBuf {
    runtime.join("agent.sock")
}

/// A connection to the agent of this host, if one runs, and it is root's.
#[must_use]
pub fn connect(runtime: &Path) -> Option<UnixStream> {
    let stream = UnixStream::connect(socket(runtime)).ok()?;
    let peer = getsockopt(&stream, PeerCredentials).ok()?;
    (peer.uid() == 0).then_some(stream)
}

impl Doorway {
    /// Listens below `runtime`.
    ///
    /// # Errors
    /// `AddrInUse` if another agent does; as the system says otherwise.
    pub fn open(runtime: &Path) -> io::Result<Self> {
        private_folder(runtime, 0o755)?;
        let path = socket(runtime);
        if UnixStream::connect(&path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another agent takes them already"));
        }
        let _stale = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let (send, requests) = sync_channel(WAITING);
        let _detached =
            std::thread::Builder::new().name("registrations".to_owned()).spawn(move || accept(&listener, &send))?;
        Ok(Self { path, requests, registered: BTreeMap::new() })
    }

    /// Judges a few of the requests that wait; never waits itself.
    pub fn serve(&mut self, mut each: impl FnMut(Registration) -> Answer) {
        for _ in 0..AT_ONCE {
            let Ok(Request { stream, uid, registration }) = self.requests.try_recv() else { return };
            let proc = proc_of(registration.pid);
            let answer = match self.share(uid) {
                Err(why) => Answer::Refused(why),
                Ok(()) if !is_own(registration.pid, uid) => {
                    Answer::Refused("the process is not wholly its user's own".to_owned())
                }
                Ok(()) => each(registration),
            };
            if answer == Answer::Armed {
                self.registered.entry(uid).or_default().push((Instant::now(), proc));
            }
            say(&stream, &answer);
        }
    }

    /// Whether a user has a registration left.
    fn share(&mut self, uid: u32) -> Result<(), String> {
        for list in self.registered.values_mut() {
            list.retain(|(at, proc)| at.elapsed() < WINDOW || enrich::is_running(*proc));
        }
        self.registered.retain(|_, list| !list.is_empty());
        let Some(list) = self.registered.get(&uid) else { return Ok(()) };
        if list.iter().filter(|(at, _)| at.elapsed() < WINDOW).count() >= RATE {
            return Err(format!("user {uid} has registered {RATE} servers within {} s; try later", WINDOW.as_secs()));
        }
        if list.iter().filter(|(_, proc)| enrich::is_running(*proc)).count() >= MOST_OF_ONE {
            return Err(format!("user {uid} has {MOST_OF_ONE} registered servers; end one first"));
        }
        Ok(())
    }
}

impl Drop for Doorway {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

/// The thread that accepts, until the agent ends.
fn accept(listener: &UnixListener, send: &SyncSender<Request>) {
    let reading: Arc<Mutex<Vec<u32>>> = Arc::default();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a registration could not be accepted");
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let Ok(peer) = getsockopt(&stream, PeerCredentials) else { continue };
        let Ok(pid) = u32::try_from(peer.pid()) else { continue };
        let uid = peer.uid();
        {
            let mut now = reading.lock().unwrap_or_else(PoisonError::into_inner);
            if pid == 0 || now.len() >= READING || now.iter().filter(|of| **of == uid).count() >= READING_OF_ONE {
                continue;
            }
            now.push(uid);
        }
        let (shared, send) = (Arc::clone(&reading), send.clone());
        let spawned =
            std::thread::Builder::new().name("registration".to_owned()).stack_size(256 << 10).spawn(move || {
                hear(stream, pid, uid, &send);
                done(&shared, uid);
            });
        if spawned.is_err() {
            done(&reading, uid);
        }
    }
}

fn done(reading: &Mutex<Vec<u32>>, uid: u32) {
    let mut now = reading.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = now.iter().position(|of| *of == uid) {
        now.swap_remove(at);
    }
}

/// Reads one request and hands it over, with who the kernel says it is from instead of what it says itself.
fn hear(stream: UnixStream, pid: u32, uid: u32, send: &SyncSender<Request>) {
    let Ok(line) = line(&stream) else { return };
    let registration = match serde_json::from_slice::<Registration>(&line) {
        Ok(registration) => Registration { pid, ..registration },
        Err(error) => return say(&stream, &Answer::Refused(format!("not a registration: {error}"))),
    };
    if uid != 0 && registration.alerts.is_some() {
        return say(&stream, &Answer::Refused("only root names files that the agent writes".to_owned()));
    }
    let shipped = |name: &str| Profiles::builtin().get(name).is_some();
    if uid != 0 && registration.profile.as_deref().is_some_and(|name| !shipped(name)) {
        return say(&stream, &Answer::Refused("only root names files of profiles; name a shipped profile".to_owned()));
    }
    if let Err(error) = send.try_send(Request { stream, uid, registration })
        && let std::sync::mpsc::TrySendError::Full(Request { stream, .. }) = error
    {
        say(&stream, &Answer::Refused("the agent is busy; try again".to_owned()));
    }
}

/// One line within the time and the bytes that everybody has.
fn line(mut stream: &UnixStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let (mut line, mut piece) = (Vec::new(), [0; 4096]);
    while !line.ends_with(b"\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || line.len() as u64 > MAX_LINE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let got = stream.read(&mut piece)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(piece.get(..got).unwrap_or_default());
    }
    Ok(line)
}

/// An answer fits into the socket's buffer: who doesn't read it is not waited for.
fn say(mut stream: &UnixStream, answer: &Answer) {
    if let Ok(mut line) = serde_json::to_vec(answer) {
        line.push(b'\n');
        let _gone = stream.set_nonblocking(true).and_then(|()| stream.write_all(&line));
    }
}

/// Whether all ids of a process are this user's: its number may be somebody else's by now, and a program that took
/// other rights is not the user's to give away.
fn is_own(pid: u32, uid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let ids = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.is_some_and(|ids| ids.split_whitespace().all(|id| id.parse() == Ok(uid)))
}
