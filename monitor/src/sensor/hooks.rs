//! Which program serves which sensor through which hook.

/// How a program is attached.
#[derive(Debug, Clone, Copy)]
pub enum Hook {
    /// BTF tracepoint of this name.
    BtfTracepoint(&'static str),
    /// System-call exit tracepoints of these calls; one that the kernel doesn't have is skipped if another is there.
    SyscallExit(&'static [&'static str]),
    /// On the root of the cgroup v2 tree; the word is for people.
    Cgroup(&'static str),
}

/// One program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// Sensor, in the words of events and alerts: `process`, `file`, `socket`, `stream`, `memory`, `io_uring`.
    pub sensor: &'static str,
    /// Where it attaches.
    pub hook: Hook,
    /// Without it Tripline does not start: no verdict would hold.
    pub required: bool,
}

const fn program(name: &'static str, sensor: &'static str, hook: Hook, required: bool) -> Program {
    Program { name, sensor, hook, required }
}

use Hook::{BtfTracepoint, Cgroup, SyscallExit};

/// The programs for kernels that refuse trampolines (LSM, fentry).
pub const TRACEPOINT: &[Program] = &[
    program("process_fork", "process", BtfTracepoint("sched_process_fork"), true),
    program("process_exec", "process", BtfTracepoint("sched_process_exec"), true),
    program("process_exit", "process", BtfTracepoint("sched_process_exit"), true),
    program("openat_exit", "file", SyscallExit(&["openat", "openat2"]), true),
    program("open_exit", "file", SyscallExit(&["open", "creat"]), false),
    program("handle_exit", "file", SyscallExit(&["open_by_handle_at"]), false),
    program("rename_exit", "file", SyscallExit(&["rename"]), false),
    program("renameat_exit", "file", SyscallExit(&["renameat", "renameat2"]), false),
    program("link_exit", "file", SyscallExit(&["link"]), false),
    program("linkat_exit", "file", SyscallExit(&["linkat"]), false),
    program("symlink_exit", "file", SyscallExit(&["symlink"]), false),
    program("symlinkat_exit", "file", SyscallExit(&["symlinkat"]), false),
    program("unlink_exit", "file", SyscallExit(&["unlink", "rmdir"]), false),
    program("unlinkat_exit", "file", SyscallExit(&["unlinkat"]), false),
    program("chmod_exit", "file", SyscallExit(&["chmod"]), false),
    program("fchmodat_exit", "file", SyscallExit(&["fchmodat", "fchmodat2"]), false),
    program("truncate_exit", "file", SyscallExit(&["truncate"]), false),
    program("mmap_exit", "file", SyscallExit(&["mmap"]), false),
    program("copy_exit", "file", SyscallExit(&["copy_file_range"]), false),
    program("connect4", "socket", Cgroup("connect4"), true),
    program("connect6", "socket", Cgroup("connect6"), false),
    program("sendmsg4", "socket", Cgroup("sendmsg4"), false),
    program("sendmsg6", "socket", Cgroup("sendmsg6"), false),
    program("post_bind4", "socket", Cgroup("post_bind4"), false),
    program("post_bind6", "socket", Cgroup("post_bind6"), false),
    program("sock_state", "socket", BtfTracepoint("inet_sock_set_state"), false),
    program("accept_exit", "socket", SyscallExit(&["accept", "accept4"]), false),
    program("connect_exit", "socket", SyscallExit(&["connect"]), false),
    program("socket_exit", "socket", SyscallExit(&["socket"]), false),
    program("read_exit", "stream", SyscallExit(&["read", "recvfrom", "pread64"]), true),
    program("write_exit", "stream", SyscallExit(&["write", "sendto"]), true),
    program("readv_exit", "stream", SyscallExit(&["readv", "preadv", "preadv2"]), false),
    program("writev_exit", "stream", SyscallExit(&["writev"]), false),
    program("recvmsg_exit", "stream", SyscallExit(&["recvmsg"]), false),
    program("sendmsg_exit", "stream", SyscallExit(&["sendmsg"]), false),
    program("sendmmsg_exit", "socket", SyscallExit(&["sendmmsg"]), false),
    program("splice_exit", "stream", SyscallExit(&["splice"]), false),
    program("sendfile_exit", "stream", SyscallExit(&["sendfile64"]), false),
    program("ptrace_exit", "memory", SyscallExit(&["ptrace"]), false),
    program("vm_read_exit", "memory", SyscallExit(&["process_vm_readv"]), false),
    program("vm_write_exit", "memory", SyscallExit(&["process_vm_writev"]), false),
    program("uring_submit", "io_uring", BtfTracepoint("io_uring_submit_req"), false),
];

/// Every sensor word, in the order that `doctor` shows.
pub const SENSORS: &[&str] = &["process", "file", "socket", "stream", "memory", "io_uring"];
