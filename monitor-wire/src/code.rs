//! Which API requests a piece of JavaScript would make, without running it.
//!
//! Code mode (`mcp.cloudflare.com`) has the tool `execute`, whose argument `code` is the text of an asynchronous arrow
//! function. The server puts it into a module and calls it with `cloudflare.request({method, path, query, body})`, which
//! adds the path to the API's base and fetches it, `fetch`, which reaches the API's host alone, and the text `accountId` in
//! scope (cloudflare/mcp f0066c21, `src/executor.ts` and `src/server.ts`). TypeScript's annotations are passed over.
//!
//! The program is followed as it would run, with values that are constant, a few constants, or unknown: both sides of each
//! condition, each element of a constant list, functions from each place that calls them with what it gives them. What is
//! assigned more than once, or changed after it was made, may be anything that is ever assigned anywhere, whatever the
//! order. Functions that are handed on are followed with unknown parameters. What makes requests (`cloudflare`, `fetch`)
//! is itself a value, so that an alias is no way round; handing it to where it isn't followed, calling what isn't known, and
//! whatever leads to the function constructor are reasons why an answer isn't complete.
//!
//! Time is bounded: the text is read once, and [`limits::CODE_STEPS`] expressions are looked at, whatever it says.

mod ast;
mod builtin;
mod call;
mod emit;
mod eval;
mod lex;
mod literal;
mod matching;
mod method;
mod object;
mod operator;
mod parse;
mod run;
mod statement;
mod url;
mod value;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::redact::Key;

/// Host of the API that `cloudflare.request` reaches.
pub const API_HOST: &str = "api.cloudflare.com";

/// What `cloudflare.request` puts before a path.
pub const API_BASE: &str = "/client/v4";

/// What a program would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The requests, in the order in which they were found, each once, at most 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// Why there may be others, in a fixed order. None: every request that the program makes is one of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<Reason>,
    /// Fingerprints of tokens that stand in its texts, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_in_code: Vec<String>,
}

/// A request that a program may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Host in lower case, with a port if one is named; `None` if it isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Path as it is sent, with the API's base, without query, dot segments resolved; redacted, at most 64 segments.
    pub path: Vec<Segment>,
    /// Names of its query parameters, redacted, at most 32; `None` if they aren't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<String>>,
    /// Names of the members of its body, redacted, at most 32; `None` if they aren't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Vec<String>>,
    /// Whether it is surely made.
    pub certainty: Certainty,
}

/// The method of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// As it is sent: upper case, at most 32 bytes.
    Known(String),
    /// It may be any.
    Unknown,
}

/// A segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// This text, redacted, as it is written in the program.
    Literal(String),
    /// One segment that begins and ends so.
    Partly(String, String),
    /// One segment; [`Reason::DynamicSegment`] tells if its value may lead elsewhere.
    Unknown,
    /// Any number of segments, or none.
    Rest,
}

/// Whether a request is made whenever the program runs to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing but an error keeps it from being made.
    Sure,
    /// It depends on a condition, or on values that have several possibilities.
    Possible,
}

/// Why an answer isn't complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A segment of a path is a value that isn't known, as the id of a zone that another request gave. Requests are listed
    /// unless that value holds a separator or is a dot segment.
    DynamicSegment,
    /// A method isn't known.
    DynamicMethod,
    /// What of the API a path names isn't known.
    DynamicPath,
    /// A host isn't known.
    UnknownHost,
    /// A function that isn't known is called.
    IndirectCall,
    /// What makes requests is handed to where it isn't followed.
    HandedOn,
    /// The program uses a name that the sandbox isn't known to have.
    UnknownName,
    /// It changes what the language or the sandbox has.
    Redefines,
    /// It reaches for constructors, prototypes or the global object.
    Reflection,
    /// It makes code of text.
    Eval,
    /// It loads a module.
    DynamicImport,
    /// It makes more requests, or takes more steps, than are followed.
    TooMany,
    /// It nests deeper than is followed.
    TooDeep,
    /// It is longer than is read.
    TooLong,
    /// It isn't JavaScript as far as it is understood here. Requests before that place are listed.
    Syntax,
}

/// How a request that was seen compares with one that a program may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// It isn't that one.
    No,
    /// It may be: something that isn't known would have to be just so.
    Possible,
    /// Method and every known segment are the same, and each unknown one is one segment.
    Firm,
}

impl Code {
    /// Every request that the program makes is listed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The same, as long as what stands for one segment of a path is an ordinary value, an id or a name.
    #[must_use]
    pub fn is_complete_but_for_values(&self) -> bool {
        self.reasons.iter().all(|reason| *reason == Reason::DynamicSegment)
    }
}

/// Reads the whole text of an `execute` call's `code`. `account` is what `accountId` stands for, where it is known.
///
/// A text that was cut reads as [`Reason::Syntax`] at best; don't give such. One of more than [`limits::CODE`] bytes isn't
/// read.
#[must_use]
pub fn read(key: &Key, text: &str, account: Option<&str>) -> Code {
    if text.len() > limits::CODE {
        return failed(Reason::TooLong);
    }
    let tokens = match lex::tokens(text) {
        Ok(tokens) => tokens,
        Err(reason) => return failed(reason),
    };
    let mut code = run::follow(key, &parse::program(&tokens), account);
    code.token_in_code = emit::tokens(key, &tokens, code.token_in_code);
    code
}

fn failed(reason: Reason) -> Code {
    Code { reasons: BTreeSet::from([reason]), ..Code::default() }
}
