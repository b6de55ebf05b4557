//! Sockets: inet by cgroup hooks (every system-call ABI and io_uring pass them), the rest by system call.

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::{bpf_sock, bpf_sock_addr};
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::{btf_tracepoint, cgroup_sock, cgroup_sock_addr, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, SockAddrContext, SockContext, TracePointContext};
use monitor_abi::config::Scope;
use monitor_abi::file::Identity;
use monitor_abi::header::{FLAG_CUT, KIND_INET, KIND_SOCK_STATE, KIND_SOCKET, KIND_UNIX};
use monitor_abi::socket::{
    INET_ACCEPT, INET_BIND, INET_CONNECT, INET_LISTEN, INET_SEND, Inet, Made, State, UNIX_CONNECT, UNIX_LISTEN, Unix,
};
use monitor_abi::stats;

use super::file::returned;
use crate::emit::{self, Builder};
use crate::kernel::{self, offset, read};
use crate::maps::{DATAGRAMS, HELD};
use crate::{conn, path, scope};

const AF_UNIX: u32 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_RAW: u32 = 3;
const TCP_CLOSE: i32 = 7;
const TCP_LISTEN: i32 = 10;
const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_SENT: i32 = 2;
const TCP_SYN_RECV: i32 = 3;
/// Error numbers (include/uapi/asm-generic/errno.h, include/linux/errno.h).
const EINTR: i32 = 4;
const EISCONN: i32 = 106;
const EALREADY: i32 = 114;
const EINPROGRESS: i32 = 115;
const ERESTARTSYS: i32 = 512;
/// Number of `listen` (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
const LISTEN: u32 = if cfg!(bpf_target_arch = "aarch64") { 201 } else { 50 };
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;
/// Nanoseconds after which a datagram on the same connected socket is told again.
const DATAGRAM_PAUSE: u64 = 1_000_000_000;

/// `BPF_CGROUP_INET4_CONNECT`: from `tcp_v4_pre_connect` and `ip4_datagram_connect`, before the address is used.
#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    addressed(&ctx, INET_CONNECT, AF_INET);
    1
}

/// `BPF_CGROUP_INET6_CONNECT`.
#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    addressed(&ctx, INET_CONNECT, AF_INET6);
    1
}

/// `BPF_CGROUP_UDP4_SENDMSG`: from `udp_sendmsg` when the message names an address.
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    addressed(&ctx, INET_SEND, AF_INET);
    1
}

/// `BPF_CGROUP_UDP6_SENDMSG`.
#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    addressed(&ctx, INET_SEND, AF_INET6);
    1
}

#[inline(always)]
fn addressed(ctx: &SockAddrContext, op: u32, family: u16) {
    let Some(scope) = scope::watched() else { return };
    let raw: *const bpf_sock_addr = ctx.sock_addr;
    // SAFETY: the context gives access to these words; addresses are in network order.
    let (words, port, sock_type, protocol) = unsafe {
        let words = if family == AF_INET {
            [(*raw).user_ip4, 0, 0, 0]
        } else {
            [(*raw).user_ip6[0], (*raw).user_ip6[1], (*raw).user_ip6[2], (*raw).user_ip6[3]]
        };
        (words, (*raw).user_port, (*raw).type_, (*raw).protocol)
    };
    // SAFETY: the context of a cgroup/sock_addr program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    // Datagrams that name where they go are told by this alone; DNS and QUIC clients send such.
    // SAFETY: the context's socket.
    conn::remember(unsafe { (*raw).__bindgen_anon_1.sk }.cast(), cookie, &scope);
    let body = Inet {
        cookie,
        addr: bytes(words),
        port: u16::from_be(port as u16),
        family,
        protocol: protocol as u16,
        sock_type: sock_type as u16,
        op,
        pad: 0,
    };
    emit::send(KIND_INET, kernel::origin(), &scope, body);
}

#[inline(always)]
fn bytes(words: [u32; 4]) -> [u8; 16] {
    let mut out = [0; 16];
    let mut i = 0;
    while i < 4 {
        let word = words[i].to_ne_bytes();
        out[i * 4] = word[0];
        out[i * 4 + 1] = word[1];
        out[i * 4 + 2] = word[2];
        out[i * 4 + 3] = word[3];
        i += 1;
    }
    out
}

/// `BPF_CGROUP_INET4_POST_BIND`: from `__inet_bind` after the port was taken.
#[cgroup_sock(post_bind4)]
pub fn post_bind4(ctx: SockContext) -> i32 {
    bound(&ctx, AF_INET);
    1
}

/// `BPF_CGROUP_INET6_POST_BIND`.
#[cgroup_sock(post_bind6)]
pub fn post_bind6(ctx: SockContext) -> i32 {
    bound(&ctx, AF_INET6);
    1
}

