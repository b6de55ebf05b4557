//! Profiles: what a kind of MCP server is *declared* to do.
//!
//! A profile is a TOML file. Whatever it doesn't declare is not explained by it; a missing key declares nothing.
//!
//! - `model`: the types, as the file spells them.
//! - `parse`: text to profile, with the errors a person meets.
//! - `shipped`: the set of profiles, the runtimes that they build on, and which profile fits a server.
//! - `identity`: what is known of a server before it is judged.
//! - `roots`: the folders that a server was given.

mod identity;
mod model;
mod parse;
mod roots;
mod shipped;

pub use identity::{ServerIdentity, package_of_argv, package_of_path};
pub use model::{
    Api, CallSite, ChildRule, Effect, Endpoint, FileAccess, NetworkPolicy, OwnCredentials, Phase, Profile, RootSource,
    Roots, Runtime, ServerRule, ToolSpec,
};
pub use parse::ProfileError;
pub use shipped::Profiles;
