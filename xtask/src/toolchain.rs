//! The pinned Rust toolchain, its `rust-src` component, and `bpf-linker`.

use crate::{packages, shell};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The last release that can use the LLVM inside rustc 1.95; later ones want a system LLVM 23.
const BPF_LINKER: &str = "0.10.3";

/// Where the source of `core` lies in a toolchain.
const CORE: &str = "lib/rustlib/src/rust/library/core/src/lib.rs";

/// The name that Debian's compiler gets in rustup, where it has to stand in.
const DEBIAN: &str = "tripline-debian";

/// `rustup` may hang where its server cannot be reached; Debian's packages serve then.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// Components that the build and the tests use.
const COMPONENTS: [(&str, &str, &str); 3] = [
    ("rust-src", "the eBPF object needs `core` built for the BPF target", CORE),
    ("rustfmt", "`cargo xtask test` checks the format", "bin/rustfmt"),
    ("clippy", "`cargo xtask test` runs the lints", "bin/cargo-clippy"),
];

/// What the toolchain lacks; each is a sentence that says what and why.
pub fn missing() -> Result<Vec<String>> {
    let sysroot = sysroot()?;
    let mut missing: Vec<String> = COMPONENTS
        .iter()
        .filter(|(name, _, file)| !present(name, &sysroot.join(file)))
        .map(|(name, why, _)| format!("the {name} component of Rust {}: {why}", name_of_toolchain()))
        .collect();
    if !linker_fits() {
        missing.push(format!("bpf-linker {BPF_LINKER}: links the eBPF object"));
    }
    Ok(missing)
}

/// Installs what is missing.
pub fn install() -> Result<()> {
    let sysroot = sysroot()?;
    for (name, why, file) in COMPONENTS {
        if present(name, &sysroot.join(file)) {
            continue;
        }
        println!("==> installing the {name} component: {why}");
        let toolchain = name_of_toolchain();
        let mut command = Command::new("rustup");
        command.args(["component", "add", name, "--toolchain", &toolchain]);
        match shell::must_within(&mut command, RUSTUP_LIMIT) {
            Ok(()) => {}
            Err(error) if name == "rust-src" => {
                println!("    rustup could not deliver it ({error:#})");
                debian_toolchain()?;
            }
            Err(error) => return Err(error.context(format!("the {name} component is needed: {why}"))),
        }
    }
    if !linker_fits() {
        println!("==> installing bpf-linker {BPF_LINKER} (about a minute): it links the eBPF object");
        let mut command = shell::cargo();
        command.args(["install", "bpf-linker", "--version", BPF_LINKER, "--locked", "--force"]);
        // Its own target folder and no RUSTFLAGS of ours.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
        shell::must(&mut command)?;
    }
    Ok(())
}

/// Debian's compiler with its source, where rustup's server cannot be reached.
///
/// Its `core` is of its own release and only builds with its own compiler, so the eBPF object alone is built with the
/// whole Debian toolchain, which rustup knows as [`DEBIAN`] from then on. `monitor/build.rs` learns it from the
/// environment, see [`tell`].
fn debian_toolchain() -> Result<()> {
    println!("==> using Debian's Rust with its source for the eBPF object instead");
    packages::install(&["rustc-web", "cargo-web", "rust-web-src"])?;
    shell::must(Command::new("rustup").args(["toolchain", "link", DEBIAN, "/usr"]))
}

/// Tells a build which toolchain the eBPF object needs, where it is not the pinned one.
pub fn tell(command: &mut Command) {
    let pinned = sysroot().is_ok_and(|sysroot| sysroot.join(CORE).exists());
    if !pinned && debian_ready() {
        command.env("TRIPLINE_EBPF_TOOLCHAIN", DEBIAN);
    }
}

/// The cargo that builds for the BPF target.
pub fn ebpf_cargo() -> Command {
    let pinned = sysroot().is_ok_and(|sysroot| sysroot.join(CORE).exists());
    if pinned || !debian_ready() {
        return shell::cargo();
    }
    let mut command = Command::new("rustup");
    command.args(["run", DEBIAN, "cargo"]);
    command
}

fn debian_ready() -> bool {
    Path::new("/usr").join(CORE).exists() && shell::probe("rustup", &["run", DEBIAN, "rustc", "-V"]).is_some()
}

fn present(name: &str, file: &Path) -> bool {
    file.exists() || (name == "rust-src" && debian_ready())
}

fn linker_fits() -> bool {
    shell::probe("bpf-linker", &["--version"]).is_some_and(|line| line.split_whitespace().nth(1) == Some(BPF_LINKER))
}

fn sysroot() -> Result<PathBuf> {
    Ok(shell::output(Command::new("rustc").args(["--print", "sysroot"]))?.trim().into())
}

/// The toolchain in use: rustup tells its proxies, else the pinned one.
fn name_of_toolchain() -> String {
    std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| pinned().unwrap_or_else(|_| "stable".into()))
}

fn pinned() -> Result<String> {
    let text = std::fs::read_to_string(shell::root().join("rust-toolchain.toml"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")).context("no channel")?;
    Ok(line.trim_end_matches('"').to_owned())
}
