//! What connections say, as events: HTTP messages, and MCP messages in them with who spoke to whom.

use monitor_abi::header::Header;
use monitor_abi::socket::State;
use monitor_abi::stream::{DIR_TLS, Data, GAP_SPLICE, GAP_URING, Gap, POLICY_IGNORE, STREAM_TLS};
use monitor_core::event::{Event, Http, Kind, Loss, Mcp, Side};
use monitor_core::id::{FileId, ServerId};
use monitor_core::time::Time;
use monitor_wire::http::{End, Message};

use super::http::{Heard, Id, Peer, What};
use super::records::missing;
use super::{Pipeline, enrich};

/// `TCP_ESTABLISHED` and `TCP_CLOSE` (include/net/tcp_states.h).
const TCP_ESTABLISHED: u32 = 1;
const TCP_CLOSE: u32 = 7;

/// A connection.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// As a channel.
    pub id: Id,
    /// Its socket, 0 where that isn't known.
    pub cookie: u64,
    /// Its own port and the other end's, 0 where they aren't known.
    pub ports: u32,
}

impl Pipeline {
    /// A connection of a watched process was established, or has ended.
    pub(super) fn connection(&mut self, head: &Header, body: &State) {
        let server = self.owner(head);
        match (body.new, server) {
            (TCP_ESTABLISHED, Some(id)) => {
                let now = self.clock.wall(head.time);
                self.inner.made(id, body.cookie, body.ports, now);
            }
            (TCP_CLOSE, _) => {
                self.names.closed(body.cookie);
                if let Some(id) = self.channels.by_socket(body.cookie) {
                    self.hung_up(head, server, Line { id, cookie: body.cookie, ports: body.ports });
                }
                if let Some(id) = server {
                    let now = self.clock.wall(head.time);
                    self.inner.ended(id, body.cookie, now);
                }
            }
            _ => {}
        }
    }

    /// Bytes that went over a connection.
    pub(super) fn spoken(&mut self, head: &Header, server: Option<ServerId>, data: &Data, bytes: &[u8]) {
        let tls = data.class == STREAM_TLS;
        let id = Id { owner: data.dev, channel: data.ino, tls };
        let cookie = if tls { 0 } else { data.peer };
        let line = Line { id, cookie, ports: if tls { 0 } else { data.fd as u32 } };
        let heard = self.channels.data(id, (cookie, line.ports), data.dir, bytes, &self.tokens.set);
        if heard.ignore {
            // for TLS while its address stands for the same connection
            self.ignore.push((id.stream(), Some(if tls { data.peer as u32 } else { POLICY_IGNORE })));
        }
        self.said(head, server, line, heard);
    }

    /// Bytes of it are missing.
    pub(super) fn unheard(&mut self, head: &Header, server: Option<ServerId>, gap: &Gap) {
        let tls = gap.dir & DIR_TLS != 0;
        let id = Id { owner: gap.dev, channel: gap.ino, tls };
        // what the kernel moves by itself is a file's content, unless the connection is known to carry messages
        let moved = matches!(gap.reason, GAP_SPLICE | GAP_URING);
        if !tls && moved && !self.channels.was_understood(id) {
            return;
        }
        let cookie = if tls { 0 } else { gap.peer };
        let heard = self.channels.gap(id, gap.dir, gap.bytes, &self.tokens.set);
        let ports = self.channels.ports(id);
        self.said(head, server, Line { id, cookie, ports }, heard);
        // whoever uploads or downloads much hides no call by it
        if tls || self.channels.carries_mcp(id) {
            let (time, sensor) = (self.clock.wall(head.time), if tls { "tls" } else { "stream" });
            let loss = missing(sensor, time, enrich::actor(head), gap);
            self.event(Event { time, server, kind: Kind::Loss(loss) });
        }
    }

    /// It has ended, or its library has given its object back.
    pub(super) fn hung_up(&mut self, head: &Header, server: Option<ServerId>, line: Line) {
        let heard = self.channels.end(line.id, &self.tokens.set);
        self.said(head, server, line, heard);
    }

    /// A process has ended, or is another program now: an address among its own says nothing any more.
    pub(super) fn forget_channels(&mut self, pid: u32) {
        self.ignore.extend(self.channels.gone(pid).into_iter().map(|id| (id.stream(), None)));
    }

