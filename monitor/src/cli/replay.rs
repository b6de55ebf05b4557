//! `tripline replay`: the same engine over a recorded file.
//!
//! Reads line by line, so that a recording may be of any length. No clock is read: time is the recording's, and the same
//! recording with the same configuration gives the same alerts, byte for byte. Every event before a defect is judged, and
//! its alerts are written, before the defect is reported.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use clap::Args;
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::Event;
use monitor_core::time::Time;
use monitor_core::trace::{self, Header, MAX_LINE, TraceError};

use super::options::{digest, read_config, read_profile};
use super::{Failure, note, report};
use crate::pipeline::output::Store;
use crate::pipeline::policy::Policy;

/// Replay a recording.
#[derive(Debug, Args)]
#[command(
    after_help = "Give the configuration and the profile that the recording was made with: both decide what is alerted, \
and a warning says if they differ. A file of --events is no recording, and is refused. Needs no root.\n\nExamples:\n  \
tripline replay session.ndjson\n  tripline replay session.ndjson --alerts alerts.ndjson --calls calls.ndjson\n  zcat \
session.ndjson.gz | tripline replay -"
)]
pub struct Replay {
    /// The recording; `-` is standard input
    file: PathBuf,
    /// Configuration file [default: /etc/tripline/config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An own profile that the recording was made with
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Where alerts go, one JSON value a line; an existing file is replaced, `-` is standard output
    #[arg(long, value_name = "OUT", default_value = "-")]
    alerts: PathBuf,
    /// Where calls go, one JSON value a line [default: nowhere]
    #[arg(long, value_name = "OUT")]
    calls: Option<PathBuf>,
}

impl Replay {
    /// Replays to the end, or to the first defect.
    pub fn run(self) -> u8 {
        report(self.replay())
    }

    fn replay(&self) -> Result<(), Failure> {
        if self.calls.as_deref() == Some(&*self.alerts) {
            return Err(Failure::usage(
                "--alerts and --calls name the same output; give one of them a file of its own",
            ));
        }
        let config = read_config(self.config.as_deref())?;
        let store = Store { dir: PathBuf::from(&config.state.dir) };
        let policy = Policy::new(&config.alerts);
        let mut engine = config.into_engine();
        if let Some(name) = &self.profile {
            engine.profiles.add(read_profile(name)?);
        }
        self.spare(&store)?;
        let mut lines = Lines::open(&self.file)?;
        let name = lines.name.clone();
        let bad = |error: TraceError| Failure::failed(format!("{name}: {error}"));
        let (first, _) = lines.next().map_err(&bad)?.unwrap_or_default();
        let header = Header::from_line(&first).map_err(&bad)?;
        let mut judge = Judge::new(engine, policy, self.outputs()?);
        if header.config != digest(self.config.as_deref(), self.profile.as_deref()) {
            note(&format!(
                "{name} was recorded with another configuration or profile: alerts may differ from those of that time"
            ));
        }
        let (sender, batches) = mpsc::sync_channel(AHEAD);
        let reader = thread::spawn(move || lines.read_ahead(&sender));
        for event in batches.into_iter().flatten() {
            // nobody waits for the reader then: more input may never come
            judge.step(&event)?;
        }
        let read = reader.join().map_err(|_panic| Failure::failed("the reading of the recording failed".to_owned()))?;
        judge.finish()?;
        match read {
            Ok(()) => Ok(()),
            Err(error @ TraceError::Cut { .. }) => {
                note(&format!("{name}: {error}"));
                Ok(())
            }
            Err(error) => Err(bad(error)),
        }
    }

    /// Outputs are made anew: they must not be something that is still needed.
    fn spare(&self, store: &Store) -> Result<(), Failure> {
        let precious = [
            (self.file.clone(), "the recording itself"),
            (store.alerts(), "the local store of alerts"),
            (store.calls(), "the local store of calls"),
        ];
        for path in [&self.alerts].into_iter().chain(&self.calls) {
            if let Some((_, what)) = precious.iter().find(|(precious, _)| same(path, precious)) {
                let path = path.display();
                return Err(Failure::usage(format!("{path} is {what} and would be lost; name another file")));
            }
        }
        Ok(())
    }

    fn outputs(&self) -> Result<(Target, Option<Target>), Failure> {
        Ok((Target::open(&self.alerts)?, self.calls.as_deref().map(Target::open).transpose()?))
    }
}

/// Events that are read at a time, and how many such batches the reader may be ahead: parsing takes as long as judging,
/// and has a thread of its own.
const BATCH: usize = 512;
const AHEAD: usize = 4;

/// The engine and where its words go.
struct Judge {
    engine: Engine,
    /// As when watching: what is recorded and what is written are two things.
    policy: Policy,
    alerts: Target,
    calls: Option<Target>,
    /// Reused for every event.
    found: Vec<monitor_core::alert::Alert>,
    last: Time,
}

impl Judge {
    fn new(config: EngineConfig, policy: Policy, (alerts, calls): (Target, Option<Target>)) -> Self {
        Self { engine: Engine::new(config), policy, alerts, calls, found: Vec::new(), last: Time(0) }
    }

