//! From records to the engine's events: text made safe, identities completed, scripts and preloads looked up.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use monitor_abi::header::{FLAG_BELOW, FLAG_COMPAT, FLAG_CUT, FLAG_UNLINKED, FLAG_URING, FLAG_USE, Header};
use monitor_abi::{file, memory, process, socket};
use monitor_core::credential::{Standing, standing};
use monitor_core::event::{Exec, File, FileOp, FileRef, Memory, MemoryOp, Net, NetEnd, NetOp, Proto, SocketMade, Unix};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_wire::redact::{Key, redact, redact_argv};
use monitor_wire::text::escape_bytes;

use crate::sensor::decode::Changed;

/// Environment entries that make `ps` show what its options don't ask for.
const LISTING: &[&str] = &["PS_FORMAT", "PS_PERSONALITY", "CMD_ENV", "I_WANT_A_BROKEN_PS"];

/// Most arguments that an event keeps.
const ARGV_COUNT: usize = 64;
/// Most bytes of one argument.
const ARGV_BYTES: usize = 1024;
/// `TMPFS_MAGIC` (include/uapi/linux/magic.h): memfd files live there, without a directory.
const TMPFS_MAGIC: u32 = 0x0102_1994;
/// Environment entries that make other code run.
const PRELOADS: [&str; 9] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "BASH_ENV",
];
/// Programs whose main script says more than they do.
const INTERPRETERS: [&str; 14] =
    ["node", "nodejs", "bun", "deno", "python", "python3", "ruby", "perl", "php", "sh", "bash", "dash", "zsh", "tsx"];

/// Kernel-internal device number (major << 20 | minor, `include/linux/kdev_t.h`) as `stat(2)` shows it.
#[must_use]
pub const fn device(dev: u32) -> u64 {
    nix::libc::makedev(dev >> 20, dev & 0xf_ffff)
}

/// A device number of `stat(2)` as the kernel has it inside.
#[must_use]
pub fn kernel_device(dev: u64) -> Option<u32> {
    let (major, minor) = (nix::libc::major(dev), nix::libc::minor(dev));
    (major < 1 << 12 && minor < 1 << 20).then_some(major << 20 | minor)
}

/// The acting process of a record.
#[must_use]
pub const fn actor(head: &Header) -> ProcId {
    proc_id(head.tgid, head.start)
}

/// A process identity at the resolution that procfs has too (10 ms), so that what the kernel says of a process and what
/// procfs said of it agree. A pid is not given out twice within that time.
#[must_use]
pub const fn proc_id(pid: u32, start: u64) -> ProcId {
    ProcId { pid, start: start - start % 10_000_000 }
}

/// The server of a record.
#[must_use]
pub fn server(head: &Header) -> Option<ServerId> {
    (head.scope != 0).then_some(ServerId(head.scope))
}

/// An execution. `watched`: look into the process's environment for preloads.
#[must_use]
pub fn exec(head: &Header, body: &process::Exec, path: &[u8], argv: &[u8], cwd: &[u8], key: &Key) -> Exec {
    let raw: Vec<String> = split_argv(argv);
    let cwd = escape_bytes(cwd);
    let exe = file_ref(path, body.dev, body.ino, head.flags);
    let memfd = body.magic == TMPFS_MAGIC && exe.path.starts_with("/memfd:");
    let script = script_of(head.tgid, &exe.path, &raw, &cwd);
    let preload = if head.scope == 0 { Vec::new() } else { preloads(head.tgid, head.uid == 0) };
    let exe_path = exe.path.clone();
    Exec {
        proc: actor(head),
        parent: proc_id(body.parent, body.parent_start),
        argv_cut: raw.len() > ARGV_COUNT || argv.len() >= process::ARGV_MAX,
        argv: redacted(&raw, key),
        exe,
        cwd,
        uid: head.uid,
        unlinked: head.flags & FLAG_UNLINKED != 0,
        memfd,
        compat: head.flags & FLAG_COMPAT != 0,
        sealed: head.scope != 0 && is_sealed(head.tgid, &exe_path, script.as_ref()),
        script,
        preload,
        cgroup: body.cgroup,
    }
}

/// Arguments, bounded and without secrets.
#[must_use]
pub fn redacted(raw: &[String], key: &Key) -> Vec<String> {
    let bounded: Vec<String> = raw
        .iter()
        .take(ARGV_COUNT)
        .map(|arg| arg.char_indices().take_while(|(at, _)| *at < ARGV_BYTES).map(|(_, c)| c).collect())
        .collect();
    redact_argv(key, &bounded)
}

