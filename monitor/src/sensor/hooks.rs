//! Which programs serve which job through which hooks: for each job a list of sets, the best first.
//!
//! Floor: Linux 5.17 (`bpf_loop`); what is tested is 6.1 with the first sets and 6.18 with the last ones.

use std::fmt;

use aya::programs::CgroupSkbAttachType;

/// How a program is attached.
#[derive(Debug, Clone, Copy)]
pub enum Hook {
    /// BTF tracepoint of this name.
    BtfTracepoint(&'static str),
    /// BTF tracepoint that had another name before: the new one, the old one.
    RenamedBtfTracepoint(&'static str, &'static str),
    /// System-call exit tracepoints of these calls; one that the kernel doesn't have is skipped if another is there.
    SyscallExit(&'static [&'static str]),
    /// On the root of the cgroup v2 tree; the word is for people.
    Cgroup(&'static str),
    /// Packets that leave the sockets of that tree, or arrive at them.
    Packets(CgroupSkbAttachType),
    /// BPF LSM hook of this name.
    Lsm(&'static str),
    /// Entry of a kernel function.
    Fentry(&'static str),
    /// Return of a kernel function.
    Fexit(&'static str),
    /// Functions of a TLS library, in every program of a server that has them: loaded, and attached as they are met.
    Tls(&'static str),
}

impl fmt::Display for Hook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BtfTracepoint(name) | Self::RenamedBtfTracepoint(name, _) => write!(out, "BTF tracepoint {name}"),
            Self::SyscallExit(calls) => write!(out, "exit of {}", calls.join(", ")),
            Self::Cgroup(name) => write!(out, "cgroup {name}"),
            Self::Packets(CgroupSkbAttachType::Egress) => write!(out, "cgroup egress"),
            Self::Packets(CgroupSkbAttachType::Ingress) => write!(out, "cgroup ingress"),
            Self::Lsm(name) => write!(out, "BPF LSM {name}"),
            Self::Fentry(name) => write!(out, "fentry {name}"),
            Self::Fexit(name) => write!(out, "fexit {name}"),
            Self::Tls(functions) => write!(out, "uprobe {functions}"),
        }
    }
}

/// One program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// Sensor, in the words of events and alerts: `process`, `file`, `socket`, `stream`, `memory`, `io_uring`, `name`, `tls`.
    pub sensor: &'static str,
    /// Where it attaches.
    pub hook: Hook,
    /// Without it Tripline does not start: no verdict would hold. Said only of the last set of a job.
    pub required: bool,
}

/// A family of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// BPF LSM programs.
    Lsm,
    /// fentry programs on the functions that call the LSMs.
    Fentry,
    /// fexit programs.
    Fexit,
    /// Tracepoints and cgroup hooks.
    Tracepoint,
}

impl Backend {
    /// Whether the kernel builds a trampoline for it, which some kernels refuse.
    #[must_use]
    pub const fn needs_trampoline(self) -> bool {
        !matches!(self, Self::Tracepoint)
    }

    /// The word for people and configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lsm => "lsm",
            Self::Fentry => "fentry",
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
        }
    }
}

/// What the agent does itself to see that a set really reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: the kernel has always fired these.
    None,
    /// Opens a file.
    Opens,
    /// Connects unix sockets.
    Connects,
    /// Moves bytes by each call.
    Streams,
}

/// Programs that do a job together.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    /// Through which hooks.
    pub backend: Backend,
    /// How it is proved.
    pub proof: Proof,
    /// The programs.
    pub programs: &'static [Program],
}

/// A job: the first of its sets that loads, attaches and is proved as a whole serves it. Of the last set each program
/// stands for itself.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its sets, the best first.
    pub sets: &'static [Set],
}

const fn program(name: &'static str, sensor: &'static str, hook: Hook, required: bool) -> Program {
    Program { name, sensor, hook, required }
}

