//! Changes of the credential stores of watched servers, by any process: rename, link, symlink, unlink, chmod, truncate.
//!
//! A second fanotify group, which reports file handles and names: marks on each store's inode and on its directory. An
//! inode doesn't tell a hard link from a change of mode, so what was known of it is compared with what it is now. Opens are
//! the other group's ([`super::fanotify`]). Handles are resolved by open_by_handle_at(2).

mod records;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use monitor_core::event::{FileOp, FileRef};
use monitor_core::id::FileId;
use monitor_wire::text::escape_bytes;
use nix::errno::Errno;
use nix::libc;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::handle::{Handle, Object, id};
use super::place::Found;
use records::{Name, Raw, parse};

/// Most stores: bounds kernel memory.
const MAX_STORES: usize = 1024;
/// Most file systems that handles are looked for on.
const MAX_ROOTS: usize = 16;
/// What is told of a store itself, and of its directory.
const STORE: MaskFlags = MaskFlags::FAN_ATTRIB.union(MaskFlags::FAN_MODIFY).union(MaskFlags::FAN_DELETE_SELF);
const ENTRIES: MaskFlags = MaskFlags::FAN_CREATE.union(MaskFlags::FAN_DELETE).union(MaskFlags::FAN_RENAME);
/// What one reading takes at most, bytes.
const BUFFER: usize = 64 << 10;

/// A change of a store.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// Thread group id, initial pid namespace.
    pub pid: u32,
    /// What was done.
    pub op: FileOp,
    /// The store, under the name by which it is known.
    pub file: FileRef,
    /// The new name of a rename or link, where it could be found; the target of a symbolic link.
    pub to: Option<String>,
    /// It has no name any more.
    pub unlinked: bool,
}

/// What one reading gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// Changes, oldest first.
    pub changed: Vec<Changed>,
    /// A store was made or replaced: places must be looked at again.
    pub stale: bool,
    /// The kernel's queue overflowed: changes are missing.
    pub overflow: bool,
}

/// See the module documentation.
pub struct Changes {
    group: Fanotify,
    stores: HashMap<FileId, Store>,
    /// Which store a handle is: what is gone can't be opened any more.
    handles: HashMap<Handle, FileId>,
    /// Every path that was ever a store's.
    paths: HashSet<PathBuf>,
    /// Marked directories.
    dirs: HashSet<FileId>,
    /// A directory on each file system that holds a store.
    roots: Vec<(u64, PathBuf)>,
    buffer: Vec<u8>,
}

/// What is known of a store's inode.
struct Store {
    path: PathBuf,
    links: u64,
    size: u64,
    /// Mode, owner, group.
    access: [u32; 3],
    /// The last hard link that was told of: its directory may tell of it as well.
    linked: Option<PathBuf>,
}

impl Store {
    fn new(path: &Path, meta: &Metadata) -> Self {
        let access = [meta.mode(), meta.uid(), meta.gid()];
        Self { path: path.to_owned(), links: meta.nlink(), size: meta.size(), access, linked: None }
    }
}

impl Changes {
    /// Opens a notification group.
    ///
    /// # Errors
    /// As fanotify_init(2); `EINVAL` before Linux 5.17.
    pub fn new() -> Result<Self, Errno> {
        let handles =
            libc::FAN_REPORT_FID | libc::FAN_REPORT_DIR_FID | libc::FAN_REPORT_NAME | libc::FAN_REPORT_TARGET_FID;
        let flags = InitFlags::FAN_CLASS_NOTIF
            | InitFlags::FAN_CLOEXEC
            | InitFlags::FAN_NONBLOCK
            | InitFlags::FAN_UNLIMITED_MARKS
            | InitFlags::from_bits_retain(handles);
        let group = Fanotify::init(flags, EventFFlags::O_RDONLY)?;
        Ok(Self {
            group,
            stores: HashMap::new(),
            handles: HashMap::new(),
            paths: HashSet::new(),
            dirs: HashSet::new(),
            roots: Vec::new(),
            buffer: Vec::new(),
        })
    }

