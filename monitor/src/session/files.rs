//! The files that are watched by their identity: credential stores, and the pipes of servers.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use monitor_core::credential::{Secrecy, WatchPlace};
use monitor_core::detect::credential::is_shared;
use monitor_core::event::{FileRef, ServerStart};
use monitor_core::id::ServerId;

use super::Session;
use crate::passwd;
use crate::pipeline::clock::boot_now;
use crate::pipeline::enrich;
use crate::sensor::changes::Changes;
use crate::sensor::fanotify::{Marks, Scan};
use crate::sensor::load::FileKey;

/// Most credential files of other users that are known by identity.
const MAX_OTHERS: usize = 4096;

impl Session {
    /// Marks credential files that are there and aren't marked yet.
    pub(super) fn mark(&mut self) {
        self.stale = false;
        self.scanned = boot_now();
        self.pipeline.look_for_gone();
        self.forget_gone();
        if self.marks.is_none() {
            match Marks::new() {
                Ok(marks) => self.marks = Some(marks),
                Err(error) => {
                    self.pipeline.blind("fanotify", &format!("fanotify_init: {error}"));
                    return;
                }
            }
        }
        if let Some(marks) = &mut self.marks {
            let scan = marks.add(&self.places);
            self.found(scan);
        }
        self.mark_stores();
    }

    /// Credential files that are no more: their numbers are going to be other files'.
    pub(super) fn forget_gone(&mut self) {
        for id in self.pipeline.take_gone() {
            let Some(dev) = enrich::kernel_device(id.dev) else { continue };
            // a full table had no room for it
            let _absent = self.sensitive.remove(&FileKey(monitor_abi::file::Identity { ino: id.ino, dev, tgid: 0 }));
        }
    }

    /// The stores below a server's homes and working folder are watched for it.
    pub(super) fn add_homes(&mut self, id: ServerId, start: &ServerStart) {
        self.owners.insert(start.profile.clone());
        let mut own: Vec<WatchPlace> =
            start.homes.iter().flat_map(|home| self.credentials.watch_places(home)).collect();
        if let Ok(cwd) = fs::read_link(format!("/proc/{}/cwd", start.root.pid)) {
            own.extend(self.credentials.project_places(&cwd.to_string_lossy()));
        }
        self.homes.insert(id, own);
        self.gather();
        self.learn_others();
        self.mark();
    }

    /// What only these servers needed isn't marked any more.
    pub(super) fn remove_homes(&mut self, ended: &[ServerId]) {
        let before = self.homes.len();
        self.homes.retain(|id, _| !ended.contains(id));
        if self.homes.len() == before {
            return;
        }
        self.gather();
        if let Some(marks) = &mut self.marks {
            marks.keep(&self.places);
            if let Some(changes) = &mut self.changes {
                changes.keep(|known| marks.holds(known));
            }
        }
        // whatever else is needed is marked again
        self.mark();
    }

    /// The system's places, and those of every server that runs.
    fn gather(&mut self) {
        self.places = self.credentials.system_places();
        self.places.extend(self.homes.values().flatten().cloned());
        self.places.sort();
        self.places.dedup();
    }

    /// A server's pipes have no name but its descriptors: whoever opens one reaches for those.
    pub(super) fn add_pipes(&mut self, id: ServerId, pid: u32) {
        for fd in [0, 1] {
            let Ok(meta) = fs::metadata(format!("/proc/{pid}/fd/{fd}")) else { continue };
            let Some(dev) = enrich::kernel_device(meta.dev()).filter(|_| meta.file_type().is_fifo()) else { continue };
            let key = monitor_abi::file::Identity { ino: meta.ino(), dev, tgid: 0 };
            match self.sensitive.insert(FileKey(key), 1, 0) {
                Ok(()) => self.pipes.entry(id.0).or_default().push(key),
                Err(error) => tracing::warn!(pid, %error, "the opening of a server's descriptor would not be seen"),
            }
        }
    }

    pub(super) fn remove_pipes(&mut self, ended: &[ServerId]) {
        for key in ended.iter().filter_map(|id| self.pipes.remove(&id.0)).flatten() {
            // two servers may have been started with one pipe: the other's goes unseen from here on
            let _absent = self.sensitive.remove(&FileKey(key));
        }
    }

    /// These are credential files, by whatever name they are opened.
    fn learn(&mut self, files: Vec<FileRef>) {
        for file in &files {
            let Some(dev) = enrich::kernel_device(file.id.dev) else { continue };
            let key = FileKey(monitor_abi::file::Identity { ino: file.id.ino, dev, tgid: 0 });
            if let Err(error) = self.sensitive.insert(key, 1, 0) {
                tracing::warn!(path = file.path, %error, "a credential file's use by descriptor would not be seen");
            }
        }
        self.pipeline.credential_files(files);
    }

    /// Other users' credential files, as they are when the first server is taken under watch: one that runs as root
    /// reaches them, perhaps by another name.
    fn learn_others(&mut self) {
        if std::mem::replace(&mut self.others_known, true) {
            return;
        }
        let places = passwd::homes().into_iter().flat_map(|(home, _)| self.credentials.watch_places(&home));
        let mut scan = Marks::only_look(&places.collect::<Vec<_>>());
        scan.bounded |= scan.files.len() > MAX_OTHERS;
        scan.files.truncate(MAX_OTHERS);
        self.found(scan);
    }

    /// Credential files were looked for. That some were left out is said once: it is so at the next look too.
    fn found(&mut self, scan: Scan) {
        for file in &scan.files {
            let found = self.credentials.lookup(&file.path).filter(|found| found.secrecy > Secrecy::Ambient);
            if let Some(found) = found {
                self.pipeline.read_for_tokens(&file.path, &found.store);
            }
        }
        self.pipeline.read_changed_for_tokens();
        self.learn(scan.files);
        let refused = scan.refused.is_some();
        if let Some(why) = scan.refused.filter(|_| !self.reported.contains_key(&("fanotify", "unmarked"))) {
            tracing::warn!("cannot mark {why}: its opening by processes outside every server is not seen");
        }
        for (reason, is_so) in [("too_many", scan.bounded), ("unmarked", refused)] {
            if is_so && self.reported.insert(("fanotify", reason), 1).is_none() {
                self.pipeline.left_out("fanotify", reason, 1);
            }
        }
    }

    /// The stores of watched servers are marked for changes too: others' are nobody's business but their owners'.
    fn mark_stores(&mut self) {
        let Self { marks: Some(marks), owners, credentials, profiles, changes, .. } = self else { return };
        let owned = |path: &&Path| {
            let Some(path) = path.to_str() else { return false };
            credentials.lookup(path).is_some_and(|found| {
                !is_shared(found)
                    && owners.iter().filter_map(|name| profiles.get(name)).any(|own| own.owns("", &found.kind, path))
            })
        };
        for path in marks.marked().filter(owned) {
            if changes.is_none() {
                match Changes::new() {
                    Ok(group) => *changes = Some(group),
                    Err(error) => {
                        tracing::debug!(%error, "changes of stores by processes outside every server are not seen");
                        return;
                    }
                }
            }
            let added = changes.as_mut().map_or(Ok(()), |changes| changes.add(path));
            if let Err(error) = added {
                tracing::debug!(path = %path.display(), %error, "changes of a store are not seen");
            }
        }
    }
}
