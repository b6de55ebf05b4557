//! Who may read a credential: a program by where it is installed, or an interpreter and its main script together.

use crate::pattern::Pattern;

/// An owner of a credential.
///
/// It speaks of resolved paths only. That a preload from a writable place voids ownership, and that argv proves
/// nothing, is the engine's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerSpec {
    /// A program of this file name, wherever programs are installed.
    Program(String),
    /// An executable whose resolved path matches: what configuration gives.
    Path(Pattern),
    /// A script of this package, run by this interpreter.
    Package {
        /// Which interpreter.
        interpreter: Interpreter,
        /// Package name, e.g. `wrangler` or `@cloudflare/mcp-server-cloudflare`.
        package: String,
    },
}

/// An interpreter, by the file name of its resolved executable.
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
    /// A place that any local process can write: `/tmp`, `/var/tmp`, `/dev/shm`, `/run/user`, a memfd or a deleted
    /// file. Anybody may have put it there under that name.
    Scratch,
    /// A place that the user can write: a home directory or a project.
    User,
    /// A place that takes root to write.
    System,
}

impl OwnerSpec {
    /// Whether the program at `exe` (with main script `script`, both resolved) is this owner, and how far the place of
    /// the file that decides (the executable, or the script) vouches for it.
    #[must_use]
    pub fn admits(&self, exe: &str, script: Option<&str>) -> Option<Standing> {
        let _ = (exe, script);
        None
    }
}

/// How far the place of `path` vouches for what lies there.
#[must_use]
pub fn standing(path: &str) -> Standing {
    let _ = path;
    Standing::User
}
