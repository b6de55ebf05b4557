//! Files, sockets and other processes, seen below the system-call table: whatever call, table (32-bit, x32) or io_uring
//! request led here.
//!
//! Each hook exists twice with one body: as a BPF LSM program, and as an fentry program on the `security_*` function that
//! calls the LSMs, for kernels on which `bpf` isn't among the active ones. BPF LSM comes last in the list: what another
//! LSM refused doesn't reach it. No program ever refuses anything.
//!
//! Prototypes are those of Linux 6.1 and 6.18, which agree (`include/linux/lsm_hook_defs.h`).

use aya_ebpf::macros::{fentry, lsm};
use aya_ebpf::programs::{FEntryContext, LsmContext};
use monitor_abi::config::Scope;
use monitor_abi::file::{
    CHANGE_CHMOD, CHANGE_LINK, CHANGE_RENAME, CHANGE_SYMLINK, CHANGE_TRUNCATE, CHANGE_UNLINK, Resolved,
};
use monitor_abi::header::{FLAG_BELOW, FLAG_COMPAT, FLAG_CUT, KIND_CHANGE_RESOLVED, KIND_REACH};
use monitor_abi::memory::{REACH_PIDFD, REACH_PTRACE, REACH_VM_READ, REACH_VM_WRITE, Reach};
use monitor_abi::stats;

use super::{file, memory, socket};
use crate::emit::{self, Builder};
use crate::kernel::{self, offset, read};
use crate::{path, scope};

/// `__FMODE_EXEC` (include/linux/fs.h): the open is part of an `execve`, whose own record tells more.
const FMODE_EXEC: u32 = 0x20;