    fn step(&mut self, event: &Event) -> Result<(), Failure> {
        self.last = self.last.max(event.time);
        self.engine.step(event, &mut self.found);
        self.write()
    }

    /// The recording's end is the session's end.
    fn finish(&mut self) -> Result<(), Failure> {
        self.engine.finish(self.last, &mut self.found);
        self.write()?;
        self.alerts.flush()?;
        self.calls.as_mut().map_or(Ok(()), Target::flush)
    }

    fn write(&mut self) -> Result<(), Failure> {
        for alert in self.found.drain(..) {
            if !self.policy.passes(&alert) {
                continue;
            }
            let line = alert.to_json_line().map_err(|error| Failure::failed(error.to_string()))?;
            self.alerts.write(&line)?;
        }
        // Asked for even if nobody wants them: the engine keeps only so many.
        for call in self.engine.take_calls() {
            if let Some(calls) = &mut self.calls {
                let line = serde_json::to_string(&call).map_err(|error| Failure::failed(error.to_string()))?;
                calls.write(&(line + "\n"))?;
            }
        }
        Ok(())
    }
}

/// A file that is written anew, or standard output.
struct Target {
    name: String,
    to: BufWriter<Box<dyn Write>>,
}

impl Target {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self { name: "standard output".to_owned(), to: BufWriter::new(Box::new(io::stdout())) });
        }
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Failure::failed(format!("cannot write {name}: {error}")))?;
        Ok(Self { name, to: BufWriter::new(Box::new(file)) })
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        let done = self.to.write_all(line.as_bytes());
        self.check(done)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let done = self.to.flush();
        self.check(done)
    }

    fn check(&self, done: io::Result<()>) -> Result<(), Failure> {
        done.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::quiet(),
            _ => Failure::failed(format!("cannot write {}: {error}", self.name)),
        })
    }
}

/// The lines of a recording.
struct Lines {
    name: String,
    from: Box<dyn BufRead + Send>,
    /// Lines so far.
    number: usize,
    bytes: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Failure> {
        let from: Box<dyn BufRead + Send>;
        let name;
        if path == Path::new("-") {
            name = "standard input".to_owned();
            from = Box::new(BufReader::new(io::stdin()));
        } else {
            name = path.display().to_string();
            let cannot = |error: io::Error| Failure::failed(format!("cannot read the recording {name}: {error}"));
            let file = File::open(path).map_err(cannot)?;
            if file.metadata().is_ok_and(|meta| meta.is_dir()) {
                return Err(Failure::failed(format!("{name} is a folder; name a recording")));
            }
            from = Box::new(BufReader::with_capacity(1 << 17, file));
        }
        Ok(Self { name, from, number: 0, bytes: Vec::new() })
    }

    /// The next line, and whether it has no end: only the last one can.
    fn next(&mut self) -> Result<Option<(String, bool)>, TraceError> {
        Ok(self.take()?.map(|(text, cut)| (text.to_owned(), cut)))
    }

    /// Sends every event, in batches, up to the end or the first defect.
    fn read_ahead(mut self, to: &SyncSender<Vec<Event>>) -> Result<(), TraceError> {
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            let mut end = None;
            while end.is_none() && batch.len() < BATCH {
                match self.event() {
                    Ok(Some(event)) => batch.push(event),
                    Ok(None) => end = Some(Ok(())),
                    Err(error) => end = Some(Err(error)),
                }
            }
            // nobody listens any more: the judge has failed, and says why
            let gone = to.send(batch).is_err();
            if let Some(end) = end {
                return end;
            }
            if gone {
                return Ok(());
            }
        }
    }

    /// The next event; `None` at the end.
    fn event(&mut self) -> Result<Option<Event>, TraceError> {
        loop {
            let line = self.number + 1;
            let Some((text, cut)) = self.take()? else { return Ok(None) };
            if let Some(event) = trace::parse_event(text, line, cut)? {
                return Ok(Some(event));
            }
        }
    }

    fn take(&mut self) -> Result<Option<(&str, bool)>, TraceError> {
        self.bytes.clear();
        let line = self.number + 1;
        let most = MAX_LINE as u64 + 1;
        let read = (&mut self.from).take(most).read_until(b'\n', &mut self.bytes);
        if let Err(error) = read {
            return Err(TraceError::Event { line, message: format!("cannot be read: {error}") });
        }
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.number = line;
        let cut = self.bytes.last() != Some(&b'\n');
        if cut && self.bytes.len() as u64 == most {
            return Err(TraceError::TooLong { line });
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(Some((text, cut))),
            // A character that was cut in two at the very end, as the line was.
            Err(error) if cut && error.error_len().is_none() => Err(TraceError::Cut { line }),
            Err(error) => {
                Err(TraceError::Event { line, message: format!("not UTF-8 at column {}", error.valid_up_to() + 1) })
            }
        }
    }
}

/// Whether two paths lead to one file.
fn same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
