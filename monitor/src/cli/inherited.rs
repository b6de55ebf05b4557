//! What this process was started with and Rust's runtime changed before `main`: a server must find it as its client left
//! it.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use nix::libc;

/// What SIGPIPE was set to, before the runtime ignored it.
static SIGPIPE: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
/// Which of the standard streams were closed, before the runtime opened `/dev/null` in their place: a bit each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Runs before `main` and before the runtime.
#[unsafe(link_section = ".init_array")]
#[used]
static REMEMBER: extern "C" fn() = {
    extern "C" fn remember() {
        // SAFETY: sigaction with a null new action only reads; `old` is plain data; F_GETFD only asks.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGPIPE, std::ptr::null(), &raw mut old) == 0 {
                SIGPIPE.store(old.sa_sigaction, Ordering::Relaxed);
            }
            for fd in 0..3 {
                if libc::fcntl(fd, libc::F_GETFD) == -1 {
                    CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
                }
            }
        }
    }
    remember
};

/// Puts back, for the program that is executed next, what the runtime changed. Until then an error can still be told.
pub fn restore() {
    // SAFETY: the value is what the kernel had for this process: SIG_DFL or SIG_IGN survive an exec, nothing else does.
    unsafe { libc::signal(libc::SIGPIPE, SIGPIPE.load(Ordering::Relaxed)) };
    let closed = CLOSED.load(Ordering::Relaxed);
    for fd in (0..3).filter(|fd| closed & (1 << fd) != 0) {
        // SAFETY: what lies there is the runtime's `/dev/null`, which nothing else uses.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
