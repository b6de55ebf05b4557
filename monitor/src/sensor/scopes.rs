//! Which processes the kernel programs watch: the table, and the bitmap that spares everybody else the look into it.

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use monitor_abi::config::Scope;
use monitor_abi::scope::{MARK_WORDS, mark};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::load::{ScopeValue, SensorError, chain};

/// Processes in scope. The kernel programs write it too: a child inherits, an exit removes.
pub struct Scopes {
    table: HashMap<MapData, u32, ScopeValue>,
    threads: HashMap<MapData, u32, u32>,
    marks: Marks,
}

/// Most threads of a process that comes into scope while it runs whose numbers are noted: as many as the table holds.
const MAX_THREADS: usize = 16_384;

impl Scopes {
    /// Takes the maps out of the loaded object. Once only.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, SensorError> {
        let marks = Marks::of(ebpf)?;
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| SensorError::Object(format!("no map {name}")));
        let table = HashMap::try_from(map("SCOPES")?).map_err(|error| SensorError::Object(chain(&error)))?;
        let threads = HashMap::try_from(map("THREADS")?).map_err(|error| SensorError::Object(chain(&error)))?;
        Ok(Self { table, threads, marks })
    }

    /// Takes a process into scope.
    ///
    /// # Errors
    /// If the table is full.
    pub fn enter(&mut self, pid: u32, scope: Scope) -> Result<(), MapError> {
        self.marks.set(pid);
        self.table.insert(pid, ScopeValue(scope), 0)?;
        // Those that begin from now on are noted in the kernel.
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let numbers = threads.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for thread in numbers.filter(|thread| *thread != pid).take(MAX_THREADS) {
            let _full = self.threads.insert(thread, pid, 0);
        }
        Ok(())
    }

    /// Takes a process out of scope. Its mark stays until it ends: the kernel's own programs may set it at any time.
    pub fn leave(&mut self, pid: u32) {
        let _gone = self.table.remove(&pid);
    }

    /// The number of the scope that a process is in.
    #[must_use]
    pub fn server(&self, pid: u32) -> Option<u32> {
        self.table.get(&pid, 0).ok().map(|value| value.0.server)
    }

    /// Whether a process is in scope.
    #[must_use]
    pub fn contains(&self, pid: u32) -> bool {
        self.table.get(&pid, 0).is_ok()
    }
}

/// Takes this process into a scope, or out of it, while the object still has its maps.
pub(super) fn try_own(ebpf: &mut Ebpf, own: u32, scope: Option<Scope>) -> Result<(), String> {
    Marks::of(ebpf).map_err(|error| error.to_string())?.set(own);
    let map = ebpf.map_mut("SCOPES").ok_or("no map SCOPES")?;
    let mut table: HashMap<_, u32, ScopeValue> = HashMap::try_from(map).map_err(|error| chain(&error))?;
    match scope {
        Some(scope) => table.insert(own, ScopeValue(scope), 0),
        None => table.remove(&own),
    }
    .map_err(|error| chain(&error))
}

/// The bitmap, as the kernel programs see it.
struct Marks {
    start: NonNull<AtomicU64>,
}

/// Bytes of the bitmap: 512 KiB, of which only touched pages occupy memory.
const BYTES: NonZeroUsize = NonZeroUsize::new(MARK_WORDS as usize * size_of::<u64>()).expect("not empty");

impl Marks {
    fn of(ebpf: &Ebpf) -> Result<Self, SensorError> {
        let map = ebpf.map("MARKS").ok_or_else(|| SensorError::Object("no map MARKS".to_owned()))?;
        let Map::Array(data) = map else { return Err(SensorError::Object("MARKS is no array".to_owned())) };
        let _typed: Array<_, u64> = Array::try_from(map).map_err(|error| SensorError::Object(chain(&error)))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping of a map that is BYTES long (its elements are words, without gaps); the map outlives its
        // descriptor through the mapping.
        let start = unsafe { mmap(None, BYTES, access, MapFlags::MAP_SHARED, data.fd().as_fd(), 0) }
            .map_err(|errno| SensorError::Object(format!("cannot map MARKS: {}", errno.desc())))?;
        Ok(Self { start: start.cast() })
    }

    fn set(&self, pid: u32) {
        let (word, bit) = mark(pid);
        if word < MARK_WORDS {
            // SAFETY: within the mapping; the kernel programs change words in single instructions too.
            unsafe { self.start.add(word as usize).as_ref() }.fetch_or(bit, Ordering::Release);
        }
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        // SAFETY: mapped in `of` with this length; nobody else has the pointer.
        let _unmapped = unsafe { munmap(self.start.cast(), BYTES.get()) };
    }
}

// SAFETY: the words are atomic.
unsafe impl Send for Marks {}