/// A process that runs already, from procfs. `None` if it is gone.
#[must_use]
pub fn known(pid: u32, key: &Key) -> Option<Exec> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = process.stat().ok()?;
    let exe = fs::read_link(format!("/proc/{pid}/exe")).map(|path| path.to_string_lossy().into_owned());
    let id = fs::metadata(format!("/proc/{pid}/exe")).map(|meta| FileId { dev: meta.dev(), ino: meta.ino() });
    let raw: Vec<String> = process.cmdline().unwrap_or_default();
    let cwd = process.cwd().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let exe_path = exe.unwrap_or_default();
    let unlinked = exe_path.ends_with(" (deleted)");
    let parent = u32::try_from(stat.ppid).unwrap_or(0);
    Some(Exec {
        proc: ProcId { pid, start: start_of_ticks(stat.starttime) },
        parent: ProcId { pid: parent, start: start_of(parent).unwrap_or(0) },
        script: script_of(pid, &exe_path, &raw, &cwd),
        exe: FileRef { path: exe_path, id: id.unwrap_or_default(), cut: false },
        argv_cut: raw.len() > ARGV_COUNT,
        argv: redacted(&raw, key),
        cwd,
        uid: process.uid().unwrap_or(u32::MAX),
        unlinked,
        memfd: false,
        compat: false,
        sealed: false,
        // Its environment is nobody's business: another agent that watches it would rightly report the reading.
        preload: Vec::new(),
        cgroup: 0,
    })
}

/// A running process outside every server, if its environment changes what code it runs or what it shows.
#[must_use]
pub fn influenced(pid: u32, key: &Key) -> Option<Exec> {
    let mut preload = preloads(pid, false);
    preload.extend(entries(pid).into_iter().map(|(name, _)| name).filter(|name| LISTING.contains(&name.as_str())));
    if preload.is_empty() {
        return None;
    }
    known(pid, key).map(|exec| Exec { preload, ..exec })
}

/// The agent's own executable.
#[must_use]
pub fn agent() -> Option<FileId> {
    fs::metadata("/proc/self/exe").ok().map(|meta| FileId { dev: meta.dev(), ino: meta.ino() })
}

/// Start time of a running process in nanoseconds, at the resolution of `/proc/PID/stat` (10 ms).
#[must_use]
pub fn start_of(pid: u32) -> Option<u64> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    Some(start_of_ticks(process.stat().ok()?.starttime))
}

/// Whether a process runs, in whichever of its threads: one that has ended and isn't waited for doesn't, nor one that is
/// on its way out.
#[must_use]
pub fn is_running(proc: ProcId) -> bool {
    /// `PF_EXITING` (include/linux/sched.h): set before the kernel tells of the end.
    const EXITING: u32 = 0x4;
    let pid = i32::try_from(proc.pid).unwrap_or(-1);
    let Ok(tasks) = procfs::process::Process::new(pid).and_then(|process| process.tasks()) else { return false };
    start_of(proc.pid) == Some(proc.start)
        && tasks
            .flatten()
            .filter_map(|task| task.stat().ok())
            .any(|stat| stat.flags & EXITING == 0 && !matches!(stat.state, 'Z' | 'X'))
}

const fn start_of_ticks(ticks: u64) -> u64 {
    ticks.saturating_mul(10_000_000)
}

/// A file that was opened.
#[must_use]
pub fn opened(head: &Header, body: &file::Open, path: &[u8], via: &[u8], key: &Key) -> File {
    let file = file_ref(path, body.dev, body.ino, head.flags);
    let via = escape_bytes(via);
    let access = body.open_flags & 3;
    let path_only = body.open_flags & 0o10_000_000 != 0; // O_PATH
    File {
        proc: actor(head),
        op: if head.flags & FLAG_USE != 0 { FileOp::Use } else { FileOp::Open },
        read: !path_only && (access == 0 || access == 2),
        write: !path_only && (access == 1 || access == 2),
        create: body.open_flags & 0o100 != 0, // O_CREAT
        path_only,
        dir: body.mode & 0o170_000 == 0o040_000,
        unlinked: head.flags & FLAG_UNLINKED != 0,
        to: None,
        via: (!via.is_empty() && via != file.path).then(|| redact(key, &via).into_owned()),
        file,
        by: by(head),
    }
}

/// Which hooks saw it, in the word that a file event carries.
fn by(head: &Header) -> String {
    if head.flags & FLAG_BELOW != 0 { "lsm" } else { "tracepoint" }.to_owned()
}

