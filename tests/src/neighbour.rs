//! What a thief beside the server does: reaching for its memory, its environment and its descriptors.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount, umount};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Attaches as a debugger does, and lets go.
pub fn trace(pid: u32) -> Result<()> {
    // SAFETY: these requests take no addresses.
    unsafe {
        Errno::result(libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0)).context("cannot attach")?;
        libc::waitpid(pid as i32, ptr::null_mut(), libc::__WALL);
        Errno::result(libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0)).context("cannot detach")?;
    }
    Ok(())
}

/// Attaches to a thread of it that isn't the first.
pub fn trace_thread(pid: u32) -> Result<()> {
    trace(other_thread(pid)?)
}

/// Reads its stack by the number of such a thread.
pub fn read_memory_by_thread(pid: u32) -> Result<()> {
    read_memory_as(pid, other_thread(pid)?)
}

fn other_thread(pid: u32) -> Result<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let mut numbers = threads.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.find(|number| *number != pid).context("it has one thread only")
}

/// Reads its stack by `process_vm_readv`.
pub fn read_memory(pid: u32) -> Result<()> {
    read_memory_as(pid, pid)
}

/// Writes what stands there already to its stack, by `process_vm_writev`.
pub fn write_memory(pid: u32) -> Result<()> {
    let mut buffer = [0_u8; 16];
    let theirs = stack(pid, buffer.len())?;
    let ours = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: as in `read_memory_as`; its bytes stay what they are.
    unsafe {
        Errno::result(libc::process_vm_readv(pid as i32, &raw const ours, 1, &raw const theirs, 1, 0))?;
        Errno::result(libc::process_vm_writev(pid as i32, &raw const ours, 1, &raw const theirs, 1, 0))?;
    }
    Ok(())
}

fn read_memory_as(pid: u32, number: u32) -> Result<()> {
    let mut buffer = [0_u8; 16];
    let theirs = stack(pid, buffer.len())?;
    let ours = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: `ours` is this function's buffer; the other address is the other process's affair.
    Errno::result(unsafe { libc::process_vm_readv(number as i32, &raw const ours, 1, &raw const theirs, 1, 0) })?;
    Ok(())
}

/// Where its stack begins: the number of its arguments, which never changes. The address stands in `/proc/PID/stat`.
fn stack(pid: u32, iov_len: usize) -> Result<libc::iovec> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
    let stack: usize = fields.get(25).context("no start of the stack")?.parse()?;
    Ok(libc::iovec { iov_base: stack as *mut _, iov_len })
}

/// Where what lies in its memory.
pub fn maps(pid: u32) -> Result<()> {
    first_byte(&format!("/proc/{pid}/maps"))
}

/// Which descriptors it has.
pub fn descriptors(pid: u32) -> Result<()> {
    let _count = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(())
}

/// Its environment.
pub fn environ(pid: u32) -> Result<()> {
    first_byte(&format!("/proc/{pid}/environ"))
}

/// The same by the folder of its thread.
pub fn environ_by_task(pid: u32) -> Result<()> {
    first_byte(&format!("/proc/{pid}/task/{pid}/environ"))
}

/// The same in a procfs of one's own.
pub fn environ_fresh_mount(pid: u32) -> Result<()> {
    let folder = format!("/tmp/tripline-proc-{}", std::process::id());
    fs::create_dir_all(&folder)?;
    mount(Some("proc"), folder.as_str(), Some("proc"), MsFlags::empty(), None::<&str>)?;
    let outcome = first_byte(&format!("{folder}/{pid}/environ"));
    umount(folder.as_str())?;
    fs::remove_dir(&folder)?;
    outcome
}

/// Its memory as a file.
pub fn proc_mem(pid: u32) -> Result<()> {
    File::open(format!("/proc/{pid}/mem"))?;
    Ok(())
}

/// A copy of its standard input.
pub fn take_descriptor(pid: u32) -> Result<()> {
    take(pid, 0).map(drop)
}

/// A copy of any descriptor of it.
pub fn take(pid: u32, fd: i32) -> Result<OwnedFd> {
    // SAFETY: plain numbers; both descriptors were just made, and are nobody else's.
    unsafe {
        let pidfd = OwnedFd::from_raw_fd(Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))? as i32);
        let taken = Errno::result(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0))?;
        Ok(OwnedFd::from_raw_fd(taken as i32))
    }
}

/// Its standard input, opened anew by its name in procfs: a pipe has no other.
pub fn open_descriptor(pid: u32) -> Result<()> {
    File::options().write(true).open(format!("/proc/{pid}/fd/0"))?;
    Ok(())
}

/// Our end of the pipe that is its standard input, opened anew: nobody else's descriptor is touched.
pub fn open_own_end(pid: u32) -> Result<()> {
    let pipe = fs::read_link(format!("/proc/{pid}/fd/0"))?;
    for entry in fs::read_dir("/proc/self/fd")?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == pipe) {
            File::options().write(true).open(entry.path())?;
            return Ok(());
        }
    }
    bail!("we hold no end of {}", pipe.display())
}

fn first_byte(path: &str) -> Result<()> {
    let mut byte = [0];
    File::open(path).with_context(|| format!("cannot open {path}"))?.read_exact(&mut byte)?;
    Ok(())
}
