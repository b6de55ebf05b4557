//! Where alerts, events and calls go from the pipeline: files of one JSON value a line.
//!
//! Lines are written whole, on a descriptor with `O_APPEND`, so that several writers never mix: alerts at once, what comes
//! by the thousand many lines a `write` (a FIFO takes 4 KiB as one). What can't be written is kept (bounded) and tried again before the next line and
//! on every tick: a full disk loses nothing that was detected.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use monitor_core::ledger::CallRecord;
use monitor_core::time::Time;
use serde::Serialize;

use super::policy::Policy;

/// Most lines that wait for a sink that doesn't take them.
const MAX_WAITING: usize = 65_536;
/// Bytes after which lines that may wait for others are written.
const BATCH: usize = 64 << 10;
/// How long what belongs to one server is kept open after its end, nanoseconds: what it did may still be alerted.
const LINGER: u64 = 600_000_000_000;
/// How long the end waits for who reads slowly.
const PATIENCE: Duration = Duration::from_secs(2);

/// One file of lines, or standard output.
pub struct Lines {
    name: String,
    target: Target,
    waiting: VecDeque<Chunk>,
    /// How many lines that is.
    lines: usize,
    /// Memory for the next chunk.
    spare: Vec<u8>,
    /// Why the last line couldn't be written; `None` once one could.
    failure: Option<String>,
    dropped: u64,
    only: Option<u32>,
    /// When that server's last process ended.
    over: Option<Time>,
}

/// Lines that are written together.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    lines: usize,
}

enum Target {
    File(File),
    /// Of what is written to a pipe, only so much stays together where several write.
    Fifo(File),
    Stdout,
}

impl Lines {
    /// Opens (creates, mode 0600) a file for appending; `-` is standard output.
    ///
    /// # Errors
    /// Names the path and what to do.
    pub fn open(path: &Path) -> io::Result<Self> {
        let target = if path == Path::new("-") { Target::Stdout } else { Target::of(open_waitless(path)?) };
        Ok(Self {
            name: path.display().to_string(),
            target,
            waiting: VecDeque::new(),
            lines: 0,
            spare: Vec::new(),
            failure: None,
            dropped: 0,
            only: None,
            over: None,
        })
    }

    /// Takes only what concerns the server with this root process.
    #[must_use]
    pub const fn only(mut self, pid: u32) -> Self {
        self.only = Some(pid);
        self
    }

    /// Whether what concerns this server belongs here.
    #[must_use]
    pub fn takes(&self, server: Option<u32>) -> bool {
        self.only.is_none() || self.only == server
    }

    /// Appends one line (without its end) and writes it.
    pub fn push(&mut self, line: &str) {
        self.add(|bytes| bytes.extend_from_slice(line.as_bytes()));
        self.retry();
    }

    /// Appends one line, which is written together with others: at the latest by [`Self::retry`].
    pub fn push_later(&mut self, line: &impl Serialize) {
        self.add(|bytes| {
            // into memory, and of types whose keys are strings
            let _never = serde_json::to_writer(bytes, line);
        });
        if self.waiting.back().is_some_and(|chunk| chunk.bytes.len() >= BATCH) {
            self.retry();
        }
    }

    /// Writes what waits, as far as the target takes it.
    pub fn retry(&mut self) {
        while let Some(chunk) = self.waiting.front_mut() {
            match self.target.write(&chunk.bytes) {
                Ok(done) if done == chunk.bytes.len() => {
                    self.lines -= chunk.lines;
                    self.spare = self.waiting.pop_front().map(|chunk| chunk.bytes).unwrap_or_default();
                    self.spare.clear();
                    if self.failure.take().is_some() {
                        tracing::info!(path = self.name, "writing again");
                    }
                }
                // A disk that filled up within a line: the rest of the line goes first when there is room.
                Ok(done) if done > 0 => {
                    let lines = chunk.bytes.iter().take(done).filter(|&&byte| byte == b'\n').count();
                    chunk.lines -= lines;
                    self.lines -= lines;
                    chunk.bytes.drain(..done);
                }
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whoever reads is slower: no failure yet.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if self.failure.replace(error.to_string()).is_none() {
                        tracing::error!(path = self.name, %error, waiting = self.lines,
                            "cannot write; lines are kept in memory and tried again");
                    }
                    return;
                }
            }
        }
    }

    /// Appends a line to the last chunk if that has room.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.waiting.back().is_none_or(|chunk| chunk.bytes.len() >= BATCH) {
            self.waiting.push_back(Chunk { bytes: std::mem::take(&mut self.spare), lines: 0 });
        }
        // The oldest whole chunk: the first may have been written in part.
        if self.lines >= MAX_WAITING
            && let Some(oldest) = self.waiting.remove(1)
        {
            self.lines -= oldest.lines;
            self.dropped += oldest.lines as u64;
        }
        if let Some(chunk) = self.waiting.back_mut() {
            write(&mut chunk.bytes);
            chunk.bytes.push(b'\n');
            chunk.lines += 1;
            self.lines += 1;
        }
    }

    /// Lines that could not be kept any longer.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lines wait, and nothing is wrong but the pace of whoever reads.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        !self.waiting.is_empty() && self.failure.is_none()
    }

    /// Lines that are not written yet.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.lines
    }

    /// At the end: how many lines are not there and why, for a person.
    #[must_use]
    pub fn unwritten(&self) -> Option<String> {
        let lines = self.dropped.saturating_add(self.lines as u64);
        let why = self.failure.as_deref().unwrap_or("it took no more");
        (lines > 0).then(|| format!("{lines} lines could not be written to {}: {why}", self.name))
    }
}

