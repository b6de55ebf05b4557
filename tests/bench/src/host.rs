//! A made-up busy host as a stream of events, in which nothing comes twice.
//!
//! The mix: mostly file opens, by the servers and by everybody else; calls and their answers, connections and their
//! ends, processes that start, execute and end. Nothing of it should raise an alert of any weight: what is measured is
//! the everyday path.

use std::net::{IpAddr, Ipv4Addr};

use monitor_core::event::{
    Event, Exec, Exit, File, FileOp, FileRef, Fork, Kind, Mcp, Net, NetEnd, NetOp, Proto, ServerStart, Side,
};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::time::Time;
use monitor_wire::mcp::{Body, Id, Message, Request, Response, ToolCall};

/// Servers that run at a time.
const SERVERS: u64 = 8;
/// Between two events: 50 000 a second, so that windows of time open and close.
const STEP: u64 = 20_000;
/// When it all begins.
const BEGIN: u64 = 1_700_000_000_000_000_000;

const PATHS: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/home/u/srv/node_modules/zod/lib/index",
    "/home/u/srv/node_modules/@modelcontextprotocol/sdk/dist/esm/server/index",
    "/home/u/project/src/components/table/row",
    "/home/u/project/README",
    "/usr/share/zoneinfo/Europe/Berlin",
    "/home/u/.cache/thing/entries/0123456789abcdef",
    "/tmp/scratch",
];

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Host {
    number: u64,
}

impl Host {
    /// The next event.
    pub fn event(&mut self) -> Event {
        let number = self.number;
        self.number += 1;
        // First every server comes up; then the mix.
        if number < 2 * SERVERS {
            let server = number / 2;
            let kind = if number.is_multiple_of(2) { start(server) } else { exec(root(server), None) };
            return event(number, Some(server), kind);
        }
        let server = (number / 100) % SERVERS;
        let (watched, kind) = match number % 100 {
            // Every server's first call comes before its first effects.
            place if number < 100 => (false, open(bystander(), place)),
            0 => (true, call(server, number)),
            60 => (true, answer(server, number - 60)),
            20 => (true, Kind::Fork(Fork { parent: root(server), child: child(number) })),
            21 => (true, exec(child(number - 1), Some(root(server)))),
            22 => (true, Kind::Exit(Exit { proc: child(number - 2), status: 0 })),
            // These stay for ever: the table of processes has to forget.
            23 | 25 | 27 | 29 => (false, Kind::Fork(Fork { parent: bystander(), child: child(number) })),
            24 | 26 | 28 => (false, exec(child(number - 1), Some(bystander()))),
            // Half of these are never closed: so has the table of connections.
            30..=33 => (true, connect(server, number)),
            34 | 35 => (true, closed(server, number - 4)),
            place => (place % 2 == 0, open(if place % 2 == 0 { root(server) } else { bystander() }, number)),
        };
        event(number, watched.then_some(server), kind)
    }

    /// The time of the event to come.
    #[must_use]
    pub const fn time(&self) -> Time {
        Time(BEGIN + self.number * STEP)
    }
}

fn event(number: u64, server: Option<u64>, kind: Kind) -> Event {
    Event { time: Time(BEGIN + number * STEP), server: server.map(id), kind }
}

fn id(server: u64) -> ServerId {
    ServerId(1 + u32::try_from(server).unwrap_or(0))
}

fn root(server: u64) -> ProcId {
    ProcId { pid: 100 + u32::try_from(server).unwrap_or(0), start: 100 + server }
}

fn bystander() -> ProcId {
    ProcId { pid: 50, start: 50 }
}

fn child(number: u64) -> ProcId {
    ProcId { pid: 1000 + u32::try_from(number % 4_000_000).unwrap_or(0), start: 1000 + number }
}

fn start(server: u64) -> Kind {
    Kind::ServerStart(ServerStart {
        root: root(server),
        name: format!("server-{server}"),
        program: None,
        profile: "generic".to_owned(),
        declared: false,
        transport: "stdio".to_owned(),
        from_start: true,
        sure_home: None,
        homes: vec!["/home/u".to_owned()],
        env: Vec::new(),
        registries: Vec::new(),
        resolvers: None,
        container: None,
    })
}

fn file(path: String, ino: u64) -> FileRef {
    FileRef { path, id: FileId { dev: 1, ino }, cut: false }
}

fn exec(proc: ProcId, parent: Option<ProcId>) -> Kind {
    Kind::Exec(Exec {
        proc,
        parent: parent.unwrap_or(ProcId { pid: 1, start: 1 }),
        exe: file("/usr/bin/node".to_owned(), 7),
        argv: vec!["node".to_owned(), "/home/u/srv/server.js".to_owned()],
        argv_cut: false,
        cwd: "/home/u/project".to_owned(),
        uid: 1000,
        unlinked: false,
        memfd: false,
        sealed: false,
        compat: false,
        script: Some(file("/home/u/srv/server.js".to_owned(), 8)),
        preload: Vec::new(),
        cgroup: 1,
        namespaces: None,
    })
}

fn open(proc: ProcId, number: u64) -> Kind {
    let stem = PATHS[usize::try_from(number % PATHS.len() as u64).unwrap_or(0)];
    Kind::File(File {
        proc,
        op: FileOp::Open,
        file: file(format!("{stem}-{number}"), number),
        read: true,
        write: false,
        create: false,
        path_only: false,
        dir: false,
        unlinked: false,
        to: None,
        via: None,
        by: "tracepoint".to_owned(),
    })
}

fn connect(server: u64, number: u64) -> Kind {
    let low = (number / 7) as u8;
    let resolver = number.is_multiple_of(2);
    Kind::Net(Net {
        proc: root(server),
        op: if resolver { NetOp::Send } else { NetOp::Connect },
        proto: if resolver { Proto::Udp } else { Proto::Tcp },
        addr: IpAddr::V4(if resolver { Ipv4Addr::new(10, 0, 0, 2) } else { Ipv4Addr::new(203, 0, 113, low) }),
        port: if resolver { 53 } else { 443 },
        cookie: number,
        result: String::new(),
        name: (!resolver).then(|| format!("weather-{low}.example")),
        io_uring: false,
        abi: None,
    })
}

fn closed(server: u64, cookie: u64) -> Kind {
    Kind::NetEnd(NetEnd { proc: root(server), cookie, state: "closed".to_owned(), sent: 900, received: 40_000 })
}

fn call(server: u64, number: u64) -> Kind {
    let call = ToolCall {
        name: "weather".to_owned(),
        arguments: Vec::new(),
        cut: false,
        digest: format!("{number:016x}"),
        progress: None,
        repeat: false,
        as_task: false,
    };
    let method = "tools/call".to_owned();
    message(
        server,
        Side::Client,
        Body::Request(Request { id: request(number), method, call: Some(call), peer: None, task: None }),
    )
}

fn answer(server: u64, number: u64) -> Kind {
    let response = Response {
        id: request(number),
        error: None,
        is_error: false,
        input_required: false,
        task: None,
        tools: None,
        more: false,
        peer: None,
    };
    message(server, Side::Server, Body::Response(response))
}

fn request(number: u64) -> Id {
    Id::Number(i64::try_from(number).unwrap_or(0))
}

fn message(server: u64, side: Side, body: Body) -> Kind {
    let message = Message { body, bytes: 100, complete: true, flags: Vec::new() };
    Kind::Mcp(Mcp {
        stream: FileId { dev: 9, ino: 1 + server },
        side,
        remote: None,
        http: false,
        proc: root(server),
        message,
    })
}
