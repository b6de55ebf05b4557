//! From records to the engine's events: text made safe, identities completed, scripts and preloads looked up.

mod file;
mod memory;
mod path;
mod process;
mod socket;

use monitor_abi::header::{FLAG_CUT, Header};
use monitor_core::event::FileRef;
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_wire::redact::{Key, redact, redact_cut};
use monitor_wire::text::escape_bytes;

pub use file::{change_resolved, changed, opened};
pub use memory::{proc_open, reach};
pub use path::in_root;
pub use process::{MAX_STRINGS, PRELOADS, agent, exec, influenced, is_running, known, redacted, start_of, strings};
pub use socket::{address, inet, made, outcome, state, unix};

/// Kernel-internal device number (major << 20 | minor, `include/linux/kdev_t.h`) as `stat(2)` shows it.
#[must_use]
pub const fn device(dev: u32) -> u64 {
    nix::libc::makedev(dev >> 20, dev & 0xf_ffff)
}

/// A device number of `stat(2)` as the kernel has it inside.
#[must_use]
pub fn kernel_device(dev: u64) -> Option<u32> {
    let (major, minor) = (nix::libc::major(dev), nix::libc::minor(dev));
    (major < 1 << 12 && minor < 1 << 20).then_some(major << 20 | minor)
}

/// The acting process of a record.
#[must_use]
pub const fn actor(head: &Header) -> ProcId {
    proc_id(head.tgid, head.start)
}

/// A process identity at the resolution that procfs has too (10 ms), so that what the kernel says of a process and what
/// procfs said of it agree. A pid is not given out twice within that time.
#[must_use]
pub const fn proc_id(pid: u32, start: u64) -> ProcId {
    ProcId { pid, start: start - start % 10_000_000 }
}

/// The server of a record.
#[must_use]
pub fn server(head: &Header) -> Option<ServerId> {
    (head.scope != 0).then_some(ServerId(head.scope))
}

fn file_ref(path: &[u8], dev: u32, ino: u64, flags: u16) -> FileRef {
    FileRef { path: escape_bytes(path), id: FileId { dev: device(dev), ino }, cut: flags & FLAG_CUT != 0 }
}

/// A string that a process passed to the kernel, of which a record has at most `max` bytes: without secrets, nor the
/// beginning of one whose end is missing.
fn passed(bytes: &[u8], max: usize, key: &Key) -> String {
    let text = escape_bytes(bytes);
    if bytes.len() < max { redact(key, &text).into_owned() } else { redact_cut(key, &text) }
}

#[cfg(test)]
mod tests {
    use monitor_wire::redact::Key;

    use super::{device, passed};

    #[test]
    fn a_token_shows_neither_whole_nor_in_part() {
        let key = Key::from_bytes([7; 32]);
        let token = format!("ghp_{}", "Ab3".repeat(12));
        let whole = format!("/tmp/x {token}");
        assert!(passed(whole.as_bytes(), 256, &key).starts_with("/tmp/x fp:"));
        let part = whole.get(..20).unwrap();
        assert_eq!(passed(part.as_bytes(), 20, &key), "/tmp/x ");
    }

    #[test]
    fn devices_are_as_user_space_knows_them() {
        assert_eq!(device(0x0080_0001), nix::libc::makedev(8, 1));
    }
}
