//! The TLS libraries of watched servers: found in the programs and libraries that they execute, attached to, and let go
//! when no server that ran them is left.
//!
//! A program's file is opened and searched on a thread of its own, which only reads. Attaching is the session's: a few
//! calls for each library. Each is attached once for all processes that run it, since a probe is at a place of a file, and
//! the kernel's program asks first whether the process is watched.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeLinkId, UProbeScope};
use aya::programs::{Program, UProbe};
use monitor_abi::tls::{READ, READ_EX, WRITE, WRITE_EX};
use monitor_core::id::{FileId, ServerId};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::load::chain;
use super::symbols::functions;
use crate::regular;

/// Most files that wait to be searched.
const MAX_WAITING: usize = 256;
/// Most files that are remembered as having no such functions; what is forgotten is searched again.
const MAX_OTHERS: usize = 4096;
/// For how many looks (every five seconds) such a file is remembered: its number may be another file's by then.
const OTHERS_AGE: u32 = 60;
/// Most libraries that are attached to at a time.
const MAX_LIBRARIES: usize = 256;
/// Most of them that one server may take.
const MAX_OF_ONE: usize = 32;

/// OpenSSL's functions: name, and what its return means (`None`: only its entry matters).
const FUNCTIONS: [(&str, Option<u64>); 5] = [
    ("SSL_write", Some(WRITE)),
    ("SSL_write_ex", Some(WRITE_EX)),
    ("SSL_read", Some(READ)),
    ("SSL_read_ex", Some(READ_EX)),
    ("SSL_free", None),
];

/// A program or library that a watched process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The server that the process is part of.
    pub server: ServerId,
    /// The process.
    pub pid: u32,
    /// The file, as the kernel knows it.
    pub file: FileId,
    /// Where it is in that process's own tree; `None` for the program itself.
    pub path: Option<String>,
}

/// See the module documentation.
pub struct Libraries {
    ask: SyncSender<Task>,
    answers: Receiver<Answer>,
    ready: Arc<EventFd>,
    /// Answers that were taken, and whose writing to `ready` wasn't drained yet.
    owed: i64,
    /// Libraries by file, and which servers ran them.
    known: HashMap<FileId, Library>,
    /// Files that are being searched, by whom they are run.
    waiting: HashMap<FileId, BTreeSet<ServerId>>,
    /// Files without such functions, and for how many looks that has been known.
    others: HashMap<FileId, u32>,
}

/// For the thread.
enum Task {
    Search(Mapped),
    /// Taken out of the kernel by being dropped, which waits for every CPU to have left the probe.
    Release(Vec<UProbeLink>),
}

struct Library {
    servers: BTreeSet<ServerId>,
    links: Vec<(&'static str, UProbeLinkId)>,
}

struct Answer {
    file: FileId,
    found: Search,
}

/// What a search gave.
enum Search {
    /// The functions, in their order, and the file that has them.
    Functions(File, PathBuf, Vec<Option<u64>>),
    /// The file has none of them.
    Nothing,
    /// It couldn't be looked into: the process has ended, or another file is there. Says nothing of the file.
    Unknown,
}

/// What became of a library, for the log.
#[derive(Debug)]
pub enum Told {
    /// Its plain text is read from now on.
    Attached(PathBuf),
    /// It is not, and why.
    Refused(PathBuf, String),
}

impl Libraries {
    /// Starts the thread that searches.
    ///
    /// # Errors
    /// The kernel gives no thread, or no descriptor.
    pub fn new() -> io::Result<Self> {
        let ready = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (ask, asked) = sync_channel::<Task>(MAX_WAITING);
        let (answer, answers) = sync_channel::<Answer>(MAX_WAITING);
        let wake = Arc::clone(&ready);
        let _ends_with_the_channel = std::thread::Builder::new().name("symbols".to_owned()).spawn(move || {
            while let Ok(task) = asked.recv() {
                let mapped = match task {
                    Task::Search(mapped) => mapped,
                    Task::Release(links) => {
                        drop(links);
                        continue;
                    }
                };
                let found = search(&mapped);
                if answer.send(Answer { file: mapped.file, found }).is_err() {
                    return;
                }
                let _full = wake.write(1);
            }
        })?;
        let (known, waiting, others) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { ask, answers, ready, owed: 0, known, waiting, others })
    }

    /// A watched process runs this file. False if there are so many to be searched that this one isn't.
    pub fn mapped(&mut self, mapped: Mapped) -> bool {
        let servers = self.known.get_mut(&mapped.file).map(|library| &mut library.servers);
        if let Some(servers) = servers.or_else(|| self.waiting.get_mut(&mapped.file)) {
            servers.insert(mapped.server);
            return true;
        }
        if self.others.contains_key(&mapped.file) {
            return true;
        }
        let (file, server) = (mapped.file, mapped.server);
        if self.waiting.len() >= MAX_WAITING || self.ask.try_send(Task::Search(mapped)).is_err() {
            return false;
        }
        self.waiting.insert(file, BTreeSet::from([server]));
        true
    }

    /// A server is going to execute this program: attaches to it now, before its first instruction, if it has the functions.
    /// Searches on the calling thread: for a session that has nothing else to judge yet.
    pub fn ahead(&mut self, ebpf: &mut Ebpf, program: &Path, server: ServerId) -> Option<Told> {
        let (file, meta) = regular::open(program).ok()?;
        let id = FileId { dev: meta.dev(), ino: meta.ino() };
        if self.known.contains_key(&id) {
            return None;
        }
        let found = look_into(&file).ok()??;
        Some(self.take(ebpf, id, BTreeSet::from([server]), &file, program.to_path_buf(), &found))
    }

