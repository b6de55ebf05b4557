//! Scenarios in compact form: one event a line, `MILLISECONDS verb …`, which this turns into events.
//!
//! Processes have names; `root` is the server's. Words are split at spaces; double quotes hold them together.
//!
//! | verb | what |
//! | --- | --- |
//! | `start EXE ARG…` | the server's root executes and comes under watch |
//! | `spawn NAME PARENT EXE ARG…` | fork and exec; `script=`, `sino=`, `xino=`, `preload=`, `+memfd`, `+unlinked`, `+compat`, `+argvcut` |
//! | `fork NAME PARENT`, `exec NAME EXE ARG…`, `exit NAME`, `foreign NAME EXE ARG…` | |
//! | `read`, `write`, `append`, `use`, `inherit`, `opath`, `unlink`, `chmod NAME PATH` | `ino=`, `via=`, `+cut`, `+fanotify`, `+unlinked`; `rename`, `link`, `symlink NAME PATH TO` |
//! | `connect`, `send`, `listen`, `bind`, `accept NAME ADDR:PORT` | `host=`, `cookie=`, `result=`, `abi=`, `+udp`; `end NAME cookie= sent= state=` |
//! | `unix NAME PATH [+listen] [result=]`, `socket NAME FAMILY`, `memory NAME TARGET OP [+failed]`, `opaque NAME WHAT` | |
//! | `handshake`, `list TOOL…` (`name`, `name:digest`, `name:digest:ro`, `…:closed`), `+more` | |
//! | `call ID TOOL /pointer=value…` | `+repeat`, `+forged`, `+cut`, `+task`, `progress=`, `protocol=`, `remote=HOST`, `+http`, `stream=`, `+differs` (its headers); `answer ID [error\|input\|task=ID:STATUS]` |
//! | `prompt ID NAME /pointer=value…`, `resource ID URI [+subscribe]` | |
//! | `cancel ID`, `progress TOKEN`, `task ID STATUS`, `ask METHOD ID [TASK]`, `serverask ID`, `clientanswer ID` | `+incomplete` |
//! | `clientnote METHOD`, `servernote METHOD` | `+incomplete` |
//! | `http NAME METHOD URL`, `status NAME CODE`, `hangup NAME` | `token=`, `channel=` (1), `exchange=` (the next; of a status the last), `cookie=`, `+cut`, `+received` |
//! | `kept TOKEN FORM PLACE [+given]`, `token NAME TOKEN FORM` | `host=`, `by=` (plain), `+known`, `+received` |
//! | `tls NAME HOST cookie=` (`-`: no name) | `+ech`, `ja4=`, `quic=ADDR:PORT` |
//! | `dns NAME HOST ADDR…` (none: a question) | `ttl=` (300), `server=` (10.0.0.2), `of=` |
//! | `loss SENSOR REASON COUNT [by=NAME]`, `blind SENSOR`, `credential PATH ino= [+gone]`, `agent EXE` | |

use std::collections::BTreeMap;

use monitor_core::event::{
    Agent, Blind, CredentialFile, Dns, Event, Exec, Exit, File, FileOp, FileRef, Fork, Http, Kind, KnownToken, Loss,
    Mcp, Memory, MemoryOp, Net, NetEnd, NetOp, Opaque, Proto, ServerStart, Side, SocketMade, Tls, Token, Unix, Way,
};
use monitor_core::id::{FileId, ProcId, ServerId};
use monitor_core::time::{MS, Time};
use monitor_wire::mcp::{
    Argument, Body, Id, Message, Notification, Peer, Request, Response, TaskState, ToolCall, ToolDecl,
};
use monitor_wire::{dns, http, tls};

/// 2026-11-22T00:00:00Z.
pub const EPOCH: u64 = 1_795_305_600_000_000_000;

/// What the server is, besides its program.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    pub name: String,
    pub program: Option<String>,
    pub profile: String,
    pub declared: bool,
    pub transport: String,
    pub from_start: bool,
    pub homes: Vec<String>,
    pub sure_home: Option<String>,
    pub registries: Vec<String>,
    pub resolvers: Option<Vec<std::net::IpAddr>>,
    pub cwd: String,
    pub env: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            name: "sample-server".to_owned(),
            program: None,
            profile: "generic".to_owned(),
            declared: false,
            transport: "stdio".to_owned(),
            from_start: true,
            homes: vec!["/home/u".to_owned()],
            sure_home: None,
            registries: vec!["registry.example".to_owned()],
            resolvers: None,
            cwd: "/home/u/project".to_owned(),
            env: Vec::new(),
        }
    }
}

