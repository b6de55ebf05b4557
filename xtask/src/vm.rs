//! `cargo xtask vm`: the sensors' tests on Debian's kernel in a virtual machine.
//!
//! This machine's kernel may refuse BPF trampolines; Debian's allows them, so there the LSM and fexit backend runs. The
//! guest is an initial file system with the same test binaries at the same paths, run by `tests/src/bin/guest_init.rs`.
//! Everything is cached below `target/vm`; software emulation needs no rights and no special machine.

mod cpio;
mod image;
mod kernel;
mod machine;

use crate::packages::Need;
use crate::tally::Counts;
use crate::test::Built;
use crate::{demo, packages, setup, shell, test};
use anyhow::{Context, Result};
use clap::Args;
use image::Image;
use std::fs;
use std::path::{Path, PathBuf};

/// How to run the guest.
#[derive(Args)]
pub struct Options {
    /// Debian release whose kernel boots: bookworm (6.1), trixie (6.12), sid.
    #[arg(long, default_value = "bookworm", value_name = "RELEASE")]
    release: String,
    /// A kernel image to boot instead.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Boot with `bpf` left out of the active LSMs, as some distributions do: fentry hooks must serve then. Tracepoints,
    /// to which that makes no difference, aren't tried.
    #[arg(long)]
    without_bpf_lsm: bool,
    /// Only the tests of the sensors, without the scenarios (no Node, no Python in the guest).
    #[arg(long)]
    sensors_only: bool,
    /// Parts of the names of the scenarios to run, instead of the usual few.
    #[arg(last = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            release: "bookworm".to_owned(),
            kernel: None,
            without_bpf_lsm: false,
            sensors_only: false,
            scenarios: Vec::new(),
        }
    }
}

/// What this step needs beside the others' needs.
const NEEDS: &[Need] = &[
    Need { program: "qemu-system-x86_64", package: "qemu-system-x86", why: "boots Debian's kernel for the tests" },
    Need { program: "dpkg", package: "dpkg", why: "unpacks that kernel" },
];

/// Scenarios with a real server that are run in the guest. In software emulation one takes 30 to 40 s, and the others
/// differ only in what the engine makes of the same events.
const SCENARIOS: &[&str] = &["cloudflare_deploy_ssh_key"];

/// A panic ends the machine, and its first line is seen; a processor that hangs in the kernel is one, with what each
/// processor did. The list of active LSMs, to which `bpf` is added: the kernel's own list may leave it out (Debian's 5.10
/// does).
const PARAMETERS: &str = "console=ttyS0 panic=-1 quiet loglevel=5 softlockup_panic=1 \
    softlockup_all_cpu_backtrace=1 lsm=landlock,lockdown,yama,integrity,apparmor";

/// Runs the guest; `Ok(false)` when a test in it failed.
pub fn run(options: &Options) -> Result<bool> {
    setup::build_needs()?;
    setup::test_needs()?;
    let counts = counts(options)?;
    Ok(counts.failed == 0 && counts.passed > 0)
}

/// For `cargo xtask test`: a guest with everything, and one for the sensors alone where fentry has to serve.
pub fn both() -> Result<Counts> {
    let mut counts = counts(&Options::default())?;
    counts += self::counts(&Options { without_bpf_lsm: true, sensors_only: true, ..Options::default() })?;
    Ok(counts)
}

/// One guest, counted.
fn counts(options: &Options) -> Result<Counts> {
    packages::require(NEEDS)?;
    let folder = shell::root().join("target/vm");
    let kernel = match &options.kernel {
        Some(file) => file.clone(),
        None => {
            let folder = folder.join(&options.release);
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
            kernel::image(&folder, &options.release)?
        }
    };
    let initrd = folder.join("initrd.cpio");
    let size = guest(options)?.write(&initrd)?;
    println!("    {} holds {} MB", initrd.display(), size >> 20);
    let bpf = if options.without_bpf_lsm { "" } else { ",bpf" };
    machine::run(&kernel, &initrd, &format!("{PARAMETERS}{bpf}"))
}

