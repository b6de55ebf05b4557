//! What the engine is told, in domain terms.
//!
//! An event holds parsed fields, `fp:` fingerprints and bounded facts, never raw payload: a recording is the sequence
//! of these values as NDJSON and holds no secret. Text that came from a process may hold any bytes; the agent writes
//! bytes that are not UTF-8 as `\xNN` before an event is made.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::id::{FileId, ProcId, ServerId};
use crate::time::Time;

/// One thing that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When it happened (kernel time where a hook saw it).
    pub time: Time,
    /// The server whose scope it falls in, if any. `None` for processes outside every server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The closed set of things that can happen. [`crate::trace`] reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A server came under watch.
    ServerStart(ServerStart),
    /// The last process of a server ended.
    ServerEnd,
    /// A process was created.
    Fork(Fork),
    /// A process (of the host) that existed before the agent did, or that was found in procfs.
    Known(Exec),
    /// A process executed a program.
    Exec(Exec),
    /// A process ended.
    Exit(Exit),
    /// A file was opened, or a descriptor for it was received, inherited and used.
    File(File),
    /// A connection attempt, datagram destination, bind or listen.
    Net(Net),
    /// A connection's end, or its byte counts so far.
    NetEnd(NetEnd),
    /// A connection to an `AF_UNIX` address.
    Unix(Unix),
    /// A socket of a family other than inet or unix was made (or a raw one).
    Socket(SocketMade),
    /// One process reached for the memory, environment or descriptors of another.
    Memory(Memory),
    /// An MCP message on a transport of a watched server.
    Mcp(Mcp),
    /// An HTTP message on a connection of a watched process.
    Http(Http),
    /// A token is kept somewhere: a credential file, or what a server was given.
    KnownToken(KnownToken),
    /// A token passed by.
    Token(Token),
    /// A watched process began a TLS connection.
    Tls(Tls),
    /// A watched process asked a name server, or was answered.
    Dns(Dns),
    /// An operation by a watched process that the sensors saw but can't decode.
    Opaque(Opaque),
    /// Data was lost, cut or couldn't be read.
    Loss(Loss),
    /// A sensor serves nothing, from now on.
    Blind(Blind),
    /// A credential file exists at this identity (start-up scan and updates); keeps the inode map current.
    CredentialFile(CredentialFile),
    /// Which program the agent itself is.
    Agent(Agent),
    /// A profile of their own judges the servers that name it from now on.
    Profile(OwnProfile),
}

/// How a server is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStart {
    /// Root process.
    pub root: ProcId,
    /// Name for people: the package or program, e.g. `@cloudflare/mcp-server-cloudflare`; or what the configuration of an
    /// MCP client calls it.
    pub name: String,
    /// Where `name` is a client's word: the package or program. Only this says what the server *is*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Name of the profile that judges it.
    pub profile: String,
    /// The user named that profile: it stays, whatever the server turns out to be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub declared: bool,
    /// `stdio`, `http` or `https`.
    pub transport: String,
    /// False when the agent came after the server's start: what was before is not known.
    pub from_start: bool,
    /// Home directories whose own stores count as this server's (from `HOME` of its environment), absolute.
    #[serde(default)]
    pub homes: Vec<String>,
    /// The first of them, where somebody outside the server says the same: whoever started it, or the list of users. What
    /// a process calls its home it can rewrite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure_home: Option<String>,
    /// Environment variable *names* that the engine judges (preloads, redirects), with the value only where it is a
    /// path list: `("NODE_OPTIONS", "--require /tmp/x.js")`. Never a token.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// Package registry hosts that npm, pip or uv are configured for in that process.
    #[serde(default)]
    pub registries: Vec<String>,
    /// Name servers that the server's own root is configured with, at most 16; `None` where that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolvers: Option<Vec<IpAddr>>,
    /// Container id from `/proc/PID/cgroup`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl ServerStart {
    /// The package or program that it is. A client's name for it counts for nothing but display.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(&self.name)
    }
}

/// A process was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The creating process (real parent, not the one it is reparented to later).
    pub parent: ProcId,
    /// The new process.
    pub child: ProcId,
}

