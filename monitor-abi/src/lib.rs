//! The contract between the kernel programs and the agent: record layouts, map values, limits.
//!
//! Everything is `repr(C)` with explicit padding and only plain integers; kinds are never reused. A record is a
//! [`header::Header`], the fixed body of its kind, and a tail of bytes whose parts the body gives lengths for.
#![no_std]
#![forbid(unsafe_code)]

pub mod config;
pub mod file;
pub mod header;
pub mod memory;
pub mod packet;
pub mod process;
pub mod scope;
pub mod socket;
pub mod stats;
pub mod stream;
pub mod tls;