#[inline(always)]
fn bound(ctx: &SockContext, family: u16) {
    let Some(scope) = scope::watched() else { return };
    let raw: *const bpf_sock = ctx.sock;
    // SAFETY: the context gives access to these words.
    let (words, port, sock_type, protocol) = unsafe {
        let words = if family == AF_INET {
            [(*raw).src_ip4, 0, 0, 0]
        } else {
            [(*raw).src_ip6[0], (*raw).src_ip6[1], (*raw).src_ip6[2], (*raw).src_ip6[3]]
        };
        (words, (*raw).src_port, (*raw).type_, (*raw).protocol)
    };
    let body = Inet {
        // SAFETY: the context of a cgroup/sock program.
        cookie: unsafe { bpf_get_socket_cookie(ctx.as_ptr()) },
        addr: bytes(words),
        port: port as u16,
        family,
        protocol: protocol as u16,
        sock_type: sock_type as u16,
        op: INET_BIND,
        pad: 0,
    };
    emit::send(KIND_INET, 0, &scope, body);
}

/// `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`, from `inet_sk_state_store` and others;
/// may run in softirq, where `current` is whoever was interrupted: only `sk` counts then.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn sock_state(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    let old: i32 = ctx.arg(1);
    let new: i32 = ctx.arg(2);
    if new == TCP_LISTEN {
        if let Some(scope) = scope::watched() {
            listens(sk, &scope);
        } else if scope::is_sought() {
            // SAFETY: sk is a trusted pointer argument of the tracepoint.
            let cookie = unsafe { bpf_get_socket_cookie(sk.cast_mut().cast()) };
            let nobody = Scope { start: kernel::start_of(kernel::current() as u64), server: 0, flags: 0 };
            local(cookie, sk as u64, &nobody, INET_LISTEN);
        }
        return 0;
    }
    // A connection of a socket with itself, or one that both ends begin, comes by way of SYN_RECV, as accepted ones do, which
    // carry no mark.
    let established = new == TCP_ESTABLISHED && (old == TCP_SYN_SENT || old == TCP_SYN_RECV);
    if !(established || new == TCP_CLOSE) || old == TCP_LISTEN {
        return 0;
    }
    if !conn::may_be_known(sk.cast_mut().cast()) {
        return 0;
    }
    // SAFETY: sk is a trusted pointer argument of this tracepoint.
    let cookie = unsafe { bpf_get_socket_cookie(sk.cast_mut().cast()) };
    let Some(conn) = conn::of(cookie) else { return 0 };
    let sk = sk as u64;
    let body = State {
        cookie,
        sent: read(sk, offset!(tcp_bytes_sent)),
        received: read(sk, offset!(tcp_bytes_received)),
        old: old as u32,
        new: new as u32,
        error: read(sk, offset!(sock_sk_err)),
        scope: conn.scope,
        owner: conn.tgid,
        ports: ports(sk),
        owner_start: conn.start,
    };
    if new == TCP_CLOSE {
        conn::forget(cookie);
    }
    let scope = Scope { start: conn.start, server: conn.scope, flags: 0 };
    emit::send(KIND_SOCK_STATE, 0, &scope, body);
    0
}

/// A socket begins to listen. One that wasn't bound gets its port right after this: the return of the call tells of it.
#[inline(always)]
fn listens(sk: *const u8, scope: &Scope) {
    // SAFETY: sk is a trusted pointer argument of the tracepoint.
    let cookie = unsafe { bpf_get_socket_cookie(sk.cast_mut().cast()) };
    let call = kernel::call();
    if read::<u16>(sk as u64, offset!(sock_num)) == 0 && call.number == LISTEN && !call.compat {
        conn::remember(sk.cast_mut().cast(), cookie, scope);
        return;
    }
    local(cookie, sk as u64, scope, INET_LISTEN);
}

/// `listen(fd, backlog)`: the port of a socket that wasn't bound, and local sockets.
#[tracepoint]
pub fn listen_exit(ctx: TracePointContext) -> u32 {
    let Some(scope) = scope::watched() else { return 0 };
    let (ret, fd) = (returned(&ctx) as i32, kernel::argument(0));
    if ret == 0 && u32::from(read::<u16>(sock_of(fd), offset!(sock_family))) == AF_UNIX {
        unix_listened(&scope, 0, sock_of(fd));
    } else {
        listened(&scope, ret, sock_of(fd));
    }
    0
}

/// `listen` returned.
#[inline(always)]
pub fn listened(scope: &Scope, ret: i32, sk: u64) {
    let cookie: u64 = read(sk, offset!(sock_cookie));
    if conn::of(cookie).is_none() {
        return;
    }
    conn::forget(cookie);
    if ret == 0 {
        local(cookie, sk, scope, INET_LISTEN);
    }
}

