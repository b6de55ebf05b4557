//! The rest of the world, on loopback: a host of the thief on the internet, and a cloud's metadata service.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

/// Where stolen things go.
pub const DROP: (&str, u16) = ("127.65.0.1", 443);
/// The metadata service.
pub const METADATA: (&str, u16) = ("127.67.0.254", 80);

/// What a metadata service hands out, made up.
const ROLE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 15\r\nconnection: close\r\n\r\ndemo-node-role\n";

/// What came to whom.
#[derive(Debug, Default)]
pub struct World {
    /// Bytes that came to [`DROP`].
    pub stolen: AtomicU64,
    /// Requests that came to [`METADATA`].
    pub probes: AtomicU64,
}

/// Starts both; they end with this process.
pub fn start() -> Result<Arc<World>> {
    let world = Arc::new(World::default());
    let (thief, cloud) = (Arc::clone(&world), Arc::clone(&world));
    listen(DROP, move |mut connection| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = connection.read(&mut buffer) {
            thief.stolen.fetch_add(count as u64, Ordering::Relaxed);
        }
    })?;
    listen(METADATA, move |mut connection| {
        let mut buffer = [0; 4096];
        if let Ok(1..) = connection.read(&mut buffer) {
            cloud.probes.fetch_add(1, Ordering::Relaxed);
            let _gone = connection.write_all(ROLE);
        }
    })?;
    Ok(world)
}

/// Every connection gets a thread: there are only a few.
pub fn listen(at: (&str, u16), serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<()> {
    let listener = TcpListener::bind(at).with_context(|| format!("cannot listen on {}:{}", at.0, at.1))?;
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(connection));
        }
    });
    Ok(())
}
