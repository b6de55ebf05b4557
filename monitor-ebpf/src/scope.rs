//! Is this task of interest? The only filter that runs in the kernel.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use monitor_abi::config::{SCOPE_PENDING, Scope};
use monitor_abi::{scope, stats};

use crate::emit;
use crate::maps::{CONTROL, MARKS, SCOPES, THREADS};

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
    if !marked(tgid) {
        return None;
    }
    // SAFETY: the value is copied out at once; a racing update gives a mix of two valid values at worst.
    unsafe { SCOPES.get(tgid) }.copied()
}

/// Whether a thread group may be in scope.
#[inline(always)]
pub fn marked(tgid: u32) -> bool {
    let (word, bit) = scope::mark(tgid);
    MARKS.get(word).is_some_and(|marks| marks & bit != 0)
}

/// Takes a thread group into scope. False, counted, if there are too many.
#[inline(always)]
pub fn enter(tgid: u32, scope: Scope) -> bool {
    let (word, bit) = scope::mark(tgid);
    if let Some(mark) = MARKS.get_ptr_mut(word) {
        // SAFETY: an element of the map.
        unsafe { emit::or(mark, bit) };
    }
    let entered = SCOPES.insert(tgid, scope, 0).is_ok();
    if !entered {
        emit::count(stats::SCOPE_FULL);
    }
    entered
}

/// Whether the agent asks for processes that may be servers, and the current one, outside every scope, may be one.
#[inline(always)]
pub fn is_sought() -> bool {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // one that is about to execute its command is in scope, though nothing of it counts yet
    CONTROL.get(0).is_some_and(|control| control.discover != 0) && !is_agent() && of(tgid).is_none()
}

/// A thread has begun, in a thread group that may be in scope.
#[inline(always)]
pub fn thread(tid: u32, tgid: u32) {
    if marked(tgid) {
        let _full = THREADS.insert(tid, tgid, 0);
    } else {
        // whoever had this number before may have been another's
        no_thread(tid);
    }
}

/// A number is that of a process outside every scope.
#[inline(always)]
pub fn no_thread(number: u32) {
    let _absent = THREADS.remove(number);
}

/// The thread group that a number names, be it that of a process or of a thread.
#[inline(always)]
pub fn group_of(number: u32) -> u32 {
    if marked(number) {
        return number;
    }
    // SAFETY: copied out at once.
    unsafe { THREADS.get(number) }.copied().unwrap_or(number)
}

/// Takes a thread group that ends out of scope.
#[inline(always)]
pub fn leave(tgid: u32) {
    let _absent = SCOPES.remove(tgid);
    let (word, bit) = scope::mark(tgid);
    if let Some(mark) = MARKS.get_ptr_mut(word) {
        // SAFETY: an element of the map.
        unsafe { emit::and(mark, !bit) };
    }
}

/// True if the current process is the agent itself.
#[inline(always)]
pub fn is_agent() -> bool {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    CONTROL.get(0).is_some_and(|control| control.agent == tgid)
}
