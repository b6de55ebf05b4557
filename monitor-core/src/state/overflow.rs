//! Tables whose entries, once forgotten, may hide something.

/// Such a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Processes of the host: what is forgotten loses its lineage.
    Processes,
    /// Servers: what is forgotten is judged no more.
    Servers,
    /// Connections: what is forgotten is not judged again by what it sent.
    Connections,
    /// Credential files and persistence points by identity: what is forgotten is known by its name alone.
    Files,
    /// Names of addresses, and the long names that a server asks for: what is forgotten is neither shown nor counted.
    Names,
    /// Open calls of a server: what is forgotten explains nothing more.
    Calls,
    /// Tools that a server declares: what found no room counts neither as listed nor as hidden.
    Tools,
    /// Files that a server wrote: what is forgotten may be executed as if it had been there before.
    Written,
    /// Secrets that were read: what is forgotten isn't told when it leaves.
    Secrets,
}

impl Table {
    /// The sensor whose findings it concerns, as in [`crate::event::Loss::sensor`].
    #[must_use]
    pub const fn sensor(self) -> &'static str {
        match self {
            Self::Processes => "process",
            Self::Connections => "socket",
            Self::Files => "file",
            Self::Names => "name",
            Self::Calls => "stream",
            Self::Servers | Self::Tools | Self::Written | Self::Secrets => "engine",
        }
    }

    /// Its name, for keys.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Servers => "servers",
            Self::Connections => "connections",
            Self::Files => "files",
            Self::Names => "names",
            Self::Calls => "calls",
            Self::Tools => "tools",
            Self::Written => "written",
            Self::Secrets => "secrets",
        }
    }

    /// What it holds, for people.
    #[must_use]
    pub const fn holds(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Servers => "servers",
            Self::Connections => "connections",
            Self::Files => "credential files and persistence points",
            Self::Names => "names of addresses",
            Self::Calls => "open calls",
            Self::Tools => "listed tools",
            Self::Written => "files that a server wrote",
            Self::Secrets => "secrets that were read",
        }
    }
}

/// What the tables of the whole host lost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overflow {
    pub(super) processes: u64,
    pub(super) servers: u64,
    pub(super) connections: u64,
    pub(super) files: u64,
    pub(super) names: u64,
}

impl Overflow {
    /// By table.
    #[must_use]
    pub const fn counts(self) -> [(Table, u64); 5] {
        [
            (Table::Processes, self.processes),
            (Table::Servers, self.servers),
            (Table::Connections, self.connections),
            (Table::Files, self.files),
            (Table::Names, self.names),
        ]
    }
}
