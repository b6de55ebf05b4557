//! `tool_abuse`: hidden and changed tools, arguments that name a credential, headers that say something else.

use monitor_wire::mcp::Body;

use crate::alert::{Confidence, Fact, Severity};
use crate::event::Mcp;
use crate::rules;
use crate::state::{Asked, Call, Heard};

use super::{Cx, Finding, request_id};

/// A message was understood.
pub fn message(cx: &Cx<'_>, mcp: &Mcp, heard: &Heard, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    header(cx, mcp, out);
    let call = |key| server.calls.iter().find(|call: &&Call| call.key == key);
    if let Some(call) = heard.opened.and_then(call) {
        arguments(cx, call, out);
        if is_unlisted(cx, call) {
            unlisted(cx, call, false, out);
        }
    }
    if let Some((key, true)) = heard.answered
        && let Some(call) = call(key).filter(|call| is_unlisted(cx, call))
    {
        unlisted(cx, call, true, out);
    }
    for (tool, old, new) in &heard.changed {
        let summary = format!(
            "MCP server {} changed its declaration of tool {tool} after tools had been used: what was approved isn't \
             what runs now.",
            server.start.name
        );
        out.push(changed(cx, mcp, tool, format!("{old} became {new}"), summary));
    }
    for tool in &heard.added {
        let summary = format!("MCP server {} added tool {tool} after tools had been used.", server.start.name);
        let mut finding = changed(cx, mcp, tool, "added".to_owned(), summary);
        finding.severity = Severity::Low;
        out.push(finding);
    }
}

/// What headers say of a message isn't what it is.
pub fn header(cx: &Cx<'_>, mcp: &Mcp, out: &mut Vec<Finding>) {
    if !mcp.message.flags.iter().any(|flag| flag == "header_differs") {
        return;
    }
    let (method, tool, request) = match &mcp.message.body {
        Body::Request(request) => {
            let tool = request.call.as_ref().map(|call| call.name.clone());
            (request.method.as_str(), tool, Some(request_id(&request.id)))
        }
        Body::Notification(note) => (note.method.as_str(), None, None),
        Body::Response(_) => return,
    };
    let named = tool.as_ref().map_or_else(|| method.to_owned(), |tool| format!("{method} of {tool}"));
    let who = match &mcp.remote {
        Some(host) if host.is_empty() => format!("{} sent another MCP server", cx.whose()),
        Some(host) => format!("{} sent the MCP server at {host}", cx.whose()),
        None => format!("A client sent {}", cx.whose()),
    };
    let summary = format!(
        "{who} {named} under headers that say something else: who goes by them, as gateways do, let something else pass."
    );
    let object = format!("header:{}", tool.as_deref().unwrap_or(method));
    let fact = Fact::Mcp { tool, field: Some(method.to_owned()), request, detail: Some("headers differ".to_owned()) };
    out.push(cx.finding(&rules::HEADER_DIFFERS, object, fact, summary));
}

fn arguments(cx: &Cx<'_>, call: &Call, out: &mut Vec<Finding>) {
    for (at, path) in &call.credentials {
        let kind = cx.config.credentials.lookup(path).map_or("credential", |found| found.kind.as_str());
        let who = match call.asked {
            Asked::Resource => format!("Request {}", call.tool),
            Asked::Tool | Asked::Prompt => format!("Argument {at} of tool {}", call.tool),
        };
        let summary = format!("{who} names {path}, a credential ({kind}): find out where that path came from.");
        let mut finding =
            cx.finding(&rules::CREDENTIAL_ARGUMENT, format!("file:{path}"), fact(call, at, path), summary);
        finding.calls = vec![call.key];
        out.push(finding);
    }
}

fn is_unlisted(cx: &Cx<'_>, call: &Call) -> bool {
    cx.server.is_some_and(|server| {
        // with a gap in the stream, the list that named it may be what was missed
        server.listed
            && call.asked == Asked::Tool
            && !server.tools.contains_key(&call.tool)
            && !cx.state.gaps.stream_incomplete(server.id, server.started, cx.now)
    })
}

fn unlisted(cx: &Cx<'_>, call: &Call, answered: bool, out: &mut Vec<Finding>) {
    let what = if answered {
        "and the server carried it out: a hidden tool escapes review"
    } else {
        "and was asked for: a model may have made the name up, unless the server answers"
    };
    let summary = format!("Tool {} isn't in the server's tool list, {what}.", call.tool);
    let fact = Fact::Mcp {
        tool: Some(call.tool.clone()),
        field: Some("name".to_owned()),
        request: Some(request_id(&call.rpc)),
        detail: Some(if answered { "answered" } else { "requested" }.to_owned()),
    };
    let mut finding = cx.finding(&rules::UNLISTED_TOOL, format!("tool:{}", call.tool), fact, summary);
    finding.calls = vec![call.key];
    if !answered {
        // models make names up, and servers refuse them
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Medium;
    }
    out.push(finding);
}

fn changed(cx: &Cx<'_>, mcp: &Mcp, tool: &str, detail: String, summary: String) -> Finding {
    let request = match &mcp.message.body {
        Body::Response(response) => Some(request_id(&response.id)),
        _ => None,
    };
    let fact =
        Fact::Mcp { tool: Some(tool.to_owned()), field: Some("tools/list".to_owned()), request, detail: Some(detail) };
    cx.finding(&rules::CHANGED_TOOL, format!("tool:{tool}"), fact, summary)
}

fn fact(call: &Call, at: &str, path: &str) -> Fact {
    Fact::Mcp {
        tool: Some(call.tool.clone()),
        field: Some(at.to_owned()),
        request: Some(request_id(&call.rpc)),
        detail: Some(path.to_owned()),
    }
}
