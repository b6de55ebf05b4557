//! The brain: events in, alerts out. No I/O, no clock, no async, no threads; the same events give the same alerts.
#![forbid(unsafe_code)]

pub mod config;
pub mod credential;
pub mod event;
pub mod id;
pub mod pattern;
pub mod persistence;
pub mod profile;
pub mod role;
pub mod time;
