//! Programs that return at once: what the hooks alone cost, without anything behind them.
//!
//! One per kind of hook; the cgroup ones need one per hook, because their section names it. `tests/bench/src/bin/floor.rs`
//! attaches them in place of Tripline's.
#![no_std]
#![no_main]

use aya_ebpf::macros::{btf_tracepoint, cgroup_skb, cgroup_sock, cgroup_sock_addr, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, SkBuffContext, SockAddrContext, SockContext, TracePointContext};

#[tracepoint]
pub fn noop_exit(_ctx: TracePointContext) -> u32 {
    0
}

#[btf_tracepoint]
pub fn noop_btf(_ctx: BtfTracePointContext) -> i32 {
    0
}

#[cgroup_skb]
pub fn noop_packet(_ctx: SkBuffContext) -> i32 {
    1
}

#[cgroup_sock_addr(connect4)]
pub fn connect4(_ctx: SockAddrContext) -> i32 {
    1
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(_ctx: SockAddrContext) -> i32 {
    1
}

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(_ctx: SockAddrContext) -> i32 {
    1
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(_ctx: SockAddrContext) -> i32 {
    1
}

#[cgroup_sock(post_bind4)]
pub fn post_bind4(_ctx: SockContext) -> i32 {
    1
}

#[cgroup_sock(post_bind6)]
pub fn post_bind6(_ctx: SockContext) -> i32 {
    1
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