/// A connection's local port, and below it the remote one.
#[inline(always)]
pub fn ports(sk: u64) -> u32 {
    let remote = u16::from_be(read(sk, offset!(sock_dport)));
    u32::from(read::<u16>(sk, offset!(sock_num))) << 16 | u32::from(remote)
}

/// Reports the local address of a socket.
#[inline(always)]
fn local(cookie: u64, sk: u64, scope: &Scope, op: u32) {
    let family: u16 = read(sk, offset!(sock_family));
    let words: [u32; 4] = if family == AF_INET {
        [read(sk, offset!(sock_rcv_saddr)), 0, 0, 0]
    } else {
        read(sk, offset!(sock_v6_rcv_saddr))
    };
    let body = Inet {
        cookie,
        addr: bytes(words),
        port: read(sk, offset!(sock_num)),
        family,
        protocol: IPPROTO_TCP,
        sock_type: 1,
        op,
        pad: 0,
    };
    emit::send(KIND_INET, 0, scope, body);
}

/// `accept(fd, …)`, `accept4(fd, …)`: the new descriptor's peer.
#[tracepoint]
pub fn accept_exit(ctx: TracePointContext) -> u32 {
    let fd = returned(&ctx);
    if fd < 0 {
        return 0;
    }
    if let Some(scope) = scope::watched() {
        accepted(&scope, 0, sock_of(fd as u64));
    }
    0
}

/// A connection came in: `sk` is its socket.
#[inline(always)]
pub fn accepted(scope: &Scope, flags: u16, sk: u64) {
    let family: u16 = read(sk, offset!(sock_family));
    if family != AF_INET && family != AF_INET6 {
        return;
    }
    let words: [u32; 4] =
        if family == AF_INET { [read(sk, offset!(sock_daddr)), 0, 0, 0] } else { read(sk, offset!(sock_v6_daddr)) };
    let body = Inet {
        cookie: 0,
        addr: bytes(words),
        port: u16::from_be(read(sk, offset!(sock_dport))),
        family,
        protocol: IPPROTO_TCP,
        sock_type: 1,
        op: INET_ACCEPT,
        pad: 0,
    };
    emit::send(KIND_INET, flags, scope, body);
}

/// `struct sock *` behind a descriptor. Only for descriptors that are known to be sockets.
#[inline(always)]
fn sock_of(fd: u64) -> u64 {
    let file = kernel::file_of(fd);
    // sock_alloc_file: private_data of a socket's file is its struct socket.
    let socket: u64 = read(file, offset!(file_private_data));
    read(socket, offset!(socket_sk))
}

/// `connect(fd, addr, len)`: `AF_UNIX`; inet has its own hooks, and only what fails at once is told here.
#[tracepoint]
pub fn connect_exit(ctx: TracePointContext) -> u32 {
    let Some(scope) = scope::watched() else { return 0 };
    let address = kernel::argument(1);
    let Some(family) = kernel::read_user::<u16>(address) else { return 0 };
    let ret = returned(&ctx) as i32;
    if u32::from(family) != AF_UNIX {
        if ret < 0 {
            failed(&scope, ret, sock_of(kernel::argument(0)));
        }
        return 0;
    }
    let sk = if ret == 0 { sock_of(kernel::argument(0)) } else { 0 };
    unix(&scope, 0, ret, sk, Name { address, len: kernel::argument(2), user: true });
    0
}

/// A connect that was reported failed without a change of state: no route, no port left, forbidden by a filter.
#[inline(always)]
pub fn failed(scope: &Scope, ret: i32, sk: u64) {
    // Under way, or interrupted: the state will tell.
    if ret >= 0 || ret == -EINPROGRESS || ret == -EALREADY || ret == -EISCONN || ret == -EINTR || ret == -ERESTARTSYS {
        return;
    }
    let cookie: u64 = read(sk, offset!(sock_cookie));
    let Some(conn) = conn::of(cookie) else { return };
    conn::forget(cookie);
    let body = State {
        cookie,
        sent: 0,
        received: 0,
        old: TCP_SYN_SENT as u32,
        new: TCP_CLOSE as u32,
        error: -ret as u32,
        scope: conn.scope,
        owner: conn.tgid,
        ports: 0,
        owner_start: conn.start,
    };
    emit::send(KIND_SOCK_STATE, 0, scope, body);
}

/// A `struct sockaddr_un` as it was passed.
pub struct Name {
    pub address: u64,
    pub len: u64,
    /// It is in the process's memory, not in the kernel's.
    pub user: bool,
}

