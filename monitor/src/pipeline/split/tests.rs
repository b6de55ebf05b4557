//! Made-up records of processes that nobody has: clients that are candidates, and what they start.

use monitor_abi::config::SCOPE_CANDIDATE;
use monitor_abi::header::{
    FLAG_COMPAT, Header, KIND_EXEC, KIND_EXIT, KIND_FORK, KIND_OPEN, KIND_STREAM, KIND_STREAM_GAP,
};
use monitor_abi::stream::{DIR_READ, DIR_WRITE, Data, Gap, STREAM_PIPE};
use monitor_abi::{file, process};
use monitor_core::config::EngineConfig;
use monitor_core::event::{Event, Kind, ServerStart, Side};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::trace::parse_event;
use monitor_wire::redact;
use zerocopy::{Immutable, IntoBytes};

use super::super::clock::{Clock, boot_now};
use super::super::held::MAX_HELD;
use super::super::output::{Lines, Output};
use super::super::standard::Standard;
use super::super::{Found, Pipeline};
use super::GRACE;

const ASK: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}\n";
const CALL: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}\n";
const ANSWER: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}\n";
/// Above the kernel's limit: procfs knows nothing of them.
const CLIENT: u32 = 5_000_001;
const SERVER: u32 = 5_000_010;
const OTHER: u32 = 5_000_020;
/// What the client writes to and reads from, for each server.
const PIPES: [(u64, u64); 2] = [(101, 102), (201, 202)];

/// A pipeline that tells the events, and when the next record is from.
struct Rig {
    pipeline: Pipeline,
    dir: tempfile::TempDir,
    now: u64,
}