const fn set(backend: Backend, proof: Proof, programs: &'static [Program]) -> Set {
    Set { backend, proof, programs }
}

const fn job(sets: &'static [Set]) -> Job {
    Job { sets }
}

use Backend::Tracepoint;
use Hook::{BtfTracepoint, Cgroup, Fentry, Fexit, Lsm, RenamedBtfTracepoint, SyscallExit};

/// Every job, in the order of arming.
pub const JOBS: &[Job] = &[
    job(&[set(Tracepoint, Proof::None, BASE)]),
    job(&[
        set(Backend::Lsm, Proof::Opens, OBJECT_LSM),
        set(Backend::Fentry, Proof::Opens, OBJECT_FENTRY),
        set(Tracepoint, Proof::None, OBJECT_TRACEPOINT),
    ]),
    job(&[set(Backend::Fexit, Proof::Connects, UNIX_FEXIT), set(Tracepoint, Proof::None, UNIX_TRACEPOINT)]),
    job(&[set(Backend::Fexit, Proof::Streams, STREAM_FEXIT), set(Tracepoint, Proof::None, STREAM_TRACEPOINT)]),
    job(&[set(Tracepoint, Proof::None, URING)]),
    job(&[set(Tracepoint, Proof::None, NAMES)]),
    job(&[set(Tracepoint, Proof::None, TLS)]),
];

/// Process life and inet: the same everywhere.
const BASE: &[Program] = &[
    program("process_fork", "process", BtfTracepoint("sched_process_fork"), true),
    program("process_exec", "process", BtfTracepoint("sched_process_exec"), true),
    program("process_exit", "process", BtfTracepoint("sched_process_exit"), true),
    program("inherit_exec", "process", BtfTracepoint("sched_process_exec"), false),
    program("connect4", "socket", Cgroup("connect4"), true),
    program("connect6", "socket", Cgroup("connect6"), false),
    program("sendmsg4", "socket", Cgroup("sendmsg4"), false),
    program("sendmsg6", "socket", Cgroup("sendmsg6"), false),
    program("post_bind4", "socket", Cgroup("post_bind4"), false),
    program("post_bind6", "socket", Cgroup("post_bind6"), false),
    program("sock_state", "socket", BtfTracepoint("inet_sock_set_state"), false),
];

/// Files, names, other processes, sockets made and accepted: below the system-call table.
const OBJECT_LSM: &[Program] = &[
    program("lsm_file_open", "file", Lsm("file_open"), false),
    program("lsm_file_receive", "file", Lsm("file_receive"), false),
    program("lsm_mmap_file", "file", Lsm("mmap_file"), false),
    program("lsm_path_rename", "file", Lsm("path_rename"), false),
    program("lsm_path_link", "file", Lsm("path_link"), false),
    program("lsm_path_symlink", "file", Lsm("path_symlink"), false),
    program("lsm_path_unlink", "file", Lsm("path_unlink"), false),
    program("lsm_path_rmdir", "file", Lsm("path_rmdir"), false),
    program("lsm_path_chmod", "file", Lsm("path_chmod"), false),
    program("lsm_path_truncate", "file", Lsm("path_truncate"), false),
    program("lsm_socket_post_create", "socket", Lsm("socket_post_create"), false),
    program("lsm_sock_graft", "socket", Lsm("sock_graft"), false),
    program("lsm_ptrace_access", "memory", Lsm("ptrace_access_check"), false),
];

