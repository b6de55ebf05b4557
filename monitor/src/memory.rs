//! Memory that the start took and the watch doesn't need.

use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};
use nix::unistd::{SysconfVar, sysconf};

/// Gives freed memory back to the kernel: reading the kernel's types takes 20 MiB for a moment, and what is left of that
/// lies scattered below what stays.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; it moves nothing that is in use.
    unsafe {
        let _some = nix::libc::malloc_trim(0);
    }
}

/// Takes the pages of a constant of the executable out of memory: whoever reads it again has it from the file again.
pub fn let_go(constant: &'static [u8]) {
    let Some(page) = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| usize::try_from(size).ok()) else {
        return;
    };
    // Other constants share its first and its last page.
    let start = constant.as_ptr().align_offset(page);
    let length = constant.len().saturating_sub(start) / page * page;
    let Some(pages) = constant.get(start..).filter(|_| length > 0) else { return };
    if let Some(pages) = NonNull::new(pages.as_ptr().cast_mut().cast()) {
        // SAFETY: a private mapping of a file that nobody has written to (it is a constant): the same bytes come back.
        let _kept = unsafe { madvise(pages, length, MmapAdvise::MADV_DONTNEED) };
    }
}
