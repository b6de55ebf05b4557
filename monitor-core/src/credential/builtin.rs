//! The built-in map: families of credential files, as data.
//!
//! Patterns that start with `~/` match below any home, and name the place to watch; those that start with `/` are
//! system-wide; others match anywhere and can't be watched in advance.

use super::table::Secrecy;

mod agents;
mod cloudflare;
mod clouds;
mod desktop;
mod developer;
mod system;

/// Files of one product.
pub(super) struct Family {
    /// Family word.
    pub(super) store: &'static str,
    /// Who may read them.
    pub(super) owners: &'static [Own],
    /// Look-alikes that are no credentials; they win over `files`.
    pub(super) except: &'static [&'static str],
    /// Kind, secrecy, patterns.
    pub(super) files: &'static [(&'static str, Secrecy, &'static [&'static str])],
}

/// An owner, as the tables spell it.
pub(super) enum Own {
    /// A program by file name.
    Program(&'static str),
    /// An npm package.
    Node(&'static str),
    /// A Python package, by its import name.
    Python(&'static str),
}

/// Every family. Where two match, the earlier one wins.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    [cloudflare::FAMILIES, agents::FAMILIES, clouds::FAMILIES, developer::FAMILIES, desktop::FAMILIES, system::FAMILIES]
        .into_iter()
        .flatten()
}
