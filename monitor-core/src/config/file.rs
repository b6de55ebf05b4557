//! The configuration file, as it is written.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};

use super::engine::{EngineConfig, Windows};
use super::place;
use crate::alert::Severity;
use crate::credential::OwnerSpec;
use crate::pattern::Pattern;
use crate::profile::Profiles;
use crate::role::Role;
use crate::time::{MS, SECOND};

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
    /// Its kind, a stable word: 1 to 64 lower-case letters, digits, `_`, `-` and `.`.
    #[serde(deserialize_with = "word")]
    pub kind: String,
    /// Resolved executables that may read it.
    #[serde(default)]
    pub owners: Vec<Pattern>,
}

/// `[state]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSection {
    /// Store, spool, keys; created 0700. Absolute. Default `/var/lib/tripline`.
    #[serde(deserialize_with = "absolute")]
    pub dir: String,
    /// Where the watchers of this host find each other; created 0755, only root may write there. Absolute. Default
    /// `/run/tripline`.
    #[serde(deserialize_with = "absolute")]
    pub runtime: String,
}

/// `[servers]`: discovery for `run`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServersSection {
    /// Profiles to match; empty: all.
    pub profiles: Vec<String>,
    /// Executables that are servers, whatever the profiles say.
    pub include: Vec<Pattern>,
    /// Executables that are never taken for servers.
    pub exclude: Vec<Pattern>,
    /// Whether configuration files of MCP clients are read: a process that one of them names is a server. Default: yes.
    pub client_files: bool,
    /// Home folders to read them in, besides those of passwd. Absolute; `*` as the last component stands for every folder
    /// there.
    #[serde(deserialize_with = "homes")]
    pub homes: Vec<String>,
}

/// `[alerts]`: thresholds, windows, suppression.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSection {
    /// Lowest severity that is written. Default: all.
    pub min_severity: Option<Severity>,
    /// See [`Windows::tail`]; 0 to 60 000.
    #[serde(deserialize_with = "tail")]
    pub tail_ms: Option<u64>,
    /// See [`Windows::cancelled`]; 1 to 3600.
    #[serde(deserialize_with = "seconds")]
    pub cancelled_s: Option<u64>,
    /// See [`Windows::no_progress`]; 1 to 3600.
    #[serde(deserialize_with = "seconds")]
    pub no_progress_s: Option<u64>,
    /// See [`Windows::theft`]; 1 to 3600.
    #[serde(deserialize_with = "seconds")]
    pub theft_s: Option<u64>,
    /// Alerts that aren't written. They are still counted.
    pub suppress: Vec<SuppressSection>,
}

/// `[[alerts.suppress]]`: every key that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuppressSection {
    /// Rule id, e.g. `TL-CRED-001`.
    pub rule: Option<String>,
    /// Resolved executable of the actor.
    pub exe: Option<Pattern>,
    /// Resolved path of the object.
    pub path: Option<Pattern>,
    /// Address of the object.
    pub address: Option<Range>,
}

/// `[[sink]]`: delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SinkSection {
    /// One JSON alert a line, appended.
    File {
        /// Where; absolute.
        #[serde(deserialize_with = "absolute")]
        path: String,
    },
}

/// Why a configuration isn't usable: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, a wrong type, a value out of range, or entries that contradict each other.
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
}

/// A list and its element that can't mean anything, and why.
struct Fault {
    key: [&'static str; 3],
    index: usize,
    message: String,
}

impl FileConfig {
    /// Parses a configuration file. `origin` is named in errors.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let wrong = |(line, column): (usize, usize), message: String| ConfigError::Syntax {
            origin: origin.to_owned(),
            line,
            column,
            message,
        };
        let file: Self = toml::from_str(text).map_err(|error| {
            let (line, column, message) = super::explain(text, &error);
            wrong((line, column), message)
        })?;
        if let Err(fault) = file.network.roles.check().and_then(|()| file.servers.check()) {
            let key: Vec<&str> = fault.key.into_iter().filter(|name| !name.is_empty()).collect();
            let offset = place::element(text, &key, fault.index).unwrap_or(0);
            return Err(wrong(place::position(text, offset), format!("{}: {}", key.join("."), fault.message)));
        }
        Ok(file)
    }

    /// Parses a configuration file from its bytes. `origin` is named in errors.
    ///
    /// # Errors
    /// As [`Self::parse`], and if the bytes are no UTF-8.
    pub fn parse_bytes(bytes: &[u8], origin: &str) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            let (line, column) = place::position(&before, before.len());
            ConfigError::Syntax { origin: origin.to_owned(), line, column, message: "this is no UTF-8".to_owned() }
        })?;
        Self::parse(text, origin)
    }

    /// What the engine takes from it, on top of the built-in knowledge.
    #[must_use]
    pub fn into_engine(self) -> EngineConfig {
        let mut engine = EngineConfig::default();
        for (role, _, ranges) in self.network.roles.lists() {
            for &Range(net) in ranges {
                engine.roles.add(role, net.trunc());
            }
        }
        for entry in self.credentials {
            let owners = entry.owners.into_iter().map(OwnerSpec::Path).collect();
            engine.credentials.add(&entry.path, &entry.kind, owners);
        }
        self.alerts.apply(&mut engine.windows);
        engine
    }
}

