//! What an MCP message changes: calls open and close, tools are declared, the start phase ends.

use monitor_wire::mcp::{Body, Id, Message, Notification, Request, Response, TaskState, ToolCall, ToolDecl};

use super::{Asked, Call, CallKey, Ending, Requests, Server, ToolState};
use crate::alert::Effect;
use crate::config::EngineConfig;
use crate::digest::{Digest, uuid_v7};
use crate::event::{Mcp, Side};
use crate::id::FileId;
use crate::ledger::{CallRecord, Declared, DeclaredBy};
use crate::named;
use crate::profile::{CallSite, FileAccess};
use crate::time::Time;

/// Longest list of tools that one answer may change: the wire has the same cap.
const MAX_CHANGES: usize = 64;

/// What a message meant, for the detectors.
#[derive(Debug, Default)]
pub struct Heard {
    /// A call was opened.
    pub opened: Option<CallKey>,
    /// A call was answered, and whether it succeeded.
    pub answered: Option<(CallKey, bool)>,
    /// Tools whose declaration changed after the first call: name, old and new digest.
    pub changed: Vec<(String, String, String)>,
    /// Tools that appeared after the first call.
    pub added: Vec<String>,
    /// Records of calls that are over: one that had to make room, or one whose tail a newer call's tail covers.
    pub closed: Vec<CallRecord>,
}

/// Applies a message. `number` is the engine's next call number.
pub fn apply(server: &mut Server, mcp: &Mcp, now: Time, config: &EngineConfig, number: &mut u64) -> Heard {
    let mut heard = Heard::default();
    let Message { body, complete, .. } = &mcp.message;
    if mcp.side == Side::Forged {
        return heard;
    }
    // what a server says hides no call, so that no server can make its own deeds doubtful
    if mcp.side == Side::Client && may_hide_call(&mcp.message) {
        server.incomplete = Some(now);
    }
    server.messages = server.messages.saturating_add(1);
    match (mcp.side, body) {
        (Side::Client, Body::Request(request)) => {
            match request.method.as_str() {
                "initialize" => server.initialized = true,
                "tools/list" => {
                    server.settled.get_or_insert(now);
                }
                _ => {}
            }
            match &request.call {
                Some(call) if request.method == "prompts/get" && !has_tool(server, &call.name) => {}
                Some(call) if request.method.starts_with("resources/") && !is_telling(call) => {}
                Some(call) => {
                    open(server, mcp, request, call, now, config, number, &mut heard);
                    return heard;
                }
                None => ask(server, request, now),
            }
            if mcp.http {
                server.questions.ask(mcp.stream, &request.id, now);
            }
        }
        (Side::Client, Body::Notification(note)) => client_note(server, note, now),
        (Side::Server, Body::Notification(note)) => server_note(server, note, now),
        (Side::Server, Body::Response(response)) => {
            // on the connection of a call it is the call's, whatever others have asked under that number
            let of_call = server.calls.iter().any(|call| call.is_asked(mcp.stream, &response.id));
            let other = !of_call && server.questions.answered(mcp.stream, &response.id, now);
            let stream = (!other).then_some(mcp.stream);
            answer(server, stream, response, *complete, now, config, &mut heard);
        }
        // the server's own requests and their answers reuse the client's ids and touch none of its calls
        (Side::Server, Body::Request(_)) | (Side::Client, Body::Response(_)) | (Side::Forged, _) => {}
    }
    heard
}

/// Whether what is missing of a client's message may be a call: not where its method is known and, for a call, its name.
/// (Arguments that were cut weaken that call alone.)
fn may_hide_call(message: &Message) -> bool {
    // what was too long for a method is a fingerprint
    let unknown = |name: &str| name.is_empty() || name.starts_with("fp:");
    // members of a batch that weren't read are calls as well as anything, and so is what stood beyond the last byte read:
    // of two names the last one counts
    !message.complete
        && (message.bytes > monitor_wire::limits::MESSAGE
            || message.flags.iter().any(|flag| flag == "batch")
            || match &message.body {
                Body::Request(Request { method, call: Some(call), .. }) => {
                    // the server chooses how long its tools' names are, and a call of one is open all the same
                    unknown(method) || call.name.is_empty()
                }
                Body::Request(Request { method, .. }) => unknown(method) || is_call(method),
                // a request whose id comes last looks like a notification until then
                Body::Notification(note) => unknown(&note.method) || is_call(&note.method),
                // nothing but an id was read; but the id of an answer is the server's choice, and so is its length
                Body::Response(Response { id, error, .. }) => {
                    error.is_none() && !matches!(id, Id::Text(text) if unknown(text))
                }
            })
}

