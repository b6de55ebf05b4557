//! Detectors: plain functions from what happened, and what is known, to findings. One file per category, and one each for
//! API requests, remote calls, tokens and names.

mod attempt;
pub mod credential;
pub mod evasion;
pub mod execution;
pub mod exfiltration;
pub mod lateral_movement;
pub mod name;
pub mod remote;
pub mod request;
pub mod sensor;
pub mod token;
pub mod token_theft;
pub mod tool_abuse;
pub mod undeclared_effect;

use std::sync::Arc;

use monitor_wire::mcp::Id;

pub use attempt::{Attempt, failure};

use crate::alert::{Confidence, Evidence, Fact, Severity};
use crate::config::EngineConfig;
use crate::event::Net;
use crate::explain::Scene;
use crate::id::ProcId;
use crate::role::Role;
use crate::rules::Rule;
use crate::state::{Call, CallKey, Hold, Node, Proc, Server, State};
use crate::time::Time;

/// What a detector found. Correlation turns findings into alerts.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// How sure the detector is.
    pub confidence: Confidence,
    /// It rests on the *absence* of a call: worth little while calls may have been missed.
    pub absence: bool,
    /// The server concerned, where it isn't the actor's.
    pub concerns: Option<crate::id::ServerId>,
    /// The actor; `None` for the agent's own health.
    pub actor: Option<Arc<Node>>,
    /// What it was done to: same category, server, lineage and object count as the same.
    pub object: String,
    /// Calls concerned.
    pub calls: Vec<CallKey>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// One plain sentence.
    pub summary: String,
    /// Where that sentence tells of a connection: the sentence for either outcome, which may not be known yet.
    pub attempt: Option<Attempt>,
    /// It gives a count that is due to be told: more of the same is written each time, with the newest sentence.
    pub counted: bool,
}

/// What every detector may look at.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    /// Configuration.
    pub config: &'a EngineConfig,
    /// What is remembered.
    pub state: &'a State,
    /// When.
    pub now: Time,
    /// The server in whose tree the actor is, if any.
    pub server: Option<&'a Server>,
    /// The actor.
    pub actor: ProcId,
}

impl<'a> Cx<'a> {
    /// What is known of the actor.
    #[must_use]
    pub fn proc(&self) -> Option<&'a Proc> {
        self.state.processes.get(self.actor)
    }

    /// The actor's node, made up if it isn't known.
    #[must_use]
    pub fn node(&self) -> Arc<Node> {
        self.proc().map_or_else(|| Arc::new(Node::unknown(self.actor)), |proc| Arc::clone(&proc.node))
    }

    /// Name of the actor's program for people, with its pid.
    #[must_use]
    pub fn who(&self) -> String {
        match self.proc() {
            Some(proc) => format!("{} (pid {})", proc.node.image.title(), self.actor.pid),
            None => format!("pid {}", self.actor.pid),
        }
    }

    /// Where the actor stands, for people: `below server x`, or `outside every server`.
    #[must_use]
    pub fn whose(&self) -> String {
        match self.server {
            Some(server) if server.is_root(self.actor) || server.main().id == self.actor => {
                format!("MCP server {}", server.start.name)
            }
            Some(server) => format!("{}, below MCP server {},", self.who(), server.start.name),
            None => format!("{}, outside every watched server,", self.who()),
        }
    }

    /// The scene in the actor's server.
    #[must_use]
    pub fn scene(&self) -> Option<Scene<'a>> {
        self.server.map(|server| Scene::new(self.config, server, self.now))
    }

    /// Every call that is open or in its tail.
    #[must_use]
    pub fn open_calls(&self) -> Vec<CallKey> {
        self.server.map_or_else(Vec::new, |server| {
            server.holding(self.now, &self.config.windows).map(|(call, _)| call.key).collect()
        })
    }

    /// `during tool x`, `after tool x` (in its tail), `while no call was open`, for people.
    #[must_use]
    pub fn during(&self, calls: &[CallKey]) -> String {
        let Some(server) = self.server else { return String::new() };
        // those that are open, else those that were just answered; the newest first, each once
        for (hold, word) in [(Hold::Open, "during"), (Hold::Tail, "after")] {
            let held = calls_of(server, calls).filter(|call| call.hold(self.now, &self.config.windows) == Some(hold));
            let mut held: Vec<&Call> = held.collect();
            held.sort_by_key(|call| std::cmp::Reverse(call.key));
            let mut tools: Vec<&str> = Vec::new();
            for call in held {
                if !tools.contains(&call.tool.as_str()) {
                    tools.push(&call.tool);
                }
            }
            if tools.is_empty() {
                continue;
            }
            let more = tools.len().saturating_sub(3);
            tools.truncate(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            // one that isn't a tool says itself what it is
            let tool = if tools.first().is_some_and(|tool| tool.contains(' ')) { "" } else { "tool " };
            return format!(" {word} {tool}{}{more}", tools.join(", "));
        }
        match server.phase(self.now, &self.config.windows) {
            crate::profile::Phase::Start => " while it started".to_owned(),
            crate::profile::Phase::Stop => " after its main process had ended".to_owned(),
            _ => " while no call was open".to_owned(),
        }
    }

    /// A finding with the rule's usual severity and every open call.
    #[must_use]
    pub fn finding(&self, rule: &'static Rule, object: String, evidence: Fact, summary: String) -> Finding {
        Finding {
            rule,
            severity: rule.severity,
            confidence: Confidence::Strong,
            absence: false,
            concerns: None,
            actor: Some(self.node()),
            object,
            calls: self.open_calls(),
            evidence: vec![Evidence { time: self.now.into(), fact: evidence }],
            summary,
            attempt: None,
            counted: false,
        }
    }

    /// As [`Cx::finding`], for a connection, whose outcome is the verb.
    #[must_use]
    pub fn connecting(
        &self,
        rule: &'static Rule,
        object: String,
        (net, role): (&Net, Role),
        attempt: Attempt,
    ) -> Finding {
        let mut finding = self.finding(rule, object, Fact::net(net, role), attempt.told(&net.result));
        finding.attempt = Some(attempt);
        finding
    }
}

/// The calls of these keys.
pub fn calls_of<'a>(server: &'a Server, keys: &[CallKey]) -> impl Iterator<Item = &'a Call> {
    // after a loss there may be a thousand of both
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    server.calls.iter().filter(move |call| sorted.binary_search(&call.key).is_ok())
}

/// A JSON-RPC id as text.
#[must_use]
pub fn request_id(id: &Id) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => text.clone(),
    }
}

/// Evidence for each argument of these calls that names one of the paths.
#[must_use]
pub fn naming_arguments(server: &Server, calls: &[CallKey], paths: &[&str]) -> Vec<Evidence> {
    let named = calls_of(server, calls).flat_map(|call| {
        call.paths.iter().filter(|(_, path)| paths.contains(&path.as_str())).map(move |(at, path)| (call, at, path))
    });
    named
        .take(4)
        .map(|(call, at, path)| Evidence {
            time: call.started.into(),
            fact: Fact::Mcp {
                tool: Some(call.tool.clone()),
                field: Some(at.clone()),
                request: Some(request_id(&call.rpc)),
                detail: Some(path.clone()),
            },
        })
        .collect()
}
