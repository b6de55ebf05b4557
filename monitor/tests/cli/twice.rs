//! Two watchers on a host: no effect is reported twice, and the second one says why it doesn't watch.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{BOUND, Ground, Ran, as_nobody, command, need_root, tripline, until, values};

/// A server that says what a server says, and reads a credential for each further line.
const SERVER: &str = "read -r line; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\
    \"capabilities\":{},\"serverInfo\":{\"name\":\"two\",\"version\":\"1\"}}}'; \
    while read -r line; do cat /etc/shadow >/dev/null; echo read; done";
const HELLO: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\
    \"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}\n";

/// A process with a line to talk on; killed with the test.
struct Talker(Child, BufReader<std::process::ChildStdout>);

impl Talker {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self(child, stdout)
    }

    fn say(&mut self, line: &str) -> String {
        self.0.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.1.read_line(&mut answer).unwrap();
        answer
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// `tripline run` with a state folder of its own, and what it says.
struct Agent(Child, Receiver<String>);

impl Agent {
    fn start(ground: &Ground, name: &str) -> Self {
        Self::with(ground, name, &["run"])
    }

    fn with(ground: &Ground, name: &str, verb: &[&str]) -> Self {
        let dir = ground.path(name);
        fs::create_dir_all(&dir).unwrap();
        let text = format!("[state]\ndir = {dir:?}\nruntime = {:?}\n", ground.path("runtime"));
        let config = ground.write(&format!("{name}.toml"), text);
        let mut run = command(&[verb, &["--config", &config]].concat());
        let mut child = run.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, said) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        let agent = Self(child, said);
        agent.says(&["armed"]);
        agent
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        let deadline = Instant::now() + BOUND;
        let mut all = Vec::new();
        while let Ok(line) = self.1.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            all.push(line);
        }
        panic!("{words:?} never came: {all:#?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _status = self.0.wait();
    }
}

/// Agents see the servers of other tests too.
fn reads(ground: &Ground, store: &str, server: u32) -> usize {
    let text = fs::read_to_string(ground.path(&format!("{store}/alerts.ndjson"))).unwrap_or_default();
    let of = |alert: &serde_json::Value| {
        alert["category"] == "credential_access"
            && alert["revision"] == 1
            && alert["server"]["pid"] == server
            && alert["evidence"].to_string().contains("/etc/shadow")
    };
    values(&text).into_iter().filter(of).count()
}

#[track_caller]
fn until_read(ground: &Ground, store: &str, server: u32) {
    until(&format!("the read in {store}"), || (reads(ground, store, server) > 0).then_some(()));
}

#[test]
fn root_a_server_that_exec_watches_is_nobody_else_s() {
    need_root();
    let ground = Ground::new();
    let config = ground.text("config.toml");
    let mut server = Talker::start(command(&["exec", "--config", &config, "--", "sh", "-c", SERVER]));
    server.say(HELLO);
    let pid = server.0.id().to_string();
    ground.run("attach", &["--pid", &pid]).fails(1, &[&pid, "is watched already", "tripline (process "]);
    // A client below a watched server can't take a part of it out of its watch.
    let nested = format!("exec {} exec --config {config} -- echo started", env!("CARGO_BIN_EXE_tripline"));
    let below = ground.run("exec", &["--", "sh", "-c", &nested]);
    assert_eq!(below.fails(125, &["is watched already"]), "");

    let agent = Agent::start(&ground, "other");
    server.say("read\n");
    until_read(&ground, "state", server.0.id());
    // What the agent had to say about it has been said once it has taken a server of its own.
    let mut own = Talker::start({
        let mut sh = Command::new("sh");
        sh.args(["-c", SERVER]);
        sh
    });
    own.say(HELLO);
    agent.says(&["watching an MCP server"]);
    own.say("read\n");
    until_read(&ground, "other", own.0.id());
    let twice = |server: &Talker| [reads(&ground, "state", server.0.id()), reads(&ground, "other", server.0.id())];
    assert_eq!((twice(&server), twice(&own)), ([1, 0], [0, 1]));
    let own_pid = own.0.id().to_string();
    ground.run("attach", &["--pid", &own_pid]).fails(1, &[&own_pid, "is watched already"]);
}

