//! One record of the kernel, and the event or events that it becomes.

use monitor_abi::socket::Uring;
use monitor_abi::stream::{self, DIR_TCP, DIR_TLS, Gap, STREAM_TCP, STREAM_TLS};
use monitor_core::event::{Dns, Event, Exit, File, Fork, Kind, Loss, NetOp, Opaque, Tls};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;

use super::candidates::Candidates;
use super::conversation::Line;
use super::http::Id;
use super::names::{self, Said};
use super::opens::Untold;
use super::streams::Mover;
use super::{Pipeline, enrich, uring};
use crate::sensor::decode::{Body, Record};

/// In `Pipeline::uring`: 32-bit system calls. No operation of io_uring has this bit.
const COMPAT: u64 = 1 << 63;
/// `OPENAT` and `OPENAT2` there.
const URING_OPENS: u64 = 1 << 18 | 1 << 28;

impl Pipeline {
    pub(super) fn decoded(&mut self, record: &Record<'_>) {
        let head = &record.head;
        let time = self.clock.wall(head.time);
        let server = self.owner(head);
        let event = |kind| Event { time, server, kind };
        match &record.body {
            Body::Fork(fork) => {
                let child = enrich::proc_id(fork.child, fork.child_start);
                // A number that is somebody else's from now on; what its last owner did may still be asked for until then.
                self.uring.remove(&child.pid);
                let joined = server.filter(|_| self.hosts.server_of(head.tgid).is_some());
                self.hosts.add(child, joined);
                self.hosts.born(child.pid, enrich::actor(head));
                if let Some(id) = joined.filter(|id| id.0 != head.scope && !Candidates::is_candidate(*id)) {
                    self.strays.push((child.pid, id));
                }
                self.event(Event {
                    time,
                    server: joined,
                    kind: Kind::Fork(Fork { parent: enrich::actor(head), child }),
                });
            }
            Body::Exec(body, path, argv, cwd) => {
                let exec = enrich::exec(head, body, path, argv, cwd, &self.key);
                if self.recognise.is_some() {
                    self.client(&exec);
                    self.listened.remove(&exec.proc);
                }
                // `exec` may have registered itself by now: as what it was before it is nobody's.
                let server = server.filter(|id| !Candidates::is_candidate(*id) || !self.is_server(head.tgid));
                self.executed(server, &exec, head.time);
                let server = server.map(|id| self.moved(id, head.tgid));
                let event = |kind| Event { time, server, kind };
                self.hosts.add(exec.proc, server);
                self.forget_channels(exec.proc.pid);
                if exec.compat && server.is_some() {
                    // the execution tells of it: that its calls are 32-bit ones too is nothing new
                    *self.uring.entry(exec.proc.pid).or_default() |= COMPAT;
                }
                let root = server.filter(|id| {
                    !Candidates::is_candidate(*id)
                        && self.engine.state().servers.get(*id).is_some_and(|known| known.start.root == exec.proc)
                });
                self.event(event(Kind::Exec(exec)));
                if let Some(id) = root {
                    self.read_given(id, head.tgid);
                }
            }
            Body::Exit(body) => {
                let proc = enrich::actor(head);
                let ended = self.hosts.end(head.time, proc);
                self.event(event(Kind::Exit(Exit { proc, status: body.code })));
                self.candidates.exited(proc.pid, head.time);
                self.listened.remove(&proc);
                self.forget_channels(proc.pid);
                match ended {
                    // One that was found is still to be accepted, with all it did.
                    Some(id) if self.found.iter().any(|found| found.candidate == id) || self.waits(id) => {}
                    Some(id) if Candidates::is_candidate(id) => self.candidate_ended(id),
                    Some(id) => self.end(time, id),
                    None => {}
                }
            }
            Body::Open(body, _, via) if head.scope == 0 => {
                if let Some(memory) = self.pipe_opened(head, body.ino, via) {
                    self.reached(time, None, memory);
                }
            }
            Body::Open(body, path, via) => {
                let file = enrich::opened(head, body, path, via, &self.key);
                self.opens.tell(head.time, head.tgid, file.file.id);
                if head.flags & monitor_abi::header::FLAG_COMPAT != 0 {
                    let detail = format!("opened {} by a 32-bit system call", file.file.path);
                    self.compat(time, server, &file, detail);
                }
                let event = event(Kind::File(file));
                let more = self.shares(&event);
                self.event(event);
                more.into_iter().for_each(|event| self.event(event));
            }
            Body::Resolved(body, path, to) => {
                self.event(event(Kind::File(enrich::change_resolved(head, body, path, to, &self.key))));
            }
            Body::Change(body, paths) => {
                let change = enrich::changed(head, body, paths, &self.key);
                self.event(event(Kind::File(change)));
            }
            Body::ProcOpen(body) => {
                // The agent looks at servers too; a server may look at itself and its own.
                if body.target != head.tgid
                    && body.target_scope != head.scope
                    && let Some(memory) = enrich::proc_open(head, body)
                {
                    // nobody looked into a stranger's environment when it was started
                    if server.is_none()
                        && let Some(exec) = enrich::influenced(head.tgid, &self.key)
                    {
                        self.event(event(Kind::Known(exec)));
                    }
                    self.reached(time, server, memory);
                }
            }
            Body::Reach(body) => {
                if body.target_scope != head.scope {
                    self.reached(time, server, enrich::reach(head, body));
                }
            }
            Body::Inet(_) if head.scope == 0 => self.listened(enrich::actor(head)),
            Body::Inet(body) => {
                let mut net = enrich::inet(head, body);
                if net.op == NetOp::Connect && net.cookie != 0 {
                    net.result = self.outcomes.of(net.cookie);
                }
                if net.op == NetOp::Listen
                    && let Some(id) = server
                {
                    self.inner.listens(id, net.port);
                }
                self.event(event(Kind::Net(net)));
            }
            Body::State(body) => {
                self.outcomes.told(body.cookie);
                self.connection(head, body);
                self.event(event(Kind::NetEnd(enrich::state(body))));
            }
            Body::Unix(body, path, via) => {
                self.event(event(Kind::Unix(enrich::unix(head, body, path, via, &self.key))))
            }
            Body::Made(body) => self.event(event(Kind::Socket(enrich::made(head, body)))),
            Body::Stream(data, bytes) if matches!(data.class, STREAM_TLS | STREAM_TCP) => {
                self.spoken(head, server, data, bytes);
            }
            Body::Gap(gap) if gap.dir & (DIR_TLS | DIR_TCP) != 0 => self.unheard(head, server, gap),
            Body::Packet(packet, bytes) => {
                let (proc, cookie, peer) = (enrich::actor(head), packet.cookie, names::peer(packet));
                let quic = names::quic(packet);
                for said in self.names.packet(packet, bytes) {
                    self.event(event(match said {
                        Said::Hello(hello) => Kind::Tls(Tls { proc, cookie, quic, hello }),
                        Said::Dns(answer) => Kind::Dns(Dns { proc, cookie, server: peer, answer }),
                    }));
                }
            }
            Body::TlsEnd(end) => {
                let line = Line { id: Id { owner: head.tgid, channel: end.channel, tls: true }, cookie: 0, ports: 0 };
                self.hung_up(head, server, line);
            }
            Body::Stream(data, bytes) => {
                self.stream(head, server, data, bytes);
            }
            Body::Gap(gap) => {
                let by = Mover { scope: server.map_or(0, |id| id.0), pid: head.tgid };
                let transport = self.streams.gap(by, gap, &self.tokens.set);
                if gap.reason == stream::GAP_SPLICE && !transport {
                    // a file on its way into a pipe or a socket: no message was on it
                    return;
                }
                self.event(event(Kind::Loss(missing("stream", time, enrich::actor(head), gap))));
            }
            Body::Uring(body) => self.uring(head.tgid, enrich::actor(head), time, server, *body),
        }
    }

