//! Which servers of this host are watched, and by whom: two watchers never report the same effect.
//!
//! A watcher holds a lock on a file for each server, named by its process's number and start. The kernel gives locks up
//! when their holder dies, however it dies, so that nothing that lies there afterwards binds anybody. Only root can write
//! to the folder; where there is none that can be trusted, watchers don't know of each other, which is said once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use monitor_core::id::ProcId;
use nix::fcntl::{Flock, FlockArg};

use crate::pipeline::enrich;

/// Longest line of ancestors that is followed.
const MAX_DEPTH: usize = 256;

/// A server that another process watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The server's first process.
    pub server: u32,
    /// The process that watches it; 0 if it didn't say.
    pub watcher: u32,
}

/// A server that this process watches; given up when dropped.
#[derive(Debug)]
pub struct Claim {
    _lock: Flock<File>,
    path: PathBuf,
}

/// The folder of claims.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    dir: Option<PathBuf>,
}

impl Claims {
    /// The folder below `runtime`, made if it isn't there; what dead watchers left is removed.
    #[must_use]
    pub fn open(runtime: &Path) -> Self {
        let dir = runtime.join("servers");
        let made = private_folder(runtime, 0o755).and_then(|()| private_folder(&dir, 0o700));
        if let Err(error) = made {
            tracing::warn!("other watchers of this host are not known of: {error}; set [state] runtime");
            return Self::default();
        }
        let claims = Self { dir: Some(dir) };
        claims.sweep();
        claims
    }

    /// Takes a server, unless somebody else has it or an ancestor of it.
    ///
    /// # Errors
    /// Who has it.
    pub fn take(&self, server: ProcId) -> Result<Option<Claim>, Taken> {
        let Some(dir) = &self.dir else { return Ok(None) };
        if let Some(taken) = self.above(server.pid) {
            return Err(taken);
        }
        match lock(&path(dir, server)) {
            Ok(Ok(claim)) => Ok(Some(claim)),
            Ok(Err(watcher)) => Err(Taken { server: server.pid, watcher }),
            Err(error) => {
                tracing::warn!(pid = server.pid, %error, "cannot tell other watchers of a server");
                Ok(None)
            }
        }
    }

    /// For who watches one process: says early that another watcher has it.
    ///
    /// # Errors
    /// Who has it, and what to do.
    pub fn free(&self, pid: u32) -> Result<(), String> {
        self.above(pid).map_or(Ok(()), |taken| Err(taken.advice()))
    }

    /// Whether another watcher has this process or an ancestor of it.
    #[must_use]
    pub fn above(&self, pid: u32) -> Option<Taken> {
        let dir = self.dir.as_deref()?;
        let mut next = Some(pid);
        for _ in 0..MAX_DEPTH {
            let pid = next.filter(|pid| *pid > 1)?;
            let start = enrich::start_of(pid)?;
            if let Some(watcher) = holder(&path(dir, ProcId { pid, start }))
                && watcher != std::process::id()
            {
                return Some(Taken { server: pid, watcher });
            }
            next = parent_of(pid);
        }
        None
    }

    fn sweep(&self) {
        let Some(entries) = self.dir.as_deref().and_then(|dir| fs::read_dir(dir).ok()) else { return };
        for entry in entries.flatten() {
            // Whoever can be locked has no holder; dropping the claim removes it.
            drop(lock(&entry.path()));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // While the lock is held: nobody else can have taken the name meanwhile.
        let _gone = fs::remove_file(&self.path);
    }
}

impl Taken {
    /// For a person who wanted to watch it.
    #[must_use]
    pub fn advice(&self) -> String {
        format!("{self}; leave it to that one, or end it first")
    }
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} is watched already, with everything it starts, by tripline", self.server)?;
        if self.watcher != 0 {
            write!(f, " (process {})", self.watcher)?;
        }
        Ok(())
    }
}

/// Numbers of processes mean something within their namespace only.
fn path(dir: &Path, server: ProcId) -> PathBuf {
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino());
    // As procfs has it, in ticks of 10 ms: sensors know it more exactly.
    dir.join(format!("{namespace}-{}-{}", server.pid, server.start / 10_000_000))
}

