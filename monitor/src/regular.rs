//! Regular files that others control, read without being caught by what stands in their place.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Content and metadata of the regular file at `path`; links are followed. Never waits for a FIFO and never opens a
/// device: what lies there is looked at before it is opened for reading.
///
/// # Errors
/// As the system says; `InvalidInput` if it is no regular file, `FileTooLarge` if it has more than `max` bytes.
pub fn read(path: &Path, max: usize) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, meta) = open(path)?;
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max} bytes")));
    }
    Ok((bytes, meta))
}

/// The regular file at `path`, open for reading, and its metadata; as [`read`].
///
/// # Errors
/// As the system says; `InvalidInput` if it is no regular file.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let place = OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH | nix::libc::O_CLOEXEC).open(path)?;
    let meta = place.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"));
    }
    // the same file, whatever has been put in its place meanwhile
    // never waiting for whoever has a lease on it (fcntl(2))
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC;
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(format!("/proc/self/fd/{}", place.as_raw_fd()))?;
    Ok((file, meta))
}

/// The first bytes of a regular file, at most `max`: for files of procfs, which tell no size. Empty for any reason.
#[must_use]
pub fn head(path: &Path, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if fs::metadata(path).is_ok_and(|meta| meta.is_file())
        && let Ok(file) = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
    {
        let _what_came = file.take(max as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// The same as text; bytes that aren't UTF-8 are replaced. `None` for any reason.
#[must_use]
pub fn text(path: &Path, max: usize) -> Option<String> {
    let (bytes, _) = read(path, max).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What tells whether a file is another one, or was written to, since: device, inode, size and time of change. `None`
/// where there is none.
#[must_use]
pub fn stamp(path: &Path) -> Option<[i64; 5]> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).ok()?;
    Some([
        meta.dev().cast_signed(),
        meta.ino().cast_signed(),
        meta.size().cast_signed(),
        meta.ctime(),
        meta.ctime_nsec(),
    ])
}

#[cfg(test)]
mod tests {
    use super::{read, text};

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"ab\xff").unwrap();
        std::os::unix::fs::symlink(&file, dir.path().join("link")).unwrap();
        assert_eq!(text(&dir.path().join("link"), 3).as_deref(), Some("ab\u{fffd}"));
        assert_eq!(read(&file, 2).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
        assert!(read(dir.path(), 10).is_err());
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(read(&fifo, 10).is_err(), "nobody writes to it, and nobody waits");
        assert!(read(std::path::Path::new("/dev/null"), 10).is_err());
    }
}
