//! Which file the number of a credential stands for: file systems give the numbers of removed files out again.
//!
//! The engine knows credential files by device and inode, so that another name is the same file. Here is what tells whether
//! it still is: nothing is forgotten because a name is gone, since a file that was renamed, or has a second name, is the
//! credential that it was. Forgotten is what is certain to be no more, or another file by now.
//!
//! Only such are kept as the agent reaches by the path under which they are known: that of a process in mounts of its own
//! may lead the agent to anything.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use monitor_core::event::{CredentialFile, Event, File, FileOp, FileRef, Kind};
use monitor_core::id::FileId;
use monitor_core::time::Time;
use nix::errno::Errno;

use super::{Pipeline, enrich};
use crate::sensor::handle::Birth;

/// Most numbers that are kept, as many as the engine knows; of further ones nobody tells when they are gone.
const MAX_NUMBERS: usize = 16_384;
/// Numbers that are looked at in one go.
const AT_ONCE: usize = 1024;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Numbers {
    known: HashMap<FileId, Known>,
    /// The number that was last seen at each path.
    paths: HashMap<String, FileId>,
    /// Whose turn it is to be looked at.
    turn: VecDeque<FileId>,
    /// Forgotten since that was last asked.
    gone: Vec<FileId>,
}

/// The file that has a number.
#[derive(Debug)]
struct Known {
    path: String,
    birth: Birth,
}

impl Numbers {
    /// A credential file is at its path, in the agent's own mounts too or not.
    pub fn note(&mut self, file: &FileRef) {
        let Some((id, birth)) = here(&file.path).ok().flatten().filter(|(id, _)| *id == file.id) else { return };
        if !self.known.contains_key(&id) {
            if self.known.len() >= MAX_NUMBERS {
                return;
            }
            self.turn.push_back(id);
        }
        self.paths.insert(file.path.clone(), id);
        if let Some(before) = self.known.insert(id, Known { path: file.path.clone(), birth })
            && before.path != file.path
            && self.paths.get(&before.path) == Some(&id)
        {
            self.paths.remove(&before.path);
        }
    }

    /// Whether what a process has at a path has a credential's number and is another file than that credential.
    fn is_another(&self, id: FileId, there: Sight) -> bool {
        let Some(known) = self.known.get(&id) else { return false };
        let differs = there.ok().flatten().is_some_and(|(now, birth)| now == id && known.birth.differs(&birth));
        // What is told of the credential may be older than the credential: two names of one file are one file.
        differs && here(&known.path).is_ok_and(|now| now.is_none_or(|(now, _)| now != id))
    }

    /// The number that `path` stood for, if the file that had it is no more: the path may be another file's by now.
    fn left(&self, path: &str) -> Option<FileId> {
        let id = self.paths.get(path)?;
        let known = self.known.get(id)?;
        (known.birth.is_gone(Path::new(path), id.dev) == Some(true)).then_some(*id)
    }

    /// Some of those that are no more, in turn.
    fn look(&mut self) -> Vec<FileId> {
        let mut gone = Vec::new();
        for _ in 0..self.turn.len().min(AT_ONCE) {
            let Some(id) = self.turn.pop_front() else { break };
            let Some(known) = self.known.get_mut(&id) else { continue };
            self.turn.push_back(id);
            match here(&known.path) {
                // made anew at the same place, it is the credential of that place
                Ok(Some((now, birth))) if now == id => known.birth = birth,
                _ if known.birth.is_gone(Path::new(&known.path), id.dev) == Some(true) => gone.push(id),
                _ => {}
            }
        }
        gone
    }

    /// Returns the path that the number stood for.
    fn forget(&mut self, id: FileId) -> Option<String> {
        let known = self.known.remove(&id)?;
        self.turn.retain(|turn| *turn != id);
        if self.paths.get(&known.path) == Some(&id) {
            self.paths.remove(&known.path);
        }
        self.gone.push(id);
        Some(known.path)
    }
}