    /// What was said on a channel.
    fn said(&mut self, head: &Header, server: Option<ServerId>, line: Line, heard: Heard) {
        let (time, proc) = (self.clock.wall(head.time), enrich::actor(head));
        let Heard { said, asks, host, hits, .. } = heard;
        if said.is_empty() && hits.is_empty() {
            return;
        }
        // what a server says on other connections on which it is asked goes to no model
        let told = asks || self.is_asked_by_client(server, line, time);
        let hits: Vec<_> = hits.into_iter().filter(|_| told).collect();
        // an answer that holds one ends its call
        let (first, last): (Vec<_>, Vec<_>) = hits.into_iter().partition(|(sent, _)| *sent != asks);
        let host = asks.then(|| if host.is_empty() { self.address(line.cookie) } else { host });
        for (sent, hit) in first {
            self.passed(time, server, proc, (sent, host.as_deref()), vec![hit]);
        }
        for said in said {
            let sent = said.sent;
            let kind = match said.what {
                What::Http(message) => {
                    // What was HTTP and can't be read any more may go on all the same.
                    if sent
                        && let Message::End(End { reason }) = &message
                        && matches!(reason.as_str(), "malformed" | "too_long" | "lost")
                        && self.channels.was_understood(line.id)
                    {
                        let sensor = if line.id.tls { "tls" } else { "stream" };
                        let (sensor, reason) = (sensor.to_owned(), "undecodable".to_owned());
                        let loss = Loss { sensor, reason, from: time, count: 1, caused_by: Some(proc) };
                        self.event(Event { time, server, kind: Kind::Loss(loss) });
                    }
                    let Id { channel, tls, .. } = line.id;
                    let by = if line.cookie == 0 { String::new() } else { "descriptor".to_owned() };
                    Kind::Http(Http { proc, channel, cookie: line.cookie, by, tls, sent, message })
                }
                What::Mcp(message) => {
                    let Some((side, remote)) = self.parties(server, line, time, (asks, sent == asks)) else { continue };
                    let dev = enrich::device(line.id.owner);
                    let stream = FileId { dev, ino: line.id.channel };
                    let remote = remote.then(|| host.clone().unwrap_or_default());
                    Kind::Mcp(Mcp { stream, side, remote, http: true, proc, message })
                }
            };
            self.event(Event { time, server, kind });
        }
        for (sent, hit) in last {
            self.passed(time, server, proc, (sent, host.as_deref()), vec![hit]);
        }
    }

    /// Whether a server's client asks it on this connection.
    fn is_asked_by_client(&self, server: Option<ServerId>, line: Line, now: Time) -> bool {
        self.channels.is_mcp(line.id)
            && server.is_none_or(|id| {
                !self.streams.standards.is_asked_on_input(id) && self.inner.peer(id, line.ports, now) == Peer::Outside
            })
    }

    /// Where a socket's connection leads; empty where that isn't known.
    fn address(&self, cookie: u64) -> String {
        let connection = self.engine.state().connections.get(cookie);
        connection.map_or_else(String::new, |known| known.net.addr.to_string())
    }

    /// Who sent an MCP message, and whether the server is the client of another one there. `None`: it stays within the server.
    fn parties(
        &mut self,
        server: Option<ServerId>,
        line: Line,
        now: Time,
        (asks, asked): (bool, bool),
    ) -> Option<(Side, bool)> {
        let side = if asked { Side::Client } else { Side::Server };
        let Some(id) = server else { return Some((side, asks)) };
        if asks {
            let addr = self.engine.state().connections.get(line.cookie).map(|connection| connection.net.addr);
            let here = addr.is_some_and(|addr| addr.is_loopback());
            return (!here || !self.inner.is_own(id, line.ports as u16)).then_some((side, true));
        }
        if self.streams.standards.is_asked_on_input(id) {
            // its client speaks there, and nowhere else
            return None;
        }
        match self.inner.peer(id, line.ports, now) {
            Peer::Inside => None,
            // the answer to it is nobody's business
            Peer::Forger => asked.then_some((Side::Forged, false)),
            Peer::Outside => {
                if asked && line.ports != 0 {
                    self.inner.heard(id, line.ports);
                }
                Some((side, false))
            }
        }
    }
}
