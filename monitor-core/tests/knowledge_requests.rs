//! Every tool of the local Cloudflare server: what it is declared to ask of the API, with its arguments in the path, is
//! quiet; the same with any other value in the path, or once more where it changes something, isn't.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod script;

use std::fmt::Write as _;

use monitor_core::alert::{Alert, Severity};
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use serde_json::Value;

const LOCAL: &str = "local-stdio-0.2.0";

fn alerts(steps: &str) -> Vec<Alert> {
    let setup = script::Setup {
        name: "@cloudflare/mcp-server-cloudflare".to_owned(),
        profile: "cloudflare".to_owned(),
        ..script::Setup::default()
    };
    let head = "0 start /usr/bin/node script=/home/u/srv/index.js index.js run acct\n10 handshake\n";
    let (mut engine, mut alerts) = (Engine::new(EngineConfig::default()), Vec::new());
    for event in script::events(&setup, &format!("{head}{steps}")) {
        engine.step(&event, &mut alerts);
    }
    alerts
}

/// A call of a tool with all its arguments, and its requests: method and path, with `{variable}` filled in.
fn call(entry: &Value, fill: impl Fn(&str) -> String) -> (String, Vec<(String, String)>) {
    let mut call = format!("5000 call 1 {}", entry["tool"].as_str().unwrap());
    for argument in entry["args"].as_array().unwrap() {
        let name = argument["name"].as_str().unwrap();
        write!(call, " /{name}=value-of-{name}").unwrap();
    }
    let requests = entry["api"].as_array().unwrap().iter().map(|api| {
        let word = |name: &str| api[name].as_str().unwrap().to_owned();
        let mut path = word("host") + &word("base");
        for segment in api["path"].as_str().unwrap().split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(variable) => path += &fill(variable),
                None => path += segment,
            }
        }
        (word("method"), path)
    });
    (call + "\n", requests.collect())
}

fn own(variable: &str) -> String {
    if variable == "account_id" { "acct".to_owned() } else { format!("value-of-{variable}") }
}

fn tools() -> Vec<Value> {
    let entries: Vec<Value> = serde_json::from_str(include_str!("../../profiles/data/cloudflare-tools.json")).unwrap();
    let local: Vec<Value> = entries.into_iter().filter(|entry| entry["server"] == LOCAL).collect();
    assert_eq!(local.len(), 89);
    local
}

fn send(requests: &[(String, String)], at: u32) -> String {
    requests.iter().fold(String::new(), |mut steps, (method, path)| {
        writeln!(steps, "{at} http root {method} {path} token=fp:1\n{at} status root 200").unwrap();
        steps
    })
}

#[test]
fn what_a_tool_is_declared_to_ask_is_quiet_once() {
    for entry in tools() {
        let (call, requests) = call(&entry, own);
        let once = alerts(&format!("{call}{}", send(&requests, 5010)));
        assert!(once.is_empty(), "{call}{}", once[0].summary);
        let twice = alerts(&format!("{call}{}{}", send(&requests, 5010), send(&requests, 5020)));
        let changes = requests.iter().filter(|(method, _)| entry["mutates"] == true && method != "GET").count();
        assert_eq!(twice.len(), changes, "{call}{twice:?}");
        assert!(twice.iter().all(|alert| alert.severity == Severity::High && alert.rule.id == "TL-EFF-005"), "{call}");
    }
}

#[test]
fn any_other_value_in_the_path_is_not_what_the_call_was_for() {
    let mut swapped = 0;
    for entry in tools() {
        let (call, requests) = call(&entry, |variable| format!("{{{variable}}}"));
        for (method, template) in requests {
            let variables: Vec<&str> = template.split('/').filter(|segment| segment.starts_with('{')).collect();
            for other in &variables {
                let segments = template.split('/').map(|segment| match segment.strip_prefix('{') {
                    Some(_) if segment == *other => "somebody-elses".to_owned(),
                    Some(name) => own(name.trim_end_matches('}')),
                    None => segment.to_owned(),
                });
                let path = segments.collect::<Vec<_>>().join("/");
                let found = alerts(&format!("{call}5010 http root {method} {path} token=fp:1\n"));
                let (rule, severity) = if entry["mutates"] == true && method != "GET" {
                    ("TL-EFF-005", Severity::High)
                } else {
                    ("TL-EFF-006", Severity::Medium)
                };
                assert_eq!(found.len(), 1, "{call}{method} {path}: {found:?}");
                assert_eq!((found[0].rule.id.as_str(), found[0].severity), (rule, severity), "{call}{method} {path}");
                swapped += 1;
            }
        }
    }
    assert!(swapped > 120, "{swapped}");
}

#[test]
fn a_path_that_leads_elsewhere_for_another_reader_is_no_reading() {
    let run = "api.cloudflare.com/client/v4/accounts/acct/ai/run";
    let found =
        |model: &str| alerts(&format!("5000 call 1 worker_list\n5010 http root POST {run}/{model} token=fp:1\n"));
    for model in ["@cf/meta/llama-3", "@cf%2Fmeta%2Fllama-3", "m..1"] {
        let found = found(model);
        assert_eq!(
            (found.len(), found[0].rule.id.as_str(), found[0].severity),
            (1, "TL-EFF-006", Severity::Low),
            "{model}"
        );
    }
    for model in ["..%2f..%2fd1%2fdatabase", "@cf/..%2f..%2fd1", "a%5cb", "a%252f..%252fb", "a%00", "a%ff", "a%2f.%2fb"]
    {
        let found = found(model);
        assert_eq!(
            (found.len(), found[0].rule.id.as_str(), found[0].severity),
            (1, "TL-EFF-005", Severity::High),
            "{model}"
        );
        // nor is it what a call without arguments was for
        let nothing = alerts(&format!("5000 call 1 ai_inference\n5010 http root POST {run}/{model} token=fp:1\n"));
        assert_eq!(nothing.len(), 1, "{model}");
    }
}
