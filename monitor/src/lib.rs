//! Tripline's agent: everything that touches the world. The judgement is `monitor-core`'s.

pub mod agent;
pub mod claims;
pub mod cli;
pub mod clients;
#[cfg(feature = "demo")]
pub mod demo;
pub mod discover;
pub mod doorway;
pub mod limits;
pub mod memory;
pub mod passwd;
pub mod pipeline;
pub mod regular;
pub mod resolvers;
pub mod sensor;
pub mod session;
pub mod telemetry;
