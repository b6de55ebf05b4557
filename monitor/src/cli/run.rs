//! `tripline run`: watches this host.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use monitor_core::config::ServersSection;
use monitor_core::event::Exec as Execution;
use monitor_core::profile::{Profiles, ServerIdentity};
use nix::sys::signal::{SigHandler, Signal, signal};

use super::options::{fingerprint_key, read_config, read_named_profile};
use super::watch::{OnHangup, stop_flag, written};
use super::{Failure, WatchOptions, report};
use crate::agent::{Answer, Listener, Registration};
use crate::claims::Claims;
use crate::clients::{Clients, Roster};
use crate::discover::Start;
use crate::doorway::Doorway;
use crate::pipeline::clock::boot_now;
use crate::pipeline::output::Lines;
use crate::pipeline::{Recognise, Recognised};
use crate::session::{Session, require_root};

/// Watch this host: discover MCP servers, detect, deliver.
#[derive(Debug, Args)]
#[command(
    after_help = "A process is taken for an MCP server by profile (package, executable, arguments), if the configuration \
of an MCP client names its command or, if it starts with its standard input and output on pipes or sockets, by its first MCP message; what it did before that is held and \
judged then. One that has no such streams is found by what it is once it listens. Servers that run already are watched from now on. With --profile every server of this host is judged by that \
profile, whatever it is; `exec` may name another. Alerts go to the store in the state folder and to the \
configured sinks. Ends in order on SIGTERM or Ctrl-C."
)]
pub struct Run {
    #[command(flatten)]
    pub(super) options: WatchOptions,
}

impl Run {
    /// Watches until told to stop.
    pub fn run(self) -> u8 {
        crate::telemetry::to_stderr_at("info");
        // Until the handler is there, which says what it means.
        // SAFETY: no handler of anybody's is replaced.
        let _as_it_was = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) };
        report(self.watch())
    }

    fn watch(&self) -> Result<(), Failure> {
        let servers = read_config(self.options.config.as_deref())?.servers;
        for limit in crate::limits::take_own().map_err(Failure::failed)? {
            tracing::warn!("{limit}");
        }
        let stop = stop_flag(OnHangup::Say)?;
        let prepared = self.options.prepare()?;
        require_root()?;
        let listener = Listener::open(&prepared.store.dir)
            .map_err(|error| Failure::failed(format!("cannot take registrations: {error}")))?;
        let mut doorway = match Doorway::open(&prepared.runtime) {
            Ok(doorway) => Some(doorway),
            Err(error) => {
                let path = crate::doorway::socket(&prepared.runtime);
                tracing::warn!("users without root can't register servers at {}: {error}", path.display());
                None
            }
        };
        let key = fingerprint_key(&prepared.store)?;
        let output = self.options.open(&prepared)?;
        let mut clients = Clients::open(&servers, key.clone());
        let mut recogniser =
            Recogniser { servers, profiles: prepared.engine.profiles.clone(), roster: clients.roster() };
        let mut session = Session::arm_host(prepared.engine, key, output, recogniser.clone().boxed())?;
        session.share(Claims::open(&prepared.runtime));
        session.judge_by(prepared.profile);
        session.look_around(&|exec| recogniser.recognise(exec));
        let files = clients.found().count();
        tracing::info!(servers = session.watched(), client_files = files, "armed");
        session.run_with(&stop, |session| {
            listener.serve(|registration| take(session, registration));
            if let Some(doorway) = &mut doorway {
                doorway.serve(|registration| take_own(session, registration));
            }
            let mut changed = clients.look(boot_now());
            for (folder, uid) in session.take_workplaces() {
                changed |= clients.add_project(Path::new(&folder), uid);
            }
            if changed {
                recogniser.roster = clients.roster();
                session.recognise(recogniser.clone().boxed());
            }
        });
        written(&session)
    }
}

/// Takes a process that is going to execute a server under watch.
fn take(session: &mut Session, registration: Registration) -> Answer {
    // By a name this agent's own profile is meant, though a file of that name may stand in a shipped one's place.
    let named = |name: &str| session.named(name).map_or_else(|| read_named_profile(name), Ok);
    let named = match registration.profile.as_deref().map(named).transpose() {
        Ok(named) => named,
        Err(failure) => return Answer::Refused(failure.message),
    };
    if let Some(path) = &registration.alerts {
        match Lines::open(path) {
            Ok(lines) => session.add_alerts(lines.only(registration.pid)),
            Err(error) => return Answer::Refused(format!("cannot write {}: {error}", path.display())),
        }
    }
    let Registration { pid, exe, argv, alerts, .. } = registration;
    let start = Start { pid, since: None, exe, argv, from_start: true, called: None };
    match session.register(&start, named) {
        Ok(_id) => Answer::Armed,
        Err(error) => {
            if alerts.is_some() {
                session.take_back_alerts();
            }
            Answer::Refused(format!("{error:#}"))
        }
    }
}

/// The same for a process of an ordinary user. One that is watched already stays what it is: it could choose a laxer
/// profile otherwise.
fn take_own(session: &mut Session, registration: Registration) -> Answer {
    if session.is_watched(registration.pid) {
        let why = "is part of a server that is watched already; take `tripline exec` out of its command";
        return Answer::Refused(format!("process {} {why}", registration.pid));
    }
    take(session, registration)
}

/// Tells a server by what it executes.
#[derive(Clone)]
struct Recogniser {
    servers: ServersSection,
    profiles: Profiles,
    roster: Arc<Roster>,
}

impl Recogniser {
    fn boxed(self) -> Recognise {
        Box::new(move |exec| self.recognise(exec))
    }

    fn recognise(&self, exec: &Execution) -> Option<Recognised> {
        let path = exec.script.as_ref().map_or(exec.exe.path.as_str(), |script| script.path.as_str());
        let any = |patterns: &[monitor_core::pattern::Pattern]| {
            patterns.iter().any(|pattern| pattern.matches(&exec.exe.path) || pattern.matches(path))
        };
        if any(&self.servers.exclude) {
            return None;
        }
        if let Some(name) = self.roster.name_of(exec) {
            return Some(Recognised { called: Some(name.to_owned()) });
        }
        if any(&self.servers.include) {
            return Some(Recognised::default());
        }
        let identity =
            ServerIdentity { exe_path: &exec.exe.path, argv: &exec.argv, package: None, env_names: &[], image: None };
        let known = self.profiles.matching(&identity).is_some_and(|profile| {
            profile.name != "generic"
                && (self.servers.profiles.is_empty() || self.servers.profiles.contains(&profile.name))
        });
        known.then(Recognised::default)
    }
}

/// Registers with the agent that runs with this state folder, if one does.
pub(super) fn register(state: &Path, runtime: &Path, registration: &Registration) -> Option<Result<(), String>> {
    match crate::agent::register(state, runtime, registration)? {
        Answer::Armed => Some(Ok(())),
        Answer::Refused(why) => Some(Err(why)),
    }
}
