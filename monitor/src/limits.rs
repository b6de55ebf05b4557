//! A watcher's own resource limits and signals: what its server inherited must not silence it.
//!
//! `exec` leaves limits and signal dispositions as they are, for the server. The watcher inherits the same ones, and a
//! `ulimit -f 0` would end it at its first alert. So it takes what it may for itself, and refuses to start where that
//! isn't enough: a server that seems to be watched and isn't is worse than one that doesn't start.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};

/// Files and sockets that a watcher may need at once.
const FILES: rlim_t = 65_536;
/// With fewer it can't even arm.
const FEWEST_FILES: rlim_t = 256;
/// The store grows: less than this ends in lost alerts.
const SMALLEST_FILE: rlim_t = 1 << 30;
/// CPU seconds with which a watcher can hardly come to an end before its server.
const LEAST_CPU: rlim_t = 600;

/// A limit that matters: what is taken, what is needed, and how it is told.
struct Need {
    resource: Resource,
    take: rlim_t,
    least: rlim_t,
    name: &'static str,
    flag: &'static str,
}

const NEEDS: [Need; 8] = [
    Need { resource: Resource::RLIMIT_FSIZE, take: RLIM_INFINITY, least: SMALLEST_FILE, name: "file size", flag: "-f" },
    Need { resource: Resource::RLIMIT_CPU, take: RLIM_INFINITY, least: LEAST_CPU, name: "CPU seconds", flag: "-t" },
    Need { resource: Resource::RLIMIT_NOFILE, take: FILES, least: FEWEST_FILES, name: "open files", flag: "-n" },
    Need { resource: Resource::RLIMIT_AS, take: RLIM_INFINITY, least: 1 << 30, name: "address space", flag: "-v" },
    Need { resource: Resource::RLIMIT_DATA, take: RLIM_INFINITY, least: 256 << 20, name: "data", flag: "-d" },
    Need { resource: Resource::RLIMIT_STACK, take: 8 << 20, least: 1 << 20, name: "stack size", flag: "-s" },
    Need { resource: Resource::RLIMIT_MEMLOCK, take: RLIM_INFINITY, least: 0, name: "locked memory", flag: "-l" },
    Need { resource: Resource::RLIMIT_RTTIME, take: RLIM_INFINITY, least: 0, name: "realtime", flag: "-R" },
];

/// Takes what this process may have, and never dies of what can't be had.
///
/// Returns what is worth a line in the log: limits that stay, though watching can begin.
///
/// # Errors
/// Names a limit that can't be raised and with which watching would end unnoticed.
pub fn take_own() -> Result<Vec<String>, String> {
    own_signals();
    let mut stay = Vec::new();
    let _no_core = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    for need in &NEEDS {
        let got = raise(need.resource, need.take);
        if got < need.least {
            return Err(format!(
                "the inherited limit of {} (ulimit {}) is {got} and can't be raised: a watcher needs {}; raise it where \
                 tripline is started",
                need.name, need.flag, need.least
            ));
        }
        if got < need.take && need.take == RLIM_INFINITY && need.least > 0 {
            stay.push(format!("the inherited limit of {} is {got} and can't be raised", need.name));
        }
    }
    Ok(stay)
}

/// Raises a limit as far as it goes; returns what holds now. Never lowers one.
fn raise(resource: Resource, wanted: rlim_t) -> rlim_t {
    let Ok((soft, hard)) = getrlimit(resource) else { return RLIM_INFINITY };
    if soft >= wanted {
        return soft;
    }
    let to = if hard >= wanted || setrlimit(resource, wanted, wanted).is_ok() { wanted } else { hard };
    let _as_it_was = setrlimit(resource, to, hard.max(to));
    getrlimit(resource).map_or(soft, |(soft, _)| soft)
}

/// A write that fails must fail, not kill; and nobody else's mask or dispositions hold here.
fn own_signals() {
    let _as_it_was = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    for ignored in [Signal::SIGXFSZ, Signal::SIGXCPU, Signal::SIGPIPE] {
        // SAFETY: no handler runs: the signal is ignored.
        let _as_it_was = unsafe { signal(ignored, SigHandler::SigIgn) };
    }
    for default in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD] {
        // SAFETY: no handler of ours is replaced: this runs before any is set.
        let _as_it_was = unsafe { signal(default, SigHandler::SigDfl) };
    }
}
