//! One process reaching for the memory or descriptors of another.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use monitor_abi::config::Scope;
use monitor_abi::header::KIND_REACH;
use monitor_abi::memory::{REACH_PIDFD, REACH_PTRACE, REACH_VM_READ, REACH_VM_WRITE, Reach};

use super::file::{self, returned};
use crate::kernel::{self, offset, read};
use crate::{emit, scope};

/// `PTRACE_ATTACH` and `PTRACE_SEIZE` (include/uapi/linux/ptrace.h).
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;
/// `PID_FS_MAGIC` (include/uapi/linux/magic.h).
const PIDFS_MAGIC: u32 = 0x5049_4446;

/// `ptrace(request, pid, addr, data)`.
#[tracepoint]
pub fn ptrace_exit(ctx: TracePointContext) -> u32 {
    let request = kernel::argument(0);
    if request == PTRACE_ATTACH || request == PTRACE_SEIZE {
        reached(&ctx, REACH_PTRACE, numbered(1));
    }
    0
}

/// `process_vm_readv(pid, …)`.
#[tracepoint]
pub fn vm_read_exit(ctx: TracePointContext) -> u32 {
    reached(&ctx, REACH_VM_READ, numbered(0));
    0
}

/// `process_vm_writev(pid, …)`.
#[tracepoint]
pub fn vm_write_exit(ctx: TracePointContext) -> u32 {
    reached(&ctx, REACH_VM_WRITE, numbered(0));
    0
}

/// `pidfd_getfd(pidfd, fd, flags)`: a copy of another process's descriptor.
#[tracepoint]
pub fn pidfd_exit(ctx: TracePointContext) -> u32 {
    received(returned(&ctx));
    let file = kernel::file_of(kernel::argument(0));
    if file == 0 {
        return 0;
    }
    let inode = kernel::inode_of(file);
    // A pidfd's `struct pid` is the inode's since pidfs (6.9), the file's before.
    let pid: u64 = if inode.magic == PIDFS_MAGIC {
        read(inode.address, offset!(inode_i_private))
    } else {
        read(file, offset!(file_private_data))
    };
    let task = kernel::task_of(pid);
    if task != 0 {
        let target = Target { pid: read(task, offset!(task_tgid)), start: kernel::start_of(task) };
        reached(&ctx, REACH_PIDFD, target);
    }
    0
}

/// What came to a watched process by this descriptor.
#[inline(always)]
fn received(fd: i64) {
    if fd >= 0
        && let Some(scope) = scope::watched()
    {
        file::received(&scope, kernel::file_of(fd as u64), 0);
    }
}

/// Whom it was about.
struct Target {
    pid: u32,
    /// 0 if only its number is known.
    start: u64,
}

/// By its number, as the caller gave it: a process's or one of its threads'. A caller in another pid namespace numbers differently: for that case the LSM
/// backend sees the task itself.
#[inline(always)]
fn numbered(n: usize) -> Target {
    let pid = scope::group_of(kernel::argument(n) as u32);
    Target { pid, start: scope::of(pid).map_or(0, |of| of.start) }
}

#[inline(always)]
fn reached(ctx: &TracePointContext, op: u32, target: Target) {
    let watched = scope::watched();
    let Some(target_scope) = concerned(target.pid, watched) else { return };
    let body = Reach { target_start: target.start, target: target.pid, target_scope, op, ret: returned(ctx) as i32 };
    emit::send(KIND_REACH, 0, &actor(watched), body);
}

/// The target's server (0: none), if it or the actor is watched; nobody reaches for himself.
#[inline(always)]
pub fn concerned(target: u32, actor: Option<Scope>) -> Option<u32> {
    let server = match scope::of(target) {
        Some(of) => of.server,
        None if actor.is_some() => 0,
        None => return None,
    };
    let own = target == (bpf_get_current_pid_tgid() >> 32) as u32;
    (!own && !scope::is_agent()).then_some(server)
}

/// Whoever acts, watched or not.
#[inline(always)]
pub fn actor(watched: Option<Scope>) -> Scope {
    watched.unwrap_or_else(|| Scope { start: kernel::start_of(kernel::current() as u64), server: 0, flags: 0 })
}
