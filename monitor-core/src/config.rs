//! Configuration: the file as it is written, and what the engine takes from it.

mod engine;
mod file;

pub use engine::{EngineConfig, Limits, Windows};
pub use file::{
    AlertsSection, ConfigError, CredentialSection, FileConfig, NetworkSection, Range, RolesSection, ServersSection,
    SinkSection, StateSection, SuppressSection,
};

/// Line and column (characters, from 1) and one-line message of a TOML error.
pub(crate) fn explain(text: &str, error: &toml::de::Error) -> (usize, usize, String) {
    let (line, column) = position(text, error.span().map_or(0, |span| span.start));
    (line, column, error.message().trim().replace('\n', "; "))
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|&byte| byte == b'\n').count();
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    (line + 1, column + 1)
}
