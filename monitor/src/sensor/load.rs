//! Loading and attaching, hook by hook, with a status for each: `doctor` shows it, alerts depend on it.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use aya::maps::{Array, HashMap, MapData, PerCpuArray};
use aya::{Btf as AyaBtf, Ebpf, EbpfLoader};
use monitor_abi::config::{Control, Offsets, Scope};
use monitor_abi::{file, stats, stream};
use thiserror::Error;

use super::btf::{Btf, BtfError};
use super::hooks::{Backend, Program};
use super::ring::Ring;
use super::scopes::Scopes;
use super::{arm, kernel, offsets, tracefs};
use crate::memory;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tripline-tracepoint"));

/// What became of one hook.
#[derive(Debug, Clone)]
pub struct HookStatus {
    /// The program.
    pub program: Program,
    /// `None` if it is attached, else why not.
    pub refused: Option<String>,
    /// It was refused because the kernel has no such system call.
    pub absent: bool,
    /// The family of hooks that serves.
    pub backend: Backend,
    /// Why better ones don't, if there are any.
    pub passed_over: Option<String>,
}

/// Why the sensors can't be had at all.
#[derive(Debug, Error)]
pub enum SensorError {
    /// The kernel.
    #[error("{0}; see `tripline doctor`")]
    TooOld(String),
    /// Type information.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// tracefs could not be mounted.
    #[error(
        "cannot reach tracefs: {0}; mount it with `mount -t tracefs tracefs /sys/kernel/tracing`, or run with the \
         capabilities that `tripline doctor` lists"
    )]
    Tracefs(io::Error),
    /// Not enough rights.
    #[error("cannot load eBPF programs: {0}; run as root, or with the capabilities that `tripline doctor` lists")]
    Denied(String),
    /// The object or a map.
    #[error("cannot load the eBPF object: {0}")]
    Object(String),
    /// A hook that nothing replaces.
    #[error("the {sensor} sensor cannot be armed: {program}: {reason}")]
    Required {
        /// Sensor word.
        sensor: &'static str,
        /// Program.
        program: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// No cgroup v2 tree.
    #[error("no cgroup v2 tree is mounted (see /proc/self/mountinfo); Tripline needs one for its socket hooks")]
    NoCgroup,
}

/// The loaded programs and maps. Dropping it detaches everything.
pub struct Sensors {
    ebpf: Ebpf,
    /// Every hook and what became of it.
    pub hooks: Vec<HookStatus>,
}

/// [`Offsets`] as bytes for a global.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Global(Offsets);

// SAFETY: plain integers without padding (asserted in monitor-abi).
unsafe impl aya::Pod for Global {}

/// Map values and keys as bytes.
macro_rules! pod {
    ($name:ident, $inner:ty, $doc:literal) => {
        #[doc = $doc]
        #[repr(transparent)]
        #[derive(Clone, Copy)]
        pub struct $name(pub $inner);
        // SAFETY: plain integers without padding.
        unsafe impl aya::Pod for $name {}
    };
}
pod!(ScopeValue, Scope, "[`Scope`] as a map value.");
pod!(ControlValue, Control, "[`Control`] as a map value.");
pod!(FileKey, file::Identity, "[`file::Identity`] as a map key.");
pod!(StreamKey, stream::Key, "[`stream::Key`] as a map key.");
pod!(LostKey, stats::Lost, "[`stats::Lost`] as a map key.");

impl Sensors {
    /// Loads and attaches everything that this kernel takes.
    pub fn load() -> Result<Self, SensorError> {
        let release = kernel::release();
        // a kernel that is old and has no type information lacks that for its age
        let types = Btf::kernel();
        if !kernel::serves(&release, |name| types.as_ref().is_ok_and(|types| types.has_function(name))) {
            return Err(SensorError::TooOld(kernel::too_old(&release)));
        }
        let types = types?;
        let offsets = Global(offsets::read(&types)?);
        drop(types);
        tracefs::ensure().map_err(SensorError::Tracefs)?;
        let cgroup = File::open(cgroup_root().ok_or(SensorError::NoCgroup)?).map_err(|_| SensorError::NoCgroup)?;
        let btf = AyaBtf::from_sys_fs().map_err(|error| SensorError::Object(chain(&error)))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("OFFSETS", &offsets, true)
            .load(OBJECT)
            .map_err(|error| denied_or_object(&error))?;
        memory::let_go(OBJECT);
        let hooks = arm::all(&mut ebpf, &btf, &cgroup)?;
        Ok(Self { ebpf, hooks })
    }

    /// The loaded programs, to attach those that wait for it.
    pub const fn ebpf(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }

    /// Takes the rings: security, payload. Once only.
    pub fn rings(&mut self) -> Result<(Ring, Ring), SensorError> {
        Ok((Ring::take(&mut self.ebpf, "SECURITY")?, Ring::take(&mut self.ebpf, "PAYLOAD")?))
    }

    /// Takes the scopes.
    pub fn scopes(&mut self) -> Result<Scopes, SensorError> {
        Scopes::take(&mut self.ebpf)
    }