/// The guest's file system.
fn guest(options: &Options) -> Result<Image> {
    let tripline = match std::env::var_os("TRIPLINE_BIN") {
        Some(path) => path.into(),
        None => demo::build_release()?,
    };
    let tests = test::test_binaries("tests")?;
    let programs = test::programs("tests")?;
    let mut image = Image::new();
    image.program(&tripline)?;
    for program in &programs {
        image.program(&program.path)?;
    }
    let find = |all: &[Built], name: &str| {
        let found = all.iter().find(|built| built.name == name).map(|built| built.path.clone());
        found.with_context(|| format!("the crate `tests` has no `{name}`"))
    };
    let init = find(&programs, "guest_init")?;
    // The sensors with the hooks that this kernel takes, and with those that every kernel takes.
    let sensors = find(&tests, "sensors")?;
    image.program(&sensors)?;
    // Software emulation is ten to twenty times slower, and the host may do other things.
    let tripline = format!("TRIPLINE_PATIENCE=5 TRIPLINE_BIN={}", tripline.display());
    let mut runs = String::new();
    let all = sensors.display();
    let best = if options.without_bpf_lsm { "fentry" } else { "lsm" };
    runs += &format!("{tripline} TRIPLINE_EXPECT={best} {all}\n");
    if !options.without_bpf_lsm {
        // Arming a second server takes seconds here, and its transport makes no difference to these hooks.
        let tracepoint = "TRIPLINE_HOOKS=tracepoint TRIPLINE_EXPECT=tracepoint";
        runs += &format!("{tripline} {tracepoint} {all} --skip transport_pipes\n");
    }
    if !options.sensors_only {
        subjects(&mut image)?;
        // A run takes one filter, so that each is a run.
        let names: Vec<&str> = if options.scenarios.is_empty() {
            SCENARIOS.to_vec()
        } else {
            options.scenarios.iter().map(String::as_str).collect()
        };
        let scenarios = find(&tests, "scenarios")?;
        image.program(&scenarios)?;
        for name in names {
            runs += &format!("{tripline} {} {name}\n", scenarios.display());
        }
    }
    image.text("/etc/guest/runs", &runs);
    image.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    image.text("/etc/hosts", "127.0.0.1 localhost\n");
    image.link("/init", &init.to_string_lossy());
    Ok(image)
}

/// Servers, clients and what the scenarios start.
fn subjects(image: &mut Image) -> Result<()> {
    for name in ["node", "sh", "ip", "cat", "openssl"] {
        image.named(name)?;
    }
    image.file(Path::new("/usr/lib/ssl/openssl.cnf"))?;
    python(image)?;
    let root = shell::root();
    image.tree(&root.join("tests/scenarios"), &[])?;
    image.tree(&root.join("tests/drivers"), &[])?;
    image.tree(&root.join("docs/schema"), &[])?;
    image.tree(&root.join("target/subjects/node"), &["@types"])?;
    Ok(())
}

/// The Python of the subjects with its standard library: the deeds are written in it. The packages stay out.
fn python(image: &mut Image) -> Result<()> {
    let venv = shell::root().join("target/subjects/python/venv");
    let python = venv.join("bin/python");
    image.program(&python)?;
    image.file(&venv.join("pyvenv.cfg"))?;
    let ask = |what: &str| {
        let code = format!("import sysconfig; print(sysconfig.get_path('{what}'))");
        let answer = shell::probe(&python.to_string_lossy(), &["-c", &code]).filter(|path| path.starts_with('/'));
        answer.map(PathBuf::from).with_context(|| format!("{} names no {what}", python.display()))
    };
    let library = ask("stdlib")?;
    // The parts written in C have libraries of their own.
    let parts = library.join("lib-dynload");
    for part in fs::read_dir(&parts).with_context(|| format!("cannot read {}", parts.display()))? {
        image.program(&part?.path())?;
    }
    let skip = ["__pycache__", "site-packages", "test", "idlelib", "tkinter", "ensurepip", "lib2to3", "pydoc_data"];
    image.tree(&library, &skip)
}
