//! Processes and where they come from.
//!
//! Lineage is a chain of shared nodes that are made once and never changed: it outlives exits and reparenting, and a
//! name that a process gives itself doesn't touch it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Bounded;
use crate::digest::Digest;
use crate::event::{Exec, FileRef, Fork};
use crate::id::{ProcId, ServerId};
use crate::launcher::{is_launcher, is_package_manager};
use crate::time::Time;

/// Longest chain of ancestors that is kept.
const MAX_DEPTH: u16 = 64;

/// What a process runs.
#[derive(Debug, Default)]
pub struct Image {
    /// Executable.
    pub exe: FileRef,
    /// Arguments.
    pub argv: Vec<String>,
    /// There were more, or longer ones.
    pub argv_cut: bool,
    /// Main script of an interpreter.
    pub script: Option<FileRef>,
    /// Environment entries from writable places that change what code runs.
    pub preload: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Effective uid.
    pub uid: u32,
    /// No file, or none any more.
    pub fileless: bool,
    /// Program and main script lie where only root can write, as in [`Exec::sealed`].
    pub sealed: bool,
    /// A watched server wrote the program, or the main script.
    pub written: bool,
}

/// A process in a chain of ancestors.
#[derive(Debug)]
pub struct Node {
    /// Which process.
    pub id: ProcId,
    /// Its parent's pid, also where the parent itself isn't known.
    pub ppid: u32,
    /// What it runs.
    pub image: Arc<Image>,
    /// The same program as it was started first: what a program gives itself when it starts anew, nobody gave it.
    pub given: Arc<Image>,
    /// The process that made it.
    pub parent: Option<Arc<Self>>,
    /// The same for the same programs in the same order, whatever their pids.
    pub lineage: u64,
    /// It executed the image itself; else it runs a copy of its parent.
    pub executed: bool,
    /// Before this image it executed one that isn't a launcher: nobody but that program says what it is now.
    pub strayed: bool,
    depth: u16,
}

/// A process.
#[derive(Debug)]
pub struct Proc {
    /// Its place in the chain.
    pub node: Arc<Node>,
    /// The server whose tree it is in.
    pub server: Option<ServerId>,
    /// Profile, runtime or call explained its start: what it starts in turn is judged by that.
    pub explained: bool,
}

/// The table.
#[derive(Debug)]
pub struct Processes {
    table: Bounded<ProcId, Proc>,
    ended: VecDeque<(Time, ProcId)>,
    limit: usize,
    /// Ended processes whose lineage made room early.
    early: u64,
}

impl Processes {
    pub(super) fn new(limit: usize) -> Self {
        Self { table: Bounded::new(limit), ended: VecDeque::new(), limit: limit.max(1), early: 0 }
    }

    /// A process that is known.
    #[must_use]
    pub fn get(&self, id: ProcId) -> Option<&Proc> {
        self.table.get(&id)
    }

    /// A process that is known, to change.
    pub fn get_mut(&mut self, id: ProcId) -> Option<&mut Proc> {
        self.table.get_mut(&id)
    }

    /// A process was made: it runs what its parent runs, in the same server.
    pub fn fork(&mut self, fork: &Fork, said: Option<ServerId>) {
        let (node, server, explained) = match self.table.get(&fork.parent) {
            Some(parent) => {
                (Node::child(fork.child, &parent.node, Arc::clone(&parent.node.image)), parent.server, parent.explained)
            }
            None => (Node::orphan(fork.child, fork.parent.pid, Arc::default()), None, false),
        };
        self.make_room(fork.child);
        self.table.insert(fork.child, Proc { node: Arc::new(node), server: said.or(server), explained });
    }

    /// A process runs something new (which a watched server may have `written`), or was found running.
    pub fn exec(&mut self, exec: &Exec, said: Option<ServerId>, written: bool) -> Arc<Node> {
        let image = Arc::new(Image { written, ..Image::from(exec) });
        let before = self.table.get(&exec.proc);
        // told again what it runs, it hasn't changed
        let strayed = before.is_some_and(|proc| {
            let node = &proc.node;
            let below_manager = || node.chain().skip(1).any(|above| is_package_manager(&above.image));
            node.strayed
                || node.executed && !node.image.same_program(&image) && !is_launcher(&node.image, below_manager())
        });
        let again = before.filter(|proc| proc.node.executed && proc.node.image.same_program(&image));
        let given = again.map(|proc| Arc::clone(&proc.node.given));
        let server = said.or_else(|| before.and_then(|proc| proc.server));
        let explained = before.is_some_and(|proc| proc.explained);
        let parent = match before {
            // the chain as it was at the fork, whoever the parent is by now
            Some(proc) if proc.node.parent.is_some() => proc.node.parent.clone(),
            _ => self.table.get(&exec.parent).map(|parent| Arc::clone(&parent.node)),
        };
        let node = match &parent {
            Some(parent) => Node::child(exec.proc, parent, image),
            None => Node::orphan(exec.proc, exec.parent.pid, image),
        };
        let given = given.unwrap_or_else(|| Arc::clone(&node.image));
        let node = Arc::new(Node { given, executed: true, strayed, ..node });
        let server = server.or_else(|| self.table.get(&exec.parent).and_then(|parent| parent.server));
        self.make_room(exec.proc);
        self.table.insert(exec.proc, Proc { node: Arc::clone(&node), server, explained });
        node
    }

