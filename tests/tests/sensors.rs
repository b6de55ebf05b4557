//! Every sensor by its effect: a watched server does a deed by one particular system call, and the event must come.
//!
//! The same binary runs on this machine's kernel and in the virtual machine of `cargo xtask vm`. Which hooks serve is
//! found by asking `doctor`; `TRIPLINE_EXPECT` names the ones that must (`lsm`, `fentry` or `tracepoint`). A case that only
//! some hooks can pass exists only where those serve.

#[path = "sensors/files.rs"]
mod files;
#[path = "sensors/moves.rs"]
mod moves;
#[path = "sensors/sockets.rs"]
mod sockets;

use anyhow::{Context, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use tests::effects::Watched;
use tests::peer::Transport;
use tests::place::Place;
use tests::{neighbour, process};

/// A test: its name, which hooks can pass it, and what it does.
type Case = (&'static str, Hooks, fn(&mut Watched) -> Result<()>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hooks {
    Any,
    /// Only hooks below the system-call table see it, BPF LSM or fentry.
    Below,
    /// Only where system calls are hooked does it come about.
    Tracepoint,
}
use Hooks::{Any, Below, Tracepoint};

const CASES: &[Case] = &[
    ("file_open", Any, |it| opens(it, "open", "a")),
    ("file_openat", Any, |it| opens(it, "openat", "b")),
    ("file_openat2", Any, |it| opens(it, "openat2", "c")),
    ("file_creat", Any, |it| opens(it, "creat", "d")),
    ("file_relative", Any, |it| opens(it, "relative", "e")),
    ("file_by_symlink", Any, |it| opens(it, "symlinked", "f")),
    ("file_by_proc_fd", Any, |it| opens(it, "proc_fd", "g")),
    ("file_by_handle", Any, |it| opens(it, "handle", "h")),
    ("file_by_hardlink", Any, hard_link),
    ("file_by_32_bit_call", Below, |it| opens(it, "compat", "i")),
    ("file_by_io_uring", Below, |it| opens(it, "uring", "j")),
    ("file_path_as_passed", Any, via),
    ("file_deep_path", Any, deep),
    ("file_received", Any, |it| files::received(it, "read")),
    ("file_received_pread", Any, |it| files::received(it, "pread")),
    ("file_received_readv", Any, |it| files::received(it, "readv")),
    ("file_received_by_pidfd_getfd", Any, files::taken),
    ("file_received_preadv", Any, |it| files::received(it, "preadv")),
    ("file_received_mmap", Any, |it| files::received(it, "mmap")),
    ("file_received_sendfile", Any, |it| files::received(it, "sendfile")),
    ("file_received_splice", Any, |it| files::received(it, "splice")),
    ("file_received_copy_file_range", Any, |it| files::received(it, "copy_file_range")),
    ("file_inherited", Any, files::inherited),
    ("file_from_deep", Any, files::from_deep),
    ("file_odd_name", Any, files::odd_name),
    ("file_deleted", Any, files::deleted),
    ("file_bind_mount", Any, files::bind_mount),
    ("file_unresolved", Tracepoint, files::unresolved),
    ("change_unreadable_name", Tracepoint, files::unreadable_name),
    ("change_rename", Any, |it| changes(it, "rename", "rename", true)),
    ("change_renameat2", Any, |it| changes(it, "renameat2", "rename", true)),
    ("change_link", Any, |it| changes(it, "link", "link", true)),
    ("change_unlink", Any, |it| changes(it, "unlink", "unlink", false)),
    ("change_chmod", Any, |it| changes(it, "chmod", "chmod", false)),
    ("change_fchmod", Any, |it| changes(it, "fchmod", "chmod", false)),
    ("change_ftruncate", Tracepoint, |it| changes(it, "ftruncate", "truncate", false)),
    ("change_rename_by_io_uring", Any, |it| files::by_io_uring(it, "rename")),
    ("change_link_by_io_uring", Any, |it| files::by_io_uring(it, "link")),
    ("change_unlink_by_io_uring", Any, |it| files::by_io_uring(it, "unlink")),
    ("change_truncate", Any, |it| changes(it, "truncate", "truncate", false)),
    ("change_symlink", Any, symlink),
    ("unix_path", Any, |it| unix(it, false)),
    ("unix_by_symlink", Any, |it| unix(it, true)),
    ("unix_abstract", Any, abstract_name),
    ("unix_nobody_there", Any, nobody),
    ("unix_listen", Any, sockets::listens),
    ("unix_listen_abstract", Any, sockets::listens_abstract),
    ("inet_version_6", Any, sockets::newer),
    ("inet_byte_counts", Any, sockets::counted),
    ("inet_connect", Any, |it| inet(it, "connect", "connect", "127.0.0.1", 9)),
    ("inet_refused", Any, |it| outcome(it, "127.0.0.1:9", "refused")),
    ("inet_refused_later", Any, sockets::refused_later),
    ("inet_by_io_uring", Any, sockets::by_io_uring),
    ("inet_datagram_by_sendmsg", Any, |it| inet(it, "send_message", "send", "127.0.0.1", 54)),
    ("inet_unreachable", Any, |it| outcome(it, "255.255.255.255:9", "errno 101")),
    ("name_by_hello", Any, sockets::hello),
    ("name_by_dns", Any, sockets::asks),
    ("name_by_quic", Any, sockets::quic),
    ("inet_made", Any, made_connection),
    ("inet_listen_unbound", Any, listen_unbound),
    ("inet_bind_datagram", Any, bind_datagram),
    ("inet_datagram", Any, |it| inet(it, "send", "send", "127.0.0.1", 53)),
    ("inet_datagram_after_a_key", Any, datagrams),
    ("inet_listen", Any, |it| inet(it, "accept", "listen", "127.0.0.1", 4711)),
    ("inet_accept", Any, accept),
    ("socket_raw", Any, |it| made(it, "raw")),
    ("socket_netlink", Any, |it| made(it, "netlink")),
    ("socket_packet", Any, |it| made(it, "packet")),
    ("process_child", Any, child),
    ("process_namespaces", Any, files::namespaces),
    ("memory_ptrace", Any, |it| reached(it, neighbour::trace, "ptrace_attach")),
    ("memory_vm_read", Any, |it| reached(it, neighbour::read_memory, "vm_read")),
    ("memory_ptrace_thread", Any, |it| reached(it, neighbour::trace_thread, "ptrace_attach")),
    ("memory_vm_read_by_thread", Any, |it| reached(it, neighbour::read_memory_by_thread, "vm_read")),
    ("memory_vm_write", Any, |it| reached(it, neighbour::write_memory, "vm_write")),
    ("memory_maps", Any, |it| reached(it, neighbour::maps, "proc_maps")),
    ("memory_descriptors", Any, |it| reached(it, neighbour::descriptors, "proc_fd")),
    ("memory_environ", Any, |it| reached(it, neighbour::environ, "proc_environ")),
    ("memory_environ_by_task", Any, |it| reached(it, neighbour::environ_by_task, "proc_environ")),
    ("memory_environ_fresh_mount", Any, |it| reached(it, neighbour::environ_fresh_mount, "proc_environ")),
    ("memory_proc_mem", Any, |it| reached(it, neighbour::proc_mem, "proc_mem")),
    ("reach_environ", Any, |it| outside(it, "reach_environ", "proc_environ")),
    ("reach_proc_mem", Any, |it| outside(it, "reach_mem", "proc_mem")),
    ("reach_descriptors", Any, |it| outside(it, "reach_fds", "proc_fd")),
    ("reach_vm_read", Any, |it| outside(it, "reach_vm", "vm_read")),
    ("reach_vm_write", Any, |it| outside(it, "reach_vm_write", "vm_write")),
    ("reach_ptrace", Any, traced),
    ("reach_own_is_nobodys_affair", Any, reach_own),
    ("change_link_nameless", Any, link_nameless),
    ("memory_pidfd_getfd", Any, |it| reached(it, neighbour::take_descriptor, "pidfd_getfd")),
    ("stream_write", Any, |it| answers(it, "write")),
    ("stream_writev", Any, |it| answers(it, "writev")),
    ("stream_sendto", Any, |it| answers(it, "sendto")),
    ("stream_sendmsg", Any, |it| answers(it, "sendmsg")),
    ("stream_read", Any, |it| requests(it, "read")),
    ("stream_readv", Any, |it| requests(it, "readv")),
    ("stream_recvfrom", Any, |it| requests(it, "recvfrom")),
    ("stream_recvmsg", Any, |it| requests(it, "recvmsg")),
    ("stream_pwritev2", Any, |it| answers(it, "pwritev2")),
    ("stream_preadv2", Any, |it| requests(it, "preadv2")),
    ("stream_sendmmsg", Any, |it| moves::spoken(it, "sendmmsg", "read_fault")),
    ("stream_recvmmsg", Any, |it| moves::heard(it, "recvmmsg", "read_fault")),
    ("stream_splice", Any, |it| moves::spoken(it, "splice", "splice")),
    ("stream_splice_by_io_uring", Any, |it| moves::spoken(it, "uring_splice", "io_uring")),
    ("stream_splice_read", Any, |it| moves::heard(it, "splice", "splice")),
    ("stream_sendfile", Any, |it| moves::spoken(it, "sendfile", "splice")),
    ("stream_peek", Any, peeked),
    ("stream_long", Any, long),
    ("stream_by_io_uring", Any, by_io_uring),
    ("hooks_that_serve", Any, hooks),
];

thread_local! {
    /// The one server of this run: starting takes a second natively and five in software emulation.
    static SERVER: RefCell<Option<Watched>> = const { RefCell::new(None) };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let cases = CASES.iter().filter(|case| case.1 == Any || arguments.list || case.1 == expected());
    let mut trials: Vec<Trial> = cases.map(|case| Trial::test(case.0, move || shared(case).map_err(failed))).collect();
    trials.push(Trial::test("transport_pipes", || pipes().map_err(failed)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Which hooks serve: those that must, else those that `doctor` finds.
fn expected() -> Hooks {
    static FOUND: OnceLock<Hooks> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let word = std::env::var("TRIPLINE_EXPECT").or_else(|_| found());
        if word.is_ok_and(|word| word != "tracepoint") { Below } else { Tracepoint }
    })
}

/// The word for what serves the file sensor here.
fn found() -> Result<String> {
    let output = std::process::Command::new(tests::subject::tripline()?).args(["doctor", "--json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let sensors = report["sensors"].as_array().context("no sensors")?;
    let file = sensors.iter().find(|sensor| sensor["name"] == "file").context("no file sensor")?;
    file["hooks"][0]["backend"].as_str().map(str::to_owned).context("no backend")
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}

fn server() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_deed_server"))
}

/// Runs a case with the shared server.
fn shared((_, _, case): &Case) -> Result<()> {
    SERVER.with_borrow_mut(|slot| {
        if slot.is_none() {
            process::adopt_orphans()?;
            let mut started = Watched::start("sensors", server(), Transport::Sockets)?;
            opens(&mut started, "openat", "first")?;
            *slot = Some(started);
        }
        case(slot.as_mut().context("no server")?)
    })
}

/// Which hooks report files: the word in the events.
fn serving(it: &Watched) -> String {
    let hooks = |event: &Value| event["kind"] == "file" && event["op"] == "open" && event["by"] != "fanotify";
    let first = it.events().into_iter().find(hooks);
    first.and_then(|event| event["by"].as_str().map(str::to_owned)).unwrap_or_default()
}

/// Those that must serve do, and are those that report. The word in the events is one for all below the system-call table.
fn hooks(it: &mut Watched) -> Result<()> {
    let doctor = found()?;
    let wanted = std::env::var("TRIPLINE_EXPECT").unwrap_or_else(|_| doctor.clone());
    let reported = if wanted == "tracepoint" { "tracepoint" } else { "lsm" };
    if doctor != wanted || serving(it) != reported {
        bail!("{wanted} must serve the file sensor: doctor says {doctor}, the events say {}", serving(it));
    }
    Ok(())
}

/// A file opened by `deed` must be reported by its own path, whatever was passed.
fn opens(it: &mut Watched, deed: &str, name: &str) -> Result<()> {
    let path = it.file(name)?;
    it.call(deed, json!({"path": path, "to": it.scratch(&format!("{name}-alias"))}))?;
    let op = json!({"kind": "file", "op": "open", "proc": {"pid": it.pid}, "file": {"path": path}});
    let event = it.expect(&op)?;
    let meta = std::fs::metadata(&path)?;
    if event["file"]["dev"] != meta.dev() || event["file"]["ino"] != meta.ino() {
        bail!("the file is {}:{}, reported was {}", meta.dev(), meta.ino(), event["file"]);
    }
    Ok(())
}

/// A hard link is a name of its own: the identity tells.
fn hard_link(it: &mut Watched) -> Result<()> {
    let path = it.file("k")?;
    let alias = it.scratch("k-alias");
    it.call("hardlinked", json!({"path": path, "to": alias}))?;
    let ino = std::fs::metadata(&path)?.ino();
    it.expect(&json!({"kind": "file", "op": "open", "file": {"path": alias, "ino": ino}})).map(drop)
}

fn via(it: &mut Watched) -> Result<()> {
    let path = it.file("l")?;
    let passed = it.scratch("../scratch/./l");
    it.call("openat", json!({"path": passed}))?;
    it.expect(&json!({"kind": "file", "op": "open", "file": {"path": path}, "via": passed})).map(drop)
}

/// 30 folders of 100 bytes: more than a small record holds.
fn deep(it: &mut Watched) -> Result<()> {
    let folder = it.scratch(&vec!["f".repeat(100); 30].join("/"));
    std::fs::create_dir_all(&folder)?;
    let path = format!("{folder}/end");
    std::fs::write(&path, "x")?;
    it.call("openat", json!({"path": path}))?;
    it.expect(&json!({"kind": "file", "op": "open", "file": {"path": path}})).map(drop)
}

fn changes(it: &mut Watched, deed: &str, op: &str, two: bool) -> Result<()> {
    let path = it.file(&format!("change-{deed}"))?;
    let to = it.scratch(&format!("changed-{deed}"));
    it.call(deed, json!({"path": path, "to": to}))?;
    let mut wanted = json!({"kind": "file", "op": op, "file": {"path": path}});
    if two {
        wanted["to"] = to.into();
    }
    it.expect(&wanted).map(drop)
}

fn symlink(it: &mut Watched) -> Result<()> {
    let (path, to) = (it.scratch("new-link"), it.scratch("anything"));
    it.call("symlink", json!({"path": path, "to": to}))?;
    it.expect(&json!({"kind": "file", "op": "symlink", "file": {"path": path}, "to": to})).map(drop)
}

/// The listener's own path, even when a link leads to it.
fn unix(it: &mut Watched, by_link: bool) -> Result<()> {
    let path = it.scratch(if by_link { "u.sock" } else { "v.sock" });
    let _listener = UnixListener::bind(&path)?;
    let mut passed = path.clone();
    if by_link {
        passed = it.scratch("u-alias");
        std::os::unix::fs::symlink(&path, &passed)?;
    }
    it.call("unix", json!({"path": passed}))?;
    it.expect(&json!({"kind": "unix", "op": "connect", "path": path, "result": "ok"})).map(drop)
}

fn abstract_name(it: &mut Watched) -> Result<()> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name("tripline-test")?;
    let _listener = UnixListener::bind_addr(&address)?;
    it.call("abstract", json!({"path": "tripline-test"}))?;
    it.expect(&json!({"kind": "unix", "op": "connect", "path": "@tripline-test", "result": "ok"})).map(drop)
}

/// An attempt at a socket that isn't there counts too.
fn nobody(it: &mut Watched) -> Result<()> {
    let path = it.scratch("nobody.sock");
    if it.call("unix", json!({"path": path})).is_ok() {
        bail!("somebody listens on {path}");
    }
    it.expect(&json!({"kind": "unix", "op": "connect", "path": path, "result": "errno 2"})).map(drop)
}

/// What came of a connection is told at its end in any case, and with it where it was quick: on a slow machine that is
/// not every time, but never is it told as another.
fn outcome(it: &mut Watched, to: &str, state: &str) -> Result<()> {
    for _attempt in 0..20 {
        match attempt(it, to, state)? {
            told if told == state => return Ok(()),
            told if told.is_empty() => {}
            other => bail!("a connection to {to} was told as {other}"),
        }
    }
    bail!("what came of it was never told as {state} with a connection to {to}")
}

/// What one connect's own event says came of it, empty if nothing; its end must be told as `state`.
fn attempt(it: &mut Watched, to: &str, state: &str) -> Result<String> {
    let before = it.events().len();
    if it.call("connect", json!({"to": to})).is_ok() {
        bail!("somebody listens at {to}");
    }
    let (addr, port) = to.rsplit_once(':').context("no port")?;
    let port: u16 = port.parse()?;
    let made = json!({"kind": "net", "op": "connect", "addr": addr, "port": port});
    tests::wait::until("the outcome", std::time::Duration::from_secs(20), || {
        let events = it.events();
        let made = events[before..].iter().find(|event| tests::effects::holds(event, &made))?;
        let end = json!({"kind": "net_end", "cookie": made["cookie"], "state": state});
        events[before..].iter().find(|event| tests::effects::holds(event, &end))?;
        Some(made["result"].as_str().unwrap_or_default().to_owned())
    })
}

fn made_connection(it: &mut Watched) -> Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    it.call("connect", json!({"to": format!("127.0.0.1:{port}")}))?;
    let event = it.expect(&json!({"kind": "net", "op": "connect", "port": port}))?;
    // Where what came of it wasn't known when the event was judged, on a slow machine, it is left out.
    match event["result"].as_str().unwrap_or_default() {
        "ok" | "" => Ok(()),
        other => bail!("it was made, and told as {other}"),
    }
}

/// The kernel gives the port after the state has changed.
fn listen_unbound(it: &mut Watched) -> Result<()> {
    let before = it.events().len();
    it.call("listen_unbound", json!({}))?;
    tests::wait::until_true("the listener", std::time::Duration::from_secs(20), || {
        it.events()[before..].iter().any(|event| event["op"] == "listen")
    })?;
    let all = it.events();
    let ports: Vec<&Value> =
        all[before..].iter().filter(|event| event["op"] == "listen").map(|it| &it["port"]).collect();
    if ports.len() != 1 || *ports[0] == 0 {
        bail!("the ports were {ports:?}");
    }
    Ok(())
}

fn bind_datagram(it: &mut Watched) -> Result<()> {
    it.call("bind_udp", json!({"to": "0.0.0.0:18996"}))?;
    it.expect(&json!({"kind": "net", "op": "bind", "proto": "udp", "addr": "0.0.0.0", "port": 18996})).map(drop)
}

/// The server reaches for this process, which is no part of it: its client.
fn outside(it: &mut Watched, deed: &str, op: &str) -> Result<()> {
    let own = std::process::id();
    it.call(deed, json!({"pid": own}))?;
    reach(it, op, own)
}

/// The server attaches to a process that it didn't start.
fn traced(it: &mut Watched) -> Result<()> {
    let mut sleeper = std::process::Command::new(env!("CARGO_BIN_EXE_idle")).arg("wait").spawn()?;
    let outcome = it.call("reach_trace", json!({"pid": sleeper.id()}));
    let seen = outcome.and_then(|_| reach(it, "ptrace_attach", sleeper.id()));
    sleeper.kill()?;
    sleeper.wait()?;
    seen
}

fn reach(it: &Watched, op: &str, target: u32) -> Result<()> {
    let wanted = json!({"kind": "memory", "op": op, "server": 1, "proc": {"pid": it.pid}, "target": {"pid": target}});
    let event = it.expect(&wanted)?;
    if event["target"]["start"] == 0 || !event["target_server"].is_null() {
        bail!("the target isn't known: {event}");
    }
    Ok(())
}

fn reach_own(it: &mut Watched) -> Result<()> {
    let before = it.events().len();
    it.call("reach_own", json!({}))?;
    let id = it.call("netlink", json!({}))?;
    message(it, "client", id)?;
    match it.events()[before..].iter().find(|event| event["kind"] == "memory") {
        Some(event) => bail!("it may look at itself: {event}"),
        None => Ok(()),
    }
}

/// The name that it is linked by is a descriptor's, and not the agent's own.
fn link_nameless(it: &mut Watched) -> Result<()> {
    let to = it.scratch("named-late");
    it.call("link_nameless", json!({"path": it.scratch(""), "to": to}))?;
    let event = it.expect(&json!({"kind": "file", "op": "link", "to": to}))?;
    if event["file"]["path"].as_str().is_none_or(|path| path.contains("/proc/")) {
        bail!("the file is none of procfs: {}", event["file"]);
    }
    Ok(())
}

fn inet(it: &mut Watched, deed: &str, op: &str, addr: &str, port: u16) -> Result<()> {
    // Nobody listens on some of them: the attempt counts.
    let _refused = it.call(deed, json!({"to": format!("{addr}:{port}")}));
    it.expect(&json!({"kind": "net", "op": op, "addr": addr, "port": port})).map(drop)
}

/// A datagram on a connected socket is told again after the server came to hold a credential.
fn datagrams(it: &mut Watched) -> Result<()> {
    let key = it.place.home().join(".aws/credentials");
    it.call("datagrams", json!({"to": "127.0.0.1:9", "path": key}))?;
    let read = it.expect(&json!({"kind": "file", "op": "open", "file": {"path": key}, "proc": {"pid": it.pid}}))?;
    let sent = || {
        let events = it.events();
        let sent = events.iter().filter(|event| event["op"] == "send" && event["port"] == 9);
        sent.map(|event| event["time"].as_u64() > read["time"].as_u64()).collect::<Vec<bool>>()
    };
    tests::wait::until_true("a datagram before and one after", std::time::Duration::from_secs(20), || {
        let sent = sent();
        sent.contains(&false) && sent.contains(&true)
    })
}

fn accept(it: &mut Watched) -> Result<()> {
    it.call("accept", json!({"to": "127.0.0.1:4712"}))?;
    it.expect(&json!({"kind": "net", "op": "accept", "addr": "127.0.0.1"})).map(drop)
}

fn made(it: &mut Watched, family: &str) -> Result<()> {
    it.call(family, json!({}))?;
    it.expect(&json!({"kind": "socket", "family": family})).map(drop)
}

fn child(it: &mut Watched) -> Result<()> {
    it.call("execute", json!({"path": env!("CARGO_BIN_EXE_idle")}))?;
    let program = env!("CARGO_BIN_EXE_idle");
    let exec = it.expect(&json!({"kind": "exec", "server": 1, "argv": [program, "nothing"]}))?;
    let meta = std::fs::metadata(program)?;
    let exe = json!({"path": program, "dev": meta.dev(), "ino": meta.ino()});
    let (cwd, uid) = (it.place.home(), std::fs::metadata("/proc/self")?.uid());
    let wanted = json!({"exe": exe, "cwd": cwd, "uid": uid, "parent": {"pid": it.pid}});
    if !tests::effects::holds(&exec, &wanted) {
        bail!("it was {wanted}, reported was {exec}");
    }
    it.expect(&json!({"kind": "exit", "proc": exec["proc"], "status": 0})).map(drop)
}

/// This process, which nobody watches, reaches for the server.
fn reached(it: &mut Watched, deed: fn(u32) -> Result<()>, op: &str) -> Result<()> {
    let before = it.events().len();
    deed(it.pid)?;
    let wanted = json!({"kind": "memory", "op": op, "target": {"pid": it.pid}, "proc": {"pid": std::process::id()}});
    it.expect(&wanted)?;
    tests::wait::until_true("a new event", std::time::Duration::from_secs(20), || {
        it.events()[before..].iter().any(|event| event["op"] == op)
    })
}

fn message(it: &Watched, side: &str, id: u64) -> Result<()> {
    it.expect(&json!({"kind": "mcp", "side": side, "message": {"body": {"id": id}, "complete": true}})).map(drop)
}

fn answers(it: &mut Watched, how: &str) -> Result<()> {
    it.call("speak", json!({"how": how}))?;
    let id = it.call("speak", json!({"how": "write"}))?;
    message(it, "server", id - 1)?;
    message(it, "server", id)
}

fn requests(it: &mut Watched, how: &str) -> Result<()> {
    it.call("listen", json!({"how": how}))?;
    let id = it.call("listen", json!({"how": "read"}))?;
    message(it, "client", id)
}

/// Bytes that are looked at and then read count once.
fn peeked(it: &mut Watched) -> Result<()> {
    it.call("listen", json!({"how": "peek"}))?;
    let id = it.call("listen", json!({"how": "read"}))?;
    message(it, "client", id)?;
    let times =
        it.events().into_iter().filter(|event| event["side"] == "client" && event["message"]["body"]["id"] == id);
    let times = times.count();
    if times != 1 {
        bail!("the request was reported {times} times");
    }
    Ok(())
}

/// What io_uring moves can't be read: it is a gap, not a message that was never sent.
fn by_io_uring(it: &mut Watched) -> Result<()> {
    it.call("speak", json!({"how": "io_uring"}))?;
    it.call("speak", json!({"how": "write"}))?;
    it.expect(&json!({"kind": "loss", "sensor": "stream", "reason": "io_uring"}))?;
    let id = it.call("speak", json!({"how": "write"}))?;
    message(it, "server", id)
}

/// Both ways in chunks of several size classes, in pieces where the call has pieces.
fn long(it: &mut Watched) -> Result<()> {
    it.call("speak", json!({"how": "writev"}))?;
    it.call("listen", json!({"how": "recvmsg"}))?;
    let id = it.call("long", json!({"bytes": 300_000, "padding": "y".repeat(150_000)}))?;
    // Every byte was there; what is kept of a long argument is cut.
    let whole = json!({"kind": "mcp", "side": "client", "message": {"body": {"id": id}}});
    let bytes = it.expect(&whole)?["message"]["bytes"].as_u64();
    if bytes < Some(150_000) {
        bail!("the request was reported with {bytes:?} bytes");
    }
    message(it, "server", id)?;
    it.call("speak", json!({"how": "write"}))?;
    it.call("listen", json!({"how": "read"})).map(drop)
}

/// The other kind of transport has its own server; nothing is lost and nothing is left running.
fn pipes() -> Result<()> {
    SERVER.with_borrow_mut(|slot| slot.take().map_or(Ok(()), Watched::end))?;
    process::adopt_orphans()?;
    let place = Place::new("sensors-pipes")?;
    // Both the server and what it starts have a credential open that neither of them opened.
    let key = place.home().join(".ssh/id_rsa");
    let held = nix::unistd::dup(std::fs::File::open(&key)?)?; // without O_CLOEXEC
    let mut it = Watched::start_in(place, server(), Transport::Pipes)?;
    drop(held);
    it.expect(&json!({"kind": "file", "op": "inherit", "file": {"path": key}, "proc": {"pid": it.pid}}))?;
    for how in ["writev", "write"] {
        answers(&mut it, how)?;
    }
    for how in ["readv", "read"] {
        requests(&mut it, how)?;
    }
    let id = it.call("long", json!({"bytes": 100_000}))?;
    message(&it, "server", id)?;
    it.call("splice_file", json!({"path": it.file("spliced")?}))?;
    neighbour::open_own_end(it.pid)?;
    reached(&mut it, neighbour::open_descriptor, "fd_open")?;
    let opened = it.events().into_iter().filter(|event| event["op"] == "fd_open").count();
    if opened != 1 {
        bail!("one of two opens was of somebody else's descriptor, {opened} were reported");
    }
    let lost: Vec<Value> = it.events().into_iter().filter(|event| event["kind"] == "loss").collect();
    if !lost.is_empty() {
        bail!("something was lost: {lost:?}");
    }
    for how in ["tee", "vmsplice"] {
        moves::spoken(&mut it, how, "splice")?;
    }
    moves::spoken(&mut it, "uring_tee", "io_uring")?;
    it.end()
}
