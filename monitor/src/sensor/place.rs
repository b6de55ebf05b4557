//! What is at a credential's place, held by a descriptor: what is looked at and what is marked is one file, whatever takes
//! its name in between.
//!
//! Who starts a server says which homes it has, and may put a link at any place there. Where a link leads counts only if
//! whoever made it could have put that very file there: else every file of the system would be somebody's `.netrc`.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use monitor_core::id::FileId;
use monitor_core::place::{Place, place};
use nix::errno::Errno;
use nix::libc;
use nix::sys::fanotify::{Fanotify, MarkFlags, MaskFlags};

use super::handle::{Birth, id};

/// See the module documentation.
pub(super) struct Found {
    file: File,
    pub(super) meta: Metadata,
}

impl Found {
    /// What is at `path`; links are followed, unless they lead to somebody else's.
    pub(super) fn at(path: &Path) -> Option<Self> {
        Self::open(path, 0).filter(|found| found.is_meant(path))
    }

    /// What is at `path` if it is this file; a link at its end isn't followed.
    pub(super) fn itself(path: &Path, known: FileId) -> Option<Self> {
        Self::open(path, libc::O_NOFOLLOW).filter(|found| id(&found.meta) == known)
    }

    /// What is at `path` if it is this file, wherever that lies.
    pub(super) fn again(path: &Path, known: FileId) -> Option<Self> {
        Self::open(path, 0).filter(|found| id(&found.meta) == known)
    }

    /// What tells it from a later file of its number.
    pub(super) fn birth(&self) -> Option<Birth> {
        Birth::of(&self.file).map(|(_, birth)| birth)
    }

    /// Adds or takes away a mark on it.
    pub(super) fn mark(&self, group: &Fanotify, flags: MarkFlags, mask: MaskFlags) -> Result<(), Errno> {
        group.mark(flags, mask, nix::fcntl::AT_FDCWD, Some(&self.held()))
    }

    fn open(path: &Path, flags: i32) -> Option<Self> {
        // opened for nothing: no mark tells of it, and a FIFO isn't waited for
        let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH | flags).open(path).ok()?;
        let meta = file.metadata().ok()?;
        Some(Self { file, meta })
    }

    fn held(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    fn is_meant(&self, path: &Path) -> bool {
        let Ok(target) = fs::read_link(self.held()) else { return false };
        if target == path {
            return true;
        }
        let above = path.ancestors().filter_map(|above| fs::symlink_metadata(above).ok());
        let makers: Vec<u32> = above.filter(|meta| meta.is_symlink()).map(|meta| meta.uid()).collect();
        if makers.is_empty() {
            // by a name with `..` in it, or there was a link a moment ago
            return fs::symlink_metadata(path).is_ok_and(|meta| id(&meta) == id(&self.meta));
        }
        let is_system = |path: &Path| place(&path.to_string_lossy()) == Place::System;
        // root's own links may lead into the system's places as well: to what bears the name of that place
        let borrowed =
            self.meta.uid() == 0 && is_system(&target) && !is_system(path) && target.file_name() != path.file_name();
        !borrowed && makers.iter().all(|maker| *maker == 0 || *maker == self.meta.uid())
    }
}
