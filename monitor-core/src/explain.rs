//! What explains an effect: the profile, what is normal for the runtime, or an open call.
//!
//! An effect is explained when any of them permits it, and is attributed to every call that could explain it. Arguments
//! excuse only files inside the server's own folders, and destinations on the internet for a tool whose job is to
//! fetch; never a credential, a metadata, internal or loopback service, a runtime socket, a persistence point, a shell,
//! or a change that the tool doesn't declare.

mod child;
mod file;
mod name;
mod network;
mod onlooker;
mod remote;
mod request;
mod vouch;

pub use child::{child, is_interpreter, is_likely_declared, is_mover, is_shell, is_tunnel};
pub use file::{is_settings_of_others, is_unasked, is_user_data, read, write};
pub use name::{after_claim, by_resolver, claimed, is_misplaced, is_trusted_resolver};
pub use network::{DNS, Destination, destination, is_resolver, only_launches, resolver_known};
pub use onlooker::may_look;
pub use remote::{PassedOn, passed_on};
pub use request::{ApiRequest, Joined, Refused, Strength, is_anybodys_guess, path_hash, request};
pub use vouch::{in_tree, is_systems, managed, manages, vouched};

use crate::config::EngineConfig;
pub use crate::launcher::is_package_manager;
use crate::profile::Phase;
use crate::state::{CallKey, Hold, Server};
use crate::time::Time;

/// Where and when an effect is judged.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Configuration.
    pub config: &'a EngineConfig,
    /// The server.
    pub server: &'a Server,
    /// When.
    pub now: Time,
    /// The server's phase.
    pub phase: Phase,
}

/// Who explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The profile.
    Profile,
    /// The server's command line, proxy settings or registries: what the user configured.
    Configured,
    /// What is normal for the runtime.
    Runtime,
    /// Open calls.
    Call,
    /// The start of a server whose profile says little.
    Start,
    /// Nobody.
    Nothing,
}

/// How firmly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Firm {
    /// Not at all.
    No,
    /// It may be so: enough for an ordinary effect, not for one that follows a credential read.
    Weak,
    /// It was declared or named.
    Strong,
}

/// An explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Who.
    pub by: By,
    /// How firmly.
    pub firm: Firm,
    /// The calls that could explain it.
    pub calls: Vec<CallKey>,
}

impl<'a> Scene<'a> {
    /// The scene of `server` at `now`.
    #[must_use]
    pub fn new(config: &'a EngineConfig, server: &'a Server, now: Time) -> Self {
        Self { config, server, now, phase: server.phase(now, &config.windows) }
    }

    /// Whether nothing but the start is happening, in a server whose profile says little.
    #[must_use]
    pub fn lenient_start(&self) -> bool {
        self.phase == Phase::Start && self.server.lenient()
    }

    /// Calls that are open or in their tail.
    pub fn holding(&self) -> impl Iterator<Item = (&'a crate::state::Call, Hold)> + 'a {
        self.server.holding(self.now, &self.config.windows)
    }
}

impl Explained {
    /// Nothing explains it.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { by: By::Nothing, firm: Firm::No, calls: Vec::new() }
    }

    /// Firmly explained.
    #[must_use]
    pub const fn strong(by: By) -> Self {
        Self { by, firm: Firm::Strong, calls: Vec::new() }
    }

    /// Weakly explained.
    #[must_use]
    pub const fn weak(by: By) -> Self {
        Self { by, firm: Firm::Weak, calls: Vec::new() }
    }

    /// Explained by calls, each as firmly as given.
    #[must_use]
    pub fn by_calls(calls: impl Iterator<Item = (CallKey, Firm)>) -> Option<Self> {
        let mut found = Self { by: By::Call, firm: Firm::No, calls: Vec::new() };
        for (key, firm) in calls {
            if firm > Firm::No {
                found.firm = found.firm.max(firm);
                found.calls.push(key);
            }
        }
        (found.firm > Firm::No).then_some(found)
    }

    /// Whether anything explains it.
    #[must_use]
    pub const fn is_explained(&self) -> bool {
        !matches!(self.by, By::Nothing)
    }

    /// The word for the ledger.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.by {
            By::Profile => "profile",
            By::Configured => "configured",
            By::Runtime => "runtime",
            By::Start => "start",
            By::Call => "call",
            By::Nothing => "unexplained",
        }
    }
}
