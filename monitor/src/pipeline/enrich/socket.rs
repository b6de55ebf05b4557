//! Sockets: destinations, outcomes, local names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use monitor_abi::header::{FLAG_COMPAT, FLAG_CUT, FLAG_URING, Header};
use monitor_abi::socket;
use monitor_core::event::{Net, NetEnd, NetOp, Proto, SocketMade, Unix};
use monitor_wire::redact::{Key, redact};
use monitor_wire::text::escape_bytes;

use super::path::{link, resolve};
use super::{actor, proc_id};

/// An inet operation.
#[must_use]
pub fn inet(head: &Header, body: &socket::Inet) -> Net {
    Net {
        proc: actor(head),
        op: match body.op {
            socket::INET_SEND => NetOp::Send,
            socket::INET_BIND => NetOp::Bind,
            socket::INET_LISTEN => NetOp::Listen,
            socket::INET_ACCEPT => NetOp::Accept,
            _ => NetOp::Connect,
        },
        proto: proto(body.protocol, body.sock_type),
        addr: address(body.family, body.addr),
        port: body.port,
        cookie: body.cookie,
        result: String::new(),
        name: None,
        io_uring: head.flags & FLAG_URING != 0,
        abi: (head.flags & FLAG_COMPAT != 0).then(|| "ia32".to_owned()),
    }
}

/// What came of a connection attempt, in the words of [`Net::result`]; `None` for later states.
#[must_use]
pub fn outcome(body: &socket::State) -> Option<String> {
    if body.old != TCP_SYN_SENT {
        return None;
    }
    let end = state(body);
    Some(if end.state == "established" { "ok".to_owned() } else { end.state })
}

/// `TCP_SYN_SENT` (include/net/tcp_states.h).
const TCP_SYN_SENT: u32 = 2;

/// A connection's new state.
#[must_use]
pub fn state(body: &socket::State) -> NetEnd {
    const ESTABLISHED: u32 = 1;
    let state = match (body.old, body.new, body.error) {
        (_, ESTABLISHED, _) => "established".to_owned(),
        (_, _, 111) => "refused".to_owned(),
        (_, _, 110) => "timeout".to_owned(),
        (TCP_SYN_SENT, _, 0) => "aborted".to_owned(),
        (_, _, 0) => "closed".to_owned(),
        (_, _, error) => format!("errno {error}"),
    };
    NetEnd {
        proc: proc_id(body.owner, body.owner_start),
        cookie: body.cookie,
        state,
        sent: body.sent,
        received: body.received,
    }
}

/// A connection to a local socket, or one that listens.
#[must_use]
pub fn unix(head: &Header, body: &socket::Unix, path: &[u8], via: &[u8], key: &Key) -> Unix {
    let path = if !path.is_empty() {
        let cut = if head.flags & FLAG_CUT != 0 { "…" } else { "" };
        format!("{cut}{}", escape_bytes(path))
    } else if via.is_empty() {
        String::new()
    } else if let Some(name) = via.strip_prefix(&[0]) {
        format!("@{}", redact(key, &escape_bytes(name)))
    } else {
        let text = escape_bytes(via.split(|byte| *byte == 0).next().unwrap_or_default());
        let named = resolve(head.tgid, &link(format!("/proc/{}/cwd", head.tgid)), &text);
        redact(key, &named).into_owned()
    };
    let result = if body.ret == 0 { "ok".to_owned() } else { format!("errno {}", body.ret.unsigned_abs()) };
    let op = if body.op == socket::UNIX_LISTEN { "listen" } else { "connect" };
    Unix { proc: actor(head), path, op: op.to_owned(), result }
}

/// An unusual socket.
#[must_use]
pub fn made(head: &Header, body: &socket::Made) -> SocketMade {
    let family = match (body.family, body.sock_type) {
        (2 | 10, _) => "raw".to_owned(),
        (16, _) => "netlink".to_owned(),
        (17, _) => "packet".to_owned(),
        (38, _) => "alg".to_owned(),
        (40, _) => "vsock".to_owned(),
        (44, _) => "xdp".to_owned(),
        (family, _) => format!("family {family}"),
    };
    SocketMade { proc: actor(head), family, protocol: body.protocol }
}

/// An address as the kernel wrote it.
#[must_use]
pub fn address(family: u16, bytes: [u8; 16]) -> IpAddr {
    if family == 2 {
        return IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]));
    }
    Ipv6Addr::from(bytes).to_canonical()
}

const fn proto(protocol: u16, sock_type: u16) -> Proto {
    match (protocol, sock_type) {
        (_, 3) => Proto::Raw,
        (6 | 262, _) | (0, 1) => Proto::Tcp,
        (17 | 136, _) | (0, 2) => Proto::Udp,
        (1 | 58, 2) => Proto::Icmp,
        _ => Proto::Other,
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::header::Header;
    use monitor_abi::socket;
    use monitor_wire::redact::Key;

    use super::{address, unix};

    #[test]
    fn names_of_local_sockets_hold_no_token() {
        let key = Key::from_bytes([7; 32]);
        let token = format!("ghp_{}", "Ab3".repeat(12));
        for via in [format!("\0{token}"), format!("/no/such/{token}\0"), token.clone()] {
            let body = socket::Unix { ret: -2, ..socket::Unix::default() };
            let path = unix(&Header::default(), &body, b"", via.as_bytes(), &key).path;
            assert!(path.contains("fp:") && !path.contains(&token), "{path}");
        }
    }

    #[test]
    fn addresses_are_as_user_space_knows_them() {
        assert_eq!(address(2, [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).to_string(), "127.0.0.1");
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!(address(10, mapped).to_string(), "10.0.0.1");
    }
}
