//! Opens of the few files that matter, by any process, through any system-call ABI, at no cost to other opens.
//!
//! Marks are on inodes: a symlink, a hard link and a 32-bit call are all seen. A mark on a directory sees its children,
//! so a file that is renamed into place is seen too. Events carry no time: they get the time at which they were read, and
//! are judged after every kernel record older than that.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use monitor_core::credential::{WatchKind, WatchPlace};
use monitor_core::event::FileRef;
use monitor_core::id::FileId;
use monitor_wire::text::escape_bytes;
use nix::errno::Errno;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::handle::{Birth, id};
use super::place::Found;

/// Most marks: bounds kernel memory.
const MAX_MARKS: usize = 8192;
/// Most names of what is marked: a file may have several.
const MAX_NAMES: usize = 2 * MAX_MARKS;
/// Most entries of one folder that are looked at.
const MAX_CHILDREN: usize = 512;
/// Most files that one scan looks at, as the thread that judges does it; and most of them below one place, so that who
/// fills one doesn't hide the others.
const MAX_LOOKS: usize = 16_384;
const MAX_OF_PLACE: usize = 2048;
/// The same for the stores of other users, which are looked at once.
const MAX_OTHER_LOOKS: usize = 65_536;

/// An open of a marked file.
#[derive(Debug)]
pub struct Opened {
    /// Thread group id, initial pid namespace.
    pub pid: u32,
    /// The file.
    pub file: FileRef,
    /// It is a directory.
    pub dir: bool,
    /// It may be executed.
    pub program: bool,
}

/// What one reading gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// Opens, oldest first.
    pub opened: Vec<Opened>,
    /// A file in a marked folder was opened that isn't marked itself: it was made, or took another's place, since.
    pub stale: bool,
    /// The kernel's queue overflowed: opens are missing.
    pub overflow: bool,
}

/// What one scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files that are new.
    pub files: Vec<FileRef>,
    /// Not everything was looked at or marked: there is too much of it.
    pub bounded: bool,
    /// What is there could not be marked, and why the last of it.
    pub refused: Option<String>,
}

/// What a scan may still look at.
struct Looks {
    left: usize,
    of_place: usize,
}

/// See the module documentation.
pub struct Marks {
    group: Fanotify,
    /// What is marked, also what has lost its name since and may have another.
    marked: HashMap<FileId, Mark>,
    /// Which of them was found under each name.
    names: HashMap<PathBuf, FileId>,
    /// The folder among the places that the next scan begins with.
    turn: usize,
}

/// A mark, which is on an inode.
struct Mark {
    /// Where it was found.
    path: PathBuf,
    mask: MaskFlags,
    /// Since when that file exists: numbers are given out again.
    since: Option<SystemTime>,
    birth: Option<Birth>,
}

/// What is at a path.
enum Seen {
    /// A file that is marked by this name.
    Marked(fs::Metadata),
    Found(Found),
}

impl Seen {
    const fn meta(&self) -> &fs::Metadata {
        match self {
            Self::Marked(meta) | Self::Found(Found { meta, .. }) => meta,
        }
    }
}

impl Marks {
    /// Opens a notification group.
    pub fn new() -> Result<Self, Errno> {
        let flags = InitFlags::FAN_CLASS_NOTIF
            | InitFlags::FAN_CLOEXEC
            | InitFlags::FAN_NONBLOCK
            | InitFlags::FAN_UNLIMITED_MARKS;
        let events = EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC | EventFFlags::O_LARGEFILE;
        let group = Fanotify::init(flags, events)?;
        Ok(Self { group, marked: HashMap::new(), names: HashMap::new(), turn: 0 })
    }

    /// The files and directories that are marked, by name.
    pub fn marked(&self) -> impl Iterator<Item = &Path> {
        self.names.keys().map(PathBuf::as_path)
    }

    /// Marks what exists of `places` and isn't marked yet, or is another file by now. Each scan looks at so much and no
    /// more; the next one goes on with the folder that this one came to.
    pub fn add(&mut self, places: &[WatchPlace]) -> Scan {
        self.forget_gone();
        let (mut scan, mut looks) = (Scan::default(), Looks { left: MAX_LOOKS, of_place: 0 });
        let (files, folders): (Vec<_>, Vec<_>) = places.iter().partition(|place| place.kind == WatchKind::File);
        for place in files {
            if !looks.next_place() {
                scan.bounded = true;
                break;
            }
            self.file(Path::new(&place.path), &mut scan);
        }
        let first = self.turn % folders.len().max(1);
        self.turn = 0;
        for (at, place) in folders.iter().enumerate().cycle().skip(first).take(folders.len()) {
            if !looks.next_place() {
                scan.bounded = true;
                self.turn = at;
                break;
            }
            self.dir(Path::new(&place.path), place.depth, &mut looks, &mut scan);
        }
        scan
    }