    /// Takes the control word.
    pub fn control(&mut self) -> Result<Array<MapData, ControlValue>, SensorError> {
        let map = self.ebpf.take_map("CONTROL").ok_or_else(|| SensorError::Object("no map CONTROL".to_owned()))?;
        Array::try_from(map).map_err(|error| SensorError::Object(chain(&error)))
    }

    /// Takes the map of judged streams.
    pub fn streams(&mut self) -> Result<HashMap<MapData, StreamKey, u32>, SensorError> {
        let map = self.ebpf.take_map("STREAMS").ok_or_else(|| SensorError::Object("no map STREAMS".to_owned()))?;
        HashMap::try_from(map).map_err(|error| SensorError::Object(chain(&error)))
    }

    /// Takes the map of bytes that are missing and that no record has told of.
    ///
    /// # Errors
    /// If the object has no such map.
    pub fn missed(&mut self) -> Result<HashMap<MapData, StreamKey, u64>, SensorError> {
        let map = self.ebpf.take_map("MISSED").ok_or_else(|| SensorError::Object("no map MISSED".to_owned()))?;
        HashMap::try_from(map).map_err(|error| SensorError::Object(chain(&error)))
    }

    /// Takes the map of sensitive files.
    pub fn sensitive(&mut self) -> Result<HashMap<MapData, FileKey, u32>, SensorError> {
        let map = self.ebpf.take_map("SENSITIVE").ok_or_else(|| SensorError::Object("no map SENSITIVE".to_owned()))?;
        HashMap::try_from(map).map_err(|error| SensorError::Object(chain(&error)))
    }

    /// Takes the counters.
    pub fn stats(&mut self) -> Result<Stats, SensorError> {
        let map = self.ebpf.take_map("STATS").ok_or_else(|| SensorError::Object("no map STATS".to_owned()))?;
        let map = PerCpuArray::try_from(map).map_err(|error| SensorError::Object(chain(&error)))?;
        let lost = self.ebpf.take_map("LOST").ok_or_else(|| SensorError::Object("no map LOST".to_owned()))?;
        let lost = HashMap::try_from(lost).map_err(|error| SensorError::Object(chain(&error)))?;
        Ok(Stats { map, lost })
    }
}

/// The kernel programs' counters.
pub struct Stats {
    map: PerCpuArray<MapData, u64>,
    lost: HashMap<MapData, LostKey, u64>,
}

/// A counter that means loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Of which sensor.
    pub sensor: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Its number, one of those in [`stats`].
    pub index: u32,
    /// How often, in all.
    pub total: u64,
}

impl Stats {
    /// One counter, summed over CPUs.
    #[must_use]
    pub fn get(&self, index: u32) -> u64 {
        self.map.get(&index, 0).map_or(0, |values| values.iter().sum())
    }

    /// All counters that mean loss.
    #[must_use]
    pub fn losses(&self) -> [Counted; 10] {
        let counted = |sensor, reason, index| Counted { sensor, reason, index, total: self.get(index) };
        [
            counted("security", "ring_full", stats::SECURITY_FULL),
            counted("security", "busy", stats::SCRATCH_BUSY),
            counted("file", "unresolved", stats::UNRESOLVED),
            counted("stream", "ring_full", stats::PAYLOAD_FULL),
            counted("file", "read_fault", stats::NAME_FAULT),
            counted("process", "read_fault", stats::ARGV_FAULT),
            counted("socket", "read_fault", stats::ADDRESS_FAULT),
            counted("process", "table_full", stats::SCOPE_FULL),
            counted("socket", "table_full", stats::CONN_FULL),
            counted("name", "ring_full", stats::PACKET_LOST),
        ]
    }

    /// Whose records were lost since this was asked last. What is lost meanwhile may be missing here; it is counted.
    pub fn take_lost(&mut self) -> Vec<(stats::Lost, u64)> {
        let lost: Vec<(LostKey, u64)> = self.lost.iter().flatten().collect();
        for (key, _) in &lost {
            let _gone = self.lost.remove(key);
        }
        lost.into_iter().map(|(key, count)| (key.0, count)).collect()
    }
}

/// Where the cgroup v2 tree is mounted: its root, or the v2 part of a hybrid host.
#[must_use]
pub fn cgroup_root() -> Option<PathBuf> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    mounts.into_iter().find(|mount| mount.fs_type == "cgroup2").map(|mount| mount.mount_point)
}

fn denied_or_object(error: &aya::EbpfError) -> SensorError {
    let text = chain(error);
    if text.contains("Operation not permitted") || text.contains("Permission denied") {
        SensorError::Denied(text)
    } else {
        SensorError::Object(text)
    }
}

/// An error and its causes on one line; the verifier's log is cut to its end, which holds the reason.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    if std::env::var_os("TRIPLINE_VERIFIER_LOG").is_some() || text.len() <= 600 {
        return text;
    }
    let tail: String = text.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect();
    let head: String = text.chars().take(160).collect();
    format!("{head} … {}", tail.replace('\n', " "))
}
