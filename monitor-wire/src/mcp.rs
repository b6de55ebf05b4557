//! MCP messages as values: what the engine needs of them, bounded and redacted.
//!
//! Text in these values has passed [`crate::redact`]: anything that looks like a token is an `fp:` fingerprint.

use serde::{Deserialize, Serialize};

/// A JSON-RPC id. MCP allows strings and integers (basic/index, "Requests"); anything else is kept as its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer id; 0 and negative ones are valid.
    Number(i64),
    /// A string id (at most 256 bytes, redacted), or the text of a value that is no valid id.
    Text(String),
}

/// One JSON-RPC message (batches arrive as their members).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Request, notification or response, with what was understood of it.
    pub body: Body,
    /// Length on the wire in bytes (the whole line or batch member).
    pub bytes: u64,
    /// False when bytes were lost, or a retained value was cut at its cap.
    pub complete: bool,
    /// Oddities worth evidence: `duplicate_key`, `escaped_method`, `batch`, `invalid_utf8`, `depth`, `bad_id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// The kinds of JSON-RPC message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// Has `method` and `id`.
    Request(Request),
    /// Has `method` and no `id`.
    Notification(Notification),
    /// Has `id` and `result` or `error`.
    Response(Response),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: Id,
    /// Method with escapes resolved, at most 256 bytes.
    pub method: String,
    /// For `tools/call`; for `prompts/get`, which has the same form; for `resources/read` and `resources/subscribe`, whose
    /// `uri` is both the name and the one argument, `/uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<ToolCall>,
    /// For `initialize` (params) and, in revision 2026-07-28, from `_meta` of any request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// For `tasks/get`, `tasks/result`, `tasks/cancel`: the task id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Method with escapes resolved, at most 256 bytes.
    pub method: String,
    /// For `notifications/cancelled`: the request it cancels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<Id>,
    /// For `notifications/progress`: its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Id>,
    /// For `notifications/tasks/status`: task id and status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskState>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request it answers.
    pub id: Id,
    /// JSON-RPC error code, if it is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<i64>,
    /// `result.isError` (or `result.toolResult.isError`, as the 0.2.0 Cloudflare package wraps it).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_error: bool,
    /// `resultType` is `input_required` (revision 2026-07-28).
    #[serde(default, skip_serializing_if = "is_false")]
    pub input_required: bool,
    /// The result is a task handle, or a task's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskState>,
    /// For `tools/list` results: what the server says of its tools (at most 4096).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolDecl>>,
    /// `nextCursor` was present: the list goes on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// `serverInfo` and `protocolVersion` of an `initialize` result, or of `_meta` in 2026-07-28.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
}

/// A `tools/call`, or what is like one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tool name, at most 256 bytes; of a resource its URI, cut there.
    pub name: String,
    /// Scalar arguments in document order with their JSON pointers (below `/arguments`), at most 256.
    #[serde(default)]
    pub arguments: Vec<Argument>,
    /// Arguments were left out or cut: absence of a value proves nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Keyed digest of name and all scalar arguments, however long: the same call repeated has the same digest.
    pub digest: String,
    /// `_meta.progressToken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Id>,
    /// `requestState` or `inputResponses` present: a repeat of an earlier call (2026-07-28).
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeat: bool,
    /// `task` was asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub as_task: bool,
}

/// One scalar argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// JSON pointer below `arguments`, e.g. `/files/0/path`; at most 512 bytes.
    pub at: String,
    /// Value as text, redacted; strings longer than 4096 bytes are cut. Booleans, numbers and null as JSON writes them.
    pub text: String,
    /// Length of the value in bytes before redaction and cut.
    pub len: u64,
}

/// What one side says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// `clientInfo.name` or `serverInfo.name`, at most 256 bytes.
    pub name: String,
    /// Its version, at most 256 bytes.
    pub version: String,
    /// Protocol revision, e.g. `2025-11-25`; empty if absent.
    pub protocol: String,
}

/// A task and its state (experimental in 2025-11-25, an extension in 2026-07-28).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Task id, at most 256 bytes.
    pub id: String,
    /// `working`, `input_required`, `completed`, `failed`, `cancelled`; empty if absent.
    pub status: String,
}

/// A tool as the server declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDecl {
    /// Name, at most 256 bytes.
    pub name: String,
    /// Keyed digest over the whole declaration (description, schemas, annotations), whatever its length.
    pub digest: String,
    /// `annotations.readOnlyHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// `annotations.destructiveHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// `annotations.openWorldHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