impl Pipeline {
    /// Credential files that exist.
    pub fn credential_files(&mut self, files: Vec<FileRef>) {
        let time = self.clock.now();
        for file in files {
            self.numbers.note(&file);
            let kind = Kind::CredentialFile(CredentialFile { file, gone: false });
            self.event(Event { time, server: None, kind });
        }
    }

    /// Looks which credential files are no more.
    pub fn look_for_gone(&mut self) {
        let time = self.clock.now().max(self.last);
        for id in self.numbers.look() {
            self.gone(id, time);
        }
    }

    /// Numbers that stand for no credential any more, since the last call.
    pub fn take_gone(&mut self) -> Vec<FileId> {
        std::mem::take(&mut self.numbers.gone)
    }

    /// Before an effect is judged: what has a credential's number may be another file by now.
    pub(super) fn renumber(&mut self, file: &File, time: Time) {
        let known = self.engine.state().credentials.known_as(file.file.id);
        if known.is_some_and(|known| **known != *file.file.path) && self.numbers.is_another(file.file.id, there(file)) {
            self.gone(file.file.id, time);
        }
    }

    /// After it: the name that it took from a credential may have been the last, and what it showed as one has a number.
    pub(super) fn number(&mut self, file: &File, time: Time) {
        let to = file.to.as_deref().filter(|_| file.op == FileOp::Rename);
        let taken = if file.op == FileOp::Unlink { Some(file.file.path.as_str()) } else { to };
        if let Some(id) = taken.and_then(|path| self.numbers.left(path)) {
            self.gone(id, time);
        }
        let at = match file.op {
            FileOp::Open | FileOp::Use | FileOp::Inherit | FileOp::Create => file.file.path.as_str(),
            FileOp::Rename => to.unwrap_or_default(),
            _ => return,
        };
        let known = self.engine.state().credentials.known_as(file.file.id);
        if known.is_some_and(|known| **known == *at) {
            self.numbers.note(&FileRef { path: at.to_owned(), ..file.file.clone() });
        }
    }

    fn gone(&mut self, id: FileId, time: Time) {
        let Some(path) = self.numbers.forget(id) else { return };
        let file = FileRef { path, id, cut: false };
        self.judge(&Event { time, server: None, kind: Kind::CredentialFile(CredentialFile { file, gone: true }) });
    }
}

/// What is at a path, as far as that is known at once.
type Sight = Result<Option<(FileId, Birth)>, Errno>;

/// In the agent's own mounts.
fn here(path: &str) -> Sight {
    Birth::seen(Path::new("/"), Path::new(path))
}

