//! A watching session: sensors armed, one thread that reads and judges, until there is nothing left to watch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aya::maps::{HashMap, MapData};
use monitor_abi::config::{Control, SCOPE_CANDIDATE, SCOPE_PENDING, SCOPE_UNDECIDED, Scope};
use monitor_core::config::EngineConfig;
use monitor_core::credential::Credentials;
use monitor_core::detect::credential::is_shared;
use monitor_core::event::{Exec, FileRef, ServerStart};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::profile::{Profile, Profiles};
use monitor_core::time::Time;
use monitor_wire::redact::Key;

use crate::claims::{Claim, Claims, Taken};
use crate::discover::{Start, proc_of};
use crate::memory;
use crate::passwd;
use crate::pipeline::clock::{Clock, boot_now};
use crate::pipeline::output::{Lines, Output};
use crate::pipeline::split::is_channel;
use crate::pipeline::{Pipeline, Recognise, Recognised, Workplace, enrich};
use crate::sensor::changes::{Changed, Changes};
use crate::sensor::fanotify::{Marks, Opened};
use crate::sensor::hooks::{Backend, SENSORS};
use crate::sensor::load::{FileKey, HookStatus, Sensors, Stats, StreamKey};
use crate::sensor::reader::Reader;
use crate::sensor::scopes::Scopes;

