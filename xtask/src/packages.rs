//! Programs from the system's package manager.

use crate::shell;
use anyhow::{Result, bail};

/// One program that a step needs.
pub struct Need {
    /// How to find out whether it is there.
    pub program: &'static str,
    /// The Debian package that holds it.
    pub package: &'static str,
    /// What it is for.
    pub why: &'static str,
}

/// What every test run needs. Programs for one step only (a VM, a packet decoder) are asked for by that step.
pub const BASE: &[Need] = &[
    Need { program: "gcc", package: "gcc", why: "links Rust programs" },
    Need { program: "node", package: "nodejs", why: "runs the MCP servers of the end-to-end tests" },
    Need { program: "npm", package: "npm", why: "installs those servers from their lock file" },
    Need { program: "python3", package: "python3", why: "runs the Python MCP server and client" },
    Need { program: "openssl", package: "openssl", why: "makes the certificate of the fake Cloudflare API" },
    Need { program: "git", package: "git", why: "is what the git server under test starts" },
    Need { program: "ip", package: "iproute2", why: "brings loopback up in the tests' network namespace" },
    Need { program: "script", package: "bsdutils", why: "gives the tests a terminal" },
    Need { program: "setpriv", package: "util-linux", why: "runs a test without privileges" },
];

/// The oldest Node that the official servers run on.
const NODE: u32 = 20;

/// What is missing of `needs`; each is a sentence.
pub fn missing(needs: &[Need]) -> Vec<String> {
    needs
        .iter()
        .filter(|need| !shell::have(need.program))
        .map(|need| format!("{}: {}", need.package, need.why))
        .collect()
}

/// Installs what is missing of `needs`, and checks that what is there will do.
pub fn require(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !shell::have(need.program)).collect();
    for need in &missing {
        println!("==> needs the package {}: {}", need.package, need.why);
    }
    if !missing.is_empty() {
        install(&missing.iter().map(|need| need.package).collect::<Vec<_>>())?;
    }
    if let Some(need) = needs.iter().find(|need| !shell::have(need.program)) {
        bail!("`{}` is still missing after its package {} was installed", need.program, need.package);
    }
    Ok(())
}

/// Is Node recent enough? A sentence if not.
pub fn node_too_old() -> Option<String> {
    let version = shell::probe("node", &["--version"])?;
    let major: u32 = version.trim_start_matches('v').split('.').next()?.parse().ok()?;
    (major < NODE).then(|| {
        format!(
            "node {version} is too old: the official MCP servers need {NODE} or later, and Debian 12's own is older. \
             Put a newer one into /usr/local/bin, or add its makers' package source, and run again"
        )
    })
}

/// Installs Debian packages, or names them and stops where there is no apt-get.
pub fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !shell::have("apt-get") {
        bail!("this system has no apt-get: install these (Debian's names) and run again: {list}");
    }
    if !shell::is_root() {
        println!("    installing packages needs root: using sudo");
    }
    let get = |arguments: &[&str]| -> Result<()> {
        let mut command = shell::as_root("env")?;
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]).args(arguments);
        shell::must(&mut command)
    };
    get(&["update"])?;
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(packages);
    get(&arguments)
}