/// At an effect's path in those of the acting process; once that has ended, in the agent's.
fn there(file: &File) -> Sight {
    let path = Path::new(&file.file.path);
    match Birth::seen(&enrich::in_root(file.proc.pid, ""), path) {
        Ok(Some(seen)) => Ok(Some(seen)),
        _ => here(&file.file.path),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use monitor_core::event::FileRef;
    use monitor_core::id::FileId;

    use super::{MAX_NUMBERS, Numbers};

    struct Ground {
        dir: tempfile::TempDir,
        numbers: Numbers,
    }

    impl Ground {
        fn new() -> Self {
            // where the file system gives numbers out again: `/tmp` may be a tmpfs, which doesn't
            let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp");
            fs::create_dir_all(&below).unwrap();
            let dir = tempfile::tempdir_in(below.canonicalize().unwrap()).unwrap();
            Self { dir, numbers: Numbers::default() }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// A file with this number, made anew.
        fn again(&self, id: FileId) -> PathBuf {
            let made = (0..4096).map(|number| self.at(&number.to_string())).find(|path| {
                fs::File::create_new(path).unwrap();
                identity(path) == id
            });
            made.expect("this file system gives the number out again")
        }

        fn note(&mut self, name: &str) -> FileId {
            let path = self.at(name);
            let id = identity(&path);
            self.numbers.note(&FileRef { path: path.display().to_string(), id, cut: false });
            id
        }

        fn is_another(&self, id: FileId, path: &Path) -> bool {
            self.numbers.is_another(id, super::here(path.to_str().unwrap()))
        }

        fn gone(&mut self) -> Vec<FileId> {
            self.numbers.look()
        }
    }

    fn identity(path: &Path) -> FileId {
        let meta = fs::metadata(path).unwrap();
        FileId { dev: meta.dev(), ino: meta.ino() }
    }

    /// Whether a file is gone is known to root only.
    fn told(id: FileId) -> Vec<FileId> {
        Vec::from_iter(nix::unistd::geteuid().is_root().then_some(id))
    }

    #[test]
    fn the_number_of_a_removed_file_is_another_s() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        let id = ground.note("store");
        fs::remove_file(ground.at("store")).unwrap();
        let again = ground.again(id);
        assert!(ground.is_another(id, &again));
        assert!(!ground.is_another(id, &ground.at("none")), "what can't be looked at is what it was");
        assert_eq!(ground.gone(), told(id));
        assert!(ground.numbers.forget(id).is_some() && !ground.is_another(id, &again));
        assert_eq!((ground.numbers.known.len(), ground.numbers.paths.len(), ground.numbers.turn.len()), (0, 0, 0));
    }

    #[test]
    fn by_another_name_it_is_the_same() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        let id = ground.note("store");
        fs::hard_link(ground.at("store"), ground.at("link")).unwrap();
        assert!(!ground.is_another(id, &ground.at("link")));
        fs::remove_file(ground.at("store")).unwrap();
        fs::write(ground.at("store"), "y").unwrap();
        assert!(!ground.is_another(id, &ground.at("link")) && ground.gone().is_empty());
        fs::rename(ground.at("link"), ground.at("moved")).unwrap();
        assert!(!ground.is_another(id, &ground.at("moved")) && ground.gone().is_empty());
        let path = ground.at("store").display().to_string();
        assert_eq!(ground.numbers.left(&path), None);
        fs::remove_file(ground.at("moved")).unwrap();
        assert_eq!(ground.numbers.left(&path), told(id).first().copied());
    }

    #[test]
    fn a_store_that_was_made_anew_with_the_same_number_is_one() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        let id = ground.note("store");
        fs::remove_file(ground.at("store")).unwrap();
        fs::rename(ground.again(id), ground.at("store")).unwrap();
        fs::hard_link(ground.at("store"), ground.at("link")).unwrap();
        assert!(!ground.is_another(id, &ground.at("link")), "the store has that number too");
        assert!(ground.gone().is_empty());
        fs::rename(ground.at("store"), ground.at("moved")).unwrap();
        assert!(!ground.is_another(id, &ground.at("moved")), "known since it was looked at");
    }

    #[test]
    fn what_the_agent_does_not_reach_by_that_path_is_not_looked_at() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        fs::write(ground.at("other"), "x").unwrap();
        // as a process in mounts of its own has it
        let id = identity(&ground.at("store"));
        for name in ["absent", "other"] {
            let path = ground.at(name).display().to_string();
            ground.numbers.note(&FileRef { path, id, cut: false });
        }
        assert!(ground.numbers.known.is_empty() && ground.numbers.turn.is_empty());
    }

    #[test]
    fn another_file_is_one_only_if_the_credential_could_be_looked_at() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        let id = ground.note("store");
        fs::remove_file(ground.at("store")).unwrap();
        let again = ground.again(id);
        assert!(ground.is_another(id, &again));
        // a name that can't be resolved says nothing of what it leads to
        std::os::unix::fs::symlink("store", ground.at("store")).unwrap();
        assert!(!ground.is_another(id, &again));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut ground = Ground::new();
        fs::write(ground.at("store"), "x").unwrap();
        for ino in 0..MAX_NUMBERS as u64 {
            let birth = super::here(ground.at("store").to_str().unwrap()).unwrap().unwrap().1;
            ground.numbers.known.insert(FileId { dev: 0, ino }, super::Known { path: String::new(), birth });
        }
        ground.note("store");
        assert_eq!((ground.numbers.known.len(), ground.numbers.paths.len()), (MAX_NUMBERS, 0));
    }
}
