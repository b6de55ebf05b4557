//! The hooks, one file per concern. Above each: the kernel's prototype and where it is called.

mod chunks;
mod file;
mod lsm;
mod memory;
mod packet;
mod process;
mod socket;
mod socket_fexit;
mod stream;
mod stream_fexit;
mod tls;
mod uring;