fn is_call(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read" | "resources/subscribe")
}

#[expect(clippy::too_many_arguments, reason = "one caller, and each is a different thing")]
fn open(
    server: &mut Server,
    mcp: &Mcp,
    request: &Request,
    tool: &ToolCall,
    now: Time,
    config: &EngineConfig,
    number: &mut u64,
    heard: &mut Heard,
) {
    let (asked, title) = match request.method.as_str() {
        "tools/call" => (Asked::Tool, tool.name.clone()),
        "prompts/get" => (Asked::Prompt, format!("prompts/get {}", tool.name)),
        method => (Asked::Resource, format!("{method} {}", tool.name)),
    };
    if asked == Asked::Tool {
        server.first_call.get_or_insert(now);
    }
    if let Some(call) = server.calls.iter_mut().find(|call| call.continues(tool, &title)) {
        call.rpc = request.id.clone();
        call.stream = mcp.stream;
        call.progressed = now;
        call.ending = Ending::Answer;
        return;
    }
    if server.calls.len() >= config.limits.calls.max(1) {
        // one that was answered has only its tail to lose
        let at = server.calls.iter().position(|call| call.answered.is_some()).unwrap_or(0);
        let call = server.calls.remove(at);
        let outcome = call.outcome("evicted");
        if call.answered.is_none() {
            server.calls_evicted += 1;
        }
        heard.closed.push(server.record(call, outcome));
    }
    *number += 1;
    let key = CallKey(*number);
    let cwd = server.main().image.cwd.clone();
    let (mut hosts, mut paths, mut credentials) = (Vec::new(), Vec::new(), Vec::new());
    for argument in &tool.arguments {
        if let Some(host) = named::host(&argument.text) {
            hosts.push((argument.at.clone(), host));
            continue;
        }
        for path in named::paths(&argument.text, &cwd, &server.start.homes) {
            if config.credentials.lookup(&path).is_some_and(|found| found.secrecy > crate::credential::Secrecy::Ambient)
            {
                credentials.push((argument.at.clone(), path.clone()));
            }
            paths.push((argument.at.clone(), path));
        }
    }
    let hash = Digest::new()
        .number(server.start.root.start)
        .number(u64::from(server.start.root.pid))
        .number(u64::from(server.id.0))
        .number(*number)
        .field(tool.name.as_bytes());
    server.calls.push(Call {
        key,
        id: uuid_v7(now, hash.finish()),
        rpc: request.id.clone(),
        stream: mcp.stream,
        tool: title,
        asked,
        arguments: tool.arguments.clone(),
        cut: tool.cut || !mcp.message.complete,
        digest: tool.digest.clone(),
        progress: tool.progress.clone(),
        started: now,
        progressed: now,
        answered: None,
        ending: Ending::Answer,
        may_be_task: tool.as_task || is_stateless(request) == Some(true),
        may_ask_input: is_stateless(request).unwrap_or(!server.initialized),
        declared: if asked == Asked::Resource { resource(tool) } else { declared(server, &tool.name) },
        requests: if asked == Asked::Resource { Requests::none() } else { requests(server, &tool.name) },
        hosts,
        paths,
        credentials,
        observed: crate::ledger::Observations::default(),
    });
    heard.opened = Some(key);
}

/// Whether the request is of a revision since 2026-07-28, where every request says which: then the server may answer
/// with a task that nobody asked for, or ask for input. (Revisions are dates.) `None`: it doesn't say.
fn is_stateless(request: &Request) -> Option<bool> {
    let peer = request.peer.as_ref().filter(|peer| !peer.protocol.is_empty())?;
    Some(peer.protocol.as_str() >= "2026-07-28")
}