/// A process executed a program; for [`Kind::Known`] what procfs said of a running one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The process.
    pub proc: ProcId,
    /// Its parent at that moment.
    pub parent: ProcId,
    /// Executable: resolved path and identity.
    pub exe: FileRef,
    /// Arguments, at most 64 of at most 1 KiB each; secrets in them are already replaced by `fp:` values.
    pub argv: Vec<String>,
    /// True if `argv` was cut.
    #[serde(default, skip_serializing_if = "is_false")]
    pub argv_cut: bool,
    /// Working directory, empty if not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cwd: String,
    /// Real uid (`bpf_get_current_uid_gid`; from procfs the owner of `/proc/PID`).
    pub uid: u32,
    /// The executable has no name in any directory any more, or never had one (memfd).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unlinked: bool,
    /// Program and main script lie where only root can write, though below a folder such as `/tmp`: nobody else owns, or
    /// may write, any folder on the way (the sticky one itself apart).
    #[serde(default, skip_serializing_if = "is_false")]
    pub sealed: bool,
    /// It is a memfd.
    #[serde(default, skip_serializing_if = "is_false")]
    pub memfd: bool,
    /// It is a 32-bit program (ELF class 1) on a 64-bit kernel.
    #[serde(default, skip_serializing_if = "is_false")]
    pub compat: bool,
    /// For an interpreter: the main script, resolved, where procfs or argv + cwd gave an existing file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<FileRef>,
    /// Environment entries that change what code runs, and name a path that a non-root user can write
    /// (`LD_PRELOAD`, `NODE_OPTIONS`, `PYTHONPATH`, `PYTHONSTARTUP`, …): names only. Of a program of root's also
    /// `LD_PRELOAD` and `LD_AUDIT` that name a library outside the system's folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preload: Vec<String>,
    /// cgroup v2 id.
    #[serde(default)]
    pub cgroup: u64,
    /// Which namespaces it is in, where the kernel told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
}

/// Namespaces of a process, by the inode numbers that `/proc/PID/ns` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Process numbers.
    pub pid: u32,
    /// Mounts.
    pub mnt: u32,
    /// Network.
    pub net: u32,
    /// Users.
    pub user: u32,
}

/// A process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The process.
    pub proc: ProcId,
    /// Exit status as `wait(2)` encodes it.
    pub status: u32,
}

/// A file by resolved path and identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "FlatFileRef")]
pub struct FileRef {
    /// Absolute, resolved by the kernel (dentry and mount walk) or by the agent from a descriptor; never the string
    /// that the process passed.
    pub path: String,
    /// Identity.
    #[serde(flatten)]
    pub id: FileId,
    /// The path was longer than the largest size class: only its end is here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
}

/// [`FileRef`] as it is written: a reader of flattened members would have to keep them all first.
#[derive(Deserialize)]
struct FlatFileRef {
    path: String,
    dev: u64,
    ino: u64,
    #[serde(default)]
    cut: bool,
}

impl From<FlatFileRef> for FileRef {
    fn from(FlatFileRef { path, dev, ino, cut }: FlatFileRef) -> Self {
        Self { path, id: FileId { dev, ino }, cut }
    }
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOp {
    /// Opened; `read`/`write` in [`File`] tell how.
    Open,
    /// First use of a descriptor that this process did not open (received or inherited).
    Use,
    /// A descriptor was there when the process's program began; nothing was read through it yet.
    Inherit,
    /// Renamed; `to` is the new place.
    Rename,
    /// A hard link was made; `to` is the new name.
    Link,
    /// A symbolic link was made; `to` is its target as written.
    Symlink,
    /// A name was removed.
    Unlink,
    /// Mode or owner changed.
    Chmod,
    /// Truncated by path.
    Truncate,
    /// Created (a new name in a directory).
    Create,
    /// Mapped executable.
    MapExec,
}

/// A file effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Who did it.
    pub proc: ProcId,
    /// What.
    pub op: FileOp,
    /// To what.
    pub file: FileRef,
    /// Opened for reading.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read: bool,
    /// Opened for writing, or changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub write: bool,
    /// Opened with `O_CREAT`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create: bool,
    /// Opened with `O_PATH` only: no content can be read through it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub path_only: bool,
    /// It is a directory.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dir: bool,
    /// The file has no name any more (`nlink` 0).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unlinked: bool,
    /// Second path of rename, link and symlink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The string as the process passed it, where it differs from the resolved path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Sensor: `tracepoint`, `fanotify`, `lsm`.
    pub by: String,
}