pub struct Script {
    setup: Setup,
    procs: BTreeMap<String, (ProcId, bool)>,
    next: u32,
    /// The next exchange of each channel.
    exchanges: BTreeMap<u64, u64>,
    pub events: Vec<Event>,
}

struct Words {
    plain: Vec<String>,
    named: BTreeMap<String, String>,
    flags: Vec<String>,
}

impl Words {
    fn at(&self, index: usize) -> &str {
        self.plain.get(index).map_or("", String::as_str)
    }
    fn get(&self, name: &str) -> Option<String> {
        self.named.get(name).cloned()
    }
    fn number(&self, name: &str) -> u64 {
        self.named.get(name).map_or(0, |text| text.parse().expect("a number"))
    }
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

/// The events of a script.
pub fn events(setup: &Setup, text: &str) -> Vec<Event> {
    let mut script = Script {
        setup: setup.clone(),
        procs: BTreeMap::new(),
        next: 1000,
        exchanges: BTreeMap::new(),
        events: Vec::new(),
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        script.line(line);
    }
    script.events
}

impl Script {
    fn line(&mut self, line: &str) {
        let mut words = split(line);
        let time: u64 = words.remove(0).parse().unwrap_or_else(|_| panic!("no time in: {line}"));
        let verb = words.remove(0);
        let keys: &[&str] = match verb.as_str() {
            "call" => &["progress", "protocol", "remote"],
            _ => &[
                "script", "sino", "xino", "preload", "ino", "via", "host", "cookie", "result", "sent", "state", "by",
                "abi", "task", "cwd", "service", "token", "channel", "exchange", "also", "ja4", "ttl", "server", "of",
                "quic",
            ],
        };
        let mut parsed = Words { plain: Vec::new(), named: BTreeMap::new(), flags: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if keys.contains(&key) => {
                    parsed.named.insert(key.to_owned(), value.to_owned());
                }
                _ if word.starts_with('+') => parsed.flags.push(word[1..].to_owned()),
                _ => parsed.plain.push(word),
            }
        }
        self.verb(Time(EPOCH + time * MS), &verb, &parsed, line);
    }

