//! Files, where LSM hooks can't be had: at the return of the system calls that make a descriptor, the descriptor is
//! resolved to its file in the kernel.

use aya_ebpf::EbpfContext;
use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::bpf_loop;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::{btf_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use monitor_abi::config::Scope;
use monitor_abi::file::{
    CHANGE_CHMOD, CHANGE_LINK, CHANGE_RENAME, CHANGE_SYMLINK, CHANGE_TRUNCATE, CHANGE_UNLINK, Change, Identity, Open,
    ProcOpen, Resolved, VIA_MAX,
};
use monitor_abi::header::{
    FLAG_CUT, FLAG_INHERITED, FLAG_UNLINKED, FLAG_USE, KIND_CHANGE, KIND_CHANGE_RESOLVED, KIND_OPEN, KIND_PROC_OPEN,
};
use monitor_abi::stats;

use crate::emit::{self, Builder};
use crate::kernel::{self, Inode, offset, read};
use crate::maps::{HELD, SENSITIVE, USED};
use crate::{path, scope};

/// `PROC_SUPER_MAGIC` (include/uapi/linux/magic.h).
pub const PROC_MAGIC: u32 = 0x9fa0;
/// `PIPEFS_MAGIC` (include/uapi/linux/magic.h).
const PIPE_MAGIC: u32 = 0x5049_5045;
const AT_FDCWD: i32 = -100;
const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;

/// Return value of the system call: `struct { u64 common; long nr; long ret; }`, the layout every `sys_exit_*` has.
#[inline(always)]
pub fn returned(ctx: &TracePointContext) -> i64 {
    // SAFETY: the tracepoint's record is at least 24 bytes.
    unsafe { *ctx.as_ptr().add(16).cast::<i64>() }
}

/// Number of the system call.
#[inline(always)]
fn number(ctx: &TracePointContext) -> i64 {
    // SAFETY: as in `returned`; the kernel declares it an `int` (kernel/trace/trace_syscalls.c).
    i64::from(unsafe { *ctx.as_ptr().add(8).cast::<i32>() })
}

/// `openat`, `openat2`, `open_by_handle_at`: the string is the second argument (a handle, for the last: not text).
#[tracepoint]
pub fn openat_exit(ctx: TracePointContext) -> u32 {
    opened(&ctx, 1);
    0
}

/// `open`, `creat`: the string is the first argument.
#[tracepoint]
pub fn open_exit(ctx: TracePointContext) -> u32 {
    opened(&ctx, 0);
    0
}

/// `open_by_handle_at`: no string.
#[tracepoint]
pub fn handle_exit(ctx: TracePointContext) -> u32 {
    opened(&ctx, 9);
    0
}

#[inline(always)]
fn opened(ctx: &TracePointContext, string: usize) {
    let fd = returned(ctx);
    if fd < 0 {
        return;
    }
    let via = || if string < 6 { kernel::argument(string) } else { 0 };
    let Some(scope) = scope::watched() else {
        foreign(kernel::file_of(fd as u64), via);
        return;
    };
    let file = kernel::file_of(fd as u64);
    if file == 0 {
        // Where a filter of the process's own took the call (seccomp's trap, as the sandbox of a browser has it), its number
        // stands where its answer should: nobody has hidden anything.
        if fd != number(ctx) {
            emit::lose(scope.server, stats::UNRESOLVED, 1);
        }
        emit::count(stats::UNRESOLVED);
        return;
    }
    watched(&scope, file, 0, via());
}

/// An open by a watched process. `via`: where in its memory the string is that it passed, 0 if none is known.
#[inline(always)]
pub fn watched(scope: &Scope, file: u64, flags: u16, via: u64) {
    let inode = kernel::inode_of(file);
    if inode.magic == PROC_MAGIC {
        proc_file(scope, file, &inode);
    }
    // Told here: its use need not be.
    let key = identity(&inode);
    let _known = USED.insert(key, 1, 0);
    // SAFETY: only presence is asked for.
    if unsafe { SENSITIVE.get(Identity { tgid: 0, ..key }) }.is_some() {
        hold(scope);
    }
    report(scope, file, &inode, flags, via);
}

/// Sends the record of an open, or of the first use that stands for one.
#[inline(always)]
fn report(scope: &Scope, file: u64, inode: &Inode, flag: u16, via: u64) {
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Open>(scratch);
    let mut flags = flag;
    if inode.nlink == 0 {
        flags |= FLAG_UNLINKED;
    }
    if !path::walk(builder.scratch(), file + offset!(file_f_path)) {
        flags |= FLAG_CUT;
        emit::count(stats::PATH_CUT);
    }
    let path_len = builder.append_path();
    let via_len = if via == 0 { 0 } else { builder.append_user_str(via, VIA_MAX as u32) };
    let body = Open {
        ino: inode.ino,
        dev: inode.dev,
        open_flags: read(file, offset!(file_f_flags)),
        mode: inode.mode,
        path_len,
        via_len,
        magic: inode.magic,
    };
    builder.finish(KIND_OPEN, flags, scope, body);
}

/// A watched process reads a regular file through a descriptor: if it is a sensitive one that this process did not open
/// itself (received by `SCM_RIGHTS` or `pidfd_getfd`, or inherited), that is its open.
#[inline(never)] // a frame of its own: main, callback and this must fit into 512 bytes together
pub fn used(scope: &Scope, file: u64, flags: u16) {
    let inode = kernel::inode_of(file);
    let key = identity(&inode);
    // SAFETY: only presence is asked for.
    if unsafe { SENSITIVE.get(Identity { tgid: 0, ..key }) }.is_none() || unsafe { USED.get(key) }.is_some() {
        return;
    }
    let _full = USED.insert(key, 1, 0);
    hold(scope);
    report(scope, file, &inode, FLAG_USE | flags, 0);
}

/// A descriptor came to a watched process, or is used without a read: of a regular file, that counts as a use.
#[inline(always)]
pub fn received(scope: &Scope, file: u64, flags: u16) {
    let inode: u64 = read(file, offset!(file_f_inode));
    if file != 0 && read::<u16>(inode, offset!(inode_i_mode)) & S_IFMT == S_IFREG {
        used(scope, file, flags);
    }
}

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, as [`super::process::process_exec`], which
/// is attached before: a program begins in a watched process. The sensitive files that its descriptors lead to it was
/// given, and can read, whatever it opens itself. Their first use is told besides.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn inherit_exec(_ctx: BtfTracePointContext) -> i32 {
    let Some(scope) = scope::watched() else { return 0 };
    // Zeros by a read that the verifier knows nothing of: it would follow the loop for each value otherwise.
    let mut look = Look { scope, fd: read(0, 0), told: read(0, 0) };
    // SAFETY: the callback takes this very type, and the loop ends before the borrow does.
    unsafe { bpf_loop(INHERITED_MAX, next_descriptor as *mut c_void, core::ptr::from_mut(&mut look).cast(), 0) };
    0
}