    /// Marks the store at `path` as it is now, and its directory. Does nothing if that is done already.
    ///
    /// # Errors
    /// As fanotify_mark(2): the file system has no handles, or there are too many stores (`ENOSPC`).
    pub fn add(&mut self, path: &Path) -> Result<(), Errno> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        // handles lead to resolved paths
        let Ok(above) = fs::canonicalize(above) else { return Ok(()) };
        let (above, path) = (above.as_path(), above.join(name));
        let path = path.as_path();
        let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
        let id = id(&meta);
        if !meta.is_file() || self.stores.get(&id).is_some_and(|known| known.path == path) {
            return Ok(());
        }
        // what is gone makes room
        if self.stores.len() >= MAX_STORES {
            self.stores.retain(|id, store| fs::symlink_metadata(&store.path).is_ok_and(|meta| self::id(&meta) == *id));
            self.handles.retain(|_, id| self.stores.contains_key(id));
        }
        if self.stores.len() >= MAX_STORES {
            return Err(Errno::ENOSPC);
        }
        self.group.mark(MarkFlags::FAN_MARK_ADD, STORE, nix::fcntl::AT_FDCWD, Some(path))?;
        if let Ok(dir) = fs::metadata(above)
            && !self.dirs.contains(&self::id(&dir))
        {
            self.group.mark(MarkFlags::FAN_MARK_ADD, ENTRIES, nix::fcntl::AT_FDCWD, Some(above))?;
            self.dirs.insert(self::id(&dir));
        }
        if self.roots.len() < MAX_ROOTS && !self.roots.iter().any(|(dev, _)| *dev == meta.dev()) {
            self.roots.push((meta.dev(), above.to_owned()));
        }
        self.handles.extend(Handle::of(path).map(|handle| (handle, id)));
        self.paths.insert(path.to_owned());
        self.stores.insert(id, Store::new(path, &meta));
        Ok(())
    }

    /// Takes away the marks of stores that aren't among these, and of directories that hold no other.
    pub fn keep(&mut self, needed: impl Fn(FileId) -> bool) {
        let gone: Vec<(FileId, Store)> = self.stores.extract_if(|id, _| !needed(*id)).collect();
        if gone.is_empty() {
            return;
        }
        self.handles.retain(|_, id| self.stores.contains_key(id));
        for (id, Store { path, .. }) in gone {
            if let Some(found) = Found::itself(&path, id) {
                self.unmark(&found, STORE);
            }
            if !self.stores.values().any(|store| store.path == path) {
                self.paths.remove(&path);
            }
            let Some(above) = path.parent().filter(|above| !self.paths.iter().any(|path| path.parent() == Some(above)))
            else {
                continue;
            };
            if let Ok(dir) = fs::metadata(above).map(|meta| self::id(&meta))
                && self.dirs.contains(&dir)
                && let Some(found) = Found::itself(above, dir)
                && self.unmark(&found, ENTRIES)
            {
                self.dirs.remove(&dir);
            }
        }
    }

    fn unmark(&self, found: &Found, mask: MaskFlags) -> bool {
        found.mark(&self.group, MarkFlags::FAN_MARK_REMOVE, mask).is_ok()
    }

    /// Reads what has happened; never blocks.
    pub fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        // also where no store is left: a folder may still be marked, and what nobody reads would wake the agent for ever
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(BUFFER, 0);
        while let Ok(len @ 1..) = nix::unistd::read(&self.group, &mut buffer) {
            for raw in parse(buffer.get(..len).unwrap_or_default()) {
                self.take(&raw, &mut reading);
            }
        }
        self.buffer = buffer;
        reading
    }

    fn take(&mut self, raw: &Raw, reading: &mut Reading) {
        let mask = MaskFlags::from_bits_retain(raw.mask);
        reading.overflow |= mask.contains(MaskFlags::FAN_Q_OVERFLOW);
        let object = raw.object.as_ref().and_then(|handle| self.open(handle));
        let changed = if mask.contains(MaskFlags::FAN_RENAME) {
            self.renamed(raw, object.as_ref(), reading)
        } else if mask.contains(MaskFlags::FAN_CREATE) {
            self.created(raw, object.as_ref(), reading)
        } else if mask.contains(MaskFlags::FAN_DELETE) {
            self.removed(raw, object.as_ref())
        } else if object.is_none() && mask.contains(MaskFlags::FAN_DELETE_SELF) {
            self.ended(raw)
        } else {
            object.as_ref().and_then(|object| self.touched(mask, object))
        };
        reading.changed.extend(changed.map(|changed| Changed { pid: raw.pid, ..changed }));
    }

    fn renamed(&mut self, raw: &Raw, object: Option<&Object>, reading: &mut Reading) -> Option<Changed> {
        let (from, to) = (self.path_of(raw.from.as_ref()), self.path_of(raw.to.as_ref()));
        let is_store = |path: &Option<PathBuf>| path.as_ref().is_some_and(|path| self.paths.contains(path));
        if !is_store(&from) && !is_store(&to) {
            return None;
        }
        // another file has this name now
        reading.stale |= is_store(&to);
        // of several names any one is given
        let now = object.filter(|object| object.meta.nlink() == 1).map(|object| object.path.clone());
        let id = object.map(|object| object.id).unwrap_or_default();
        let Some(from) = from else {
            // from a place that isn't marked: what is seen is that it came
            return to.map(|to| change(FileOp::Create, &to, id, None));
        };
        let to = to.or(now).filter(|to| *to != from);
        Some(change(FileOp::Rename, &from, id, to.as_deref()))
    }

    fn created(&mut self, raw: &Raw, object: Option<&Object>, reading: &mut Reading) -> Option<Changed> {
        let path = self.path_of(raw.at.as_ref())?;
        let known = object.and_then(|object| self.stores.get_mut(&object.id).map(|store| (object, store)));
        if let Some((object, store)) = known {
            store.links = store.links.max(object.meta.nlink());
            if store.path == path {
                return Some(change(FileOp::Create, &path, object.id, None));
            }
            if store.linked.take().is_some_and(|told| told == path) {
                return None;
            }
            return Some(change(FileOp::Link, &store.path, object.id, Some(&path)));
        }
        if !self.paths.contains(&path) {
            return None;
        }
        reading.stale = true;
        if let Ok(target) = fs::read_link(&path) {
            return Some(change(FileOp::Symlink, &path, FileId::default(), Some(&target)));
        }
        Some(change(FileOp::Create, &path, object.map(|object| object.id).unwrap_or_default(), None))
    }

    fn removed(&mut self, raw: &Raw, object: Option<&Object>) -> Option<Changed> {
        let path = self.path_of(raw.at.as_ref())?;
        if !self.paths.contains(&path) {
            return None;
        }
        if let Some(object) = object {
            if let Some(store) = self.stores.get_mut(&object.id) {
                store.links = object.meta.nlink();
            }
            return Some(change(FileOp::Unlink, &path, object.id, None));
        }
        self.ended(raw).or_else(|| Some(change(FileOp::Unlink, &path, FileId::default(), None)))
    }

    /// A store's last name is gone: its number may be given to another file.
    fn ended(&mut self, raw: &Raw) -> Option<Changed> {
        let id = self.handles.remove(raw.object.as_ref()?)?;
        let store = self.stores.remove(&id)?;
        Some(Changed { unlinked: true, ..change(FileOp::Unlink, &store.path, id, None) })
    }

    /// The inode itself: compared with what was known.
    fn touched(&mut self, mask: MaskFlags, object: &Object) -> Option<Changed> {
        let store = self.stores.get_mut(&object.id)?;
        let now = Store::new(&store.path, &object.meta);
        let before = std::mem::replace(store, now);
        if store.links > before.links {
            let only = store.links == 2 && object.path != before.path;
            store.linked = only.then(|| object.path.clone());
            return Some(change(FileOp::Link, &before.path, object.id, store.linked.as_deref()));
        }
        if store.access != before.access {
            return Some(change(FileOp::Chmod, &before.path, object.id, None));
        }
        // a write follows an open, which is told of
        let emptied = mask.contains(MaskFlags::FAN_MODIFY) && store.size == 0 && before.size > 0;
        emptied.then(|| change(FileOp::Truncate, &before.path, object.id, None))
    }

    /// Path of a directory entry.
    fn path_of(&self, name: Option<&Name>) -> Option<PathBuf> {
        let (dir, name) = name?;
        Some(self.open(dir)?.path.join(std::ffi::OsStr::from_bytes(name)))
    }

    /// What a handle stands for, if it is still there. It isn't said on which file system that is: a handle of another one
    /// is stale there, or is that of a file which isn't a store.
    fn open(&self, handle: &Handle) -> Option<Object> {
        self.roots.iter().find_map(|(dev, root)| {
            let object = handle.open(&File::open(root).ok()?).ok()?;
            let known = self.stores.contains_key(&object.id) || self.dirs.contains(&object.id) || self.roots.len() == 1;
            (object.id.dev == *dev && known).then_some(object)
        })
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }
}

