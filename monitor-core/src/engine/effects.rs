//! Effects: files, network, local sockets, other processes' memory.

use super::{Engine, context, name};
use crate::alert::Alert;
use crate::detect::{
    Cx, credential, evasion, execution, exfiltration, lateral_movement, token_theft, undeclared_effect,
};
use crate::event::{File, FileOp, Memory, Net, NetEnd, NetOp, Proto, Unix};
use crate::explain::{self, Destination, Explained, Firm};
use crate::id::{FileId, ServerId};
use crate::persistence;
use crate::profile::Phase;
use crate::role::{Role, canonical};
use crate::state::{Connection, Server, Table};
use crate::time::Time;

impl Engine {
    pub(super) fn file(&mut self, said: Option<ServerId>, file: &File, now: Time, alerts: &mut Vec<Alert>) {
        let server = self.state.server_of(said, file.proc);
        let plain_read =
            !file.write && matches!(file.op, FileOp::Open | FileOp::Use | FileOp::Inherit | FileOp::MapExec);
        if let Some(server) = server.filter(|_| plain_read)
            && self.quiet.contains(server, &file.file.path)
            && self.state.credentials.known_as(file.file.id).is_none()
        {
            return;
        }
        let mut quiet = false;
        let mut findings = std::mem::take(&mut self.findings);
        let cx = context(&self.config, &self.state, server, file.proc, now);
        let mut taint = None;
        let mut noted: Option<(&'static str, &str, Explained)> = None;
        let found = credential::reached(&cx, file);
        if let Some(found) = &found {
            let own = credential::file(&cx, file, found, &mut findings);
            let stolen = token_theft::file(&cx, file, found, &mut findings);
            taint = stolen.or(own);
            if cx.server.is_some() && found.reads {
                let own =
                    if findings.is_empty() { Explained::strong(explain::By::Profile) } else { Explained::nothing() };
                noted = Some(("file_read", &file.file.path, own));
            }
        }
        if let Some(scene) = cx.scene() {
            execution::library(&cx, file, &mut findings);
            let changes =
                file.write || !matches!(file.op, FileOp::Open | FileOp::Use | FileOp::Inherit | FileOp::MapExec);
            if changes {
                // a credential that got another name was told as that, and one renaming is one change
                let point = |path| persistence_point(&cx, file, path).is_some();
                let mut told = !findings.is_empty() || file.op == FileOp::Rename && changed_names(file).any(point);
                for path in changed_names(file) {
                    if let Some(kind) = persistence_point(&cx, file, path) {
                        evasion::persistence(&cx, file, path, kind, &mut findings);
                        noted = Some(("file_change", path, Explained::nothing()));
                        continue;
                    }
                    if file.dir && file.op == FileOp::Open {
                        continue;
                    }
                    let explained = match credential::change(&cx, path, found.as_ref()) {
                        Some(credential::Change::Own) => Explained::strong(explain::By::Profile),
                        // no call and no runtime excuses a change of somebody else's credential
                        Some(credential::Change::Foreign) => Explained::nothing(),
                        None => explain::write(&scene, path),
                    };
                    if !told {
                        undeclared_effect::write(&cx, file, path, &explained, &mut findings);
                        told = file.op == FileOp::Rename && !findings.is_empty();
                    }
                    if !matches!(explained.by, explain::By::Runtime) {
                        noted = Some(("file_change", path, explained));
                    }
                }
            } else if found.is_none() && file.read && !file.dir && !file.path_only {
                let image = cx.proc().map(|proc| proc.node.image.as_ref());
                let explained = explain::read(&scene, image, &file.file.path);
                let unasked = explained.firm == Firm::No || explain::is_unasked(&scene, &explained, &file.file.path);
                if unasked && explain::is_user_data(&file.file.path) {
                    undeclared_effect::read(&cx, file, &mut findings);
                    taint = Some(exfiltration::data_taint(&cx, file));
                }
                quiet = explained == Explained::strong(explain::By::Runtime);
                if !matches!(explained.by, explain::By::Runtime) {
                    noted = Some(("file_read", &file.file.path, explained));
                }
            }
        }
        if let Some(server) = server.filter(|_| quiet) {
            self.quiet.insert(server, &file.file.path);
        }
        if found.is_some() || file.op == FileOp::Rename {
            credential::learn(&mut self.state, &self.config, file);
        }
        if persistence::lookup(&file.file.path).is_some() {
            match file.op {
                FileOp::Unlink if file.unlinked => self.state.persistent.forget(file.file.id),
                _ => self.state.persistent.learn(&file.file),
            }
        }
        if file.op == FileOp::Unlink && file.unlinked {
            self.state.servers.forget_written(file.file.id);
        }
        self.wrote(server, file, now, alerts);
        if let (Some(server), Some((kind, object, explained))) = (server, noted) {
            self.note(server, now, kind, object, &explained, None);
        }
        self.emit(server, &mut findings, now, alerts);
        self.findings = findings;
        self.taint(server, taint, now, alerts);
    }

    /// Remembers what a server writes, in case it is executed. What package managers write is there to be.
    fn wrote(&mut self, server: Option<ServerId>, file: &File, now: Time, alerts: &mut Vec<Alert>) {
        if !file.write || file.dir || file.file.id == FileId::default() {
            return;
        }
        let Some((id, server)) = server.and_then(|id| Some((id, self.state.servers.get_mut(id)?))) else { return };
        let installs = self.state.processes.get(file.proc).is_some_and(|proc| {
            // npx stays above the server that it started, and does nothing for it any more
            let mut below =
                explain::in_tree(server, &proc.node).skip(1).take_while(|node| !server.is_own_program(node));
            explain::manages(server, &proc.node)
                || !server.is_own_program(&proc.node) && below.any(|node| explain::manages(server, node))
        });
        if !installs && let Some((forgetful, lost)) = self.state.servers.wrote(id, file.file.id) {
            self.overflow(Some(forgetful), Table::Written, lost, now, alerts);
        }
    }

    pub(super) fn net(&mut self, said: Option<ServerId>, net: &Net, now: Time, alerts: &mut Vec<Alert>) {
        let Some(id) = self.state.server_of(said, net.proc) else {
            self.foreign_net(net, now, alerts);
            return;
        };
        let role = self.config.roles.role(net.addr);
        if net.abi.is_some() {
            self.detect(Some(id), net.proc, now, alerts, |cx, out| evasion::compat_net(cx, net, role, out));
        }
        if matches!(net.op, NetOp::Bind | NetOp::Listen)
            && net.port == explain::DNS
            && let Some(server) = self.state.servers.get_mut(id)
        {
            server.resolves = true;
        }
        match net.op {
            NetOp::Accept => self.reachable(id),
            // a datagram socket serves once it is bound
            NetOp::Bind => self.judge_listener(id, net, role, now, alerts),
            NetOp::Listen => self.listen(id, net, role, now, alerts),
            NetOp::Connect | NetOp::Send => {
                // setting a datagram socket's destination sends nothing: resolvers sort addresses so
                let silent = net.op == NetOp::Connect && net.proto != Proto::Tcp && net.proto != Proto::Other;
                if net.cookie != 0 && net.op == NetOp::Connect {
                    let connection = self.connection(id, net, silent, now);
                    self.state.connections.insert(connection);
                } else if net.op == NetOp::Send && !self.state.connections.sends(net, now) && net.port != explain::DNS {
                    let connection = self.connection(id, net, false, now);
                    self.state.connections.insert_sent(connection);
                }
                // a QUIC connection is judged when it is made, as one by TCP is; what its client asked for stays
                let known =
                    self.state.connections.of(net).filter(|known| net.op == NetOp::Send && known.hello.is_some());
                if let Some((opened, then)) = known.map(|known| (known.opened, known.explained.clone())) {
                    self.sent((id, net, None), (opened, &then), now, alerts);
                } else if !silent {
                    let explained = self.destination(id, net, None, now, alerts);
                    if let Some(known) = self.state.connections.of_mut(net) {
                        known.explained = explained;
                    }
                }
            }
        }
    }

    fn connection(&self, server: ServerId, net: &Net, silent: bool, now: Time) -> Connection {
        let phase =
            self.state.servers.get(server).map_or(Phase::Idle, |server| server.phase(now, &self.config.windows));
        Connection {
            net: net.clone(),
            server,
            opened: now,
            used: now,
            phase,
            explained: Explained::nothing(),
            hello: None,
            silent,
            settled: net.op == NetOp::Send || !matches!(net.result.as_str(), "" | "in_progress"),
            sent: 0,
        }
    }

    /// A connection ended or grew: what was only an attempt before may have carried something out.
    pub(super) fn net_end(&mut self, end: &NetEnd, now: Time, alerts: &mut Vec<Alert>) {
        if end.cookie == 0 {
            return;
        }
        let ended = !matches!(end.state.as_str(), "established" | "open" | "");
        let Some(known) = self.state.connections.get_mut(end.cookie) else { return };
        let judge = end.sent > known.sent;
        let settles = !std::mem::replace(&mut known.settled, true);
        let (server, mut net, silent) = (known.server, known.net.clone(), known.silent);
        let (opened, then) = (known.opened, known.explained.clone());
        known.sent = known.sent.max(end.sent);
        if settles {
            let result = if ended && end.state != "closed" { end.state.as_str() } else { "ok" };
            self.correlator.outcome(&net, result, now, alerts);
        }
        if judge && silent {
            net.op = NetOp::Send;
            self.destination(server, &net, Some(end.sent), now, alerts);
        } else if judge {
            self.sent((server, &net, Some(end.sent)), (opened, &then), now, alerts);
        }
        if ended {
            self.state.connections.remove(end.cookie);
            self.http_end(end.cookie);
        }
    }

    pub(super) fn unix(&mut self, said: Option<ServerId>, unix: &Unix, now: Time, alerts: &mut Vec<Alert>) {
        let Some(server) = self.state.server_of(said, unix.proc) else { return };
        if unix.op != "connect" {
            self.reachable(server);
            if let Some(server) = self.state.servers.get_mut(server) {
                server.listens_at(&unix.path);
            }
        } else {
            self.note(server, now, "unix_connect", &unix.path, &Explained::nothing(), None);
        }
        self.detect(Some(server), unix.proc, now, alerts, |cx, out| {
            if let Some(scene) = cx.scene() {
                lateral_movement::unix(cx, &scene, unix, out);
                exfiltration::hand_over(cx, unix, out);
            }
        });
    }

    pub(super) fn memory(&mut self, said: Option<ServerId>, memory: &Memory, now: Time, alerts: &mut Vec<Alert>) {
        let server = self.state.server_of(said, memory.proc);
        let mut taint = None;
        self.detect(said, memory.proc, now, alerts, |cx, out| {
            credential::memory(cx, memory, out);
            taint = token_theft::memory(cx, memory, out);
        });
        self.taint(server, taint, now, alerts);
    }

    fn reachable(&mut self, id: ServerId) {
        if let Some(server) = self.state.servers.get_mut(id) {
            server.reachable = true;
        }
    }

    fn listen(&mut self, id: ServerId, net: &Net, role: Role, now: Time, alerts: &mut Vec<Alert>) {
        self.reachable(id);
        self.judge_listener(id, net, role, now, alerts);
        if let Some(server) = self.state.servers.get_mut(id) {
            server.listens(net);
        }
    }

    /// The client speaks over streams: what listened before it had no client to wait for.
    pub(super) fn judge_early(&mut self, id: ServerId, now: Time, alerts: &mut Vec<Alert>) {
        let Some(server) = self.state.servers.get_mut(id) else { return };
        server.by_streams = true;
        for net in std::mem::take(&mut server.early) {
            self.judge_listener(id, &net, self.config.roles.role(net.addr), now, alerts);
        }
    }

    fn judge_listener(&mut self, id: ServerId, net: &Net, role: Role, now: Time, alerts: &mut Vec<Alert>) {
        self.detect(Some(id), net.proc, now, alerts, |cx, out| {
            if let Some(scene) = cx.scene() {
                lateral_movement::listen(cx, &scene, net, role, out);
            }
        });
    }

    /// A destination was contacted. Returns what explains it.
    pub(super) fn destination(
        &mut self,
        id: ServerId,
        net: &Net,
        sent: Option<u64>,
        now: Time,
        alerts: &mut Vec<Alert>,
    ) -> Explained {
        let role = self.config.roles.role(net.addr);
        if net.port == 0 || role == Role::Multicast {
            return Explained::nothing();
        }
        let addr = canonical(net.addr);
        let to = Destination { addr, port: net.port, name: net.name.as_deref(), role };
        let way = exfiltration::Way { net, to: &to, sent, made: None };
        let mut findings = std::mem::take(&mut self.findings);
        let cx = context(&self.config, &self.state, Some(id), net.proc, now);
        let (mut lookup, mut resolver, mut explained) = (false, false, Explained::nothing());
        if let Some(scene) = cx.scene() {
            lookup = explain::is_resolver(scene.server, &to);
            if lookup {
                exfiltration::look_up(&cx, &scene, &way, &mut findings);
                resolver = findings.is_empty();
            } else {
                explained = self.explained_now(&scene, net, &to);
                lateral_movement::connect(&cx, net, &to, &explained, &mut findings);
                // what it leads to says more than that nothing explains it
                let told = !findings.is_empty();
                undeclared_effect::connect(&cx, net, &to, (&explained, told), &mut findings);
                exfiltration::send(&cx, &way, &explained, &mut findings);
            }
        }
        name::tell(&mut findings, net, self.seen(id, net, now).as_ref());
        if let Some(server) = self.state.servers.get_mut(id) {
            if resolver {
                server.resolver(addr);
            } else if explained.is_explained() && to.outside() {
                server.remember(undeclared_effect::key(&to));
            }
        }
        if !lookup && !server_is_quiet(&self.state, id) {
            self.note(id, now, "connect", &to.text(), &explained, None);
        }
        self.emit(Some(id), &mut findings, now, alerts);
        self.findings = findings;
        explained
    }

    /// Bytes were seen to leave on a connection that was judged when it was made.
    fn sent(
        &mut self,
        (id, net, sent): (ServerId, &Net, Option<u64>),
        made: (Time, &Explained),
        now: Time,
        alerts: &mut Vec<Alert>,
    ) {
        let role = self.config.roles.role(net.addr);
        let to = Destination { addr: canonical(net.addr), port: net.port, name: net.name.as_deref(), role };
        let quiet = |server: &Server| server.taints.is_empty() || explain::is_resolver(server, &to);
        if self.state.servers.get(id).is_none_or(quiet) {
            return;
        }
        let mut findings = std::mem::take(&mut self.findings);
        let cx = context(&self.config, &self.state, Some(id), net.proc, now);
        if let Some(scene) = cx.scene() {
            let explained = self.explained_now(&scene, net, &to);
            let way = exfiltration::Way { net, to: &to, sent, made: Some(made) };
            exfiltration::send(&cx, &way, &explained, &mut findings);
        }
        name::tell(&mut findings, net, self.seen(id, net, now).as_ref());
        self.emit(Some(id), &mut findings, now, alerts);
        self.findings = findings;
    }

    /// A process outside every server: of interest only if it holds what it took from one.
    fn foreign_net(&mut self, net: &Net, now: Time, alerts: &mut Vec<Alert>) {
        if self.state.foreign.is_empty() || !matches!(net.op, NetOp::Connect | NetOp::Send) {
            return;
        }
        let role = self.config.roles.role(net.addr);
        if net.proto == Proto::Udp && net.op == NetOp::Connect || net.port == explain::DNS {
            return;
        }
        let to = Destination { addr: canonical(net.addr), port: net.port, name: net.name.as_deref(), role };
        self.detect(None, net.proc, now, alerts, |cx, out| {
            let way = exfiltration::Way { net, to: &to, sent: None, made: None };
            exfiltration::send(cx, &way, &Explained::nothing(), out);
        });
    }
}

/// The names that an operation changes.
fn changed_names(file: &File) -> impl Iterator<Item = &str> {
    let (own, to) = match file.op {
        // the file that gets another name stays as it is
        FileOp::Link => (None, file.to.as_deref()),
        // `to` is what the new link points at, as written
        FileOp::Symlink => (Some(file.file.path.as_str()), None),
        _ => (Some(file.file.path.as_str()), file.to.as_deref()),
    };
    own.into_iter().chain(to)
}

/// What kind of persistence point an operation touches: by name, by the folder that is moved or replaced, or because the
/// file is known as one by another name.
fn persistence_point(cx: &Cx<'_>, file: &File, path: &str) -> Option<&'static str> {
    let folder = || matches!(file.op, FileOp::Rename | FileOp::Symlink).then(|| persistence::folder(path)).flatten();
    let by_identity = || {
        let known = cx.state.persistent.known_as(file.file.id).filter(|_| path == file.file.path)?;
        persistence::lookup(known)
    };
    persistence::lookup(path).or_else(folder).or_else(by_identity)
}

fn server_is_quiet(state: &crate::state::State, id: ServerId) -> bool {
    state.servers.get(id).is_none_or(|server| server.calls.is_empty())
}
