//! The agent's own deeds, to see that hooks which were attached also fire.
//!
//! BPF LSM programs load and attach where `bpf` isn't among the active LSMs, and then never run; a function may have been
//! inlined where it matters. So for a moment this process is in a scope of its own, does one small thing for each hook,
//! and looks whether the record came.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::ptr;

use aya::Ebpf;
use aya::maps::RingBuf;
use monitor_abi::config::{SCOPE_CANDIDATE, Scope};
use monitor_abi::stream::{DIR_READ, DIR_WRITE};
use nix::errno::Errno;
use nix::libc;

use super::decode::{Body, decode};
use super::hooks::Proof;
use super::load::chain;
use super::scopes;

/// The largest number of a server: no real one reaches it.
const SCOPE: u32 = SCOPE_CANDIDATE - 1;

/// What the deeds were seen as.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Open,
    Connect,
    Moved { dir: u16, bytes: u64 },
    Gap { dir: u16, bytes: u64 },
}

/// Does what `proof` asks for; the error says which record did not come.
pub fn prove(ebpf: &mut Ebpf, proof: Proof) -> Result<(), String> {
    match proof {
        Proof::None => Ok(()),
        Proof::Opens => {
            let seen = observe(ebpf, || File::open("/proc/self/exe").map(drop))?;
            expect(&seen, &[("an open", Seen::Open)])
        }
        Proof::Connects => {
            let seen = observe(ebpf, connects)?;
            match seen.iter().filter(|record| **record == Seen::Connect).count() {
                2 => Ok(()),
                count => Err(format!("of a stream's and a datagram socket's connect {count} reported")),
            }
        }
        Proof::Streams => {
            let moved = |dir, bytes| Seen::Moved { dir, bytes };
            let gap = |dir, bytes| Seen::Gap { dir, bytes };
            let seen = observe(ebpf, streams)?;
            let wanted = [
                ("write", moved(DIR_WRITE, 11)),
                ("read", moved(DIR_READ, 11)),
                ("writev", moved(DIR_WRITE, 12)),
                ("readv", moved(DIR_READ, 12)),
                ("send", moved(DIR_WRITE, 13)),
                ("recv", moved(DIR_READ, 13)),
                ("sendmsg", moved(DIR_WRITE, 14)),
                ("recvmsg", moved(DIR_READ, 14)),
                ("splice", gap(DIR_READ, 15)),
                ("splice", gap(DIR_WRITE, 15)),
                ("sendfile", gap(DIR_WRITE, 16)),
            ];
            expect(&seen, &wanted)
        }
    }
}

fn expect(seen: &[Seen], wanted: &[(&str, Seen)]) -> Result<(), String> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(_, record)| !seen.contains(record)).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("attached, but reported nothing of the agent's own {}", missing.join(", ")))
}

/// Does something while in scope; answers what was reported of it.
fn observe(ebpf: &mut Ebpf, deeds: impl FnOnce() -> io::Result<()>) -> Result<Vec<Seen>, String> {
    let own = std::process::id();
    drain(ebpf, |_| ())?;
    set_scope(ebpf, own, true)?;
    let done = deeds();
    set_scope(ebpf, own, false)?;
    let mut seen = Vec::new();
    drain(ebpf, |record| {
        if let Ok(record) = decode(record)
            && record.head.scope == SCOPE
        {
            seen.extend(seen_as(&record.body));
        }
    })?;
    done.map_err(|error| format!("the self-test itself failed: {error}"))?;
    Ok(seen)
}

fn seen_as(body: &Body<'_>) -> Option<Seen> {
    Some(match body {
        Body::Open(..) => Seen::Open,
        Body::Unix(unix, ..) if unix.ret == 0 => Seen::Connect,
        Body::Stream(data, _) => Seen::Moved { dir: data.dir, bytes: data.total },
        Body::Gap(gap) => Seen::Gap { dir: gap.dir, bytes: gap.bytes },
        _ => return None,
    })
}

/// Takes this process into a scope, or out of it.
fn set_scope(ebpf: &mut Ebpf, own: u32, on: bool) -> Result<(), String> {
    scopes::try_own(ebpf, own, on.then_some(Scope { start: 0, server: SCOPE, flags: 0 }))
}

/// Empties both rings: before the session starts nobody else reads them.
fn drain(ebpf: &mut Ebpf, mut each: impl FnMut(&[u8])) -> Result<(), String> {
    for name in ["SECURITY", "PAYLOAD"] {
        let map = ebpf.map_mut(name).ok_or("no ring")?;
        let mut ring = RingBuf::try_from(map).map_err(|error| chain(&error))?;
        while let Some(record) = ring.next() {
            each(&record);
        }
    }
    Ok(())
}

fn connects() -> io::Result<()> {
    let name = |kind: &str| SocketAddr::from_abstract_name(format!("tripline-{kind}-{}", std::process::id()));
    let (stream, datagram) = (name("stream")?, name("datagram")?);
    let _listener = UnixListener::bind_addr(&stream)?;
    UnixStream::connect_addr(&stream)?;
    let _receiver = UnixDatagram::bind_addr(&datagram)?;
    UnixDatagram::unbound()?.connect_addr(&datagram)
}

/// A different number of bytes by each call, so that each record can be told.
fn streams() -> io::Result<()> {
    let (mut here, mut there) = UnixStream::pair()?;
    let mut buffer = [0; 64];
    let bytes = [b'.'; 16];
    here.write_all(&bytes[..11])?;
    there.read_exact(&mut buffer[..11])?;
    let _written = here.write_vectored(&[IoSlice::new(&bytes[..5]), IoSlice::new(&bytes[..7])])?;
    let (first, second) = buffer.split_at_mut(5);
    let _read = there.read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(second)])?;
    // SAFETY: the buffers outlive each call; lengths are theirs.
    unsafe {
        Errno::result(libc::send(here.as_raw_fd(), bytes.as_ptr().cast(), 13, 0))?;
        Errno::result(libc::recv(there.as_raw_fd(), buffer.as_mut_ptr().cast(), 64, 0))?;
        let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 14 };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        Errno::result(libc::sendmsg(here.as_raw_fd(), &raw const message, 0))?;
        Errno::result(libc::recvmsg(there.as_raw_fd(), &raw mut message, 0))?;
    }
    let (out, mut into) = io::pipe()?;
    into.write_all(&bytes[..15])?;
    // SAFETY: descriptors that live here; no offsets.
    unsafe {
        let to = here.as_raw_fd();
        Errno::result(libc::splice(out.as_raw_fd(), ptr::null_mut(), to, ptr::null_mut(), 15, 0))?;
        let file = File::open("/proc/self/exe")?;
        Errno::result(libc::sendfile(to, file.as_raw_fd(), ptr::null_mut(), 16))?;
    }
    Ok(())
}