impl Rig {
    /// A client with pipes as standard streams.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lines = |name: &str| Some(Lines::open(&dir.path().join(name)).unwrap());
        let output = Output { events: lines("events"), recording: lines("recording"), ..Output::default() };
        let key = redact::Key::from_bytes([7; 32]);
        let pipeline = Pipeline::new(EngineConfig::default(), key, Clock::sample(), output);
        let mut rig = Self { pipeline, dir, now: boot_now() };
        rig.exec(CLIENT, 1, "/usr/bin/client");
        rig
    }

    fn tell(&mut self, kind: u16, pid: u32, scope: u32, body: &(impl IntoBytes + Immutable), tail: &[u8]) {
        self.now += 1000;
        let head = Header { kind, time: self.now, start: start(pid), tgid: pid, tid: pid, scope, ..Header::default() };
        let bytes = [head.as_bytes(), body.as_bytes(), tail].concat();
        self.pipeline.record(&bytes);
    }

    /// As the kernel tells it: in the client's scope until told otherwise.
    fn say(&mut self, kind: u16, pid: u32, body: &(impl IntoBytes + Immutable), tail: &[u8]) {
        self.tell(kind, pid, SCOPE_CANDIDATE | CLIENT, body, tail);
    }

    fn fork(&mut self, parent: u32, child: u32) {
        self.say(KIND_FORK, parent, &process::Fork { child_start: start(child), child, pad: 0 }, b"");
    }

    fn exec(&mut self, pid: u32, parent: u32, path: &str) {
        let path_len = u32::try_from(path.len()).unwrap();
        let body =
            process::Exec { parent, parent_start: start(parent), path_len, argv_len: path_len, ..Default::default() };
        self.say(KIND_EXEC, pid, &body, &[path, path].concat().into_bytes());
    }

    fn start(&mut self, parent: u32, pid: u32, path: &str) {
        self.fork(parent, pid);
        self.exec(pid, parent, path);
    }

    fn open(&mut self, pid: u32, path: &str) {
        self.open_as(pid, path, 9, 0);
    }

    fn open_as(&mut self, pid: u32, path: &str, ino: u64, open_flags: u32) {
        let path_len = u32::try_from(path.len()).unwrap();
        self.say(KIND_OPEN, pid, &file::Open { ino, open_flags, path_len, ..Default::default() }, path.as_bytes());
    }

    fn exit(&mut self, pid: u32) {
        self.say(KIND_EXIT, pid, &process::Exit { code: 0, pad: 0 }, b"");
    }

    fn moves(&mut self, pid: u32, dir: u16, ino: u64, bytes: &[u8]) {
        let data_len = u32::try_from(bytes.len()).unwrap();
        self.say(KIND_STREAM, pid, &Data { ino, dir, data_len, class: STREAM_PIPE, ..Data::default() }, bytes);
    }

    fn write(&mut self, pid: u32, ino: u64, bytes: &[u8]) {
        self.moves(pid, DIR_WRITE, ino, bytes);
    }

    fn read(&mut self, pid: u32, ino: u64, bytes: &[u8]) {
        self.moves(pid, DIR_READ, ino, bytes);
    }

    /// A client and a server greet each other.
    fn greet(&mut self, client: u32, server: u32, (there, back): (u64, u64)) {
        self.write(client, there, ASK);
        self.read(server, there, ASK);
        self.write(server, back, ANSWER);
        self.read(client, back, ANSWER);
    }

    fn found(&mut self) -> Vec<Found> {
        self.pipeline.take_found(self.now)
    }

    /// Takes the one server that was found, as a session does.
    fn accept(&mut self, id: u32) -> (u32, Vec<u32>) {
        self.accept_with(id, Standard::default())
    }

    fn accept_with(&mut self, id: u32, standard: Standard) -> (u32, Vec<u32>) {
        let mut found = self.found();
        assert_eq!(found.len(), 1, "{found:?}");
        let found = found.remove(0);
        assert!(found.from_start);
        let start = ServerStart {
            root: found.exec.as_ref().unwrap().proc,
            name: "s".to_owned(),
            program: None,
            profile: "generic".to_owned(),
            declared: false,
            transport: "stdio".to_owned(),
            from_start: true,
            sure_home: None,
            homes: Vec::new(),
            env: Vec::new(),
            registries: Vec::new(),
            resolvers: None,
            container: None,
        };
        let mut members = self.pipeline.accept(found.candidate, ServerId(id), start, standard);
        members.sort_unstable();
        (found.root, members)
    }

    /// Every event; the lines of closed calls among them are none.
    fn events(&mut self) -> Vec<Event> {
        let lines = self.lines("events");
        let events = lines.iter().enumerate().filter(|(_, line)| !line.contains("\"kind\":\"call\""));
        events.filter_map(|(at, line)| parse_event(line, at + 1, false).unwrap()).collect()
    }

    fn lines(&mut self, of: &str) -> Vec<String> {
        self.pipeline.settle();
        let text = std::fs::read_to_string(self.dir.path().join(of)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Messages of a server: who said them, by side and process.
    fn messages(&mut self, id: u32) -> Vec<(Side, u32)> {
        let of = |event: Event| match event.kind {
            Kind::Mcp(mcp) if event.server == Some(ServerId(id)) => Some((mcp.side, mcp.proc.pid)),
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }

    /// What was opened, by whom, for which server.
    fn opened(&mut self) -> Vec<(u32, Option<u32>, String)> {
        let of = |event: Event| match event.kind {
            Kind::File(file) => Some((file.proc.pid, event.server.map(|id| id.0), file.file.path)),
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }
}

/// Standard input from the first pipe.
fn piped() -> Standard {
    let (ino, out) = PIPES[0];
    Standard { input: Some(ino), output: Some(out), channel: true, pipe: Some(FileId { dev: 0, ino }) }
}

fn start(pid: u32) -> u64 {
    u64::from(pid % 1000) * 1_000_000_000
}

#[test]
fn what_a_client_starts_and_asks_is_a_server_with_all_that_it_did() {
    let mut rig = Rig::new();
    rig.open(CLIENT, "/client's");
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.open(SERVER, "/first");
    rig.start(CLIENT, OTHER, "/usr/bin/other");
    rig.open(OTHER, "/other's");
    rig.start(SERVER, SERVER + 1, "/usr/bin/helper");
    rig.open(SERVER + 1, "/helper's");
    rig.exit(SERVER + 1);
    rig.greet(CLIENT, SERVER, PIPES[0]);
    assert_eq!(rig.accept(1), (SERVER, vec![SERVER]));
    // what the other one asks for comes later
    rig.open(SERVER, "/later");
    rig.greet(CLIENT, OTHER, PIPES[1]);
    assert_eq!(rig.accept(2), (OTHER, vec![OTHER]));
    let opened: Vec<_> = rig.opened().into_iter().map(|(pid, server, path)| (pid, server.unwrap(), path)).collect();
    let expected = [(SERVER, 1, "/first"), (SERVER + 1, 1, "/helper's"), (SERVER, 1, "/later"), (OTHER, 2, "/other's")];
    assert_eq!(opened, expected.map(|(pid, server, path)| (pid, server, path.to_owned())));
    assert_eq!(rig.messages(1), [(Side::Client, SERVER), (Side::Server, SERVER)]);
    assert_eq!(rig.messages(2), [(Side::Client, OTHER), (Side::Server, OTHER)]);
    assert!(rig.found().is_empty(), "the client is none");
}

#[test]
fn what_a_branch_root_did_before_its_program_is_its_client_s() {
    let mut rig = Rig::new();
    rig.fork(CLIENT, SERVER);
    rig.open(SERVER, "/before");
    rig.exec(SERVER, CLIENT, "/usr/bin/server");
    rig.open(SERVER, "/after");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.accept(1);
    assert_eq!(rig.opened(), [(SERVER, Some(1), "/after".to_owned())]);
    let execs = rig.events().into_iter().filter(|event| event.server.is_some() && matches!(event.kind, Kind::Exec(_)));
    assert_eq!(execs.count(), 0, "its own start is nothing that it did");
}

#[test]
fn a_reading_may_be_told_before_the_writing() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.read(SERVER, 101, ASK);
    assert!(rig.found().is_empty(), "it may be from outside");
    rig.write(CLIENT, 101, ASK);
    assert_eq!(rig.accept(1), (SERVER, vec![SERVER]));
}

#[test]
fn a_wrapper_below_a_client_is_part_of_the_server() {
    let mut rig = Rig::new();
    let [shell, log, server] = [SERVER, SERVER + 1, SERVER + 2];
    rig.start(CLIENT, shell, "/bin/sh");
    rig.start(shell, log, "/usr/bin/tee");
    rig.start(shell, server, "/usr/bin/server");
    // `tee log | server`: the request comes by a pipe within
    rig.write(CLIENT, 101, ASK);
    rig.read(log, 101, ASK);
    rig.write(log, 300, ASK);
    rig.read(server, 300, ASK);
    rig.write(server, 102, ANSWER);
    assert_eq!(rig.accept(1), (shell, vec![shell, log, server]));
    rig.write(log, 300, ASK);
    rig.read(server, 300, ASK);
    assert_eq!(rig.messages(1), [(Side::Client, log), (Side::Server, server)], "what is within says nothing");
    assert!(rig.found().is_empty());
}

#[test]
fn a_request_from_outside_makes_a_server_of_the_whole() {
    let mut rig = Rig::new();
    rig.read(CLIENT, 1, ASK);
    rig.start(CLIENT, SERVER, "/usr/bin/inner");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    assert_eq!(rig.accept(1), (CLIENT, vec![CLIENT, SERVER]));
    // what it asks of a server of its own stays within
    rig.greet(CLIENT, SERVER, PIPES[0]);
    assert_eq!(rig.messages(1), [(Side::Client, CLIENT)]);
    assert!(rig.found().is_empty());
}

#[test]
fn a_wrapped_server_is_found_once_nobody_inside_can_have_asked() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.read(SERVER, 1, ASK);
    assert!(rig.found().is_empty());
    rig.now += GRACE;
    assert_eq!(rig.accept(1), (CLIENT, vec![CLIENT, SERVER]));
}

#[test]
fn what_a_server_s_own_child_writes_hides_it_not() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.fork(SERVER, SERVER + 1);
    rig.write(SERVER + 1, 101, b"{");
    rig.write(CLIENT, 101, b"}\n");
    rig.write(SERVER + 1, 101, b"\n");
    rig.read(SERVER, 101, ASK);
    assert_eq!(rig.accept(1), (SERVER, vec![SERVER, SERVER + 1]));
}

