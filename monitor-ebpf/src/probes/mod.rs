//! The hooks, one file per concern. Above each: the kernel's prototype and where it is called.

mod file;
mod memory;
mod process;
mod socket;
mod stream;
mod uring;