    /// Takes away the marks that only files below no place of these need.
    pub fn keep(&mut self, places: &[WatchPlace]) {
        let places: BTreeSet<&Path> = places.iter().map(|place| Path::new(&place.path)).collect();
        let mut left: HashMap<FileId, Vec<PathBuf>> = HashMap::new();
        self.names.retain(|path, known| {
            let kept = path.ancestors().any(|above| places.contains(above));
            if !kept {
                left.entry(*known).or_default().push(path.clone());
            }
            kept
        });
        let needed: HashMap<FileId, &PathBuf> = self.names.iter().map(|(path, known)| (*known, path)).collect();
        for (known, paths) in left {
            let Some(mark) = self.marked.get_mut(&known) else { continue };
            if let Some(path) = needed.get(&known) {
                mark.path.clone_from(path);
                continue;
            }
            // what has none of its names any more can't be named: its mark goes with it
            let found = paths.iter().find_map(|path| Found::again(path, known));
            if found.is_some_and(|found| found.mark(&self.group, MarkFlags::FAN_MARK_REMOVE, mark.mask).is_ok()) {
                self.marked.remove(&known);
            }
        }
    }

    /// Whether this file is marked.
    #[must_use]
    pub fn holds(&self, known: FileId) -> bool {
        self.marked.contains_key(&known)
    }

    /// The files that exist at `places`, which stay unmarked: nobody's opens of them are told of, but a server's are known
    /// for what they are, by whatever name.
    #[must_use]
    pub fn only_look(places: &[WatchPlace]) -> Scan {
        let mut looks = Looks { left: MAX_OTHER_LOOKS, of_place: 0 };
        let mut scan = Scan::default();
        let mut folders: Vec<(PathBuf, u8)> = Vec::new();
        let look = |path: &Path, depth: Option<u8>, folders: &mut Vec<(PathBuf, u8)>, files: &mut Vec<FileRef>| {
            let Some(Found { meta, .. }) = Found::at(path) else { return };
            match depth {
                Some(depth) if meta.is_dir() => folders.push((path.to_owned(), depth)),
                _ if meta.is_file() => files.push(reference(path, &meta)),
                _ => {}
            }
        };
        for place in places {
            if !looks.next_place() {
                scan.bounded = true;
                break;
            }
            let depth = (place.kind == WatchKind::Dir).then_some(place.depth);
            look(Path::new(&place.path), depth, &mut folders, &mut scan.files);
            while let Some((folder, depth)) = folders.pop() {
                for child in looks.children(&folder, &mut scan.bounded) {
                    look(&child, depth.checked_sub(1), &mut folders, &mut scan.files);
                }
            }
        }
        scan
    }

    /// Reads what has happened; never blocks.
    pub fn read(&self) -> Reading {
        let mut reading = Reading::default();
        while let Ok(events) = self.group.read_events() {
            if events.is_empty() {
                break;
            }
            for event in events {
                if event.mask().contains(MaskFlags::FAN_Q_OVERFLOW) {
                    reading.overflow = true;
                }
                let (Some(fd), Ok(pid)) = (event.fd(), u32::try_from(event.pid())) else { continue };
                if let Some((file, meta)) = describe(fd) {
                    let (dir, program) = (meta.is_dir(), meta.mode() & 0o111 != 0);
                    reading.stale |= !dir && !self.marked.contains_key(&file.id);
                    reading.opened.push(Opened { pid, file, dir, program });
                }
            }
        }
        reading
    }

    fn file(&mut self, path: &Path, scan: &mut Scan) {
        let Some(seen) = self.see(path) else { return };
        if seen.meta().is_file() && self.mark(path, &seen, MaskFlags::FAN_OPEN, scan) {
            scan.files.push(reference(path, seen.meta()));
        }
    }

    fn dir(&mut self, path: &Path, depth: u8, looks: &mut Looks, scan: &mut Scan) {
        let Some(seen) = self.see(path).filter(|seen| seen.meta().is_dir()) else { return };
        self.mark(path, &seen, MaskFlags::FAN_OPEN | MaskFlags::FAN_EVENT_ON_CHILD, scan);
        for child in looks.children(path, &mut scan.bounded) {
            let Some(seen) = self.see(&child) else { continue };
            if seen.meta().is_dir() && depth > 0 {
                self.dir(&child, depth - 1, looks, scan);
            } else if seen.meta().is_file() && self.mark(&child, &seen, MaskFlags::FAN_OPEN, scan) {
                // The inode too: it is seen under any other name then, wherever that is.
                scan.files.push(reference(&child, seen.meta()));
            }
        }
    }

