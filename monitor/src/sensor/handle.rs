//! Which file it is, beyond its number: file systems give the numbers of removed files out again.
//!
//! A handle (name_to_handle_at(2)) never means a later file; opening by one (open_by_handle_at(2)) needs
//! `CAP_DAC_READ_SEARCH`. Where a file system has none, the time of birth tells two files of one number apart, as finely as
//! it is kept.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use monitor_core::id::FileId;
use nix::errno::Errno;
use nix::libc;

/// Longest file handle (`MAX_HANDLE_SZ`).
pub(super) const MAX_HANDLE: usize = 128;

/// What tells a file from an earlier or later one with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    handle: Option<Handle>,
    since: Option<SystemTime>,
}

impl Birth {
    /// The file at `path`, whoever reads it: number and birth are of one file, even if another takes its name meanwhile.
    #[must_use]
    pub fn at(path: &Path) -> Option<(FileId, Self)> {
        // opened for nothing: no mark tells of it, and a FIFO isn't waited for
        let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path).ok()?;
        let meta = file.metadata().ok()?;
        let handle = Handle::read(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH);
        Some((id(&meta), Self { handle, since: meta.created().ok() }))
    }

    /// Whether it is certain that these are two files.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        fn two<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        two(self.handle.as_ref(), other.handle.as_ref()) || two(self.since.as_ref(), other.since.as_ref())
    }

    /// Whether the file is no more, under any name and in nobody's hands; `None` where the file system doesn't tell.
    /// `path`: a name that it had on this device.
    #[must_use]
    pub fn is_gone(&self, path: &Path, dev: u64) -> Option<bool> {
        let handle = self.handle.as_ref()?;
        let mut above = path.ancestors().skip(1).filter_map(|above| {
            let flags = libc::O_DIRECTORY | libc::O_NONBLOCK;
            OpenOptions::new().read(true).custom_flags(flags).open(above).ok()
        });
        let above = above.next().filter(|above| above.metadata().is_ok_and(|meta| meta.dev() == dev))?;
        match handle.open(&above) {
            Ok(_) => Some(false),
            Err(Errno::ESTALE) => Some(true),
            Err(_) => None,
        }
    }
}

/// A file handle as open_by_handle_at(2) takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Handle {
    pub(super) kind: i32,
    pub(super) bytes: Vec<u8>,
}

impl Handle {
    /// The handle of the file at `path`; a link isn't followed.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
        Self::read(libc::AT_FDCWD, &path, 0)
    }

    fn read(dir: i32, path: &std::ffi::CStr, flags: i32) -> Option<Self> {
        let mut buffer = Buffer { len: u32::try_from(MAX_HANDLE).ok()?, kind: 0, bytes: [0; MAX_HANDLE] };
        let pointer = std::ptr::from_mut(&mut buffer).cast::<libc::file_handle>();
        let mut mount = 0;
        // SAFETY: the path ends with NUL; the buffer has the layout of `struct file_handle` followed by `len` bytes; all
        // outlive the call.
        let failed = unsafe { libc::name_to_handle_at(dir, path.as_ptr(), pointer, &raw mut mount, flags) };
        let bytes = buffer.bytes.get(..usize::try_from(buffer.len).ok()?)?.to_vec();
        (failed == 0).then_some(Self { kind: buffer.kind, bytes })
    }

    /// What it stands for; `root` lies on its file system. `ESTALE` if that is gone.
    pub(super) fn open(&self, root: &File) -> Result<Object, Errno> {
        let len = u32::try_from(self.bytes.len()).map_err(|_| Errno::EINVAL)?;
        let mut buffer = Buffer { len, kind: self.kind, bytes: [0; MAX_HANDLE] };
        buffer.bytes.get_mut(..self.bytes.len()).ok_or(Errno::EINVAL)?.copy_from_slice(&self.bytes);
        let pointer = std::ptr::from_mut(&mut buffer).cast::<libc::file_handle>();
        // SAFETY: the buffer has the layout of `struct file_handle` followed by at least `len` bytes, and outlives the call.
        let fd = unsafe { libc::open_by_handle_at(root.as_raw_fd(), pointer, libc::O_PATH | libc::O_CLOEXEC) };
        if fd < 0 {
            return Err(Errno::last());
        }
        // SAFETY: the call has just given this descriptor, and nothing else owns it.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let unreadable = |_| Errno::EIO;
        let meta = file.metadata().map_err(unreadable)?;
        let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(unreadable)?;
        Ok(Object { id: id(&meta), path, meta })
    }
}

/// An inode that was found by its handle.
pub(super) struct Object {
    pub(super) id: FileId,
    /// One of its names.
    pub(super) path: PathBuf,
    pub(super) meta: Metadata,
}

/// `struct file_handle` with room for any.
#[repr(C)]
struct Buffer {
    len: u32,
    kind: i32,
    bytes: [u8; MAX_HANDLE],
}

/// The identity of a file.
pub(super) fn id(meta: &Metadata) -> FileId {
    FileId { dev: meta.dev(), ino: meta.ino() }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::{Birth, Handle};

    #[test]
    fn a_file_is_the_same_by_every_name_and_no_other_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("c")).unwrap();
        let born = |name: &str| Birth::at(&at(name)).unwrap();
        assert!(born("a").0 == born("c").0 && !born("a").1.differs(&born("c").1));
        assert!(born("a").0 != born("b").0 && born("a").1.differs(&born("b").1));
        assert_eq!(Birth::at(&at("d")), None);
    }

    #[test]
    fn one_of_two_signs_is_enough_and_a_missing_one_says_nothing() {
        let now = SystemTime::now();
        let birth = |handle: Option<u8>, since: Option<u64>| Birth {
            handle: handle.map(|byte| Handle { kind: 1, bytes: vec![byte] }),
            since: since.map(|seconds| now + Duration::from_secs(seconds)),
        };
        assert!(birth(None, Some(1)).differs(&birth(None, Some(2))));
        assert!(birth(Some(1), Some(1)).differs(&birth(Some(2), Some(1))));
        assert!(!birth(Some(1), None).differs(&birth(None, Some(2))));
        assert!(!birth(None, None).differs(&birth(None, None)));
    }

    #[test]
    fn a_file_is_gone_once_it_has_no_name_and_nobody_holds_it() {
        // without the capability nobody can tell
        let told = |gone: bool| nix::unistd::geteuid().is_root().then_some(gone);
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "").unwrap();
        let (id, birth) = Birth::at(&path).unwrap();
        let gone = || birth.is_gone(&path, id.dev);
        assert_eq!(gone(), told(false));
        fs::rename(&path, &moved).unwrap();
        assert_eq!(gone(), told(false), "it has another name");
        let held = File::open(&moved).unwrap();
        fs::remove_file(&moved).unwrap();
        assert_eq!(gone(), told(false), "somebody has it open");
        drop(held);
        assert_eq!(gone(), told(true));
        fs::remove_dir(dir.path()).unwrap();
        assert_eq!(gone(), told(true), "whose folder is gone too");
        assert_eq!(birth.is_gone(&path, id.dev + 1), None, "another file system");
    }
}
