//! Calls a server again and again and measures each call.
//!
//! `echo-client [OPTIONS] -- COMMAND…` starts the server, shakes hands and warms it up; prints `ready PID` and waits for
//! a line; binds the server and itself to one CPU, measures, prints a line of JSON, and waits for another line before it
//! ends the server. So whoever started it can attach a watcher after the first and look at it after the second.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bench_subjects::launch::{Server, step};
use bench_subjects::pin::Place;
use bench_subjects::samples::Samples;
use bench_subjects::shape::{self, FIRST_ID, Tool};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;

/// What a pipe and a socket take without a reader: more than this in flight may leave both sides waiting for each other.
const SAFE: usize = 48 << 10;

struct Options {
    size: usize,
    in_flight: usize,
    calls: usize,
    warm_up: usize,
    tool: String,
    argument: String,
    place: Place,
    socketpairs: bool,
    command: Vec<String>,
}

fn main() -> Result<()> {
    let options = parse()?;
    let server = Server::start(&options.command, options.socketpairs)?;
    server.shake_hands()?;
    check(&server, &options)?;
    let mut calls = Calls::new(&options, server)?;
    calls.run(options.warm_up, &mut Samples::default())?;
    step(&format!("ready {}", calls.server.child.id()))?;
    options.place.take_tree(calls.server.child.id())?;
    options.place.take()?;
    // Once more on that CPU: what attaching and moving have cooled down.
    calls.run(options.warm_up, &mut Samples::default())?;
    let mut samples = Samples::with_capacity(options.calls);
    let start = Instant::now();
    calls.run(options.calls, &mut samples)?;
    let took = start.elapsed();
    let result = json!({
        "calls": options.calls,
        "per_call_ns": took.as_nanos() as f64 / options.calls as f64,
        "sent": calls.sent, "bytes_in": calls.bytes,
        "latency": samples.summary(),
    });
    step(&result.to_string())?;
    calls.server.end()
}

fn parse() -> Result<Options> {
    let mut options = Options {
        size: 100,
        in_flight: 1,
        calls: 20_000,
        warm_up: 2_000,
        tool: shape::ECHO.name.to_owned(),
        argument: shape::ECHO.argument.to_owned(),
        place: Place { cpu: 0, first: false },
        socketpairs: false,
        command: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--size" => options.size = value()?.parse()?,
            "--in-flight" => options.in_flight = value()?.parse()?,
            "--calls" => options.calls = value()?.parse()?,
            "--warm-up" => options.warm_up = value()?.parse()?,
            "--tool" => options.tool = value()?,
            "--argument" => options.argument = value()?,
            "--cpu" => options.place.cpu = value()?.parse()?,
            "--first" => options.place.first = true,
            "--socketpairs" => options.socketpairs = true,
            "--" => options.command = words.by_ref().collect(),
            other => bail!("unknown option {other}"),
        }
    }
    if options.in_flight == 0 || options.calls == 0 {
        bail!("--in-flight and --calls must be at least 1");
    }
    Ok(options)
}

/// One call whose answer is read: the server does what its answers will be counted for.
fn check(server: &Server, options: &Options) -> Result<()> {
    let arguments = json!({ &options.argument: "does it echo?" });
    let params = json!({"name": options.tool, "arguments": arguments});
    let answer = server.ask(&json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params}))?;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    if !text.contains("does it echo?") {
        bail!("the server does not echo: {answer}");
    }
    Ok(())
}

/// The client's side of the wire.
struct Calls {
    server: Server,
    /// As many requests as may be in flight, one behind the other.
    lines: Vec<u8>,
    size: usize,
    in_flight: usize,
    /// Reading and writing must not wait for each other.
    careful: bool,
    buffer: Vec<u8>,
    next: u64,
    sent: u64,
    bytes: u64,
}

impl Calls {
    fn new(options: &Options, server: Server) -> Result<Self> {
        let tool = Tool { name: &options.tool, argument: &options.argument };
        let line = shape::call(tool, options.size);
        let careful = line.len() * options.in_flight > SAFE && options.in_flight > 1;
        if careful {
            server.never_wait()?;
        }
        Ok(Self {
            server,
            size: line.len(),
            lines: line.repeat(options.in_flight),
            in_flight: options.in_flight,
            careful,
            buffer: vec![0; 1 << 20],
            next: FIRST_ID,
            sent: 0,
            bytes: 0,
        })
    }

    /// Makes so many calls.
    fn run(&mut self, calls: usize, samples: &mut Samples) -> Result<()> {
        let (mut asked, mut answered) = (0, 0);
        // What is written but not taken yet.
        let mut pending = 0..0;
        let mut last = Instant::now();
        while answered < calls {
            let free = (self.in_flight - (asked - answered)).min(calls - asked);
            if pending.is_empty() && free > 0 {
                for line in self.lines.chunks_exact_mut(self.size).take(free) {
                    shape::number(line, self.next);
                    self.next += 1;
                }
                asked += free;
                pending = 0..free * self.size;
            }
            let mut moved = false;
            if !pending.is_empty() {
                let done = ready((&self.server.to).write(&self.lines[pending.clone()]))?;
                pending.start += done;
                moved |= done > 0;
                if !self.careful && !pending.is_empty() {
                    continue;
                }
            }
            let (lines, read) = self.read()?;
            moved |= read;
            answered += lines;
            // With several in flight the time between answers is no call's own.
            if lines > 0 && self.in_flight == 1 {
                let now = Instant::now();
                samples.push(u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX));
                last = now;
            }
            if !moved {
                self.wait(!pending.is_empty())?;
            }
        }
        self.sent += asked as u64;
        if answered != calls {
            bail!("{answered} answers to {calls} calls");
        }
        Ok(())
    }

    /// Reads once; how many lines ended, and whether anything came.
    fn read(&mut self) -> Result<(usize, bool)> {
        match (&self.server.from).read(&mut self.buffer) {
            Ok(0) => bail!("the server ended"),
            Ok(count) => {
                self.bytes += count as u64;
                let part = &self.buffer[..count];
                // A line's end is nearly always the last byte only.
                let lines = if self.in_flight == 1 {
                    usize::from(part.last() == Some(&b'\n'))
                } else {
                    memchr::memchr_iter(b'\n', part).count()
                };
                Ok((lines, true))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((0, false)),
            Err(error) => Err(error.into()),
        }
    }

    fn wait(&self, to_write: bool) -> Result<()> {
        let mut fds = vec![PollFd::new(self.server.from.as_fd(), PollFlags::POLLIN)];
        if to_write {
            fds.push(PollFd::new(self.server.to.as_fd(), PollFlags::POLLOUT));
        }
        poll(&mut fds, PollTimeout::NONE)?;
        Ok(())
    }
}

/// How many bytes went; none where it would have to wait.
fn ready(done: std::io::Result<usize>) -> Result<usize> {
    match done {
        Ok(count) => Ok(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error).context("the server takes nothing any more"),
    }
}
