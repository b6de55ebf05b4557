//! An initial file system for the kernel: the `newc` archive of `Documentation/driver-api/early-userspace`.
//!
//! Written here because it is forty lines, and because a node and links can be put in without being root.

use std::io::{self, Write};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Writes an archive, entry by entry; a folder comes before what is in it.
pub struct Archive<W> {
    to: W,
    next: u32,
}

impl<W: Write> Archive<W> {
    /// An archive that goes to `to`.
    pub fn new(to: W) -> Archive<W> {
        Archive { to, next: 1 }
    }

    /// A folder; `path` has no leading slash.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, FOLDER | 0o755, &[])
    }

    /// A file with its permission bits.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, FILE | (mode & 0o7777), content)
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.entry(path, LINK | 0o777, target.as_bytes())
    }

    /// Writes the end and hands the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, &[])?;
        Ok(self.to)
    }

    /// Head (13 numbers of eight hexadecimal digits behind the magic), name and content, each filled up to four bytes.
    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let size = u32::try_from(content.len()).map_err(|_| io::Error::other(format!("{path} is too large")))?;
        let name = u32::try_from(path.len() + 1).map_err(|_| io::Error::other("a path is too long"))?;
        let links = 1 + u32::from(mode & FOLDER == FOLDER && mode & FILE != FILE);
        // ino, mode, uid, gid, nlink, mtime, filesize, dev (major, minor), rdev (major, minor), namesize, check
        let head = [self.next, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name, 0];
        self.next += 1;
        write!(self.to, "070701")?;
        for number in head {
            write!(self.to, "{number:08X}")?;
        }
        self.to.write_all(path.as_bytes())?;
        self.to.write_all(&[0])?;
        self.fill(110 + name)?;
        self.to.write_all(content)?;
        self.fill(size)
    }

    fn fill(&mut self, written: u32) -> io::Result<()> {
        let missing = (4 - written % 4) % 4;
        self.to.write_all(&[0; 3][..missing as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn every_part_starts_at_a_multiple_of_four() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("etc").unwrap();
        archive.file("etc/x", 0o644, b"hello").unwrap();
        archive.link("lib", "usr/lib").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let heads: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert_eq!(heads.len(), 4, "three entries and the trailer");
        assert!(heads.iter().all(|at| at % 4 == 0), "{heads:?}");
        assert!(text.contains("hello\0\0\0") && text.ends_with("TRAILER!!!\0\0\0\0"));
    }
}
