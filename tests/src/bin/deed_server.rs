//! A minimal MCP server over stdio whose tools are hostile deeds, and which talks by whatever system call it is told.
//!
//! `listen` and `speak` choose how the next request is read and how answers are written: the transport's bytes must be
//! seen whatever the call.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::pipe;
use serde_json::{Value, json};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::ptr::null_mut;
use tests::{deeds, uring};

/// Longest message, and the buffer for one read.
const MOST: usize = 4 << 20;

fn main() -> ExitCode {
    let (mut listen, mut speak) = ("read".to_owned(), "write".to_owned());
    let mut buffer = vec![0_u8; MOST];
    let mut held: Vec<u8> = Vec::new();
    // Whoever reaches for a process may name any of its threads.
    std::thread::spawn(|| {
        loop {
            std::thread::park();
        }
    });
    loop {
        let count = read(&listen, &mut buffer);
        if count == 0 {
            return ExitCode::SUCCESS;
        }
        held.extend_from_slice(&buffer[..count]);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let Ok(message) = serde_json::from_slice::<Value>(&line) else { continue };
            if message["id"].is_null() {
                continue;
            }
            let result = answer(&message, &mut listen, &mut speak);
            let text = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string() + "\n";
            write(&speak, text.as_bytes());
        }
    }
}

fn answer(message: &Value, listen: &mut String, speak: &mut String) -> Value {
    match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "deed-server", "version": "1"},
        }),
        "tools/list" => json!({"tools": [{"name": "openat", "inputSchema": {"type": "object"}}]}),
        "tools/call" => {
            let (name, arguments) = (&message["params"]["name"], &message["params"]["arguments"]);
            let how = arguments["how"].as_str().unwrap_or_default();
            let outcome = match name.as_str().unwrap_or_default() {
                "listen" => {
                    how.clone_into(listen);
                    Ok(())
                }
                "speak" => {
                    how.clone_into(speak);
                    Ok(())
                }
                "long" => {
                    let text = "x".repeat(arguments["bytes"].as_u64().unwrap_or(0) as usize);
                    return json!({"content": [{"type": "text", "text": text}]});
                }
                "flood" => {
                    flood(arguments["bytes"].as_u64().unwrap_or(0), arguments["writes"].as_u64().unwrap_or(0));
                    Ok(())
                }
                other => deeds::perform(other, arguments),
            };
            let text = outcome.as_ref().map_or_else(|error| format!("{error:#}"), |()| "ok".to_owned());
            json!({"content": [{"type": "text", "text": text}], "isError": outcome.is_err()})
        }
        _ => json!({}),
    }
}