#[test]
fn who_wrote_is_known_where_the_bytes_are_not() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.say(KIND_STREAM_GAP, CLIENT, &Gap { ino: 101, bytes: 50, dir: DIR_WRITE, ..Gap::default() }, b"");
    rig.read(SERVER, 101, ASK);
    rig.now += GRACE;
    assert_eq!(rig.accept(1), (SERVER, vec![SERVER]));
}

#[test]
fn one_that_only_asks_is_none() {
    let mut rig = Rig::new();
    rig.write(CLIENT, 101, ASK);
    rig.read(CLIENT, 102, ANSWER);
    // nor is one that is spoken to in another language
    let other = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n";
    rig.read(CLIENT, 1, other);
    rig.now += GRACE;
    assert!(rig.found().is_empty());
}

#[test]
fn records_that_were_on_their_way_are_the_server_s() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.accept(1);
    rig.start(SERVER, SERVER + 1, "/usr/bin/helper");
    rig.open(SERVER + 1, "/helper's");
    assert_eq!(rig.pipeline.take_strays(), [(SERVER + 1, ServerId(1))], "the kernel has it in the client's scope");
    assert_eq!(rig.opened(), [(SERVER + 1, Some(1), "/helper's".to_owned())]);
    rig.exit(SERVER + 1);
    assert!(rig.pipeline.take_ended().is_empty());
    rig.exit(SERVER);
    assert_eq!(rig.pipeline.take_ended(), [ServerId(1)]);
}