#[test]
fn root_of_two_agents_one_takes_a_server() {
    need_root();
    let ground = Ground::new();
    let (one, two) = (Agent::start(&ground, "one"), Agent::start(&ground, "two"));
    let mut server = Talker::start({
        let mut sh = Command::new("sh");
        sh.args(["-c", SERVER]);
        sh
    });
    server.say(HELLO);
    let pid = server.0.id().to_string();
    let mut said: Vec<String> = Vec::new();
    let told = |said: &[String], words: &[&str]| {
        said.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    };
    let taken = format!("process {pid} is watched already");
    until("the word that the other watches it", || {
        said.extend(one.1.try_iter().chain(two.1.try_iter()));
        (told(&said, &[&taken]) > 0).then_some(())
    });
    assert_eq!(told(&said, &["watching an MCP server", &format!("pid={pid}")]), 1, "{said:#?}");
    server.say("read\n");
    let reads = || reads(&ground, "one", server.0.id()) + reads(&ground, "two", server.0.id());
    until("the read", || (reads() > 0).then_some(()));
    // Both end in order and write what they have.
    drop((one, two));
    assert_eq!(reads(), 1);
}

#[test]
fn root_an_agent_watches_for_users_without_root() {
    need_root();
    let ground = Ground::new();
    let agent = Agent::start(&ground, "one");
    let config = ground.text("config.toml");
    let events = ground.text("events");
    let exec = |args: &[&str]| as_nobody(&ground, &[&["exec", "--config", &config], args].concat());
    let ran = exec(&["--", "sh", "-c", "echo $$; cat /proc/1/environ 2>/dev/null; exit 7"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (7, ""), "{ran:?}");
    assert!(ran.stdout.trim().parse::<u32>().is_ok());
    // Files that the agent would write or read as root can't be named.
    let ran = exec(&["--events", &events, "--", "echo", "up"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "up\n"), "{ran:?}");
    assert!(ran.stderr.contains("--events is left out"), "{ran:?}");
    let refused = exec(&["--alerts", &events, "--", "echo", "up"]);
    assert_eq!(refused.fails(2, &["--alerts is refused beside a running agent", "agent's own outputs"]), "");
    assert!(!ground.path("events").exists());
    let profile = ground.write("p.toml", "name = \"p\"\nversion = 1\nsummary = \"\"\n");
    exec(&["--profile", &profile, "--", "echo", "up"]).fails(125, &["only root names files of profiles"]);
    // Nobody takes a part of a watched server out of its watch.
    let nested = format!("exec {} exec --config {config} --profile fetch -- echo up", ground.text("tripline"));
    let below = exec(&["--", "sh", "-c", &nested]);
    assert_eq!(below.fails(125, &["is watched already"]), "");
    // Peers that say nothing hold nobody up.
    let silent: Vec<_> = (0..64)
        .filter_map(|_| std::os::unix::net::UnixStream::connect(ground.path("runtime/agent.sock")).ok())
        .collect();
    assert_eq!(exec(&["--", "echo", "up"]).fine(), "up\n");
    drop(silent);
    drop(agent);
    assert!(!ground.path("runtime/agent.sock").exists());
    exec(&["--", "echo", "up"]).fails(125, &["needs root"]);
}

#[test]
fn root_an_agent_judges_by_the_profile_that_root_s_exec_names() {
    need_root();
    let ground = Ground::new();
    let agent = Agent::start(&ground, "one");
    let home = ground.path("home");
    fs::create_dir_all(home.join(".aws")).unwrap();
    ground.write("home/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    ground.write("home/.netrc", "machine a.example login u password none\n");
    let owns =
        |kind: &str| format!("name = \"lent\"\nversion = 1\nsummary = \"\"\n[own_credentials]\nkinds = [\"{kind}\"]\n");
    // Each by a path of its own, as seen from where it stands.
    let run = |profile: &str| {
        let reads = "echo $$; read -r line < \"$HOME/.aws/credentials\"; read -r line < \"$HOME/.netrc\"";
        let mut exec = command(&["exec", "--config", &ground.text("one.toml"), "--profile", profile, "--"]);
        exec.args(["/bin/sh", "-c", reads]).env("HOME", &home).current_dir(ground.dir.path());
        let ran = Ran::of(&mut exec);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
        ran.stdout.trim().parse::<u32>().unwrap()
    };
    let told = |server: u32| {
        let text = fs::read_to_string(ground.path("one/alerts.ndjson")).unwrap_or_default();
        let of = |alert: &serde_json::Value| alert["server"]["pid"] == server && alert["rule"]["id"] == "TL-CRED-001";
        let alert = values(&text).into_iter().find(of)?;
        Some((alert["server"]["profile"].clone(), alert["evidence"].to_string()))
    };
    for (name, kind, other) in [("a.toml", "aws_credentials", "/.netrc"), ("b.toml", "netrc", "/.aws/credentials")] {
        ground.write(name, owns(kind));
        let server = run(name);
        let (profile, evidence) = until("what isn't its own", || told(server));
        assert!(profile == "lent" && evidence.contains(other), "{name}: {profile} {evidence}");
    }
    // A shipped profile stays what it is for all others.
    let shipped = ground.write("fetch.toml", owns("netrc").replace("lent", "fetch"));
    let config = ground.text("one.toml");
    let exec = ["exec", "--config", &config, "--profile", &shipped, "--", "echo", "up"];
    assert_eq!(tripline(&exec).fails(125, &["another profile fetch", "another name"]), "");
    // What can't be read at once isn't waited for.
    let fifo = ground.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ask = serde_json::json!({"pid": std::process::id(), "exe": "/bin/true", "argv": ["true"], "profile": fifo,
        "alerts": null});
    let mut stream = UnixStream::connect(ground.path("one/agent.sock")).unwrap();
    writeln!(stream, "{ask}").unwrap();
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).unwrap();
    assert!(said.contains("no regular file"), "{said}");
    drop(agent);
}

#[test]
fn root_a_recording_has_the_profiles_that_servers_named() {
    need_root();
    let ground = Ground::new();
    let recording = ground.text("recording");
    let agent = Agent::with(&ground, "one", &["record", "-o", &recording]);
    ground.write("home.aws", "[default]\naws_secret_access_key = none\n");
    fs::create_dir_all(ground.path("home/.aws")).unwrap();
    fs::rename(ground.path("home.aws"), ground.path("home/.aws/credentials")).unwrap();
    ground.write("home/.netrc", "machine a.example login u password none\n");
    let owns = "name = \"lent\"\nversion = 1\nsummary = \"\"\n[own_credentials]\nkinds = [\"aws_credentials\"]\n";
    let (profile, config) = (ground.write("lent.toml", owns), ground.text("one.toml"));
    let reads = "read -r line < \"$HOME/.aws/credentials\"; read -r line < \"$HOME/.netrc\"";
    let mut exec = command(&["exec", "--config", &config, "--profile", &profile, "--", "/bin/sh", "-c", reads]);
    assert_eq!(Ran::of(exec.env("HOME", ground.path("home"))).fine(), "");
    let told = || {
        let text = fs::read_to_string(ground.path("one/alerts.ndjson")).unwrap_or_default();
        text.contains("\"profile\":\"lent\"").then_some(())
    };
    until("what isn't its own", told);
    drop(agent);
    let live = ground.read("one/alerts.ndjson");
    assert!(!live.contains("/home/.aws/credentials"), "its own: {live}");
    assert_eq!(tripline(&["replay", "--config", &config, &recording]).fine(), live);
}

#[test]
fn root_by_a_name_an_agent_s_own_profile_is_meant() {
    need_root();
    let ground = Ground::new();
    let own = ground.write("fetch.toml", "name = \"fetch\"\nversion = 1\nsummary = \"\"\n");
    let agent = Agent::with(&ground, "one", &["run", "--profile", &own]);
    let config = ground.text("one.toml");
    let exec = |profile: &str| tripline(&["exec", "--config", &config, "--profile", profile, "--", "echo", "up"]);
    assert_eq!(exec("fetch").fine(), "up\n");
    assert_eq!(exec(&own).fine(), "up\n");
    drop(agent);
}

#[test]
fn root_a_refused_registration_leaves_nothing_open() {
    need_root();
    let ground = Ground::new();
    let agent = Agent::start(&ground, "other");
    let alerts = ground.text("refused");
    // above the kernel's limit: nobody has this number
    let ask =
        serde_json::json!({"pid": 5_000_000, "exe": "/bin/true", "argv": ["true"], "profile": null, "alerts": alerts});
    let mut stream = UnixStream::connect(ground.path("other/agent.sock")).unwrap();
    writeln!(stream, "{ask}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(answer.contains("refused") && answer.contains("5000000"), "{answer}");
    let open = fs::read_dir(format!("/proc/{}/fd", agent.0.id())).unwrap().flatten();
    let kept = open.filter_map(|fd| fs::read_link(fd.path()).ok()).find(|path| *path == ground.path("refused"));
    assert_eq!(kept, None);
}
