//! The sensors, really loaded and let go again.

use serde::Serialize;

use super::State;
use crate::sensor::fanotify::Marks;
use crate::sensor::hooks::{Backend, SENSORS, last_resort};
use crate::sensor::load::{HookStatus, SensorError, Sensors};
use crate::session::require_root;

/// A sensor and its hooks.
#[derive(Debug, Serialize)]
pub(super) struct Sensor {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) hooks: Vec<HookReport>,
}

/// A hook and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct HookReport {
    pub(super) program: &'static str,
    /// Where it attaches.
    pub(super) hook: String,
    pub(super) required: bool,
    pub(super) armed: bool,
    /// Why not.
    pub(super) reason: Option<String>,
    /// The family of hooks: `lsm`, `fentry`, `fexit`, `tracepoint`.
    pub(super) backend: &'static str,
    /// Why a better family doesn't serve.
    pub(super) passed_over: Option<String>,
}

/// Something that nothing here sees.
#[derive(Debug, Serialize)]
pub(super) struct Blind {
    pub(super) what: String,
    pub(super) why: String,
}

/// What goes unseen where a sensor serves nothing.
const MEANING: &[(&str, &str)] = &[
    ("process", "which programs servers start, and whose child a process is: nothing can be judged"),
    ("file", "files that servers open and change; fanotify still sees marked credential files"),
    ("socket", "where servers connect, send and listen"),
    ("stream", "MCP messages: no effect can be explained by a call"),
    ("memory", "one process reaching for another's memory or environment"),
    ("io_uring", "operations through io_uring"),
    ("name", "whom a connection is for: destinations are judged by address and port"),
    ("tls", "the content of TLS connections: API requests and their tokens are not seen"),
];

/// What this version doesn't see, on any kernel.
const UNSEEN: &[(&str, &str)] = &[
    (
        "TLS of other libraries than OpenSSL and its like: whom such a connection is for is seen, what is said isn't",
        "only SSL_read, SSL_write and their like can be attached to, in programs that name them",
    ),
    ("HTTP/2, and MCP over HTTP", "this version reads HTTP/1"),
];

/// What system-call tracepoints can't do, on any kernel; hooks below the system-call table can.
const TRACEPOINT_LIMITS: &[(&str, &str)] = &[
    (
        "single operations of 32-bit programs in a server; that one runs is an alert of its own",
        "32-bit system calls have no hook here",
    ),
    (
        "the file or address of an io_uring operation; that one was made is an alert of its own",
        "the io_uring tracepoint tells the kind of operation only",
    ),
];

/// Loads every sensor; the problem, if a required one can't be armed.
pub(super) fn load() -> (Vec<Sensor>, Option<String>) {
    // Not even tried without the rights: every answer would be about them.
    let loaded = match require_root() {
        Ok(()) => Sensors::load().map_err(|error| explain(&error)),
        Err(error) => Err(error.to_string()),
    };
    match loaded {
        Ok(sensors) => (sensors_of(&sensors.hooks), None),
        Err(problem) => {
            let reason = |program: &'static str| {
                let own = problem.contains(&format!(" {program}: "));
                if own { problem.clone() } else { "not tried: see below".to_owned() }
            };
            let hooks: Vec<HookStatus> = last_resort()
                .map(|program| HookStatus {
                    program: *program,
                    refused: Some(reason(program.name)),
                    absent: false,
                    backend: Backend::Tracepoint,
                    passed_over: None,
                })
                .collect();
            (sensors_of(&hooks), Some(problem))
        }
    }
}

/// What is blind, plainly.
pub(super) fn blind(sensors: &[Sensor]) -> Vec<Blind> {
    let mut blind = Vec::new();
    let mut add = |what: &str, why: String| blind.push(Blind { what: what.to_owned(), why });
    for sensor in sensors {
        let what = MEANING.iter().find(|(name, _)| *name == sensor.name).map_or(sensor.name, |(_, what)| *what);
        let refused: Vec<&HookReport> = sensor.hooks.iter().filter(|hook| !hook.armed).collect();
        if refused.is_empty() {
            continue;
        }
        let first = refused.iter().find_map(|hook| hook.reason.clone()).unwrap_or_default();
        if refused.len() == sensor.hooks.len() {
            add(what, format!("no hook of the {} sensor is armed ({first})", sensor.name));
        } else {
            let hooks: Vec<&str> = refused.iter().map(|hook| hook.hook.as_str()).collect();
            add(&format!("in part: {what}"), format!("{} refused ({first})", hooks.join(", ")));
        }
    }
    if let Err(error) = Marks::new() {
        add("credential files opened by processes outside servers", format!("fanotify is refused: {}", error.desc()));
    }
    for (what, why) in UNSEEN {
        add(what, (*why).to_owned());
    }
    let files = sensors.iter().filter(|sensor| sensor.name == "file").flat_map(|sensor| &sensor.hooks);
    if files.into_iter().any(|hook| hook.backend == Backend::Tracepoint.word()) {
        for (what, why) in TRACEPOINT_LIMITS {
            add(what, (*why).to_owned());
        }
    }
    blind
}

fn sensors_of(hooks: &[HookStatus]) -> Vec<Sensor> {
    SENSORS
        .iter()
        .map(|name| {
            let hooks: Vec<HookReport> =
                hooks.iter().filter(|status| status.program.sensor == *name).map(hook_report).collect();
            let state = match hooks.iter().filter(|hook| hook.armed).count() {
                0 => State::Missing,
                armed if armed < hooks.len() => State::Limited,
                _ => State::Ok,
            };
            Sensor { name, state, hooks }
        })
        .collect()
}

fn hook_report(status: &HookStatus) -> HookReport {
    let program = status.program;
    let hook = program.hook.to_string();
    let (armed, reason) = (status.refused.is_none(), status.refused.clone());
    let (backend, passed_over) = (status.backend.word(), status.passed_over.clone());
    HookReport { program: program.name, hook, required: program.required, armed, reason, backend, passed_over }
}

/// On one line, with what to do.
fn explain(error: &SensorError) -> String {
    error.to_string().replace('\n', " ")
}
