//! Profiles: what a kind of MCP server is *declared* to do.
//!
//! A profile is a TOML file. Whatever it doesn't declare is not explained by it; a missing key declares nothing.
//!
//! - `model`: the types, as the file spells them.
//! - `judge`: what a profile answers.
//! - `parse`: text to profile, with the errors a person meets.
//! - `shipped`: the set of profiles, and which one fits a server.
//! - [`runtimes`]: what is normal for node, Python and the C library.
//! - `identity`: what is known of a server before it is judged.
//! - `container`: the image that a command line starts.
//! - `route`: paths of API requests, compared with templates.
//! - `roots`: the folders that a server was given.

mod container;
mod identity;
mod judge;
mod model;
mod parse;
mod roots;
mod route;
pub mod runtimes;
mod shipped;

pub use identity::{ServerIdentity, own_arguments, package_of_argv, package_of_path, server_name};
pub use model::{
    Api, CallSite, ChildRule, Configured, Effect, Endpoint, FileAccess, NetworkPolicy, OwnCredentials, Phase, Profile,
    RootSource, Roots, Runtime, ServerRule, ToolSpec,
};
pub use parse::ProfileError;
pub use route::{Bound, Route, leads_elsewhere};
pub use shipped::Profiles;