/// What a change does.
const fn change(op: u32) -> FileOp {
    match op {
        file::CHANGE_RENAME => FileOp::Rename,
        file::CHANGE_LINK => FileOp::Link,
        file::CHANGE_SYMLINK => FileOp::Symlink,
        file::CHANGE_UNLINK => FileOp::Unlink,
        file::CHANGE_CHMOD => FileOp::Chmod,
        _ => FileOp::Truncate,
    }
}

/// A change whose paths the kernel resolved.
#[must_use]
pub fn change_resolved(head: &Header, body: &file::Resolved, path: &[u8], to: &[u8]) -> File {
    File {
        proc: actor(head),
        op: change(body.op),
        read: false,
        write: true,
        create: false,
        path_only: false,
        dir: body.mode & 0o170_000 == 0o040_000,
        unlinked: false,
        via: None,
        file: file_ref(path, body.dev, body.ino, head.flags),
        to: (!to.is_empty()).then(|| escape_bytes(to)),
        by: by(head),
    }
}

/// A change of a name or mode: the strings are resolved here, since the call has no descriptor to resolve.
#[must_use]
pub fn changed(head: &Header, body: &file::Change, paths: &Changed<'_>, key: &Key) -> File {
    let op = change(body.op);
    let (from, to) = (escape_bytes(paths.path), escape_bytes(paths.to));
    let mut resolved = resolve(head.tgid, &escape_bytes(paths.base), &from);
    let second = match op {
        FileOp::Symlink => (!to.is_empty()).then(|| to.clone()),
        _ => (!to.is_empty()).then(|| resolve(head.tgid, &escape_bytes(paths.to_base), &to)),
    };
    if op == FileOp::Link && is_descriptor(head.tgid, &resolved) {
        // `linkat` with AT_SYMLINK_FOLLOW gives a name to what a descriptor leads to, most often to a file without one
        resolved = named_by(&resolved).or_else(|| second.clone()).unwrap_or(resolved);
    }
    let existing = second.as_ref().filter(|_| matches!(op, FileOp::Rename | FileOp::Link)).unwrap_or(&resolved);
    let id = in_root(head.tgid, existing)
        .symlink_metadata()
        .map(|meta| FileId { dev: meta.dev(), ino: meta.ino() })
        .unwrap_or_default();
    File {
        proc: actor(head),
        op,
        read: false,
        write: true,
        create: false,
        path_only: false,
        dir: false,
        unlinked: false,
        via: (from != resolved).then(|| redact(key, &from).into_owned()),
        file: FileRef { path: resolved, id, cut: false },
        to: second,
        by: "tracepoint".to_owned(),
    }
}

/// An inet operation.
#[must_use]
pub fn inet(head: &Header, body: &socket::Inet) -> Net {
    Net {
        proc: actor(head),
        op: match body.op {
            socket::INET_SEND => NetOp::Send,
            socket::INET_BIND => NetOp::Bind,
            socket::INET_LISTEN => NetOp::Listen,
            socket::INET_ACCEPT => NetOp::Accept,
            _ => NetOp::Connect,
        },
        proto: proto(body.protocol, body.sock_type),
        addr: address(body.family, body.addr),
        port: body.port,
        cookie: body.cookie,
        result: String::new(),
        name: None,
        io_uring: head.flags & FLAG_URING != 0,
        abi: (head.flags & FLAG_COMPAT != 0).then(|| "ia32".to_owned()),
    }
}

/// What came of a connection attempt, in the words of [`Net::result`]; `None` for later states.
#[must_use]
pub fn outcome(body: &socket::State) -> Option<String> {
    if body.old != TCP_SYN_SENT {
        return None;
    }
    let end = state(body);
    Some(if end.state == "established" { "ok".to_owned() } else { end.state })
}

/// `TCP_SYN_SENT` (include/net/tcp_states.h).
const TCP_SYN_SENT: u32 = 2;

/// A connection's new state.
#[must_use]
pub fn state(body: &socket::State) -> NetEnd {
    const ESTABLISHED: u32 = 1;
    let state = match (body.old, body.new, body.error) {
        (_, ESTABLISHED, _) => "established".to_owned(),
        (_, _, 111) => "refused".to_owned(),
        (_, _, 110) => "timeout".to_owned(),
        (TCP_SYN_SENT, _, 0) => "aborted".to_owned(),
        (_, _, 0) => "closed".to_owned(),
        (_, _, error) => format!("errno {error}"),
    };
    NetEnd {
        proc: proc_id(body.owner, body.owner_start),
        cookie: body.cookie,
        state,
        sent: body.sent,
        received: body.received,
    }
}