impl RolesSection {
    /// Every role with its key and its ranges.
    const fn lists(&self) -> [(Role, &'static str, &Vec<Range>); 5] {
        [
            (Role::Cloudflare, "cloudflare", &self.cloudflare),
            (Role::Internet, "internet", &self.internet),
            (Role::Internal, "internal", &self.internal),
            (Role::Metadata, "metadata", &self.metadata),
            (Role::Loopback, "local", &self.local),
        ]
    }

    /// No range has two roles.
    fn check(&self) -> Result<(), Fault> {
        let mut seen: Vec<(IpNet, &str)> = Vec::new();
        for (_, key, ranges) in self.lists() {
            for (index, &Range(net)) in ranges.iter().enumerate() {
                let net = net.trunc();
                if let Some((_, other)) = seen.iter().find(|(had, other)| *had == net && *other != key) {
                    let message = format!("{net} is listed as both {other} and {key}");
                    return Err(Fault { key: ["network", "roles", key], index, message });
                }
                seen.push((net, key));
            }
        }
        Ok(())
    }
}

impl ServersSection {
    /// Every profile that is named is there.
    fn check(&self) -> Result<(), Fault> {
        let profiles = Profiles::builtin();
        let Some(index) = self.profiles.iter().position(|name| profiles.get(name).is_none()) else { return Ok(()) };
        let name = self.profiles.get(index).map_or("", String::as_str);
        let known: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        let message = format!("there is no profile `{name}`; known are {}", known.join(", "));
        Err(Fault { key: ["servers", "profiles", ""], index, message })
    }
}

impl AlertsSection {
    fn apply(&self, windows: &mut Windows) {
        let set = |window: &mut u64, value: Option<u64>, unit: u64| {
            if let Some(value) = value {
                *window = value.saturating_mul(unit);
            }
        };
        set(&mut windows.tail, self.tail_ms, MS);
        set(&mut windows.cancelled, self.cancelled_s, SECOND);
        set(&mut windows.no_progress, self.no_progress_s, SECOND);
        set(&mut windows.theft, self.theft_s, SECOND);
    }
}

impl Default for ServersSection {
    fn default() -> Self {
        Self { profiles: Vec::new(), include: Vec::new(), exclude: Vec::new(), client_files: true, homes: Vec::new() }
    }
}

impl Default for StateSection {
    fn default() -> Self {
        Self { dir: "/var/lib/tripline".to_owned(), runtime: "/run/tripline".to_owned() }
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self(net));
        }
        text.parse::<std::net::IpAddr>()
            .map(|address| Self(address.into()))
            .map_err(|_| format!("`{text}` is no address range: write 10.1.0.0/16, fd00::/8 or one address"))
    }
}

fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let word = String::deserialize(deserializer)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    if word.is_empty() || word.len() > 64 || !word.chars().all(legal) {
        return Err(D::Error::custom("a kind is 1 to 64 lower-case letters, digits, `_`, `-` or `.`"));
    }
    Ok(word)
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if !path.starts_with('/') {
        return Err(D::Error::custom(format!("`{path}` is no absolute path")));
    }
    Ok(path)
}

fn homes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let homes = Vec::<String>::deserialize(deserializer)?;
    for home in &homes {
        let fixed = home.strip_suffix("/*").unwrap_or(home);
        if !fixed.starts_with('/') || fixed.contains('*') {
            return Err(D::Error::custom(format!("`{home}` is no absolute path; `*` may be its last component only")));
        }
    }
    Ok(homes)
}

fn tail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    within(deserializer, 0, 60_000)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    within(deserializer, 1, 3600)
}

fn within<'de, D: Deserializer<'de>>(deserializer: D, low: u64, high: u64) -> Result<Option<u64>, D::Error> {
    let value = u64::deserialize(deserializer)?;
    if !(low..=high).contains(&value) {
        return Err(D::Error::custom(format!("{value} is out of range: {low} to {high}")));
    }
    Ok(Some(value))
}
