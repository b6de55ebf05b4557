//! What a hostile server does, one system call at a time: every way to a file, a name, a socket.
//!
//! The `deed_server` does these when a tool is called; whether the sensors saw them is for the test to find out.

use crate::uring;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use serde_json::Value;
use std::ffi::CString;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::{fs, ptr};

/// Does `name` with `arguments`.
pub fn perform(name: &str, arguments: &Value) -> Result<()> {
    let text = |key: &str| arguments[key].as_str().with_context(|| format!("no argument `{key}`"));
    let (path, to) = (|| text("path"), || text("to"));
    match name {
        "open" => opened(path()?, |at| call(libc::SYS_open, [at, 0, 0, 0, 0])),
        "openat" => opened(path()?, |at| call(libc::SYS_openat, [CWD, at, 0, 0, 0])),
        "openat2" => {
            let how = [0_u64; 3]; // struct open_how { flags, mode, resolve }
            opened(path()?, |at| call(libc::SYS_openat2, [CWD, at, how.as_ptr() as i64, 24, 0]))
        }
        "creat" => opened(path()?, |at| call(libc::SYS_creat, [at, 0o600, 0, 0, 0])),
        "relative" => relative(Path::new(path()?)),
        "symlinked" => {
            std::os::unix::fs::symlink(path()?, to()?)?;
            done(fs::File::open(to()?))
        }
        "hardlinked" => {
            fs::hard_link(path()?, to()?)?;
            done(fs::File::open(to()?))
        }
        "proc_fd" => by_proc_fd(path()?),
        "handle" => by_handle(path()?),
        "compat" => compat_open(path()?),
        "uring" => uring::open(&c_string(path()?)?),
        "uring_rename" => uring::rename(&c_string(path()?)?, &c_string(to()?)?),
        "uring_link" => uring::link(&c_string(path()?)?, &c_string(to()?)?),
        "uring_unlink" => uring::unlink(&c_string(path()?)?),
        "rename" => done(fs::rename(path()?, to()?)),
        "renameat2" => {
            let (from, to) = (c_string(path()?)?, c_string(to()?)?);
            call(libc::SYS_renameat2, [CWD, from.as_ptr() as i64, CWD, to.as_ptr() as i64, 0]).map(drop)
        }
        "link" => done(fs::hard_link(path()?, to()?)),
        "symlink" => done(std::os::unix::fs::symlink(to()?, path()?)),
        "unlink" => done(fs::remove_file(path()?)),
        "rmdir" => done(fs::remove_dir(path()?)),
        "chmod" => opened(path()?, |at| call(libc::SYS_chmod, [at, 0o640, 0, 0, 0])),
        "fchmod" => done(fs::File::open(path()?)?.set_permissions(fs::Permissions::from_mode(0o640))),
        "ftruncate" => done(fs::OpenOptions::new().write(true).open(path()?)?.set_len(0)),
        "truncate" => opened(path()?, |at| call(libc::SYS_truncate, [at, 0, 0, 0, 0])),
        "unix" => done(UnixStream::connect(path()?)),
        "abstract" => {
            let address = SocketAddr::from_abstract_name(path()?)?;
            done(UnixStream::connect_addr(&address))
        }
        "connect" => done(TcpStream::connect(to()?)),
        "send" => {
            UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", to()?)?;
            Ok(())
        }
        "datagrams" => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect(to()?)?;
            socket.send(b"before")?;
            // Nobody may listen there: the answer to the first comes with the second.
            let _refused = socket.send(b"before");
            let read = fs::read(path()?)?;
            socket.send(&read).or_else(|_| socket.send(&read))?;
            Ok(())
        }
        "open_often" => {
            for _ in 0..arguments["times"].as_u64().context("no argument `times`")? {
                fs::File::open(path()?)?;
            }
            Ok(())
        }
        "accept" => {
            let listener = TcpListener::bind(to()?)?;
            let _client = TcpStream::connect(to()?)?;
            done(listener.accept())
        }
        "raw" => call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), 1, 0, 0]).map(close),
        "netlink" => call(libc::SYS_socket, [libc::AF_NETLINK.into(), libc::SOCK_RAW.into(), 0, 0, 0]).map(close),
        "execute" => {
            let status = std::process::Command::new(path()?).arg("nothing").status()?;
            if status.success() { Ok(()) } else { bail!("it ended with {status}") }
        }
        _ => crate::handed::perform(name, arguments).unwrap_or_else(|| crate::outward::perform(name, arguments)),
    }
}

