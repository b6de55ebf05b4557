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

/// The table. When it is full, what has ended goes first, then the oldest that no server needs, then the oldest below a
/// server's root: a flood of processes, be it a server's own, pushes out no root and nothing above one.
#[derive(Debug)]
pub struct Processes {
    /// Outside every server, and above none.
    others: Bounded<ProcId, Proc>,
    /// In a server's tree, below its root.
    served: Bounded<ProcId, Proc>,
    /// The servers' roots, and what is above them.
    above: Bounded<ProcId, Proc>,
    ended: VecDeque<(Time, ProcId)>,
    limit: usize,
    evicted: u64,
}

impl Processes {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        let table = || Bounded::new(limit);
        Self { others: table(), served: table(), above: table(), ended: VecDeque::new(), limit, evicted: 0 }
    }

    /// A process that is known.
    #[must_use]
    pub fn get(&self, id: ProcId) -> Option<&Proc> {
        self.served.get(&id).or_else(|| self.others.get(&id)).or_else(|| self.above.get(&id))
    }

    /// A process that is known, to change.
    pub fn get_mut(&mut self, id: ProcId) -> Option<&mut Proc> {
        self.served.get_mut(&id).or_else(|| self.others.get_mut(&id)).or_else(|| self.above.get_mut(&id))
    }

    /// A process is a server from here on: with nothing counted that it ran before.
    pub fn serve(&mut self, id: ProcId, server: ServerId) -> Option<Arc<Node>> {
        let mut proc = self.remove(id)?;
        let node = Arc::new(proc.node.afresh());
        proc.node = Arc::clone(&node);
        proc.server = Some(server);
        self.above.insert(id, proc);
        for ancestor in node.chain().skip(1) {
            self.keep(ancestor.id);
        }
        Some(node)
    }

    /// A process was made: it runs what its parent runs, in the same server.
    pub fn fork(&mut self, fork: &Fork, said: Option<ServerId>) {
        let (node, server, explained) = match self.get(fork.parent) {
            Some(parent) => {
                (Node::child(fork.child, &parent.node, Arc::clone(&parent.node.image)), parent.server, parent.explained)
            }
            None => (Node::orphan(fork.child, fork.parent.pid, Arc::default()), None, false),
        };
        self.insert(fork.child, Proc { node: Arc::new(node), server: said.or(server), explained });
    }

    /// A process runs something new (which a watched server may have `written`), or was found running.
    pub fn exec(&mut self, exec: &Exec, said: Option<ServerId>, written: bool) -> Arc<Node> {
        let image = Arc::new(Image { written, ..Image::from(exec) });
        let before = self.get(exec.proc);
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
            _ => self.get(exec.parent).map(|parent| Arc::clone(&parent.node)),
        };
        let node = match &parent {
            Some(parent) => Node::child(exec.proc, parent, image),
            None => Node::orphan(exec.proc, exec.parent.pid, image),
        };
        let given = given.unwrap_or_else(|| Arc::clone(&node.image));
        let node = Arc::new(Node { given, executed: true, strayed, ..node });
        let server = server.or_else(|| self.get(exec.parent).and_then(|parent| parent.server));
        self.insert(exec.proc, Proc { node: Arc::clone(&node), server, explained });
        node
    }

    /// A process ended; its lineage stays for a while.
    pub fn exit(&mut self, id: ProcId, now: Time) {
        if self.get(id).is_some() {
            self.ended.push_back((now, id));
        }
        if self.ended.len() > self.limit
            && let Some((_, id)) = self.ended.pop_front()
        {
            self.remove(id);
        }
    }

    pub(super) fn expire(&mut self, now: Time, keep: u64) {
        while let Some(&(time, id)) = self.ended.front() {
            if now.since(time) < keep {
                break;
            }
            self.ended.pop_front();
            self.remove(id);
        }
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.others.len().saturating_add(self.served.len()).saturating_add(self.above.len())
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.served.is_empty() && self.above.is_empty()
    }

    fn insert(&mut self, id: ProcId, proc: Proc) {
        if self.get(id).is_none() && self.len() >= self.limit {
            self.make_room();
        }
        if self.above.get(&id).is_some() {
            self.above.insert(id, proc);
        } else if proc.server.is_some() || self.served.get(&id).is_some() {
            self.need_above(&proc.node);
            self.others.remove(&id);
            self.served.insert(id, proc);
        } else {
            self.others.insert(id, proc);
        }
    }

    /// Ancestors of a server's process are needed as it is. Above one that is, all are.
    fn need_above(&mut self, node: &Node) {
        for ancestor in node.chain().skip(1) {
            if self.above.get(&ancestor.id).is_some() || self.served.get(&ancestor.id).is_some() {
                return;
            }
            self.keep(ancestor.id);
        }
    }

    /// A process is above a server from here on.
    fn keep(&mut self, id: ProcId) {
        if let Some(proc) = self.served.remove(&id).or_else(|| self.others.remove(&id)) {
            self.above.insert(id, proc);
        }
    }

    fn make_room(&mut self) {
        self.evicted = self.evicted.saturating_add(1);
        while let Some((_, id)) = self.ended.pop_front() {
            if self.remove(id).is_some() {
                return;
            }
        }
        let _forgotten =
            self.others.pop_oldest().or_else(|| self.served.pop_oldest()).or_else(|| self.above.pop_oldest());
    }

    fn remove(&mut self, id: ProcId) -> Option<Proc> {
        self.served.remove(&id).or_else(|| self.others.remove(&id)).or_else(|| self.above.remove(&id))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);

    const fn proc(pid: u32) -> ProcId {
        ProcId { pid, start: 1 }
    }

    fn fork(processes: &mut Processes, parent: u32, child: u32) {
        processes.fork(&Fork { parent: proc(parent), child: proc(child) }, None);
    }

    /// A client (10) below init (1), its server (20) and what that started (30).
    fn host(limit: usize) -> Processes {
        let mut processes = Processes::new(limit);
        for (parent, child) in [(0, 1), (1, 10), (10, 20)] {
            fork(&mut processes, parent, child);
        }
        processes.serve(proc(20), SERVER);
        fork(&mut processes, 20, 30);
        processes
    }

    fn needed(processes: &Processes) -> Vec<u32> {
        [1, 10, 20, 30].into_iter().filter(|pid| processes.get(proc(*pid)).is_some()).collect()
    }

    #[test]
    fn a_flood_of_others_pushes_out_no_server_and_nothing_above_it() {
        let mut processes = host(16);
        for pid in 100..200 {
            fork(&mut processes, 1, pid);
        }
        assert_eq!(needed(&processes), [1, 10, 20, 30]);
        assert_eq!((processes.len(), processes.evicted()), (16, 88));
        assert!(processes.get(proc(199)).is_some() && processes.get(proc(187)).is_none(), "the oldest goes");
        // Whose child it is is known all the same.
        fork(&mut processes, 10, 40);
        assert!(processes.get(proc(40)).unwrap().node.descends_from(proc(1)));
        assert_eq!(processes.get(proc(30)).unwrap().server, Some(SERVER));
    }

    #[test]
    fn what_has_ended_goes_first_also_of_a_servers() {
        let mut processes = host(6);
        fork(&mut processes, 1, 50);
        fork(&mut processes, 20, 31);
        processes.exit(proc(30), Time(1));
        fork(&mut processes, 20, 32);
        assert_eq!(needed(&processes), [1, 10, 20]);
        assert!(processes.get(proc(50)).is_some() && processes.get(proc(31)).is_some());
        assert_eq!((processes.len(), processes.evicted()), (6, 1));
    }

    #[test]
    fn of_a_servers_own_the_oldest_goes_last_of_all() {
        let mut processes = host(5);
        fork(&mut processes, 1, 50);
        for pid in 60..62 {
            fork(&mut processes, 20, pid);
        }
        assert!(processes.get(proc(50)).is_none() && processes.get(proc(61)).is_some());
        assert_eq!((processes.len(), processes.evicted()), (5, 2));
        assert_eq!(needed(&processes), [1, 10, 20], "what is above a server stays, and its root");
    }

    #[test]
    fn a_servers_own_flood_pushes_out_no_root_and_nothing_above_one() {
        let mut processes = host(16);
        // another server, that one of the first's processes starts
        fork(&mut processes, 30, 40);
        processes.serve(proc(40), ServerId(2));
        for pid in 100..200 {
            fork(&mut processes, 20, pid);
        }
        assert_eq!(needed(&processes), [1, 10, 20, 30]);
        assert!(processes.get(proc(40)).is_some() && processes.get(proc(199)).is_some());
        assert_eq!(processes.len(), 16);
        // a root that runs something else stays one
        processes.exec(&Exec { proc: proc(20), parent: proc(10), ..exec() }, Some(SERVER), false);
        for pid in 200..300 {
            fork(&mut processes, 20, pid);
        }
        assert_eq!(needed(&processes), [1, 10, 20, 30]);
    }

    #[test]
    fn who_executes_again_stays_what_it_is() {
        let mut processes = host(4);
        let before = processes.len();
        for above in [1, 10] {
            let exec = Exec { proc: proc(above), parent: proc(0), ..exec() };
            processes.exec(&exec, None, false);
        }
        assert_eq!((processes.len(), processes.evicted()), (before, 0));
        fork(&mut processes, 1, 50);
        assert_eq!(processes.len(), 4);
    }

    fn exec() -> Exec {
        serde_json::from_str(
            r#"{"proc":{"pid":1,"start":1},"parent":{"pid":0,"start":1},"exe":{"path":"/x","dev":1,"ino":2},"argv":[],
            "uid":0}"#,
        )
        .unwrap()
    }
}
