//! What was seen, item by item.

use monitor_wire::tls::Hello;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Stamp;
use crate::event::{Exec, File, FileOp, MemoryOp, Net, NetOp, Proto};
use crate::role::Role;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// When.
    pub time: Stamp,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// The fields of each kind of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A file was opened, or its descriptor used.
    FileOpen(FileFact),
    /// A file or name was changed.
    FileChange(FileFact),
    /// A connection or datagram.
    Connect(NetFact),
    /// A bind or listen.
    Bind(NetFact),
    /// A connection to a local socket.
    UnixConnect {
        /// Resolved path, or `@name`.
        path: String,
        /// What that socket gives.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// `ok` or `errno N`.
        result: String,
    },
    /// A name server was asked, or answered.
    Dns {
        /// Name asked for.
        name: String,
        /// Type asked for.
        #[serde(rename = "type")]
        of: String,
        /// The name server.
        server: String,
    },
    /// A TLS client's hello.
    Tls {
        /// Whom it asks for. With `ech` only the outer name.
        sni: Option<String>,
        /// Protocols offered.
        alpn: Vec<String>,
        /// Fingerprint of the client.
        ja4: String,
        /// It carries an encrypted hello, or pretends to: whom it is for can't be told.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ech: bool,
    },
    /// An HTTP request that was read in plain text.
    HttpRequest {
        /// Method.
        method: String,
        /// Host that it names, without port.
        host: String,
        /// Path without query, redacted.
        path: String,
        /// Fingerprint of the token that authorises it.
        token: Option<String>,
        /// Number of the exchange on its connection.
        exchange: u64,
        /// How the socket is known: `descriptor`, `thread`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
        /// It travelled inside TLS.
        tls: bool,
        /// What about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A token passed by.
    Token {
        /// Its fingerprint.
        token: String,
        /// What it is by its form; `opaque` where that doesn't tell.
        form: String,
        /// How it was written: `plain`, `base64`, `hex`, `percent`, `escaped`, `utf16`.
        encoding: String,
        /// The host that it was sent to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Where it is kept: files, `env NAME`, `argument`; empty where only its form is known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        places: Vec<String>,
    },
    /// A program was executed.
    Exec {
        /// Resolved executable.
        exe: String,
        /// Arguments, redacted.
        argv: Vec<String>,
        /// It has no file.
        memfd: bool,
        /// Its file has no name any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unlinked: bool,
        /// Main script, for an interpreter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<String>,
        /// Environment entries that change what code runs, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        preload: Vec<String>,
        /// It is a 32-bit program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        abi: Option<String>,
    },
    /// A debugger's attach.
    Ptrace(MemoryFact),
    /// Another process's memory, environment or descriptors.
    Memory(MemoryFact),
    /// An MCP message.
    Mcp {
        /// Tool, where one is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool: Option<String>,
        /// JSON pointer of the argument concerned, or what the message is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// JSON-RPC id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        /// What about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A socket of an unusual kind.
    Socket {
        /// Its family.
        family: String,
        /// Its protocol number.
        protocol: u32,
    },
    /// An operation that couldn't be decoded.
    Opaque {
        /// What it was.
        what: String,
        /// What could be resolved.
        detail: String,
        /// 32-bit system call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        abi: Option<String>,
        /// Done through io_uring.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        io_uring: bool,
    },
    /// Data was lost.
    Loss {
        /// Sensor.
        sensor: String,
        /// Reason.
        reason: String,
        /// Start of the interval.
        from: Stamp,
        /// Records (or bytes).
        lost: u64,
    },
    /// A sensor serves nothing.
    Blind {
        /// Sensor.
        sensor: String,
        /// Why.
        reason: String,
    },
    /// More was seen than is shown.
    More {
        /// How many items were left out.
        count: u64,
    },
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileFact {
    /// Resolved, absolute; after `…` where its beginning was cut off.
    pub path: String,
    /// The path was longer than `PATH_MAX`: only its end is here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// As passed, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What was done.
    pub op: String,
    /// Second path of rename, link and symlink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// The name under which this credential is known, where it was reached by another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// Which credential it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A network address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetFact {
    /// `connect`, `send`, `bind`, `listen` or `accept`.
    pub op: String,
    /// Protocol.
    pub proto: String,
    /// Address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Name by which witnesses know it.
    pub name: Option<String>,
    /// Who says so: `sni` (whoever connected asked for it), `dns` (a name server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What the address is.
    pub role: String,
    /// What came of it; empty if not known yet.
    pub result: String,
    /// Bytes sent so far, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// 32-bit system call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
    /// Done through io_uring.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub io_uring: bool,
}

/// Another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryFact {
    /// Whose.
    pub target_pid: u32,
    /// How.
    pub op: String,
    /// The file in procfs through which it went, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether it succeeded, if known.
    pub ok: Option<bool>,
}

impl Fact {
    /// Whether it tells of a credential file.
    #[must_use]
    pub const fn is_credential(&self) -> bool {
        matches!(self, Self::FileOpen(fact) | Self::FileChange(fact) if fact.credential.is_some())
    }

    /// The word of this kind, to tell new kinds of evidence from more of the same.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::FileOpen(_) => "file_open",
            Self::FileChange(_) => "file_change",
            Self::Connect(_) => "connect",
            Self::Bind(_) => "bind",
            Self::UnixConnect { .. } => "unix_connect",
            Self::Dns { .. } => "dns",
            Self::Tls { .. } => "tls",
            Self::HttpRequest { .. } => "http_request",
            Self::Token { .. } => "token",
            Self::Exec { .. } => "exec",
            Self::Ptrace(_) => "ptrace",
            Self::Memory(_) => "memory",
            Self::Mcp { .. } => "mcp",
            Self::Socket { .. } => "socket",
            Self::Opaque { .. } => "opaque",
            Self::Loss { .. } => "loss",
            Self::Blind { .. } => "blind",
            Self::More { .. } => "more",
        }
    }

    /// Evidence of a file effect.
    #[must_use]
    pub fn file(file: &File) -> Self {
        let fact = FileFact {
            path: if file.file.cut { format!("…{}", file.file.path) } else { file.file.path.clone() },
            cut: file.file.cut,
            via: file.via.clone(),
            op: file_op(file).to_owned(),
            to: file.to.clone(),
            dev: file.file.id.dev,
            ino: file.file.id.ino,
            same_as: None,
            credential: None,
        };
        match file.op {
            FileOp::Open | FileOp::Use | FileOp::Inherit | FileOp::MapExec if !file.write => Self::FileOpen(fact),
            _ => Self::FileChange(fact),
        }
    }

    /// Evidence of a network effect.
    #[must_use]
    pub fn net(net: &Net, role: Role) -> Self {
        let fact = NetFact {
            op: match net.op {
                NetOp::Connect => "connect",
                NetOp::Send => "send",
                NetOp::Bind => "bind",
                NetOp::Listen => "listen",
                NetOp::Accept => "accept",
            }
            .to_owned(),
            proto: proto(net.proto).to_owned(),
            address: net.addr.to_string(),
            port: net.port,
            name: net.name.clone(),
            by: None,
            role: role.as_str().to_owned(),
            result: net.result.clone(),
            sent: None,
            abi: net.abi.clone(),
            io_uring: net.io_uring,
        };
        if matches!(net.op, NetOp::Bind | NetOp::Listen) { Self::Bind(fact) } else { Self::Connect(fact) }
    }

    /// Evidence of a TLS client's hello.
    #[must_use]
    pub fn tls(hello: &Hello) -> Self {
        Self::Tls { sni: hello.sni.clone(), alpn: hello.alpn.clone(), ja4: hello.ja4.clone(), ech: hello.ech }
    }

    /// Evidence of an exec.
    #[must_use]
    pub fn exec(exec: &Exec) -> Self {
        Self::Exec {
            exe: exec.exe.path.clone(),
            argv: exec.argv.clone(),
            memfd: exec.memfd,
            unlinked: exec.unlinked,
            script: exec.script.as_ref().map(|script| script.path.clone()),
            preload: exec.preload.clone(),
            abi: exec.compat.then(|| "compat_abi".to_owned()),
        }
    }
}

