//! The bytes of MCP transports at the return of the kernel's own read and write functions.
//!
//! Better than the system calls' tracepoints where trampolines are allowed: a 32-bit call comes by here too, and no
//! system call that isn't hooked pays anything (a tracepoint puts *every* call of *every* process on the slow path). The
//! capture itself is the same. All prototypes agree from 6.1 to 6.18. A `*_sys_*` function that the compiler had inlined
//! would load and never fire: the agent's self-test moves bytes by each, and falls back to tracepoints.

use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;
use monitor_abi::config::Scope;
use monitor_abi::stream::{DIR_READ, DIR_WRITE, GAP_READ_FAULT, GAP_SPLICE};

use super::chunks::{Bytes, Pieces};
use super::stream::{ASTRAY, PEEK, in_pieces, mapped, unread, whole};
use crate::{kernel, scope};

/// `MSG_CMSG_COMPAT`: the message header is a 32-bit one.
const COMPAT: u32 = 1 << 31;

/// `ssize_t vfs_read(struct file *file, char __user *buf, size_t count, loff_t *pos)`: read, pread64.
#[fexit(function = "vfs_read")]
pub fn fexit_read(ctx: FExitContext) -> i32 {
    plain(&ctx, DIR_READ);
    0
}

/// `ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)`: write, pwrite64.
#[fexit(function = "vfs_write")]
pub fn fexit_write(ctx: FExitContext) -> i32 {
    plain(&ctx, DIR_WRITE);
    0
}

/// `ssize_t vfs_readv(struct file *file, const struct iovec __user *vec, unsigned long vlen, loff_t *pos, rwf_t flags)`:
/// readv, preadv, preadv2.
#[fexit(function = "vfs_readv")]
pub fn fexit_readv(ctx: FExitContext) -> i32 {
    vectored(&ctx, DIR_READ);
    0
}

/// `ssize_t vfs_writev(struct file *file, const struct iovec __user *vec, unsigned long vlen, loff_t *pos, rwf_t flags)`:
/// writev, pwritev, pwritev2.
#[fexit(function = "vfs_writev")]
pub fn fexit_writev(ctx: FExitContext) -> i32 {
    vectored(&ctx, DIR_WRITE);
    0
}

/// `int __sys_recvfrom(int fd, void __user *ubuf, size_t size, unsigned int flags, struct sockaddr __user *addr,
/// int __user *addr_len)`: recv, recvfrom.
#[fexit(function = "__sys_recvfrom")]
pub fn fexit_recvfrom(ctx: FExitContext) -> i32 {
    let flags = ctx.arg::<u32>(3);
    if flags & ASTRAY != 0 {
        several(&ctx, ctx.arg::<u64>(6) as i32 as i64, DIR_READ);
    } else if flags & PEEK == 0 {
        addressed(&ctx, DIR_READ);
    }
    0
}

/// `int __sys_sendto(int fd, void __user *buff, size_t len, unsigned int flags, struct sockaddr __user *addr,
/// int addr_len)`: send, sendto.
#[fexit(function = "__sys_sendto")]
pub fn fexit_sendto(ctx: FExitContext) -> i32 {
    addressed(&ctx, DIR_WRITE);
    0
}

/// `long __sys_recvmsg(int fd, struct user_msghdr __user *msg, unsigned int flags, bool forbid_cmsg_compat)`.
#[fexit(function = "__sys_recvmsg")]
pub fn fexit_recvmsg(ctx: FExitContext) -> i32 {
    let flags = ctx.arg::<u32>(2);
    if flags & ASTRAY != 0 {
        several(&ctx, ctx.arg(4), DIR_READ);
    } else if flags & PEEK == 0 {
        message(&ctx, DIR_READ);
    }
    0
}

/// `long __sys_sendmsg(int fd, struct user_msghdr __user *msg, unsigned int flags, bool forbid_cmsg_compat)`.
#[fexit(function = "__sys_sendmsg")]
pub fn fexit_sendmsg(ctx: FExitContext) -> i32 {
    message(&ctx, DIR_WRITE);
    0
}

/// `int __sys_sendmmsg(int fd, struct mmsghdr __user *mmsg, unsigned int vlen, unsigned int flags,
/// bool forbid_cmsg_compat)`: made for datagrams. On a stream its bytes, of which only the number of messages is known, are
/// missing.
#[fexit(function = "__sys_sendmmsg")]
pub fn fexit_sendmmsg(ctx: FExitContext) -> i32 {
    several(&ctx, ctx.arg::<u64>(5) as i32 as i64, DIR_WRITE);
    0
}

/// `int __sys_recvmmsg(int fd, struct mmsghdr __user *mmsg, unsigned int vlen, unsigned int flags,
/// struct __kernel_timespec __user *timeout, struct old_timespec32 __user *timeout32)`: the same.
#[fexit(function = "__sys_recvmmsg")]
pub fn fexit_recvmmsg(ctx: FExitContext) -> i32 {
    if ctx.arg::<u32>(3) & PEEK == 0 {
        several(&ctx, ctx.arg::<u64>(6) as i32 as i64, DIR_READ);
    }
    0
}

