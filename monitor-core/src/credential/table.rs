//! The map itself: what a rule says, and how a path finds its rule.

use serde::{Deserialize, Serialize};

use super::builtin::{self, Own};
use super::owner::{Interpreter, OwnerSpec, Standing};
use super::places::{Place, WatchPlace};
use crate::pattern::{Index, Pattern, Rank};

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

impl Credential {
    /// Whether the program at `exe` (with main script `script`, both resolved) is an owner, and how far the place of
    /// its files vouches for that (the best of all owners that fit).
    #[must_use]
    pub fn owner(&self, exe: &str, script: Option<&str>) -> Option<Standing> {
        self.owners.iter().filter_map(|owner| owner.admits(exe, script)).max()
    }
}

/// The credential map.
#[derive(Debug, Clone)]
pub struct Credentials {
    entries: Vec<Credential>,
    /// `None`: a look-alike that is no credential.
    index: Index<Option<u32>>,
    places: Vec<Place>,
    /// Rank of the next configured entry: below every built-in one, and below earlier configured ones.
    next: Rank,
}

impl Default for Credentials {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Credentials {
    /// The built-in map.
    #[must_use]
    pub fn builtin() -> Self {
        let mut map = Self { entries: Vec::new(), index: Index::default(), places: Vec::new(), next: -1 };
        for (family, rank) in builtin::families().zip(0..) {
            let owners: Vec<OwnerSpec> = family.owners.iter().map(owner_spec).collect();
            for pattern in parsed(family.except) {
                map.index.insert(&pattern, 2 * rank, None);
            }
            for &(kind, secrecy, patterns) in family.files {
                let credential = Credential {
                    kind: kind.to_owned(),
                    store: family.store.to_owned(),
                    secrecy,
                    owners: owners.clone(),
                };
                map.insert(parsed(patterns), 2 * rank + 1, credential);
            }
        }
        map
    }

    /// Adds a configured entry, which wins over the built-in ones and over earlier configured ones. Its secrecy is
    /// [`Secrecy::Token`].
    pub fn add(&mut self, pattern: &Pattern, kind: &str, owners: Vec<OwnerSpec>) {
        let credential = Credential { kind: kind.to_owned(), store: kind.to_owned(), secrecy: Secrecy::Token, owners };
        let rank = self.next;
        self.next = self.next.saturating_sub(1);
        // whoever writes `**/.acme/token` means the one in a home, before all others: it can be watched there
        self.places.extend(Place::below_home(pattern));
        self.insert([pattern.clone()], rank, credential);
    }

    /// The credential at `path` (resolved, absolute), if it is one. Directories are the caller's to leave out.
    #[must_use]
    pub fn lookup(&self, path: &str) -> Option<&Credential> {
        self.index.find(path)?.and_then(|at| self.entries.get(usize::try_from(at).ok()?))
    }

    /// Every kind known, for `own_credentials` of profiles to be checked against. Some come more than once.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.kind.as_str())
    }

    /// The concrete places below `home` that the agent should mark, sorted, each once. They need not exist.
    #[must_use]
    pub fn watch_places(&self, home: &str) -> Vec<WatchPlace> {
        super::places::below_home(&self.places, home)
    }

    /// The concrete system-wide places that the agent should mark, sorted, each once. They need not exist.
    #[must_use]
    pub fn system_places(&self) -> Vec<WatchPlace> {
        super::places::system_wide(&self.places)
    }

    /// The places in a server's working directory or project `folder` that the agent should mark (`.dev.vars`, …),
    /// sorted, each once. They need not exist.
    #[must_use]
    pub fn project_places(&self, folder: &str) -> Vec<WatchPlace> {
        super::places::in_project(&self.places, folder)
    }

    fn insert(&mut self, patterns: impl IntoIterator<Item = Pattern>, rank: Rank, credential: Credential) {
        let Ok(at) = u32::try_from(self.entries.len()) else { return };
        // ambient files are read by everybody: a mark on them would only make noise
        let watched = credential.secrecy > Secrecy::Ambient;
        self.entries.push(credential);
        for pattern in patterns {
            self.index.insert(&pattern, rank, Some(at));
            if watched {
                self.places.extend(Place::of(&pattern));
            }
        }
    }
}

/// A test parses every built-in pattern: none is left out here.
fn parsed(patterns: &'static [&'static str]) -> impl Iterator<Item = Pattern> {
    patterns.iter().filter_map(|text| Pattern::new(text).ok())
}

fn owner_spec(own: &Own) -> OwnerSpec {
    match *own {
        Own::Program(name) => OwnerSpec::Program(name.to_owned()),
        Own::Node(package) => OwnerSpec::Package { interpreter: Interpreter::Node, package: package.to_owned() },
        Own::Python(package) => OwnerSpec::Package { interpreter: Interpreter::Python, package: package.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_pattern_parses() {
        for family in builtin::families() {
            let files = family.files.iter().flat_map(|(_, _, patterns)| patterns.iter());
            for text in family.except.iter().chain(files) {
                if let Err(error) = Pattern::new(text) {
                    panic!("{}: {text}: {error}", family.store);
                }
            }
        }
    }
}