#[test]
fn a_server_that_is_gone_at_once_has_been_one() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.open(SERVER, "/first");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.exit(SERVER);
    rig.exit(CLIENT);
    assert_eq!(rig.accept(1), (SERVER, vec![]));
    assert_eq!(rig.opened(), [(SERVER, Some(1), "/first".to_owned())]);
    assert_eq!(rig.pipeline.take_ended(), [ServerId(1)]);
    assert!(rig.found().is_empty());
    assert!(!rig.pipeline.waits(ServerId(SCOPE_CANDIDATE | CLIENT)));
}

#[test]
fn a_client_that_is_a_server_too_is_one_beside_its_own() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/inner");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    assert_eq!(rig.accept(1), (SERVER, vec![SERVER]));
    rig.read(CLIENT, 1, ASK);
    assert_eq!(rig.accept(2), (CLIENT, vec![CLIENT]));
    rig.greet(CLIENT, SERVER, PIPES[0]);
    assert_eq!(rig.messages(1).iter().filter(|(side, _)| *side == Side::Client).count(), 2);
    let forged = [1, 2].into_iter().flat_map(|id| rig.messages(id)).find(|(side, _)| *side == Side::Forged);
    assert_eq!(forged, None);
    let root = |id| ProcId { pid: id, start: start(id) };
    assert_eq!(rig.pipeline.hosts.get(SERVER), Some(root(SERVER)));
    assert_eq!(rig.pipeline.hosts.server_of(SERVER), Some(ServerId(1)));
}

#[test]
fn what_a_server_asked_of_itself_before_it_was_found_is_forged() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.write(SERVER, 101, CALL);
    rig.read(SERVER, 101, CALL);
    rig.write(CLIENT, 101, ASK);
    rig.read(SERVER, 101, ASK);
    // the reading of this one is told first
    rig.read(SERVER, 101, CALL);
    rig.write(SERVER, 101, CALL);
    rig.write(SERVER, 102, ANSWER);
    rig.accept_with(1, piped());
    let [forged, asked, answered] = [Side::Forged, Side::Client, Side::Server].map(|side| (side, SERVER));
    assert_eq!(rig.messages(1), [forged, asked, forged, answered]);
    rig.write(SERVER, 101, CALL);
    rig.read(SERVER, 101, CALL);
    rig.read(SERVER, 101, CALL);
    assert_eq!(rig.messages(1)[4..], [forged, asked]);
}

#[test]
fn what_was_written_before_it_was_found_is_forged_when_it_is_read() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.write(SERVER, 101, CALL);
    rig.accept_with(1, piped());
    rig.read(SERVER, 101, CALL);
    assert_eq!(rig.messages(1), [Side::Client, Side::Server, Side::Forged].map(|side| (side, SERVER)));
}

#[test]
fn who_opens_the_client_s_pipe_for_writing_leaves_nothing_explained() {
    const WRITE: u32 = 1;
    let opened = |rig: &mut Rig| {
        let of = |event: Event| matches!(event.kind, Kind::Opaque(opaque) if opaque.what == "input_opened");
        rig.events()
            .into_iter()
            .filter(|event| event.server == Some(ServerId(1)))
            .filter(|event| of(event.clone()))
            .count()
    };
    // while it is watched
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.accept_with(1, piped());
    rig.open_as(SERVER, "/", 101, 0);
    rig.read(SERVER, 101, CALL);
    assert_eq!((rig.messages(1).len(), opened(&mut rig)), (3, 0), "whoever only reads it writes nothing");
    rig.open_as(SERVER, "/", 101, WRITE);
    rig.open_as(SERVER, "/", 101, WRITE);
    rig.read(SERVER, 101, CALL);
    assert_eq!((rig.messages(1).len(), opened(&mut rig)), (3, 1));
    // before it was found
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.open_as(SERVER, "/", 101, WRITE);
    rig.read(SERVER, 101, CALL);
    rig.accept_with(1, piped());
    rig.read(SERVER, 101, CALL);
    assert_eq!((rig.messages(1).len(), opened(&mut rig)), (2, 1));
}

