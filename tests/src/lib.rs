//! The harness of Tripline's end-to-end tests: real MCP servers, real clients, a real kernel.
//!
//! A scenario (`tests/scenarios/*.toml`) says which server runs, what is asked of it, what it or a neighbour does, and
//! which alerts must and must not come. [`scenario`] is that file, [`run`] plays it, [`alert`] judges what came out.
//! Everything else prepares the ground: a folder with a fake home ([`place`]), a network of its own ([`network`]), the
//! official SDK's client ([`client`]). The sensors alone are tested by [`effects`] of [`deeds`], system call by system call.

pub mod alert;
pub mod client;
pub mod cloudflare;
pub mod deeds;
pub mod effects;
pub mod exec;
pub mod home;
pub mod neighbour;
pub mod network;
pub mod place;
pub mod process;
pub mod run;
pub mod scenario;
pub mod subject;
pub mod uring;
pub mod wait;
