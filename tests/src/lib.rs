//! The harness of Tripline's end-to-end tests: real MCP servers, real clients, a real kernel.
//!
//! A scenario (`tests/scenarios/*.toml`) says which server runs, what is asked of it, what it or a neighbour does, and
//! which alerts must and must not come. [`scenario`] is that file, [`run`] plays it, [`verdict`] judges what came out.
//! Everything else prepares the ground: a folder with a fake home ([`place`]), a network of its own ([`network`]), the
//! official SDK's client ([`client`]). The sensors alone are tested by [`effects`] of [`deeds`], system call by system call.
//! A test that speaks to its server itself does so as its [`peer`]; `run` and `attach` are started by [`agent`].

pub mod agent;
pub mod alert;
pub mod appended;
pub mod beside;
pub mod client;
pub mod cloudflare;
pub mod deeds;
pub mod effects;
pub mod exec;
pub mod handed;
pub mod home;
pub mod neighbour;
pub mod network;
pub mod outward;
pub mod peer;
pub mod place;
pub mod process;
pub mod run;
pub mod scenario;
pub mod subject;
pub mod uring;
pub mod verdict;
pub mod wait;
