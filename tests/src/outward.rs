//! Deeds of a hostile server that reach out: for other processes, and by calls whose outcome isn't their return.

use crate::neighbour;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use serde_json::Value;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Does `name` with `arguments`; fails if there is no such deed.
pub fn perform(name: &str, arguments: &Value) -> Result<()> {
    let text = |key: &str| arguments[key].as_str().with_context(|| format!("no argument `{key}`"));
    let pid = || arguments["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).context("no argument `pid`");
    match name {
        "reach_environ" => neighbour::environ(pid()?),
        "reach_mem" => neighbour::proc_mem(pid()?),
        "reach_vm" => neighbour::read_memory(pid()?),
        "reach_trace" => neighbour::trace(pid()?),
        "reach_fds" => {
            let _count = std::fs::read_dir(format!("/proc/{}/fd", pid()?))?.count();
            Ok(())
        }
        "reach_own" => {
            let mut child = std::process::Command::new(idle()?).arg("wait").spawn()?;
            let outcome = neighbour::environ(std::process::id()).and_then(|()| neighbour::proc_mem(child.id()));
            child.kill()?;
            child.wait()?;
            outcome
        }
        "listen_unbound" => {
            // SAFETY: plain numbers; the descriptor is the listener's from here on.
            unsafe {
                let fd = Errno::result(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0))?;
                let _listener = TcpListener::from_raw_fd(fd);
                Errno::result(libc::listen(fd, 1))?;
            }
            Ok(())
        }
        "unix_listen" => UnixListener::bind(text("path")?).map(drop).map_err(Into::into),
        "abstract_listen" => {
            let address = SocketAddr::from_abstract_name(text("path")?)?;
            UnixListener::bind_addr(&address).map(drop).map_err(Into::into)
        }
        "send6" => {
            UdpSocket::bind("[::]:0")?.send_to(b"x", text("to")?)?;
            Ok(())
        }
        "exchange" => exchange(text("to")?),
        "packet" => {
            // SAFETY: plain numbers; the descriptor is ours.
            let fd = unsafe { Errno::result(libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0))? };
            // SAFETY: it was just made.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            Ok(())
        }
        "bind_udp" => UdpSocket::bind(text("to")?).map(drop).map_err(Into::into),
        "splice_file" => splice_file(text("path")?),
        "link_nameless" => link_nameless(text("path")?, text("to")?),
        _ => bail!("no such deed"),
    }
}

/// How many bytes `exchange` sends, and gets.
pub const EXCHANGED: (usize, usize) = (1000, 500);

/// Sends so many bytes and reads the answer to its end.
fn exchange(to: &str) -> Result<()> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(&[b'.'; EXCHANGED.0])?;
    let got = crate::handed::drain(&stream)?;
    if got == EXCHANGED.1 { Ok(()) } else { bail!("{got} bytes came") }
}

/// The program that does nothing, which lies beside this one.
fn idle() -> Result<std::path::PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("idle"))
}

/// A file into a pipe of one's own, by `splice` and by `sendfile`: no transport is near.
fn splice_file(path: &str) -> Result<()> {
    let file = File::open(path)?;
    let (_read, write) = nix::unistd::pipe()?;
    // SAFETY: descriptors that live until the end of the function, and no addresses but one of an offset.
    unsafe {
        let mut from = 0_i64;
        let (file, write) = (file.as_raw_fd(), write.as_raw_fd());
        Errno::result(libc::splice(file, &raw mut from, write, std::ptr::null_mut(), 4, 0))?;
        Errno::result(libc::sendfile(write, file, std::ptr::null_mut(), 4))?;
    }
    Ok(())
}

/// A file that never had a name gets one, by the descriptor's name in procfs.
fn link_nameless(folder: &str, to: &str) -> Result<()> {
    let (folder, to) = (CString::new(folder)?, CString::new(to)?);
    // SAFETY: strings that live until the calls are over.
    unsafe {
        let fd = Errno::result(libc::open(folder.as_ptr(), libc::O_TMPFILE | libc::O_RDWR, 0o600))?;
        let own = CString::new(format!("/proc/self/fd/{fd}"))?;
        let flags = libc::AT_SYMLINK_FOLLOW;
        let linked = libc::linkat(libc::AT_FDCWD, own.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags);
        let outcome = Errno::result(linked);
        libc::close(fd);
        outcome?;
    }
    Ok(())
}
