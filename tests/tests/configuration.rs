//! What the configuration says, in the alerts that come out: credentials of one's own, roles of addresses, suppression,
//! sinks.

use anyhow::{Context, Result};
use nix::sys::stat::{Mode, umask};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use tests::agent::Agent;
use tests::exec::Ground;
use tests::peer::{BOUND, Peer, Transport};
use tests::{alert, effects, home, process, wait};

const SERVER: &str = env!("CARGO_BIN_EXE_deed_server");

/// A server of a kind that keeps its token in `~/.acme/token`; under any other profile nobody below it may read that.
const PROFILE: &str = "name = \"acme\"\nversion = 1\nsummary = \"\"\n[own_credentials]\nkinds = [\"acme\"]\n";

/// A ground whose configuration has more in it, and a token in `~/.acme`.
fn ground(name: &str, more: &str) -> Result<Ground> {
    let ground = Ground::new(name)?;
    let text = fs::read_to_string(ground.place.config())? + &ground.place.fill(more, None);
    fs::write(ground.place.config(), text)?;
    home::write(&ground.place.home().join(".acme/token"), "tripline-fake-api-token\n")?;
    Ok(ground)
}

/// The deed server, watched by an agent of its own.
fn served(ground: &Ground, words: &[&str]) -> Result<(Agent, Peer)> {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", ground.place.home()).current_dir(ground.place.path("scratch"));
    let mut server = Peer::start(command, Transport::Pipes)?;
    let pid = server.pid.to_string();
    let agent = Agent::start(&ground.place, &[&["attach", "--pid", pid.as_str()], words].concat())?;
    effects::expect(&ground.place, &json!({"kind": "server_start", "root": {"pid": server.pid}}))?;
    server.greet()?;
    Ok((agent, server))
}

fn expect(ground: &Ground, server: &Peer, text: &str) -> Result<Value> {
    alert::wait(&ground.place, &toml::from_str(text)?, Some(server.pid))
}

/// The alerts of a place whose text holds this word.
fn about(ground: &Ground, word: &str) -> Result<Vec<Value>> {
    let mut alerts = alert::read(&ground.place.alerts())?;
    alerts.retain(|alert| alert["evidence"].to_string().contains(word));
    Ok(alerts)
}

/// Both end in order, and every alert is a good one.
fn end(ground: Ground, mut agent: Agent, mut server: Peer) -> Result<()> {
    assert!(server.close()?.success());
    assert!(agent.end()?.success(), "{}", agent.said());
    alert::check_schema(&alert::read(&ground.place.alerts())?)?;
    alert::check_secrets(&ground.place)?;
    ground.end()
}

#[test]
fn a_credential_of_one_s_own_is_one() -> Result<()> {
    let ground = ground("own-credential", "[[credentials]]\npath = \"**/.acme/token\"\nkind = \"acme\"\n")?;
    let (agent, mut server) = served(&ground, &[])?;
    server.call("openat", json!({"path": ground.place.home().join(".acme/token")}))?;
    let text = "category = ['credential_access']\nseverity = 'high'\nrule = 'TL-CRED-001'\ntool = 'openat'\n\
                evidence = { kind = 'file_open', path = '${home}/.acme/token', credential = 'acme' }";
    expect(&ground, &server, text)?;
    end(ground, agent, server)
}

#[test]
fn its_owner_may_read_a_server_s_store_and_nobody_else() -> Result<()> {
    let more = "[[credentials]]\npath = \"**/.acme/token\"\nkind = \"acme\"\nowners = [\"/usr/bin/head\"]\n";
    let ground = ground("owner", more)?;
    let profile = ground.place.path("files/acme.toml");
    fs::write(&profile, PROFILE)?;
    let (agent, server) = served(&ground, &["--profile", &profile.display().to_string()])?;
    let token = ground.place.home().join(".acme/token");
    for program in ["/usr/bin/head", "/usr/bin/cat"] {
        let status = Command::new(program).arg(&token).stdout(Stdio::null()).status()?;
        assert!(status.success(), "{program}");
    }
    // Whoever came first has been judged when the second one is told.
    let text = "category = ['token_theft']\nseverity = 'high'\nrule = 'TL-TOK-001'\nactor = '/usr/bin/cat'\n\
                profile = 'acme'\nno_call = true\n\
                evidence = { kind = 'file_open', path = '${home}/.acme/token', credential = 'acme' }";
    expect(&ground, &server, text)?;
    let told = about(&ground, ".acme/token")?;
    assert_eq!(told.len(), 1, "the owner is nobody's business: {told:?}");
    end(ground, agent, server)
}

