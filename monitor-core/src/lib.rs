//! The brain: events in, alerts out. No I/O, no clock, no async, no threads; the same events give the same alerts.
#![forbid(unsafe_code)]

pub mod alert;
pub mod client;
pub mod config;
pub mod correlate;
pub mod credential;
pub mod detect;
mod digest;
pub mod engine;
pub mod event;
pub mod explain;
pub mod id;
mod interpreter;
mod launcher;
pub mod ledger;
pub mod named;
pub mod pattern;
pub mod persistence;
pub mod place;
pub mod profile;
pub mod role;
pub mod rules;
pub mod state;
pub mod text;
pub mod time;
pub mod trace;