/// The same where `bpf` isn't among the active LSMs.
const OBJECT_FENTRY: &[Program] = &[
    program("fentry_file_open", "file", Fentry("security_file_open"), false),
    program("fentry_file_receive", "file", Fentry("security_file_receive"), false),
    program("fentry_mmap_file", "file", Fentry("security_mmap_file"), false),
    program("fentry_path_rename", "file", Fentry("security_path_rename"), false),
    program("fentry_path_link", "file", Fentry("security_path_link"), false),
    program("fentry_path_symlink", "file", Fentry("security_path_symlink"), false),
    program("fentry_path_unlink", "file", Fentry("security_path_unlink"), false),
    program("fentry_path_rmdir", "file", Fentry("security_path_rmdir"), false),
    program("fentry_path_chmod", "file", Fentry("security_path_chmod"), false),
    program("fentry_path_truncate", "file", Fentry("security_path_truncate"), false),
    program("fentry_socket_post_create", "socket", Fentry("security_socket_post_create"), false),
    program("fentry_sock_graft", "socket", Fentry("security_sock_graft"), false),
    program("fentry_ptrace_access", "memory", Fentry("security_ptrace_access_check"), false),
];

/// The same for kernels that refuse trampolines.
const OBJECT_TRACEPOINT: &[Program] = &[
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
    program("fchmod_exit", "file", SyscallExit(&["fchmod"]), false),
    program("ftruncate_exit", "file", SyscallExit(&["ftruncate"]), false),
    program("mmap_exit", "file", SyscallExit(&["mmap"]), false),
    program("accept_exit", "socket", SyscallExit(&["accept", "accept4"]), false),
    program("socket_exit", "socket", SyscallExit(&["socket"]), false),
    program("ptrace_exit", "memory", SyscallExit(&["ptrace"]), false),
    program("vm_read_exit", "memory", SyscallExit(&["process_vm_readv"]), false),
    program("pidfd_exit", "memory", SyscallExit(&["pidfd_getfd"]), false),
    program("vm_write_exit", "memory", SyscallExit(&["process_vm_writev"]), false),
];

/// The function of the system-call table.
const VMSPLICE: &str = if cfg!(target_arch = "aarch64") { "__arm64_sys_vmsplice" } else { "__x64_sys_vmsplice" };

/// `AF_UNIX` connects and listeners, and the outcome of inet calls where no state tells it. The functions are in the kernel's own type information where `CONFIG_UNIX=y`.
const UNIX_FEXIT: &[Program] = &[
    program("fexit_unix_stream", "socket", Fexit("unix_stream_connect"), false),
    program("fexit_unix_dgram", "socket", Fexit("unix_dgram_connect"), false),
    program("fexit_inet_stream", "socket", Fexit("inet_stream_connect"), false),
    program("fexit_listen", "socket", Fexit("inet_listen"), false),
    program("fexit_unix_listen", "socket", Fexit("unix_listen"), false),
];

const UNIX_TRACEPOINT: &[Program] = &[
    program("connect_exit", "socket", SyscallExit(&["connect"]), false),
    program("listen_exit", "socket", SyscallExit(&["listen"]), false),
];

/// Bytes of transports, and the use of descriptors.
const STREAM_FEXIT: &[Program] = &[
    program("fexit_read", "stream", Fexit("vfs_read"), false),
    program("fexit_write", "stream", Fexit("vfs_write"), false),
    program("fexit_readv", "stream", Fexit("vfs_readv"), false),
    program("fexit_writev", "stream", Fexit("vfs_writev"), false),
    program("fexit_recvfrom", "stream", Fexit("__sys_recvfrom"), false),
    program("fexit_sendto", "stream", Fexit("__sys_sendto"), false),
    program("fexit_recvmsg", "stream", Fexit("__sys_recvmsg"), false),
    program("fexit_sendmsg", "stream", Fexit("__sys_sendmsg"), false),
    program("fexit_sendmmsg", "socket", Fexit("__sys_sendmmsg"), false),
    program("fexit_recvmmsg", "stream", Fexit("__sys_recvmmsg"), false),
    program("fexit_splice", "stream", Fexit("do_splice"), false),
    program("fexit_vmsplice", "stream", Fexit(VMSPLICE), false),
    program("fexit_tee", "stream", Fexit("do_tee"), false),
    program("fexit_sendfile", "stream", Fexit("do_sendfile"), false),
    program("fexit_copy", "file", Fexit("vfs_copy_file_range"), false),
];

