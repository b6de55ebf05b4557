//! Who may read a credential: a program by where it is installed, or an interpreter and its main script together.

use crate::pattern::{Pattern, components, wildcard};
use crate::profile::package_of_path;

/// An owner of a credential.
///
/// It speaks of resolved paths only. That a preload from a writable place voids ownership, and that argv proves
/// nothing, is the engine's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerSpec {
    /// A program of this file name (wildcards allowed), wherever programs are installed.
    Program(String),
    /// An executable or main script whose resolved path matches: what configuration gives.
    Path(Pattern),
    /// A script of this package, run by this interpreter.
    Package {
        /// Which interpreter.
        interpreter: Interpreter,
        /// Package name, e.g. `wrangler` or `@cloudflare/mcp-server-cloudflare`; for Python in its normal form.
        package: String,
    },
}

/// An interpreter that packages are written for, by the file name of its resolved executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// `node`, `nodejs`, `bun`, `deno`.
    Node,
    /// `python3`, `python3.12`, `pypy3`, ….
    Python,
}

/// How far the place of a file vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A place that any local process can write (`/tmp`, `/dev/shm`, a memfd, a deleted file), or one where nobody
    /// installs programs. Anybody may have put it there under that name.
    Scratch,
    /// A place below a home or a project where the user's own programs get installed.
    User,
    /// A place that takes root to write.
    System,
}

impl OwnerSpec {
    /// Whether the program at `exe` (with main script `script`, both resolved) is this owner, and how far the place of
    /// its files vouches for that. An interpreter with a script is judged by the script: `bun` running a server is the
    /// server, not `bun`.
    #[must_use]
    pub fn admits(&self, exe: &str, script: Option<&str>) -> Option<Standing> {
        match self {
            Self::Path(pattern) => {
                // the administrator named the place, so it vouches for itself
                (pattern.matches(exe) || script.is_some_and(|script| pattern.matches(script)))
                    .then_some(Standing::System)
            }
            Self::Program(name) => match script.filter(|_| is_interpreter(exe)) {
                Some(script) => wildcard(name, file_name(script)).then(|| standing(exe).min(standing(script))),
                None => wildcard(name, file_name(exe)).then(|| standing(exe)),
            },
            Self::Package { interpreter, package } => {
                let script = script.filter(|_| Interpreter::of(exe) == Some(*interpreter))?;
                let found = package_of_path(script)?;
                (found.split_once(':') == Some((interpreter.ecosystem(), package.as_str())))
                    .then(|| standing(exe).min(standing(script)))
            }
        }
    }
}

impl Interpreter {
    /// The interpreter at this resolved path, if it is one of these.
    #[must_use]
    pub fn of(exe: &str) -> Option<Self> {
        match stem(exe) {
            "node" | "nodejs" | "bun" | "deno" => Some(Self::Node),
            "python" | "pypy" => Some(Self::Python),
            _ => None,
        }
    }

    const fn ecosystem(self) -> &'static str {
        match self {
            Self::Node => "npm",
            Self::Python => "pypi",
        }
    }
}

/// How far the place of `path` (resolved) vouches for what lies there.
#[must_use]
pub fn standing(path: &str) -> Standing {
    if !path.starts_with('/') || path.ends_with(" (deleted)") || is_below(path, SCRATCH) {
        return Standing::Scratch;
    }
    if is_below(path, SYSTEM) {
        return Standing::System;
    }
    let parent = path.rsplit('/').nth(1).unwrap_or("");
    if matches!(parent, "bin" | "sbin" | ".bin") || components(path).any(|component| INSTALLS.contains(&component)) {
        return Standing::User;
    }
    Standing::Scratch
}

const SCRATCH: &[&str] = &["/tmp", "/var/tmp", "/dev", "/proc", "/run", "/var/run", "/memfd:"];

const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libexec",
    "/opt",
    "/snap",
    "/nix/store",
    "/gnu/store",
    "/var/lib/flatpak",
    "/home/linuxbrew/.linuxbrew",
];

/// Components that mark a place where package and version managers put programs.
const INSTALLS: &[&str] = &[
    "node_modules",
    "site-packages",
    "dist-packages",
    ".local",
    ".cargo",
    ".rustup",
    ".nvm",
    ".volta",
    ".asdf",
    "mise",
    ".fnm",
    ".bun",
    ".deno",
    ".pyenv",
    ".rbenv",
    ".krew",
    ".pulumi",
    ".fly",
    "google-cloud-sdk",
    ".linuxbrew",
    ".npm",
];

fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || place.ends_with(':'))
    })
}

fn is_interpreter(exe: &str) -> bool {
    Interpreter::of(exe).is_some()
        || matches!(
            stem(exe),
            "sh" | "bash"
                | "dash"
                | "zsh"
                | "ksh"
                | "fish"
                | "busybox"
                | "perl"
                | "ruby"
                | "php"
                | "lua"
                | "java"
                | "electron"
        )
}

/// File name without a version at its end: `python3.12` is `python`.
fn stem(path: &str) -> &str {
    file_name(path).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
