//! The alert, schema `tripline.alert/1`: the one thing that leaves the engine for people and SIEMs.
//!
//! Field names are a stable interface. `docs/schema/alert.schema.json` is generated from these types by [`schema`], and
//! a test holds the file to the code.

mod evidence;
mod sentence;
mod stamp;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::profile::Effect;
pub use evidence::{Evidence, Fact, FileFact, MemoryFact, NetFact, memory_op};
pub use sentence::bounded;
pub use stamp::Stamp;

/// The schema that [`Alert::schema`] names.
pub const SCHEMA: &str = "tripline.alert/1";

/// An alert, or a later revision of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Always `tripline.alert/1`.
    pub schema: String,
    /// Has the form of uuid v7; the same for every revision.
    pub id: String,
    /// From 1; consumers keep the highest.
    pub revision: u32,
    /// Shared by related alerts.
    pub incident: String,
    /// When the effect happened that this revision tells of.
    pub time: Stamp,
    /// The rule that found it.
    pub rule: RuleRef,
    /// What kind of thing it is.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the engine is.
    pub confidence: Confidence,
    /// Whether everything that could have changed the verdict was seen.
    pub coverage: Coverage,
    /// The server concerned. `null` only for the agent's own health.
    pub server: Option<ServerInfo>,
    /// Every open call concerned.
    pub calls: Vec<CallInfo>,
    /// The actor. `null` only for the agent's own health.
    pub process: Option<ProcessInfo>,
    /// What was seen; never empty, at most 64 items and a count.
    pub evidence: Vec<Evidence>,
    /// MAESTRO layers.
    pub maestro: Vec<String>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// OWASP AIVSS score, where one was computed.
    pub aivss: Option<Aivss>,
    /// One plain sentence that a person can act on.
    pub summary: String,
    /// How often it was seen, and what counts as the same.
    pub dedup: Dedup,
}

/// Which rule found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleRef {
    /// E.g. `TL-CRED-001`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Grows with every change of what the rule means.
    pub version: u32,
}

/// What kind of thing an alert is about: the stable words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A token, its store, environment or memory reached a non-owner, or a token went to a foreign host.
    TokenTheft,
    /// Towards other services and hosts.
    LateralMovement,
    /// Local data left by an unexplained way.
    Exfiltration,
    /// A server, or something below it, read a credential that isn't its own.
    CredentialAccess,
    /// A mutation, destination or read that nothing explains.
    UndeclaredEffect,
    /// Poisoned, hidden or changed tools; misuse of a tool.
    ToolAbuse,
    /// Unexplained child, shell, execution from memory or a writable place.
    Execution,
    /// Persistence, forged requests, hiding, tampering.
    Evasion,
    /// Loss, blindness, own health.
    Sensor,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Look at it when there is time.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Wake somebody.
    Critical,
}

/// How sure the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// An innocent explanation is likely enough to look for first.
    Weak,
    /// Part of it is inferred.
    Medium,
    /// It was seen as it is told.
    Strong,
}

/// Whether everything that could have changed the verdict was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// No relevant gap is known.
    pub complete: bool,
    /// The relevant gaps.
    pub gaps: Vec<Gap>,
}

/// A span in which a sensor missed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Which sensor.
    pub sensor: String,
    /// Why.
    pub reason: String,
    /// Start.
    pub from: Stamp,
    /// End; `null` while it lasts.
    pub to: Option<Stamp>,
    /// How many records (0: not known).
    pub count: u64,
}

/// The server concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerInfo {
    /// Name for people.
    pub name: String,
    /// The profile that judges it.
    pub profile: String,
    /// Root process.
    pub pid: u32,
    /// Its start in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_time: u64,
    /// Its executable.
    pub exe: String,
    /// Its arguments.
    pub argv: Vec<String>,
    /// `stdio`, `http` or `https`.
    pub transport: String,
    /// Container id.
    pub container: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
}

/// A call concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallInfo {
    /// Unique id of the call, as in `tripline calls`.
    pub id: String,
    /// Tool name.
    pub tool: String,
    /// When its request was seen.
    pub started: Stamp,
    /// When it was answered; `null` while it is open.
    pub ended: Option<Stamp>,
    /// What the tool is declared to do.
    #[schemars(with = "EffectWord")]
    pub effect: Effect,
}

/// The words of [`Effect`], for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; the type with behaviour belongs to profiles")]
enum EffectWord {
    Reads,
    Mutates,
    Destroys,
    Unknown,
}

/// The actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessInfo {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Start in clock ticks since boot.
    pub start_time: u64,
    /// Its parent when it was created.
    pub ppid: u32,
    /// Resolved executable.
    pub exe: String,
    /// Arguments, redacted.
    pub argv: Vec<String>,
    /// Effective uid.
    pub uid: u32,
    /// Ancestors, nearest first, up to the server's root (or the first known one).
    pub lineage: Vec<Ancestor>,
}

/// One ancestor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    /// Process id.
    pub pid: u32,
    /// Resolved executable.
    pub exe: String,
}

/// OWASP AIVSS score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Aivss {
    /// 0.0 to 10.0, one decimal.
    pub score: f64,
    /// Its band.
    pub severity: String,
}

/// How often it was seen, and what counts as the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dedup {
    /// What counts as the same: category, server, actor lineage, object.
    pub key: String,
    /// How often.
    pub count: u64,
    /// First time.
    pub first: Stamp,
    /// Last time.
    pub last: Stamp,
}

impl Alert {
    /// The alert as one line of NDJSON, with its newline.
    ///
    /// # Errors
    /// Never in practice: every field has a JSON form.
    pub fn to_json_line(&self) -> Result<String, serde_json::Error> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        Ok(line)
    }
}

macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $type {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(Category {
    TokenTheft => "token_theft",
    LateralMovement => "lateral_movement",
    Exfiltration => "exfiltration",
    CredentialAccess => "credential_access",
    UndeclaredEffect => "undeclared_effect",
    ToolAbuse => "tool_abuse",
    Execution => "execution",
    Evasion => "evasion",
    Sensor => "sensor",
});
words!(Severity { Info => "info", Low => "low", Medium => "medium", High => "high", Critical => "critical" });
words!(Confidence { Weak => "weak", Medium => "medium", Strong => "strong" });

/// The JSON Schema of [`Alert`], pretty-printed, with a final newline.
///
/// # Errors
/// Never in practice: a schema has a JSON form.
pub fn schema() -> Result<String, serde_json::Error> {
    let mut schema = schemars::schema_for!(Alert);
    schema.insert("title".to_owned(), format!("Tripline alert ({SCHEMA})").into());
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}
