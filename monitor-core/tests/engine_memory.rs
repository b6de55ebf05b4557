//! Memory is flat, whatever the number of events. Alone in its program: what it measures is the process.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod script;

use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::{Event, Kind, Net, NetOp, Proto};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::time::{MS, SECOND, Time};

#[test]
fn tables_stay_bounded_over_a_million_events() {
    let mut config = EngineConfig::default();
    config.limits.processes = 2000;
    config.limits.connections = 500;
    config.limits.files = 500;
    config.limits.names = 500;
    config.limits.findings = 300;
    config.limits.calls = 10;
    let setup = script::Setup::default();
    let mut engine = Engine::new(config);
    let mut alerts = Vec::new();
    for event in script::events(&setup, "0 start /usr/bin/node script=/home/u/srv/server.js server.js\n10 handshake") {
        engine.step(&event, &mut alerts);
    }
    let root = ProcId { pid: 1001, start: 1001 * 10_000_000 };
    let (mut early, mut number) = (0, 0_u64);
    while number < 1_000_000 {
        let time = Time(script::EPOCH + SECOND + number * MS / 10);
        // most of it is ordinary: what raises alerts is dear, and one in twenty fills the tables all the same
        let kinds = if number % 20 < 4 { hostile(number, root) } else { ordinary(number, root) };
        for kind in kinds {
            let server = Some(ServerId(1));
            engine.step(&Event { time, server, kind }, &mut alerts);
            number += 1;
        }
        alerts.clear();
        if early == 0 && number >= 100_000 {
            early = resident();
        }
    }
    let stats = engine.stats();
    assert!(stats.processes <= 2000 && stats.connections <= 500, "{stats:?}");
    let evicted = stats.evictions;
    assert!(evicted.processes > 0 && evicted.connections > 0 && evicted.findings > 0, "{stats:?}");
    assert!(evicted.calls > 0 && evicted.files > 0 && evicted.records > 0, "{stats:?}");
    assert!(evicted.names > 0 && engine.state().names.len() <= 500, "{stats:?}");
    let grown = resident().saturating_sub(early);
    assert!(early > 0 && grown < 24 * 1024 * 1024, "grew by {grown} bytes after the first tenth");
}

/// A process that comes and goes, and a look-up.
fn ordinary(number: u64, root: ProcId) -> Vec<Kind> {
    let child = ProcId { pid: 5000 + u32::try_from(number % 4_000_000_000).unwrap(), start: number + 1 };
    let look_up = Net {
        proc: child,
        op: NetOp::Send,
        proto: Proto::Udp,
        addr: std::net::Ipv4Addr::new(10, 0, 0, 2).into(),
        port: 53,
        cookie: number + 1,
        result: String::new(),
        name: None,
        io_uring: false,
        abi: None,
    };
    vec![
        Kind::Fork(monitor_core::event::Fork { parent: root, child }),
        Kind::Net(look_up.clone()),
        Kind::Net(look_up),
        Kind::Exit(monitor_core::event::Exit { proc: child, status: 0 }),
    ]
}

/// Everything new every time: processes, credentials, destinations, calls.
fn hostile(number: u64, root: ProcId) -> Vec<Kind> {
    let child = ProcId { pid: 5000 + u32::try_from(number % 4_000_000_000).unwrap(), start: number + 1 };
    let path = format!("/home/u{number}/.ssh/id_rsa");
    let id = FileId { dev: 1, ino: number + 1 };
    let file = monitor_core::event::FileRef { path, id, cut: false };
    let addr = std::net::Ipv4Addr::from(0xcb00_0000 + u32::try_from(number % 0xff_ffff).unwrap());
    vec![
        Kind::Fork(monitor_core::event::Fork { parent: root, child }),
        Kind::File(monitor_core::event::File {
            proc: child,
            op: monitor_core::event::FileOp::Open,
            file,
            read: true,
            write: false,
            create: false,
            path_only: false,
            dir: false,
            unlinked: false,
            to: None,
            via: None,
            by: "tracepoint".to_owned(),
        }),
        Kind::Net(Net {
            proc: child,
            op: NetOp::Connect,
            proto: Proto::Tcp,
            addr: addr.into(),
            port: 443,
            cookie: number + 1,
            result: String::new(),
            name: None,
            io_uring: false,
            abi: None,
        }),
        Kind::Tls(monitor_core::event::Tls { proc: child, cookie: number + 1, quic: None, hello: hello(number) }),
        Kind::Dns(look_up(number, child, addr.into())),
        Kind::Mcp(call(number, root)),
    ]
}

/// As long as one can be.
fn hello(number: u64) -> monitor_wire::tls::Hello {
    let name = format!("{number}.{}.example", "x".repeat(1000));
    monitor_wire::tls::Hello { sni: Some(name), alpn: vec!["x".repeat(256); 16], ja4: "x".repeat(36), ech: false }
}

/// An answer with other names and addresses each time, under other parents.
fn look_up(number: u64, proc: ProcId, addr: std::net::IpAddr) -> monitor_core::event::Dns {
    let answer = monitor_wire::dns::Answer {
        id: 0,
        name: format!("0123456789abcdef0123456789abcdef01234567.{number}.{}", "x".repeat(190)),
        of: "A".to_owned(),
        answer: true,
        rcode: "NOERROR".to_owned(),
        aliases: Vec::new(),
        addresses: vec![addr],
        ttl: 3600,
        cut: false,
    };
    monitor_core::event::Dns { proc, cookie: number + 1, server: addr, answer }
}

fn call(number: u64, proc: ProcId) -> monitor_core::event::Mcp {
    use monitor_wire::mcp::{Body, Id, Message, Request, ToolCall};
    let call = ToolCall {
        name: format!("tool{number}"),
        arguments: Vec::new(),
        cut: false,
        digest: number.to_string(),
        progress: None,
        repeat: false,
        as_task: false,
    };
    let id = Id::Number(i64::try_from(number).unwrap());
    let request = Request { id, method: "tools/call".to_owned(), call: Some(call), peer: None, task: None };
    monitor_core::event::Mcp {
        stream: FileId { dev: 1, ino: 1 },
        remote: None,
        http: false,
        side: monitor_core::event::Side::Client,
        proc,
        message: Message { body: Body::Request(request), bytes: 100, complete: true, flags: Vec::new() },
    }
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