/// Longest sleep: timers of the engine are no finer.
const TICK: Duration = Duration::from_millis(250);
/// How often new credential files and folders are looked for.
const RESCAN: u64 = 5_000_000_000;
/// Most credential files of other users that are known by identity.
const MAX_OTHERS: usize = 4096;
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
    _sensors: Sensors,
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
    places: Vec<monitor_core::credential::WatchPlace>,
    credentials: Credentials,
    pipeline: Pipeline,
    next: u32,
    live: usize,
    /// When the counters were last looked at.
    counted: Time,
    /// Goes on when nothing is watched.
    forever: bool,
    profiles: Profiles,
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
            _sensors: sensors,
            hooks,
            reader,
            scopes,
            streams,
            sensitive,
            missed,
            pipes: BTreeMap::new(),
            stats,
            reported: BTreeMap::new(),
            marks: None,
            changes: None,
            stale: false,
            others_known: false,
            scanned: 0,
            owners: BTreeSet::new(),
            waiting: VecDeque::new(),
            read: boot_now(),
            places: credentials.system_places(),
            credentials,
            pipeline,
            next: 1,
            live: 0,
            counted: Clock::sample().now(),
            forever: false,
            profiles,
            key,
            claims: Claims::default(),
            claimed: BTreeMap::new(),
            left: BTreeSet::new(),
        };
        session.mark();
        session.say_blind();
        session.pipeline.snapshot();
        memory::give_back();
        Ok(session)
    }

    /// From now on each server has one watcher among those that share these claims.
    pub fn share(&mut self, claims: Claims) {
        self.claims = claims;
    }

    /// A server that is another watcher's is left to it; the log says so once.
    fn leave_to(&mut self, taken: &Taken) {
        const MOST: usize = 4096;
        if self.left.len() >= MOST {
            self.left.clear();
        }
        if self.left.insert(taken.server) {
            tracing::info!("{taken}, and is left to it");
        }
    }

    /// Takes a process under watch. `pending`: it is going to execute its command; nothing counts before that.
    ///
    /// # Errors
    /// If the process is gone or the scope map is full.
    pub fn watch(&mut self, start: ServerStart, pending: bool) -> Result<ServerId> {
        let id = ServerId(self.next);
        self.next += 1;
        let root = start.root;
        let claim = self.claims.take(root).map_err(|taken| anyhow!(taken.advice()))?;
        self.add_homes(&start);
        let stdio = stdio_of(root.pid);
        let flags = if pending { SCOPE_PENDING } else { 0 };
        if !self.enter(root, id, flags).with_context(|| format!("cannot take process {} under watch", root.pid))? {
            return Err(anyhow!("process {} ended before it could be watched", root.pid));
        }
        let from_start = start.from_start;
        self.pipeline.server_start(id, start, &stdio);
        self.add_pipes(id, root.pid);
        if !from_start {
            self.join_descendants(root.pid, id);
        }
        self.live += 1;
        self.claimed.extend(claim.map(|claim| (id, claim)));
        Ok(id)
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
            }
            self.decide(drained);
            each(self);
            let ended = self.pipeline.take_ended();
            self.live = self.live.saturating_sub(ended.len());
            self.claimed.retain(|id, _| !ended.contains(id));
            self.remove_pipes(&ended);
            if self.live == 0 && ending.is_none() && !self.forever {
                ending = Some(now + LINGER);
            }
            if stop.load(Ordering::Relaxed) || ending.is_some_and(|at| now >= at) {
                break;
            }
            let fds: Vec<BorrowedFd<'_>> =
                self.marks.iter().map(AsFd::as_fd).chain(self.changes.iter().map(AsFd::as_fd)).collect();
            self.reader.wait(if ending.is_some() { Duration::from_millis(5) } else { TICK }, &fds);
        }
        self.finish();
    }

    /// A process that runs already and that a profile knows is watched; one that has pipes or sockets as standard input
    /// and output is a candidate.
    pub fn look_around(&mut self, recognise: &dyn Fn(&Exec) -> Option<Recognised>) {
        let Ok(all) = procfs::process::all_processes() else { return };
        let mut pids: Vec<u32> = all.flatten().filter_map(|process| u32::try_from(process.pid).ok()).collect();
        pids.sort_unstable();
        for pid in pids {
            if pid == std::process::id() || self.scopes.contains(pid) {
                continue;
            }
            let Some(exec) = enrich::known(pid, &self.key) else { continue };
            self.pipeline.client(&exec);
            let channels = is_channel(pid, 0) && is_channel(pid, 1);
            let recognised = recognise(&exec);
            if (channels || recognised.is_some())
                && let Some(taken) = self.claims.above(pid)
            {
                self.leave_to(&taken);
                continue;
            }
            if let Some(Recognised { called }) = recognised {
                let start = Start { called, ..Start::running(pid, false) };
                let start = start.describe(&self.profiles, None, &self.key);
                if let Err(error) = self.watch(start, false) {
                    tracing::warn!(pid, %error, "cannot watch a running server");
                }
            } else if channels {
                let candidate = ServerId(SCOPE_CANDIDATE | pid);
                self.pipeline.begin_running(candidate);
                self.pipeline.join(pid, candidate);
                self.put_in_scope(pid, candidate, SCOPE_UNDECIDED);
            }
        }
    }

    /// From now on servers are told from others by this.
    pub fn recognise(&mut self, recognise: Recognise) {
        self.pipeline.discover(recognise);
    }

    /// Where MCP clients were seen to work, since the last call.
    pub fn take_workplaces(&mut self) -> Vec<Workplace> {
        self.pipeline.take_workplaces()
    }

    /// Watches a process that says it will execute a server (`exec` where an agent runs).
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn register(&mut self, start: &Start, profile: Option<&Profile>) -> Result<ServerId> {
        let start = start.describe(&self.profiles, profile, &self.key);
        self.watch(start, true)
    }

    /// Whether a process is part of a watched server, as the kernel has it.
    #[must_use]
    pub fn is_watched(&self, pid: u32) -> bool {
        self.scopes.server(pid).is_some_and(|server| server & SCOPE_CANDIDATE == 0)
    }

    /// Another place for alerts.
    pub fn add_alerts(&mut self, lines: Lines) {
        self.pipeline.add_alerts(lines);
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

    /// Candidates that have been decided: the kernel is told.
    fn decide(&mut self, drained: u64) {
        for found in self.pipeline.take_found(drained) {
            let id = ServerId(self.next);
            self.next += 1;
            let start = match found.exec {
                Some(exec) => Start::executed(&exec, found.from_start),
                None => Start::running(found.root, found.from_start),
            };
            let start = Start { called: found.called, ..start };
            let start = start.describe(&self.profiles, None, &self.key);
            match self.claims.take(start.root) {
                Ok(claim) => self.claimed.extend(claim.map(|claim| (id, claim))),
                Err(taken) => {
                    self.leave_to(&taken);
                    for pid in self.pipeline.leave(found.candidate) {
                        self.scopes.leave(pid);
                    }
                    continue;
                }
            }
            let stdio = stdio_of(found.root);
            tracing::info!(pid = found.root, name = start.name, profile = start.profile, "watching an MCP server");
            self.add_homes(&start);
            self.add_pipes(id, found.root);
            for pid in self.pipeline.accept(found.candidate, id, start, &stdio) {
                self.put_in_scope(pid, id, 0);
            }
            if !found.from_start {
                self.join_descendants(found.root, id);
            }
            self.live += 1;
        }
        for (pid, id) in self.pipeline.take_strays() {
            self.put_in_scope(pid, id, 0);
        }
        for pid in self.pipeline.take_refused() {
            self.scopes.leave(pid);
        }
    }

    fn put_in_scope(&mut self, pid: u32, id: ServerId, flags: u32) {
        if let Err(error) = self.enter(proc_of(pid), id, flags) {
            tracing::warn!(pid, %error, "cannot put a process in scope");
        }
    }

    /// Puts a process in scope. False if it has ended: the kernel told of that before it knew whose process it was, so
    /// that nobody would ever take it out again, and its number is going to be somebody else's.
    fn enter(&mut self, proc: ProcId, id: ServerId, flags: u32) -> Result<bool> {
        let scope = Scope { start: proc.start, server: id.0, flags };
        self.scopes.enter(proc.pid, scope)?;
        let runs = enrich::is_running(proc);
        if !runs {
            self.scopes.leave(proc.pid);
        }
        Ok(runs)
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
        for key in self.pipeline.take_ignored() {
            if let Err(error) = self.streams.insert(StreamKey(key), monitor_abi::stream::POLICY_IGNORE, 0) {
                tracing::debug!(%error, "cannot stop the capture of a stream");
            }
        }
        before
    }

    /// Turns grown counters into loss events. Payload loss is told per stream by the kernel itself.
    fn losses(&mut self) {
        let lost = self.reader.lost();
        let since = std::mem::replace(&mut self.counted, self.pipeline.clock().now());
        for (sensor, reason, total) in self.stats.losses() {
            let before = self.reported.insert((sensor, reason), total).unwrap_or(0);
            if total > before && sensor != "stream" {
                self.pipeline.lost(sensor, reason, since, total - before, None);
            }
        }
        if lost.security > 0 && self.stats.get(monitor_abi::stats::SECURITY_FULL) == 0 {
            self.pipeline.lost("security", "sequence_gap", since, lost.security, None);
        }
    }

    /// Marks credential files that are there and aren't marked yet.
    fn mark(&mut self) {
        self.stale = false;
        self.scanned = boot_now();
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
            let found = marks.add(&self.places);
            self.learn(found);
        }
        self.mark_stores();
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
        let mut found = Marks::only_look(&places.collect::<Vec<_>>());
        found.truncate(MAX_OTHERS);
        self.learn(found);
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

    /// The stores below a server's homes and working folder are watched for it.
    fn add_homes(&mut self, start: &ServerStart) {
        self.owners.insert(start.profile.clone());
        for home in &start.homes {
            self.places.extend(self.credentials.watch_places(home));
        }
        if let Ok(cwd) = fs::read_link(format!("/proc/{}/cwd", start.root.pid)) {
            self.places.extend(self.credentials.project_places(&cwd.to_string_lossy()));
        }
        self.places.sort();
        self.places.dedup();
        self.learn_others();
        self.mark();
    }

    /// A server's pipes have no name but its descriptors: whoever opens one reaches for those.
    fn add_pipes(&mut self, id: ServerId, pid: u32) {
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

    fn remove_pipes(&mut self, ended: &[ServerId]) {
        for key in ended.iter().filter_map(|id| self.pipes.remove(&id.0)).flatten() {
            // two servers may have been started with one pipe: the other's goes unseen from here on
            let _absent = self.sensitive.remove(&FileKey(key));
        }
    }

    /// Children that a running server has already.
    fn join_descendants(&mut self, root: u32, id: ServerId) {
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for child in children(parent) {
                // a server that it is the client of
                if self.is_watched(child) && self.scopes.server(child) != Some(id.0) {
                    continue;
                }
                if self.enter(proc_of(child), id, 0).unwrap_or(false) {
                    self.pipeline.join(child, id);
                    parents.push(child);
                }
            }
        }
    }

    /// A sensor of which no hook is armed is blind; one that lacks some says so in the log.
    fn say_blind(&mut self) {
        let below =
            |hook: &HookStatus| hook.program.sensor == "file" && matches!(hook.backend, Backend::Lsm | Backend::Fentry);
        if self.hooks.iter().any(below) {
            self.pipeline.objects_are_seen_below();
        }
        for sensor in SENSORS {
            let of: Vec<&HookStatus> = self.hooks.iter().filter(|hook| hook.program.sensor == *sensor).collect();
            let refused: Vec<String> = of
                .iter()
                .filter_map(|hook| hook.refused.as_ref().map(|reason| format!("{}: {reason}", hook.program.name)))
                .collect();
            if *sensor == "file" && refused.is_empty() {
                self.pipeline.sees_every_open();
            }
            if refused.len() == of.len() {
                self.pipeline.blind(sensor, &refused.join("; "));
            } else if !refused.is_empty() {
                tracing::warn!(sensor, refused = refused.join("; "), "sensor is armed in part");
            }
        }
    }
}

/// Inodes of a process's standard input and output.
fn stdio_of(pid: u32) -> Vec<u64> {
    let stat = |fd: &u32| fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok();
    [0, 1].iter().filter_map(stat).map(|meta| meta.ino()).collect()
}

/// Children of a process, by procfs.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
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
