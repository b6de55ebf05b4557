//! The map itself: what a rule says, and how a path finds its rule.

use serde::{Deserialize, Serialize};

use super::owner::OwnerSpec;
use crate::pattern::Pattern;

/// How much a file gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrecy {
    /// Programs read it as an ordinary part of starting in its directory, and it may hold a secret or none: `.env`.
    /// A read alone isn't worth a person's time; a read that is followed by an unexplained send is.
    Ambient,
    /// Settings, histories and lists that often hold a secret, or lead to one.
    Config,
    /// A token or password that works until it expires or is revoked.
    Token,
    /// A private key, or a store of many secrets.
    Key,
}

/// A credential file's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Stable word, e.g. `ssh_private_key`, `aws_credentials`, `wrangler_oauth`, `mcp_remote_tokens`.
    pub kind: String,
    /// Family word, e.g. `ssh`, `aws`, `cloudflare`. For configured entries: the kind.
    pub store: String,
    /// How much it gives away.
    pub secrecy: Secrecy,
    /// Who may read it. Empty: nobody outside the profile's own servers.
    pub owners: Vec<OwnerSpec>,
}

/// A file or directory that the agent should mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchPlace {
    /// Absolute path. It need not exist.
    pub path: String,
    /// What it is.
    pub kind: WatchKind,
    /// For directories: how many levels of subdirectories hold credentials too (0: none).
    pub depth: u8,
}

/// What a place to watch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKind {
    /// Mark this file; its directory is too busy to mark, or holds nothing else of interest.
    File,
    /// Mark this directory for its children: files come and go there, or are replaced by rename.
    Dir,
}

/// The credential map.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    entries: Vec<Credential>,
}

impl Credentials {
    /// The built-in map (see `docs` for the list).
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Adds a configured entry, which wins over the built-in ones. Its secrecy is [`Secrecy::Token`].
    pub fn add(&mut self, pattern: &Pattern, kind: &str, owners: Vec<OwnerSpec>) {
        let _ = pattern;
        self.entries.push(Credential {
            kind: kind.to_owned(),
            store: kind.to_owned(),
            secrecy: Secrecy::Token,
            owners,
        });
    }

    /// The credential at `path` (resolved, absolute), if it is one.
    #[must_use]
    pub fn lookup(&self, path: &str) -> Option<&Credential> {
        let _ = path;
        None
    }

    /// Every kind known, for `own_credentials` of profiles to be checked against.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.kind.as_str())
    }

    /// The concrete places below `home` that the agent should mark, sorted, each once.
    #[must_use]
    pub fn watch_places(&self, home: &str) -> Vec<WatchPlace> {
        let _ = home;
        Vec::new()
    }

    /// The concrete system-wide places that the agent should mark, sorted, each once.
    #[must_use]
    pub fn system_places(&self) -> Vec<WatchPlace> {
        Vec::new()
    }
}