    /// Files of watched processes that were opened by no call that the hooks know. io_uring is told of by its own.
    pub(super) fn unseen(&mut self, drained: u64, now: Time) {
        for Untold { server, file, .. } in self.opens.untold(drained) {
            let server = self.moved(server, file.proc.pid);
            if self.uring.get(&file.proc.pid).is_none_or(|seen| seen & URING_OPENS == 0) {
                let detail = format!("opened {} by no 64-bit system call", file.file.path);
                self.compat(now, Some(server), &file, detail);
            }
        }
    }

    /// A watched process opened something by a 32-bit system call: told once per process.
    fn compat(&mut self, time: Time, server: Option<ServerId>, file: &File, detail: String) {
        let seen = self.uring.entry(file.proc.pid).or_default();
        if server.is_none() || *seen & COMPAT != 0 {
            return;
        }
        *seen |= COMPAT;
        let opaque = Opaque { proc: file.proc, what: "compat_abi".to_owned(), detail };
        self.event(Event { time, server, kind: Kind::Opaque(opaque) });
    }

    /// io_uring requests that act on files or sockets, once per process and operation: node's own use of it for
    /// timers and polls says nothing.
    fn uring(&mut self, pid: u32, proc: ProcId, time: Time, server: Option<ServerId>, request: Uring) {
        let name = match uring::opens_or_connects(request.opcode) {
            Some(_) if self.objects_below => None,
            Some(name) => Some(name.to_owned()),
            None if request.fixed != 0 => {
                uring::moves(request.opcode).map(|name| format!("{name} on a file of the ring's own"))
            }
            None => None,
        };
        let Some(name) = name else { return };
        let bit = 1 << (request.opcode % 62);
        let seen = self.uring.entry(pid).or_default();
        if *seen & bit != 0 {
            return;
        }
        *seen |= bit;
        let opaque = Opaque { proc, what: "io_uring".to_owned(), detail: format!("IORING_OP_{name}") };
        self.event(Event { time, server, kind: Kind::Opaque(opaque) });
    }
}

/// Bytes of a stream or of a connection's plain text that are missing.
pub(super) fn missing(sensor: &str, from: Time, by: ProcId, gap: &Gap) -> Loss {
    let reason = match gap.reason {
        stream::GAP_RING_FULL => "ring_full",
        stream::GAP_READ_FAULT => "read_fault",
        stream::GAP_SPLICE => "splice",
        stream::GAP_URING => "io_uring",
        _ => "cut",
    };
    Loss { sensor: sensor.to_owned(), reason: reason.to_owned(), from, count: gap.bytes, caused_by: Some(by) }
}