/// A unix connect.
#[must_use]
pub fn unix(head: &Header, body: &socket::Unix, path: &[u8], via: &[u8]) -> Unix {
    let path = if !path.is_empty() {
        escape_bytes(path)
    } else if let Some(name) = via.strip_prefix(&[0]) {
        format!("@{}", escape_bytes(name))
    } else {
        let text = escape_bytes(via.split(|byte| *byte == 0).next().unwrap_or_default());
        resolve(head.tgid, &link(format!("/proc/{}/cwd", head.tgid)), &text)
    };
    let result = if body.ret == 0 { "ok".to_owned() } else { format!("errno {}", body.ret.unsigned_abs()) };
    let op = if body.op == 2 { "bind" } else { "connect" };
    Unix { proc: actor(head), path, op: op.to_owned(), result }
}

/// An unusual socket.
#[must_use]
pub fn made(head: &Header, body: &socket::Made) -> SocketMade {
    let family = match (body.family, body.sock_type) {
        (2 | 10, _) => "raw".to_owned(),
        (16, _) => "netlink".to_owned(),
        (17, _) => "packet".to_owned(),
        (38, _) => "alg".to_owned(),
        (40, _) => "vsock".to_owned(),
        (44, _) => "xdp".to_owned(),
        (family, _) => format!("family {family}"),
    };
    SocketMade { proc: actor(head), family, protocol: body.protocol }
}

/// A reach for another process.
#[must_use]
pub fn reach(head: &Header, body: &memory::Reach) -> Memory {
    Memory {
        proc: actor(head),
        target: proc_id(body.target, body.target_start),
        target_server: (body.target_scope != 0).then_some(ServerId(body.target_scope)),
        op: match body.op {
            memory::REACH_PTRACE => MemoryOp::PtraceAttach,
            memory::REACH_VM_READ => MemoryOp::VmRead,
            memory::REACH_VM_WRITE => MemoryOp::VmWrite,
            _ => MemoryOp::PidfdGetfd,
        },
        ok: Some(body.ret >= 0),
    }
}

/// An open of another process's procfs file; `None` for names that give nothing away.
#[must_use]
pub fn proc_open(head: &Header, body: &file::ProcOpen) -> Option<Memory> {
    let name = body.name.get(..body.name_len as usize).unwrap_or_default();
    let op = match name {
        b"environ" => MemoryOp::ProcEnviron,
        b"mem" => MemoryOp::ProcMem,
        b"maps" | b"smaps" | b"auxv" | b"map_files" | b"pagemap" => MemoryOp::ProcMaps,
        b"fd" => MemoryOp::ProcFd,
        _ => return None,
    };
    Some(Memory {
        proc: actor(head),
        target: proc_id(body.target, body.target_start),
        target_server: (body.target_scope != 0).then_some(ServerId(body.target_scope)),
        op,
        ok: Some(true),
    })
}

/// A path as a process sees it, as we can reach it.
#[must_use]
pub fn in_root(pid: u32, path: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root").join(path.trim_start_matches('/'))
}

fn file_ref(path: &[u8], dev: u32, ino: u64, flags: u16) -> FileRef {
    FileRef { path: escape_bytes(path), id: FileId { dev: device(dev), ino }, cut: flags & FLAG_CUT != 0 }
}

fn split_argv(argv: &[u8]) -> Vec<String> {
    let argv = argv.strip_suffix(&[0]).unwrap_or(argv);
    if argv.is_empty() {
        return Vec::new();
    }
    argv.split(|byte| *byte == 0).map(escape_bytes).collect()
}

/// The main script of an interpreter: its first argument that is no option and names a file.
fn script_of(pid: u32, exe: &str, argv: &[String], cwd: &str) -> Option<FileRef> {
    let name = exe.rsplit('/').next()?;
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&name) && !INTERPRETERS.contains(&base) {
        return None;
    }
    for arg in argv.iter().skip(1) {
        if matches!(arg.as_str(), "-c" | "-e" | "--eval" | "-p" | "-m") {
            return None;
        }
        if arg.starts_with('-') {
            continue;
        }
        let path = join(cwd, arg);
        // Links to "self" would be followed as ours.
        let own = ["/dev/fd/", "/proc/self/fd/"].into_iter().find_map(|prefix| path.strip_prefix(prefix));
        let place = own.map_or_else(|| in_root(pid, &path), |fd| PathBuf::from(format!("/proc/{pid}/fd/{fd}")));
        let real = fs::canonicalize(place).ok()?;
        let meta = fs::metadata(&real).ok()?;
        let shown = real.to_string_lossy();
        let root = format!("/proc/{pid}/root");
        let shown = shown.strip_prefix(&root).unwrap_or(&shown).to_owned();
        return Some(FileRef { path: shown, id: FileId { dev: meta.dev(), ino: meta.ino() }, cut: false });
    }
    None
}

