//! Text to profile.

use serde::{Deserialize, Deserializer, de::Error};

use super::model::{Normal, Profile};
use super::runtimes;

/// Longest profile in bytes.
const MAX_TEXT: usize = 4 << 20;

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
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
    #[error("{origin}: {message}")]
    Meaning {
        /// File name, or what stands for it.
        origin: String,
        /// What is wrong.
        message: String,
    },
}

impl Profile {
    /// Parses a profile. `origin` is named in errors.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ProfileError> {
        let meaning = |message| ProfileError::Meaning { origin: origin.to_owned(), message };
        if text.len() > MAX_TEXT {
            return Err(meaning(format!("longer than {MAX_TEXT} bytes")));
        }
        let mut profile: Self = toml::from_str(text).map_err(|error| {
            let (line, column, message) = crate::config::explain(text, &error);
            ProfileError::Syntax { origin: origin.to_owned(), line, column, message }
        })?;
        check(&profile).map_err(meaning)?;
        profile.normal = normal(&profile).map_err(meaning)?;
        Ok(profile)
    }
}

fn check(profile: &Profile) -> Result<(), String> {
    for (rule, number) in profile.servers.iter().zip(1..) {
        let lists = [&rule.packages, &rule.argv, &rule.images, &rule.env, &rule.url_hosts];
        if rule.executables.is_empty() && lists.iter().all(|list| list.is_empty()) {
            return Err(format!("servers entry {number} has no condition: it would match every process"));
        }
    }
    for (rule, number) in profile.children.iter().zip(1..) {
        if rule.programs.is_empty() || rule.phases.is_empty() {
            return Err(format!("children entry {number} names no program or no phase"));
        }
        if rule.programs.iter().any(|program| program.contains('/')) {
            return Err(format!("children entry {number}: programs are file names, not paths"));
        }
    }
    for (server, tool, spec) in
        profile.tools.iter().flat_map(|(server, tools)| tools.iter().map(move |(tool, spec)| (server, tool, spec)))
    {
        if spec.apis.iter().any(|api| !api.path.starts_with('/') && api.path != "*") {
            return Err(format!("tool `{tool}` of `{server}`: an API path starts with `/`"));
        }
    }
    let lists = [
        ("startup_apis", &profile.startup_apis),
        ("token_apis", &profile.token_apis),
        ("sensitive_apis", &profile.sensitive_apis),
    ];
    for (key, list) in lists {
        if list.iter().any(|api| !api.path.starts_with('/')) {
            return Err(format!("{key}: an API path starts with `/`"));
        }
    }
    Ok(())
}

fn normal(profile: &Profile) -> Result<Normal, String> {
    let mut normal = Normal::default();
    for name in &profile.runtimes {
        let runtime = runtimes::get(name)
            .ok_or_else(|| format!("unknown runtime `{name}`: known are {}", runtimes::names().join(", ")))?;
        for pattern in &runtime.reads {
            normal.reads.insert(pattern, 0, ());
        }
        for pattern in &runtime.writes {
            normal.writes.insert(pattern, 0, ());
        }
    }
    for pattern in &profile.reads {
        normal.reads.insert(pattern, 0, ());
    }
    for pattern in &profile.writes {
        normal.writes.insert(pattern, 0, ());
    }
    Ok(normal)
}

pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(word) {
        return Err(D::Error::custom("a profile's name is 1 to 64 lower-case letters, digits, `-` or `_`"));
    }
    Ok(name)
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("versions count from 1")),
        version => Ok(version),
    }
}

pub(super) fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let host = String::deserialize(deserializer)?;
    let name = host.strip_prefix("*.").unwrap_or(&host);
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_' | ':');
    if name.is_empty() || name.starts_with('.') || name.ends_with('.') || !name.chars().all(legal) {
        return Err(D::Error::custom(format!(
            "`{host}` is no host name: lower case, without scheme and path; `*.` may stand before it"
        )));
    }
    Ok(host)
}

pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Host(#[serde(deserialize_with = "host")] String);
    Ok(Vec::<Host>::deserialize(deserializer)?.into_iter().map(|host| host.0).collect())
}

pub(super) fn packages<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct Package(String);
    impl TryFrom<String> for Package {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            match text.split_once(':') {
                Some(("npm" | "pypi", name)) if !name.is_empty() => Ok(Self(text)),
                _ => Err(format!("`{text}` is no package: write npm:NAME or pypi:NAME")),
            }
        }
    }
    Ok(Vec::<Package>::deserialize(deserializer)?.into_iter().map(|package| package.0).collect())
}