/// Transport protocol of a network effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proto {
    /// TCP (and MPTCP).
    Tcp,
    /// UDP (and UDP-Lite).
    Udp,
    /// ICMP datagram sockets.
    Icmp,
    /// Raw IP.
    Raw,
    /// Anything else over IP (SCTP, DCCP).
    Other,
}

/// What was done with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetOp {
    /// `connect(2)` (TCP, or UDP's default destination).
    Connect,
    /// A datagram to an address.
    Send,
    /// Bound to a local address.
    Bind,
    /// Listening (TCP).
    Listen,
    /// A connection was accepted: `addr` is the peer.
    Accept,
}

/// A network effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Net {
    /// Who did it.
    pub proc: ProcId,
    /// What.
    pub op: NetOp,
    /// Over what.
    pub proto: Proto,
    /// Remote address for connect, send and accept; local address for bind and listen.
    pub addr: IpAddr,
    /// Port of `addr`.
    pub port: u16,
    /// Socket cookie (`bpf_get_socket_cookie`), 0 if not known.
    #[serde(default)]
    pub cookie: u64,
    /// `ok`, `refused`, `timeout`, `in_progress`, `errno N`; empty if not known (yet).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// Name by which witnesses know this address, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Done through io_uring.
    #[serde(default, skip_serializing_if = "is_false")]
    pub io_uring: bool,
    /// 32-bit system call: `ia32` or `x32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
}

/// Result or end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetEnd {
    /// Who made it.
    pub proc: ProcId,
    /// Socket cookie.
    pub cookie: u64,
    /// `established`, `refused`, `timeout`, `closed`, `errno N`.
    pub state: String,
    /// Bytes sent so far.
    #[serde(default)]
    pub sent: u64,
    /// Bytes received so far.
    #[serde(default)]
    pub received: u64,
}

/// A connection to an `AF_UNIX` address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unix {
    /// Who.
    pub proc: ProcId,
    /// Resolved path of the listening socket, or `@name` for the abstract namespace.
    pub path: String,
    /// `connect`, `bind` or `listen`.
    pub op: String,
    /// `ok` or `errno N`.
    pub result: String,
}

/// A socket of an unusual kind was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketMade {
    /// Who.
    pub proc: ProcId,
    /// `packet`, `netlink`, `vsock`, `raw`, `xdp`, `alg` or `family N`.
    pub family: String,
    /// Protocol number.
    pub protocol: u32,
}

/// The agent's own program: another process that runs the very same file looks at servers as the agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Identity of its executable.
    pub exe: FileId,
}

/// How one process reached for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryOp {
    /// `PTRACE_ATTACH` or `PTRACE_SEIZE`.
    PtraceAttach,
    /// `process_vm_readv`.
    VmRead,
    /// `process_vm_writev`.
    VmWrite,
    /// Opened `/proc/PID/mem`.
    ProcMem,
    /// Opened `/proc/PID/environ`.
    ProcEnviron,
    /// Opened `/proc/PID/maps`, `smaps` or `auxv`.
    ProcMaps,
    /// Opened something under `/proc/PID/fd`.
    ProcFd,
    /// Opened a pipe through somebody's `/proc/PID/fd/N`.
    FdOpen,
    /// `pidfd_getfd`.
    PidfdGetfd,
}

/// One process reached for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Who reached.
    pub proc: ProcId,
    /// For whom.
    pub target: ProcId,
    /// The server that `target` belongs to.
    pub target_server: Option<ServerId>,
    /// How.
    pub op: MemoryOp,
    /// Whether it succeeded, if known.
    pub ok: Option<bool>,
}

/// Who put a message on the wire, by the kernel's view of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// From outside the server's tree: the client.
    Client,
    /// From the server or something below it.
    Server,
    /// Inside the server's tree, but travelling *towards* the server as a request would: explains nothing.
    Forged,
}

/// An MCP message, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mcp {
    /// Stream it travelled on; of a TLS connection the library's own object, beside its process.
    pub stream: FileId,
    /// Who sent it.
    pub side: Side,
    /// It was spoken with another MCP server, whose client the watched one is there: the host that was asked, as the request
    /// named it, empty where it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// It travelled in the body of an HTTP message.
    #[serde(default, skip_serializing_if = "is_false")]
    pub http: bool,
    /// The process that was seen reading or writing it inside the server's tree.
    pub proc: ProcId,
    /// The message.
    pub message: monitor_wire::mcp::Message,
}

