//! Credential files by identity: a hard link or bind mount is the same file, a copy isn't.

use std::sync::Arc;

use super::Bounded;
use crate::event::FileRef;
use crate::id::FileId;

/// The inode map.
#[derive(Debug)]
pub struct CredentialFiles {
    by_id: Bounded<FileId, Arc<str>>,
}

impl CredentialFiles {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_id: Bounded::new(limit) }
    }

    /// A credential file exists at this identity.
    pub fn learn(&mut self, file: &FileRef) {
        if file.id != FileId::default() {
            self.by_id.insert(file.id, Arc::from(file.path.as_str()));
        }
    }

    /// The name under which this file is known as a credential.
    #[must_use]
    pub fn known_as(&self, id: FileId) -> Option<&Arc<str>> {
        if id == FileId::default() { None } else { self.by_id.get(&id) }
    }

    /// This identity is gone: the number may be given to another file.
    pub fn forget(&mut self, id: FileId) {
        self.by_id.remove(&id);
    }

    pub(super) fn evicted(&self) -> u64 {
        self.by_id.evicted()
    }
}