    fn verb(&mut self, time: Time, verb: &str, words: &Words, line: &str) {
        match verb {
            "start" => {
                let root = self.name("root", true);
                let exec = self.exec(root, ProcId { pid: 1, start: 1 }, words, 0);
                let setup = self.setup.clone();
                self.push(
                    time,
                    true,
                    Kind::ServerStart(ServerStart {
                        root,
                        name: setup.name,
                        program: setup.program,
                        profile: setup.profile,
                        declared: setup.declared,
                        transport: setup.transport,
                        from_start: setup.from_start,
                        homes: setup.homes,
                        sure_home: setup.sure_home,
                        env: setup.env,
                        registries: setup.registries,
                        resolvers: setup.resolvers,
                        container: None,
                    }),
                );
                let kind = if setup.from_start { Kind::Exec(exec) } else { Kind::Known(exec) };
                self.push(time, true, kind);
            }
            "foreign" => {
                let proc = self.name(words.at(0), false);
                let exec = self.exec(proc, ProcId { pid: 2, start: 2 }, words, 1);
                self.push(time, false, Kind::Exec(exec));
            }
            "fork" | "spawn" => {
                let (parent, watched) = self.proc(words.at(1));
                let child = self.name(words.at(0), watched);
                self.push(time, watched, Kind::Fork(Fork { parent, child }));
                if verb == "spawn" {
                    let exec = self.exec(child, parent, words, 2);
                    self.push(time, watched, Kind::Exec(exec));
                }
            }
            "exec" => {
                let (proc, watched) = self.proc(words.at(0));
                let exec = self.exec(proc, ProcId { pid: 1, start: 1 }, words, 1);
                self.push(time, watched, Kind::Exec(exec));
            }
            "exit" => {
                let (proc, watched) = self.proc(words.at(0));
                self.push(time, watched, Kind::Exit(Exit { proc, status: 0 }));
            }
            "end-server" => self.push(time, true, Kind::ServerEnd),
            "read" | "write" | "append" | "use" | "inherit" | "opath" | "unlink" | "chmod" | "rename" | "link"
            | "symlink" | "create" | "readwrite" => self.file(time, verb, words),
            "connect" | "send" | "listen" | "bind" | "accept" => self.net(time, verb, words),
            "end" => {
                let (proc, watched) = self.proc(words.at(0));
                self.push(
                    time,
                    watched,
                    Kind::NetEnd(NetEnd {
                        proc,
                        cookie: words.number("cookie"),
                        state: words.get("state").unwrap_or_else(|| "closed".to_owned()),
                        sent: words.number("sent"),
                        received: 0,
                    }),
                );
            }
            "unix" => {
                let (proc, watched) = self.proc(words.at(0));
                let op = if words.has("listen") { "listen" } else { "connect" };
                let unix = Unix {
                    proc,
                    path: words.at(1).to_owned(),
                    op: op.to_owned(),
                    result: words.get("result").unwrap_or_else(|| "ok".to_owned()),
                };
                self.push(time, watched, Kind::Unix(unix));
            }
            "http" | "status" | "hangup" => self.http(time, verb, words),
            "kept" => {
                let known = KnownToken {
                    token: words.at(0).to_owned(),
                    form: words.at(1).to_owned(),
                    place: words.at(2).to_owned(),
                };
                self.push(time, words.has("given"), Kind::KnownToken(known));
            }
            "token" => {
                let (proc, watched) = self.proc(words.at(0));
                let host = words.get("host");
                let token = Token {
                    proc,
                    token: words.at(1).to_owned(),
                    form: words.at(2).to_owned(),
                    encoding: words.get("by").unwrap_or_else(|| "plain".to_owned()),
                    known: words.has("known"),
                    way: if host.is_some() { Way::Request } else { Way::Transport },
                    sent: !words.has("received"),
                    host,
                };
                self.push(time, watched, Kind::Token(token));
            }
            "tls" => {
                let (proc, watched) = self.proc(words.at(0));
                let hello = tls::Hello {
                    sni: Some(words.at(1).to_owned()).filter(|name| name != "-"),
                    alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
                    ja4: words.get("ja4").unwrap_or_else(|| "t13d1516h2_8daaf6152771_b186095e22b6".to_owned()),
                    ech: words.has("ech"),
                };
                let quic = words.get("quic").map(|to| to.parse().expect("ADDR:PORT"));
                self.push(time, watched, Kind::Tls(Tls { proc, cookie: words.number("cookie"), quic, hello }));
            }
            "dns" => {
                let (proc, watched) = self.proc(words.at(0));
                let addresses: Vec<_> =
                    words.plain.iter().skip(2).map(|text| text.parse().expect("an address")).collect();
                let answer = dns::Answer {
                    id: 1,
                    name: words.at(1).to_owned(),
                    of: words.get("of").unwrap_or_else(|| "A".to_owned()),
                    answer: !addresses.is_empty(),
                    rcode: if addresses.is_empty() { String::new() } else { "NOERROR".to_owned() },
                    aliases: Vec::new(),
                    addresses,
                    ttl: words.get("ttl").map_or(300, |text| text.parse().expect("seconds")),
                    cut: false,
                };
                let server = words.get("server").unwrap_or_else(|| "10.0.0.2".to_owned());
                let server = server.parse().expect("an address");
                self.push(time, watched, Kind::Dns(Dns { proc, cookie: words.number("cookie"), server, answer }));
            }
            "socket" => {
                let (proc, watched) = self.proc(words.at(0));
                self.push(
                    time,
                    watched,
                    Kind::Socket(SocketMade { proc, family: words.at(1).to_owned(), protocol: 0 }),
                );
            }
            "memory" => {
                let (proc, watched) = self.proc(words.at(0));
                let (target, target_watched) = self.proc(words.at(1));
                let op: MemoryOp = serde_json::from_value(words.at(2).into()).expect("a memory operation");
                self.push(
                    time,
                    watched,
                    Kind::Memory(Memory {
                        proc,
                        target,
                        target_server: target_watched.then_some(ServerId(1)),
                        op,
                        ok: Some(!words.has("failed")),
                    }),
                );
            }
            "opaque" => {
                let (proc, watched) = self.proc(words.at(0));
                let opaque = Opaque { proc, what: words.at(1).to_owned(), detail: words.at(2).to_owned() };
                self.push(time, watched, Kind::Opaque(opaque));
            }
            "loss" => {
                let loss = Loss {
                    sensor: words.at(0).to_owned(),
                    reason: words.at(1).to_owned(),
                    from: Time(time.0 - 5 * MS),
                    count: words.at(2).parse().expect("a count"),
                    caused_by: words.get("by").map(|name| self.proc(&name).0),
                };
                let watched = !words.has("host");
                self.push(time, watched, Kind::Loss(loss));
            }
            "blind" => {
                let blind = Blind { sensor: words.at(0).to_owned(), reason: "no usable hook".to_owned() };
                self.push(time, false, Kind::Blind(blind));
            }
            "agent" => {
                self.push(time, false, Kind::Agent(Agent { exe: file_ref(words.at(0), 0).id }));
            }
            "credential" => {
                let file = file_ref(words.at(0), words.number("ino"));
                self.push(time, false, Kind::CredentialFile(CredentialFile { file, gone: words.has("gone") }));
            }
            _ => self.mcp(time, verb, words, line),
        }
    }