/// Only whether it worked matters.
fn done<T, E: Into<anyhow::Error>>(outcome: Result<T, E>) -> Result<()> {
    outcome.map(drop).map_err(Into::into)
}

const CWD: i64 = libc::AT_FDCWD as i64;

/// A path for the kernel.
fn c_string(path: &str) -> Result<CString> {
    CString::new(path).context("a path holds a zero byte")
}

/// A system call by its number, so that it is this one and not what a library makes of it.
fn call(number: i64, [a, b, c, d, e]: [i64; 5]) -> Result<i64> {
    // SAFETY: the callers pass pointers to strings and structures that live until the call is over.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    Ok(Errno::result(result)?)
}

fn close(fd: i64) {
    // SAFETY: the descriptor was just made by the caller and is used nowhere else.
    unsafe { libc::close(fd as i32) };
}

/// Hands a path to a call that answers a descriptor or zero.
fn opened(path: &str, open: impl FnOnce(i64) -> Result<i64>) -> Result<()> {
    let path = c_string(path)?;
    let fd = open(path.as_ptr() as i64)?;
    if fd > 2 {
        close(fd);
    }
    Ok(())
}

/// By a descriptor of its folder and the bare name.
fn relative(path: &Path) -> Result<()> {
    let (folder, name) = (path.parent().context("no folder")?, path.file_name().context("no name")?);
    let folder = fs::File::open(folder)?;
    let name = CString::new(name.as_bytes())?;
    call(libc::SYS_openat, [folder.as_raw_fd().into(), name.as_ptr() as i64, 0, 0, 0]).map(close)
}

/// By a name that no file has: `/proc/self/fd/N` of a descriptor that can't read.
fn by_proc_fd(path: &str) -> Result<()> {
    let path = c_string(path)?;
    let fd = call(libc::SYS_openat, [CWD, path.as_ptr() as i64, libc::O_PATH.into(), 0, 0])?;
    drop(fs::File::open(format!("/proc/self/fd/{fd}"))?);
    close(fd);
    Ok(())
}

/// By `name_to_handle_at` and `open_by_handle_at`: no string is passed at all.
fn by_handle(path: &str) -> Result<()> {
    let name = c_string(path)?;
    let mut handle = [0_u32; 34]; // struct file_handle { bytes, type, 128 bytes }
    handle[0] = 128;
    let mut mount = 0_i32;
    let at = handle.as_mut_ptr() as i64;
    call(libc::SYS_name_to_handle_at, [CWD, name.as_ptr() as i64, at, &raw mut mount as i64, 0])?;
    let folder = fs::File::open(Path::new(path).parent().context("no folder")?)?;
    call(libc::SYS_open_by_handle_at, [folder.as_raw_fd().into(), at, 0, 0, 0]).map(close)
}

/// By the 32-bit system call, from a 64-bit process.
#[cfg(target_arch = "x86_64")]
fn compat_open(path: &str) -> Result<()> {
    let name = c_string(path)?;
    let bytes = name.as_bytes_with_nul();
    // SAFETY: a fresh mapping of a page below 4 GiB, where 32-bit pointers reach; the name fits.
    let low = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    if low == libc::MAP_FAILED || bytes.len() > 4096 {
        bail!("no memory below 4 GiB");
    }
    let mut result = 5_i64; // __NR_open of the 32-bit table
    // SAFETY: rbx, which the compiler keeps for itself, is put back; the kernel reads the name and no other memory.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), low.cast(), bytes.len());
        std::arch::asm!(
            "xchg {path}, rbx", "int 0x80", "xchg {path}, rbx",
            path = inout(reg) low as u64 => _, inout("rax") result, in("rcx") 0, in("rdx") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
        libc::munmap(low, 4096);
    }
    if (result as i32) < 0 {
        bail!("the 32-bit open failed: {}", Errno::from_raw(-(result as i32)));
    }
    close(result);
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn compat_open(_path: &str) -> Result<()> {
    bail!("no 32-bit system calls here")
}

/// The other side of `received`: gives `file` to the first who connects.
pub fn give(listener: &std::os::unix::net::UnixListener, file: &fs::File) -> Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let (stream, _) = listener.accept()?;
    let fds = [file.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(stream.as_raw_fd(), &[std::io::IoSlice::new(b"x")], &control, MsgFlags::empty(), None)?;
    Ok(())
}