/// Opens for appending without ever waiting: a FIFO that nobody reads takes lines until it is full, and then they wait
/// here, where they are bounded and counted.
fn open_waitless(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY);
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(nix::libc::ENXIO) => options.read(true).open(path),
        opened => opened,
    }
}

impl Target {
    fn of(file: File) -> Self {
        let fifo = file.metadata().is_ok_and(|meta| meta.file_type().is_fifo());
        if fifo { Self::Fifo(file) } else { Self::File(file) }
    }

    /// Writes some of these lines, and says how many bytes that was.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Fifo(file) => file.write(together(lines)),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()?;
                Ok(lines.len())
            }
        }
    }
}

/// The lines at the front that a pipe takes as one (`PIPE_BUF`, pipe(7)); at least one line, however long.
fn together(lines: &[u8]) -> &[u8] {
    let end = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte == b'\n');
    let most = lines.get(..nix::libc::PIPE_BUF).unwrap_or(lines);
    let last = end(most).or_else(|| lines.iter().position(|&byte| byte == b'\n'));
    last.and_then(|last| lines.get(..=last)).unwrap_or(lines)
}

/// Everything that the pipeline writes.
#[derive(Default)]
pub struct Output {
    /// Alerts, each to all of these.
    pub alerts: Vec<Lines>,
    /// Every event, and every closed call in its place among them, if asked for.
    pub events: Option<Lines>,
    /// Closed calls: declared beside observed.
    pub calls: Option<Lines>,
    /// The recording, if one is made.
    pub recording: Option<Lines>,
    /// Which alerts are written at all.
    pub policy: Policy,
}

/// A closed call among the events: it is none, and no recording has it.
#[derive(Serialize)]
struct CallLine<'a> {
    time: Time,
    kind: &'static str,
    call: &'a CallRecord,
}

impl Output {
    /// Calls that closed `now`: each is kept, and follows the events that it is made of.
    pub fn closed(&mut self, calls: impl Iterator<Item = CallRecord>, now: Time) {
        for call in calls {
            if let Some(lines) = &mut self.calls {
                lines.push_later(&call);
            }
            if let Some(lines) = &mut self.events {
                lines.push_later(&CallLine { time: now, kind: "call", call: &call });
            }
        }
    }

    /// The server with this root process has ended.
    pub fn over(&mut self, pid: u32, now: Time) {
        for lines in self.alerts.iter_mut().filter(|lines| lines.only == Some(pid)) {
            lines.over.get_or_insert(now);
        }
    }

    /// Closes what belongs to servers that ended long ago.
    pub fn close_over(&mut self, now: Time) {
        self.alerts.retain(|lines| {
            let kept = lines.over.is_none_or(|over| now.0.saturating_sub(over.0) < LINGER);
            if let Some(lost) = lines.unwritten().filter(|_| !kept) {
                tracing::error!("{lost}");
            }
            kept
        });
    }

    /// Writes what came since the last call and may wait no longer.
    pub fn write_on(&mut self) {
        let Self { alerts: _, events, calls, recording, policy: _ } = self;
        for lines in [events, calls, recording].into_iter().flatten() {
            lines.retry();
        }
    }

    /// Tries again whatever waits.
    pub fn retry(&mut self) {
        let Self { alerts, events, calls, recording, policy: _ } = self;
        for lines in alerts.iter_mut().chain(events).chain(calls).chain(recording) {
            lines.retry();
        }
    }

