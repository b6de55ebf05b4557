//! A network of the tests' own: nothing in it leads anywhere, so parts of loopback can play the world.
//!
//! `127.64.0.1` is Cloudflare, `127.65.0.1` the internet, `127.66.0.1` the internal network and `127.67.0.254` the
//! metadata service; `place` gives them those roles by configuration. `fd00:66::1` is internal by what it is.

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

/// Where the fake Cloudflare API listens.
pub const CLOUDFLARE: &str = "127.64.0.1";

/// Where a server under test listens, if it does.
pub const PORT: u16 = 3901;

/// Everybody who answers a TCP connection.
const LISTENERS: &[&str] = &[
    "127.65.0.1:443",
    "127.65.0.1:8443",
    "127.66.0.1:22",
    "127.66.0.1:5432",
    "127.66.0.1:6443",
    "127.66.0.1:8080",
    "127.67.0.254:80",
    "[::1]:8080",
    "[fd00:66::1]:22",
    "[fd00:66::1]:8080",
];

/// Unique local, and so internal without any configuration. No interface has it as its own address, since resolvers would
/// then take this for a network with IPv6 and ask for names that nobody here can tell.
const INTERNAL_V6: &str = "fd00:66::/64";

/// Everybody who takes a datagram.
const DATAGRAMS: &[&str] = &["127.65.0.1:53", "127.65.0.1:4433"];

/// Moves this process, before it has a second thread, into a network and mounts of its own.
pub fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .context("cannot make namespaces: the end-to-end tests need root (`cargo xtask test` uses sudo)")?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).context("cannot make the mounts private")?;
    // Sockets of container engines live in /run, which is also /var/run.
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).context("cannot mount /run")?;
    // No server under test may come at the machine's own tables of cron.
    mount(Some("tmpfs"), "/var/spool", Some("tmpfs"), MsFlags::empty(), none).context("cannot mount /var/spool")?;
    name_hosts()?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["-6", "route", "add", "local", INTERNAL_V6, "dev", "lo"])?;
    fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1").context("cannot let listeners have any address")
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status().context("cannot start `ip`")?;
    if !status.success() {
        bail!("`ip {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}

/// The names of the Cloudflare API, in a hosts file that only this process and its children see.
fn name_hosts() -> Result<()> {
    let none: Option<&str> = None;
    let hosts = format!("127.0.0.1 localhost\n{CLOUDFLARE} api.cloudflare.com dash.cloudflare.com\n");
    fs::write("/run/hosts", hosts)?;
    mount(Some("/run/hosts"), "/etc/hosts", none, MsFlags::MS_BIND, none).context("cannot put /etc/hosts in place")
}

/// Starts everybody; they end with this process.
pub fn populate() -> Result<()> {
    for address in LISTENERS {
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                std::thread::spawn(move || drain(connection));
            }
        });
    }
    for address in DATAGRAMS {
        let socket = UdpSocket::bind(address).with_context(|| format!("cannot bind {address}"))?;
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while socket.recv(&mut buffer).is_ok() {}
        });
    }
    let engine = Path::new("/run/docker.sock");
    let listener = UnixListener::bind(engine).with_context(|| format!("cannot listen on {}", engine.display()))?;
    std::thread::spawn(move || listener.incoming().flatten().for_each(drain));
    Ok(())
}

/// Not HTML, so that nobody starts a converter for it.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// Reads what comes; answers an HTTP request so that its sender is content.
fn drain(mut connection: impl Read + Write) {
    let mut buffer = [0; 4096];
    let mut answered = false;
    while let Ok(count) = connection.read(&mut buffer) {
        if count == 0 {
            return;
        }
        if !answered && buffer.starts_with(b"GET ") {
            answered = connection.write_all(ANSWER).is_ok();
        }
    }
}