    /// Attaches to what was found since the last call.
    pub fn attach(&mut self, ebpf: &mut Ebpf) -> Vec<Told> {
        let mut told = Vec::new();
        if self.waiting.is_empty() && self.owed == 0 {
            return told;
        }
        loop {
            let before = self.owed;
            while let Ok(answer) = self.answers.try_recv() {
                self.owed += 1;
                told.extend(self.answered(ebpf, answer));
            }
            let none = self.owed == before;
            // The thread writes after it has answered: an answer may be taken before, and what isn't drained then would keep
            // an idle agent awake. Where more was written than taken, another answer is there.
            self.owed -= i64::try_from(self.ready.read().unwrap_or(0)).unwrap_or(0);
            if none || self.owed >= 0 {
                return told;
            }
        }
    }

    fn answered(&mut self, ebpf: &mut Ebpf, Answer { file, found }: Answer) -> Option<Told> {
        let servers = self.waiting.remove(&file)?;
        match found {
            Search::Functions(opened, path, offsets) => {
                return Some(self.take(ebpf, file, servers, &opened, path, &offsets));
            }
            Search::Nothing if self.others.len() < MAX_OTHERS => drop(self.others.insert(file, 0)),
            Search::Nothing => self.others.clear(),
            // the next process that runs it asks again
            Search::Unknown => {}
        }
        None
    }

    /// Lets go of what none of these servers, the watched ones, ran: at most one library a look. Called every five seconds.
    pub fn release(&mut self, ebpf: &mut Ebpf, watched: impl Fn(ServerId) -> bool) {
        self.others.retain(|_, age| {
            *age += 1;
            *age < OTHERS_AGE
        });
        for library in self.known.values_mut() {
            library.servers.retain(|server| watched(*server));
        }
        let unused = self.known.iter().find(|(_, library)| library.servers.is_empty()).map(|(file, _)| *file);
        if let Some(library) = unused.and_then(|file| self.known.remove(&file)) {
            let links =
                library.links.into_iter().filter_map(|(name, link)| program(ebpf, name).ok()?.take_link(link).ok());
            // Where the thread has too much to do, it is this one that waits.
            let _dropped_here = self.ask.try_send(Task::Release(links.collect()));
        }
    }

    fn take(
        &mut self,
        ebpf: &mut Ebpf,
        id: FileId,
        servers: BTreeSet<ServerId>,
        file: &File,
        path: PathBuf,
        offsets: &[Option<u64>],
    ) -> Told {
        let of = |server: &ServerId| self.known.values().filter(|library| library.servers.contains(server)).count();
        if self.known.len() >= MAX_LIBRARIES || servers.iter().all(|server| of(server) >= MAX_OF_ONE) {
            return Told::Refused(path, "too many libraries are attached to already".to_owned());
        }
        match attach(ebpf, file, offsets) {
            Ok(links) => {
                self.known.insert(id, Library { servers, links });
                Told::Attached(path)
            }
            Err(error) => Told::Refused(path, error),
        }
    }
}

impl AsFd for Libraries {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// Opens a file that a process runs and looks for the functions.
fn search(mapped: &Mapped) -> Search {
    let path = match &mapped.path {
        None => PathBuf::from(format!("/proc/{}/exe", mapped.pid)),
        Some(path) => PathBuf::from(format!("/proc/{}/root{path}", mapped.pid)),
    };
    let Ok((file, meta)) = regular::open(&path) else { return Search::Unknown };
    // The path is what the kernel said when it was mapped: another file may be there by now. (The device isn't compared:
    // some file systems show another one than the kernel uses.)
    if meta.ino() != mapped.file.ino {
        return Search::Unknown;
    }
    match look_into(&file) {
        Ok(Some(offsets)) => {
            let shown = mapped.path.clone().map_or_else(|| std::fs::read_link(&path).unwrap_or(path), PathBuf::from);
            Search::Functions(file, shown, offsets)
        }
        Ok(None) => Search::Nothing,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Search::Nothing,
        Err(_) => Search::Unknown,
    }
}

/// Where the functions are, if the file has any that moves bytes.
fn look_into(file: &File) -> io::Result<Option<Vec<Option<u64>>>> {
    let names = FUNCTIONS.map(|(name, _)| name);
    let offsets = functions(file, &names)?;
    let useful = offsets.iter().zip(FUNCTIONS).any(|(offset, (_, code))| offset.is_some() && code.is_some());
    Ok(useful.then_some(offsets))
}

/// All functions of a library, or none.
fn attach(ebpf: &mut Ebpf, file: &File, offsets: &[Option<u64>]) -> Result<Vec<(&'static str, UProbeLinkId)>, String> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let mut links = Vec::new();
    let mut all = || -> Result<(), String> {
        for (offset, (_, code)) in offsets.iter().zip(FUNCTIONS) {
            let Some(offset) = *offset else { continue };
            let programs: &[&'static str] = if code.is_some() { &["tls_exit", "tls_enter"] } else { &["tls_free"] };
            for name in programs.iter().copied() {
                let point = UProbeAttachPoint { location: UProbeAttachLocation::AbsoluteOffset(offset), cookie: code };
                let link = program(ebpf, name)?
                    .attach(point, &path, UProbeScope::AllProcesses)
                    .map_err(|error| chain(&error))?;
                links.push((name, link));
            }
        }
        Ok(())
    };
    match all() {
        Ok(()) => Ok(links),
        Err(error) => {
            for (name, link) in links {
                let _gone = program(ebpf, name).map(|program| program.detach(link));
            }
            Err(error)
        }
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut UProbe, String> {
    match ebpf.program_mut(name) {
        Some(Program::UProbe(program)) => Ok(program),
        _ => Err(format!("{name} is not in the object")),
    }
}
