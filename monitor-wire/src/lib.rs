//! Bytes that others control, turned into values.
//!
//! Every parser here is incremental and bounded, answers complete / incomplete / reject, and neither panics nor does
//! I/O.
#![forbid(unsafe_code)]

pub mod mcp;
