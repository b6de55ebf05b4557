//! How many events a second the engine takes in on one core: `cargo run --release -p monitor-core --example throughput`.
//!
//! The mix is that of a busy host: mostly file opens, some of them by a watched server with a call open, fewer
//! connections, processes and messages; nothing that raises an alert. It prints the best and the median of several runs.

use std::net::IpAddr;
use std::time::Instant;

use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::{
    Event, Exec, Exit, File, FileOp, FileRef, Fork, Kind, Mcp, Net, NetOp, Proto, ServerStart, Side,
};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::time::Time;
use monitor_wire::mcp::{Body, Id, Message, Request, Response, ToolCall};

const ROOT: ProcId = ProcId { pid: 100, start: 100 };
const SERVER: Option<ServerId> = Some(ServerId(1));

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2_000_000);
    let (watched, mixed) = (events(count, true), events(count, false));
    for (name, events) in [("watched server only", &watched), ("mixed host", &mixed)] {
        let mut rates: Vec<u64> = (0..5).map(|_| run(events)).collect();
        rates.sort_unstable();
        println!("{name}: best {} events/s, median {} events/s", rates[4], rates[2]);
    }
}

fn run(events: &[Event]) -> u64 {
    let mut engine = Engine::new(EngineConfig::default());
    let mut alerts = Vec::new();
    let start = Instant::now();
    for event in events {
        engine.step(event, &mut alerts);
    }
    let took = start.elapsed();
    assert!(alerts.is_empty(), "the mix is meant to be quiet: {}", alerts[0].summary);
    u64::try_from(u128::from(events.len() as u64) * 1_000_000_000 / took.as_nanos()).unwrap_or(u64::MAX)
}

fn events(count: u64, watched_only: bool) -> Vec<Event> {
    let mut events = vec![
        event(0, SERVER, Kind::ServerStart(start())),
        event(0, SERVER, exec(ROOT, "/usr/bin/node", Some("/home/u/srv/server.js"))),
    ];
    for number in 1..count {
        let watched = watched_only || number % 10 == 0;
        let kind = match number % 100 {
            0 => message(number, Side::Client),
            50 => message(number - 50, Side::Server),
            20 => Kind::Fork(Fork { parent: ROOT, child: child(number) }),
            21 => exec(child(number - 1), "/usr/bin/node", Some("/home/u/srv/server.js")),
            22 => Kind::Exit(Exit { proc: child(number - 2), status: 0 }),
            30..40 => connect(number),
            _ => open(number, watched),
        };
        let watched =
            watched || matches!(kind, Kind::Mcp(_) | Kind::Fork(_) | Kind::Exec(_) | Kind::Exit(_) | Kind::Net(_));
        events.push(event(number, watched.then_some(ServerId(1)), kind));
    }
    events
}

fn event(number: u64, server: Option<ServerId>, kind: Kind) -> Event {
    Event { time: Time(1_700_000_000_000_000_000 + number * 20_000), server, kind }
}

fn child(number: u64) -> ProcId {
    ProcId { pid: 1000 + u32::try_from(number % 1_000_000).unwrap_or(0), start: number }
}

fn start() -> ServerStart {
    ServerStart {
        root: ROOT,
        name: "bench".to_owned(),
        program: None,
        profile: "generic".to_owned(),
        declared: false,
        transport: "stdio".to_owned(),
        from_start: true,
        homes: vec!["/home/u".to_owned()],
        env: Vec::new(),
        registries: Vec::new(),
        container: None,
    }
}

fn exec(proc: ProcId, exe: &str, script: Option<&str>) -> Kind {
    let file =
        |path: &str| FileRef { path: path.to_owned(), id: FileId { dev: 1, ino: path.len() as u64 }, cut: false };
    Kind::Exec(Exec {
        proc,
        parent: ROOT,
        exe: file(exe),
        argv: vec!["node".to_owned(), "server.js".to_owned()],
        argv_cut: false,
        cwd: "/home/u/project".to_owned(),
        uid: 1000,
        unlinked: false,
        memfd: false,
        sealed: false,
        compat: false,
        script: script.map(file),
        preload: Vec::new(),
        cgroup: 1,
    })
}

fn open(number: u64, watched: bool) -> Kind {
    const PATHS: &[&str] = &[
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/etc/ld.so.cache",
        "/home/u/srv/node_modules/zod/lib/index.js",
        "/home/u/srv/node_modules/@modelcontextprotocol/sdk/dist/esm/server/index.js",
        "/home/u/project/src/components/table/row.tsx",
        "/home/u/project/README.md",
        "/proc/self/stat",
        "/usr/share/zoneinfo/Europe/Berlin",
        "/home/u/.cache/thing/entries/0123456789abcdef.json",
        "/tmp/scratch-0123456789",
    ];
    let path = PATHS[usize::try_from(number % 10).unwrap_or(0)];
    let proc = if watched { ROOT } else { ProcId { pid: 50, start: 50 } };
    Kind::File(File {
        proc,
        op: FileOp::Open,
        file: FileRef { path: path.to_owned(), id: FileId { dev: 1, ino: number % 5000 + 1 }, cut: false },
        read: true,
        write: number % 10 == 8,
        create: false,
        path_only: false,
        dir: false,
        unlinked: false,
        to: None,
        via: None,
        by: "tracepoint".to_owned(),
    })
}

fn connect(number: u64) -> Kind {
    // the start phase ends with the first call; the first connections come later than that
    let resolver = number.is_multiple_of(2) || number < 200;
    Kind::Net(Net {
        proc: ROOT,
        op: if resolver { NetOp::Send } else { NetOp::Connect },
        proto: if resolver { Proto::Udp } else { Proto::Tcp },
        addr: if resolver { IpAddr::from([10, 0, 0, 2]) } else { IpAddr::from([203, 0, 113, 9]) },
        port: if resolver { 53 } else { 443 },
        cookie: number,
        result: String::new(),
        name: (!resolver).then(|| "weather.example".to_owned()),
        io_uring: false,
        abi: None,
    })
}

fn message(number: u64, side: Side) -> Kind {
    let id = Id::Number(i64::try_from(number).unwrap_or(0));
    let body = if side == Side::Client {
        let call = ToolCall {
            name: "weather".to_owned(),
            arguments: Vec::new(),
            cut: false,
            digest: "d".to_owned(),
            progress: None,
            repeat: false,
            as_task: false,
        };
        Body::Request(Request { id, method: "tools/call".to_owned(), call: Some(call), peer: None, task: None })
    } else {
        Body::Response(Response {
            id,
            error: None,
            is_error: false,
            input_required: false,
            task: None,
            tools: None,
            more: false,
            peer: None,
        })
    };
    let message = Message { body, bytes: 100, complete: true, flags: Vec::new() };
    Kind::Mcp(Mcp { stream: FileId { dev: 9, ino: 1 }, side, proc: ROOT, message })
}