    fn file(&mut self, time: Time, verb: &str, words: &Words) {
        let (proc, watched) = self.proc(words.at(0));
        let op = match verb {
            "use" => FileOp::Use,
            "inherit" => FileOp::Inherit,
            "unlink" => FileOp::Unlink,
            "chmod" => FileOp::Chmod,
            "rename" => FileOp::Rename,
            "link" => FileOp::Link,
            "symlink" => FileOp::Symlink,
            "create" => FileOp::Create,
            _ => FileOp::Open,
        };
        let to = words.plain.get(2).cloned();
        self.push(
            time,
            watched,
            Kind::File(File {
                proc,
                op,
                file: FileRef { cut: words.has("cut"), ..file_ref(words.at(1), words.number("ino")) },
                read: matches!(verb, "read" | "use" | "inherit" | "readwrite" | "opath"),
                write: matches!(verb, "write" | "append" | "create" | "readwrite"),
                create: false,
                path_only: verb == "opath",
                dir: words.has("dir"),
                unlinked: words.has("unlinked"),
                to,
                via: words.get("via"),
                by: if words.has("fanotify") { "fanotify" } else { "tracepoint" }.to_owned(),
            }),
        );
    }

    fn net(&mut self, time: Time, verb: &str, words: &Words) {
        let (proc, watched) = self.proc(words.at(0));
        let (addr, port) = words.at(1).rsplit_once(':').expect("ADDR:PORT");
        let proto = if words.has("udp") || verb == "send" { Proto::Udp } else { Proto::Tcp };
        self.push(
            time,
            watched,
            Kind::Net(Net {
                proc,
                op: match verb {
                    "connect" => NetOp::Connect,
                    "send" => NetOp::Send,
                    "bind" => NetOp::Bind,
                    "accept" => NetOp::Accept,
                    _ => NetOp::Listen,
                },
                proto,
                addr: addr.trim_matches(['[', ']']).parse().expect("an address"),
                port: port.parse().expect("a port"),
                cookie: words.number("cookie"),
                result: words.get("result").unwrap_or_default(),
                name: words.get("host"),
                io_uring: false,
                abi: words.get("abi"),
            }),
        );
    }

    fn http(&mut self, time: Time, verb: &str, words: &Words) {
        let (proc, watched) = self.proc(words.at(0));
        let channel = words.get("channel").map_or(1, |text| text.parse().expect("a channel"));
        let next = self.exchanges.entry(channel).or_default();
        let message = match verb {
            "http" => {
                let exchange = words.get("exchange").map_or(*next, |text| text.parse().expect("an exchange"));
                *next = exchange + 1;
                let (host, path) = words.at(2).split_once('/').expect("HOST/PATH");
                let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
                http::Message::Request(http::Request {
                    exchange,
                    method: words.at(1).to_owned(),
                    path: format!("/{path}"),
                    query: query.map(str::to_owned),
                    host: (!host.is_empty()).then(|| host.to_owned()),
                    authorization: words
                        .get("token")
                        .map(|token| http::Authorization { scheme: "bearer".to_owned(), token }),
                    headers: http::Headers {
                        values: words.get("also").map(|host| ("host".to_owned(), host)).into_iter().collect(),
                        ..http::Headers::default()
                    },
                    version: "1.1".to_owned(),
                    flags: [("cut", "cut"), ("cutpath", "cut_path")]
                        .iter()
                        .filter(|(word, _)| words.has(word))
                        .map(|(_, flag)| (*flag).to_owned())
                        .collect(),
                })
            }
            "status" => {
                let last = next.saturating_sub(1);
                let exchange = words.get("exchange").map_or(last, |text| text.parse().expect("an exchange"));
                let status = words.at(1).parse().expect("a status");
                let (headers, flags) = (http::Headers::default(), Vec::new());
                http::Message::Response(http::Response { exchange, status, headers, flags })
            }
            _ => http::Message::End(http::End { reason: "lost".to_owned() }),
        };
        let sent = (verb == "http") != words.has("received");
        let cookie = words.number("cookie");
        let by = "thread".to_owned();
        self.push(time, watched, Kind::Http(Http { proc, channel, cookie, by, tls: true, sent, message }));
    }