    /// What is at a path. What is marked by that name already was looked at more closely then.
    fn see(&self, path: &Path) -> Option<Seen> {
        let meta = fs::metadata(path).ok()?;
        if self.names.get(path) == Some(&id(&meta)) && self.is_known(&meta) {
            return Some(Seen::Marked(meta));
        }
        Found::at(path).map(Seen::Found)
    }

    fn is_known(&self, meta: &fs::Metadata) -> bool {
        self.marked.get(&id(meta)).is_some_and(|mark| mark.since == meta.created().ok())
    }

    /// True if the place is newly marked. A file that took another's name is another file: marks are on inodes.
    fn mark(&mut self, path: &Path, seen: &Seen, mask: MaskFlags, scan: &mut Scan) -> bool {
        let Seen::Found(found) = seen else { return false };
        let (id, since) = (id(&found.meta), found.meta.created().ok());
        if self.is_known(&found.meta) {
            if self.names.len() >= MAX_NAMES && !self.names.contains_key(path) {
                scan.bounded = true;
                return false;
            }
            self.names.insert(path.to_owned(), id);
            return true;
        }
        if self.marked.len() >= MAX_MARKS && !self.marked.contains_key(&id) {
            scan.bounded = true;
            return false;
        }
        match found.mark(&self.group, MarkFlags::FAN_MARK_ADD, mask) {
            Ok(()) => {
                self.names.insert(path.to_owned(), id);
                self.marked.insert(id, Mark { path: path.to_owned(), mask, since, birth: found.birth() });
                true
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "cannot mark");
                scan.refused = Some(format!("{}: {}", path.display(), error.desc()));
                false
            }
        }
    }

    /// Forgets what is gone, whose marks went with it. What only lost its name here is marked wherever it is, and counts;
    /// where the file system can't tell the two apart it doesn't.
    fn forget_gone(&mut self) {
        self.marked.retain(|known, mark| {
            let here = || fs::metadata(&mark.path).is_ok_and(|meta| id(&meta) == *known);
            here() || mark.birth.as_ref().and_then(|birth| birth.is_gone(&mark.path, known.dev)) == Some(false)
        });
        // names come and go faster than files: links made and removed in turn would pile up
        let many = self.names.len() > MAX_NAMES / 2;
        let stands = |path: &Path, known| fs::metadata(path).is_ok_and(|meta| id(&meta) == known);
        self.names.retain(|path, known| self.marked.contains_key(known) && (!many || stands(path, *known)));
    }
}

impl Looks {
    /// Begins with another place, if there is something left to look at.
    fn next_place(&mut self) -> bool {
        self.of_place = MAX_OF_PLACE.min(self.left);
        self.left = self.left.saturating_sub(1);
        self.of_place > 0
    }

    /// What is in a folder, as far as that may be looked at.
    fn children(&mut self, folder: &Path, bounded: &mut bool) -> Vec<PathBuf> {
        let Ok(mut entries) = fs::read_dir(folder) else { return Vec::new() };
        let most = MAX_CHILDREN.min(self.of_place).min(self.left);
        let children: Vec<PathBuf> = entries.by_ref().flatten().take(most).map(|entry| entry.path()).collect();
        *bounded |= entries.next().is_some();
        self.of_place = self.of_place.saturating_sub(children.len());
        self.left = self.left.saturating_sub(children.len());
        children
    }
}

impl AsFd for Marks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }
}

/// Path and identity of the file behind a descriptor.
fn describe(fd: BorrowedFd<'_>) -> Option<(FileRef, fs::Metadata)> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let meta = fs::metadata(&link).ok()?;
    let path = fs::read_link(&link).ok()?;
    let shown = escape_bytes(path.as_os_str().as_encoded_bytes());
    let shown = shown.strip_suffix(" (deleted)").unwrap_or(&shown).to_owned();
    Some((FileRef { path: shown, id: id(&meta), cut: false }, meta))
}

/// A file as the credential map names it. Not by what a link leads to: behind `~/.aws` may be any folder.
fn reference(path: &Path, meta: &fs::Metadata) -> FileRef {
    FileRef { path: escape_bytes(path.as_os_str().as_encoded_bytes()), id: id(meta), cut: false }
}

#[cfg(test)]
mod tests;