/// Locks a file of claims; the holder's number if somebody else has.
fn lock(path: &Path) -> io::Result<Result<Claim, u32>> {
    let mut patience = 5;
    loop {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path)?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            // Somebody may only be asking, which takes a moment.
            Err((_, nix::errno::Errno::EWOULDBLOCK)) if patience > 0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            Err((file, nix::errno::Errno::EWOULDBLOCK)) => return Ok(Err(said(&file))),
            Err((_, error)) => return Err(error.into()),
        };
        // Its last holder may have removed the name between our opening and locking it.
        let (ours, there) = (lock.metadata()?, fs::symlink_metadata(path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            lock.set_len(0)?;
            writeln!(lock, "{}", std::process::id())?;
            return Ok(Ok(Claim { _lock: lock, path: path.to_owned() }));
        }
    }
}

/// Who holds a file's lock, if anybody does.
fn holder(path: &Path) -> Option<u32> {
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path).ok()?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Err((file, nix::errno::Errno::EWOULDBLOCK)) => Some(said(&file)),
        _ => None,
    }
}

fn said(file: &File) -> u32 {
    let mut text = String::new();
    let _cut = file.take(16).read_to_string(&mut text);
    text.trim().parse().unwrap_or(0)
}

fn parent_of(pid: u32) -> Option<u32> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    u32::try_from(process.stat().ok()?.ppid).ok()
}

/// A folder that nobody but this user can write to; made if it isn't there.
///
/// # Errors
/// Says what is wrong with it.
pub fn private_folder(dir: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(dir) {
        // The mask of whoever started this must not hide the folder from users.
        Ok(()) => fs::set_permissions(dir, fs::Permissions::from_mode(mode))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", dir.display()))),
    }
    let meta = fs::symlink_metadata(dir)?;
    let own = meta.uid() == nix::unistd::geteuid().as_raw();
    if !meta.is_dir() || !own || meta.mode() & 0o022 != 0 {
        let why = format!("{} is no folder that only its owner, root, can write to", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use monitor_core::id::ProcId;

    use super::{Claims, private_folder};
    use crate::pipeline::enrich::start_of;

    fn proc(pid: u32) -> ProcId {
        ProcId { pid, start: start_of(pid).unwrap() }
    }

    #[test]
    fn a_server_has_one_watcher_until_that_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (own, claims) = (proc(std::process::id()), Claims::open(&dir.path().join("run")));
        let claim = claims.take(own).unwrap().unwrap();
        let taken = Claims::open(&dir.path().join("run")).take(own).unwrap_err();
        assert_eq!((taken.server, taken.watcher), (own.pid, own.pid));
        drop(claim);
        assert!(claims.take(own).unwrap().is_some());
        let left = fs::read_dir(dir.path().join("run/servers")).unwrap().count();
        assert_eq!(left, 0, "nothing is left behind");
    }

    #[test]
    fn what_a_dead_watcher_left_binds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::open(dir.path());
        let own = proc(std::process::id());
        let path = super::path(&dir.path().join("servers"), own);
        fs::write(&path, "1\n").unwrap();
        assert_eq!(claims.above(own.pid), None);
        assert!(claims.take(own).is_ok());
        fs::write(&path, "1\n").unwrap();
        drop(Claims::open(dir.path()));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_watched_process_starts_is_watched_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::open(dir.path());
        // Another process watches this one: a lock of somebody else's.
        let path = super::path(&dir.path().join("servers"), proc(std::process::id()));
        fs::write(&path, "77\n").unwrap();
        let mut holder = std::process::Command::new("flock");
        holder.arg(&path).arg("cat").stdin(std::process::Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let taken = loop {
            match claims.above(child.id()) {
                Some(taken) => break taken,
                None => assert!(std::time::Instant::now() < deadline),
            }
        };
        assert_eq!((taken.server, taken.watcher), (std::process::id(), 77));
        assert!(claims.take(proc(child.id())).is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(private_folder(dir.path(), 0o755).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        assert!(private_folder(&link, 0o755).is_err());
        assert!(Claims::open(dir.path()).take(proc(std::process::id())).unwrap().is_none());
    }
}