#[inline(always)]
fn several(ctx: &FExitContext, count: i64, dir: u16) {
    if let Some((scope, total)) = moved(count) {
        let fd = u64::from(ctx.arg::<u32>(0));
        unread(&scope, kernel::file_of(fd), fd, dir, total, GAP_READ_FAULT);
    }
}

/// `long __x64_sys_vmsplice(const struct pt_regs *regs)`: the system call itself, since what is below it has no function
/// of its own on every kernel. The 32-bit table has another one.
#[fexit(function = "__x64_sys_vmsplice")]
pub fn fexit_vmsplice(ctx: FExitContext) -> i32 {
    mapped(ctx.arg(1));
    0
}

/// `long do_tee(struct file *in, struct file *out, size_t len, unsigned int flags)`: what is in one pipe is in the other too;
/// nothing is read.
#[fexit(function = "do_tee")]
pub fn fexit_tee(ctx: FExitContext) -> i32 {
    if let Some((scope, total)) = moved(ctx.arg(4)) {
        unread(&scope, ctx.arg(1), u64::MAX, DIR_WRITE, total, GAP_SPLICE);
    }
    0
}

/// `long do_splice(struct file *in, loff_t *off_in, struct file *out, loff_t *off_out, size_t len, unsigned int flags)`:
/// splice, and io_uring's.
#[fexit(function = "do_splice")]
pub fn fexit_splice(ctx: FExitContext) -> i32 {
    if let Some((scope, total)) = moved(ctx.arg(6)) {
        unread(&scope, ctx.arg(0), u64::MAX, DIR_READ, total, GAP_SPLICE);
        unread(&scope, ctx.arg(2), u64::MAX, DIR_WRITE, total, GAP_SPLICE);
    }
    0
}

/// `ssize_t do_sendfile(int out_fd, int in_fd, loff_t *ppos, size_t count, loff_t max)`.
#[fexit(function = "do_sendfile")]
pub fn fexit_sendfile(ctx: FExitContext) -> i32 {
    if let Some((scope, total)) = moved(ctx.arg(5)) {
        let (out, from) = (u64::from(ctx.arg::<u32>(0)), u64::from(ctx.arg::<u32>(1)));
        unread(&scope, kernel::file_of(from), from, DIR_READ, total, GAP_SPLICE);
        unread(&scope, kernel::file_of(out), out, DIR_WRITE, total, GAP_SPLICE);
    }
    0
}

/// `ssize_t vfs_copy_file_range(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t pos_out, size_t len,
/// unsigned int flags)`: regular files only, whose use counts.
#[fexit(function = "vfs_copy_file_range")]
pub fn fexit_copy(ctx: FExitContext) -> i32 {
    if let Some((scope, _)) = moved(ctx.arg(6)) {
        super::file::used(&scope, ctx.arg(0), monitor_abi::header::FLAG_BELOW);
    }
    0
}

/// The scope, if this process is watched and something was moved.
#[inline(always)]
fn moved(ret: i64) -> Option<(Scope, u64)> {
    if ret <= 0 {
        return None;
    }
    Some((scope::watched()?, ret as u64))
}

#[inline(always)]
fn plain(ctx: &FExitContext, dir: u16) {
    if let Some((scope, total)) = moved(ctx.arg(4)) {
        whole(scope, ctx.arg(0), descriptor(), dir, Bytes { base: ctx.arg(1), total });
    }
}

#[inline(always)]
fn vectored(ctx: &FExitContext, dir: u16) {
    let Some((scope, total)) = moved(ctx.arg(5)) else { return };
    let (file, fd) = (ctx.arg(0), descriptor());
    if kernel::call().compat {
        // The pieces are described by 32-bit numbers.
        unread(&scope, file, fd, dir, total, GAP_READ_FAULT);
        return;
    }
    in_pieces(scope, file, fd, dir, Pieces { iovec: ctx.arg(1), iovecs: ctx.arg(2), total });
}

#[inline(always)]
fn addressed(ctx: &FExitContext, dir: u16) {
    if let Some((scope, total)) = moved(ctx.arg::<u64>(6) as i32 as i64) {
        let fd = u64::from(ctx.arg::<u32>(0));
        whole(scope, kernel::file_of(fd), fd, dir, Bytes { base: ctx.arg(1), total });
    }
}

#[inline(always)]
fn message(ctx: &FExitContext, dir: u16) {
    let Some((scope, total)) = moved(ctx.arg(4)) else { return };
    let fd = u64::from(ctx.arg::<u32>(0));
    let file = kernel::file_of(fd);
    if ctx.arg::<u32>(2) & COMPAT != 0 {
        unread(&scope, file, fd, dir, total, GAP_READ_FAULT);
        return;
    }
    in_pieces(scope, file, fd, dir, Pieces::of_message(ctx.arg(1), total));
}

/// The descriptor that the system call was given, for people.
#[inline(always)]
fn descriptor() -> u64 {
    if kernel::call().compat { u64::MAX } else { kernel::argument(0) }
}
