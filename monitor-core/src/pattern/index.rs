//! Many patterns at once, for paths of which nearly all match none.
//!
//! Each pattern is filed under one *anchor*: a literal component that any path it matches must have, preferably a rare
//! one; or the extension of the final component; or, failing both, a list that every path is held against. A look-up
//! hashes the components of the path, and walks full patterns only for anchors that it meets. A small bitmap over first
//! byte and length spares most components even the hash.

use rustc_hash::FxHashMap;

use super::{Part, Pattern, components, match_parts, wildcard};

/// Order among patterns that match the same path: the lowest wins.
pub(crate) type Rank = i64;

/// Patterns, and what each stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Index<T> {
    entries: Vec<Entry<T>>,
    anchors: FxHashMap<Box<str>, Vec<u32>>,
    extensions: FxHashMap<Box<str>, Vec<Tail>>,
    rest: Vec<Tail>,
    /// For each first byte, the lengths (bit 63: 63 and more) of anchors that start with it.
    lengths: Box<[u64; 256]>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry<T> {
    parts: Vec<Part>,
    rank: Rank,
    value: T,
}

/// A pattern filed under its final component's wildcard text.
#[derive(Debug, Clone, PartialEq)]
struct Tail {
    id: u32,
    /// What stands before the first wildcard.
    head: Box<str>,
    /// What stands behind the last one.
    foot: Box<str>,
    /// All of it.
    glob: Box<str>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            anchors: FxHashMap::default(),
            extensions: FxHashMap::default(),
            rest: Vec::new(),
            lengths: Box::new([0; 256]),
        }
    }
}

impl<T: Copy> Index<T> {
    /// Adds a pattern.
    pub(crate) fn insert(&mut self, pattern: &Pattern, rank: Rank, value: T) {
        for parts in pattern.alternatives() {
            let Ok(id) = u32::try_from(self.entries.len()) else { return };
            match filing(parts) {
                Filing::Anchor(anchor) => {
                    if let (Some(lengths), bit) = slot(&mut self.lengths, anchor) {
                        *lengths |= bit;
                    }
                    self.anchors.entry(anchor.into()).or_default().push(id);
                }
                Filing::Extension(extension) => {
                    self.extensions.entry(extension.into()).or_default().push(Tail::of(id, parts));
                }
                Filing::Rest => self.rest.push(Tail::of(id, parts)),
            }
            self.entries.push(Entry { parts: parts.clone(), rank, value });
        }
    }

    /// What the best pattern for `path` stands for, if any matches.
    pub(crate) fn find(&self, path: &str) -> Option<T> {
        let mut candidates: Vec<u32> = Vec::new();
        let mut name = "";
        for component in components(path) {
            name = component;
            let (first, bit) = key(component);
            if self.lengths.get(first).is_some_and(|lengths| lengths & bit != 0)
                && let Some(ids) = self.anchors.get(component)
            {
                candidates.extend_from_slice(ids);
            }
        }
        if !self.extensions.is_empty()
            && let Some((_, extension)) = name.rsplit_once('.')
            && let Some(tails) = self.extensions.get(extension)
        {
            candidates.extend(tails.iter().filter(|tail| tail.fits(name)).map(|tail| tail.id));
        }
        candidates.extend(self.rest.iter().filter(|tail| tail.fits(name)).map(|tail| tail.id));
        if candidates.is_empty() {
            return None;
        }
        self.best(candidates, path)
    }

    fn best(&self, mut candidates: Vec<u32>, path: &str) -> Option<T> {
        candidates.sort_unstable();
        candidates.dedup();
        let components: Vec<&str> = components(path).collect();
        candidates
            .iter()
            .filter_map(|&id| self.entries.get(usize::try_from(id).ok()?))
            .filter(|entry| match_parts(&entry.parts, &components))
            .min_by_key(|entry| entry.rank)
            .map(|entry| entry.value)
    }
}

impl Tail {
    fn of(id: u32, parts: &[Part]) -> Self {
        let glob = match parts.last() {
            Some(Part::Glob(glob)) => glob.as_str(),
            // `**`: any name
            _ => "*",
        };
        let head = glob.split(['*', '?']).next().unwrap_or("");
        let foot = glob.rsplit(['*', '?']).next().unwrap_or("");
        Self { id, head: head.into(), foot: foot.into(), glob: glob.into() }
    }

    /// Tests from cheap to dear, all before the walk over the whole path.
    fn fits(&self, name: &str) -> bool {
        name.as_bytes().starts_with(self.head.as_bytes())
            && name.as_bytes().ends_with(self.foot.as_bytes())
            && wildcard(&self.glob, name)
    }
}

enum Filing<'a> {
    Anchor(&'a str),
    Extension(&'a str),
    Rest,
}

/// Components that many ordinary paths have.
const BUSY: &[&str] = &[
    "home",
    "root",
    "usr",
    "etc",
    "var",
    "run",
    "lib",
    "local",
    "share",
    "opt",
    "tmp",
    "proc",
    "bin",
    ".config",
    ".local",
    ".cache",
    "config",
    "secrets",
    "User",
    "user",
    "settings",
    "cache",
    "auth",
    "logs",
    "live",
    "config.json",
    "config.toml",
    "config.yml",
    "config.yaml",
    "settings.json",
    "auth.json",
    "data.json",
    "token",
    "credentials",
];

fn filing(parts: &[Part]) -> Filing<'_> {
    let rare = || {
        parts.iter().rev().filter_map(|part| match part {
            Part::Literal(literal) if !BUSY.contains(&literal.as_str()) => Some(literal.as_str()),
            _ => None,
        })
    };
    if let Some(anchor) = rare().find(|literal| literal.starts_with('.')).or_else(|| rare().next()) {
        return Filing::Anchor(anchor);
    }
    let extension = match parts.last() {
        Some(Part::Glob(glob)) => glob.rsplit_once('.').map(|(_, extension)| extension),
        _ => None,
    };
    if let Some(extension) = extension.filter(|text| !text.is_empty() && !text.contains(['*', '?'])) {
        return Filing::Extension(extension);
    }
    // a busy anchor still spares most paths, where the wildcard has no head to spare them
    let busy = parts.iter().rev().find_map(|part| match part {
        Part::Literal(literal) => Some(literal.as_str()),
        Part::Glob(_) | Part::Any => None,
    });
    match (parts.last(), busy) {
        (Some(Part::Glob(glob)), _) if !glob.starts_with(['*', '?']) => Filing::Rest,
        (_, Some(anchor)) => Filing::Anchor(anchor),
        _ => Filing::Rest,
    }
}

fn key(component: &str) -> (usize, u64) {
    (usize::from(component.as_bytes().first().copied().unwrap_or(0)), 1 << component.len().min(63))
}

fn slot<'a>(lengths: &'a mut [u64; 256], component: &str) -> (Option<&'a mut u64>, u64) {
    let (first, bit) = key(component);
    (lengths.get_mut(first), bit)
}
