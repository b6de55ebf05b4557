//! The watcher behind `exec`: arms, tells the process that waits, and watches until its last descendant has ended.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use clap::Args;

use super::options::fingerprint_key;
use super::{FAILED, FINE, Failure, WatchOptions};
use crate::claims::Claims;
use crate::discover::{Start, find_command};
use crate::session::Session;

/// The watcher behind `exec`.
#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    options: WatchOptions,
    /// Where every normalised event is kept
    #[arg(long)]
    recording: Option<PathBuf>,
    /// The process that is going to execute the server
    #[arg(long)]
    pid: u32,
    /// Descriptor to tell readiness on
    #[arg(long)]
    ready: i32,
}

impl Watch {
    /// Watches until there is nothing left to watch.
    pub fn run(self) -> u8 {
        // SAFETY: `exec` opened this descriptor for us and nothing else here uses it.
        let mut ready = File::from(unsafe { OwnedFd::from_raw_fd(self.ready) });
        match self.arm() {
            Ok((mut session, stop)) => {
                let said = ready.write_all(b"armed\n");
                drop(ready);
                if said.is_err() {
                    return FAILED;
                }
                session.run(&stop);
                // The server's status is the server's own; the log is the one place to tell.
                match written(&session) {
                    Ok(()) => FINE,
                    Err(failure) => {
                        tracing::error!("{}", failure.message);
                        failure.status
                    }
                }
            }
            Err(failure) => {
                let line = failure.message.replace('\n', " ");
                let _gone = ready.write_all(format!("{line}\n").as_bytes());
                failure.status
            }
        }
    }

    fn arm(&self) -> Result<(Session, Arc<AtomicBool>), Failure> {
        let options = WatchOptions { recording: self.recording.clone(), ..self.options.clone() };
        let stay = crate::limits::take_own().map_err(Failure::failed)?;
        let stop = stop_flag(OnHangup::Ignore)?;
        let prepared = options.prepare()?;
        crate::telemetry::to_file(&prepared.store.dir.join("tripline.log"));
        stay.iter().for_each(|limit| tracing::warn!("{limit}"));
        let claims = Claims::open(&prepared.runtime);
        claims.free(self.pid).map_err(Failure::failed)?;
        let key = fingerprint_key(&prepared.store)?;
        let output = options.open(&prepared)?;
        let profiles = prepared.engine.profiles.clone();
        let mut session = Session::arm(prepared.engine, key.clone(), output)?;
        session.share(claims);
        let start = self.start()?;
        session.attach_ahead(&start);
        session.watch(start.describe(&profiles, prepared.profile.as_ref(), &key), true)?;
        Ok((session, stop))
    }

    /// What is going to be executed: the part of the waiting process's own command line behind `--`.
    fn start(&self) -> Result<Start, Failure> {
        let cmdline = fs::read(format!("/proc/{}/cmdline", self.pid))
            .map_err(|error| Failure::failed(format!("process {} is gone: {error}", self.pid)))?;
        let all: Vec<String> = cmdline
            .strip_suffix(&[0])
            .unwrap_or(&cmdline)
            .split(|byte| *byte == 0)
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .collect();
        let argv: Vec<String> = all.into_iter().skip_while(|arg| arg != "--").skip(1).collect();
        let command = argv.first().cloned().unwrap_or_default();
        let found = find_command(command.as_ref()).unwrap_or_else(|_| command.into());
        let exe = fs::canonicalize(&found).unwrap_or(found);
        Ok(Start { pid: self.pid, since: None, exe, argv, from_start: true, called: None })
    }
}

/// Whether everything was written that there was to write, now that the session is over.
pub fn written(session: &Session) -> Result<(), Failure> {
    let lost = session.unwritten();
    if lost.is_empty() { Ok(()) } else { Err(Failure::failed(lost.join("; "))) }
}

/// What SIGHUP means to a verb: never death with something unwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHangup {
    /// The terminal is gone: end in order.
    End,
    /// Service managers ask so for a new configuration: say that there is none until the next start.
    Say,
    /// Somebody else's terminal.
    Ignore,
}

/// Set by SIGTERM and SIGINT from the return of this function on: end in order, with everything written.
///
/// # Errors
/// The kernel gives no thread or no handler. Without them a verb would die with something unwritten, so it does not start.
pub fn stop_flag(hangup: OnHangup) -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let (tell, told) = sync_channel(1);
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot take signals: {error}"));
    let _detached = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            match runtime.and_then(|runtime| runtime.block_on(wait_to_stop(hangup, &tell))) {
                Ok(()) => shared.store(true, Ordering::Relaxed),
                // Nobody waits for it any more if the handlers were there already.
                Err(error) => drop(tell.try_send(Err(error))),
            }
        })
        .map_err(cannot)?;
    match told.recv() {
        Ok(Ok(())) => Ok(flag),
        Ok(Err(error)) => Err(cannot(error)),
        Err(_gone) => Err(Failure::failed("cannot take signals".to_owned())),
    }
}

/// Returns when it is time to end; `tell` hears once that the handlers are there.
async fn wait_to_stop(hangup: OnHangup, tell: &SyncSender<std::io::Result<()>>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let _waits = tell.try_send(Ok(()));
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hung_up.recv() => match hangup {
                OnHangup::End => return Ok(()),
                OnHangup::Say => tracing::info!(
                    "SIGHUP: the configuration is read at start only, and watching goes on; restart to apply it"
                ),
                OnHangup::Ignore => {}
            },
        }
    }
}
