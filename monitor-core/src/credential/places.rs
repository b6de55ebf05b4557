//! From patterns to concrete places: which files and directories to mark before anything is opened.

use crate::pattern::{Part, Pattern};

/// A file or directory that the agent should mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchPlace {
    /// Absolute path. It need not exist.
    pub path: String,
    /// What it is.
    pub kind: WatchKind,
    /// For directories: how many levels of subdirectories hold credentials too (0: none; at most 4).
    pub depth: u8,
}

/// What a place to watch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKind {
    /// Mark this file.
    File,
    /// Mark this directory for its children: files come and go there, or are replaced by rename.
    Dir,
}

/// Where a pattern can be watched.
#[derive(Debug, Clone)]
pub(super) struct Place {
    base: Base,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Home,
    Root,
    Project,
}

/// Deepest level of subdirectories that `**` asks to be marked: as deep as the stores known nest their files.
const MAX_DEPTH: u8 = 4;

/// Directories, relative to their base, where so much else is opened that a mark would cost more than it sees.
const BUSY: &[&str] = &["", ".config", ".local", ".local/share", ".cache", "etc", "tmp", "run", "var", "var/run"];

impl Place {
    /// The places of a built-in or configured pattern, by how it is written.
    pub(super) fn of(pattern: &Pattern) -> Vec<Self> {
        let base = match pattern.as_str() {
            text if text.starts_with('/') => Base::Root,
            text if text.starts_with("~/") => Base::Home,
            _ => Base::Project,
        };
        Self::with_base(pattern, base)
    }

    /// The places of a suffix pattern as if it had been written with `~/`. Absolute patterns have none.
    pub(super) fn below_home(pattern: &Pattern) -> Vec<Self> {
        if pattern.as_str().starts_with('/') { Vec::new() } else { Self::with_base(pattern, Base::Home) }
    }

    fn with_base(pattern: &Pattern, base: Base) -> Vec<Self> {
        let skip = usize::from(base != Base::Root);
        pattern
            .alternatives()
            .iter()
            .map(|parts| Self { base, parts: parts.iter().skip(skip).cloned().collect() })
            .collect()
    }
}

pub(super) fn below_home(places: &[Place], home: &str) -> Vec<WatchPlace> {
    concrete(places, Base::Home, home)
}

pub(super) fn system_wide(places: &[Place]) -> Vec<WatchPlace> {
    concrete(places, Base::Root, "")
}

pub(super) fn in_project(places: &[Place], folder: &str) -> Vec<WatchPlace> {
    concrete(places, Base::Project, folder)
}

fn concrete(places: &[Place], base: Base, folder: &str) -> Vec<WatchPlace> {
    let folder = folder.trim_end_matches('/');
    let mut found: Vec<WatchPlace> =
        places.iter().filter(|place| place.base == base).flat_map(|place| of_parts(&place.parts, folder)).collect();
    // one directory is often asked for at several depths: the deepest, sorted last, covers the others
    found.sort_unstable();
    found.reverse();
    found.dedup_by(|a, b| a.path == b.path && a.kind == b.kind);
    found.reverse();
    found
}

fn of_parts(parts: &[Part], folder: &str) -> Vec<WatchPlace> {
    let fixed: Vec<&str> = parts
        .iter()
        .map_while(|part| match part {
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Glob(_) | Part::Any => None,
        })
        .collect();
    let mut found = Vec::new();
    if fixed.len() == parts.len() {
        found.push(WatchPlace { path: join(folder, &fixed), kind: WatchKind::File, depth: 0 });
    }
    // the directory of a file that is fully named is marked too: token stores replace their files by rename
    let above = if fixed.len() == parts.len() { fixed.len().saturating_sub(1) } else { fixed.len() };
    let dir = fixed.get(..above).unwrap_or(&[]);
    if !BUSY.contains(&dir.join("/").as_str()) {
        let below = parts.get(above + 1..).unwrap_or(&[]);
        let depth = if parts.get(above..).is_some_and(|rest| rest.contains(&Part::Any)) {
            MAX_DEPTH
        } else {
            u8::try_from(below.len()).unwrap_or(MAX_DEPTH).min(MAX_DEPTH)
        };
        found.push(WatchPlace { path: join(folder, dir), kind: WatchKind::Dir, depth });
    }
    found
}

fn join(folder: &str, components: &[&str]) -> String {
    format!("{folder}/{}", components.join("/"))
}
