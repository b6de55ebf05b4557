//! Deeds with descriptors and names that are hard to follow: handed on, used without a read, cut, changed under the sensor.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use serde_json::Value;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr;

/// Does `name` with `arguments`; `None` if there is no such deed here.
pub fn perform(name: &str, arguments: &Value) -> Option<Result<()>> {
    let text = |key: &str| arguments[key].as_str().with_context(|| format!("no argument `{key}`"));
    let run = || -> Result<Option<()>> {
        match name {
            "received" => use_by(&receive(text("path")?)?, text("how").unwrap_or("read"))?,
            "inherit" => inherit(text("path")?, text("program")?)?,
            "from_deep" => from_deep(text("path")?, text("program")?)?,
            "odd_name" => odd_name(text("path")?)?,
            "deleted" => deleted(text("path")?)?,
            "truncate_its_own_name" => truncate_its_own_name(text("path")?)?,
            "open_without_file" => open_without_file(text("path")?)?,
            _ => return Ok(None),
        }
        Ok(Some(()))
    };
    run().transpose()
}

/// A descriptor that somebody else opened and gives to whoever connects to the socket `path`.
fn receive(path: &str) -> Result<File> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let stream = UnixStream::connect(path)?;
    let mut byte = [0];
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut parts = [std::io::IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            let fd = fds.first().context("no descriptor came")?;
            // SAFETY: the kernel has just made it for us.
            return Ok(unsafe { File::from_raw_fd(*fd) });
        }
    }
    bail!("no descriptor came")
}

/// Takes the first byte of a file by one call.
fn use_by(file: &File, how: &str) -> Result<()> {
    let fd = file.as_raw_fd();
    let mut byte = [0_u8];
    let (_read, write) = nix::unistd::pipe()?;
    // SAFETY: the buffer and the descriptors live until the end of the function; what is mapped is not touched.
    let count = unsafe {
        let into = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        match how {
            "read" => libc::read(fd, byte.as_mut_ptr().cast(), 1),
            "pread" => libc::pread(fd, byte.as_mut_ptr().cast(), 1, 0),
            "readv" => libc::readv(fd, &raw const into, 1),
            "preadv" => libc::preadv(fd, &raw const into, 1, 0),
            "sendfile" => libc::sendfile(write.as_raw_fd(), fd, ptr::null_mut(), 1),
            "splice" => libc::splice(fd, ptr::null_mut(), write.as_raw_fd(), ptr::null_mut(), 1, 0),
            "copy_file_range" => {
                let copy = tempfile::tempfile_in(".")?;
                libc::copy_file_range(fd, ptr::null_mut(), copy.as_raw_fd(), ptr::null_mut(), 1, 0)
            }
            "mmap" => {
                let at = libc::mmap(ptr::null_mut(), 1, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0);
                if at == libc::MAP_FAILED { -1 } else { 1 }
            }
            _ => bail!("no such way to use a descriptor"),
        }
    };
    if Errno::result(count)? != 1 {
        bail!("{how} moved {count} bytes");
    }
    Ok(())
}

/// Opens a file and starts a program that has it open without knowing.
fn inherit(path: &str, program: &str) -> Result<()> {
    let path = CString::new(path)?;
    // SAFETY: a string that lives until the call is over; the descriptor is ours. Without O_CLOEXEC.
    let _open = unsafe { OwnedFd::from_raw_fd(Errno::result(libc::open(path.as_ptr(), libc::O_RDONLY))?) };
    ran(std::process::Command::new(program).arg("heir"))
}

fn ran(command: &mut std::process::Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { bail!("it ended with {status}") }
}

/// From a folder whose path is longer than any record's: opens a file, renames it, and starts a program.
fn from_deep(path: &str, program: &str) -> Result<()> {
    let back = File::open(".")?;
    let outcome = (|| {
        std::env::set_current_dir(path)?;
        for _ in 0..25 {
            let name = "d".repeat(200);
            fs::create_dir_all(&name)?;
            std::env::set_current_dir(&name)?;
        }
        fs::write("deep-file", "x")?;
        drop(File::open("deep-file")?);
        fs::rename("deep-file", "deep-renamed")?;
        ran(std::process::Command::new(program).arg("deep"))
    })();
    // SAFETY: a descriptor that is open.
    Errno::result(unsafe { libc::fchdir(back.as_raw_fd()) })?;
    outcome
}

/// A name that is no UTF-8: `path` and one byte more.
fn odd_name(path: &str) -> Result<()> {
    let path = Path::new(OsStr::from_bytes(&[path.as_bytes(), b"\xff"].concat())).to_path_buf();
    fs::write(&path, "x")?;
    drop(File::open(path)?);
    Ok(())
}

/// A file that has no name any more, opened again by its descriptor.
fn deleted(path: &str) -> Result<()> {
    let file = File::open(path)?;
    fs::remove_file(path)?;
    drop(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?);
    Ok(())
}

/// Truncates a file by a name that stands in that very file: when the call returns, the name is gone from memory.
fn truncate_its_own_name(path: &str) -> Result<()> {
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    let name = CString::new(path)?;
    file.write_all(name.as_bytes_with_nul())?;
    // SAFETY: a fresh mapping of a file of our own, read by the kernel only, and taken away here.
    unsafe {
        let size = name.as_bytes_with_nul().len();
        let at = libc::mmap(ptr::null_mut(), size, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if at == libc::MAP_FAILED {
            return Err(Errno::last().into());
        }
        let outcome = Errno::result(libc::truncate(at.cast(), 0));
        libc::munmap(at, size);
        outcome?;
    }
    Ok(())
}

/// An open that answers a descriptor which leads to no file, as if another thread had closed it already: a filter of the
/// process's own takes the call, and what its return shows is the call's number.
fn open_without_file(path: &str) -> Result<()> {
    extern "C" fn nothing(_signal: i32) {}
    let name = CString::new(path)?;
    let statement = |code: u32, jt: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0), // seccomp_data.nr
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, libc::SYS_openat as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_TRAP),
    ];
    // SAFETY: a handler that does nothing; the filter and the name live until the thread has ended, which is the only one
    // that the filter is for.
    let outcome = std::thread::spawn(move || unsafe {
        libc::signal(libc::SIGSYS, nothing as *const () as libc::sighandler_t);
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        Errno::result(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        Errno::result(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program))?;
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name.as_ptr(), libc::O_RDONLY);
        Ok(())
    });
    outcome.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
}

/// Reads everything that comes; how much it was.
pub fn drain(mut from: impl Read) -> Result<usize> {
    let mut all = Vec::new();
    Ok(from.read_to_end(&mut all)?)
}
