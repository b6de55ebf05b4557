//! The TLS libraries of watched servers: found in the programs and libraries that they execute, attached to, and let go
//! when no server runs them any more.
//!
//! A program's file is opened and searched on a thread of its own, which only reads. Attaching is the session's: a few
//! calls for each library. Each is attached once for all processes that run it, since a probe is at a place of a file, and
//! the kernel's program asks first whether the process is watched.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLinkId, UProbeScope};
use aya::programs::{Program, UProbe};
use monitor_abi::tls::{READ, READ_EX, WRITE, WRITE_EX};
use monitor_core::id::FileId;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::load::chain;
use super::symbols::functions;

/// Most files that wait to be searched.
const MAX_WAITING: usize = 256;
/// Most files that are remembered as having no such functions; what is forgotten is searched again.
const MAX_OTHERS: usize = 4096;
/// Most libraries that are attached to at a time.
const MAX_LIBRARIES: usize = 256;

/// Looks (every five seconds) for which a library that nobody runs stays attached.
const IDLE: u32 = 12;

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
    /// The process.
    pub pid: u32,
    /// The file, as the kernel knows it.
    pub file: FileId,
    /// Where it is in that process's own tree; `None` for the program itself.
    pub path: Option<String>,
}

/// See the module documentation.
pub struct Libraries {
    ask: SyncSender<Mapped>,
    answers: Receiver<Answer>,
    ready: Arc<EventFd>,
    /// Libraries by file, and who runs them.
    known: HashMap<FileId, Library>,
    /// Files without such functions, or that are being searched.
    others: HashMap<FileId, Searched>,
}

enum Searched {
    /// By whom it is run meanwhile.
    Waiting(BTreeSet<u32>),
    Nothing,
}

struct Library {
    users: BTreeSet<u32>,
    /// For how many looks nobody has run it.
    idle: u32,
    links: Vec<(&'static str, UProbeLinkId)>,
}

struct Answer {
    file: FileId,
    found: Option<(File, PathBuf, Vec<Option<u64>>)>,
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
    pub fn new() -> std::io::Result<Self> {
        let ready = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (ask, asked) = sync_channel::<Mapped>(MAX_WAITING);
        let (answer, answers) = sync_channel::<Answer>(MAX_WAITING);
        let wake = Arc::clone(&ready);
        let _ends_with_the_channel = std::thread::Builder::new().name("symbols".to_owned()).spawn(move || {
            while let Ok(mapped) = asked.recv() {
                let found = search(&mapped);
                if answer.send(Answer { file: mapped.file, found }).is_err() {
                    return;
                }
                let _full = wake.write(1);
            }
        })?;
        Ok(Self { ask, answers, ready, known: HashMap::new(), others: HashMap::new() })
    }

    /// A watched process runs this file. False if there are so many to be searched that this one isn't.
    pub fn mapped(&mut self, mapped: Mapped) -> bool {
        if let Some(library) = self.known.get_mut(&mapped.file) {
            library.users.insert(mapped.pid);
            return true;
        }
        match self.others.get_mut(&mapped.file) {
            Some(Searched::Waiting(users)) => {
                users.insert(mapped.pid);
                return true;
            }
            Some(Searched::Nothing) => return true,
            None => {}
        }
        if self.others.len() >= MAX_OTHERS {
            self.others.retain(|_, searched| matches!(searched, Searched::Waiting(_)));
        }
        let (file, pid) = (mapped.file, mapped.pid);
        if self.ask.try_send(mapped).is_err() {
            return false;
        }
        self.others.insert(file, Searched::Waiting(BTreeSet::from([pid])));
        true
    }

    /// A process is going to execute this program: attaches to it now, before its first instruction, if it has the
    /// functions. Searches on the calling thread.
    pub fn ahead(&mut self, ebpf: &mut Ebpf, program: &Path, pid: u32) -> Option<Told> {
        let file = File::open(program).ok()?;
        let id = FileId { dev: file.metadata().ok()?.dev(), ino: file.metadata().ok()?.ino() };
        if self.known.contains_key(&id) || self.others.contains_key(&id) {
            return None;
        }
        let found = look_into(&file)?;
        Some(self.take(ebpf, id, BTreeSet::from([pid]), file, program.to_path_buf(), &found))
    }

