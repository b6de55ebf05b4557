//! What was read of one message, and how it becomes an [`mcp::Message`](crate::mcp::Message).

use std::collections::HashSet;

use crate::digest::{Digester, Sum};
use crate::limits;
use crate::mcp::{Argument, Body, Id, Notification, Peer, Request, Response, TaskState, ToolCall, ToolDecl};
use crate::path::{Node, Root, Side};
use crate::redact::{self, Key};

/// Where the URI of a resource stands among the arguments of its call.
pub(crate) const URI: &str = "/uri";

/// Everything of interest in one message, in whatever order it came. A value that comes again replaces the one before.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) id: Option<Id>,
    pub(crate) method: Option<String>,
    /// The error's code; 0 if it has none.
    pub(crate) error: Option<i64>,
    pub(crate) has_result: bool,
    pub(crate) params: Part,
    pub(crate) result: Part,
    pub(crate) duplicate_key: bool,
    pub(crate) escaped_method: bool,
    pub(crate) depth: bool,
    pub(crate) bad_id: bool,
    /// A name or id was longer than what is kept.
    pub(crate) cut: bool,
}

/// What `params` or `result` may hold.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) name: Option<String>,
    pub(crate) arguments: Arguments,
    pub(crate) input: Arguments,
    pub(crate) uri: Arguments,
    pub(crate) protocol: Option<String>,
    pub(crate) peer: PeerInfo,
    pub(crate) meta: Meta,
    pub(crate) request_state: bool,
    pub(crate) input_responses: bool,
    pub(crate) request_id: Option<Id>,
    pub(crate) progress: Option<Id>,
    pub(crate) task_id: Option<String>,
    pub(crate) task_status: Option<String>,
    pub(crate) task: Option<Task>,
    pub(crate) is_error: bool,
    pub(crate) wrapped_is_error: bool,
    pub(crate) input_required: bool,
    pub(crate) more: bool,
    pub(crate) tools: Option<Vec<ToolDecl>>,
    pub(crate) tools_cut: bool,
}

/// `_meta`, as far as it means something here.
#[derive(Default)]
pub(crate) struct Meta {
    pub(crate) progress: Option<Id>,
    pub(crate) protocol: Option<String>,
    pub(crate) peer: PeerInfo,
}

/// `clientInfo` or `serverInfo`.
#[derive(Default)]
pub(crate) struct PeerInfo {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// `task`: what is asked for in a request, a handle in an answer.
#[derive(Default)]
pub(crate) struct Task {
    pub(crate) id: Option<String>,
    pub(crate) status: Option<String>,
}

/// The scalars below one root.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) list: Vec<Argument>,
    pub(crate) sum: Sum,
    pub(crate) cut: bool,
}

impl Fields {
    pub(crate) fn part(&mut self, side: Side) -> &mut Part {
        match side {
            Side::Params => &mut self.params,
            Side::Result => &mut self.result,
        }
    }

    pub(crate) fn arguments(&mut self, root: Root) -> &mut Arguments {
        match root {
            Root::Arguments => &mut self.params.arguments,
            Root::Input => &mut self.params.input,
            Root::Uri => &mut self.params.uri,
        }
    }

