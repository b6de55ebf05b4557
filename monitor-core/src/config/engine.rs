//! What the engine is configured with: values only, each with its default and the reason for it.

use crate::credential::Credentials;
use crate::profile::Profiles;
use crate::role::Roles;
use crate::time::{MS, SECOND};

/// Everything the engine is configured with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Address roles.
    pub roles: Roles,
    /// Credential map.
    pub credentials: Credentials,
    /// Profiles.
    pub profiles: Profiles,
    /// Windows of time.
    pub windows: Windows,
    /// Bounds of the state tables.
    pub limits: Limits,
}

/// Windows of time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long after its answer a call still explains effects, weakly, and never a mutation. Default 500 ms.
    pub tail: u64,
    /// How long a cancelled call still explains effects without an answer. Default 30 s.
    pub cancelled: u64,
    /// How long a call explains effects without progress. Default 10 min.
    pub no_progress: u64,
    /// How long after a credential read an unexplained send by the same lineage counts as its theft. Default 60 s:
    /// stolen material is sent within seconds by every known npm worm, a minute leaves room for a slow name look-up,
    /// retries and a staged child, and a longer one would tie unrelated sends of a busy server to an old read.
    pub theft: u64,
    /// How long the start phase lasts at most, if no call comes. Default 60 s: `npx` may install first.
    pub start: u64,
    /// How long lineage of an ended process is kept. Default 10 s.
    pub lineage: u64,
}

/// Bounds of the state tables: entries. The oldest is evicted, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Processes, of the whole host. Default 65 536.
    pub processes: usize,
    /// Servers. Default 1024.
    pub servers: usize,
    /// Open calls of one server. Default 1024.
    pub calls: usize,
    /// Tools listed by one server. Default 8192: code mode's plain variant lists about 2600.
    pub tools: usize,
    /// Open connections. Default 16 384.
    pub connections: usize,
    /// Addresses with the names that name servers gave them, of all servers. Default 8192.
    pub names: usize,
    /// Known credential files by identity. Default 16 384.
    pub files: usize,
    /// Findings kept for deduplication. Default 16 384.
    pub findings: usize,
    /// Evidence items of one alert. Default 64, then a count.
    pub evidence: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            roles: Roles::builtin(),
            credentials: Credentials::builtin(),
            profiles: Profiles::builtin(),
            windows: Windows::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            tail: 500 * MS,
            cancelled: 30 * SECOND,
            no_progress: 600 * SECOND,
            theft: 60 * SECOND,
            start: 60 * SECOND,
            lineage: 10 * SECOND,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 65_536,
            servers: 1024,
            calls: 1024,
            tools: 8192,
            connections: 16_384,
            names: 8192,
            files: 16_384,
            findings: 16_384,
            evidence: 64,
        }
    }
}
