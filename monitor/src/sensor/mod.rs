//! Everything between the kernel's hooks and checked records: offsets, loading, attaching, rings, decoding.

mod arm;
pub mod blindness;
pub mod btf;
pub mod changes;
pub mod decode;
pub mod fanotify;
pub mod handle;
pub mod hooks;
pub mod kernel;
pub mod load;
mod merge;
pub mod offsets;
mod place;
pub mod reader;
mod ring;
pub mod scopes;
mod self_test;
mod symbols;
pub mod tls;
pub mod tracefs;

pub use arm::CHOICE;