/// Reports an `AF_UNIX` connect; `sk` (0 if it failed) is the socket that connected.
#[inline(always)]
pub fn unix(scope: &Scope, flags: u16, ret: i32, sk: u64, passed: Name) {
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Unix>(scratch);
    let mut flags = flags;
    // The accepted end shares the listener's place.
    let path_len = if sk == 0 { 0 } else { place(&mut builder, read(sk, offset!(unix_peer)), &mut flags) };
    // sun_path follows the 2 bytes of sun_family; at most 108 bytes (unix(7)).
    let name = if passed.len > 2 && passed.len <= 110 { passed.len - 2 } else { 0 };
    let via_len = builder.append(passed.address + 2, name & 0x7f, passed.user);
    let _counted = builder.take_fault(scope.server, stats::ADDRESS_FAULT);
    builder.finish(KIND_UNIX, flags, scope, Unix { ret, op: UNIX_CONNECT, path_len, via_len });
}

/// Reports that a local socket listens, at its place in the file system or by its abstract name.
#[inline(always)]
pub fn unix_listened(scope: &Scope, flags: u16, sk: u64) {
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Unix>(scratch);
    let mut flags = flags;
    let path_len = place(&mut builder, sk, &mut flags);
    // struct unix_address { refcnt, len, struct sockaddr_un name[] }, whose sun_path is after 2 bytes.
    let address: u64 = read(sk, offset!(unix_addr));
    let len = u64::from(read::<u32>(address, offset!(unix_address_len)));
    let name = if address != 0 && len > 2 && len <= 110 { len - 2 } else { 0 };
    let via_len = builder.append(address + offset!(unix_address_name) + 2, name & 0x7f, false);
    builder.finish(KIND_UNIX, flags, scope, Unix { ret: 0, op: UNIX_LISTEN, path_len, via_len });
}

/// Appends the place in the file system that a local socket is bound to, if it has one.
#[inline(always)]
fn place(builder: &mut Builder, sk: u64, flags: &mut u16) -> u32 {
    if read::<u64>(sk, offset!(unix_path) + 8) == 0 {
        return 0;
    }
    if !path::walk(builder.scratch(), sk + offset!(unix_path)) {
        *flags |= FLAG_CUT;
        emit::count(stats::PATH_CUT);
    }
    builder.append_path()
}

/// `socket(family, type, protocol)`: families that the cgroup hooks don't serve, and raw sockets.
#[tracepoint]
pub fn socket_exit(ctx: TracePointContext) -> u32 {
    if returned(&ctx) < 0 {
        return 0;
    }
    let Some(scope) = scope::watched() else { return 0 };
    made(&scope, 0, kernel::argument(0) as u32, kernel::argument(1) as u32 & 0xf, kernel::argument(2) as u32);
    0
}

/// A socket was made.
#[inline(always)]
pub fn made(scope: &Scope, flags: u16, family: u32, sock_type: u32, protocol: u32) {
    let inet = family == u32::from(AF_INET) || family == u32::from(AF_INET6);
    if family != AF_UNIX && !(inet && sock_type != SOCK_RAW) {
        emit::send(KIND_SOCKET, flags, scope, Made { family, sock_type, protocol, pad: 0 });
    }
}

/// A datagram on a connected socket: connecting alone sends nothing (the resolver library does it to sort addresses), so
/// datagrams are what counts: the first to a destination, then one a second, and the next one after the server came to hold a
/// sensitive file.
#[inline(never)] // a frame of its own: main, callback and this must fit into 512 bytes together
pub fn datagram(scope: &Scope, sk: u64, family: u16, ino: u64) {
    let words: [u32; 4] =
        if family == AF_INET { [read(sk, offset!(sock_daddr)), 0, 0, 0] } else { read(sk, offset!(sock_v6_daddr)) };
    let port = u16::from_be(read(sk, offset!(sock_dport)));
    if port == 0 {
        return; // not connected: the message names its destination, which the cgroup hook sees
    }
    let tgid = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    let to = words[0] ^ words[1] ^ words[2] ^ words[3] ^ u32::from(port) << 16;
    let key = Identity { ino, dev: to, tgid };
    // Zeros for "never", because the verifier does not follow an `Option` that is taken apart in two places.
    // SAFETY: no preconditions; values are copied out at once.
    let (now, told, held) = unsafe {
        let told = DATAGRAMS.get(key).copied().unwrap_or_default();
        (bpf_ktime_get_boot_ns(), told, HELD.get(scope.server).copied().unwrap_or_default())
    };
    if told > held && now - told < DATAGRAM_PAUSE {
        return;
    }
    let _full = DATAGRAMS.insert(key, now, 0);
    let body = Inet {
        cookie: read(sk, offset!(sock_cookie)),
        addr: bytes(words),
        port,
        family,
        protocol: IPPROTO_UDP,
        sock_type: 2,
        op: INET_SEND,
        pad: 0,
    };
    emit::send(KIND_INET, 0, scope, body);
}
