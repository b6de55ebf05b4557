//! Packets that may name whom a connection is for: a TLS client's first words, over TCP or in QUIC, and DNS both ways.
//! Only on sockets of watched processes, which the socket hooks have noted.
//!
//! They run for every packet of the host's sockets, often on behalf of nobody: a packet of another connection costs the
//! question whether its socket carries a mark. `current` says nothing here.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_get_socket_cookie, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use monitor_abi::config::Conn;
use monitor_abi::header::{Header, KIND_PACKET, RING_PAYLOAD};
use monitor_abi::packet::Packet;
use monitor_abi::stats;
use monitor_abi::stream::{DIR_READ, DIR_WRITE};

use crate::conn;
use crate::emit::{self, Fixed};
use crate::maps::{BEGUN, Begun};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const DNS: u16 = 53;
/// Bytes of UDP's header (RFC 768).
const UDP_HEADER: u32 = 8;
const SYN: u8 = 2;
/// TLS record of type handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// Bytes of a TLS client's first words that are taken; a hello is a tenth of it.
const HELLO: u32 = 16 << 10;
/// Bytes of one direction of a TCP connection to a name server that are taken.
const LOOK_UPS: u32 = 1 << 20;
/// Largest tail of a record, a power of two.
const PIECE: u32 = 8192;

/// `BPF_CGROUP_INET_EGRESS`: from `ip_output` and `ip6_output`; the packet begins with its IP header.
#[cgroup_skb]
pub fn packet_out(ctx: SkBuffContext) -> i32 {
    let _nothing = look(&ctx, DIR_WRITE);
    1
}

/// `BPF_CGROUP_INET_INGRESS`: from `sk_filter_trim_cap`, when a packet has found its socket.
#[cgroup_skb]
pub fn packet_in(ctx: SkBuffContext) -> i32 {
    let _nothing = look(&ctx, DIR_READ);
    1
}

#[inline(always)]
fn look(ctx: &SkBuffContext, dir: u16) -> Option<()> {
    // SAFETY: the context gives access to this word.
    let sk = unsafe { (*ctx.skb.skb).__bindgen_anon_2.sk };
    if sk.is_null() || !conn::may_be_known(sk.cast()) {
        return None;
    }
    // SAFETY: the context of a cgroup/skb program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let conn = conn::of(cookie)?;
    let mut packet = Packet { cookie, dir, ..Packet::default() };
    // RFC 791 section 3.1, RFC 8200 section 3. A packet with extension headers names nobody here.
    let first: u8 = ctx.load(0).ok()?;
    let (transport, protocol) = if first >> 4 == 4 {
        let other: [u8; 4] = ctx.load(if dir == DIR_WRITE { 16 } else { 12 }).ok()?;
        packet.addr[0] = other[0];
        packet.addr[1] = other[1];
        packet.addr[2] = other[2];
        packet.addr[3] = other[3];
        packet.family = AF_INET;
        (u32::from(first & 15) * 4, ctx.load::<u8>(9).ok()?)
    } else {
        packet.addr = ctx.load(if dir == DIR_WRITE { 24 } else { 8 }).ok()?;
        packet.family = AF_INET6;
        (40, ctx.load::<u8>(6).ok()?)
    };
    packet.protocol = u16::from(protocol);
    let port: u16 = ctx.load(transport as usize + if dir == DIR_WRITE { 2 } else { 0 }).ok()?;
    packet.port = u16::from_be(port);
    let (at, limit) = match protocol {
        IPPROTO_UDP if packet.port == DNS => (transport + UDP_HEADER, PIECE),
        IPPROTO_UDP if dir == DIR_WRITE && begins_quic(ctx, transport + UDP_HEADER)? => {
            // SAFETY: the context gives access to this word.
            packet.segment = unsafe { (*ctx.skb.skb).gso_size };
            (transport + UDP_HEADER, u32::MAX)
        }
        IPPROTO_TCP if packet.port == DNS || dir == DIR_WRITE => segment(ctx, &mut packet, transport)?,
        _ => return None,
    };
    take(ctx, &conn, packet, at, limit)
}

/// Whether a datagram begins with an Initial packet of QUIC, of a version whose Initial packets can be opened (RFC 9000
/// section 17.2, RFC 9369 section 3.2). What follows a connection's beginning has a short header, or another type.
#[inline(always)]
fn begins_quic(ctx: &SkBuffContext, at: u32) -> Option<bool> {
    let [first, version @ ..]: [u8; 5] = ctx.load(at as usize).ok()?;
    // its long header's form, and its type
    let initial = match u32::from_be_bytes(version) {
        0x0000_0001 | 0xff00_001d..=0xff00_0020 => 0b1000_0000,
        0x6b33_43cf => 0b1001_0000,
        _ => return None,
    };
    Some(first & 0b1011_0000 == initial)
}

