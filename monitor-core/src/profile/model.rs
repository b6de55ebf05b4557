//! The types of a profile, as its file spells them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parse;
use crate::pattern::{Index, Pattern};

/// What a kind of server is declared to do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name, as `--profile` and alerts say it: lower-case letters, digits, `-` and `_`.
    #[serde(deserialize_with = "parse::name")]
    pub name: String,
    /// Grows by one with every change of the declaration; from 1.
    #[serde(deserialize_with = "parse::version")]
    pub version: u32,
    /// One sentence for `profile list`.
    pub summary: String,
    /// How to recognise a server of this kind. Empty: never by itself (`generic`).
    #[serde(default)]
    pub servers: Vec<ServerRule>,
    /// Runtimes whose ordinary file reads and writes are explained: names of [`Runtime`]s.
    #[serde(default)]
    pub runtimes: Vec<String>,
    /// Destinations explained at any time.
    #[serde(default)]
    pub hosts: Vec<Endpoint>,
    /// Destinations explained during start only (package registries are not listed: they come from the server's own
    /// configuration).
    #[serde(default)]
    pub startup_hosts: Vec<Endpoint>,
    /// Which destinations arguments may excuse.
    #[serde(default)]
    pub network: NetworkPolicy,
    /// Listening on a loopback address is explained (OAuth callback, local HTTP transport).
    #[serde(default)]
    pub listen_loopback: bool,
    /// The package registries that the server's package manager is configured for are explained during start.
    #[serde(default)]
    pub registries: bool,
    /// Hosts of URLs on the server's command line are explained at any time: a bridge is told its remote so.
    #[serde(default)]
    pub argv_hosts: bool,
    /// Credentials of every server of this kind; a [`ServerRule`] adds its own.
    #[serde(default)]
    pub own_credentials: OwnCredentials,
    /// Programs it may start.
    #[serde(default)]
    pub children: Vec<ChildRule>,
    /// Local sockets it may connect to: words of [`crate::role::runtime_socket`].
    #[serde(default)]
    pub sockets: Vec<String>,
    /// Where the folders come from that arguments may name files in.
    #[serde(default)]
    pub roots: Roots,
    /// Files that the server itself may read, besides the runtimes' and its roots.
    #[serde(default)]
    pub reads: Vec<Pattern>,
    /// Files that the server itself may write, besides the runtimes'.
    #[serde(default)]
    pub writes: Vec<Pattern>,
    /// A tool without an entry is judged by its own annotations. False: it is `unknown`, whatever it says of itself.
    #[serde(default)]
    pub trust_annotations: bool,
    /// What a tool without an entry may do besides its effect.
    #[serde(default)]
    pub undeclared_tool: ToolSpec,
    /// Tools by server key, then by name. Key `*` stands for every server of this profile; a name may hold `*`, and
    /// exact names win.
    #[serde(default)]
    pub tools: BTreeMap<String, BTreeMap<String, ToolSpec>>,
    /// Remote host names that stand for a server key: `"docs.mcp.cloudflare.com" = "docs"`.
    #[serde(default)]
    pub remotes: BTreeMap<String, String>,
    /// API requests that are normal without a call while the server starts.
    #[serde(default)]
    pub startup_apis: Vec<Api>,
    /// API requests that bring a new token: after one that succeeded, the next token that is new is the server's own.
    #[serde(default)]
    pub token_apis: Vec<Api>,
    /// API requests that give lasting access, run code or redirect traffic: worse than another change that no open call
    /// declares.
    #[serde(default)]
    pub sensitive_apis: Vec<Api>,
    /// Variables of API paths whose value the user configured.
    #[serde(default)]
    pub configured: Vec<Configured>,
    /// `reads` and `writes`, with those of the runtimes: filled by [`Profile::parse`].
    #[serde(skip)]
    pub(super) normal: Normal,
}

/// Files that are read and written in the ordinary course.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Normal {
    pub(super) reads: Index<()>,
    pub(super) writes: Index<()>,
}

/// How to recognise a server. Every key that is given must match; within a key, any one entry must.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRule {
    /// Key under which the server's tools are listed. Empty: found through `remotes` from a URL argument.
    #[serde(default)]
    pub key: String,
    /// Packages: `npm:NAME` or `pypi:NAME`.
    #[serde(default, deserialize_with = "parse::packages")]
    pub packages: Vec<String>,
    /// Resolved executables, or main scripts as the command line gives them.
    #[serde(default)]
    pub executables: Vec<Pattern>,
    /// Arguments, by wildcard.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Hosts of URLs among the arguments, as in [`Endpoint::host`].
    #[serde(default, deserialize_with = "parse::hosts")]
    pub url_hosts: Vec<String>,
    /// Container images without tag or digest, by wildcard.
    #[serde(default)]
    pub images: Vec<String>,
    /// Environment variable names, by wildcard.
    #[serde(default)]
    pub env: Vec<String>,
    /// Credentials of servers that this rule recognises.
    #[serde(default)]
    pub own_credentials: OwnCredentials,
}

/// A destination by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Host name in lower case; `*.` at the start stands for one or more labels.
    #[serde(deserialize_with = "parse::host")]
    pub host: String,
    /// Port.
    #[serde(default = "https")]
    pub port: u16,
}

