//! Which files are credentials, whose they are, and where to look for them.
//!
//! The map answers for a *resolved absolute* path (the caller strips `/proc/PID/root`). It matches by suffix, so any
//! user's home and any `HOME` count, not only those that passwd names.
//!
//! - `builtin`: the families, as data.
//! - `table`: the map and its look-up.
//! - `owner`: who may read.
//! - `places`: what to mark before anything is opened.

mod builtin;
mod owner;
mod places;
mod table;

pub use owner::{Interpreter, OwnerSpec, Standing, standing};
pub use places::{WatchKind, WatchPlace};
pub use table::{Credential, Credentials, Secrecy};