    /// A value begins at `node`: whatever an earlier member of the same name gave is gone.
    pub(crate) fn clear(&mut self, node: Node) {
        match node {
            Node::Id => self.id = None,
            Node::Method => self.method = None,
            Node::Error => self.error = None,
            Node::Body(side) => {
                *self.part(side) = Default::default();
                self.has_result |= side == Side::Result;
            }
            Node::Protocol(side) => self.part(side).protocol = None,
            Node::Peer(side) => self.part(side).peer = Default::default(),
            Node::PeerName(side) => self.part(side).peer.name = None,
            Node::PeerVersion(side) => self.part(side).peer.version = None,
            Node::Meta(side) => self.part(side).meta = Default::default(),
            Node::MetaProtocol(side) => self.part(side).meta.protocol = None,
            Node::MetaPeer(side) => self.part(side).meta.peer = Default::default(),
            Node::MetaPeerName(side) => self.part(side).meta.peer.name = None,
            Node::MetaPeerVersion(side) => self.part(side).meta.peer.version = None,
            Node::MetaProgress => self.params.meta.progress = None,
            Node::TaskId(side) => self.part(side).task_id = None,
            Node::TaskStatus(side) => self.part(side).task_status = None,
            Node::Task(side) => self.part(side).task = None,
            Node::Name => self.params.name = None,
            Node::Argument(root) => *self.arguments(root) = Default::default(),
            Node::RequestState => self.params.request_state = false,
            Node::InputResponses => self.params.input_responses = false,
            Node::RequestId => self.params.request_id = None,
            Node::Progress => self.params.progress = None,
            Node::IsError => self.result.is_error = false,
            Node::ToolResult | Node::WrappedIsError => self.result.wrapped_is_error = false,
            Node::ResultType => self.result.input_required = false,
            Node::NextCursor => self.result.more = false,
            Node::Tools => {
                self.result.tools = None;
                self.result.tools_cut = false;
            }
            _ => {}
        }
    }

    /// A value that isn't null begins at `node`, where presence alone means something.
    pub(crate) fn present(&mut self, node: Node) {
        match node {
            Node::Error => self.error = Some(0),
            Node::RequestState => self.params.request_state = true,
            Node::InputResponses => self.params.input_responses = true,
            Node::NextCursor => self.result.more = true,
            _ => {}
        }
    }

    /// Enough is known to say which message this is, whatever else would follow.
    pub(crate) fn is_identified(&self) -> bool {
        let answer = self.has_result || self.error.is_some();
        let named = match self.method.as_deref() {
            Some("tools/call") => self.params.name.is_some(),
            Some(_) => true,
            None => answer,
        };
        self.id.is_some() && named
    }

    /// The message's body, and whether all of it that would be kept was kept. `None` if this is no JSON-RPC message; with
    /// `partial`, something that has a method or an id is one.
    pub(crate) fn into_body(mut self, partial: bool, digester: &Digester) -> Option<(Body, bool)> {
        let mut whole = !self.cut;
        if let Some(method) = self.method.take() {
            let Some(id) = self.id.take() else {
                return Some((Body::Notification(self.notification(method)), whole));
            };
            let call = match method.as_str() {
                // a prompt is asked for by name and arguments too
                "tools/call" | "prompts/get" => Some(self.params.call(digester)),
                "resources/read" | "resources/subscribe" => self.params.resource(digester),
                _ => None,
            };
            whole &= call.as_ref().is_none_or(|call| !call.cut);
            let task = if method.starts_with("tasks/") { self.params.task_id.take() } else { None };
            let peer = self.params.peer(method == "initialize");
            return Some((Body::Request(Request { id, method, call, peer, task }), whole));
        }
        if !self.has_result && self.error.is_none() && !(partial && self.id.is_some()) {
            return None;
        }
        let id = match self.id.take() {
            Some(id) => id,
            // A server that couldn't read a request answers with an error that names none.
            None if self.error.is_some() => Id::Text("null".to_owned()),
            None => return None,
        };
        whole &= !self.result.tools_cut;
        let result = &mut self.result;
        let response = Response {
            id,
            error: self.error,
            is_error: result.is_error || result.wrapped_is_error,
            input_required: result.input_required,
            task: result.task_state(),
            tools: result.tools.take(),
            more: result.more,
            peer: result.peer(true),
        };
        Some((Body::Response(response), whole))
    }

    fn notification(&mut self, method: String) -> Notification {
        let params = &mut self.params;
        let cancels = if method == "notifications/cancelled" { params.request_id.take() } else { None };
        let progress = if method == "notifications/progress" { params.progress.take() } else { None };
        let task = if method.starts_with("notifications/tasks") { params.task_state() } else { None };
        Notification { method, cancels, progress, task }
    }

    /// The oddities, in the order of the alphabet.
    pub(crate) fn flags(&self, batch: bool, invalid_utf8: bool) -> Vec<String> {
        let flags = [
            ("bad_id", self.bad_id),
            ("batch", batch),
            ("depth", self.depth),
            ("duplicate_key", self.duplicate_key),
            ("escaped_method", self.escaped_method),
            ("invalid_utf8", invalid_utf8),
        ];
        flags.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag.to_owned()).collect()
    }
}