/// Whether the server declares a tool of this name: a prompt of the same name may do the same, and no other explains
/// anything.
fn has_tool(server: &Server, name: &str) -> bool {
    server.tools.contains_key(name)
        || server.profile.as_ref().is_some_and(|profile| profile.tool(&server.key, name).is_some())
}

/// What the tool is declared to do: by the profile, else by the server's annotations where the profile lets them
/// count, else by the profile's default.
fn declared(server: &Server, tool: &str) -> Declared {
    let Some(profile) = &server.profile else {
        return annotated(server, tool, Declared::from_spec(&crate::profile::ToolSpec::default(), DeclaredBy::Nobody));
    };
    if let Some(spec) = profile.tool(&server.key, tool) {
        return Declared::from_spec(spec, DeclaredBy::Profile);
    }
    let default = Declared::from_spec(&profile.undeclared_tool, DeclaredBy::Nobody);
    if profile.trust_annotations { annotated(server, tool, default) } else { default }
}

/// The API requests that a tool makes from this host. One that isn't declared may make any that its effect permits; one
/// whose requests are made elsewhere makes none.
fn requests(server: &Server, tool: &str) -> Requests {
    let spec = server.profile.as_ref().and_then(|profile| profile.tool(&server.key, tool));
    let here = spec.is_none_or(|spec| spec.at == CallSite::Host);
    let apis = spec.filter(|_| here).map(|spec| spec.apis.clone()).unwrap_or_default();
    Requests::new(apis, here)
}

/// What a resource is declared to do: to read what its URI names.
fn resource(call: &ToolCall) -> Declared {
    let default = Declared::from_spec(&crate::profile::ToolSpec::default(), DeclaredBy::Nobody);
    Declared {
        effect: Effect::Reads,
        fetches: is_web(uri(call)),
        open_world: false,
        files: if is_file(uri(call)) { FileAccess::Read } else { FileAccess::None },
        ..default
    }
}

/// Whether a resource's URI names something that can be seen: a scheme of the server's own says nothing of what it reads,
/// so that such a request explains nothing.
fn is_telling(call: &ToolCall) -> bool {
    is_file(uri(call)) || is_web(uri(call))
}

fn uri(call: &ToolCall) -> &str {
    call.arguments.first().map_or("", |argument| argument.text.as_str())
}

fn is_file(uri: &str) -> bool {
    uri.starts_with("file://")
}

fn is_web(uri: &str) -> bool {
    uri.starts_with("http://") || uri.starts_with("https://")
}

fn annotated(server: &Server, tool: &str, default: Declared) -> Declared {
    let decl = server.tools.get(tool).map(|tool| &tool.decl);
    let effect = decl.map_or(Effect::Unknown, |decl| Effect::from_annotations(decl.read_only, decl.destructive));
    // an absent openWorldHint means true
    let open_world = decl.and_then(|decl| decl.open_world).unwrap_or(true);
    Declared { by: DeclaredBy::Annotations, effect, open_world, fetches: default.fetches && open_world, ..default }
}

/// A request that isn't a call: it may concern a task, and it may end the start phase.
fn ask(server: &mut Server, request: &Request, now: Time) {
    let Some(task) = &request.task else { return };
    for call in &mut server.calls {
        if matches!(&call.ending, Ending::Task(id) if id == task) {
            call.progressed = now;
            if request.method == "tasks/result" {
                // its answer is the call's result
                call.rpc = request.id.clone();
            }
        }
    }
}

fn client_note(server: &mut Server, note: &Notification, now: Time) {
    if note.method == "notifications/initialized" {
        server.settled.get_or_insert(now);
    }
    if let Some(id) = &note.cancels {
        let open = server.calls.iter_mut().rev().find(|call| call.rpc == *id && call.answered.is_none());
        if let Some(call) = open {
            // a second cancellation doesn't extend the first
            if !matches!(call.ending, Ending::Cancelled(_)) {
                call.ending = Ending::Cancelled(now);
            }
        }
    }
}

fn server_note(server: &mut Server, note: &Notification, now: Time) {
    if let Some(token) = &note.progress {
        let open =
            server.calls.iter_mut().find(|call| call.progress.as_ref() == Some(token) && call.answered.is_none());
        if let Some(call) = open {
            call.progressed = now;
        }
    }
    if let Some(task) = &note.task {
        task_state(server, task, now);
    }
}