    /// A process ended; its lineage stays for a while.
    pub fn exit(&mut self, id: ProcId, now: Time) {
        if self.table.get(&id).is_some() {
            self.ended.push_back((now, id));
        }
        if self.ended.len() > self.limit
            && let Some((_, id)) = self.ended.pop_front()
        {
            self.table.remove(&id);
        }
    }

    pub(super) fn expire(&mut self, now: Time, keep: u64) {
        while let Some(&(time, id)) = self.ended.front() {
            if now.since(time) < keep {
                break;
            }
            self.ended.pop_front();
            self.table.remove(&id);
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.table.evicted().saturating_add(self.early)
    }

    /// Before one that lives, an ended one goes.
    fn make_room(&mut self, id: ProcId) {
        while self.table.len() >= self.limit && self.table.get(&id).is_none() {
            let Some((_, ended)) = self.ended.pop_front() else { return };
            self.early = self.early.saturating_add(u64::from(self.table.remove(&ended).is_some()));
        }
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl Node {
    /// A process of which nothing but its id is known.
    #[must_use]
    pub fn unknown(id: ProcId) -> Self {
        Self::orphan(id, 0, Arc::default())
    }

    /// The same process, with nothing counted that it ran before.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self {
            id: self.id,
            ppid: self.ppid,
            image: Arc::clone(&self.image),
            given: Arc::clone(&self.image),
            parent: self.parent.clone(),
            lineage: self.lineage,
            executed: false,
            strayed: false,
            depth: self.depth,
        }
    }

    /// This node and its ancestors, nearest first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// Whether `id` is this process or an ancestor.
    #[must_use]
    pub fn descends_from(&self, id: ProcId) -> bool {
        self.chain().any(|node| node.id == id)
    }

    pub(super) fn orphan(id: ProcId, ppid: u32, image: Arc<Image>) -> Self {
        let lineage = image.link(0);
        let given = Arc::clone(&image);
        Self { id, ppid, image, given, parent: None, lineage, executed: false, strayed: false, depth: 0 }
    }

    fn child(id: ProcId, parent: &Arc<Self>, image: Arc<Image>) -> Self {
        // workers and double forks of one program don't make a new lineage
        let lineage = if parent.image.same_program(&image) { parent.lineage } else { image.link(parent.lineage) };
        let (up, depth) =
            if parent.depth >= MAX_DEPTH { (None, 0) } else { (Some(Arc::clone(parent)), parent.depth + 1) };
        let given = Arc::clone(&image);
        Self { id, ppid: parent.id.pid, image, given, parent: up, lineage, executed: false, strayed: false, depth }
    }
}

impl Image {
    /// Whether both are the same executable running the same main script.
    #[must_use]
    pub fn same_program(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.exe.id == other.exe.id
                && self.exe.path == other.exe.path
                && self.script.as_ref().map(|script| script.id) == other.script.as_ref().map(|script| script.id)
                && self.inline_code() == other.inline_code())
    }

    /// Path of the main script.
    #[must_use]
    pub fn script_path(&self) -> Option<&str> {
        self.script.as_ref().map(|script| script.path.as_str())
    }

    /// File name of the executable.
    #[must_use]
    pub fn program(&self) -> &str {
        self.exe.path.rsplit('/').next().unwrap_or_default()
    }

    /// Name for people: the main script where there is one, else the executable.
    #[must_use]
    pub fn title(&self) -> &str {
        self.script_path().filter(|path| !path.is_empty()).unwrap_or(if self.exe.path.is_empty() {
            "unknown program"
        } else {
            &self.exe.path
        })
    }

    /// Code given on an interpreter's command line (`node -e`, `python3 -c`): the same program in name only.
    fn inline_code(&self) -> Option<&str> {
        if self.script.is_some() {
            return None;
        }
        crate::interpreter::inline(self.program(), &self.argv)
    }

    fn link(&self, above: u64) -> u64 {
        Digest::new()
            .number(above)
            .field(self.exe.path.as_bytes())
            .field(self.script_path().unwrap_or_default().as_bytes())
            .short()
    }
}

impl From<&Exec> for Image {
    fn from(exec: &Exec) -> Self {
        Self {
            exe: exec.exe.clone(),
            argv: exec.argv.clone(),
            argv_cut: exec.argv_cut,
            script: exec.script.clone(),
            preload: exec.preload.clone(),
            cwd: exec.cwd.clone(),
            uid: exec.uid,
            fileless: exec.memfd || exec.unlinked,
            sealed: exec.sealed,
            written: false,
        }
    }
}
