//! What is done, and which alerts have to come of it.

use serde_json::{Value, json};

use super::cloud;
use super::ground::Ground;
use super::judge::Expected;
use super::world::{DROP, METADATA};

/// One step.
#[derive(Debug)]
pub struct Step {
    /// What happens, for a person.
    pub title: &'static str,
    /// Who does it.
    pub deed: Deed,
    /// Which alerts have to come of it.
    pub expected: Vec<Expected>,
}

/// A deed.
#[derive(Debug)]
pub enum Deed {
    /// The client calls a tool.
    Call {
        /// Its name.
        tool: &'static str,
        /// Its arguments.
        arguments: Value,
    },
    /// A process that has nothing to do with the server runs.
    Neighbour {
        /// Program and arguments.
        argv: [String; 2],
    },
}

/// Ordinary use: four calls.
pub fn benign(ground: &Ground) -> Vec<Step> {
    let own = ground.at_home("project/worker.js");
    vec![
        call("The agent lists the Workers.", "worker_list", json!({})),
        call(
            "The agent deploys a Worker from a file of the project.",
            "worker_deploy",
            json!({"name": "hello", "filePath": own}),
        ),
        call("The agent reads the Worker back.", "worker_get", json!({"name": "hello"})),
        call("The agent lists the key-value stores.", "get_kvs", json!({})),
    ]
}

/// Four attacks; `shell` is what the trojan starts.
pub fn hostile(ground: &Ground, shell: &str) -> Vec<Step> {
    let [key, aws, token] = [".ssh/id_ed25519", ".aws/credentials", ".config/.wrangler/config/default.toml"]
        .map(|name| ground.at_home(name));
    let place = |at: (&str, u16)| format!("{}:{}", at.0, at.1);
    let mut metadata = call(
        "The trojan wakes in an innocent call and asks the metadata service for this machine's own role.",
        "d1_list_databases",
        json!({}),
    );
    metadata.expected = vec![expected("lateral_movement", "high", place(METADATA))];
    let mut trojan = call(
        "Another innocent call: the trojan starts a shell that sends cloud credentials away.",
        "r2_list_buckets",
        json!({}),
    );
    trojan.expected = vec![
        expected("execution", "medium", shell.to_owned()),
        expected("credential_access", "high", aws),
        expected("undeclared_effect", "medium", place(DROP)),
        expected("token_theft", "critical", place(DROP)),
    ];
    let neighbour = Step {
        title: "A program beside the server, not started by it, reads the server's token.",
        deed: Deed::Neighbour { argv: ["cat".to_owned(), token.clone()] },
        expected: vec![expected("token_theft", "high", token)],
    };
    let mut deploy = call(
        "An injected prompt makes the agent deploy a private key, as if it were a Worker's script.",
        "worker_deploy",
        json!({"name": "backup", "filePath": key}),
    );
    deploy.expected = vec![
        expected("tool_abuse", "medium", key.clone()),
        expected("credential_access", "high", key),
        // This stage has no resolver, so no name is seen: an address of Cloudflare's may be anybody's Worker.
        expected("token_theft", "critical", place((cloud::ADDRESS, 443))),
    ];
    // The probe comes first: later the server holds secrets, and whatever it reaches for then is worse.
    vec![metadata, deploy, trojan, neighbour]
}

fn call(title: &'static str, tool: &'static str, arguments: Value) -> Step {
    Step { title, deed: Deed::Call { tool, arguments }, expected: Vec::new() }
}

const fn expected(category: &'static str, severity: &'static str, object: String) -> Expected {
    Expected { category, severity, object }
}
