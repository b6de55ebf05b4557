//! Paths that were found to be of no interest when a server read them: most reads are of files that were read before.
//!
//! Only what can't change is kept: that the path names no credential, and that reading it is normal for the server's
//! runtime whoever reads it and whatever is open. Identity (another name for a credential) is asked every time.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::id::ServerId;

/// Slots; a path has one place only, and pushes out what was there.
const SLOTS: usize = 4096;
/// Longer paths aren't worth the room.
const MAX_PATH: usize = 256;

/// The table.
#[derive(Debug)]
pub(super) struct QuietPaths {
    slots: Vec<Option<(ServerId, Box<str>)>>,
}

impl QuietPaths {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(|| None).take(SLOTS).collect() }
    }

    pub(super) fn contains(&self, server: ServerId, path: &str) -> bool {
        matches!(self.slots.get(slot(server, path)), Some(Some((owner, known))) if *owner == server && **known == *path)
    }

    pub(super) fn insert(&mut self, server: ServerId, path: &str) {
        if path.len() > MAX_PATH {
            return;
        }
        if let Some(place) = self.slots.get_mut(slot(server, path)) {
            *place = Some((server, path.into()));
        }
    }

    /// A number may be given to another server.
    pub(super) fn clear(&mut self) {
        self.slots.fill_with(|| None);
    }
}

fn slot(server: ServerId, path: &str) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write(path.as_bytes());
    hasher.write_u32(server.0);
    usize::try_from(hasher.finish() % (SLOTS as u64)).unwrap_or(0)
}