/// Which destinations a call's arguments may excuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPolicy {
    /// No destination is explained, not even the profile's own hosts.
    None,
    /// The profile's own hosts only.
    #[default]
    Profile,
    /// Besides, a host that an argument of a fetching tool names, where its role is internet or cloudflare.
    Fetch,
    /// Besides, any destination whose role is internet or cloudflare while a call is open whose tool doesn't deny that
    /// it reaches out (`openWorldHint`): for servers of which nothing else is known. Never internal, local or metadata
    /// addresses, nor a port that names a service.
    Open,
}

/// Credentials of the server's own.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCredentials {
    /// Kinds of the credential map.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Further files, by pattern.
    #[serde(default)]
    pub paths: Vec<Pattern>,
}

/// Programs that a server may start.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildRule {
    /// File names of resolved executables, or of scripts that a shell runs, by wildcard.
    pub programs: Vec<String>,
    /// When.
    #[serde(default = "any_phase")]
    pub phases: Vec<Phase>,
    /// It may read its own credentials (`git`, `npm`), where an open call explains it too, or at start.
    #[serde(default)]
    pub credentials: bool,
}

/// Phases of a server's life, each with its own expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// From the first instruction to the first `tools/call` (or the answer to `initialize` and the list requests).
    Start,
    /// No call is open.
    Idle,
    /// At least one call is open.
    Call,
    /// After its input was closed or it was asked to end.
    Stop,
}

/// Where a server's folders come from.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roots {
    /// The source.
    #[serde(default)]
    pub from: RootSource,
    /// For [`RootSource::Flags`]: the flags whose values are folders.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// Source of a server's folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootSource {
    /// It has none: arguments excuse no file.
    #[default]
    None,
    /// The arguments that follow its program or package.
    Argv,
    /// The values of certain flags.
    Flags,
    /// Its working directory.
    Cwd,
}

/// What a tool call may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing but reads.
    Reads,
    /// Changes that can be undone.
    Mutates,
    /// Changes that can't.
    Destroys,
    /// Not known.
    #[default]
    Unknown,
}

/// What one tool is declared to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    /// The class of effect.
    #[serde(default)]
    pub effect: Effect,
    /// Where its API requests are made.
    #[serde(default)]
    pub at: CallSite,
    /// The API requests it makes. Empty: none, or not known (see `effect`).
    #[serde(default)]
    pub apis: Vec<Api>,
    /// Risk words: `code-deploy`, `credential-mint`, `arbitrary-sql`, `delete`, ….
    #[serde(default)]
    pub risk: Vec<String>,
    /// It fetches a URL that an argument names.
    #[serde(default)]
    pub fetches: bool,
    /// What it does with files that arguments name, inside the server's roots.
    #[serde(default)]
    pub files: FileAccess,
    /// Programs it starts: file names of resolved executables, by wildcard.
    #[serde(default)]
    pub children: Vec<String>,
}

/// Where a tool's API requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallSite {
    /// By the server's own process.
    #[default]
    Host,
    /// Somewhere else; the host sees only the connection to the remote server.
    Edge,
}

/// An API request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// HTTP method, or `*`.
    pub method: String,
    /// Path with `{name}` for one variable segment; `*` at the end stands for the rest.
    pub path: String,
    /// Host name.
    pub host: String,
    /// How often one call may make it, where it changes something. Default once; for a path that ends with `*` as often as
    /// it likes.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Where the value of a variable of API paths comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// The variable, as in paths: `account_id`.
    pub name: String,
    /// It is the server's own argument behind this one.
    #[serde(default)]
    pub after: Option<String>,
    /// Else the value of one of these environment variables.
    #[serde(default)]
    pub env: Vec<String>,
}

/// What a tool does with files inside the roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAccess {
    /// Nothing.
    #[default]
    None,
    /// Reads them.
    Read,
    /// Reads, makes, changes and removes them.
    Write,
}

/// What is normal for a runtime, whatever the server: its own modules, resolver files, scratch files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Name that profiles use.
    pub name: String,
    /// File names of resolved executables, by wildcard.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Files that are read in the ordinary course.
    #[serde(default)]
    pub reads: Vec<Pattern>,
    /// Files that are written in the ordinary course.
    #[serde(default)]
    pub writes: Vec<Pattern>,
}

impl Effect {
    /// The word used in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Mutates => "mutates",
            Self::Destroys => "destroys",
            Self::Unknown => "unknown",
        }
    }

    /// The effect that a tool's annotations claim, with the defaults of the MCP specification: a tool that says
    /// nothing at all is `unknown`; one that denies being read-only is destructive unless it denies that too.
    #[must_use]
    pub const fn from_annotations(read_only: Option<bool>, destructive: Option<bool>) -> Self {
        match (read_only, destructive) {
            (Some(true), _) => Self::Reads,
            (_, Some(false)) => Self::Mutates,
            (_, Some(true)) | (Some(false), None) => Self::Destroys,
            (None, None) => Self::Unknown,
        }
    }
}

const fn https() -> u16 {
    443
}

fn any_phase() -> Vec<Phase> {
    vec![Phase::Start, Phase::Idle, Phase::Call, Phase::Stop]
}
