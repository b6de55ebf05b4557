//! What servers were started with as standard input and output, and who may speak on it.
//!
//! Where a server was started with a pipe or a socket as its standard input, that is where its client speaks, and nowhere
//! else: a process of its own can make a pipe, write a request into it and read that, and the reading may even be told
//! first, since a system call is told when it returns. What one of its own writes into the standard input is forged. And
//! once one of them has opened that pipe for writing, nobody can tell any more who wrote what is read.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use monitor_abi::stream::Key;
use monitor_core::event::{Event, File, Kind, Mcp, Opaque, Side};
use monitor_core::id::{FileId, ServerId};

use super::Pipeline;
use super::split::asks;
use super::streams::identity;

/// Standard input and output of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standard {
    /// The inode of its input.
    pub input: Option<u64>,
    /// The inode of its output.
    pub output: Option<u64>,
    /// Its input is a pipe or a socket.
    pub channel: bool,
    /// Its input, where that is a pipe: what can be opened by whoever knows where.
    pub pipe: Option<FileId>,
}

impl Standard {
    /// What a process has.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let of = |fd: u32| fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok();
        let (input, output) = (of(0), of(1));
        let is = |what: fn(&Metadata) -> bool| input.as_ref().is_some_and(what);
        let fifo = is(|meta| meta.file_type().is_fifo());
        Self {
            channel: fifo || is(|meta| meta.file_type().is_socket()),
            pipe: input.as_ref().filter(|_| fifo).map(|meta| FileId { dev: meta.dev(), ino: meta.ino() }),
            input: input.map(|meta| meta.ino()),
            output: output.map(|meta| meta.ino()),
        }
    }

    /// The inodes.
    pub fn inodes(&self) -> impl Iterator<Item = u64> {
        [self.input, self.output].into_iter().flatten()
    }
}

/// Those of every server that is watched.
#[derive(Debug, Default)]
pub struct Standards {
    of: HashMap<u32, Own>,
    /// How many servers have an inode.
    inodes: HashMap<u64, u32>,
}

#[derive(Debug)]
struct Own {
    standard: Standard,
    /// One of the server's own can write to its input.
    shared: bool,
}

/// Whose a message is that is read from a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The client's, unless one of the server's own wrote it.
    Client,
    /// The same, on the standard input.
    Input,
    /// Nobody can tell, or it isn't where the client speaks.
    Unknown,
}

impl Standards {
    /// Whether a server's client speaks on its standard input, and nowhere else.
    #[must_use]
    pub fn is_asked_on_input(&self, server: ServerId) -> bool {
        self.of.get(&server.0).is_some_and(|own| own.standard.channel)
    }

    /// A server comes under watch.
    pub fn start(&mut self, server: ServerId, standard: Standard) {
        self.end(server);
        for ino in standard.inodes() {
            *self.inodes.entry(ino).or_default() += 1;
        }
        self.of.insert(server.0, Own { standard, shared: false });
    }

    /// A server has ended.
    pub fn end(&mut self, server: ServerId) {
        let Some(own) = self.of.remove(&server.0) else { return };
        for ino in own.standard.inodes() {
            if let Some(count) = self.inodes.get_mut(&ino) {
                *count -= 1;
                if *count == 0 {
                    self.inodes.remove(&ino);
                }
            }
        }
    }

    /// Whether a stream is the standard input or output of a server: a transport by construction.
    #[must_use]
    pub fn has(&self, ino: u64) -> bool {
        self.inodes.contains_key(&ino)
    }

    /// Whether a flow is a server's standard input.
    #[must_use]
    pub fn is_input(&self, scope: u32, flow: Key) -> bool {
        flow.pad == 0 && self.of.get(&scope).is_some_and(|own| own.standard.input == Some(flow.ino))
    }

    /// Who speaks to a server on a flow.
    #[must_use]
    pub fn speaker(&self, scope: u32, flow: Key) -> Speaker {
        match self.of.get(&scope) {
            Some(own) if own.standard.input == Some(flow.ino) && flow.pad == 0 => {
                if own.shared {
                    Speaker::Unknown
                } else {
                    Speaker::Input
                }
            }
            Some(own) if own.standard.channel => Speaker::Unknown,
            _ => Speaker::Client,
        }
    }

    /// From now on nobody can tell who speaks on a server's standard input. False if that was so before.
    pub fn share(&mut self, scope: u32) -> bool {
        self.of.get_mut(&scope).is_some_and(|own| !std::mem::replace(&mut own.shared, true))
    }

    /// Whether this is the opening of a server's standard input for writing.
    #[must_use]
    pub fn opens(&self, server: ServerId, file: &File) -> bool {
        file.write && self.of.get(&server.0).is_some_and(|own| own.standard.pipe == Some(file.file.id))
    }
}

impl Pipeline {
    /// A watched process opened something. Returns what more there is to say, if that is its server's standard input and
    /// it can write to it.
    pub(super) fn shares(&mut self, event: &Event) -> Option<Event> {
        let (Some(server), Kind::File(file)) = (event.server, &event.kind) else { return None };
        if !self.streams.standards.opens(server, file) || !self.streams.standards.share(server.0) {
            return None;
        }
        let opaque = Opaque { proc: file.proc, what: "input_opened".to_owned(), detail: file.file.path.clone() };
        Some(Event { time: event.time, server: Some(server), kind: Kind::Opaque(opaque) })
    }
}

/// What the held messages of a candidate are, now that its standard input is known.
pub struct Vet {
    standard: Standard,
    /// The inode by which a write to the standard input is told.
    writer: Option<u64>,
    /// What one of the server's own wrote there, and nobody has read yet.
    forged: Vec<u64>,
}

impl Vet {
    /// `writer`: the inode by which a write to the standard input was told, if one was.
    #[must_use]
    pub fn new<'a>(standard: Standard, writer: Option<u64>, held: impl Iterator<Item = &'a Event>) -> Self {
        let writer = standard.pipe.map(|pipe| pipe.ino).or(writer).filter(|_| standard.channel);
        let mut vet = Self { standard, writer, forged: Vec::new() };
        let written = held.filter_map(|event| match &event.kind {
            Kind::Mcp(mcp) if vet.is_forged(mcp) => Some(identity(&mcp.message)),
            _ => None,
        });
        vet.forged = written.collect();
        vet
    }

    /// Says whose a message is; false if it is nobody's.
    pub fn passes(&mut self, mcp: &mut Mcp, shared: bool) -> bool {
        if self.is_forged(mcp) {
            mcp.side = Side::Forged;
            return true;
        }
        if mcp.side != Side::Client {
            // what it asks of others is a client's end
            return !asks(&mcp.message);
        }
        if self.standard.input != Some(mcp.stream.ino) {
            return !self.standard.channel;
        }
        let identity = identity(&mcp.message);
        match self.forged.iter().position(|known| *known == identity) {
            Some(at) => {
                self.forged.remove(at);
                false
            }
            None => !shared,
        }
    }

    /// What was written and not read.
    #[must_use]
    pub fn unread(self) -> Vec<u64> {
        self.forged
    }

    fn is_forged(&self, mcp: &Mcp) -> bool {
        mcp.side == Side::Server && self.writer == Some(mcp.stream.ino)
    }
}