/// Most descriptors that are looked at when a program begins: as many as a process may have where nobody raised its limit.
const INHERITED_MAX: u32 = 1024;
/// Most of them that are told.
const INHERITED_TOLD: u64 = 16;

/// Where the look through a process's descriptors stands.
struct Look {
    scope: Scope,
    fd: u64,
    told: u64,
}

/// Callback of `bpf_loop`: 0 goes on, 1 stops.
unsafe extern "C" fn next_descriptor(_index: u64, look: *mut Look) -> i64 {
    // SAFETY: bpf_loop hands through the pointer that `inherit_exec` gave it.
    let look = unsafe { &mut *look };
    let fd = look.fd;
    if fd >= kernel::descriptors() || look.told >= INHERITED_TOLD {
        return 1;
    }
    look.fd = fd + 1;
    let file = kernel::file_of(fd);
    let inode: u64 = read(file, offset!(file_f_inode));
    // Servers' own pipes are among the sensitive files too.
    if file != 0 && read::<u16>(inode, offset!(inode_i_mode)) & S_IFMT == S_IFREG {
        look.told += inherited(&look.scope, file);
    }
    0
}

/// Tells of a regular file that a descriptor leads to, if it is sensitive: how many were told.
#[inline(never)] // a frame of its own, as that of `used`
fn inherited(scope: &Scope, file: u64) -> u64 {
    let inode = kernel::inode_of(file);
    // SAFETY: only presence is asked for.
    if unsafe { SENSITIVE.get(Identity { tgid: 0, ..identity(&inode) }) }.is_none() {
        return 0;
    }
    hold(scope);
    report(scope, file, &inode, FLAG_USE | FLAG_INHERITED, 0);
    1
}

/// A server has a sensitive file from now on: what it sends next is told, even on a socket that was told before.
#[inline(always)]
fn hold(scope: &Scope) {
    // SAFETY: no preconditions.
    let _full = HELD.insert(scope.server, unsafe { bpf_ktime_get_boot_ns() }, 0);
}

/// `mmap(addr, len, prot, flags, fd, offset)`.
#[tracepoint]
pub fn mmap_exit(ctx: TracePointContext) -> u32 {
    let fd = kernel::argument(4) as i32;
    if fd >= 0 && returned(&ctx) > 0 {
        use_of(fd as u64);
    }
    0
}