    /// The end: what waits for a slow reader gets a moment.
    pub fn settle(&mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.retry();
            let Self { alerts, events, calls, recording, policy: _ } = &*self;
            let slow = alerts.iter().chain(events).chain(calls).chain(recording).any(Lines::is_slow);
            if !slow || Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Output {
    /// What could not be written, and where: known at the end only.
    #[must_use]
    pub fn unwritten(&self) -> Vec<String> {
        let Self { alerts, events, calls, recording, policy: _ } = self;
        alerts.iter().chain(events).chain(calls).chain(recording).filter_map(Lines::unwritten).collect()
    }
}

/// The local store below the state folder.
#[derive(Debug, Clone)]
pub struct Store {
    /// The state folder, 0700.
    pub dir: PathBuf,
}

impl Store {
    /// Creates the folder if it isn't there.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open(dir: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Alerts, every revision, a line each.
    #[must_use]
    pub fn alerts(&self) -> PathBuf {
        self.dir.join("alerts.ndjson")
    }

    /// Closed calls, a line each.
    #[must_use]
    pub fn calls(&self) -> PathBuf {
        self.dir.join("calls.ndjson")
    }

    /// The key of fingerprints: 32 random bytes, made at first use, 0600.
    ///
    /// # Errors
    /// As the file system says.
    pub fn key(&self) -> io::Result<[u8; 32]> {
        let path = self.dir.join("fingerprint.key");
        if let Ok(bytes) = std::fs::read(&path)
            && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
        {
            return Ok(key);
        }
        let mut key = [0_u8; 32];
        io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut key)?;
        let temporary = self.dir.join(format!("fingerprint.key.{}", std::process::id()));
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?.write_all(&key)?;
        // Whoever links first wins: two agents that start at once get one key.
        let linked = std::fs::hard_link(&temporary, &path);
        std::fs::remove_file(&temporary)?;
        match linked {
            Ok(()) => Ok(key),
            Err(_) => <[u8; 32]>::try_from(std::fs::read(&path)?.as_slice())
                .map_err(|_| io::Error::other(format!("{} is not a key of 32 bytes; remove it", path.display()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use monitor_core::time::Time;

    use super::{Lines, Output, Store};

    #[test]
    fn a_line_is_appended_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts");
        for text in ["{\"a\":1}", "{\"b\":2}"] {
            Lines::open(&path).unwrap().push(text);
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn a_full_disk_keeps_lines_for_later() {
        let mut lines = Lines::open(Path::new("/dev/full")).unwrap();
        lines.push("{}");
        lines.push("{}");
        assert_eq!((lines.waiting(), lines.dropped()), (2, 0));
        let said = lines.unwritten().unwrap();
        assert!(said.starts_with("2 lines could not be written to /dev/full: No space left"), "{said}");
    }

    #[test]
    fn what_may_wait_is_written_together_and_the_oldest_of_too_much_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        let mut lines = Lines::open(&path).unwrap();
        lines.push_later(&1);
        lines.push_later(&2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        lines.retry();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n");
        let mut full = Lines::open(Path::new("/dev/full")).unwrap();
        for number in 0..100_000 {
            full.push_later(&number);
        }
        assert!(full.waiting() <= super::MAX_WAITING && full.dropped() > 0);
        assert_eq!(full.waiting() as u64 + full.dropped(), 100_000);
    }

    #[test]
    fn a_fifo_without_a_reader_makes_nobody_wait() {
        use std::io::Read;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        lines.push("{\"a\":1}");
        let mut options = std::fs::File::options();
        let mut reader = options.read(true).open(&path).unwrap();
        let mut said = [0; 8];
        reader.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"{\"a\":1}\n".get(..8).unwrap(), "a reader that comes later has it");
        for _ in 0..100 {
            lines.push(&"x".repeat(4000));
        }
        assert!(lines.waiting() > 0 && lines.is_slow(), "a full pipe keeps lines for later");
    }

    #[test]
    fn a_fifo_that_several_write_to_takes_whole_lines() {
        use std::io::Read;
        use std::os::unix::fs::OpenOptionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut options = std::fs::File::options();
        let mut reader = options.read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path).unwrap();
        for _ in 0..1000 {
            lines.push_later(&"x".repeat(300));
        }
        let before = lines.waiting();
        assert!(before > 0, "a full pipe keeps lines for later");
        let mut said = vec![0; 1 << 20];
        let length = reader.read(&mut said).unwrap();
        let said = said.get(..length).unwrap();
        assert!(said.ends_with(b"\n"), "another writer's line would come into the middle of one");
        assert_eq!(said.iter().filter(|byte| **byte == b'\n').count(), 1000 - before);
        lines.retry();
        assert!(lines.waiting() < before);
    }

    #[test]
    fn what_belongs_to_one_server_is_closed_some_time_after_its_end() {
        let lines = |pid| Lines::open(Path::new("/dev/null")).unwrap().only(pid);
        let mut output = Output { alerts: vec![lines(7), lines(8)], ..Output::default() };
        output.over(7, Time(1));
        output.close_over(Time(super::LINGER));
        assert_eq!(output.alerts.len(), 2);
        output.close_over(Time(super::LINGER + 1));
        assert_eq!(output.alerts.len(), 1);
        assert!(output.alerts.iter().all(|lines| lines.takes(Some(8))));
    }

    #[test]
    fn the_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        assert_eq!(store.key().unwrap(), store.key().unwrap());
    }
}
