//! What the subjects of the benchmark share.
//!
//! Each binary does one thing and prints one line of JSON; `xtask/src/bench` starts them, pairs the samples and writes
//! the tables.

pub mod host;
pub mod launch;
pub mod pin;
pub mod samples;
pub mod shape;