/// `copy_file_range(fd_in, …)`.
#[tracepoint]
pub fn copy_exit(ctx: TracePointContext) -> u32 {
    if returned(&ctx) > 0 {
        use_of(kernel::argument(0));
    }
    0
}

#[inline(always)]
fn use_of(fd: u64) {
    let Some(scope) = scope::watched() else { return };
    let file = kernel::file_of(fd);
    if file != 0 {
        used(&scope, file, 0);
    }
}

#[inline(always)]
fn identity(inode: &Inode) -> Identity {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    Identity { ino: inode.ino, dev: inode.dev, tgid }
}

/// An open by a process that is not watched: only a watched server's procfs files and its pipes matter. A pipe has no
/// name but in procfs, so its open is one of somebody's descriptor.
#[inline(always)]
pub fn foreign(file: u64, via: impl FnOnce() -> u64) {
    let address: u64 = read(file, offset!(file_f_inode));
    let sb: u64 = read(address, offset!(inode_i_sb));
    let magic = read::<u64>(sb, offset!(sb_s_magic)) as u32;
    if magic != PROC_MAGIC && magic != PIPE_MAGIC || scope::is_agent() {
        return;
    }
    let inode = kernel::inode(address);
    let scope = Scope { start: kernel::start_of(kernel::current() as u64), server: 0, flags: 0 };
    if magic == PROC_MAGIC {
        proc_file(&scope, file, &inode);
    } else {
        pipe(&scope, file, &inode, via());
    }
}

#[inline(never)] // so that what it needs isn't in every open's frame
fn pipe(actor: &Scope, file: u64, inode: &Inode, via: u64) {
    // SAFETY: only presence is asked for.
    if unsafe { SENSITIVE.get(Identity { tgid: 0, ..identity(inode) }) }.is_some() {
        report(actor, file, inode, 0, via);
    }
}

/// Reports the open of another process's procfs file, if one of the two is watched.
#[inline(always)]
fn proc_file(actor: &Scope, file: u64, inode: &Inode) {
    // struct proc_inode embeds the inode; its `pid` is the process (or thread) that the file is about
    // (fs/proc/internal.h). NULL for files that are about none.
    let proc_inode = inode.address.wrapping_sub(offset!(proc_inode_vfs_inode));
    let pid: u64 = read(proc_inode, offset!(proc_inode_pid));
    if pid == 0 {
        return;
    }
    let task = kernel::task_of(pid);
    if task == 0 {
        return;
    }
    let target: u32 = read(task, offset!(task_tgid));
    let target_scope = match scope::of(target) {
        Some(of) => of.server,
        None if actor.server != 0 => 0,
        None => return,
    };
    if target == (bpf_get_current_pid_tgid() >> 32) as u32 {
        return;
    }
    let mut body = ProcOpen {
        target_start: kernel::start_of(task),
        target,
        target_scope,
        open_flags: read(file, offset!(file_f_flags)),
        name_len: 0,
        name: [0; 32],
    };
    // struct path { mnt, dentry }
    let dentry: u64 = read(file, offset!(file_f_path) + 8);
    let text: u64 = read(dentry, offset!(dentry_d_name) + 8);
    let len: u32 = read(dentry, offset!(dentry_d_name) + 4);
    body.name_len = if len > 31 { 31 } else { len };
    emit::read_into(&mut body.name, text, false);
    emit::send(KIND_PROC_OPEN, 0, actor, body);
}

/// `rename(old, new)`, `link(old, new)`, `symlink(target, new)`.
#[tracepoint]
pub fn rename_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_RENAME, [9, 0, 9, 1, 9]);
    0
}

/// `renameat(olddfd, old, newdfd, new)`, `renameat2(…, flags)`.
#[tracepoint]
pub fn renameat_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_RENAME, [0, 1, 2, 3, 9]);
    0
}

/// `link(old, new)`.
#[tracepoint]
pub fn link_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_LINK, [9, 0, 9, 1, 9]);
    0
}

/// `linkat(olddfd, old, newdfd, new, flags)`.
#[tracepoint]
pub fn linkat_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_LINK, [0, 1, 2, 3, 9]);
    0
}

/// `symlink(target, new)`.
#[tracepoint]
pub fn symlink_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_SYMLINK, [9, 1, 9, 0, 9]);
    0
}

/// `symlinkat(target, newdfd, new)`.
#[tracepoint]
pub fn symlinkat_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_SYMLINK, [1, 2, 9, 0, 9]);
    0
}

/// `unlink(path)`, `rmdir(path)`.
#[tracepoint]
pub fn unlink_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_UNLINK, [9, 0, 9, 9, 9]);
    0
}

