//! Is this task of interest? The only filter that runs in the kernel.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use monitor_abi::config::{SCOPE_PENDING, Scope};

use crate::maps::{CONTROL, SCOPES};

/// The current process's scope, if it is watched and has executed its command.
#[inline(always)]
pub fn watched() -> Option<Scope> {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let scope = of(tgid)?;
    if scope.flags & SCOPE_PENDING != 0 {
        return None;
    }
    Some(scope)
}

/// The scope of a thread group.
#[inline(always)]
pub fn of(tgid: u32) -> Option<Scope> {
    // SAFETY: the value is copied out at once; a racing update gives a mix of two valid values at worst.
    unsafe { SCOPES.get(tgid) }.copied()
}

/// True if the current process is the agent itself.
#[inline(always)]
pub fn is_agent() -> bool {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    CONTROL.get(0).is_some_and(|control| control.agent == tgid)
}