/// `stream` is `None` where it answers something else than a call.
fn answer(
    server: &mut Server,
    stream: Option<FileId>,
    response: &Response,
    complete: bool,
    now: Time,
    config: &EngineConfig,
    heard: &mut Heard,
) {
    if let Some(tools) = &response.tools {
        server.list_cut |= !complete;
        list(server, tools, response.more, now, config, heard);
        return;
    }
    let Some(at) = stream.and_then(|stream| position(server, stream, &response.id)) else {
        if let Some(task) = &response.task {
            task_state(server, task, now);
        }
        return;
    };
    let Some(call) = server.calls.get_mut(at) else { return };
    let failed = response.error.is_some() || response.is_error;
    match (&response.task, &call.ending) {
        (Some(task), _) if call.may_be_task && !terminal(&task.status) => {
            call.ending = Ending::Task(task.id.clone());
            call.progressed = now;
            return;
        }
        _ if response.input_required && call.may_ask_input => {
            call.ending = Ending::Input;
            call.progressed = now;
            return;
        }
        (_, Ending::Cancelled(_)) => call.end(now, "cancelled"),
        _ => call.end(now, if failed { "error" } else { "answered" }),
    }
    heard.answered = Some((call.key, !failed));
    supersede(server, at, heard);
}

/// Tails of the same tool with the same destinations explain the same: only the newest is kept, so that a server that
/// answers thousands of calls a second is judged as fast as any other.
fn supersede(server: &mut Server, at: usize, heard: &mut Heard) {
    let Some(newest) = server.calls.get(at) else { return };
    let older = server.calls.iter().position(|call| {
        call.answered.is_some()
            && call.key != newest.key
            && call.tool == newest.tool
            && call.hosts == newest.hosts
            && call.credentials.is_empty()
            && call.declared == newest.declared
    });
    if let Some(older) = older {
        let call = server.calls.remove(older);
        let outcome = call.outcome("answered");
        heard.closed.push(server.record(call, outcome));
    }
}

/// The open call that a response answers: the same stream first (HTTP carries both ways on one), else the oldest.
fn position(server: &Server, stream: FileId, id: &Id) -> Option<usize> {
    let calls = &server.calls;
    calls
        .iter()
        .position(|call| call.is_asked(stream, id))
        .or_else(|| calls.iter().position(|call| call.answered.is_none() && call.rpc == *id))
}

fn task_state(server: &mut Server, task: &TaskState, now: Time) {
    let open = server.calls.iter_mut().find(|call| matches!(&call.ending, Ending::Task(id) if *id == task.id));
    let Some(call) = open else { return };
    call.progressed = now;
    match task.status.as_str() {
        "completed" => call.end(now, "task_completed"),
        "failed" => call.end(now, "task_failed"),
        "cancelled" => call.end(now, "task_cancelled"),
        _ => {}
    }
}

fn terminal(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled")
}

fn list(server: &mut Server, tools: &[ToolDecl], more: bool, now: Time, config: &EngineConfig, heard: &mut Heard) {
    server.settled.get_or_insert(now);
    let used = server.first_call.is_some();
    // what the first list names was there before, if a call came before it
    let news = used && server.listed;
    // more than one page: whole once the last one came
    if !more {
        // a page that was cut may have named any tool
        server.listed = !std::mem::take(&mut server.list_cut);
    }
    for decl in tools {
        let full = server.tools.len() >= config.limits.tools.max(1);
        match server.tools.get_mut(&decl.name) {
            Some(known) if known.decl.digest == decl.digest => {}
            Some(known) => {
                if used && heard.changed.len() < MAX_CHANGES {
                    heard.changed.push((decl.name.clone(), known.decl.digest.clone(), decl.digest.clone()));
                }
                *known = ToolState { decl: decl.clone(), since: now };
            }
            None if full => {
                server.tools_evicted += 1;
                // an unlisted name proves nothing any more
                server.listed = false;
            }
            None => {
                if news && heard.added.len() < MAX_CHANGES {
                    heard.added.push(decl.name.clone());
                }
                server.tools.insert(decl.name.clone(), ToolState { decl: decl.clone(), since: now });
            }
        }
    }
}
