//! Memory that the start took and the watch doesn't need.

/// Gives freed memory back to the kernel: reading the kernel's types takes 20 MiB for a moment, and what is left of that
/// lies scattered below what stays.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; it moves nothing that is in use.
    unsafe {
        let _some = nix::libc::malloc_trim(0);
    }
}
