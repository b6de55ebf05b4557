//! Life and death of servers and processes, MCP messages, and what the sensors say of themselves.

use std::sync::Arc;

use super::Engine;
use crate::alert::Alert;
use crate::detect::{evasion, execution, sensor, tool_abuse};
use crate::event::{Blind, Exec, Exit, Fork, Loss, Mcp, ServerStart, Side};
use crate::explain::{self, Explained, Scene, Strength};
use crate::id::{ProcId, ServerId};
use crate::state::{Node, Server, Table, apply_message};
use crate::time::Time;

impl Engine {
    pub(super) fn server_start(&mut self, said: Option<ServerId>, start: &ServerStart, now: Time) {
        let Some(id) = said else { return };
        self.quiet.clear();
        if self.state.processes.get(start.root).is_none() {
            let parent = ProcId { pid: 0, start: 0 };
            self.state.processes.fork(&Fork { parent, child: start.root }, said);
        }
        // what it ran before it came under watch (its client, the agent's own `exec`) says nothing of it
        let root = self.state.processes.serve(start.root, id);
        let root = root.unwrap_or_else(|| Arc::new(Node::unknown(start.root)));
        self.state.add_server(Server::new(id, start.clone(), root, now, &self.config));
    }

    pub(super) fn server_end(&mut self, said: Option<ServerId>, now: Time, alerts: &mut Vec<Alert>) {
        if let Some(id) = said {
            self.tell_ended(id, alerts);
        }
        if let Some(server) = said.and_then(|id| self.state.servers.get_mut(id)) {
            server.ended = Some(now);
            server.stopped.get_or_insert(now);
            self.state.servers.due(now);
        }
    }

    pub(super) fn known(&mut self, said: Option<ServerId>, exec: &Exec) {
        let node = self.state.processes.exec(exec, said, false);
        let server = self.state.server_of(said, exec.proc);
        self.identify(server, exec.proc, node);
    }

    pub(super) fn exec(&mut self, said: Option<ServerId>, exec: &Exec, now: Time, alerts: &mut Vec<Alert>) {
        let inherited = self.state.processes.get(exec.parent).and_then(|parent| parent.server);
        let Some(server) = self.state.server_of(said, exec.proc).or(inherited) else {
            self.state.processes.exec(exec, said, false);
            return;
        };
        let written = self.state.wrote(exec);
        // judged by what the process and its server were before
        let explained = match self.state.servers.get(server) {
            Some(known) => {
                let scene = Scene::new(&self.config, known, now);
                let before = self.state.processes.get(exec.proc).or_else(|| self.state.processes.get(exec.parent));
                explain::child(&scene, before, exec, written)
            }
            None => Explained::nothing(),
        };
        let node = self.state.processes.exec(exec, Some(server), written);
        if let Some(proc) = self.state.processes.get_mut(exec.proc) {
            proc.explained = explained.is_explained();
        }
        self.note(server, now, "exec", &exec.exe.path, &explained, None);
        self.detect(Some(server), exec.proc, now, alerts, |cx, out| {
            evasion::compat_exec(cx, exec, out);
            evasion::preload(cx, exec, out);
            execution::exec(cx, exec, &explained, out);
        });
        self.identify(Some(server), exec.proc, node);
    }

    pub(super) fn exit(&mut self, said: Option<ServerId>, exit: &Exit, now: Time) {
        let server = self.state.server_of(said, exit.proc);
        if let Some(server) = server.and_then(|id| self.state.servers.get_mut(id))
            && server.is_root(exit.proc)
        {
            server.stopped.get_or_insert(now);
        }
        self.state.processes.exit(exit.proc, now);
    }