    /// Attaches to what was found since the last call.
    pub fn attach(&mut self, ebpf: &mut Ebpf) -> Vec<Told> {
        let mut told = Vec::new();
        while let Ok(Answer { file, found }) = self.answers.try_recv() {
            let _drained = self.ready.read();
            let waiting = self.others.insert(file, Searched::Nothing);
            let Some((opened, path, offsets)) = found else { continue };
            let Some(Searched::Waiting(users)) = waiting else { continue };
            told.push(self.take(ebpf, file, users, opened, path, &offsets));
        }
        told
    }

    fn take(
        &mut self,
        ebpf: &mut Ebpf,
        id: FileId,
        users: BTreeSet<u32>,
        file: File,
        path: PathBuf,
        offsets: &[Option<u64>],
    ) -> Told {
        if self.known.len() >= MAX_LIBRARIES {
            return Told::Refused(path, format!("{MAX_LIBRARIES} libraries are attached to already"));
        }
        match attach(ebpf, &file, offsets) {
            Ok(links) => {
                self.others.remove(&id);
                self.known.insert(id, Library { users, idle: 0, links });
                Told::Attached(path)
            }
            Err(error) => Told::Refused(path, error),
        }
    }

    /// Lets go of what none of these processes, the watched ones, has run for a while: what a server runs for a
    /// moment it runs again, and that moment is shorter than attaching takes.
    pub fn release(&mut self, ebpf: &mut Ebpf, watched: impl Fn(u32) -> bool) {
        self.known.retain(|_, library| {
            library.users.retain(|pid| watched(*pid));
            library.idle = if library.users.is_empty() { library.idle + 1 } else { 0 };
            let over = library.idle >= IDLE;
            if over {
                detach(ebpf, library.links.drain(..));
            }
            !over
        });
    }
}

impl AsFd for Libraries {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// Opens a file that a process runs and looks for the functions. `None` if it has none of them, or can't be had.
fn search(mapped: &Mapped) -> Option<(File, PathBuf, Vec<Option<u64>>)> {
    let path = match &mapped.path {
        None => PathBuf::from(format!("/proc/{}/exe", mapped.pid)),
        Some(path) => PathBuf::from(format!("/proc/{}/root{path}", mapped.pid)),
    };
    let file = File::open(&path).ok()?;
    let meta = file.metadata().ok()?;
    // The path is what the kernel said when it was mapped: another file may be there by now. (The device isn't compared:
    // some file systems show another one than the kernel uses.)
    if !meta.is_file() || meta.ino() != mapped.file.ino {
        return None;
    }
    let offsets = look_into(&file)?;
    let shown = mapped.path.clone().map_or_else(|| std::fs::read_link(&path).unwrap_or(path), PathBuf::from);
    Some((file, shown, offsets))
}

/// Where the functions are, if the file has any that moves bytes.
fn look_into(file: &File) -> Option<Vec<Option<u64>>> {
    let names = FUNCTIONS.map(|(name, _)| name);
    let offsets = functions(file, &names).ok()?;
    let useful = offsets.iter().zip(FUNCTIONS).any(|(offset, (_, code))| offset.is_some() && code.is_some());
    useful.then_some(offsets)
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
            detach(ebpf, links.drain(..));
            Err(error)
        }
    }
}

fn detach(ebpf: &mut Ebpf, links: impl Iterator<Item = (&'static str, UProbeLinkId)>) {
    for (name, link) in links {
        if let Err(error) = program(ebpf, name).and_then(|program| program.detach(link).map_err(|error| chain(&error)))
        {
            tracing::debug!(error, name, "cannot detach a probe");
        }
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut UProbe, String> {
    match ebpf.program_mut(name) {
        Some(Program::UProbe(program)) => Ok(program),
        _ => Err(format!("{name} is not in the object")),
    }
}