    fn mcp(&mut self, time: Time, verb: &str, words: &Words, line: &str) {
        let id = id(words.at(0));
        let note = |method: &str| Notification { method: method.to_owned(), cancels: None, progress: None, task: None };
        let response = |id: Id| Response {
            id,
            error: None,
            is_error: false,
            input_required: false,
            task: None,
            tools: None,
            more: false,
            peer: None,
        };
        let request =
            |id: Id, method: &str| Request { id, method: method.to_owned(), call: None, peer: None, task: None };
        let (side, body) = match verb {
            "handshake" => {
                self.message(time, Side::Client, Body::Request(request(Id::Number(0), "initialize")), true);
                self.message(time, Side::Server, Body::Response(response(Id::Number(0))), true);
                (Side::Client, Body::Notification(note("notifications/initialized")))
            }
            "list" => {
                self.message(time, Side::Client, Body::Request(request(Id::Text("list".into()), "tools/list")), true);
                let mut answer = response(Id::Text("list".into()));
                answer.tools = Some(words.plain.iter().map(|text| tool(text)).collect());
                answer.more = words.has("more");
                (Side::Server, Body::Response(answer))
            }
            "resource" => {
                let uri = words.at(1).to_owned();
                let mut asked =
                    request(id, if words.has("subscribe") { "resources/subscribe" } else { "resources/read" });
                asked.call = Some(ToolCall {
                    name: uri.clone(),
                    arguments: vec![Argument { at: "/uri".to_owned(), len: uri.len() as u64, text: uri }],
                    cut: false,
                    digest: format!("digest of {}", words.at(1)),
                    progress: None,
                    repeat: false,
                    as_task: false,
                });
                (Side::Client, Body::Request(asked))
            }
            "call" | "prompt" => {
                let arguments = words.plain.iter().skip(2).map(|word| {
                    let (at, text) = word.split_once('=').unwrap_or_else(|| panic!("no /pointer=value: {line}"));
                    Argument { at: at.to_owned(), text: text.to_owned(), len: text.len() as u64 }
                });
                let mut asked = request(id, if verb == "call" { "tools/call" } else { "prompts/get" });
                asked.call = Some(ToolCall {
                    name: words.at(1).to_owned(),
                    arguments: arguments.collect(),
                    cut: words.has("cut"),
                    digest: format!("digest of {}", words.at(1)),
                    progress: words.get("progress").map(Id::Text),
                    repeat: words.has("repeat"),
                    as_task: words.has("task"),
                });
                asked.peer = words.get("protocol").map(|protocol| Peer {
                    name: "client".to_owned(),
                    version: "1".to_owned(),
                    protocol,
                });
                (if words.has("forged") { Side::Forged } else { Side::Client }, Body::Request(asked))
            }
            "answer" => {
                let mut answer = response(id);
                match words.at(1) {
                    "error" => answer.error = Some(-32602),
                    "iserror" => answer.is_error = true,
                    "input" => answer.input_required = true,
                    _ => {}
                }
                answer.task = words.get("task").map(|text| {
                    let (id, status) = text.split_once(':').expect("task=ID:STATUS");
                    TaskState { id: id.to_owned(), status: status.to_owned() }
                });
                (Side::Server, Body::Response(answer))
            }
            "cancel" => {
                let mut said = note("notifications/cancelled");
                said.cancels = Some(id);
                (Side::Client, Body::Notification(said))
            }
            "progress" => {
                let mut said = note("notifications/progress");
                said.progress = Some(Id::Text(words.at(0).to_owned()));
                (Side::Server, Body::Notification(said))
            }
            "task" => {
                let mut said = note("notifications/tasks/status");
                said.task = Some(TaskState { id: words.at(0).to_owned(), status: words.at(1).to_owned() });
                (Side::Server, Body::Notification(said))
            }
            "ask" => {
                let mut asked = request(self::id(words.at(1)), words.at(0));
                asked.task = words.plain.get(2).cloned();
                (Side::Client, Body::Request(asked))
            }
            "clientnote" => (Side::Client, Body::Notification(note(words.at(0)))),
            "servernote" => (Side::Server, Body::Notification(note(words.at(0)))),
            "serverask" => (Side::Server, Body::Request(request(id, "sampling/createMessage"))),
            "clientanswer" => (Side::Client, Body::Response(response(id))),
            _ => panic!("unknown verb: {line}"),
        };
        let flags = if words.has("differs") { vec!["header_differs".to_owned()] } else { Vec::new() };
        let message = Message { body, bytes: 100, complete: !words.has("incomplete"), flags };
        let stream = words.get("stream").map(|ino| ino.parse().expect("a number"));
        self.carried(time, side, message, words.get("remote"), words.has("http"), stream);
    }

