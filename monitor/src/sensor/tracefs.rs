//! tracefs, which names the tracepoints: found where it is mounted, else mounted for this process alone.

use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Makes sure that tracefs can be read. In a mount namespace of our own, so that the host sees no difference; mounts
/// made later on the host still reach us (slave propagation).
pub fn ensure() -> io::Result<()> {
    if PLACES.iter().any(|place| Path::new(place).join("events").is_dir()) {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
    mount(Some("tracefs"), PLACES[0], Some("tracefs"), MsFlags::empty(), None::<&str>)?;
    Ok(())
}