const STREAM_TRACEPOINT: &[Program] = &[
    program("read_exit", "stream", SyscallExit(&["read", "pread64"]), true),
    program("recv_exit", "stream", SyscallExit(&["recvfrom"]), false),
    program("write_exit", "stream", SyscallExit(&["write", "sendto"]), true),
    program("readv_exit", "stream", SyscallExit(&["readv", "preadv", "preadv2"]), false),
    program("writev_exit", "stream", SyscallExit(&["writev", "pwritev", "pwritev2"]), false),
    program("recvmsg_exit", "stream", SyscallExit(&["recvmsg"]), false),
    program("sendmsg_exit", "stream", SyscallExit(&["sendmsg"]), false),
    program("sendmmsg_exit", "socket", SyscallExit(&["sendmmsg"]), false),
    program("recvmmsg_exit", "stream", SyscallExit(&["recvmmsg"]), false),
    program("splice_exit", "stream", SyscallExit(&["splice"]), false),
    program("vmsplice_exit", "stream", SyscallExit(&["vmsplice"]), false),
    program("tee_exit", "stream", SyscallExit(&["tee"]), false),
    program("sendfile_exit", "stream", SyscallExit(&["sendfile64"]), false),
    program("copy_exit", "file", SyscallExit(&["copy_file_range"]), false),
];

/// A request to io_uring. Renamed in 6.4.
const SUBMIT: Hook = RenamedBtfTracepoint("io_uring_submit_req", "io_uring_submit_sqe");

/// Which io_uring request was made, and on which stream. Opens and the like are also seen by the objects' hooks, where those
/// are below the system calls.
const URING: &[Program] =
    &[program("uring_submit", "io_uring", SUBMIT, false), program("uring_splice", "io_uring", SUBMIT, false)];

/// What connections say of whom they are for.
const NAMES: &[Program] = &[
    program("packet_out", "name", Hook::Packets(CgroupSkbAttachType::Egress), false),
    program("packet_in", "name", Hook::Packets(CgroupSkbAttachType::Ingress), false),
];

/// Plain text where a TLS library takes or gives it.
const TLS: &[Program] = &[
    program("tls_enter", "tls", Hook::Tls("entry of SSL_read, SSL_write"), false),
    program("tls_exit", "tls", Hook::Tls("return of SSL_read, SSL_write"), false),
    program("tls_free", "tls", Hook::Tls("entry of SSL_free"), false),
];

/// Every sensor word, in the order that `doctor` shows.
pub const SENSORS: &[&str] = &["process", "file", "socket", "stream", "memory", "io_uring", "name", "tls"];

/// The programs of the last sets: what is tried where nothing better is to be had.
pub fn last_resort() -> impl Iterator<Item = &'static Program> {
    JOBS.iter().filter_map(|job| job.sets.last()).flat_map(|set| set.programs)
}

#[cfg(test)]
mod tests {
    use super::{Backend, JOBS, SENSORS, last_resort};

    #[test]
    fn every_job_ends_with_hooks_that_no_kernel_refuses() {
        for job in JOBS {
            assert_eq!(job.sets.last().map(|set| set.backend), Some(Backend::Tracepoint));
        }
        for sensor in SENSORS {
            assert!(last_resort().any(|program| program.sensor == *sensor), "{sensor}");
        }
    }

    #[test]
    fn a_better_set_serves_the_sensors_of_the_last_one() {
        for job in JOBS {
            let sensors = |at: usize| {
                let mut words: Vec<&str> = job.sets[at].programs.iter().map(|program| program.sensor).collect();
                words.sort_unstable();
                words.dedup();
                words
            };
            for at in 0..job.sets.len() {
                assert_eq!(sensors(at), sensors(job.sets.len() - 1));
            }
        }
    }
}
