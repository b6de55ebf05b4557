//! Reaches for the memory, the environment or the descriptors of another process.

use monitor_abi::header::Header;
use monitor_abi::{file, memory};
use monitor_core::event::{Memory, MemoryOp};
use monitor_core::id::ServerId;

use super::{actor, proc_id};

/// A reach for another process.
#[must_use]
pub fn reach(head: &Header, body: &memory::Reach) -> Memory {
    Memory {
        proc: actor(head),
        target: proc_id(body.target, body.target_start),
        target_server: (body.target_scope != 0).then_some(ServerId(body.target_scope)),
        op: match body.op {
            memory::REACH_PTRACE => MemoryOp::PtraceAttach,
            memory::REACH_VM_READ => MemoryOp::VmRead,
            memory::REACH_VM_WRITE => MemoryOp::VmWrite,
            _ => MemoryOp::PidfdGetfd,
        },
        ok: Some(body.ret >= 0),
    }
}

/// An open of another process's procfs file; `None` for names that give nothing away.
#[must_use]
pub fn proc_open(head: &Header, body: &file::ProcOpen) -> Option<Memory> {
    let name = body.name.get(..body.name_len as usize).unwrap_or_default();
    let op = match name {
        b"environ" => MemoryOp::ProcEnviron,
        b"mem" => MemoryOp::ProcMem,
        b"maps" | b"smaps" | b"auxv" | b"map_files" | b"pagemap" => MemoryOp::ProcMaps,
        b"fd" => MemoryOp::ProcFd,
        _ => return None,
    };
    Some(Memory {
        proc: actor(head),
        target: proc_id(body.target, body.target_start),
        target_server: (body.target_scope != 0).then_some(ServerId(body.target_scope)),
        op,
        ok: Some(true),
    })
}
