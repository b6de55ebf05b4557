//! A watching session: sensors armed, one thread that reads and judges, until there is nothing left to watch.

mod files;
mod libraries;
mod losses;
mod servers;

pub use servers::Named;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use aya::maps::{HashMap, MapData};
use monitor_abi::config::Control;
use monitor_core::config::EngineConfig;
use monitor_core::credential::{Credentials, WatchPlace};
use monitor_core::id::ServerId;
use monitor_core::profile::{Profile, Profiles};
use monitor_core::time::Time;
use monitor_wire::redact::Key;

use crate::claims::{Claim, Claims};
use crate::memory;
use crate::pipeline::clock::{Clock, boot_now};
use crate::pipeline::output::{Lines, Output};
use crate::pipeline::{Pipeline, Recognise, Workplace};
use crate::sensor::blindness::blindness;
use crate::sensor::changes::{Changed, Changes};
use crate::sensor::fanotify::{Marks, Opened};
use crate::sensor::hooks::{Backend, SENSORS};
use crate::sensor::load::{FileKey, HookStatus, Sensors, Stats, StreamKey};
use crate::sensor::reader::Reader;
use crate::sensor::scopes::Scopes;
use crate::sensor::tls::Libraries;

/// Longest sleep: timers of the engine are no finer.
const TICK: Duration = Duration::from_millis(250);
/// How often new credential files and folders are looked for.
const RESCAN: u64 = 5_000_000_000;
/// How soon, at the earliest, after one was seen to be made or replaced: not at anybody's pace.
const RESCAN_SOON: u64 = 250_000_000;
/// How long after fanotify saw an open of a watched process its system call may still return, nanoseconds: on a busy
/// machine the process can lose its CPU in between.
const SYSCALL_GRACE: u64 = 100_000_000;
/// After the last process ended: what it caused may still be on its way.
const LINGER: u64 = 30_000_000;

/// Between which looks something was queued, `CLOCK_BOOTTIME` in nanoseconds.
#[derive(Clone, Copy)]
struct Reading {
    after: u64,
    at: u64,
}

/// What fanotify saw.
enum Seen {
    Opened(Opened),
    Changed(Changed),
}

impl Seen {
    const fn pid(&self) -> u32 {
        match self {
            Self::Opened(opened) => opened.pid,
            Self::Changed(changed) => changed.pid,
        }
    }

    fn tell(self, reading: Reading, pipeline: &mut Pipeline) {
        match self {
            Self::Opened(opened) => pipeline.opened(reading.after, reading.at, opened),
            Self::Changed(changed) => pipeline.changed(reading.at, changed),
        }
    }
}

/// See the module documentation.
pub struct Session {
    sensors: Sensors,
    /// TLS libraries that are attached to; `None` where that can't be.
    libraries: Option<Libraries>,
    /// Every hook and what became of it.
    pub hooks: Vec<HookStatus>,
    reader: Reader,
    scopes: Scopes,
    streams: HashMap<MapData, StreamKey, u32>,
    sensitive: HashMap<MapData, FileKey, u32>,
    missed: HashMap<MapData, StreamKey, u64>,
    /// The pipes that each server was started with: an open of one, by whoever, is told.
    pipes: BTreeMap<u32, Vec<monitor_abi::file::Identity>>,
    stats: Stats,
    reported: BTreeMap<(&'static str, &'static str), u64>,
    /// Records of the security ring that the sequence numbers miss.
    missing: u64,
    marks: Option<Marks>,
    changes: Option<Changes>,
    /// What fanotify saw, with when it was read, until every record older than that has been judged.
    waiting: VecDeque<(Reading, Seen)>,
    /// When fanotify was read last.
    read: u64,
    /// A credential file was made or replaced.
    stale: bool,
    /// Other users' credential files have been looked for.
    others_known: bool,
    /// When marks were last looked at (`CLOCK_BOOTTIME`).
    scanned: u64,
    /// Profiles of the servers that are or were watched: their stores are theirs.
    owners: BTreeSet<String>,
    /// Where credential files are looked for: the system's places, and each server's own.
    places: Vec<WatchPlace>,
    homes: BTreeMap<ServerId, Vec<WatchPlace>>,
    credentials: Credentials,
    pipeline: Pipeline,
    next: u32,
    live: usize,
    /// When the counters were last looked at.
    counted: Time,
    /// Goes on when nothing is watched.
    forever: bool,
    profiles: Profiles,
    /// Profiles that judge only the servers that name them, by those.
    lent: BTreeMap<ServerId, String>,
    /// The profile that judges every server that is found, if one was asked for.
    wanted: Option<Profile>,
    key: Key,
    /// Whose other watchers' servers are.
    claims: Claims,
    claimed: BTreeMap<ServerId, Claim>,
    /// Other watchers' servers that the log names already.
    left: BTreeSet<u32>,
}

