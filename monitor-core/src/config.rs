//! Configuration: the file as it is written, and what the engine takes from it.

mod engine;
mod file;
mod place;

pub use engine::{EngineConfig, Limits, Windows};
pub use file::{
    AlertsSection, ConfigError, CredentialSection, FileConfig, NetworkSection, Range, RolesSection, ServersSection,
    SinkSection, StateSection, SuppressSection,
};

/// Line and column (characters, from 1) and one-line message of a TOML error. The message names the key if it is about a
/// value.
pub(crate) fn explain(text: &str, error: &toml::de::Error) -> (usize, usize, String) {
    let offset = error.span().map_or(0, |span| span.start);
    let (line, column) = place::position(text, offset);
    let message = error.message().trim().replace('\n', "; ");
    let message = match place::key_at(text, offset) {
        Some(key) => format!("{key}: {message}"),
        None => message,
    };
    (line, column, message)
}
