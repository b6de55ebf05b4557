//! Path patterns: matched component by component, in time linear in the path for all practical patterns, never by a
//! regular expression.
//!
//! | written | matches |
//! | --- | --- |
//! | `/etc/shadow` | that path |
//! | `**/.acme/token`, `.acme/token`, `~/.acme/token` | any path that ends so; `~` stands for any home directory |
//! | `*`, `?` | any run, any one character, inside one component |
//! | `a/**` | everything below `a`, at any depth |
//! | `{json,toml}` | alternatives; not nested |
//!
//! A trailing `/` is refused: a pattern names files.

use std::fmt;

use serde::{Deserialize, Serialize};

mod index;

pub(crate) use index::{Index, Rank};

/// Longest pattern in bytes: the kernel's `PATH_MAX`.
pub const MAX_LEN: usize = 4096;
/// Most alternatives that the braces of one pattern may expand to.
pub const MAX_ALTERNATIVES: usize = 64;

/// A parsed path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    alternatives: Vec<Vec<Part>>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing to match.
    #[error("pattern is empty")]
    Empty,
    /// Longer than [`MAX_LEN`].
    #[error("pattern is longer than {MAX_LEN} bytes")]
    TooLong,
    /// A `{` without its `}`, or nested braces.
    #[error("unbalanced or nested braces in pattern")]
    Braces,
    /// More than [`MAX_ALTERNATIVES`].
    #[error("braces expand to more than {MAX_ALTERNATIVES} alternatives")]
    TooMany,
    /// `[`: character classes aren't part of the syntax, and would silently match nothing.
    #[error("character classes (`[`) aren't supported in patterns")]
    Class,
    /// `.`, `..` or an empty component, which no resolved path has.
    #[error("pattern has an empty, `.` or `..` component, which no resolved path has")]
    Component,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Exactly this component.
    Literal(String),
    /// One component that matches this wildcard text.
    Glob(String),
    /// Any number of components, also none.
    Any,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Returns what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(PatternError::TooLong);
        }
        if text.contains('[') {
            return Err(PatternError::Class);
        }
        let alternatives = expand(text)?.iter().map(|one| parts(one)).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// Whether `path` (resolved, absolute) matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let components: Vec<&str> = components(path).collect();
        self.alternatives.iter().any(|parts| match_parts(parts, &components))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn alternatives(&self) -> &[Vec<Part>] {
        &self.alternatives
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `text` matches the wildcards `*` and `?` of `glob`, as one string: a host name, an argument, a tool name.
#[must_use]
pub fn wildcard(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    // where to resume after a mismatch: behind the last `*`, one more character given to it
    let mut resume: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match glob.get(g) {
            Some(b'*') => {
                resume = Some((g + 1, t));
                g += 1;
            }
            // a character above ASCII is several bytes; `?` takes its first, and the continuation bytes follow for free
            Some(b'?') => {
                g += 1;
                t += 1;
                while text.get(t).is_some_and(|next| next & 0xC0 == 0x80) {
                    t += 1;
                }
            }
            Some(&want) if want == byte => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = resume else { return false };
                resume = Some((after, from + 1));
                g = after;
                t = from + 1;
            }
        }
    }
    glob.get(g..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// The components of a path; empty ones (`//`) don't count.
pub(crate) fn components(path: &str) -> impl Iterator<Item = &str> {
    // byte by byte: components are short, and a search for each `/` costs more than it saves
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = path.as_bytes().get(at..)?;
        let start = at + rest.iter().position(|&byte| byte != b'/')?;
        let rest = path.as_bytes().get(start..)?;
        at = start + rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        path.get(start..at)
    })
}

/// The same two-pointer walk as [`wildcard`], over components: `Any` is the star.
pub(crate) fn match_parts(parts: &[Part], components: &[&str]) -> bool {
    let (mut p, mut c) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while let Some(component) = components.get(c) {
        let one = match parts.get(p) {
            Some(Part::Any) => {
                resume = Some((p + 1, c));
                p += 1;
                continue;
            }
            Some(Part::Literal(literal)) => literal == component,
            Some(Part::Glob(glob)) => wildcard(glob, component),
            None => false,
        };
        if one {
            p += 1;
            c += 1;
            continue;
        }
        let Some((after, from)) = resume else { return false };
        resume = Some((after, from + 1));
        p = after;
        c = from + 1;
    }
    parts.get(p..).is_some_and(|rest| rest.iter().all(|part| *part == Part::Any))
}

fn parts(text: &str) -> Result<Vec<Part>, PatternError> {
    let (anywhere, rest) = match text.strip_prefix('/') {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("~/").unwrap_or(text)),
    };
    let mut parts = Vec::new();
    if anywhere {
        parts.push(Part::Any);
    }
    for component in rest.split('/') {
        match component {
            "" | "." | ".." => return Err(PatternError::Component),
            "**" if parts.last() == Some(&Part::Any) => {}
            "**" => parts.push(Part::Any),
            _ if component.contains(['*', '?']) => parts.push(Part::Glob(component.to_owned())),
            _ => parts.push(Part::Literal(component.to_owned())),
        }
    }
    Ok(parts)
}

fn expand(text: &str) -> Result<Vec<String>, PatternError> {
    let mut done = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(open);
        let Some((inner, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Err(PatternError::Braces);
        };
        if inner.contains('{') {
            return Err(PatternError::Braces);
        }
        let options: Vec<&str> = inner.split(',').collect();
        if done.len().saturating_mul(options.len()) > MAX_ALTERNATIVES {
            return Err(PatternError::TooMany);
        }
        done = done
            .iter()
            .flat_map(|start| options.iter().map(move |option| format!("{start}{before}{option}")))
            .collect();
        rest = after;
    }
    for one in &mut done {
        one.push_str(rest);
    }
    Ok(done)
}