/// `unlinkat(dfd, path, flags)`.
#[tracepoint]
pub fn unlinkat_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_UNLINK, [0, 1, 9, 9, 9]);
    0
}

/// `chmod(path, mode)`.
#[tracepoint]
pub fn chmod_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_CHMOD, [9, 0, 9, 9, 1]);
    0
}

/// `fchmodat(dfd, path, mode)`.
#[tracepoint]
pub fn fchmodat_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_CHMOD, [0, 1, 9, 9, 2]);
    0
}

/// `truncate(path, length)`.
#[tracepoint]
pub fn truncate_exit(ctx: TracePointContext) -> u32 {
    changed(&ctx, CHANGE_TRUNCATE, [9, 0, 9, 9, 9]);
    0
}

/// `fchmod(fd, mode)`.
#[tracepoint]
pub fn fchmod_exit(ctx: TracePointContext) -> u32 {
    let mode = kernel::argument(1) as u32 & 0o7777;
    changed_by_descriptor(&ctx, CHANGE_CHMOD, mode);
    0
}

/// `ftruncate(fd, length)`.
#[tracepoint]
pub fn ftruncate_exit(ctx: TracePointContext) -> u32 {
    changed_by_descriptor(&ctx, CHANGE_TRUNCATE, 0);
    0
}

/// A change of what the first argument is a descriptor of, if that is a regular file with a name: others (shared memory,
/// temporary ones) are nobody's but the process's own.
#[inline(always)]
fn changed_by_descriptor(ctx: &TracePointContext, op: u32, mode: u32) {
    if returned(ctx) < 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    let file = kernel::file_of(kernel::argument(0));
    let inode = kernel::inode_of(file);
    if file == 0 || inode.mode & u32::from(S_IFMT) != u32::from(S_IFREG) || inode.nlink == 0 {
        return;
    }
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Resolved>(scratch);
    let mut flags = 0;
    if !path::walk(builder.scratch(), file + offset!(file_f_path)) {
        flags |= FLAG_CUT;
        emit::count(stats::PATH_CUT);
    }
    let path_len = builder.append_path();
    let body = Resolved { ino: inode.ino, dev: inode.dev, op, path_len, to_len: 0, mode, pad: 0 };
    builder.finish(KIND_CHANGE_RESOLVED, flags, &scope, body);
}

/// `at`: argument numbers of dirfd, path, second dirfd, second path, mode; 9 = none.
#[inline(always)]
fn changed(ctx: &TracePointContext, op: u32, at: [usize; 5]) {
    if returned(ctx) < 0 {
        return;
    }
    let Some(scope) = scope::watched() else { return };
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Change>(scratch);
    let dir = |n: usize| if n < 6 { kernel::argument(n) as i32 } else { AT_FDCWD };
    let (path_len, gone) = name(&mut builder, &scope, at[1]);
    let (to_len, gone2) = name(&mut builder, &scope, at[3]);
    let (base_len, cut) = base(&mut builder, at[1], dir(at[0]));
    let (base2_len, cut2) = base(&mut builder, at[3], dir(at[2]));
    let body = Change {
        op,
        cut: (gone | cut) as u32,
        cut2: (gone2 | cut2) as u32,
        path_len,
        to_len,
        base_len,
        base2_len,
        mode: if at[4] < 6 { kernel::argument(at[4]) as u32 } else { 0 },
    };
    builder.finish(KIND_CHANGE, 0, &scope, body);
}

/// Appends the string that argument `n` points to, if there is one: its length, and 1 if it could not be read.
#[inline(always)]
fn name(builder: &mut Builder, scope: &Scope, n: usize) -> (u32, u64) {
    if n >= 6 {
        return (0, 0);
    }
    (builder.append_user_str(kernel::argument(n), 4096), builder.take_fault(scope.server, stats::NAME_FAULT))
}

/// Appends the folder that the path in argument `n` starts from, if it is relative: the working directory, or that of a
/// descriptor. The process may be gone when the agent looks. Its length, and 1 if it was cut.
#[inline(always)]
fn base(builder: &mut Builder, n: usize, dirfd: i32) -> (u32, u64) {
    if n >= 6 || kernel::read_user::<u8>(kernel::argument(n)) == Some(b'/') {
        return (0, 0);
    }
    let path = if dirfd == AT_FDCWD {
        let fs: u64 = read(kernel::current() as u64, offset!(task_fs));
        fs + offset!(fs_pwd)
    } else {
        kernel::file_of(dirfd as u64) + offset!(file_f_path)
    };
    path::walk(builder.scratch(), path);
    // The walk's own word, on which no branch depends: the verifier follows one way only.
    let cut = builder.scratch().cut;
    (builder.append_path(), cut)
}
