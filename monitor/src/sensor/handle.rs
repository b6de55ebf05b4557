//! Which file it is, beyond its number: file systems give the numbers of removed files out again.
//!
//! A handle (name_to_handle_at(2)) never means a later file; opening by one (open_by_handle_at(2)) needs
//! `CAP_DAC_READ_SEARCH`. Where a file system has none, the time of birth tells two files of one number apart, as finely as
//! it is kept.
//!
//! Where that is asked again and again, or of paths that a watched process chose, no file system is asked that could let one
//! wait (network, FUSE) or would mount something (autofs): names are resolved by what the kernel has in memory.

use std::fs::{self, File, Metadata};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use monitor_core::id::FileId;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::libc;
use nix::sys::stat::Mode;

/// Longest file handle (`MAX_HANDLE_SZ`).
pub(super) const MAX_HANDLE: usize = 128;

/// File systems that find every file that they have by its handle, also one that nothing remembers: others say of those
/// too that they are gone.
const FINDS_ALL: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs"];

/// What tells a file from an earlier or later one with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    handle: Option<Handle>,
    since: Option<SystemTime>,
}

impl Birth {
    /// The file at an absolute `path` below `root`: number and birth are of one file, even if another takes its name
    /// meanwhile. `None` if there is none.
    ///
    /// # Errors
    /// If it can't be known, `EAGAIN` without waiting for a file system.
    pub fn seen(root: &Path, path: &Path) -> Result<Option<(FileId, Self)>, Errno> {
        let found = match in_memory(root, path) {
            Err(Errno::EAGAIN) => by_folder(root, path),
            found => found,
        };
        match found {
            Ok(file) => Self::of(&file).map(Some).ok_or(Errno::EIO),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An open file, also one that was opened for nothing.
    pub(super) fn of(file: &File) -> Option<(FileId, Self)> {
        let stat = stat(file)?;
        let handle = Handle::read(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH);
        let since = (stat.stx_mask & libc::STATX_BTIME != 0)
            .then(|| u64::try_from(stat.stx_btime.tv_sec).ok())
            .flatten()
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, stat.stx_btime.tv_nsec)));
        Some((FileId { dev: device(&stat), ino: stat.stx_ino }, Self { handle, since }))
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
        let above = path.ancestors().skip(1).find_map(|above| in_memory(Path::new("/"), above).ok())?;
        let stat = stat(&above).filter(|stat| device(stat) == dev)?;
        if !on_disk(&stat) {
            return None;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let above = open(&PathBuf::from(format!("/proc/self/fd/{}", above.as_raw_fd())), flags, Mode::empty()).ok()?;
        let above = File::from(above);
        match handle.open(&above) {
            Ok(_) => Some(false),
            Err(Errno::ESTALE) => Some(true),
            Err(_) => None,
        }
    }
}

/// Opens for nothing what is at an absolute `path` below `root`, if the kernel knows the way by heart.
fn in_memory(root: &Path, path: &Path) -> Result<File, Errno> {
    /// `RESOLVE_CACHED` (linux/openat2.h).
    const CACHED: u64 = 0x20;
    /// How often a change somewhere on the way is waited out.
    const TRIES: usize = 3;
    let root = open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let path = path.strip_prefix("/").map_err(|_| Errno::EINVAL)?;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::from_bits_retain(CACHED);
    let how = || OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    let mut last = Err(Errno::EAGAIN);
    for _ in 0..TRIES {
        last = openat2(&root, path, how()).map(File::from);
        if !matches!(last, Err(Errno::EAGAIN)) {
            break;
        }
    }
    last
}

/// The same if only the last name on the way has to be looked up, in a folder of a file system that nobody serves: a name
/// that isn't there may never have been asked for.
fn by_folder(root: &Path, path: &Path) -> Result<File, Errno> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::EAGAIN) };
    let above = in_memory(root, above)?;
    if !stat(&above).is_some_and(|stat| on_disk(&stat)) {
        return Err(Errno::EAGAIN);
    }
    let resolve = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    openat2(&above, name, how).map(File::from)
}

/// What is known of an open file without asking a server or daemon for it.
fn stat(file: &File) -> Option<libc::statx> {
    let mut stat = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let what = libc::STATX_BASIC_STATS | libc::STATX_BTIME | libc::STATX_MNT_ID;
    // SAFETY: the path ends with NUL, the buffer is a `struct statx`, and both outlive the call.
    let failed = unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, what, stat.as_mut_ptr()) };
    // SAFETY: zeroed, every member of it is a number.
    (failed == 0).then(|| unsafe { stat.assume_init() })
}

fn device(stat: &libc::statx) -> u64 {
    libc::makedev(stat.stx_dev_major, stat.stx_dev_minor)
}

/// Whether an open file lies on one of [`FINDS_ALL`], in the agent's own mounts.
fn on_disk(stat: &libc::statx) -> bool {
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| finds_all(&mounts, stat.stx_mnt_id))
}

/// Whether the mount with this number in `mounts` (proc_pid_mountinfo(5)) is of such a file system.
fn finds_all(mounts: &str, number: u64) -> bool {
    let of = |line: &&str| line.split(' ').next().and_then(|first| first.parse().ok()) == Some(number);
    let kind = mounts.lines().find(of).and_then(|line| line.split_once(" - ")?.1.split(' ').next());
    kind.is_some_and(|kind| FINDS_ALL.contains(&kind))
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
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use monitor_core::id::FileId;

    use super::{Birth, Handle, finds_all};

    fn seen(path: &Path) -> Option<(FileId, Birth)> {
        Birth::seen(Path::new("/"), path).unwrap()
    }

    #[test]
    fn what_cannot_be_found_is_gone_only_where_everything_can_be() {
        let mounts = "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
            31 25 0:27 / /net rw - autofs systemd-1 rw\n\
            40 25 0:50 /a\\040- /mnt rw shared:2 master:1 - fuse.sshfs - rw\n41 25 0:51 / /x rw - tmpfs tmpfs rw\n";
        assert_eq!([25, 41, 31, 40, 4].map(|number| finds_all(mounts, number)), [true, true, false, false, false]);
    }

    #[test]
    fn a_file_is_the_same_by_every_name_and_no_other_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("c")).unwrap();
        let born = |name: &str| seen(&at(name)).unwrap();
        assert!(born("a").0 == born("c").0 && !born("a").1.differs(&born("c").1));
        assert!(born("a").0 != born("b").0 && born("a").1.differs(&born("b").1));
        assert_eq!(Birth::seen(Path::new("/"), &at("d")), Ok(None));
        assert_eq!(Birth::seen(dir.path(), Path::new("/a")).unwrap(), seen(&at("a")), "below a root of its own");
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
        let (id, birth) = seen(&path).unwrap();
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