/// Names of environment entries that make other code run and name a place that others than root can write; where root's
/// files are the process's own (`as_root`), also a library that the loader is told to take from outside the system's.
fn preloads(pid: u32, as_root: bool) -> Vec<String> {
    let code = |(name, value): &(String, String)| {
        let own = as_root && matches!(name.as_str(), "LD_PRELOAD" | "LD_AUDIT");
        PRELOADS.contains(&name.as_str()) && (names_writable(pid, value) || own && names_own(pid, value))
    };
    entries(pid).into_iter().filter(code).map(|(name, _)| name).collect()
}

/// The environment of a process, name and value.
fn entries(pid: u32) -> Vec<(String, String)> {
    let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { return Vec::new() };
    let entry = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        let name = std::str::from_utf8(&entry[..at]).ok()?;
        Some((name.to_owned(), String::from_utf8_lossy(&entry[at + 1..]).into_owned()))
    };
    environ.split(|byte| *byte == 0).filter_map(entry).collect()
}

/// Whether nobody but root could have put program and main script where they lie. Asked only of the folders that are
/// known to be everybody's; elsewhere the place speaks for itself.
fn is_sealed(pid: u32, exe: &str, script: Option<&FileRef>) -> bool {
    let places = [Some(exe), script.map(|script| script.path.as_str())];
    let mut asked =
        places.into_iter().flatten().filter(|path| path.starts_with("/tmp/") || path.starts_with("/var/tmp/"));
    let sealed = |path: &str| !path.ends_with(" (deleted)") && roots_alone(&in_root(pid, path), path);
    asked.next().is_some_and(sealed) && asked.all(sealed)
}

/// Whether a file and every folder above it is root's, and not writable by others but for sticky folders.
fn roots_alone(real: &Path, path: &str) -> bool {
    let depth = Path::new(path).components().count();
    real.ancestors().take(depth).enumerate().all(|(at, part)| {
        fs::symlink_metadata(part).is_ok_and(|meta| {
            let sticky = at > 0 && meta.is_dir() && meta.mode() & 0o1000 != 0;
            meta.uid() == 0 && !meta.is_symlink() && (sticky || meta.mode() & 0o022 == 0)
        })
    })
}

/// Whether a value names a file or folder that others than root can write.
fn names_writable(pid: u32, value: &str) -> bool {
    value.split([':', ' ', '=', ',']).filter(|part| part.starts_with('/')).any(|part| {
        let mut at = PathBuf::from(part);
        loop {
            if let Ok(meta) = fs::metadata(in_root(pid, &at.to_string_lossy())) {
                return meta.uid() != 0 || meta.mode() & 0o022 != 0;
            }
            if !at.pop() {
                return false;
            }
        }
    })
}

/// Whether a value names a file that is there and that no package of the system's brought.
fn names_own(pid: u32, value: &str) -> bool {
    value.split([':', ' ']).filter(|part| part.starts_with('/')).any(|part| {
        let Ok(real) = fs::canonicalize(in_root(pid, part)) else { return false };
        let root = format!("/proc/{pid}/root");
        let real = Path::new("/").join(real.strip_prefix(&root).unwrap_or(&real));
        standing(&real.to_string_lossy()) != Standing::System
    })
}

/// Resolves a path that a process passed: symlinks of its folder, not of its last component.
fn resolve(pid: u32, base: &str, path: &str) -> String {
    let joined = own_links(pid, join(base, path));
    let Some((folder, name)) = joined.rsplit_once('/') else { return joined };
    // The process may be gone; its folders most likely are not.
    match fs::canonicalize(in_root(pid, folder)).or_else(|_| fs::canonicalize(folder)) {
        Ok(real) => {
            let real = real.to_string_lossy();
            let root = format!("/proc/{pid}/root");
            let real = real.strip_prefix(&root).unwrap_or(&real);
            format!("{}/{name}", real.trim_end_matches('/'))
        }
        Err(_) => joined,
    }
}

