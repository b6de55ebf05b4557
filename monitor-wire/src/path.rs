//! Where a value lies in a message, and so what it means. `params` and `result` may come before `method`, so every place
//! that any method gives a meaning is followed; which of them counts is settled when the message is over.

use crate::limits;

/// The two members that hold a message's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Params,
    Result,
}

/// `params.arguments`; `params.input`, which the 0.2.0 Cloudflare package reads beside it; or `params.uri`, which says
/// which resource is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Arguments,
    Input,
    Uri,
}

/// A place in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// Of no interest, with all that lies below it.
    Skip,
    /// The line's outermost value.
    Line,
    Batch,
    Message,
    Id,
    Method,
    Error,
    ErrorCode,
    Body(Side),
    Protocol(Side),
    Peer(Side),
    PeerName(Side),
    PeerVersion(Side),
    Meta(Side),
    MetaProtocol(Side),
    MetaPeer(Side),
    MetaPeerName(Side),
    MetaPeerVersion(Side),
    TaskId(Side),
    TaskStatus(Side),
    Task(Side),
    InnerTaskId(Side),
    InnerTaskStatus(Side),
    Name,
    /// An argument tree's root or anything below it.
    Argument(Root),
    RequestState,
    InputResponses,
    RequestId,
    Progress,
    MetaProgress,
    IsError,
    ToolResult,
    WrappedIsError,
    ResultType,
    NextCursor,
    Tools,
    Tool,
    ToolName,
    Annotations,
    ReadOnly,
    Destructive,
    OpenWorld,
    /// Anything else below a tool declaration: only its digest counts.
    ToolPart,
}

impl Node {
    /// The place of the member `key` of an object at this place.
    pub(crate) fn member(self, key: &str) -> Self {
        match (self, key) {
            (Self::Message, "id") => Self::Id,
            (Self::Message, "method") => Self::Method,
            (Self::Message, "params") => Self::Body(Side::Params),
            (Self::Message, "result") => Self::Body(Side::Result),
            (Self::Message, "error") => Self::Error,
            (Self::Error, "code") => Self::ErrorCode,
            (Self::Body(Side::Params), "name") => Self::Name,
            (Self::Body(Side::Params), "arguments") => Self::Argument(Root::Arguments),
            (Self::Body(Side::Params), "input") => Self::Argument(Root::Input),
            (Self::Body(Side::Params), "uri") => Self::Argument(Root::Uri),
            (Self::Body(Side::Params), "requestState") => Self::RequestState,
            (Self::Body(Side::Params), "inputResponses") => Self::InputResponses,
            (Self::Body(Side::Params), "requestId") => Self::RequestId,
            (Self::Body(Side::Params), "progressToken") => Self::Progress,
            (Self::Body(Side::Result), "isError") => Self::IsError,
            (Self::Body(Side::Result), "toolResult") => Self::ToolResult,
            (Self::Body(Side::Result), "resultType") => Self::ResultType,
            (Self::Body(Side::Result), "nextCursor") => Self::NextCursor,
            (Self::Body(Side::Result), "tools") => Self::Tools,
            (Self::Body(side), "protocolVersion") => Self::Protocol(side),
            (Self::Body(side @ Side::Params), "clientInfo") => Self::Peer(side),
            (Self::Body(side @ Side::Result), "serverInfo") => Self::Peer(side),
            (Self::Body(side), "_meta") => Self::Meta(side),
            (Self::Body(side), "task") => Self::Task(side),
            (Self::Body(side), "taskId") => Self::TaskId(side),
            (Self::Body(side), "status") => Self::TaskStatus(side),
            (Self::Task(side), "taskId") => Self::InnerTaskId(side),
            (Self::Task(side), "status") => Self::InnerTaskStatus(side),
            (Self::Peer(side), "name") => Self::PeerName(side),
            (Self::Peer(side), "version") => Self::PeerVersion(side),
            (Self::Meta(Side::Params), "progressToken") => Self::MetaProgress,
            (Self::Meta(side), "io.modelcontextprotocol/protocolVersion") => Self::MetaProtocol(side),
            (Self::Meta(side @ Side::Params), "io.modelcontextprotocol/clientInfo")
            | (Self::Meta(side @ Side::Result), "io.modelcontextprotocol/serverInfo") => Self::MetaPeer(side),
            (Self::MetaPeer(side), "name") => Self::MetaPeerName(side),
            (Self::MetaPeer(side), "version") => Self::MetaPeerVersion(side),
            (Self::ToolResult, "isError") => Self::WrappedIsError,
            (Self::Argument(root), _) => Self::Argument(root),
            (Self::Tool, "name") => Self::ToolName,
            (Self::Tool, "annotations") => Self::Annotations,
            (Self::Annotations, "readOnlyHint") => Self::ReadOnly,
            (Self::Annotations, "destructiveHint") => Self::Destructive,
            (Self::Annotations, "openWorldHint") => Self::OpenWorld,
            (node, _) if node.is_hashed() => Self::ToolPart,
            _ => Self::Skip,
        }
    }

    /// The place of a member whose key is longer than any that means something.
    pub(crate) fn unknown_member(self) -> Self {
        match self {
            Self::Argument(root) => Self::Argument(root),
            node if node.is_hashed() => Self::ToolPart,
            _ => Self::Skip,
        }
    }

    /// The place of an element of an array at this place.
    pub(crate) fn element(self) -> Self {
        match self {
            Self::Batch => Self::Message,
            Self::Tools => Self::Tool,
            node => node.unknown_member(),
        }
    }

    /// Whether an object or an array (not an `object`) at this place is gone into.
    pub(crate) fn opens(self, object: bool) -> bool {
        match self {
            Self::Line | Self::Argument(_) => true,
            Self::Tools => !object,
            Self::Message
            | Self::Error
            | Self::Body(_)
            | Self::Peer(_)
            | Self::Meta(_)
            | Self::MetaPeer(_)
            | Self::Task(_)
            | Self::ToolResult
            | Self::Tool => object,
            node => node.is_hashed(),
        }
    }

    /// Whether the value counts for a digest.
    pub(crate) fn is_hashed(self) -> bool {
        matches!(
            self,
            Self::Argument(_)
                | Self::Tool
                | Self::ToolName
                | Self::Annotations
                | Self::ReadOnly
                | Self::Destructive
                | Self::OpenWorld
                | Self::ToolPart
        )
    }

    /// How much of a string or number at this place is kept while it is read; 0 if only its presence counts.
    pub(crate) fn retained(self) -> usize {
        match self {
            Self::Argument(_) | Self::ToolPart => limits::ARGUMENT,
            Self::Id
            | Self::Method
            | Self::ErrorCode
            | Self::Protocol(_)
            | Self::PeerName(_)
            | Self::PeerVersion(_)
            | Self::MetaProtocol(_)
            | Self::MetaPeerName(_)
            | Self::MetaPeerVersion(_)
            | Self::TaskId(_)
            | Self::TaskStatus(_)
            | Self::InnerTaskId(_)
            | Self::InnerTaskStatus(_)
            | Self::Name
            | Self::RequestId
            | Self::Progress
            | Self::MetaProgress
            | Self::ResultType => limits::NAME,
            node if node.is_hashed() => limits::NAME,
            _ => 0,
        }
    }
}