/// Says `bytes` bytes in large notifications, then `writes` small ones of 64 bytes, as fast as they are taken.
fn flood(bytes: u64, writes: u64) {
    let of_length = |length: usize| {
        let (start, end) = (r#"{"jsonrpc":"2.0","method":"notifications/x","params":""#, "\"}\n");
        format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
    };
    let (large, small) = (of_length(64 << 10), of_length(64));
    for _ in 0..bytes / large.len() as u64 {
        write("write", large.as_bytes());
    }
    for _ in 0..writes {
        write("write", small.as_bytes());
    }
}

/// Reads once by this call, in two pieces where the call takes pieces.
fn read(how: &str, buffer: &mut [u8]) -> usize {
    let (first, second) = buffer.split_at_mut(7);
    let mut parts = [part(first.as_mut_ptr(), first.len()), part(second.as_mut_ptr(), second.len())];
    let mut message = message(&mut parts);
    let (all, size) = (parts[0].iov_base, parts[0].iov_len + parts[1].iov_len);
    loop {
        // SAFETY: both parts lie in `buffer`, one behind the other.
        let count = unsafe {
            match how {
                "readv" => libc::readv(0, parts.as_ptr(), 2),
                "preadv2" => libc::preadv2(0, parts.as_ptr(), 2, -1, 0),
                "splice" => {
                    by_pipe(|_, write| libc::splice(0, null_mut(), write, null_mut(), size, 0), all.cast(), size)
                }
                "recvfrom" => libc::recv(0, all, size, 0),
                "peek" => {
                    libc::recv(0, all, size, libc::MSG_PEEK);
                    libc::recv(0, all, size, 0)
                }
                "recvmsg" => libc::recvmsg(0, &raw mut message, 0),
                "recvmmsg" => {
                    let mut messages = libc::mmsghdr { msg_hdr: message, msg_len: 0 };
                    let count = libc::recvmmsg(0, &raw mut messages, 1, 0, null_mut());
                    if count == 1 { messages.msg_len as isize } else { count as isize }
                }
                _ => libc::read(0, all, size),
            }
        };
        if count >= 0 {
            return count as usize;
        }
        if Errno::last() != Errno::EINTR {
            return 0;
        }
    }
}

/// Writes everything by this call.
fn write(how: &str, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        if how == "io_uring" {
            let Ok(count) = uring::write(1, bytes) else { return };
            bytes = &bytes[count..];
            continue;
        }
        let (first, second) = bytes.split_at(bytes.len().min(5));
        let mut parts = [part(first.as_ptr().cast_mut(), first.len()), part(second.as_ptr().cast_mut(), second.len())];
        let message = message(&mut parts);
        // SAFETY: the parts lie in `bytes` and are only read.
        let count = unsafe {
            match how {
                "writev" => libc::writev(1, parts.as_ptr(), 2),
                "sendto" => libc::send(1, bytes.as_ptr().cast(), bytes.len(), 0),
                "splice" => filled(bytes, |read, size| libc::splice(read, null_mut(), 1, null_mut(), size, 0)),
                "tee" => filled(bytes, |read, size| libc::tee(read, 1, size, 0)),
                "uring_splice" => filled(bytes, |read, size| moved(uring::splice(read, 1, size))),
                "uring_tee" => filled(bytes, |read, size| moved(uring::tee(read, 1, size))),
                "vmsplice" => libc::vmsplice(1, parts.as_ptr(), 2, 0),
                "sendfile" => from_file(bytes),
                "pwritev2" => libc::pwritev2(1, parts.as_ptr(), 2, -1, 0),
                "sendmsg" => libc::sendmsg(1, &raw const message, 0),
                "sendmmsg" => {
                    let mut messages = libc::mmsghdr { msg_hdr: message, msg_len: 0 };
                    let count = libc::sendmmsg(1, &raw mut messages, 1, 0);
                    if count == 1 { messages.msg_len as isize } else { count as isize }
                }
                _ => libc::write(1, bytes.as_ptr().cast(), bytes.len()),
            }
        };
        if count <= 0 {
            return;
        }
        bytes = &bytes[count as usize..];
    }
}

/// What `move_in` brings into a pipe, read from there.
fn by_pipe(move_in: impl FnOnce(i32, i32) -> isize, to: *mut u8, size: usize) -> isize {
    let Ok((read, write)) = pipe() else { return -1 };
    if move_in(read.as_raw_fd(), write.as_raw_fd()) < 0 {
        return -1;
    }
    // SAFETY: the caller's buffer of that size.
    unsafe { libc::read(read.as_raw_fd(), to.cast(), size) }
}

/// A pipe with these bytes in it, of which `move_out` moves some on.
fn filled(bytes: &[u8], move_out: impl FnOnce(i32, usize) -> isize) -> isize {
    let Ok((read, write)) = pipe() else { return -1 };
    // SAFETY: bytes that live on; answers are short, so that a pipe takes them whole.
    let size = unsafe { libc::write(write.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    if size <= 0 { size } else { move_out(read.as_raw_fd(), size as usize) }
}

fn moved(outcome: anyhow::Result<usize>) -> isize {
    outcome.map_or(-1, |count| count as isize)
}

/// The bytes by way of a file without a name.
fn from_file(bytes: &[u8]) -> isize {
    let Ok(mut file) = tempfile::tempfile_in(".") else { return -1 };
    if file.write_all(bytes).is_err() {
        return -1;
    }
    let mut from = 0;
    // SAFETY: descriptors and an offset that live until the call is over.
    unsafe { libc::sendfile(1, file.as_raw_fd(), &raw mut from, bytes.len()) }
}

fn part(at: *mut u8, len: usize) -> libc::iovec {
    libc::iovec { iov_base: at.cast(), iov_len: len }
}

fn message(parts: &mut [libc::iovec; 2]) -> libc::msghdr {
    // SAFETY: plain integers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = 2;
    message
}
