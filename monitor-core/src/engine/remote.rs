//! What a watched server says to other MCP servers, whose client it is: a bridge's calls, and those of a server that asks
//! others. Such a call is one with the call that asked for it, and explains nothing itself.

use monitor_wire::mcp::Body;

use super::{Engine, context};
use crate::alert::Alert;
use crate::detect::{remote, tool_abuse};
use crate::event::{Mcp, Side};
use crate::explain::{self, Strength};
use crate::id::ServerId;
use crate::time::Time;

impl Engine {
    pub(super) fn passed_on(&mut self, id: ServerId, mcp: &Mcp, host: &str, now: Time, alerts: &mut Vec<Alert>) {
        let (Side::Client, Body::Request(request)) = (mcp.side, &mcp.message.body) else { return };
        let mut findings = std::mem::take(&mut self.findings);
        let cx = context(&self.config, &self.state, Some(id), mcp.proc, now);
        tool_abuse::header(&cx, mcp, &mut findings);
        if let (Some(call), Some(scene), "tools/call") = (&request.call, cx.scene(), request.method.as_str()) {
            let joined = explain::passed_on(&scene, call, scene.server.passes_on.is_bridge());
            remote::unasked(&cx, (&request.id, call), host, &joined, &mut findings);
            // what nothing explains makes nobody's habit
            if let (Some(server), Some(strength)) = (self.state.servers.get_mut(id), joined.strength) {
                server.passes_on.count(strength >= Strength::Medium);
            }
            let object = format!("tools/call {} to {host}", call.name);
            self.note(id, now, "mcp_request", &object, &joined.explained, joined.strength);
        }
        self.emit(Some(id), &mut findings, now, alerts);
        self.findings = findings;
    }
}
