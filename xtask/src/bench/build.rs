//! What is measured, built; and where everything lies.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{demo, shell, toolchain};

/// Where everything lies.
pub struct Built {
    /// `tripline`, as shipped.
    pub tripline: PathBuf,
    /// The folder of the subjects.
    release: PathBuf,
    /// The object whose programs do nothing.
    pub floor: PathBuf,
    /// Where runs leave their files: state, alerts, events.
    folder: PathBuf,
}

impl Built {
    /// A subject by name.
    pub fn subject(&self, name: &str) -> String {
        self.release.join(name).display().to_string()
    }

    /// An empty folder for one run.
    pub fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

/// The release binary, the subjects and the floor.
pub fn everything() -> Result<Built> {
    let tripline = demo::build_release()?;
    println!("==> building what it is measured with");
    let mut command = shell::cargo();
    command.args(["build", "--release", "--package", "bench-subjects"]);
    toolchain::tell(&mut command);
    shell::must(&mut command)?;
    let target = demo::target_folder()?;
    let floor = floor(&target)?;
    Ok(Built { tripline, release: target.join("release"), floor, folder: target.join("bench/run") })
}

/// The floor's programs, with the same command line as Tripline's get from `monitor/build.rs`.
fn floor(target: &Path) -> Result<PathBuf> {
    let own = target.join("bench/floor");
    let mut command = toolchain::ebpf_cargo();
    command.args(["build", "--release", "--package", "bench-ebpf", "--bins", "-Z", "build-std=core"]);
    command.args(["--target", "bpfel-unknown-none", "--target-dir"]).arg(&own);
    let arch = format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH);
    let flags = [&arch, "-Cdebuginfo=2", "-Clink-arg=--btf"].join("\x1f");
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags);
    command.env_remove("RUSTC").env_remove("RUSTC_WORKSPACE_WRAPPER");
    shell::must(&mut command)?;
    let object = own.join("bpfel-unknown-none/release/floor-programs");
    if !object.exists() {
        bail!("{} was not built", object.display());
    }
    Ok(object)
}