#[test]
fn the_longest_prefix_says_what_an_address_is() -> Result<()> {
    let ground = Ground::new("roles")?;
    let text = fs::read_to_string(ground.place.config())?;
    // A part of the internet is this host's own, and one address of that is internal.
    let roles = "internal   = [\"127.66.0.0/16\", \"127.69.1.1\"]\nlocal = [\"127.69.1.0/24\"]\n";
    let text = text.replace("internal   = [\"127.66.0.0/16\"]\n", roles);
    fs::write(ground.place.config(), text.replace("[\"127.65.0.0/16\"]", "[\"127.65.0.0/16\", \"127.69.0.0/16\"]"))?;
    let (agent, mut server) = served(&ground, &[])?;
    let listeners: Vec<TcpListener> = ["127.69.0.1:0", "127.69.1.1:0", "127.69.1.2:0"]
        .map(TcpListener::bind)
        .into_iter()
        .collect::<Result<_, _>>()?;
    for listener in &listeners {
        server.call("connect", json!({"to": listener.local_addr()?.to_string()}))?;
    }
    for (address, role, category) in
        [("127.69.1.1", "internal", "lateral_movement"), ("127.69.1.2", "local", "undeclared_effect")]
    {
        let text = format!(
            "category = ['{category}']\ntool = 'connect'\n\
             evidence = {{ kind = 'connect', address = '{address}', role = '{role}' }}"
        );
        expect(&ground, &server, &text).with_context(|| address.to_owned())?;
    }
    let internal = about(&ground, "\"role\":\"internal\"")?;
    assert_eq!(internal.len(), 1, "{internal:?}");
    // A tool may go to the outside host that its argument names, so that one is quiet.
    let outside = about(&ground, "\"address\":\"127.69.0.1\"")?;
    assert!(outside.is_empty(), "{outside:?}");
    end(ground, agent, server)
}

#[test]
fn a_suppressed_alert_is_not_written_and_what_follows_from_it_is() -> Result<()> {
    let more = "[[alerts.suppress]]\nrule = \"TL-CRED-001\"\npath = \"**/.acme/token\"\n\
                [[credentials]]\npath = \"**/.acme/token\"\nkind = \"acme\"\n\
                [[sink]]\nkind = \"file\"\npath = \"${root}/sink.ndjson\"\n";
    let ground = ground("suppressed", more)?;
    let (agent, mut server) = served(&ground, &[])?;
    let home = ground.place.home();
    server.call("openat", json!({"path": home.join(".acme/token")}))?;
    let outside = TcpListener::bind("127.65.0.1:0")?;
    server.call("connect", json!({"to": outside.local_addr()?.to_string()}))?;
    let text = "category = ['exfiltration']\nseverity = 'high'\nrule = 'TL-EXF-003'\ntool = 'connect'\n\
                evidence = { kind = 'file_open', path = '${home}/.acme/token', credential = 'acme' }";
    expect(&ground, &server, text)?;
    // Another file, the same rule: that one is written.
    server.call("openat", json!({"path": home.join(".ssh/id_ed25519")}))?;
    let text = "rule = 'TL-CRED-001'\nevidence = { kind = 'file_open', path = '${home}/.ssh/id_ed25519' }";
    expect(&ground, &server, text)?;
    let place = &ground.place;
    let outputs = [place.alerts(), place.path("sink.ndjson"), place.path("state/alerts.ndjson")];
    for path in outputs {
        let reads = |alert: &Value| {
            let of = |item: &Value| item["path"].as_str().is_some_and(|path| path.ends_with(".acme/token"));
            alert["rule"]["id"] == "TL-CRED-001" && alert["evidence"].as_array().is_some_and(|all| all.iter().any(of))
        };
        let written = alert::read(&path)?.into_iter().find(reads);
        assert!(written.is_none(), "{}: {written:?}", path.display());
    }
    end(ground, agent, server)
}

#[test]
fn a_sink_gets_what_the_store_gets() -> Result<()> {
    let more = "[[sink]]\nkind = \"file\"\npath = \"${root}/one.ndjson\"\n\
                [[sink]]\nkind = \"file\"\npath = \"${root}/two.ndjson\"\n";
    let ground = ground("sinks", more)?;
    let place = &ground.place;
    // What stands there stays.
    let old = "{\"schema\":\"something older\"}\n";
    fs::write(place.path("two.ndjson"), old)?;
    fs::set_permissions(place.path("two.ndjson"), fs::Permissions::from_mode(0o640))?;
    let before = umask(Mode::empty());
    let (agent, mut server) = served(&ground, &[])?;
    umask(before);
    for name in [".ssh/id_ed25519", ".aws/credentials", ".kube/config"] {
        server.call("openat", json!({"path": place.home().join(name)}))?;
        let text = format!("rule = 'TL-CRED-001'\nevidence = {{ kind = 'file_open', path = '${{home}}/{name}' }}");
        expect(&ground, &server, &text)?;
        // At once, not at the end.
        let there = || about_in(&ground, "one.ndjson", name);
        wait::until_true("the theft in the sink", BOUND, there).with_context(|| name.to_owned())?;
    }
    let (mut agent, mut server) = (agent, server);
    assert!(server.close()?.success());
    assert!(agent.end()?.success(), "{}", agent.said());
    process::settle(&[], BOUND)?;
    let store = fs::read_to_string(place.path("state/alerts.ndjson"))?;
    assert!(store.lines().count() >= 3, "{store}");
    assert_eq!(fs::read_to_string(place.path("one.ndjson"))?, store);
    assert_eq!(fs::read_to_string(place.path("two.ndjson"))?, old.to_owned() + &store);
    assert_eq!(fs::read_to_string(place.alerts())?, store);
    let mode = |name: &str| Ok::<u32, std::io::Error>(File::open(place.path(name))?.metadata()?.mode() & 0o777);
    assert_eq!(
        (mode("one.ndjson")?, mode("two.ndjson")?),
        (0o600, 0o640),
        "made for root only; an old one keeps its own"
    );
    ground.end()
}

fn about_in(ground: &Ground, file: &str, word: &str) -> bool {
    fs::read_to_string(ground.place.path(file)).is_ok_and(|text| text.contains(word))
}