/// Names that mean "whoever asks" are that process's, not ours.
fn own_links(pid: u32, path: String) -> String {
    let of = |rest: &str| format!("/proc/{pid}/{rest}");
    let replaced = path
        .strip_prefix("/proc/self/")
        .map(of)
        .or_else(|| path.strip_prefix("/proc/thread-self/").map(of))
        .or_else(|| path.strip_prefix("/dev/fd/").map(|fd| of(&format!("fd/{fd}"))));
    replaced.unwrap_or(path)
}

/// Whether a path is of the form `/proc/PID/fd/N`.
fn is_descriptor(pid: u32, path: &str) -> bool {
    path.strip_prefix(&format!("/proc/{pid}/fd/")).is_some_and(|fd| fd.parse::<u32>().is_ok())
}

/// The name of the file that a descriptor leads to, if it has one and the process still holds it.
fn named_by(descriptor: &str) -> Option<String> {
    let file = link(descriptor.to_owned());
    (file.starts_with('/') && !file.ends_with(" (deleted)")).then_some(file)
}

fn link(path: String) -> String {
    fs::read_link(path).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Joins and cleans `.` and `..` by text.
fn join(base: &str, path: &str) -> String {
    let mut whole = PathBuf::from("/");
    for component in Path::new(base).join(path).components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(name) => whole.push(name),
            Component::RootDir => whole = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    whole.to_string_lossy().into_owned()
}

fn address(family: u16, bytes: [u8; 16]) -> IpAddr {
    if family == 2 {
        return IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]));
    }
    Ipv6Addr::from(bytes).to_canonical()
}

const fn proto(protocol: u16, sock_type: u16) -> Proto {
    match (protocol, sock_type) {
        (_, 3) => Proto::Raw,
        (6 | 262, _) | (0, 1) => Proto::Tcp,
        (17 | 136, _) | (0, 2) => Proto::Udp,
        (1 | 58, 2) => Proto::Icmp,
        _ => Proto::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::{address, device, is_descriptor, join, named_by, names_own, own_links, roots_alone, split_argv};

    #[test]
    fn only_root_can_have_put_it_there() {
        assert!(roots_alone(Path::new("/etc/passwd"), "/etc/passwd"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!roots_alone(&file, &file.to_string_lossy()), "others may write it");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!roots_alone(&file, &file.to_string_lossy()), "others may replace it");
    }

    #[test]
    fn a_library_of_the_systems_is_nobodys_own() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("x.so"), folder.path().join("link.so"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", &link).unwrap();
        let own = |value: &str| names_own(std::process::id(), value);
        assert!(own(&file.to_string_lossy()) && own(&format!("/usr/bin/env:{}", file.display())));
        assert!(!own("/usr/bin/env") && !own(&link.to_string_lossy()) && !own("x.so") && !own(""));
        assert!(!own(&folder.path().join("none.so").to_string_lossy()), "nothing is loaded from there");
    }

    #[test]
    fn paths_join_by_text() {
        assert_eq!(join("/a/b", "../c/./d"), "/a/c/d");
        assert_eq!(join("/a", "/x/../../y"), "/y");
        assert_eq!(join("", "x"), "/x");
    }

    #[test]
    fn a_process_that_says_self_means_itself() {
        assert_eq!(own_links(7, "/proc/self/fd/3".to_owned()), "/proc/7/fd/3");
        assert_eq!(own_links(7, "/dev/fd/3".to_owned()), "/proc/7/fd/3");
        assert_eq!(own_links(7, "/proc/selfish".to_owned()), "/proc/selfish");
        let file = std::fs::File::open("/etc/passwd").unwrap();
        let own = format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&file));
        assert!(is_descriptor(std::process::id(), &own) && !is_descriptor(1, &own));
        assert_eq!(named_by(&own).as_deref(), Some("/etc/passwd"));
    }

    #[test]
    fn arguments_come_apart_whatever_their_bytes() {
        assert_eq!(split_argv(b"node\0a b\0\xff\0"), ["node", "a b", "\\xff"]);
        assert_eq!(split_argv(b""), Vec::<String>::new());
        assert_eq!(split_argv(b"x\0\0"), ["x", ""]);
    }

    #[test]
    fn devices_and_addresses_are_as_user_space_knows_them() {
        assert_eq!(device(0x0080_0001), nix::libc::makedev(8, 1));
        assert_eq!(address(2, [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).to_string(), "127.0.0.1");
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!(address(10, mapped).to_string(), "10.0.0.1");
    }
}
