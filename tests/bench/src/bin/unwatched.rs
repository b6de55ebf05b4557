//! What single system calls cost a process that nobody watches: `unwatched [--cpu N] [--first] [--rounds N] [NAME…]`.
//!
//! Each operation runs in a plain loop; the best of several rounds counts, because whatever else the machine does can
//! only make a round slower. Prints one line of JSON: nanoseconds by name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bench_subjects::pin::Place;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

/// An opened and stat'ed file that every Linux has.
const FILE: &str = "/etc/passwd";

/// One operation: its name, how many make a round, and how to make that many.
type Operation = (&'static str, u32, fn(u32) -> Result<()>);

const OPERATIONS: [Operation; 8] = [
    ("getppid", 500_000, getppid),
    ("open_close", 200_000, open_close),
    ("stat", 200_000, stat),
    ("pipe_1B", 200_000, pipe),
    ("unix_1B", 200_000, unix),
    ("tcp_connect", 5_000, tcp_connect),
    ("fork_exit", 2_000, fork_exit),
    ("exec_true", 500, exec_true),
];

fn main() -> Result<()> {
    let (mut place, mut rounds, mut names) = (Place { cpu: 0, first: false }, 5, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--cpu" => place.cpu = value()?.parse()?,
            "--first" => place.first = true,
            "--rounds" => rounds = value()?.parse()?,
            name if OPERATIONS.iter().any(|(known, ..)| *known == name) => names.push(name.to_owned()),
            other => bail!("unknown operation {other}"),
        }
    }
    place.take()?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    // Round by round, so that a bad second hits one round of every operation rather than every round of one.
    for _ in 0..rounds {
        for (name, count, operation) in OPERATIONS.iter().filter(|(name, ..)| wanted(name)) {
            let start = Instant::now();
            operation(*count).with_context(|| (*name).to_owned())?;
            let each = start.elapsed().as_nanos() as f64 / f64::from(*count);
            let known = best.entry(name).or_insert(each);
            *known = known.min(each);
        }
    }
    println!("{}", serde_json::to_string(&best)?);
    Ok(())
}

fn getppid(count: u32) -> Result<()> {
    for _ in 0..count {
        std::hint::black_box(nix::unistd::getppid());
    }
    Ok(())
}

fn open_close(count: u32) -> Result<()> {
    for _ in 0..count {
        drop(File::open(FILE)?);
    }
    Ok(())
}

fn stat(count: u32) -> Result<()> {
    for _ in 0..count {
        std::hint::black_box(nix::sys::stat::stat(FILE)?);
    }
    Ok(())
}

fn pipe(count: u32) -> Result<()> {
    let (mut from, mut to) = std::io::pipe()?;
    let mut byte = [0];
    for _ in 0..count {
        to.write_all(&byte)?;
        from.read_exact(&mut byte)?;
    }
    Ok(())
}

fn unix(count: u32) -> Result<()> {
    let (mut from, mut to) = UnixStream::pair()?;
    let mut byte = [0];
    for _ in 0..count {
        to.write_all(&byte)?;
        from.read_exact(&mut byte)?;
    }
    Ok(())
}

/// Connect, accept, and both ends closed; the accepting side closes first, so that no port of ours is left waiting.
fn tcp_connect(count: u32) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    for _ in 0..count {
        let connecting = TcpStream::connect(address)?;
        drop(listener.accept()?);
        drop(connecting);
    }
    Ok(())
}

fn fork_exit(count: u32) -> Result<()> {
    for _ in 0..count {
        // SAFETY: this process has one thread, and the child only ends.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                waitpid(child, None)?;
            }
            // SAFETY: ends the child without running anything of the parent's.
            ForkResult::Child => unsafe { nix::libc::_exit(0) },
        }
    }
    Ok(())
}

fn exec_true(count: u32) -> Result<()> {
    for _ in 0..count {
        if !Command::new("/bin/true").status()?.success() {
            bail!("/bin/true failed");
        }
    }
    Ok(())
}
