//! What the engine remembers. Every table is bounded; what it forgets before its time is counted.
//!
//! - `bounded`: the table type.
//! - `process`: processes with their lineage, which survives double forks, reparenting and exits.
//! - `server`, `servers`: watched servers, their phase, tools and what they were given; the table of them.
//! - `settle`: who a server turns out to be that was started through a wrapper.
//! - `call`: open calls and when they end.
//! - `request`: API requests of a call; `exchange`: those whose answer matters; `token`: what authorises them.
//! - `connection`: open connections, to judge what is only known at their end.
//! - `name`: what name servers said of addresses, to show and to explain them.
//! - `credential`: credential files by identity, so that another name for the same file is recognised.
//! - `taint`: who holds what secret, for how long.
//! - `gap`: what the sensors missed.
//! - `overflow`: tables whose loss is told.

mod bounded;
mod call;
mod connection;
mod credential;
mod exchange;
mod gap;
mod known_token;
mod mcp;
mod name;
mod overflow;
mod process;
mod question;
mod request;
mod server;
mod servers;
mod settle;
mod taint;
mod token;

pub use bounded::Bounded;
pub use call::{Asked, Call, CallKey, Ending, Hold};
pub use connection::{Connection, Connections, asked};
pub use credential::CredentialFiles;
pub use exchange::{Exchanges, Waiting};
pub use gap::Gaps;
pub use known_token::{KnownTokens, Places};
pub use mcp::{Heard, apply as apply_message};
pub use name::{Names, Resolved};
pub use overflow::{Overflow, Table};
pub use process::{Image, Node, Proc, Processes};
pub use question::Questions;
pub use request::{Requests, counts, may_change};
pub use server::{Server, ToolState};
pub use servers::Servers;
pub use taint::{Taint, Taints};
pub use token::Tokens;

use crate::config::EngineConfig;
use crate::event::Exec;
use crate::id::{FileId, ProcId, ServerId};
use crate::time::Time;

/// Everything the engine remembers.
#[derive(Debug)]
pub struct State {
    /// Processes of the host.
    pub processes: Processes,
    /// Watched servers.
    pub servers: Servers,
    /// Connections of watched processes that may still be judged.
    pub connections: Connections,
    /// HTTP requests of watched processes whose answer matters.
    pub exchanges: Exchanges,
    /// Names of addresses, and long names that were asked for.
    pub names: Names,
    /// Credential files by identity.
    pub credentials: CredentialFiles,
    /// Persistence points by identity, as far as they were met.
    pub persistent: CredentialFiles,
    /// Secrets in the hands of processes outside every server.
    pub foreign: Taints,
    /// Where tokens are kept.
    pub known_tokens: KnownTokens,
    /// What the sensors missed.
    pub gaps: Gaps,
    /// The agent's own executable.
    pub agent: Option<FileId>,
}

/// What was forgotten before its time, by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evictions {
    /// Processes.
    pub processes: u64,
    /// Servers.
    pub servers: u64,
    /// Calls.
    pub calls: u64,
    /// Tools.
    pub tools: u64,
    /// Connections.
    pub connections: u64,
    /// Credential files.
    pub files: u64,
    /// Alerts kept for deduplication.
    pub findings: u64,
    /// Closed call records that nobody fetched.
    pub records: u64,
    /// API requests whose answer was waited for.
    pub exchanges: u64,
    /// Addresses with names, and parents of long names.
    pub names: u64,
}

impl State {
    /// Empty tables.
    #[must_use]
    pub fn new(config: &EngineConfig) -> Self {
        let limits = &config.limits;
        Self {
            processes: Processes::new(limits.processes),
            servers: Servers::new(limits.servers),
            connections: Connections::new(limits.connections),
            exchanges: Exchanges::new(),
            names: Names::new(limits.names),
            credentials: CredentialFiles::new(limits.files),
            persistent: CredentialFiles::new(limits.files),
            foreign: Taints::default(),
            known_tokens: KnownTokens::new(),
            gaps: Gaps::default(),
            agent: None,
        }
    }

    /// The server that `proc` belongs to: what the sensors said, else what lineage says.
    #[must_use]
    pub fn server_of(&self, said: Option<ServerId>, proc: ProcId) -> Option<ServerId> {
        said.or_else(|| self.processes.get(proc).and_then(|known| known.server))
    }

    /// Whether a watched server wrote the program, or its main script. Of what runs in a server's tree that says whose doing
    /// it is. Of the user's own programs it says nothing: a server may open any of them for writing, and write nothing.
    #[must_use]
    pub fn wrote(&self, exec: &Exec) -> bool {
        let files = || [Some(&exec.exe), exec.script.as_ref()].into_iter().flatten();
        self.servers.iter().any(|server| files().any(|file| server.written.get(&file.id).is_some()))
    }

    /// Lets time pass: forgets ended processes, closes calls that have run out.
    pub fn advance(&mut self, now: Time, config: &EngineConfig) {
        self.processes.expire(now, config.windows.lineage);
        self.connections.expire(now, config.windows.theft);
        self.names.expire(now);
        for server in self.servers.advance(now, &config.windows) {
            self.connections.forget(server);
            self.exchanges.forget(server);
        }
    }

    /// A server came under watch.
    pub fn add_server(&mut self, server: Server) {
        if let Some(server) = self.servers.add(server) {
            self.connections.forget(server);
            self.exchanges.forget(server);
        }
    }

    /// What the tables of the whole host lost so far, where that may hide something.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        Overflow {
            processes: self.processes.evicted(),
            servers: self.servers.evicted(),
            connections: self.connections.evicted(),
            files: self.credentials.evicted().saturating_add(self.persistent.evicted()),
            names: self.names.evicted(),
        }
    }

    /// What was forgotten before its time.
    #[must_use]
    pub fn evictions(&self) -> Evictions {
        let (calls, tools) = self.servers.inner_evictions();
        Evictions {
            processes: self.processes.evicted(),
            servers: self.servers.evicted(),
            calls,
            tools,
            connections: self.connections.evicted(),
            files: self.credentials.evicted().saturating_add(self.persistent.evicted()),
            exchanges: self.exchanges.evicted(),
            names: self.names.evicted(),
            ..Evictions::default()
        }
    }
}