    pub(super) fn mcp(&mut self, said: Option<ServerId>, mcp: &Mcp, now: Time, alerts: &mut Vec<Alert>) {
        let Some(id) = self.state.server_of(said, mcp.proc) else { return };
        if let Some(host) = &mcp.remote {
            self.passed_on(id, mcp, host, now, alerts);
            return;
        }
        let speaker = self.state.processes.get(mcp.proc).map(|proc| Arc::clone(&proc.node));
        let Some(server) = self.state.servers.get_mut(id) else { return };
        if let (Side::Client, Some(node)) = (mcp.side, &speaker) {
            let before = server.gained;
            server.serves(node, &self.config.profiles);
            if before || server.gained {
                self.quiet.clear();
            }
        }
        server.by_http |= mcp.http && mcp.side == Side::Client;
        let before = (server.calls_evicted, server.tools_evicted);
        let heard = apply_message(server, mcp, now, &self.config, &mut self.calls);
        let calls = server.calls_evicted.saturating_sub(before.0);
        let tools = server.tools_evicted.saturating_sub(before.1);
        if let (Side::Client, Some(node)) = (mcp.side, speaker) {
            server.speaks(&node);
        }
        let deadlines = server.calls.iter().map(|call| call.deadline(&self.config.windows));
        let due = deadlines.min();
        if let Some(due) = due {
            self.state.servers.due(due);
        }
        self.overflow(Some(id), Table::Calls, calls, now, alerts);
        self.overflow(Some(id), Table::Tools, tools, now, alerts);
        self.detect(Some(id), mcp.proc, now, alerts, |cx, out| {
            if mcp.side == Side::Forged {
                evasion::forged(cx, mcp, out);
            } else {
                tool_abuse::message(cx, mcp, &heard, out);
            }
        });
        for record in heard.closed {
            self.state.servers.keep(record);
        }
        if mcp.side == Side::Client && !mcp.http {
            self.judge_early(id, now, alerts);
        }
    }

    pub(super) fn loss(&mut self, said: Option<ServerId>, loss: &Loss, now: Time, alerts: &mut Vec<Alert>) {
        self.state.gaps.lose(said, &loss.sensor, &loss.reason, (loss.from, now), loss.count);
        let mut findings = vec![sensor::loss(loss, now)];
        self.emit(said, &mut findings, now, alerts);
        if let Some(cause) = loss.caused_by {
            self.detect(said, cause, now, alerts, |cx, out| evasion::caused_loss(cx, loss, out));
        }
    }

    pub(super) fn blind(&mut self, said: Option<ServerId>, blind: &Blind, now: Time, alerts: &mut Vec<Alert>) {
        if self.state.gaps.blind(said, &blind.sensor, &blind.reason, now) {
            let mut findings = vec![sensor::blind(blind, now)];
            self.emit(said, &mut findings, now, alerts);
        }
    }

    /// Notes what was seen with every call that could explain it; with every open one if none does.
    pub(super) fn note(
        &mut self,
        server: ServerId,
        now: Time,
        kind: &'static str,
        object: &str,
        explained: &Explained,
        strength: Option<Strength>,
    ) {
        let windows = self.config.windows;
        let Some(server) = self.state.servers.get_mut(server) else { return };
        if server.calls.is_empty() {
            return;
        }
        let hash = crate::ledger::hash(kind, object);
        for call in &mut server.calls {
            let attributed = if explained.calls.is_empty() {
                call.hold(now, &windows).is_some()
            } else {
                explained.calls.contains(&call.key)
            };
            if attributed {
                call.observed.note(now, hash, (kind, object), explained.word(), strength.map(Strength::word));
            }
        }
    }

    /// A process of a server runs something new: before the first call, that may be who the server is.
    fn identify(&mut self, server: Option<ServerId>, proc: ProcId, node: Arc<Node>) {
        let Some(server) = server.and_then(|id| self.state.servers.get_mut(id)) else { return };
        if server.first_call.is_some() {
            return;
        }
        let again = !server.command.is_empty();
        if server.is_root(proc) {
            server.identify(Arc::clone(&node));
        }
        let before = server.gained;
        server.settle(&node, again, &self.config.profiles);
        if before || server.gained {
            self.quiet.clear();
        }
    }
}
