//! The demo: a real MCP server, watched by this very program, is used and then abused.
//!
//! It happens in a mount and a network namespace of its own. A folder that lives in memory holds a home with made-up
//! secrets; parts of 127.0.0.0/8 play Cloudflare, the internet and a cloud's metadata service. When the process ends,
//! however it ends, the kernel takes all of that away; the processes are ended by their numbers.
//!
//! `play` holds the order of events, `steps` what is done and which alerts have to come, `timeline` what is printed.
//! The rest is the stage: `ground` (namespaces, folder), `cloud` and `world` (who answers), `subject` (which server),
//! `client` (who asks), `follow` (what Tripline wrote), `offspring` (who must end).

mod client;
mod cloud;
mod follow;
mod ground;
mod http;
mod interrupt;
mod judge;
mod offspring;
mod paint;
mod play;
mod steps;
mod subject;
mod timeline;
mod world;

use std::path::PathBuf;

use anyhow::{Result, anyhow};

use crate::discover::find_command;

/// Which server is wanted, and where its parts are.
#[derive(Debug)]
pub struct Want {
    /// The one of npm will do.
    pub npm: bool,
    /// The sample server will do.
    pub sample: bool,
    /// Where the package is.
    pub package: Option<PathBuf>,
    /// Where node is.
    pub node: Option<PathBuf>,
    /// Where the sample server is.
    pub sample_server: Option<PathBuf>,
}

/// Plays the demo; `Ok(false)` when other alerts came than those expected.
///
/// # Errors
/// What is missing, or what went wrong on the stage.
pub fn run(want: &Want) -> Result<bool> {
    crate::session::require_root()?;
    let subject = subject::choose(want)?;
    let shell =
        find_command("bash".as_ref()).map_err(|(_, message)| anyhow!("{message}; the demo's trojan needs it"))?;
    let shell = shell.canonicalize()?.to_string_lossy().into_owned();
    interrupt::catch()?;
    let mut offspring = offspring::adopt()?;
    let outcome = play::play(&subject, &shell, &mut offspring);
    let ended = offspring.end();
    let good = outcome?;
    ended?;
    Ok(good)
}