/// The stable word of a protocol.
#[must_use]
pub const fn proto(proto: Proto) -> &'static str {
    match proto {
        Proto::Tcp => "tcp",
        Proto::Udp => "udp",
        Proto::Icmp => "icmp",
        Proto::Raw => "raw",
        Proto::Other => "other",
    }
}

/// The stable word of a way to reach another process.
#[must_use]
pub const fn memory_op(op: MemoryOp) -> &'static str {
    match op {
        MemoryOp::PtraceAttach => "ptrace_attach",
        MemoryOp::VmRead => "process_vm_readv",
        MemoryOp::VmWrite => "process_vm_writev",
        MemoryOp::ProcMem => "proc_mem",
        MemoryOp::ProcEnviron => "proc_environ",
        MemoryOp::ProcMaps => "proc_maps",
        MemoryOp::ProcFd => "proc_fd",
        MemoryOp::FdOpen => "fd_open",
        MemoryOp::PidfdGetfd => "pidfd_getfd",
    }
}

fn file_op(file: &File) -> &'static str {
    match file.op {
        // fanotify tells that it was opened, not for what
        FileOp::Open if file.by == "fanotify" => "open",
        FileOp::Open => match (file.read, file.write) {
            (true, true) => "open_read_write",
            (false, true) => "open_write",
            _ => "open_read",
        },
        FileOp::Use => "use",
        FileOp::Inherit => "inherit",
        FileOp::Rename => "rename",
        FileOp::Link => "link",
        FileOp::Symlink => "symlink",
        FileOp::Unlink => "unlink",
        FileOp::Chmod => "chmod",
        FileOp::Truncate => "truncate",
        FileOp::Create => "create",
        FileOp::MapExec => "map_exec",
    }
}
