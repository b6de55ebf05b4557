//! Plain text of TLS connections: what OpenSSL's API takes and gives (`SSL_read`, `SSL_write` and their `_ex` forms, which
//! BoringSSL and node's own copy share).
//!
//! The bytes are taken when the function returns: only what it really took or gave counts, an attempt that has to be
//! repeated doesn't, and the pages are present. A return knows no arguments, so that the entry keeps them, by thread.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_get_attach_cookie, bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use monitor_abi::header::KIND_TLS_END;
use monitor_abi::stream::{DIR_READ, DIR_TLS, DIR_WRITE, Data, Key, STREAM_TLS};
use monitor_abi::tls::{End, Generation, READ, READ_EX, WRITE, WRITE_EX};

use super::chunks::{self, Bytes, Part};
use crate::maps::{STREAMS, TLS_CALLS, TLS_CHANNELS, TlsCall};
use crate::{emit, kernel, scope};

/// Entry of `SSL_read(SSL *ssl, void *buf, int num)`, `SSL_write(SSL *ssl, const void *buf, int num)`,
/// `SSL_read_ex(ssl, buf, size_t num, size_t *readbytes)` and `SSL_write_ex(ssl, buf, num, size_t *written)`.
#[uprobe]
pub fn tls_enter(ctx: ProbeContext) -> u32 {
    if scope::watched().is_some() {
        let argument = |at| ctx.arg::<u64>(at).unwrap_or_default();
        let call = TlsCall { channel: argument(0), buffer: argument(1), done: argument(3) };
        let _full = TLS_CALLS.insert(bpf_get_current_pid_tgid(), call, 0);
    }
    0
}

/// Their return. The attach cookie says of which.
#[uretprobe]
pub fn tls_exit(ctx: RetProbeContext) -> u32 {
    returned(&ctx);
    0
}

/// Entry of `SSL_free(SSL *ssl)`.
#[uprobe]
pub fn tls_free(ctx: ProbeContext) -> u32 {
    if let Some(scope) = scope::watched() {
        let channel = ctx.arg::<u64>(0).unwrap_or_default();
        // one of which nothing was told needs no end
        if TLS_CHANNELS.remove(key(channel)).is_ok() {
            chunks::forget(Key { pad: (DIR_READ | DIR_TLS).into(), ..key(channel) });
            chunks::forget(Key { pad: (DIR_WRITE | DIR_TLS).into(), ..key(channel) });
            emit::send(KIND_TLS_END, 0, &scope, End { channel });
        }
    }
    0
}

#[inline(always)]
fn returned(ctx: &RetProbeContext) {
    let Some(scope) = scope::watched() else { return };
    let id = bpf_get_current_pid_tgid();
    // SAFETY: copied out at once; the entry is this thread's own.
    let Some(call) = (unsafe { TLS_CALLS.get(id) }).copied() else { return };
    let _gone = TLS_CALLS.remove(id);
    let value = ctx.ret::<u64>() as i32;
    if value <= 0 {
        return;
    }
    // SAFETY: the context of this program.
    let (dir, total) = match unsafe { bpf_get_attach_cookie(ctx.as_ptr()) } {
        WRITE => (DIR_WRITE, value as u64),
        READ => (DIR_READ, value as u64),
        WRITE_EX => (DIR_WRITE, kernel::read_user::<u64>(call.done).unwrap_or_default()),
        READ_EX => (DIR_READ, kernel::read_user::<u64>(call.done).unwrap_or_default()),
        _ => return,
    };
    if total == 0 {
        return;
    }
    let key = key(call.channel);
    let generation = generation(key);
    // SAFETY: copied out at once.
    if unsafe { STREAMS.get(key) }.is_some_and(|ignored| *ignored == generation) {
        return;
    }
    let Some(scratch) = emit::scratch() else { return };
    let data = Data {
        ino: call.channel,
        peer: generation.into(),
        total,
        offset: 0,
        data_len: 0,
        dev: key.dev,
        fd: -1,
        dir: dir | DIR_TLS,
        class: STREAM_TLS,
    };
    Part::whole(data, scope, scratch, Bytes { base: call.buffer, total }).take();
}

/// Which connection an address stands for: a new number when the library has given it back in between.
#[inline(always)]
fn generation(key: Key) -> Generation {
    // SAFETY: copied out at once.
    if let Some(generation) = unsafe { TLS_CHANNELS.get(key) } {
        return *generation;
    }
    // SAFETY: no preconditions. Two of one address within a microsecond can't be; what is taken is that, modulo an hour.
    let generation = (unsafe { bpf_ktime_get_boot_ns() } >> 10) as Generation | 1;
    let _full = TLS_CHANNELS.insert(key, generation, 0);
    generation
}

/// A connection among a process's own.
#[inline(always)]
fn key(channel: u64) -> Key {
    Key { ino: channel, dev: (bpf_get_current_pid_tgid() >> 32) as u32, pad: 0 }
}