/// A TCP segment (RFC 9293 section 3.1): what goes on where the last one ended. Returns where its data begins, and how much
/// of that is still wanted.
#[inline(always)]
fn segment(ctx: &SkBuffContext, packet: &mut Packet, transport: u32) -> Option<(u32, u32)> {
    let words: u8 = ctx.load(transport as usize + 12).ok()?;
    let at = transport + u32::from(words >> 4) * 4;
    let len = ctx.len().checked_sub(at).filter(|len| *len > 0)?;
    let sequence = u32::from_be(ctx.load(transport as usize + 4).ok()?);
    // Data of a SYN comes behind it (RFC 7413).
    let flags: u8 = ctx.load(transport as usize + 13).ok()?;
    let sequence = if flags & SYN != 0 { sequence.wrapping_add(1) } else { sequence };
    let dns = packet.port == DNS;
    let limit = if dns { LOOK_UPS } else { HELLO };
    // The two directions of a look-up each have a place of their own: a cookie is a count, far from its highest bit.
    let key = packet.cookie | u64::from(packet.dir) << 63;
    // SAFETY: copied out at once.
    let begun = match unsafe { BEGUN.get(key) }.copied() {
        Some(begun) => begun,
        None if dns || ctx.load::<u8>(at as usize).ok()? == HANDSHAKE => Begun { sequence, next: 0 },
        None => Begun { sequence, next: u32::MAX },
    };
    let offset = sequence.wrapping_sub(begun.sequence);
    // Enough, or again. What comes too early is told as it is: its place says what is missing.
    if begun.next >= limit || offset < begun.next || offset >= limit {
        if begun.next == u32::MAX && offset == 0 {
            let _full = BEGUN.insert(key, begun, 0);
        }
        return None;
    }
    let next = Begun { sequence: begun.sequence, next: offset.saturating_add(len) };
    let _full = BEGUN.insert(key, next, 0);
    packet.offset = offset;
    Some((at, limit - offset))
}

/// Sends what lies behind the headers, in at most two records.
#[inline(always)]
fn take(ctx: &SkBuffContext, conn: &Conn, mut packet: Packet, at: u32, limit: u32) -> Option<()> {
    let left = ctx.len().checked_sub(at)?;
    let left = if left > limit { limit } else { left };
    packet.total = left;
    let first = piece(ctx, conn, &packet, at, left)?;
    if left > first {
        packet.offset = packet.offset.wrapping_add(first);
        packet.total = left - first;
        piece(ctx, conn, &packet, at + first, left - first)?;
    }
    Some(())
}

/// Sends one piece; returns how long it was.
#[inline(always)]
fn piece(ctx: &SkBuffContext, conn: &Conn, packet: &Packet, at: u32, left: u32) -> Option<u32> {
    if left == 0 {
        return None;
    }
    // Written so that the verifier sees bounds that don't depend on what it knows of the branches before.
    let len = if left > PIECE { PIECE } else { left };
    let len = (len.wrapping_sub(1) & (PIECE - 1)) + 1;
    let Some(mut scratch) = emit::scratch() else {
        emit::count(stats::PACKET_LOST);
        return None;
    };
    let start = size_of::<Fixed<Packet>>();
    // SAFETY: the scratch record is larger than the head and a piece.
    let done = unsafe { bpf_skb_load_bytes(ctx.as_ptr(), at, scratch.record.as_mut_ptr().add(start).cast(), len) };
    if done < 0 {
        emit::count(stats::PACKET_LOST);
        return None;
    }
    let total = start as u64 + u64::from(len);
    let head = Header {
        len: total as u32,
        kind: KIND_PACKET,
        flags: 0,
        seq: emit::next_sequence(RING_PAYLOAD),
        // SAFETY: no preconditions.
        time: unsafe { bpf_ktime_get_boot_ns() },
        start: conn.start,
        tgid: conn.tgid,
        tid: conn.tgid,
        // SAFETY: no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() },
        scope: conn.scope,
        uid: 0,
        pad: 0,
    };
    let fixed = Fixed { head, body: Packet { data_len: len, ..*packet } };
    // SAFETY: as above.
    unsafe { core::ptr::write(scratch.record.as_mut_ptr().cast::<Fixed<Packet>>(), fixed) };
    let sent = emit::packet(scratch.record.as_ptr(), total);
    emit::count(if sent { stats::PAYLOAD_SENT } else { stats::PACKET_LOST });
    Some(len)
}
