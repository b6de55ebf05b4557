//! `run` finds servers: by what the configuration of an MCP client names.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Ground, command, make_executable, need_root, until, values};

/// A running `tripline run`; ends with the test.
pub(super) struct Agent(Child);

impl Agent {
    /// Waits until it is armed.
    pub(super) fn start(ground: &Ground, alerts: &str) -> Self {
        Self::start_with(ground, &["--alerts", alerts])
    }

    /// The same with these options.
    fn start_with(ground: &Ground, options: &[&str]) -> Self {
        let config = ground.text("config.toml");
        let mut run = command(&["run", "--config", &config]);
        run.args(options);
        let mut child = run.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let armed = lines.by_ref().map_while(Result::ok).any(|line| {
            said.push(line);
            said.last().is_some_and(|line| line.contains("armed"))
        });
        // what it says from now on must go somewhere
        std::thread::spawn(move || lines.for_each(drop));
        assert!(armed, "{said:?}");
        Self(child)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.0.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _status = self.0.wait();
    }
}

/// A program that says nothing, on pipes as a client starts it, which reads a credential and ends.
fn silent(ground: &Ground, home: &str, argument: &str) {
    let script = ground.text("server");
    let mut command = Command::new("/bin/sh");
    command.args([script.as_str(), argument]).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    let output = command.stdin(Stdio::piped()).stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success());
}

#[test]
fn root_a_client_s_configuration_names_a_server() {
    need_root();
    let ground = Ground::new();
    let (home, alerts) = (ground.text("homes/dev"), ground.text("alerts"));
    fs::create_dir_all(ground.path("homes/dev/.aws")).unwrap();
    fs::create_dir_all(ground.path("homes/dev/.cursor")).unwrap();
    ground.write("homes/dev/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    ground.write("server", "cat \"$HOME/.aws/credentials\" >/dev/null\n");
    make_executable(&ground.path("server"));
    let own = format!("{}[servers]\nhomes = [\"{}/*\"]\n", ground.state(), ground.text("homes"));
    ground.write("config.toml", own);
    let entry = |argument: &str| {
        json!({"mcpServers": {"sideboard": {"command": "sh", "args": [ground.text("server"), argument],
            "env": {"KEY": "not-a-real-secret"}}}})
        .to_string()
    };
    ground.write("homes/dev/.cursor/mcp.json", entry("first"));
    let doctor = ground.run("doctor", &[]).fine();
    assert!(doctor.contains("client files") && doctor.contains(".cursor/mcp.json (1)"), "{doctor}");

    let _agent = Agent::start(&ground, &alerts);
    let found = |argument: &str| {
        let text = fs::read_to_string(&alerts).unwrap_or_default();
        let server =
            |alert: &Value| alert["server"]["argv"].as_array().is_some_and(|argv| argv.contains(&argument.into()));
        values(&text).into_iter().find(|alert| alert["category"] == "credential_access" && server(alert))
    };
    silent(&ground, &home, "first");
    let alert = until("the alert of a server that never spoke", || found("first"));
    assert_eq!(alert["server"]["name"], "sideboard", "{alert}");
    assert_eq!(alert["server"]["profile"], "generic");

    silent(&ground, &home, "third");
    // the file is replaced, as editors do: what it says now counts
    ground.write("homes/dev/.cursor/new", entry("second"));
    fs::rename(ground.path("homes/dev/.cursor/new"), ground.path("homes/dev/.cursor/mcp.json")).unwrap();
    until("the alert of a server that is named since", || {
        silent(&ground, &home, "second");
        found("second")
    });
    // what no file names, and says nothing, is none
    assert!(found("third").is_none());
    let log = fs::read_to_string(ground.path("state/tripline.log")).unwrap_or_default();
    assert!(!log.contains("not-a-real-secret"));
}

/// A server that speaks HTTP is started with no pipe at all; each connection has it read a credential.
#[test]
fn root_a_server_that_listens_is_found_by_what_it_is() {
    need_root();
    let ground = Ground::new();
    let (home, alerts) = (ground.text("homes/dev"), ground.text("alerts"));
    fs::create_dir_all(ground.path("homes/dev/.aws")).unwrap();
    ground.write("homes/dev/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    let program = "import os, socket\nlistener = socket.create_server(('127.0.0.1', 0))\n\
                   print(listener.getsockname()[1], flush=True)\nwhile True:\n    listener.accept()[0].close()\n    \
                   open(os.environ['HOME'] + '/.aws/credentials').read()\n";
    for name in ["named.py", "other.py"] {
        ground.write(name, program);
    }
    let include = format!("{}[servers]\ninclude = [\"{}\"]\n", ground.state(), ground.text("named.py"));
    ground.write("config.toml", include);
    let _agent = Agent::start(&ground, &alerts);
    let servers = ["other.py", "named.py"].map(|name| {
        let mut server = Command::new("python3");
        server.arg(ground.text(name)).env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin");
        let mut server = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        (server, port.trim().parse::<u16>().unwrap())
    });
    let found = until("the alert of a server that listens", || {
        for (_, port) in &servers {
            drop(std::net::TcpStream::connect(("127.0.0.1", *port)).unwrap());
        }
        let found = values(&fs::read_to_string(&alerts).unwrap_or_default());
        let is_read = |alert: &Value| alert["category"] == "credential_access";
        let found: Vec<Value> = found.into_iter().filter(is_read).collect();
        (!found.is_empty()).then_some(found)
    });
    for (mut server, _) in servers {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    assert!(found.iter().all(|alert| alert["server"]["argv"].to_string().contains("named.py")), "{found:?}");
}

#[test]
fn root_a_named_profile_judges_every_server_that_run_finds() {
    need_root();
    let ground = Ground::new();
    let (home, alerts) = (ground.text("homes/dev"), ground.text("alerts"));
    fs::create_dir_all(ground.path("homes/dev/.aws")).unwrap();
    ground.write("homes/dev/.aws/credentials", "[default]\naws_secret_access_key = none\n");
    ground.write("server", "read request\ncat \"$HOME/.aws/credentials\" >/dev/null\necho done\n");
    make_executable(&ground.path("server"));
    ground.write("config.toml", ground.state());
    let _agent = Agent::start_with(&ground, &["--alerts", &alerts, "--profile", "fetch"]);
    let request =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}\n";
    let mut server = Command::new("/bin/sh");
    server.arg(ground.text("server")).env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin");
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    server.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    assert!(server.wait_with_output().unwrap().status.success());
    let alert = until("the alert of a server that spoke", || {
        let text = fs::read_to_string(&alerts).unwrap_or_default();
        values(&text).into_iter().find(|alert| alert["category"] == "credential_access")
    });
    assert_eq!(alert["server"]["profile"], "fetch", "{alert}");
}
