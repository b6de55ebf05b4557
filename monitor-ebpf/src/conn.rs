//! Whose socket is it? What the programs on packets and on states of sockets ask, which run on behalf of nobody.

use core::ffi::c_void;
use core::ptr::null_mut;

use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use monitor_abi::config::{Conn, Scope};
use monitor_abi::stats;

use crate::emit;
use crate::maps::{CONNS, SOCKETS};

/// The current process, of that scope, uses a socket. `sk` is a pointer that the verifier knows for a socket's.
#[inline(always)]
pub fn remember(sk: *mut c_void, cookie: u64, scope: &Scope) {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: as the caller says of `sk`; the map is a socket storage.
    let marked = unsafe { bpf_sk_storage_get(sockets(), sk, null_mut(), u64::from(BPF_SK_STORAGE_GET_F_CREATE)) };
    let inserted = CONNS.insert(cookie, Conn { start: scope.start, tgid, scope: scope.server }, 0);
    if marked.is_null() || inserted.is_err() {
        emit::count(stats::CONN_FULL);
    }
}

/// Whether a socket may be in [`CONNS`]. `sk` as for [`remember`].
#[inline(always)]
pub fn may_be_known(sk: *mut c_void) -> bool {
    // SAFETY: as the caller says of `sk`; the map is a socket storage.
    unsafe { !bpf_sk_storage_get(sockets(), sk, null_mut(), 0).is_null() }
}

/// Whose socket has this cookie.
#[inline(always)]
pub fn of(cookie: u64) -> Option<Conn> {
    // SAFETY: copied out at once; a racing update gives a mix of two valid values at worst.
    unsafe { CONNS.get(cookie) }.copied()
}

/// Nobody's any more.
#[inline(always)]
pub fn forget(cookie: u64) {
    let _absent = CONNS.remove(cookie);
}

#[inline(always)]
fn sockets() -> *mut c_void {
    (&raw const SOCKETS).cast_mut().cast()
}
