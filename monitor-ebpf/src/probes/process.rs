//! Process life: fork, exec and exit of every process of the host, and inheritance of scope.

use aya_ebpf::helpers::{bpf_get_current_cgroup_id, bpf_get_current_pid_tgid};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use monitor_abi::config::{SCOPE_CANDIDATE, SCOPE_PENDING, SCOPE_UNDECIDED, Scope};
use monitor_abi::header::{FLAG_ARGV_CUT, FLAG_COMPAT, FLAG_CUT, FLAG_UNLINKED, KIND_EXEC, KIND_EXIT, KIND_FORK};
use monitor_abi::process::{ARGV_MAX, Exec, Exit, Fork};
use monitor_abi::stats;

use crate::emit::{self, Builder};
use crate::kernel::{self, offset, read};
use crate::maps::CONTROL;
use crate::{path, scope};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`, from `kernel_clone` after `copy_process`, before
/// the child runs: a child is in scope before its first instruction.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn process_fork(ctx: BtfTracePointContext) -> i32 {
    let parent: *const u8 = ctx.arg(0);
    let child: *const u8 = ctx.arg(1);
    let (parent, child) = (parent as u64, child as u64);
    let pid: u32 = read(child, offset!(task_pid));
    let tgid: u32 = read(child, offset!(task_tgid));
    if pid != tgid {
        scope::thread(pid, tgid);
        return 0;
    }
    let start: u64 = read(child, offset!(task_start_boottime));
    let parent_tgid: u32 = read(parent, offset!(task_tgid));
    let scope = match scope::of(parent_tgid) {
        Some(scope) => {
            if scope.flags & SCOPE_PENDING == 0 {
                scope::enter(tgid, Scope { start, ..scope });
            }
            scope
        }
        None => {
            // Whoever had this number before may have been put there by the agent too late to be removed by its exit.
            if scope::marked(tgid) {
                scope::leave(tgid);
            }
            scope::no_thread(tgid);
            Scope { start: kernel::start_of(parent), server: 0, flags: 0 }
        }
    };
    emit::send(KIND_FORK, 0, &scope, Fork { child_start: start, child: tgid, pad: 0 });
    0
}

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, from `exec_binprm` once the new program
/// is in place: `p` is the group leader now, its memory holds the new arguments.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn process_exec(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    let bprm: *const u8 = ctx.arg(2);
    let (task, bprm) = (task as u64, bprm as u64);
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let start = kernel::start_of(task);
    let scope = match scope::of(tgid) {
        Some(mut scope) => {
            // The command is in place: from here on everything counts.
            scope.flags &= !SCOPE_PENDING;
            scope.start = start;
            scope::enter(tgid, scope);
            scope
        }
        None => undecided(tgid, start),
    };
    let Some(scratch) = emit::scratch() else { return 0 };
    let mut builder = Builder::new::<Exec>(scratch);
    let mut flags = 0;

    let file: u64 = read(bprm, offset!(binprm_file));
    let inode = kernel::inode_of(file);
    if inode.nlink == 0 {
        flags |= FLAG_UNLINKED;
    }
    // bprm->buf holds the first bytes of the executed file: byte 4 of an ELF header is its class, 1 = 32-bit.
    if read::<u8>(bprm, offset!(binprm_buf) + 4) == 1 && read::<u8>(bprm, offset!(binprm_buf) + 1) == b'E' {
        flags |= FLAG_COMPAT;
    }
    if !path::walk(builder.scratch(), file + offset!(file_f_path)) {
        flags |= FLAG_CUT;
        emit::count(stats::PATH_CUT);
    }
    let path_len = builder.append_path();

    let mm: u64 = read(task, offset!(task_mm));
    let arg_start: u64 = read(mm, offset!(mm_arg_start));
    let arg_end: u64 = read(mm, offset!(mm_arg_end));
    let size = arg_end.wrapping_sub(arg_start);
    if size > ARGV_MAX as u64 {
        flags |= FLAG_ARGV_CUT;
    }
    let argv_len = builder.append(arg_start, size, true);
    flags |= builder.take_fault(0, stats::ARGV_FAULT) as u16 * FLAG_ARGV_CUT;

    let fs: u64 = read(task, offset!(task_fs));
    path::walk(builder.scratch(), fs + offset!(fs_pwd));
    // The end of a folder is no folder: it is none where it was cut. Without a branch, which the verifier would follow.
    let whole = 1 - (builder.scratch().cut as u32 & 1);
    let cwd_len = builder.append_path() * whole;

    let parent: u64 = read(task, offset!(task_real_parent));
    let [pid_ns, mnt_ns, net_ns, user_ns] = kernel::namespaces(task);
    let body = Exec {
        ino: inode.ino,
        parent_start: kernel::start_of(parent),
        // SAFETY: no preconditions.
        cgroup: unsafe { bpf_get_current_cgroup_id() },
        dev: inode.dev,
        parent: read(parent, offset!(task_tgid)),
        path_len,
        argv_len,
        cwd_len,
        magic: inode.magic,
        pid_ns,
        mnt_ns,
        net_ns,
        user_ns,
    };
    builder.finish(KIND_EXEC, flags, &scope, body);
    0
}

/// A program that starts with standard input and output on pipes or sockets may be an MCP server: until the agent has
/// decided it is in a scope of its own, which its children inherit, and what it does is reported.
#[inline(always)]
fn undecided(tgid: u32, start: u64) -> Scope {
    let none = Scope { start, server: 0, flags: 0 };
    if !CONTROL.get(0).is_some_and(|control| control.discover != 0) || scope::is_agent() {
        return none;
    }
    if !is_channel(0) || !is_channel(1) {
        return none;
    }
    let scope = Scope { start, server: SCOPE_CANDIDATE | tgid, flags: SCOPE_UNDECIDED };
    if scope::enter(tgid, scope) { scope } else { none }
}

/// Whether a descriptor is a pipe or a socket.
#[inline(always)]
fn is_channel(fd: u64) -> bool {
    let inode: u64 = read(kernel::file_of(fd), offset!(file_f_inode));
    let kind = read::<u16>(inode, offset!(inode_i_mode)) & 0o170_000;
    kind == 0o010_000 || kind == 0o140_000
}

/// `TP_PROTO(struct task_struct *p)` (6.17 and later: `, bool group_dead`), from `do_exit` after `signal->live` was
/// decremented: it is 0 for the last thread.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn process_exit(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    let task = task as u64;
    let signal: u64 = read(task, offset!(task_signal));
    if read::<u32>(signal, offset!(signal_live)) != 0 {
        return 0;
    }
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let scope = match scope::of(tgid) {
        Some(scope) => {
            scope::leave(tgid);
            Scope { start: if scope.start == 0 { kernel::start_of(task) } else { scope.start }, ..scope }
        }
        None => Scope { start: kernel::start_of(task), server: 0, flags: 0 },
    };
    emit::send(KIND_EXIT, 0, &scope, Exit { code: read(task, offset!(task_exit_code)), pad: 0 });
    0
}