/// One hook as two programs.
macro_rules! hook {
    ($(#[$doc:meta])* $lsm:ident, $fentry:ident, $hook:tt, $function:tt, |$ctx:ident| $body:expr) => {
        $(#[$doc])*
        #[lsm(hook = $hook)]
        pub fn $lsm($ctx: LsmContext) -> i32 {
            $body;
            0
        }

        $(#[$doc])*
        #[fentry(function = $function)]
        pub fn $fentry($ctx: FEntryContext) -> u32 {
            $body;
            0
        }
    };
}

hook!(
    /// `int file_open(struct file *file)`, from `do_dentry_open` once path and inode are set and permission is given; not
    /// for `O_PATH`, which reads nothing.
    lsm_file_open, fentry_file_open, "file_open", "security_file_open", |ctx| opened(ctx.arg(0))
);
hook!(
    /// `int file_receive(struct file *file)`, from `receive_fd`: `SCM_RIGHTS` and `pidfd_getfd`.
    lsm_file_receive, fentry_file_receive, "file_receive", "security_file_receive", |ctx| used(ctx.arg(0))
);
hook!(
    /// `int mmap_file(struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags)`, from
    /// `vm_mmap_pgoff`; `file` is NULL for anonymous memory.
    lsm_mmap_file, fentry_mmap_file, "mmap_file", "security_mmap_file", |ctx| used(ctx.arg(0))
);
hook!(
    /// `int path_rename(const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
    /// struct dentry *new_dentry, unsigned int flags)`, from `do_renameat2`.
    lsm_path_rename, fentry_path_rename, "path_rename", "security_path_rename",
    |ctx| changed(CHANGE_RENAME, mount(ctx.arg(0)), ctx.arg(1), mount(ctx.arg(2)), ctx.arg(3))
);
hook!(
    /// `int path_link(struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)`, from
    /// `do_linkat`; both are on one mount.
    lsm_path_link, fentry_path_link, "path_link", "security_path_link",
    |ctx| changed(CHANGE_LINK, mount(ctx.arg(1)), ctx.arg(0), mount(ctx.arg(1)), ctx.arg(2))
);
hook!(
    /// `int path_symlink(const struct path *dir, struct dentry *dentry, const char *old_name)`, from `do_symlinkat`.
    lsm_path_symlink, fentry_path_symlink, "path_symlink", "security_path_symlink",
    |ctx| symlinked(mount(ctx.arg(0)), ctx.arg(1), ctx.arg(2))
);
hook!(
    /// `int path_unlink(const struct path *dir, struct dentry *dentry)`, from `do_unlinkat`.
    lsm_path_unlink, fentry_path_unlink, "path_unlink", "security_path_unlink",
    |ctx| changed(CHANGE_UNLINK, mount(ctx.arg(0)), ctx.arg(1), 0, 0)
);
hook!(
    /// `int path_rmdir(const struct path *dir, struct dentry *dentry)`, from `do_rmdir`.
    lsm_path_rmdir, fentry_path_rmdir, "path_rmdir", "security_path_rmdir",
    |ctx| changed(CHANGE_UNLINK, mount(ctx.arg(0)), ctx.arg(1), 0, 0)
);
hook!(
    /// `int path_chmod(const struct path *path, umode_t mode)`, from `chmod_common`: `fchmod` too.
    lsm_path_chmod, fentry_path_chmod, "path_chmod", "security_path_chmod",
    |ctx| moded(ctx.arg(0), ctx.arg(1))
);
hook!(
    /// `int path_truncate(const struct path *path)`, from `vfs_truncate`; up to 6.1 from `ftruncate` and from opens with
    /// `O_TRUNC` too, which are told as opens.
    lsm_path_truncate, fentry_path_truncate, "path_truncate", "security_path_truncate", |ctx| truncated(ctx.arg(0))
);
hook!(
    /// `int socket_post_create(struct socket *sock, int family, int type, int protocol, int kern)`, from `__sock_create`.
    lsm_socket_post_create, fentry_socket_post_create, "socket_post_create", "security_socket_post_create",
    |ctx| if ctx.arg::<u32>(4) == 0 { created(ctx.arg(1), ctx.arg(2), ctx.arg(3)) }
);
hook!(
    /// `void sock_graft(struct sock *sk, struct socket *parent)`, from `inet_accept`: `sk` is the connection that came in.
    lsm_sock_graft, fentry_sock_graft, "sock_graft", "security_sock_graft", |ctx| accepted(ctx.arg(0))
);
hook!(
    /// `int ptrace_access_check(struct task_struct *child, unsigned int mode)`, from `__ptrace_may_access`. The target is
    /// a task, so it doesn't matter which pid namespace the caller numbers it in.
    lsm_ptrace_access, fentry_ptrace_access, "ptrace_access_check", "security_ptrace_access_check",
    |ctx| reached(ctx.arg(0))
);

/// `FLAG_COMPAT` where the call came by another table than the 64-bit one.
#[inline(always)]
fn flags() -> u16 {
    if kernel::call().compat { FLAG_BELOW | FLAG_COMPAT } else { FLAG_BELOW }
}

#[inline(always)]
fn opened(file: u64) {
    let Some(scope) = scope::watched() else {
        file::foreign(file, passed);
        return;
    };
    if read::<u32>(file, offset!(file_f_flags)) & FMODE_EXEC == 0 {
        file::watched(&scope, file, flags(), passed());
    }
}

/// Where the string is that an open passed. In the registers of the system call, if it is one that opens.
#[inline(always)]
fn passed() -> u64 {
    let call = kernel::call();
    match call.number {
        _ if call.compat => 0,
        number::OPENAT | number::OPENAT2 => kernel::argument(1),
        number::OPEN | number::CREAT => kernel::argument(0),
        _ => 0,
    }
}

/// A descriptor came, or is used without a read.
#[inline(always)]
fn used(file: u64) {
    if file != 0
        && let Some(scope) = scope::watched()
    {
        file::received(&scope, file, FLAG_BELOW);
    }
}

/// `mnt` of a `struct path *`.
#[inline(always)]
fn mount(path: u64) -> u64 {
    read(path, 0)
}

/// Reports a change of the file behind `dentry`; the second place is none where `to` is 0.
#[inline(always)]
fn changed(op: u32, mnt: u64, dentry: u64, to_mnt: u64, to: u64) {
    let Some(scope) = scope::watched() else { return };
    let inode: u64 = read(dentry, offset!(dentry_d_inode));
    let mode = u32::from(read::<u16>(inode, offset!(inode_i_mode)));
    change(&scope, op, mnt, dentry, mode, |builder| {
        if to == 0 {
            return Some(0);
        }
        let whole = path::walk_from(builder.scratch(), to_mnt, to);
        let len = builder.append_path();
        whole.then_some(len)
    });
}

#[inline(always)]
fn symlinked(mnt: u64, dentry: u64, text: u64) {
    let Some(scope) = scope::watched() else { return };
    change(&scope, CHANGE_SYMLINK, mnt, dentry, 0, |builder| Some(builder.append_kernel_str(text, 4096)));
}

#[inline(always)]
fn moded(path: u64, mode: u64) {
    let Some(scope) = scope::watched() else { return };
    change(&scope, CHANGE_CHMOD, mount(path), read(path, 8), mode as u32 & 0o7777, |_| Some(0));
}

#[inline(always)]
fn truncated(path: u64) {
    let Some(scope) = scope::watched() else { return };
    if passed() != 0 {
        return;
    }
    change(&scope, CHANGE_TRUNCATE, mount(path), read(path, 8), 0, |_| Some(0));
}

/// `second` appends what follows the path, and answers its length; `None` if it was cut.
#[inline(always)]
fn change(scope: &Scope, op: u32, mnt: u64, dentry: u64, mode: u32, second: impl FnOnce(&mut Builder) -> Option<u32>) {
    let Some(scratch) = emit::scratch() else { return };
    let mut builder = Builder::new::<Resolved>(scratch);
    let mut flags = flags();
    let inode = kernel::inode(read(dentry, offset!(dentry_d_inode)));
    if !path::walk_from(builder.scratch(), mnt, dentry) {
        flags |= FLAG_CUT;
    }
    let path_len = builder.append_path();
    let to_len = second(&mut builder).unwrap_or_else(|| {
        flags |= FLAG_CUT;
        0
    });
    if flags & FLAG_CUT != 0 {
        emit::count(stats::PATH_CUT);
    }
    let body = Resolved { ino: inode.ino, dev: inode.dev, op, path_len, to_len, mode, pad: 0 };
    builder.finish(KIND_CHANGE_RESOLVED, flags, scope, body);
}

#[inline(always)]
fn created(family: u32, sock_type: u32, protocol: u32) {
    if let Some(scope) = scope::watched() {
        socket::made(&scope, FLAG_BELOW, family, sock_type, protocol);
    }
}

#[inline(always)]
fn accepted(sk: u64) {
    if let Some(scope) = scope::watched() {
        socket::accepted(&scope, FLAG_BELOW, sk);
    }
}

/// A process may look into another, or trace it: both checks and the other LSMs have agreed.
#[inline(always)]
fn reached(task: u64) {
    let target: u32 = read(task, offset!(task_tgid));
    let actor = scope::watched();
    let Some(target_scope) = memory::concerned(target, actor) else { return };
    let call = kernel::call();
    // Where `compat` is set: by the 32-bit table, or x32's own number (arch/x86/entry/syscalls/syscall_32.tbl and
    // syscall_64.tbl). In neither is a number of the other's a call that reaches.
    let op = match (call.number, call.compat) {
        (number::PTRACE, false) | (26 | 521, true) => REACH_PTRACE,
        (number::VM_READ, false) | (347 | 539, true) => REACH_VM_READ,
        (number::VM_WRITE, false) | (348 | 540, true) => REACH_VM_WRITE,
        (number::PIDFD_GETFD, _) => REACH_PIDFD,
        // Opens of procfs files are told as such.
        _ => return,
    };
    let body = Reach { target_start: kernel::start_of(task), target, target_scope, op, ret: 0 };
    emit::send(KIND_REACH, flags(), &memory::actor(actor), body);
}

/// System-call numbers (include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(bpf_target_arch = "x86_64")]
mod number {
    pub const OPEN: u32 = 2;
    pub const CREAT: u32 = 85;
    pub const PTRACE: u32 = 101;
    pub const OPENAT: u32 = 257;
    pub const VM_READ: u32 = 310;
    pub const VM_WRITE: u32 = 311;
    pub const OPENAT2: u32 = 437;
    pub const PIDFD_GETFD: u32 = 438;
}

#[cfg(bpf_target_arch = "aarch64")]
mod number {
    /// Not there: no call has this number.
    pub const OPEN: u32 = u32::MAX - 1;
    pub const CREAT: u32 = u32::MAX - 2;
    pub const OPENAT: u32 = 56;
    pub const PTRACE: u32 = 117;
    pub const VM_READ: u32 = 270;
    pub const VM_WRITE: u32 = 271;
    pub const OPENAT2: u32 = 437;
    pub const PIDFD_GETFD: u32 = 438;
}