impl Session {
    /// Arms every sensor. From here on nothing of a scope is missed.
    ///
    /// # Errors
    /// Says which sensor can't be had, and what to do.
    pub fn arm(config: EngineConfig, key: Key, output: Output) -> Result<Self> {
        Self::with(config, key, output, Control { agent: std::process::id(), ..Control::default() })
    }

    /// As [`Self::arm`], and every process that may be a server is a candidate from its first instruction.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn arm_host(config: EngineConfig, key: Key, output: Output, recognise: Recognise) -> Result<Self> {
        let control = Control { agent: std::process::id(), discover: 1, ..Control::default() };
        let mut session = Self::with(config, key, output, control)?;
        session.forever = true;
        session.pipeline.discover(recognise);
        Ok(session)
    }

    fn with(config: EngineConfig, key: Key, output: Output, settings: Control) -> Result<Self> {
        let mut sensors = Sensors::load()?;
        let rings = sensors.rings()?;
        let control = sensors.control()?;
        let scopes = sensors.scopes()?;
        let streams = sensors.streams()?;
        let sensitive = sensors.sensitive()?;
        let missed = sensors.missed()?;
        let stats = sensors.stats()?;
        let profiles = config.profiles.clone();
        let reader = Reader::new(rings, control, settings);
        let credentials = config.credentials.clone();
        let hooks = sensors.hooks.clone();
        let pipeline = Pipeline::new(config, key.clone(), Clock::sample(), output);
        let mut session = Self {
            sensors,
            libraries: None,
            hooks,
            reader,
            scopes,
            streams,
            sensitive,
            missed,
            pipes: BTreeMap::new(),
            stats,
            reported: BTreeMap::new(),
            missing: 0,
            marks: None,
            changes: None,
            stale: false,
            others_known: false,
            scanned: 0,
            owners: BTreeSet::new(),
            waiting: VecDeque::new(),
            read: boot_now(),
            places: credentials.system_places(),
            homes: BTreeMap::new(),
            credentials,
            pipeline,
            next: 1,
            live: 0,
            counted: Clock::sample().now(),
            forever: false,
            profiles,
            lent: BTreeMap::new(),
            wanted: None,
            key,
            claims: Claims::default(),
            claimed: BTreeMap::new(),
            left: BTreeSet::new(),
        };
        session.mark();
        session.say_blind();
        session.open_libraries();
        session.pipeline.snapshot();
        memory::give_back();
        Ok(session)
    }

    /// From now on each server has one watcher among those that share these claims.
    pub fn share(&mut self, claims: Claims) {
        self.claims = claims;
    }

    /// From now on this profile judges every server that is found, and those that register without naming one.
    pub fn judge_by(&mut self, profile: Option<Profile>) {
        self.wanted = profile;
    }

    /// Looks, judges and writes until the last watched process has ended or `stop` is set.
    pub fn run(&mut self, stop: &AtomicBool) {
        self.run_with(stop, |_| {});
    }

    /// As [`Self::run`], with `each` called after every look (at least four times a second).
    pub fn run_with(&mut self, stop: &AtomicBool, mut each: impl FnMut(&mut Self)) {
        let mut rescan = boot_now() + RESCAN;
        let mut tick = boot_now();
        let mut ending: Option<u64> = None;
        loop {
            let drained = self.look();
            let now = boot_now();
            if now.saturating_sub(tick) >= TICK.as_nanos().try_into().unwrap_or(u64::MAX) {
                tick = now;
                self.losses();
                self.pipeline.tick(drained);
            }
            let soon = self.stale && now.saturating_sub(self.scanned) >= RESCAN_SOON;
            if now >= rescan || soon {
                rescan = now + RESCAN;
                self.mark();
                self.release_libraries();
            }
            self.decide(drained);
            each(self);
            let ended = self.pipeline.take_ended();
            self.live = self.live.saturating_sub(ended.len());
            self.claimed.retain(|id, _| !ended.contains(id));
            self.remove_pipes(&ended);
            if !ended.is_empty() {
                self.take_back_lent(&ended);
            }
            if self.forever {
                self.remove_homes(&ended);
            }
            if self.live == 0 && ending.is_none() && !self.forever {
                ending = Some(now + LINGER);
            }
            if stop.load(Ordering::Relaxed) || ending.is_some_and(|at| now >= at) {
                break;
            }
            let fds: Vec<BorrowedFd<'_>> = (self.marks.iter().map(AsFd::as_fd))
                .chain(self.changes.iter().map(AsFd::as_fd))
                .chain(self.libraries.iter().map(AsFd::as_fd))
                .collect();
            self.reader.wait(if ending.is_some() { Duration::from_millis(5) } else { TICK }, &fds);
        }
        self.finish();
    }

    /// From now on servers are told from others by this.
    pub fn recognise(&mut self, recognise: Recognise) {
        self.pipeline.discover(recognise);
    }

    /// Where MCP clients were seen to work, since the last call.
    pub fn take_workplaces(&mut self) -> Vec<Workplace> {
        self.pipeline.take_workplaces()
    }

    /// Another place for alerts.
    pub fn add_alerts(&mut self, lines: Lines) {
        self.pipeline.add_alerts(lines);
    }

    /// The place that was added last is none: the server that it was for isn't watched.
    pub fn take_back_alerts(&mut self) {
        self.pipeline.take_back_alerts();
    }

    /// How many servers are watched.
    #[must_use]
    pub const fn watched(&self) -> usize {
        self.live
    }

    /// After the end: what could not be written, and where.
    #[must_use]
    pub fn unwritten(&self) -> Vec<String> {
        self.pipeline.unwritten()
    }

    /// The last look: everything that is in the rings, then what the engine still holds.
    fn finish(&mut self) {
        self.look();
        let Self { reader, pipeline, waiting, .. } = self;
        reader.flush(|look| pipeline.look(&look));
        for (reading, seen) in waiting.drain(..) {
            seen.tell(reading, pipeline);
        }
        self.losses();
        // Streams that never went on after bytes of theirs hadn't fitted.
        let missed: u64 = self.missed.iter().flatten().map(|(_, bytes)| bytes).sum();
        if missed > 0 {
            self.pipeline.lost("stream", "ring_full", self.counted, missed, None);
        }
        self.pipeline.finish();
    }

    /// Returns up to which time everything has been judged.
    fn look(&mut self) -> u64 {
        let now = boot_now();
        let Self { reader, pipeline, marks, changes, waiting, stale, .. } = self;
        let queue = marks.as_ref().map(Marks::read).unwrap_or_default();
        let changed = changes.as_mut().map(Changes::read).unwrap_or_default();
        *stale |= queue.stale || changed.stale;
        let reading = Reading { after: std::mem::replace(&mut self.read, now), at: now };
        let before = reader.look(now, |look| pipeline.look(&look));
        let own = std::process::id();
        let seen = queue.opened.into_iter().map(Seen::Opened).chain(changed.changed.into_iter().map(Seen::Changed));
        waiting.extend(seen.filter(|seen| seen.pid() != own).map(|seen| (reading, seen)));
        // Who opened may have come to life just before: its records have been handed out only up to `before`. A watched
        // process is told of by its system call too, which returns after fanotify has spoken, and tells more.
        let held = std::mem::take(waiting);
        for (reading, seen) in held {
            let grace = if pipeline.watches(seen.pid()) { SYSCALL_GRACE } else { 0 };
            if reading.at + grace <= before {
                seen.tell(reading, pipeline);
            } else {
                waiting.push_back((reading, seen));
            }
        }
        if queue.overflow || changed.overflow {
            pipeline.lost("fanotify", "queue_overflow", pipeline.clock().now(), 1, None);
        }
        self.pipeline.settle();
        self.forget_gone();
        self.attach_libraries();
        for (key, policy) in self.pipeline.take_ignored() {
            match policy.map(|policy| self.streams.insert(StreamKey(key), policy, 0)) {
                Some(Err(error)) => tracing::debug!(%error, "cannot stop the capture of a stream"),
                Some(Ok(())) => {}
                // the kernel may have given it up for newer ones
                None => drop(self.streams.remove(&StreamKey(key))),
            }
        }
        before
    }

    /// A sensor that lacks hooks is blind, at least in part: alerts that depend on it say so.
    fn say_blind(&mut self) {
        let below =
            |hook: &HookStatus| hook.program.sensor == "file" && matches!(hook.backend, Backend::Lsm | Backend::Fentry);
        if self.hooks.iter().any(below) {
            self.pipeline.objects_are_seen_below();
        }
        for sensor in SENSORS {
            let of: Vec<&HookStatus> = self.hooks.iter().filter(|hook| hook.program.sensor == *sensor).collect();
            if *sensor == "file" && of.iter().all(|hook| hook.refused.is_none()) {
                self.pipeline.sees_every_open();
            }
            if let Some(reason) = blindness(&of) {
                tracing::warn!(sensor, reason, "sensor is blind, at least in part");
                self.pipeline.blind(sensor, &reason);
            }
        }
    }
}

/// Fails early and clearly where the rights are missing.
///
/// # Errors
/// Names what to do.
pub fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(anyhow!("watching needs root (or the capabilities that `tripline doctor` lists): run it with sudo"))
}

/// True if a path can be used as a folder for state.
#[must_use]
pub fn usable(dir: &Path) -> bool {
    dir.is_dir() && nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
}
