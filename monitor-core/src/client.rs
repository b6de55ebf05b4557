//! What MCP clients have been told to start: their configuration files name servers in advance.
//!
//! Being named makes a process *watched*, nothing else. No name, command or argument of such a file ever excuses
//! anything: who can write the file is exactly who an attacker wants to be.
//!
//! - `places`: where clients keep these files, and which programs are clients.
//! - `parse`: bytes that others control → [`Declared`] servers, bounded.
//! - `jsonc`: JSON with comments, as editors write it.
//! - `fit`: whether an execution is a declared server's.

mod fit;
mod jsonc;
mod parse;
mod places;

pub use fit::{Started, fits};
pub use parse::{ClientFile, Declared, MAX_BYTES, parse};
pub use places::{Format, IN_HOME, IN_PROJECT, SYSTEM_WIDE, format_of, is_client};
