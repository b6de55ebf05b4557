//! The agent's own log: to standard error, or to a file where standard error is somebody else's.
//!
//! A log that can't be written (a full disk, a reader that is gone) is no reason to stop, or to write elsewhere: the
//! subscriber's own complaint about it would go to standard error, and panic where that is closed.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Variable that sets what is logged (`error`, `warn`, `info`, `debug`, or a filter such as `monitor::sensor=debug`).
pub const LOG: &str = "TRIPLINE_LOG";

fn filter() -> EnvFilter {
    EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Logs warnings to standard error.
pub fn to_stderr() {
    to_stderr_at("warn");
}

/// Logs to standard error from a level on, unless [`LOG`] says otherwise.
pub fn to_stderr_at(level: &str) {
    let _already_set = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new(level)))
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false)
        .try_init();
}

/// Logs to a file, appended, mode 0600: for a watcher that must write nothing to its server's streams.
pub fn to_file(path: &Path) {
    if let Ok(file) = OpenOptions::new().create(true).append(true).mode(0o600).open(path) {
        let _already_set = tracing_subscriber::fmt()
            .with_env_filter(filter())
            .with_writer(Mutex::new(file))
            .with_ansi(false)
            .with_target(false)
            .log_internal_errors(false)
            .try_init();
    }
}