impl Part {
    fn call(&mut self, digester: &Digester) -> ToolCall {
        let name = self.name.take();
        let mut sum = self.arguments.sum;
        sum.join(&self.input.sum);
        let mut arguments = std::mem::take(&mut self.arguments.list);
        arguments.append(&mut self.input.list);
        let mut cut = self.arguments.cut || self.input.cut || name.is_none();
        if arguments.len() > limits::ARGUMENTS {
            arguments.truncate(limits::ARGUMENTS);
            cut = true;
        }
        let name = name.unwrap_or_default();
        ToolCall {
            digest: digester.finish(&name, &sum),
            name,
            arguments,
            cut,
            progress: self.meta.progress.take(),
            repeat: self.request_state || self.input_responses,
            as_task: self.task.is_some(),
        }
    }

    /// A request for a resource, as a call whose name and only argument are its URI. `None` if it names none.
    fn resource(&mut self, digester: &Digester) -> Option<ToolCall> {
        let Arguments { list, sum, cut } = std::mem::take(&mut self.uri);
        let uri = list.into_iter().find(|argument| argument.at == URI)?;
        let mut name = uri.text.clone();
        name.truncate(name.floor_char_boundary(limits::NAME));
        Some(ToolCall {
            digest: digester.finish(&name, &sum),
            name,
            arguments: vec![uri],
            cut,
            progress: self.meta.progress.take(),
            repeat: self.request_state || self.input_responses,
            as_task: self.task.is_some(),
        })
    }

    /// `own`: the body itself may hold them, not only `_meta`.
    fn peer(&mut self, own: bool) -> Option<Peer> {
        let mut protocol = self.meta.protocol.take();
        let mut name = self.meta.peer.name.take();
        let mut version = self.meta.peer.version.take();
        if own {
            protocol = protocol.or_else(|| self.protocol.take());
            name = name.or_else(|| self.peer.name.take());
            version = version.or_else(|| self.peer.version.take());
        }
        if protocol.is_none() && name.is_none() && version.is_none() {
            return None;
        }
        Some(Peer {
            name: name.unwrap_or_default(),
            version: version.unwrap_or_default(),
            protocol: protocol.unwrap_or_default(),
        })
    }

    fn task_state(&mut self) -> Option<TaskState> {
        let (id, status) = match self.task.take() {
            Some(Task { id: Some(id), status }) => (id, status),
            _ => (self.task_id.take()?, self.task_status.take()),
        };
        Some(TaskState { id, status: status.unwrap_or_default() })
    }
}

/// Headers, variables and bindings often come as pairs, `{"name": "API_TOKEN", "value": "…"}`, `{"type": "secret_text",
/// "text": "…"}`: there the neighbour says that the value is a secret.
pub(crate) fn hide_named_values(key: &Key, list: &mut [Argument]) {
    let pair = |at: &str| at.rsplit_once('/').map(|(object, member)| (object.to_owned(), member.to_owned()));
    let mut secrets = HashSet::new();
    for argument in list.iter() {
        let Some((object, member)) = pair(&argument.at) else { continue };
        let text = argument.text.as_str();
        if match member.as_str() {
            "name" | "key" | "header" => redact::is_secret_name(text),
            "type" => text.starts_with("secret"),
            _ => false,
        } {
            secrets.insert(object);
        }
    }
    for argument in list.iter_mut().filter(|_| !secrets.is_empty()) {
        let Some((object, member)) = pair(&argument.at) else { continue };
        if matches!(member.as_str(), "value" | "text") && secrets.contains(&object) {
            argument.text = redact::redact_secret(key, &argument.text);
        }
    }
}

/// A number as `JSON.parse` would see it, if that is an integer: `1.0` and `1e0` are 1.
pub(crate) fn integer(text: &str) -> Option<i64> {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, so exact")]
    (number.fract() == 0.0 && number.abs() <= SAFE).then_some(number as i64)
}
