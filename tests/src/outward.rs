//! Deeds of a hostile server that reach out: for other processes, and by calls whose outcome isn't their return.

use crate::neighbour;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use serde_json::Value;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket};
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
        "reach_vm_write" => neighbour::write_memory(pid()?),
        "take_descriptor" => {
            let fd = arguments["fd"].as_i64().context("no argument `fd`")?;
            neighbour::take(pid()?, i32::try_from(fd)?).map(drop)
        }
        "vsock" => socket(libc::AF_VSOCK, libc::SOCK_STREAM).map(drop),
        "uring_connect" => crate::uring::connect(
            socket(libc::AF_INET, libc::SOCK_STREAM)?.as_raw_fd(),
            text("to")?.parse().context("no address")?,
        ),
        "connect_later" => connect_later(text("to")?.parse().context("no address")?),
        "send_message" => send_message(text("to")?.parse().context("no address")?),
        "reach_trace" => neighbour::trace(pid()?),
        "reach_fds" => neighbour::descriptors(pid()?),
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
        "hello" => hello(text("to")?),
        "quic" => quic(text("to")?.parse().context("no address")?, text("how")?),
        "ask" => ask(text("to")?),
        "packet" => socket(libc::AF_PACKET, libc::SOCK_DGRAM).map(drop),
        "bind_udp" => UdpSocket::bind(text("to")?).map(drop).map_err(Into::into),
        "splice_file" => splice_file(text("path")?),
        "link_nameless" => link_nameless(text("path")?, text("to")?),
        _ => bail!("no such deed"),
    }
}

fn socket(family: i32, kind: i32) -> Result<OwnedFd> {
    // SAFETY: plain numbers; the descriptor was just made, and is nobody else's.
    unsafe { Ok(OwnedFd::from_raw_fd(Errno::result(libc::socket(family, kind, 0))?)) }
}

/// An address for the kernel.
pub fn inet(to: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*to.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

const INET: u32 = size_of::<libc::sockaddr_in>() as u32;

/// Connects without waiting for it, and waits for the outcome, which is an error.
fn connect_later(to: SocketAddrV4) -> Result<()> {
    let (socket, address) = (socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK)?, inet(to));
    let fd = socket.as_raw_fd();
    // SAFETY: an address and an entry that live until the calls are over.
    unsafe {
        if libc::connect(fd, (&raw const address).cast(), INET) == 0 || Errno::last() != Errno::EINPROGRESS {
            bail!("the connect was not under way when it returned");
        }
        let mut entry = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
        Errno::result(libc::poll(&raw mut entry, 1, 10_000))?;
    }
    match TcpStream::from(socket).take_error()? {
        Some(_refused) => Ok(()),
        None => bail!("somebody listens at {to}"),
    }
}

/// A datagram on a socket that isn't connected, by `sendmsg`.
fn send_message(to: SocketAddrV4) -> Result<()> {
    let (socket, mut address) = (socket(libc::AF_INET, libc::SOCK_DGRAM)?, inet(to));
    let mut part = libc::iovec { iov_base: (&raw mut address).cast(), iov_len: 1 };
    // SAFETY: all zeros is a header of a message of nothing; what it names lives until the call is over.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_name, message.msg_namelen) = ((&raw mut address).cast(), INET);
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        Errno::result(libc::sendmsg(socket.as_raw_fd(), &raw const message, 0))?;
    }
    Ok(())
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

/// First words of a TLS client, in two segments.
fn hello(to: &str) -> Result<()> {
    let bytes = bytes(include_str!("../../monitor-wire/testdata/tls/node.hex"))?;
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    let (first, rest) = bytes.split_at(100);
    stream.write_all(first)?;
    stream.write_all(rest)?;
    Ok(())
}

/// What hexadecimal digits say.
fn bytes(text: &str) -> Result<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    digits.chunks(2).map(byte).collect()
}

/// The ways in which `quic` sends, and whom the hello is for.
pub const BY_QUIC: [(&str, &str); 5] = [
    ("connected", "quinn.example"),
    ("unconnected", "aioquic.example"),
    ("two", "chromium.example"),
    ("segments", "quinn.example"),
    ("large", "aioquic.example"),
];

/// First datagrams of a QUIC client, as it sent them.
fn quic(to: std::net::SocketAddr, how: &str) -> Result<()> {
    let own: std::net::IpAddr = if to.is_ipv6() { [0_u16; 8].into() } else { [0_u8; 4].into() };
    let socket = UdpSocket::bind((own, 0))?;
    match how {
        "connected" => {
            let text = include_str!("../../monitor-wire/testdata/quic/quinn.hex");
            socket.connect(to)?;
            socket.send(&bytes(text.lines().next().context("no datagram")?)?)?;
        }
        "unconnected" => {
            socket.send_to(&bytes(include_str!("../../monitor-wire/testdata/quic/aioquic-v2.hex"))?, to)?;
        }
        "two" => {
            for datagram in include_str!("../../monitor-wire/testdata/quic/chromium.hex").lines() {
                socket.send_to(&bytes(datagram)?, to)?;
            }
        }
        // Two datagrams of 1200 bytes by one call, which the kernel cuts.
        "segments" => {
            let size: libc::c_int = 1200;
            let length = size_of::<libc::c_int>() as u32;
            let (level, name, value) = (libc::SOL_UDP, libc::UDP_SEGMENT, (&raw const size).cast());
            // SAFETY: an integer that lives until the call is over.
            Errno::result(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, length) })?;
            socket.send_to(&bytes(include_str!("../../monitor-wire/testdata/quic/quinn-long.hex"))?, to)?;
        }
        // Behind the packet comes what nothing reads.
        "large" => {
            let mut datagram = bytes(include_str!("../../monitor-wire/testdata/quic/aioquic-v2.hex"))?;
            datagram.resize(12_000, 0);
            socket.send_to(&datagram, to)?;
        }
        _ => bail!("no such way to send"),
    }
    Ok(())
}

/// Asks a name server, on a connected socket and by a datagram that names it, and waits for both answers.
fn ask(to: &str) -> Result<()> {
    let question = |name: u8| {
        let mut bytes =
            b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01?\x07example\x00\x00\x01\x00\x01".to_vec();
        bytes[13] = name;
        bytes
    };
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(&question(b'a'), to)?;
    answered(&socket)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(to)?;
    socket.send(&question(b'b'))?;
    answered(&socket)
}

fn answered(socket: &UdpSocket) -> Result<()> {
    socket.set_read_timeout(Some(crate::peer::BOUND))?;
    socket.recv(&mut [0; 512]).context("no answer came")?;
    Ok(())
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
