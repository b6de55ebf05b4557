//! Calls that a watched server makes of another MCP server: `undeclared_effect` where no open call asks for one.

use monitor_wire::mcp::{Id, ToolCall};

use super::{Cx, Finding, request_id};
use crate::alert::{Confidence, Fact, Severity};
use crate::explain::PassedOn;
use crate::rules;

/// A call that nothing explains.
pub fn unasked(cx: &Cx<'_>, (id, called): (&Id, &ToolCall), host: &str, joined: &PassedOn, out: &mut Vec<Finding>) {
    if joined.explained.is_explained() {
        return;
    }
    let calls = cx.open_calls();
    let to = if host.is_empty() { String::new() } else { format!(" at {host}") };
    let why = if joined.differs { "though it was asked for another" } else { "which nobody had asked it for" };
    let summary =
        format!("{} called tool {} of another MCP server{to}, {why},{}.", cx.whose(), called.name, cx.during(&calls));
    let fact = Fact::Mcp {
        tool: Some(called.name.clone()),
        field: Some("remote".to_owned()),
        request: Some(request_id(id)),
        detail: Some(host.to_owned()).filter(|host| !host.is_empty()),
    };
    let mut finding = cx.finding(&rules::REMOTE_CALL, format!("remote:{host}:{}", called.name), fact, summary);
    let bridge = cx.server.is_some_and(|server| server.passes_on.is_bridge());
    (finding.severity, finding.confidence) = match (joined.differs, bridge) {
        (true, _) => (Severity::Medium, Confidence::Medium),
        (false, true) => (Severity::Medium, Confidence::Strong),
        // one that isn't known for a bridge may have work of its own
        (false, false) => (Severity::Low, Confidence::Medium),
    };
    finding.absence = true;
    out.push(finding);
}
