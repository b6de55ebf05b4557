//! One request through io_uring, without a library: what is done by it is no system call of its name.

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::libc;
use std::ffi::CStr;
use std::net::SocketAddrV4;
use std::ptr;

/// `IORING_OP_…` and the places of the rings (include/uapi/linux/io_uring.h).
const CONNECT: u8 = 16;
const OPENAT: u8 = 18;
const WRITE: u8 = 23;
const SPLICE: u8 = 30;
const TEE: u8 = 33;
const RENAMEAT: u8 = 35;
const UNLINKAT: u8 = 36;
const LINKAT: u8 = 39;
const OFF_SQ_RING: i64 = 0;
const OFF_CQ_RING: i64 = 0x0800_0000;
const OFF_SQES: i64 = 0x1000_0000;
const ENTER_GETEVENTS: i64 = 1;
/// Enough for rings of one entry; the kernel rounds up to pages.
const SIZE: usize = 4096;

/// `struct io_uring_params`.
#[repr(C)]
#[derive(Default)]
struct Params {
    head: [u32; 10],
    /// head, tail, ring_mask, ring_entries, flags, dropped, array, resv, user_addr (2)
    sq: [u32; 10],
    /// head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv, user_addr (2)
    cq: [u32; 10],
}

/// A request; what isn't named is zero.
#[derive(Default)]
struct Request {
    opcode: u8,
    fd: i32,
    /// The second address, or the offset.
    second: u64,
    address: u64,
    len: u32,
    /// The descriptor that `splice` and `tee` take from.
    from: i32,
}

/// Opens `path` for reading and closes it again.
pub fn open(path: &CStr) -> Result<()> {
    let fd = request(&on_path(OPENAT, path))?;
    // SAFETY: the request just made it.
    unsafe { libc::close(fd) };
    Ok(())
}

/// Renames.
pub fn rename(path: &CStr, to: &CStr) -> Result<()> {
    request(&on_paths(RENAMEAT, path, to)).map(drop)
}

/// Makes a hard link.
pub fn link(path: &CStr, to: &CStr) -> Result<()> {
    request(&on_paths(LINKAT, path, to)).map(drop)
}

/// Removes a name.
pub fn unlink(path: &CStr) -> Result<()> {
    request(&on_path(UNLINKAT, path)).map(drop)
}

/// Connects a socket.
pub fn connect(fd: i32, to: SocketAddrV4) -> Result<()> {
    let address = crate::outward::inet(to);
    let (address, second) = (&raw const address as u64, size_of::<libc::sockaddr_in>() as u64);
    request(&Request { opcode: CONNECT, fd, address, second, ..Request::default() }).map(drop)
}

/// Moves bytes from a pipe on to another descriptor; how many.
pub fn splice(from: i32, fd: i32, len: usize) -> Result<usize> {
    let (second, address) = (u64::MAX, u64::MAX); // neither end has an offset
    let wanted = Request { opcode: SPLICE, fd, second, address, len: u32::try_from(len)?, from };
    Ok(request(&wanted)? as usize)
}

/// Has another pipe hold what a pipe holds; how many bytes.
pub fn tee(from: i32, fd: i32, len: usize) -> Result<usize> {
    Ok(request(&Request { opcode: TEE, fd, len: u32::try_from(len)?, from, ..Request::default() })? as usize)
}

fn on_path(opcode: u8, path: &CStr) -> Request {
    Request { opcode, fd: libc::AT_FDCWD, address: path.as_ptr() as u64, ..Request::default() }
}

/// The length is the folder of the second path.
fn on_paths(opcode: u8, path: &CStr, to: &CStr) -> Request {
    Request { second: to.as_ptr() as u64, len: libc::AT_FDCWD as u32, ..on_path(opcode, path) }
}

/// Writes to a descriptor; how many bytes were written.
pub fn write(fd: i32, bytes: &[u8]) -> Result<usize> {
    let len = u32::try_from(bytes.len())?;
    let address = bytes.as_ptr() as u64;
    Ok(request(&Request { opcode: WRITE, fd, address, len, ..Request::default() })? as usize)
}

/// Makes a ring for one request.
fn request(request: &Request) -> Result<i32> {
    let mut params = Params::default();
    // SAFETY: the kernel fills `params`, which has the size that it expects.
    let ring = Errno::result(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut params) })? as i32;
    let result = submit(ring, &params, request);
    // SAFETY: made above, used nowhere else.
    unsafe { libc::close(ring) };
    let result = result?;
    if result < 0 {
        bail!("io_uring's request failed: {}", Errno::from_raw(-result));
    }
    Ok(result)
}

/// Puts one request on the ring and waits for its answer.
fn submit(ring: i32, params: &Params, request: &Request) -> Result<i32> {
    let (queue, entries, answers) = (map(ring, OFF_SQ_RING)?, map(ring, OFF_SQES)?, map(ring, OFF_CQ_RING)?);
    // SAFETY: offsets are the kernel's own, within the mapped rings; nobody else uses them, and the kernel looks only
    // when it is entered. The entry is 64 bytes: opcode at 0, fd at 4, off (addr2) at 8, addr at 16, len (mode) at 24,
    // splice_fd_in at 44.
    unsafe {
        let entry = entries.cast::<u8>();
        ptr::write_bytes(entry, 0, 64);
        entry.write(request.opcode);
        entry.add(4).cast::<i32>().write(request.fd);
        entry.add(8).cast::<u64>().write(request.second);
        entry.add(16).cast::<u64>().write(request.address);
        entry.add(24).cast::<u32>().write(request.len);
        entry.add(44).cast::<i32>().write(request.from);
        queue.cast::<u8>().add(params.sq[6] as usize).cast::<u32>().write(0);
        queue.cast::<u8>().add(params.sq[1] as usize).cast::<u32>().write_volatile(1);
        Errno::result(libc::syscall(libc::SYS_io_uring_enter, ring, 1, 1, ENTER_GETEVENTS, 0, 0))?;
        // struct io_uring_cqe { user_data: u64, res: i32, flags: u32 }
        Ok(answers.cast::<u8>().add(params.cq[5] as usize + 8).cast::<i32>().read_volatile())
    }
}

fn map(ring: i32, at: i64) -> Result<*mut libc::c_void> {
    // SAFETY: a new mapping at an address of the kernel's choice; it lives until this short process ends.
    let mapped = unsafe {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        libc::mmap(ptr::null_mut(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, ring, at)
    };
    if mapped == libc::MAP_FAILED {
        bail!("cannot map io_uring's rings: {}", Errno::last());
    }
    Ok(mapped)
}
