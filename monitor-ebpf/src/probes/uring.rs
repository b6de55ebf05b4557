//! io_uring: requests that do what a system call would, without one.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use monitor_abi::header::KIND_URING;
use monitor_abi::socket::Uring;

use crate::kernel::{offset, read};
use crate::{emit, scope};

/// `TP_PROTO(struct io_kiocb *req)`, from `io_submit_sqe`.
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn uring_submit(ctx: BtfTracePointContext) -> i32 {
    let Some(scope) = scope::watched() else { return 0 };
    let request: *const u8 = ctx.arg(0);
    let opcode: u8 = read(request as u64, offset!(kiocb_opcode));
    emit::send(KIND_URING, 0, &scope, Uring { opcode: u32::from(opcode), pad: 0 });
    0
}
