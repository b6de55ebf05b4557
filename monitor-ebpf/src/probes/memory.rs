//! One process reaching for the memory or descriptors of another.

use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use monitor_abi::config::Scope;
use monitor_abi::header::KIND_REACH;
use monitor_abi::memory::{REACH_PTRACE, REACH_VM_READ, REACH_VM_WRITE, Reach};

use super::file::returned;
use crate::{emit, kernel, scope};

/// `PTRACE_ATTACH` and `PTRACE_SEIZE` (include/uapi/linux/ptrace.h).
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;

/// `ptrace(request, pid, addr, data)`.
#[tracepoint]
pub fn ptrace_exit(ctx: TracePointContext) -> u32 {
    let request = kernel::argument(0);
    if request == PTRACE_ATTACH || request == PTRACE_SEIZE {
        reached(&ctx, REACH_PTRACE, kernel::argument(1) as u32);
    }
    0
}

/// `process_vm_readv(pid, …)`.
#[tracepoint]
pub fn vm_read_exit(ctx: TracePointContext) -> u32 {
    reached(&ctx, REACH_VM_READ, kernel::argument(0) as u32);
    0
}

/// `process_vm_writev(pid, …)`.
#[tracepoint]
pub fn vm_write_exit(ctx: TracePointContext) -> u32 {
    reached(&ctx, REACH_VM_WRITE, kernel::argument(0) as u32);
    0
}

/// Reports if `pid`, as the caller numbers it, is watched. A caller in another pid namespace numbers differently: for
/// that case the LSM backend sees the task itself.
#[inline(always)]
fn reached(ctx: &TracePointContext, op: u32, pid: u32) {
    let Some(target) = scope::of(pid) else { return };
    if scope::is_agent() {
        return;
    }
    let actor = scope::watched().unwrap_or_else(|| Scope {
        start: kernel::start_of(kernel::current() as u64),
        server: 0,
        flags: 0,
    });
    let body =
        Reach { target_start: target.start, target: pid, target_scope: target.server, op, ret: returned(ctx) as i32 };
    emit::send(KIND_REACH, 0, &actor, body);
}
