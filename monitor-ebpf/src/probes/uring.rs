//! io_uring: requests that do what a system call would, without one.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use monitor_abi::header::KIND_URING;
use monitor_abi::socket::Uring;
use monitor_abi::stream::{DIR_READ, DIR_WRITE, GAP_URING};

use super::stream;
use crate::kernel::{self, offset, read};
use crate::{emit, scope};

/// `REQ_F_FIXED_FILE` (include/linux/io_uring_types.h): the number is a place in the ring's own table of files.
const FIXED_FILE: u32 = 1;

/// `TP_PROTO(struct io_kiocb *req)`, from `io_submit_sqe`; up to 6.3 it is `io_uring_submit_sqe`, with
/// `TP_PROTO(struct io_kiocb *req, bool force_nonblock)` (since 5.19).
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn uring_submit(ctx: BtfTracePointContext) -> i32 {
    let Some(scope) = scope::watched() else { return 0 };
    let request: *const u8 = ctx.arg(0);
    let request = request as u64;
    let opcode = u32::from(read::<u8>(request, offset!(kiocb_opcode)));
    let fixed = read::<u32>(request, offset!(kiocb_flags)) & FIXED_FILE;
    if let Some(dir) = moves(opcode)
        && fixed == 0
    {
        // Its bytes are moved later, by whatever thread: that they were is all that can be told. A file is used.
        let fd = read::<u32>(request, offset!(kiocb_fd));
        stream::unread(&scope, kernel::file_of(u64::from(fd)), u64::from(fd), dir, 1, GAP_URING);
    }
    emit::send(KIND_URING, 0, &scope, Uring { opcode, fixed });
    0
}

/// `IORING_OP_SPLICE`, `IORING_OP_TEE` (include/uapi/linux/io_uring.h).
const SPLICE: u32 = 30;
const TEE: u32 = 33;
/// `SPLICE_F_FD_IN_FIXED` (include/uapi/linux/io_uring.h).
const FIXED_IN: u32 = 1 << 31;

/// The same tracepoint: what `splice` and `tee` move is a gap of both its ends, and a file that it comes from is used. Not
/// left to the hooks of `do_splice` and `do_tee`, which may tell of it once more.
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn uring_splice(ctx: BtfTracePointContext) -> i32 {
    let Some(scope) = scope::watched() else { return 0 };
    let request: *const u8 = ctx.arg(0);
    let request = request as u64;
    let opcode = u32::from(read::<u8>(request, offset!(kiocb_opcode)));
    if opcode != SPLICE && opcode != TEE {
        return 0;
    }
    // `struct io_splice` is what the request holds of its own, at its beginning (io_kiocb_to_cmd, io_uring/splice.c).
    let from = u64::from(read::<u32>(request, offset!(io_splice_fd_in)));
    let fixed_from = read::<u32>(request, offset!(io_splice_flags)) & FIXED_IN;
    if opcode == SPLICE && fixed_from == 0 && offset!(io_splice_fd_in) != 0 {
        stream::unread(&scope, kernel::file_of(from), from, DIR_READ, 1, GAP_URING);
    }
    if read::<u32>(request, offset!(kiocb_flags)) & FIXED_FILE == 0 {
        let to = u64::from(read::<u32>(request, offset!(kiocb_fd)));
        stream::unread(&scope, kernel::file_of(to), to, DIR_WRITE, 1, GAP_URING);
    }
    0
}

/// Which way an operation moves bytes (`enum io_uring_op`, include/uapi/linux/io_uring.h).
#[inline(always)]
fn moves(opcode: u32) -> Option<u16> {
    match opcode {
        // READV, READ_FIXED, RECVMSG, READ, RECV, READ_MULTISHOT, RECV_ZC, READV_FIXED
        1 | 4 | 10 | 22 | 27 | 49 | 58 | 60 => Some(DIR_READ),
        // WRITEV, WRITE_FIXED, SENDMSG, WRITE, SEND, SEND_ZC, SENDMSG_ZC, WRITEV_FIXED
        2 | 5 | 9 | 23 | 26 | 47 | 48 | 61 => Some(DIR_WRITE),
        _ => None,
    }
}
