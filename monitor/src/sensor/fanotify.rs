//! Opens of the few files that matter, by any process, through any system-call ABI, at no cost to other opens.
//!
//! Marks are on inodes: a symlink, a hard link and a 32-bit call are all seen. A mark on a directory sees its children,
//! so a file that is renamed into place is seen too. Events carry no time: they get the time at which they were read, and
//! are judged after every kernel record older than that.

use std::collections::{HashMap, HashSet};
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

/// Most marks: bounds kernel memory.
const MAX_MARKS: usize = 8192;
/// Most subdirectories that one place is followed into.
const MAX_CHILDREN: usize = 512;

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

/// See the module documentation.
pub struct Marks {
    group: Fanotify,
    /// Which file was marked under each name, and since when that file exists: numbers are given out again.
    marked: HashMap<PathBuf, (FileId, Option<SystemTime>)>,
    ids: HashSet<FileId>,
    refused: u64,
}

impl Marks {
    /// Opens a notification group.
    pub fn new() -> Result<Self, Errno> {
        let flags = InitFlags::FAN_CLASS_NOTIF
            | InitFlags::FAN_CLOEXEC
            | InitFlags::FAN_NONBLOCK
            | InitFlags::FAN_UNLIMITED_MARKS;
        let events = EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC | EventFFlags::O_LARGEFILE;
        Ok(Self { group: Fanotify::init(flags, events)?, marked: HashMap::new(), ids: HashSet::new(), refused: 0 })
    }

    /// The files and directories that are marked, by name.
    pub fn marked(&self) -> impl Iterator<Item = &Path> {
        self.marked.keys().map(PathBuf::as_path)
    }

    /// Marks what exists of `places` and isn't marked yet, or is another file by now; returns the files that were newly
    /// found.
    pub fn add(&mut self, places: &[WatchPlace]) -> Vec<FileRef> {
        let mut found = Vec::new();
        for place in places {
            let path = Path::new(&place.path);
            match place.kind {
                WatchKind::File => self.file(path, &mut found),
                WatchKind::Dir => self.dir(path, place.depth, &mut found),
            }
        }
        found
    }

    /// The files that exist at `places`, which stay unmarked: nobody's opens of them are told of, but a server's are known
    /// for what they are, by whatever name.
    #[must_use]
    pub fn only_look(places: &[WatchPlace]) -> Vec<FileRef> {
        let mut found = Vec::new();
        let mut folders: Vec<(PathBuf, u8)> = Vec::new();
        let mut look = |path: &Path, depth: Option<u8>, folders: &mut Vec<(PathBuf, u8)>| {
            let Ok(meta) = fs::metadata(path) else { return };
            match depth {
                Some(depth) if meta.is_dir() => folders.push((path.to_owned(), depth)),
                _ if meta.is_file() => found.push(reference(path, &meta)),
                _ => {}
            }
        };
        for place in places {
            let depth = (place.kind == WatchKind::Dir).then_some(place.depth);
            look(Path::new(&place.path), depth, &mut folders);
            while let Some((folder, depth)) = folders.pop() {
                let Ok(entries) = fs::read_dir(&folder) else { continue };
                for entry in entries.flatten().take(MAX_CHILDREN) {
                    look(&entry.path(), depth.checked_sub(1), &mut folders);
                }
            }
        }
        found
    }

    /// How many places could not be marked.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many files and directories are marked.
    #[must_use]
    pub fn count(&self) -> usize {
        self.marked.len()
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
                    reading.stale |= !dir && !self.ids.contains(&file.id);
                    reading.opened.push(Opened { pid, file, dir, program });
                }
            }
        }
        reading
    }

    fn file(&mut self, path: &Path, found: &mut Vec<FileRef>) {
        let Ok(meta) = fs::metadata(path) else { return };
        if meta.is_file() && self.mark(path, &meta, MaskFlags::FAN_OPEN) {
            found.push(reference(path, &meta));
        }
    }

    fn dir(&mut self, path: &Path, depth: u8, found: &mut Vec<FileRef>) {
        let (Ok(meta), Ok(entries)) = (fs::metadata(path), fs::read_dir(path)) else { return };
        self.mark(path, &meta, MaskFlags::FAN_OPEN | MaskFlags::FAN_EVENT_ON_CHILD);
        for entry in entries.flatten().take(MAX_CHILDREN) {
            let child = entry.path();
            let Ok(meta) = fs::metadata(&child) else { continue };
            if meta.is_dir() && depth > 0 {
                self.dir(&child, depth - 1, found);
            } else if meta.is_file() && self.mark(&child, &meta, MaskFlags::FAN_OPEN) {
                // The inode too: it is seen under any other name then, wherever that is.
                found.push(reference(&child, &meta));
            }
        }
    }

    /// True if the place is newly marked. A file that took another's name is another file: marks are on inodes.
    fn mark(&mut self, path: &Path, meta: &fs::Metadata, mask: MaskFlags) -> bool {
        let id = FileId { dev: meta.dev(), ino: meta.ino() };
        let (since, before) = (meta.created().ok(), self.marked.get(path).copied());
        if before == Some((id, since)) {
            return false;
        }
        if before.is_none() && self.marked.len() >= MAX_MARKS {
            self.refused += 1;
            return false;
        }
        match self.group.mark(MarkFlags::FAN_MARK_ADD, mask, nix::fcntl::AT_FDCWD, Some(path)) {
            Ok(()) => {
                before.map(|(before, _)| self.ids.remove(&before));
                self.ids.insert(id);
                self.marked.insert(path.to_owned(), (id, since));
                true
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "cannot mark");
                self.refused += 1;
                false
            }
        }
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
    let id = FileId { dev: meta.dev(), ino: meta.ino() };
    Some((FileRef { path: shown, id, cut: false }, meta))
}

/// A file as the credential map names it. Not by what a link leads to: behind `~/.aws` may be any folder.
fn reference(path: &Path, meta: &fs::Metadata) -> FileRef {
    let id = FileId { dev: meta.dev(), ino: meta.ino() };
    FileRef { path: escape_bytes(path.as_os_str().as_encoded_bytes()), id, cut: false }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use monitor_core::credential::{WatchKind, WatchPlace};

    use super::Marks;

    #[test]
    fn other_users_files_are_found_by_the_credential_maps_depth() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name).display().to_string();
        fs::create_dir_all(at(".ssh/keys/old")).unwrap();
        for name in [".netrc", ".ssh/id_rsa", ".ssh/keys/work", ".ssh/keys/old/first"] {
            fs::write(at(name), "x").unwrap();
        }
        let place = |name: &str, kind, depth| WatchPlace { path: at(name), kind, depth };
        let places = [
            place(".netrc", WatchKind::File, 0),
            place(".absent", WatchKind::File, 0),
            place(".ssh", WatchKind::Dir, 1),
        ];
        let mut found: Vec<String> = Marks::only_look(&places).into_iter().map(|file| file.path).collect();
        found.sort();
        assert_eq!(found, [at(".netrc"), at(".ssh/id_rsa"), at(".ssh/keys/work")]);
    }
}
