//! Declared beside observed, call by call: what `tripline calls` shows.

use std::hash::Hasher as _;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::alert::Stamp;
use crate::profile::{Api, Effect, FileAccess, ToolSpec};
use crate::time::Time;

/// Most distinct effects that one call's record lists; more are counted.
const MAX_OBSERVED: usize = 64;

/// A closed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Unique id, as in alerts.
    pub id: String,
    /// Server name.
    pub server: String,
    /// Profile.
    pub profile: String,
    /// Root process of the server.
    pub pid: u32,
    /// Tool name; of a prompt or resource the method, and the name or URI.
    pub tool: String,
    /// JSON-RPC id.
    pub request: String,
    /// When its request came.
    pub started: Stamp,
    /// When it was answered; `null` if never.
    pub ended: Option<Stamp>,
    /// `answered`, `error`, `cancelled`, `task_completed`, `task_failed`, `task_cancelled`, `no_progress`,
    /// `server_ended`, `agent_ended`, `evicted`.
    pub outcome: String,
    /// What it was declared to do.
    pub declared: Declared,
    /// JSON pointers of its arguments, with their lengths; values aren't kept.
    pub arguments: Vec<ArgumentShape>,
    /// What was seen.
    pub observed: Vec<Observed>,
    /// Distinct effects beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// Alerts that name this call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
}

/// An argument without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgumentShape {
    /// JSON pointer.
    pub at: String,
    /// Length of the value in bytes.
    pub len: u64,
}

/// What a call was declared to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Who says so.
    pub by: DeclaredBy,
    /// Class of effect.
    pub effect: Effect,
    /// It fetches what an argument names.
    pub fetches: bool,
    /// It may reach any host (`openWorldHint`, where annotations count).
    pub open_world: bool,
    /// What it may do with files inside the roots.
    pub files: FileAccess,
    /// Programs that it may start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
    /// API requests, as `METHOD host path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apis: Vec<String>,
    /// Risk words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risk: Vec<String>,
}

/// Who declares what a tool may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredBy {
    /// The profile's entry for the tool.
    Profile,
    /// The server's own annotations, in a profile that lets them count.
    Annotations,
    /// Nobody: the profile's default for tools without an entry.
    Nobody,
}

/// One kind of effect on one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// `file_read`, `file_change`, `connect`, `unix_connect`, `exec`, `listen`, `http_request`.
    pub kind: String,
    /// Path, destination, program, or request: `METHOD host/path`.
    pub object: String,
    /// First seen.
    pub first: Stamp,
    /// `call`, `profile`, `runtime`, `tail`, `alerted` or `unexplained`; `unobserved` for a declared change that wasn't
    /// seen although the server's API requests are read and it says that it succeeded.
    pub explained: String,
    /// How firmly a request was joined to the call: `strong`, `medium` or `weak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
}

/// What was seen during a call, bounded, each thing once.
#[derive(Debug, Default)]
pub struct Observations {
    seen: FxHashSet<u64>,
    list: Vec<Observed>,
    more: u64,
    alerts: Vec<String>,
}

impl Observations {
    /// Notes an effect, unless it was noted before.
    pub fn note(
        &mut self,
        time: Time,
        hash: u64,
        (kind, object): (&'static str, &str),
        explained: &'static str,
        strength: Option<&'static str>,
    ) {
        if self.more > 0 && self.list.len() >= MAX_OBSERVED && self.seen.len() >= 4 * MAX_OBSERVED {
            self.more = self.more.saturating_add(1);
            return;
        }
        if !self.seen.insert(hash) {
            return;
        }
        if self.list.len() >= MAX_OBSERVED {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.list.push(Observed {
            kind: kind.to_owned(),
            object: object.to_owned(),
            first: time.into(),
            explained: explained.to_owned(),
            strength: strength.map(str::to_owned),
        });
    }

    /// An alert names this call.
    pub fn alert(&mut self, id: &str) {
        if self.alerts.len() < 32 && !self.alerts.iter().any(|known| known == id) {
            self.alerts.push(id.to_owned());
        }
    }

    /// The list, how much was left out, and the alerts.
    #[must_use]
    pub fn take(self) -> (Vec<Observed>, u64, Vec<String>) {
        (self.list, self.more, self.alerts)
    }
}

/// What counts as the same effect within one call. Not stable between versions, and never written down.
#[must_use]
pub fn hash(kind: &'static str, object: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(kind.as_bytes());
    hasher.write(object.as_bytes());
    hasher.finish()
}

impl Declared {
    /// From a profile's tool entry (or its default for tools without one).
    #[must_use]
    pub fn from_spec(spec: &ToolSpec, by: DeclaredBy) -> Self {
        Self {
            by,
            effect: spec.effect,
            fetches: spec.fetches,
            open_world: false,
            files: spec.files,
            children: spec.children.clone(),
            apis: spec.apis.iter().map(api).collect(),
            risk: spec.risk.clone(),
        }
    }

    /// Whether it may change anything. In a profile that lets annotations count, a tool that says nothing may, as the
    /// MCP specification's defaults have it.
    #[must_use]
    pub fn may_mutate(&self) -> bool {
        match self.effect {
            Effect::Reads => false,
            Effect::Mutates | Effect::Destroys => true,
            Effect::Unknown => self.by == DeclaredBy::Annotations,
        }
    }
}

fn api(api: &Api) -> String {
    format!("{} {} {}", api.method, api.host, api.path)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}