#[test]
fn what_had_to_go_before_a_server_was_found_is_a_loss_of_its_own() {
    let mut rig = Rig::new();
    for _ in 0..MAX_HELD {
        rig.open(CLIENT, "/x");
    }
    rig.read(CLIENT, 1, ASK);
    rig.accept(1);
    let lost = rig.events().into_iter().find_map(|event| match event.kind {
        Kind::Loss(loss) => Some((event.server, loss.reason, loss.count > 0, loss.from < event.time)),
        _ => None,
    });
    assert_eq!(lost, Some((Some(ServerId(1)), "table_full".to_owned(), true, true)));
}

#[test]
fn a_closed_call_follows_its_events_and_is_in_no_recording() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.accept_with(1, piped());
    rig.write(CLIENT, 101, CALL);
    rig.read(SERVER, 101, CALL);
    rig.open(SERVER, "/home/u/notes.txt");
    rig.pipeline.finish();
    let (events, recording) = (rig.lines("events"), rig.lines("recording"));
    let (calls, rest): (Vec<&String>, Vec<&String>) = events.iter().partition(|line| line.contains(r#""kind":"call""#));
    assert_eq!(rest, recording.iter().collect::<Vec<_>>());
    assert_eq!(calls, [events.last().unwrap()], "one, when everything that it is made of was told");
    let call: serde_json::Value = serde_json::from_str(calls[0]).unwrap();
    assert!(call["time"].as_u64() >= Some(rig.events().last().unwrap().time.0), "{call}");
    let record = &call["call"];
    assert_eq!((record["tool"].as_str(), record["outcome"].as_str()), (Some("x"), Some("agent_ended")), "{call}");
    assert_eq!(record["observed"][0]["object"], "/home/u/notes.txt", "declared beside observed: {call}");
    assert!(record["declared"]["effect"].is_string(), "{call}");
}

#[test]
fn a_32_bit_program_is_told_by_its_execution_alone() {
    let mut rig = Rig::new();
    rig.start(CLIENT, SERVER, "/usr/bin/server");
    rig.greet(CLIENT, SERVER, PIPES[0]);
    rig.accept_with(1, piped());
    let (child, path) = (SERVER + 1, "/usr/games/old");
    rig.fork(SERVER, child);
    rig.now += 1000;
    let path_len = u32::try_from(path.len()).unwrap();
    let body = process::Exec {
        parent: SERVER,
        parent_start: start(SERVER),
        path_len,
        argv_len: path_len,
        ..Default::default()
    };
    let (kind, flags, scope) = (KIND_EXEC, FLAG_COMPAT, 1);
    let head =
        Header { kind, flags, time: rig.now, start: start(child), tgid: child, tid: child, scope, ..Header::default() };
    rig.pipeline.record(&[head.as_bytes(), body.as_bytes(), path.as_bytes(), path.as_bytes()].concat());
    // that what it opens it opens by 32-bit calls is nothing new; of a 64-bit program it would be
    for (pid, told) in [(child, 0), (SERVER, 1)] {
        rig.now += 1000;
        let body = file::Open { ino: 9, path_len: 2, ..Default::default() };
        let head = Header { kind: KIND_OPEN, time: rig.now, start: start(pid), tgid: pid, tid: pid, ..head };
        rig.pipeline.record(&[head.as_bytes(), body.as_bytes(), b"/x"].concat());
        let opaque = rig.events().into_iter().filter(|event| matches!(event.kind, Kind::Opaque(_))).count();
        assert_eq!(opaque, told, "of {pid}");
    }
    let execs = rig.events().into_iter().filter(|event| matches!(&event.kind, Kind::Exec(exec) if exec.compat));
    assert_eq!(execs.count(), 1);
}
