//! Options that exec, attach, run and record share, and what they open.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use monitor_core::config::{AlertsSection, EngineConfig, FileConfig, SinkSection};
use monitor_core::event::OwnProfile;
use monitor_core::profile::{Profile, Profiles};
use monitor_core::trace;
use monitor_wire::redact::Key;

use super::Failure;
use crate::pipeline::clock::Clock;
use crate::pipeline::output::{Lines, Output, Store};
use crate::pipeline::policy::Policy;
use crate::regular;
use crate::session::Named;

/// Where the configuration is looked for if none is named; it need not exist.
pub const DEFAULT_CONFIG: &str = "/etc/tripline/config.toml";

/// Options of every verb that watches.
#[derive(Debug, Clone, Args)]
pub struct WatchOptions {
    /// Configuration file [default: /etc/tripline/config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge the server by this profile: the name of a shipped one, or a file [default: by what the server is]
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Also write each alert to this file, one JSON value a line; `-` is standard output
    #[arg(long, value_name = "PATH")]
    pub alerts: Option<PathBuf>,
    /// Write every event and each closed call to this file, one JSON value a line; `-` is standard output
    #[arg(long, value_name = "PATH")]
    pub events: Option<PathBuf>,
    /// Where every normalised event is kept, for `tripline replay`: set by `record` only.
    #[arg(skip)]
    pub recording: Option<PathBuf>,
}

/// What the options name, read and checked.
pub struct Prepared {
    /// For the engine.
    pub engine: EngineConfig,
    /// The profile that was asked for.
    pub profile: Option<Profile>,
    /// State folder.
    pub store: Store,
    /// Where the watchers of this host find each other.
    pub runtime: PathBuf,
    /// Sinks of the configuration.
    pub sinks: Vec<PathBuf>,
    /// Which alerts are written.
    pub alerts: AlertsSection,
    /// Digest of configuration and profile, for the head of a recording.
    pub digest: String,
}

impl WatchOptions {
    /// Reads configuration and profile; opens nothing that is written to.
    ///
    /// # Errors
    /// Usage errors name file, line and column.
    pub fn check(&self) -> Result<(FileConfig, Option<Profile>), Failure> {
        let config = read_config(self.config.as_deref())?;
        let profile = match &self.profile {
            None => None,
            Some(name) => Some(read_profile(name)?),
        };
        Ok((config, profile))
    }

    /// Everything but the outputs.
    ///
    /// # Errors
    /// Usage errors as [`Self::check`]; failures where the state folder can't be used.
    pub fn prepare(&self) -> Result<Prepared, Failure> {
        let (config, profile) = self.check()?;
        let dir = PathBuf::from(&config.state.dir);
        let store = Store::open(&dir).map_err(|error| {
            Failure::failed(format!("cannot use the state folder {}: {error}; set [state] dir", dir.display()))
        })?;
        let sinks = config
            .sink
            .iter()
            .map(|sink| match sink {
                SinkSection::File { path } => PathBuf::from(path),
            })
            .collect();
        let alerts = config.alerts.clone();
        let runtime = PathBuf::from(&config.state.runtime);
        let mut engine = config.into_engine();
        if let Some(profile) = &profile {
            engine.profiles.add(profile.clone());
        }
        let digest = digest(self.config.as_deref(), self.profile.as_deref());
        Ok(Prepared { engine, profile, store, runtime, sinks, alerts, digest })
    }

    /// Opens everything that is written to.
    ///
    /// # Errors
    /// Names the path that can't be opened.
    pub fn open(&self, prepared: &Prepared) -> Result<Output, Failure> {
        let open = |path: &Path| {
            Lines::open(path).map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
        };
        let dir = &prepared.store.dir;
        if fs::metadata(dir).is_ok_and(|meta| meta.mode() & 0o022 != 0) {
            tracing::warn!("others can write to the state folder {0}: chmod 0700 {0}", dir.display());
        }
        let mut alerts = vec![open(&prepared.store.alerts())?];
        for path in self.alerts.iter().chain(&prepared.sinks) {
            alerts.push(open(path)?);
        }
        let recording = match &self.recording {
            None => None,
            Some(path) => {
                let mut lines = open(path)?;
                let header = trace::Header::new(&prepared.digest, Clock::sample().now());
                let header = header.to_line().map_err(|error| Failure::failed(error.to_string()))?;
                lines.push(header.trim_end());
                Some(lines)
            }
        };
        let events = self.events.as_deref().map(open).transpose()?;
        let policy = Policy::new(&prepared.alerts);
        Ok(Output { alerts, events, calls: Some(open(&prepared.store.calls())?), recording, policy })
    }

