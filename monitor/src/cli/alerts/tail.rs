//! `tripline alerts tail`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use monitor_core::alert::Alert;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::list::print;
use super::{Filter, HEAD, file, newest};
use crate::cli::Failure;
use crate::cli::journal::{Journal, StoreOptions, parse};
use crate::cli::out::Out;
use crate::cli::watch::{OnHangup, stop_flag};

/// Between looks, milliseconds.
const LOOK: u16 = 200;
/// Longest line that is taken in, and most that is read at one look.
const MAX_LINE: usize = 8 << 20;

/// What standard output says when nobody can read it any more.
const GONE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP).union(PollFlags::POLLNVAL);

/// Follow the store.
#[derive(Debug, Args)]
#[command(
    after_help = "A line for each new alert, and one more each time it grows worse, surer or much more frequent. \
Ends on Ctrl-C.\n\nExample:\n  tripline alerts tail --severity medium"
)]
pub struct Tail {
    #[command(flatten)]
    filter: Filter,
    /// Show this many of the last alerts first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    last: usize,
    /// The alerts themselves, one JSON value a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl Tail {
    /// Prints what is there and what comes, until it is stopped or nobody reads any more.
    pub fn run(&self) -> Result<(), Failure> {
        let mut out = Out::new();
        let stop = stop_flag(OnHangup::End)?;
        let path = self.store.path(file)?;
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut from = 0;
        if let Some(mut journal) = Journal::open(&path)? {
            let newest = newest(&mut journal, |alert| self.filter.takes(alert))?;
            known = newest.iter().map(|(id, place)| (id.clone(), place.revision)).collect();
            let mut places: Vec<_> = newest.into_values().filter(|place| place.wanted).collect();
            places.sort_by_key(|place| (place.time, place.offset));
            for place in places.iter().skip(places.len().saturating_sub(self.last)) {
                let text = journal.text(place.offset)?;
                print(&mut out, &text, self.json)?;
            }
            from = journal.end();
        }
        out.flush()?;
        let mut follow = Follow { path, file: None, from, waiting: Vec::new() };
        while !stop.load(Ordering::Relaxed) && wait() {
            for line in follow.look()? {
                let Some((skipped, alert)) = parse::<Alert>(&line, HEAD) else { continue };
                let last = known.entry(alert.id.clone()).or_insert(0);
                if alert.revision <= *last {
                    continue;
                }
                *last = alert.revision;
                if self.filter.takes(&alert) {
                    let start = usize::try_from(skipped).unwrap_or(0);
                    let text = String::from_utf8_lossy(line.get(start..).unwrap_or_default());
                    print(&mut out, text.trim_end(), self.json)?;
                }
            }
            out.flush()?;
        }
        Ok(())
    }
}

/// A file that grows, is replaced or isn't there yet.
struct Follow {
    path: PathBuf,
    file: Option<(File, u64)>,
    /// Where reading goes on.
    from: u64,
    /// A line that has no end yet.
    waiting: Vec<u8>,
}

impl Follow {
    /// Whole lines that came since the last look.
    fn look(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let Some(now) = identity(&self.path) else { return Ok(Vec::new()) };
        if self.file.as_ref().is_none_or(|(_, known)| *known != now.0) || now.1 < self.from {
            let replaced = self.file.is_some();
            let cannot = |error| Failure::failed(format!("cannot read {}: {error}", self.path.display()));
            let mut file = File::open(&self.path).map_err(cannot)?;
            if replaced || now.1 < self.from {
                self.from = 0;
                self.waiting.clear();
            }
            file.seek(SeekFrom::Start(self.from)).map_err(cannot)?;
            self.file = Some((file, now.0));
        }
        let Some((file, _)) = &mut self.file else { return Ok(Vec::new()) };
        let mut fresh = Vec::new();
        let read = file.take(MAX_LINE as u64).read_to_end(&mut fresh);
        let read = read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", self.path.display())))?;
        self.from += read as u64;
        self.waiting.extend_from_slice(&fresh);
        let Some(end) = self.waiting.iter().rposition(|byte| *byte == b'\n') else {
            if self.waiting.len() > MAX_LINE {
                self.waiting.clear();
            }
            return Ok(Vec::new());
        };
        let rest = self.waiting.split_off(end + 1);
        let whole = std::mem::replace(&mut self.waiting, rest);
        Ok(whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    }
}

/// Inode and length.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.ino(), meta.len()))
}

/// Waits for the next look; false if nobody reads standard output any more.
fn wait() -> bool {
    let stdout = std::io::stdout();
    let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    match poll(&mut fds, PollTimeout::from(LOOK)) {
        Ok(0) | Err(_) => true,
        Ok(_) => !fds[0].revents().unwrap_or(PollFlags::empty()).intersects(GONE),
    }
}
