//! Files: opens, uses and changes.

use std::os::unix::fs::MetadataExt;

use monitor_abi::file;
use monitor_abi::header::{FLAG_BELOW, FLAG_INHERITED, FLAG_UNLINKED, FLAG_USE, Header};
use monitor_abi::process::PATH_MAX;
use monitor_core::event::{File, FileOp, FileRef};
use monitor_core::id::FileId;
use monitor_wire::redact::{Key, redact};
use monitor_wire::text::escape_bytes;

use super::path::{in_root, is_descriptor, join, named_by, resolve};
use super::{actor, file_ref, passed};
use crate::sensor::decode::Changed;

/// A file that was opened.
#[must_use]
pub fn opened(head: &Header, body: &file::Open, path: &[u8], via: &[u8], key: &Key) -> File {
    let file = file_ref(path, body.dev, body.ino, head.flags);
    // the kernel's copy ends in a NUL that isn't here
    let (as_passed, via) = (escape_bytes(via), passed(via, file::VIA_MAX - 1, key));
    let access = body.open_flags & 3;
    let path_only = body.open_flags & 0o10_000_000 != 0; // O_PATH
    File {
        proc: actor(head),
        op: match head.flags & (FLAG_USE | FLAG_INHERITED) {
            0 => FileOp::Open,
            FLAG_USE => FileOp::Use,
            _ => FileOp::Inherit,
        },
        read: !path_only && (access == 0 || access == 2),
        write: !path_only && (access == 1 || access == 2),
        create: body.open_flags & 0o100 != 0, // O_CREAT
        path_only,
        dir: body.mode & 0o170_000 == 0o040_000,
        unlinked: head.flags & FLAG_UNLINKED != 0,
        to: None,
        via: (!via.is_empty() && as_passed != file.path).then_some(via),
        file,
        by: by(head),
    }
}

/// Which hooks saw it, in the word that a file event carries.
fn by(head: &Header) -> String {
    if head.flags & FLAG_BELOW != 0 { "lsm" } else { "tracepoint" }.to_owned()
}

/// What a change does.
const fn change(op: u32) -> FileOp {
    match op {
        file::CHANGE_RENAME => FileOp::Rename,
        file::CHANGE_LINK => FileOp::Link,
        file::CHANGE_SYMLINK => FileOp::Symlink,
        file::CHANGE_UNLINK => FileOp::Unlink,
        file::CHANGE_CHMOD => FileOp::Chmod,
        _ => FileOp::Truncate,
    }
}

/// A change whose paths the kernel resolved.
#[must_use]
pub fn change_resolved(head: &Header, body: &file::Resolved, path: &[u8], to: &[u8], key: &Key) -> File {
    let op = change(body.op);
    File {
        proc: actor(head),
        op,
        read: false,
        write: true,
        create: false,
        path_only: false,
        dir: body.mode & 0o170_000 == 0o040_000,
        unlinked: false,
        via: None,
        file: file_ref(path, body.dev, body.ino, head.flags),
        to: (!to.is_empty()).then(|| if op == FileOp::Symlink { target(to, key) } else { escape_bytes(to) }),
        by: by(head),
    }
}

/// What a symbolic link says: the process's own words.
fn target(to: &[u8], key: &Key) -> String {
    passed(to, PATH_MAX - 1, key)
}

/// Where a path that a process passed leads: by the file system, or only by text where its beginning is missing.
fn place(pid: u32, base: &[u8], path: &str, cut: bool) -> String {
    let base = escape_bytes(base);
    if cut { join(&base, path) } else { resolve(pid, &base, path) }
}

/// A change of a name or mode: the strings are resolved here, since the call has no descriptor to resolve.
#[must_use]
pub fn changed(head: &Header, body: &file::Change, paths: &Changed<'_>, key: &Key) -> File {
    let op = change(body.op);
    let (from, to) = (escape_bytes(paths.path), escape_bytes(paths.to));
    let mut cut = body.cut != 0;
    let mut resolved = place(head.tgid, paths.base, &from, cut);
    let second = match op {
        FileOp::Symlink => (!to.is_empty()).then(|| target(paths.to, key)),
        _ if body.cut2 != 0 => Some(format!("…{}", place(head.tgid, paths.to_base, &to, true))),
        _ => (!to.is_empty()).then(|| place(head.tgid, paths.to_base, &to, false)),
    };
    if op == FileOp::Link && is_descriptor(head.tgid, &resolved) {
        // `linkat` with AT_SYMLINK_FOLLOW gives a name to what a descriptor leads to, most often to a file without one
        resolved = named_by(&resolved).or_else(|| second.clone()).unwrap_or(resolved);
    }
    let existing = second.as_ref().filter(|_| matches!(op, FileOp::Rename | FileOp::Link)).unwrap_or(&resolved);
    // Of a path whose beginning is missing another file may have the rest for its name.
    let whole = !cut && body.cut2 == 0;
    let meta = whole.then(|| in_root(head.tgid, existing).symlink_metadata().ok()).flatten();
    let id = meta.map(|meta| FileId { dev: meta.dev(), ino: meta.ino() }).unwrap_or_default();
    cut |= body.cut2 != 0 && op != FileOp::Symlink;
    File {
        proc: actor(head),
        op,
        read: false,
        write: true,
        create: false,
        path_only: false,
        dir: false,
        unlinked: false,
        via: (from != resolved).then(|| redact(key, &from).into_owned()),
        file: FileRef { path: resolved, id, cut },
        to: second,
        by: "tracepoint".to_owned(),
    }
}