    /// The same options as arguments, with absolute paths: for the watcher process.
    #[must_use]
    pub fn to_args(&self) -> Vec<std::ffi::OsString> {
        let mut args = Vec::new();
        let mut add = |flag: &str, value: &Path| {
            let value = if value == Path::new("-") { value.to_owned() } else { absolute(value) };
            args.push(flag.into());
            args.push(value.into_os_string());
        };
        for (flag, value) in [
            ("--config", &self.config),
            ("--alerts", &self.alerts),
            ("--events", &self.events),
            ("--recording", &self.recording),
        ] {
            if let Some(value) = value {
                add(flag, value);
            }
        }
        if let Some(profile) = self.profile_argument() {
            args.push("--profile".into());
            args.push(profile.into());
        }
        args
    }

    /// The profile as another process finds it, wherever that works: a shipped one's name, else an absolute path.
    #[must_use]
    pub fn profile_argument(&self) -> Option<String> {
        let name = self.profile.as_ref()?;
        let path = Path::new(name);
        let shipped = Profiles::builtin().get(name).is_some();
        if shipped || !path.is_file() { Some(name.clone()) } else { absolute(path).to_str().map(str::to_owned) }
    }
}

/// The key of fingerprints.
///
/// # Errors
/// If the state folder can't hold it.
pub fn fingerprint_key(store: &Store) -> Result<Key, Failure> {
    let bytes = store.key().map_err(|error| {
        Failure::failed(format!("cannot read or make the fingerprint key in {}: {error}", store.dir.display()))
    })?;
    Ok(Key::from_bytes(bytes))
}

/// Reads a configuration file, or the default one if it is there.
///
/// # Errors
/// A named file must exist; contents must be valid.
pub fn read_config(path: Option<&Path>) -> Result<FileConfig, Failure> {
    let (path, named) = path.map_or((Path::new(DEFAULT_CONFIG), false), |path| (path, true));
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(FileConfig::default()),
        Err(error) => return Err(Failure::usage(format!("cannot read the configuration {}: {error}", path.display()))),
    };
    FileConfig::parse_bytes(&bytes, &path.display().to_string()).map_err(|error| Failure::usage(error.to_string()))
}

/// A profile by name or file.
///
/// # Errors
/// If it is neither, or not valid.
pub fn read_profile(name: &str) -> Result<Profile, Failure> {
    profile_of(name, |path| fs::read_to_string(path)).map(|named| named.profile)
}

/// The same where somebody else names it: nothing is waited for, and the file has bounds.
///
/// # Errors
/// As [`read_profile`], and if it is no regular file.
pub fn read_named_profile(name: &str) -> Result<Named, Failure> {
    profile_of(name, |path| String::from_utf8(regular::read(path, OwnProfile::MAX)?.0).map_err(io::Error::other))
}

fn profile_of(name: &str, read: impl FnOnce(&Path) -> io::Result<String>) -> Result<Named, Failure> {
    let profiles = Profiles::builtin();
    if let Some(profile) = profiles.get(name) {
        return Ok(Named { profile: profile.clone(), text: None });
    }
    let text = read(Path::new(name)).map_err(|error| {
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        Failure::usage(format!(
            "no profile {name}: it is neither a shipped one ({}) nor a readable file ({error})",
            names.join(", ")
        ))
    })?;
    let profile = Profile::parse(&text, name).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Named { profile, text: Some(text) })
}

/// Digest of what decides about alerts besides the events: the texts of the configuration and of an own profile.
#[must_use]
pub fn digest(config: Option<&Path>, profile: Option<&str>) -> String {
    let config = fs::read_to_string(config.unwrap_or(Path::new(DEFAULT_CONFIG))).unwrap_or_default();
    // A shipped profile is known by its name: it belongs to the version, which the head of a recording names too.
    let profile = profile.map(|name| fs::read_to_string(name).unwrap_or_else(|_| name.to_owned())).unwrap_or_default();
    trace::config_digest([config.as_str(), profile.as_str()])
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