fn change(op: FileOp, path: &Path, id: FileId, to: Option<&Path>) -> Changed {
    let text = |path: &Path| escape_bytes(path.as_os_str().as_encoded_bytes());
    Changed { pid: 0, op, file: FileRef { path: text(path), id, cut: false }, to: to.map(text), unlinked: false }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Changes, id};

    #[test]
    fn root_the_marks_of_what_nobody_needs_are_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let at = |name: &str| dir.join(name);
        let mut changes = Changes::new().unwrap();
        for name in ["one/store", "one/other", "two/store"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "x").unwrap();
            changes.add(&at(name)).unwrap();
        }
        let needed = id(&fs::metadata(at("one/other")).unwrap());
        changes.keep(|known| known == needed);
        assert_eq!(
            (changes.stores.len(), changes.handles.len(), changes.paths.len(), changes.dirs.len()),
            (1, 1, 1, 1)
        );
        for name in ["two/store", "one/store", "one/other"] {
            fs::rename(at(name), at(name).with_extension("away")).unwrap();
        }
        let told = changes.read().changed;
        let other = at("one/other").display().to_string();
        assert!(!told.is_empty() && told.iter().all(|changed| changed.file.path == other), "{told:?}");
        // one that comes back is marked again
        changes.add(&at("two/store.away")).unwrap();
        assert_eq!((changes.stores.len(), changes.dirs.len()), (2, 2));
    }
}