/// An HTTP message, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// The process inside the server's tree whose connection it is.
    pub proc: ProcId,
    /// Which connection: no two that are open at a time have the same. For TLS it is the library's own object.
    pub channel: u64,
    /// Socket cookie, 0 where it isn't known.
    #[serde(default)]
    pub cookie: u64,
    /// How the socket is known: `descriptor`, `thread` (the one write of that thread meanwhile); empty where it isn't.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// It travelled inside TLS, and was read where the library takes or gives plain text.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls: bool,
    /// Sent by the process; else received.
    pub sent: bool,
    /// The message.
    pub message: monitor_wire::http::Message,
}

/// Where a token is kept. A server's event where only that server was given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownToken {
    /// Its fingerprint.
    pub token: String,
    /// What it is by its form, as [`monitor_wire::token::Kind`] names it, or by its place: `cloudflare_token`.
    pub form: String,
    /// The file; else `env NAME` or `argument`.
    pub place: String,
}

/// A token that passed by in what a server's process says or hears. Never the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The process.
    pub proc: ProcId,
    /// Its fingerprint.
    pub token: String,
    /// What it is by its form, as [`monitor_wire::token::Kind`] names it.
    pub form: String,
    /// How it was written: `plain`, `base64`, `hex`, `percent`, `escaped`, `utf16`.
    pub encoding: String,
    /// It is kept somewhere, see [`KnownToken`]; else it has the form of one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub known: bool,
    /// On what it travelled.
    pub way: Way,
    /// The process sent it; else it received it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sent: bool,
    /// The host that was asked, as the request named it, where the process asks over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// On what a token travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The server's own transport: between it and its client.
    Transport,
    /// A connection on which the process asks.
    Request,
}

/// A TLS connection's beginning, over TCP or in QUIC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The process that connects.
    pub proc: ProcId,
    /// Socket cookie.
    pub cookie: u64,
    /// Where it went, if by QUIC: one datagram socket may have many peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic: Option<SocketAddr>,
    /// What it said.
    pub hello: monitor_wire::tls::Hello,
}

/// A question to a name server, or its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// The process that asks.
    pub proc: ProcId,
    /// Socket cookie.
    pub cookie: u64,
    /// The name server. An event has a `server` of its own.
    #[serde(rename = "resolver")]
    pub server: IpAddr,
    /// What was asked, or answered.
    pub answer: monitor_wire::dns::Answer,
}

/// Something by a watched process that the sensors can't decode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Who.
    pub proc: ProcId,
    /// `compat_abi` (32-bit system calls), `io_uring`, `input_opened` (the client's end, for writing), ….
    pub what: String,
    /// What could be resolved all the same.
    #[serde(default)]
    pub detail: String,
}

/// Data was lost, cut or unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Sensor: `process`, `file`, `socket`, `stream`, `memory`, `fanotify`, `name`, `tls`; `security` for the ring that carries all but
    /// stream bytes, `engine` for what user space had no room for.
    pub sensor: String,
    /// Reason: `ring_full`, `read_fault`, `cut`, `late`, `table_full`, `queue_overflow`, `unresolved`, ….
    pub reason: String,
    /// Start of the interval in which it may have happened.
    pub from: Time,
    /// How many records (or bytes, for `cut`).
    pub count: u64,
    /// The process that caused it, where only one can have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<ProcId>,
}

/// A sensor serves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// Sensor, as in [`Loss::sensor`].
    pub sensor: String,
    /// Why, for a person.
    pub reason: String,
}

/// A credential file's present identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialFile {
    /// Where it is.
    pub file: FileRef,
    /// It is no more: this identity is nobody's, or another file's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
}

/// A profile for the servers that name it, which no other is taken for: unlike those of the configuration it comes while
/// others are judged, so that it belongs to what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnProfile {
    /// The text of its file, at most [`OwnProfile::MAX`] bytes. One that is longer, that is no profile, or that has
    /// another's name changes nothing: the servers that name it are judged by `generic`.
    pub text: String,
}

impl OwnProfile {
    /// Longest text, bytes.
    pub const MAX: usize = 1 << 20;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
