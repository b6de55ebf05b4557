//! A path by walking dentries and mounts, from the last component to the root: never the string the process passed.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{bpf_loop, bpf_probe_read_kernel};
use monitor_abi::process::PATH_MAX;

use crate::kernel::{offset, read};
use crate::maps::{PATH_BUF, Scratch};

/// Most components and mount crossings that a walk visits: `PATH_MAX` holds 2048 of the shortest names.
const STEPS: u32 = 2304;

/// Walks `struct path` at `path` into `scratch.path[scratch.at..PATH_BUF]`. True if the whole path fits.
///
/// The result is the path within the mount namespace of whoever holds it, as `d_path` would give without the root of
/// a chroot.
#[inline(always)]
pub fn walk(scratch: &mut Scratch, path: u64) -> bool {
    // struct path is { struct vfsmount *mnt; struct dentry *dentry; } (include/linux/path.h).
    walk_from(scratch, read(path, 0), read(path, 8))
}

/// As [`walk`], from a dentry on a mount (`struct vfsmount *`).
#[inline(always)]
pub fn walk_from(scratch: &mut Scratch, mnt: u64, dentry: u64) -> bool {
    scratch.dentry = dentry;
    scratch.mount = mnt.wrapping_sub(offset!(mount_mnt));
    scratch.at = PATH_BUF as u64;
    scratch.cut = 1;
    let mut state = Walk { scratch: core::ptr::from_mut(scratch) };
    // bpf_loop (5.17): the verifier proves one step, not every path through all of them; arming takes milliseconds so.
    // SAFETY: the callback takes this very type, and the loop ends before the borrow does.
    unsafe { bpf_loop(STEPS, turn as *mut c_void, core::ptr::from_mut(&mut state).cast(), 0) };
    if scratch.at >= PATH_BUF as u64 {
        prepend(scratch, 0, 0);
    }
    scratch.cut == 0
}

/// What the loop hands from turn to turn.
struct Walk {
    scratch: *mut Scratch,
}

/// Callback of `bpf_loop`: 0 goes on, 1 stops.
unsafe extern "C" fn turn(_index: u64, walk: *mut Walk) -> i64 {
    // SAFETY: bpf_loop hands through the pointer that `walk` gave it, which points to this CPU's scratch.
    let scratch = unsafe { &mut *(*walk).scratch };
    i64::from(!step(scratch))
}

/// One turn: writes a component or crosses a mount. False at the root, or when there is no more room.
#[inline(always)]
fn step(scratch: &mut Scratch) -> bool {
    let dentry = scratch.dentry;
    let mount = scratch.mount;
    if dentry == 0 {
        return false;
    }
    let parent: u64 = read(dentry, offset!(dentry_d_parent));
    let root: u64 = read(mount, offset!(mount_mnt) + offset!(vfsmount_mnt_root));
    if dentry == root || dentry == parent {
        let above: u64 = read(mount, offset!(mount_mnt_parent));
        if above == 0 || above == mount || dentry != root {
            // The root, or a dentry that hangs under none: memfd, pipe, anonymous inode. The latter keep their name.
            // A real root is called "/", which the caller writes.
            if scratch.at >= PATH_BUF as u64 && dentry == parent {
                let text: u64 = read(dentry, offset!(dentry_d_name) + 8);
                if read::<u8>(text, 0) != b'/' {
                    name(scratch, dentry);
                }
            }
            scratch.cut = 0;
            return false;
        }
        scratch.dentry = read(mount, offset!(mount_mnt_mountpoint));
        scratch.mount = above;
        return true;
    }
    scratch.dentry = parent;
    name(scratch, dentry)
}

/// Writes the name of `dentry` before what is there, with its slash.
#[inline(always)]
fn name(scratch: &mut Scratch, dentry: u64) -> bool {
    // struct qstr is { u32 hash; u32 len; const unsigned char *name; } on little-endian (include/linux/dcache.h).
    let len: u32 = read(dentry, offset!(dentry_d_name) + 4);
    let text: u64 = read(dentry, offset!(dentry_d_name) + 8);
    prepend(scratch, text, u64::from(len))
}

#[inline(always)]
fn prepend(scratch: &mut Scratch, text: u64, len: u64) -> bool {
    let len = len & 0xff;
    let at = scratch.at;
    if at < len + 1 || at > PATH_BUF as u64 || at - len - 1 < (PATH_BUF - PATH_MAX) as u64 {
        return false;
    }
    let begin = at - len;
    if begin == 0 || begin >= PATH_BUF as u64 {
        return false;
    }
    if len > 0 {
        // SAFETY: begin is below PATH_BUF and len below 256: the buffer has that much behind PATH_BUF, because the
        // verifier doesn't see that begin + len is at most PATH_BUF.
        let done = unsafe {
            let target = scratch.path.as_mut_ptr().add(begin as usize);
            bpf_probe_read_kernel(target.cast(), len as u32, text as *const _)
        };
        if done < 0 {
            return false;
        }
    }
    let slash = begin - 1;
    if slash >= PATH_BUF as u64 {
        return false;
    }
    // SAFETY: checked just above.
    unsafe { *scratch.path.as_mut_ptr().add(slash as usize) = b'/' };
    scratch.at = slash;
    true
}
