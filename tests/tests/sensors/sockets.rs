//! Local listeners, the newer internet protocol, and how much a connection carried.

use anyhow::{Context, Result, bail};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use tests::effects::Watched;
use tests::outward::{BY_QUIC, EXCHANGED};

/// By its own place, whatever string it was bound by.
pub fn listens(it: &mut Watched) -> Result<()> {
    let passed = it.scratch("../scratch/./listener.sock");
    it.call("unix_listen", json!({"path": passed}))?;
    let path = it.scratch("listener.sock");
    it.expect(&json!({"kind": "unix", "op": "listen", "path": path, "result": "ok", "proc": {"pid": it.pid}})).map(drop)
}

pub fn listens_abstract(it: &mut Watched) -> Result<()> {
    it.call("abstract_listen", json!({"path": "tripline-test-listener"}))?;
    it.expect(&json!({"kind": "unix", "op": "listen", "path": "@tripline-test-listener"})).map(drop)
}

pub fn newer(it: &mut Watched) -> Result<()> {
    let net = |op: &str, port: u16| json!({"kind": "net", "op": op, "addr": "::1", "port": port});
    // Nobody listens there: the attempt counts.
    let _refused = it.call("connect", json!({"to": "[::1]:19"}));
    it.expect(&net("connect", 19))?;
    it.call("send6", json!({"to": "[::1]:5353"}))?;
    it.expect(&net("send", 5353))?;
    it.call("bind_udp", json!({"to": "[::1]:18997"}))?;
    it.expect(&net("bind", 18_997))?;
    it.call("accept", json!({"to": "[::1]:4713"}))?;
    it.expect(&net("listen", 4713))?;
    it.expect(&json!({"kind": "net", "op": "accept", "addr": "::1"})).map(drop)
}

/// The bytes of both directions, told at the end.
pub fn counted(it: &mut Watched) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let other = std::thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.read_exact(&mut [0; EXCHANGED.0])?;
        stream.write_all(&[b'.'; EXCHANGED.1])?;
        Ok(())
    });
    it.call("exchange", json!({"to": format!("127.0.0.1:{port}")}))?;
    other.join().map_err(|_| anyhow::anyhow!("the other end panicked"))??;
    let made = it.expect(&json!({"kind": "net", "op": "connect", "port": port}))?;
    let end = it.expect(&json!({"kind": "net_end", "cookie": made["cookie"], "state": "closed"}))?;
    let bytes = |name: &str| end[name].as_u64().with_context(|| format!("no count of {name}"));
    // The end of the other side's stream counts as one more.
    let (sent, received) = (bytes("sent")?, bytes("received")?);
    if sent != EXCHANGED.0 as u64 || received.abs_diff(EXCHANGED.1 as u64) > 1 {
        bail!("{EXCHANGED:?} bytes went out and came in, told were {sent} and {received}");
    }
    Ok(())
}

/// Whom a TLS connection is for, though its first words come in several segments.
pub fn hello(it: &mut Watched) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    it.call("hello", json!({"to": format!("127.0.0.1:{port}")}))?;
    let made = it.expect(&json!({"kind": "net", "op": "connect", "port": port}))?;
    let hello = json!({"sni": "node.example", "alpn": ["http/1.1"]});
    let event = it.expect(&json!({"kind": "tls", "cookie": made["cookie"], "proc": {"pid": it.pid}}))?;
    if event["hello"]["sni"] != hello["sni"] || event["hello"]["alpn"] != hello["alpn"] {
        bail!("{event} is not {hello}");
    }
    Ok(())
}

/// Whom a QUIC connection is for, however its first datagrams are sent: each joins with what the socket was seen to do
/// before.
pub fn quic(it: &mut Watched) -> Result<()> {
    for host in ["127.0.0.1", "::1"] {
        for (how, name) in BY_QUIC {
            let peer = UdpSocket::bind((host, 0))?;
            let to = peer.local_addr()?;
            it.call("quic", json!({"to": to.to_string(), "how": how}))?;
            let hello = it.expect(&json!({"kind": "tls", "quic": to.to_string(), "proc": {"pid": it.pid}}))?;
            if hello["hello"]["sni"] != name || hello["cookie"] == 0 {
                bail!("{how} to {host}: {hello} is not for {name}");
            }
            let end = |op| json!({"kind": "net", "op": op, "addr": host, "port": to.port(), "cookie": hello["cookie"]});
            it.expect(&end("send"))?;
            let (before, events) = (end(if how == "connected" { "connect" } else { "send" }), it.events());
            let first = events.iter().find(|event| **event == hello || tests::effects::holds(event, &before));
            if first.is_none_or(|first| *first == hello) {
                bail!("{how} to {host}: {hello} came before {before}");
            }
        }
    }
    Ok(())
}

/// What is asked of a name server, and answered, whether the socket is connected or not.
pub fn asks(it: &mut Watched) -> Result<()> {
    // an address of its own: a host may have a resolver at the usual ones
    let resolver = UdpSocket::bind("127.0.0.9:53").context("cannot stand in for a name server")?;
    resolver.set_read_timeout(Some(tests::peer::BOUND))?;
    let other = std::thread::spawn(move || -> Result<()> {
        for _ in 0..2 {
            let mut question = [0; 512];
            let (len, from) = resolver.recv_from(&mut question)?;
            let mut answer = question[..len].to_vec();
            (answer[2], answer[7]) = (0x81, 1);
            // that name, A, for a minute: 192.0.2.1
            answer.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
            resolver.send_to(&answer, from)?;
        }
        Ok(())
    });
    it.call("ask", json!({"to": "127.0.0.9:53"}))?;
    other.join().map_err(|_| anyhow::anyhow!("the name server panicked"))??;
    for name in ["a.example", "b.example"] {
        for said in [json!({"answer": false}), json!({"answer": true, "addresses": ["192.0.2.1"], "ttl": 60})] {
            let mut answer = json!({"name": name, "of": "A"});
            answer.as_object_mut().context("an object")?.extend(said.as_object().context("an object")?.clone());
            it.expect(&json!({"kind": "dns", "resolver": "127.0.0.9", "answer": answer, "proc": {"pid": it.pid}}))?;
        }
    }
    Ok(())
}

/// What comes of a connect that returned before.
pub fn refused_later(it: &mut Watched) -> Result<()> {
    it.call("connect_later", json!({"to": "127.0.0.1:11"}))?;
    let made = it.expect(&json!({"kind": "net", "op": "connect", "addr": "127.0.0.1", "port": 11}))?;
    it.expect(&json!({"kind": "net_end", "cookie": made["cookie"], "state": "refused"})).map(drop)
}

/// The destination is seen whatever asked for it. The operation is told where a connect to a local socket isn't.
pub fn by_io_uring(it: &mut Watched) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    it.call("uring_connect", json!({"to": format!("127.0.0.1:{port}")}))?;
    it.expect(&json!({"kind": "net", "op": "connect", "addr": "127.0.0.1", "port": port}))?;
    if super::expected() == super::Tracepoint {
        it.expect(&json!({"kind": "opaque", "what": "io_uring", "detail": "IORING_OP_CONNECT"}))?;
    }
    Ok(())
}