    fn message(&mut self, time: Time, side: Side, body: Body, complete: bool) {
        self.carried(time, side, Message { body, bytes: 100, complete, flags: Vec::new() }, None, false, None);
    }

    fn carried(
        &mut self,
        time: Time,
        side: Side,
        message: Message,
        remote: Option<String>,
        http: bool,
        stream: Option<u64>,
    ) {
        let proc = self.procs.get("speaker").or_else(|| self.procs.get("root")).expect("a server").0;
        let ino = stream.unwrap_or(if side == Side::Server { 2 } else { 1 });
        self.push(time, true, Kind::Mcp(Mcp { stream: FileId { dev: 9, ino }, side, remote, http, proc, message }));
    }

    fn exec(&self, proc: ProcId, parent: ProcId, words: &Words, skip: usize) -> Exec {
        let exe = words.at(skip).to_owned();
        let mut argv = vec![exe.rsplit('/').next().unwrap_or_default().to_owned()];
        argv.extend(words.plain.iter().skip(skip + 1).cloned());
        Exec {
            proc,
            parent,
            exe: file_ref(&exe, words.number("xino")),
            argv,
            argv_cut: words.has("argvcut"),
            cwd: words.get("cwd").unwrap_or_else(|| self.setup.cwd.clone()),
            uid: 1000,
            unlinked: words.has("unlinked"),
            memfd: words.has("memfd"),
            compat: words.has("compat"),
            sealed: words.has("sealed"),
            script: words.get("script").map(|path| file_ref(&path, words.number("sino"))),
            preload: words.get("preload").into_iter().collect(),
            cgroup: 0,
            namespaces: None,
        }
    }

    fn name(&mut self, name: &str, watched: bool) -> ProcId {
        self.next += 1;
        let id = ProcId { pid: self.next, start: u64::from(self.next) * 10_000_000 };
        self.procs.insert(name.to_owned(), (id, watched));
        id
    }

    fn proc(&self, name: &str) -> (ProcId, bool) {
        *self.procs.get(name).unwrap_or_else(|| panic!("no process {name}"))
    }

    fn push(&mut self, time: Time, watched: bool, kind: Kind) {
        self.events.push(Event { time, server: watched.then_some(ServerId(1)), kind });
    }
}

fn file_ref(path: &str, ino: u64) -> FileRef {
    // the same path is the same file, unless the script says otherwise
    let made: u64 = path.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let ino = if ino == 0 { made | (1 << 63) } else { ino };
    FileRef { path: path.to_owned(), id: FileId { dev: 1, ino }, cut: false }
}

fn tool(text: &str) -> ToolDecl {
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default().to_owned();
    let digest = parts.next().unwrap_or("1").to_owned();
    let hints: Vec<&str> = parts.collect();
    ToolDecl {
        name,
        digest,
        read_only: hints.contains(&"ro").then_some(true),
        destructive: hints.contains(&"rw").then_some(true),
        open_world: hints.contains(&"closed").then_some(false),
    }
}

fn id(text: &str) -> Id {
    text.parse().map_or_else(|_| Id::Text(text.to_owned()), Id::Number)
}

fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
