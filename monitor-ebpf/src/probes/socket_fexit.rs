//! `AF_UNIX` connects, and what the inet hooks can't know when they run, at the return of the protocol's own functions: whatever system call, table or io_uring request led
//! there, with the result, the name in kernel memory and the socket that answered.
//!
//! fexit, not BPF LSM: `unix_stream_connect` of the LSMs knows the peer but isn't reached when nobody listens, and
//! `socket_connect` is reached always but doesn't know the peer. The functions can't be inlined: `struct proto_ops` holds
//! their addresses.

use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;
use monitor_abi::header::FLAG_BELOW;

use super::socket::{Name, failed, listened, unix, unix_listened};
use crate::kernel::{offset, read};
use crate::scope;

/// `int unix_stream_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)` (6.1, 6.18):
/// `SOCK_STREAM` and `SOCK_SEQPACKET`.
#[fexit(function = "unix_stream_connect")]
pub fn fexit_unix_stream(ctx: FExitContext) -> i32 {
    connected(&ctx);
    0
}

/// `int unix_dgram_connect(struct socket *sock, struct sockaddr *addr, int alen, int flags)` (6.1, 6.18).
#[fexit(function = "unix_dgram_connect")]
pub fn fexit_unix_dgram(ctx: FExitContext) -> i32 {
    connected(&ctx);
    0
}

/// `int inet_stream_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)` (6.1, 6.18).
#[fexit(function = "inet_stream_connect")]
pub fn fexit_inet_stream(ctx: FExitContext) -> i32 {
    if let Some(scope) = scope::watched() {
        failed(&scope, ctx.arg::<u64>(4) as i32, read(ctx.arg(0), offset!(socket_sk)));
    }
    0
}

/// `int inet_listen(struct socket *sock, int backlog)` (6.1, 6.18).
#[fexit(function = "inet_listen")]
pub fn fexit_listen(ctx: FExitContext) -> i32 {
    if let Some(scope) = scope::watched() {
        listened(&scope, ctx.arg::<u64>(2) as i32, read(ctx.arg(0), offset!(socket_sk)));
    }
    0
}

/// `int unix_listen(struct socket *sock, int backlog)` (6.1, 6.18).
#[fexit(function = "unix_listen")]
pub fn fexit_unix_listen(ctx: FExitContext) -> i32 {
    if ctx.arg::<u64>(2) as i32 == 0
        && let Some(scope) = scope::watched()
    {
        unix_listened(&scope, FLAG_BELOW, read(ctx.arg(0), offset!(socket_sk)));
    }
    0
}

#[inline(always)]
fn connected(ctx: &FExitContext) {
    let Some(scope) = scope::watched() else { return };
    let ret = ctx.arg::<u64>(4) as i32;
    let sk: u64 = if ret == 0 { read(ctx.arg(0), offset!(socket_sk)) } else { 0 };
    unix(&scope, FLAG_BELOW, ret, sk, Name { address: ctx.arg(1), len: ctx.arg::<u64>(2) as u32 as u64, user: false });
}
