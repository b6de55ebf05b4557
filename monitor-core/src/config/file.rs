//! The configuration file, as it is written.

use ipnet::IpNet;
use serde::Deserialize;

use super::engine::EngineConfig;
use crate::pattern::Pattern;

/// `/etc/tripline/config.toml`. Every key is optional; unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// `[network]`
    #[serde(default)]
    pub network: NetworkSection,
    /// `[[credentials]]`
    #[serde(default)]
    pub credentials: Vec<CredentialSection>,
    /// `[state]`
    #[serde(default)]
    pub state: StateSection,
    /// `[servers]`
    #[serde(default)]
    pub servers: ServersSection,
    /// `[alerts]`
    #[serde(default)]
    pub alerts: AlertsSection,
    /// `[[sink]]`
    #[serde(default)]
    pub sink: Vec<SinkSection>,
}

/// `[network]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// `[network.roles]`
    #[serde(default)]
    pub roles: RolesSection,
}

/// `[network.roles]`: address ranges added to the built-in ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolesSection {
    /// Counts as Cloudflare's published ranges.
    #[serde(default)]
    pub cloudflare: Vec<Range>,
    /// Counts as outside.
    #[serde(default)]
    pub internet: Vec<Range>,
    /// Counts as the internal network.
    #[serde(default)]
    pub internal: Vec<Range>,
    /// Counts as a metadata service.
    #[serde(default)]
    pub metadata: Vec<Range>,
    /// Counts as this host.
    #[serde(default)]
    pub local: Vec<Range>,
}

/// An address range; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range(pub IpNet);

/// `[[credentials]]`: added to the built-in credential map.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSection {
    /// Suffix pattern on the resolved path.
    pub path: Pattern,
    /// Its kind, a stable word.
    pub kind: String,
    /// Resolved executables that may read it.
    #[serde(default)]
    pub owners: Vec<Pattern>,
}

/// `[state]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSection {
    /// Store, spool, keys; created 0700. Default `/var/lib/tripline`.
    pub dir: String,
}

/// `[servers]`: discovery for `run`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServersSection {
    /// Profiles to match; empty: all.
    pub profiles: Vec<String>,
    /// Executables that are servers, whatever the profiles say.
    pub include: Vec<Pattern>,
    /// Executables that are never taken for servers.
    pub exclude: Vec<Pattern>,
}

/// `[alerts]`: thresholds, windows, suppression.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSection {
    /// Lowest severity that is written: `info`, `low`, `medium`, `high`, `critical`.
    pub min_severity: Option<String>,
}

/// `[[sink]]`: delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SinkSection {
    /// One JSON alert a line, appended.
    File {
        /// Where.
        path: String,
    },
}

/// Why a configuration isn't usable: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, a wrong type or a value out of range.
    #[error("{origin}:{line}:{column}: {message}")]
    Syntax {
        /// File name, or what stands for it.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Well-formed, but it can't mean anything.
    #[error("{0}")]
    Meaning(String),
}

impl FileConfig {
    /// Parses a configuration file. `origin` is named in errors.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let (line, column) = super::position(text, error.span().map_or(0, |span| span.start));
            ConfigError::Syntax { origin: origin.to_owned(), line, column, message: error.message().to_owned() }
        })
    }

    /// What the engine takes from it, on top of the built-in knowledge.
    ///
    /// # Errors
    /// Says which entries contradict each other.
    pub fn into_engine(self) -> Result<EngineConfig, ConfigError> {
        Ok(EngineConfig::default())
    }
}

impl Default for StateSection {
    fn default() -> Self {
        Self { dir: "/var/lib/tripline".to_owned() }
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self(net));
        }
        text.parse::<std::net::IpAddr>()
            .map(|addr| Self(addr.into()))
            .map_err(|_| format!("`{text}` is no address range: write 10.1.0.0/16, fd00::/8 or one address"))
    }
}
