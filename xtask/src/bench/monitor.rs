//! What watches: nothing, programs that do nothing, Tripline, and the peers.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use crate::shell;

/// One way to watch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Monitor {
    /// Programs that do nothing, on Tripline's hooks.
    Floor,
    /// `tripline exec`.
    Exec,
    /// `tripline run`: the whole host.
    Run,
    /// bpftrace with a script that looks at the same calls.
    Bpftrace,
    /// strace of the same calls.
    Strace,
    /// The kernel's audit, with rules for the same calls but reads and writes.
    Audit,
}

/// How long a watcher may take to be armed, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts bpftrace with tracefs mounted; 200 bytes are the most that its version 0.17 takes of a string.
const WITH_TRACEFS: &str = "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
exec env BPFTRACE_STRLEN=200 bpftrace \"$@\"";

impl Monitor {
    /// Word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor (hooks that do nothing)",
            Self::Exec => "**tripline exec**",
            Self::Run => "**tripline run**",
            Self::Bpftrace => "bpftrace",
            Self::Strace => "strace",
            Self::Audit => "audit",
        }
    }

    /// Everything that has to run before the server does; `folder` is this run's own.
    pub fn before(self, bench: &Bench, folder: &Path) -> Result<Watcher> {
        match self {
            Self::Floor => {
                let mut command = shell::as_root(&bench.built.subject("floor"))?;
                Watcher::start(command.arg(&bench.built.floor).stdout(Stdio::piped()), Said::Out("armed"))
            }
            Self::Run => {
                let mut command = shell::as_root(&bench.built.tripline.to_string_lossy())?;
                command.arg("run").arg("--config").arg(configuration(folder)?);
                Watcher::start(command.stderr(Stdio::piped()), Said::Err("armed"))
            }
            Self::Audit => Watcher::audit(),
            Self::Exec | Self::Bpftrace | Self::Strace => Ok(Watcher::default()),
        }
    }

    /// The command that starts the server.
    pub fn command(self, bench: &Bench, folder: &Path, server: &[String]) -> Result<Vec<String>> {
        let mut words: Vec<String> = match self {
            Self::Exec => {
                let configuration = configuration(folder)?;
                let alerts = folder.join("alerts.ndjson");
                [
                    &bench.built.tripline,
                    &PathBuf::from("exec"),
                    &"--config".into(),
                    &configuration,
                    &"--alerts".into(),
                    &alerts,
                ]
                .map(|word| word.display().to_string())
                .into_iter()
                .chain(["--".to_owned()])
                .collect()
            }
            Self::Strace => {
                let out = folder.join("strace.txt").display().to_string();
                ["strace", "-f", "-e", "trace=openat,connect,read,write,execve", "-o", &out].map(str::to_owned).into()
            }
            _ => Vec::new(),
        };
        words.extend_from_slice(server);
        Ok(words)
    }

    /// What attaches to a server that runs already.
    pub fn attach(self, folder: &Path, server: u32) -> Result<Watcher> {
        if self != Self::Bpftrace {
            return Ok(Watcher::default());
        }
        let script = shell::root().join("tests/bench/peers/sensors.bt");
        // It finds tracepoints by tracefs only, which need not be mounted: then it gets one in mounts of its own.
        let mut command = shell::as_root("unshare")?;
        command.args(["--mount", "--propagation", "private", "sh", "-c", WITH_TRACEFS, "sh"]);
        // With `-o` version 0.17 keeps what it says until it ends, whatever `-B` asks for.
        command.args(["-B", "line"]).arg(script).arg(server.to_string());
        command.stdout(fs::File::create(folder.join("bpftrace.txt"))?);
        command.stderr(fs::File::create(folder.join("bpftrace.err"))?);
        let watcher = Watcher::start(&mut command, Said::Nothing)?;
        // Its script prints a line at its begin, once the probes are attached.
        let out = folder.join("bpftrace.txt");
        let armed = || fs::read_to_string(&out).is_ok_and(|text| text.contains("armed"));
        if !wait(&armed) {
            watcher.stop()?;
            bail!("bpftrace did not get armed: {}", fs::read_to_string(folder.join("bpftrace.err"))?);
        }
        Ok(watcher)
    }
}

/// What a watcher says when it is armed, and where.
enum Said {
    Out(&'static str),
    Err(&'static str),
    Nothing,
}

/// A watcher that was started, if one had to be. Stopped by [`Watcher::stop`], or when it is dropped.
#[derive(Default)]
pub struct Watcher {
    child: Option<Child>,
    audit: bool,
}

impl Watcher {
    fn start(command: &mut Command, said: Said) -> Result<Self> {
        let shown = shell::shown(command);
        let mut child = command.stdin(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
        let (stream, word): (Box<dyn Read + Send>, &str) = match said {
            Said::Out(word) => (Box::new(child.stdout.take().context("no output")?), word),
            Said::Err(word) => (Box::new(child.stderr.take().context("no output")?), word),
            Said::Nothing => return Ok(Self { child: Some(child), audit: false }),
        };
        let mut lines = BufReader::new(stream);
        let (mut all, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                bail!("`{shown}` was not armed: {all}{:?}", child.wait()?);
            }
            all.push_str(&line);
            if line.contains(word) {
                break;
            }
        }
        // What it says later must go somewhere.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(Self { child: Some(child), audit: false })
    }

    /// Rules as an auditor would write them. Refused where there are rules already: they must be found as they were left.
    fn audit() -> Result<Self> {
        let auditctl = |words: &[&str]| -> Result<String> {
            let mut command = shell::as_root("auditctl")?;
            shell::output(command.args(words))
        };
        if !auditctl(&["-l"])?.contains("No rules") {
            bail!("this machine has audit rules: they would have to be removed, so audit can't be measured here");
        }
        let watcher = Self { child: None, audit: true };
        auditctl(&["-e", "1"])?;
        auditctl(&["-a", "always,exit", "-F", "arch=b64", "-S", "openat,connect,execve"])?;
        Ok(watcher)
    }

    /// Stops it and waits for its end.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::take(&mut self.audit) {
            for words in [["-D"].as_slice(), &["-e", "0"]] {
                shell::output(shell::as_root("auditctl")?.args(words))?;
            }
        }
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // The floor ends with its input, the others when they are asked to; only this child, by its number.
        drop(child.stdin.take());
        if child.try_wait()?.is_none() {
            shell::as_root("kill")?.args(["-INT", &child.id().to_string()]).status()?;
        }
        child.wait()?;
        Ok(())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("xtask: a watcher may still run: {error:#}");
        }
    }
}

/// A configuration whose state is in `folder`, with a made-up kind of credential for the latency of alerts.
pub fn configuration(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("config.toml");
    let text = format!(
        "[state]\ndir = \"{0}\"\nruntime = \"{0}-run\"\n\n[[credentials]]\npath = \"**/bench-vault/token-*\"\nkind = \"bench\"\n",
        folder.join("state").display()
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The watcher behind `tripline exec`, by the server that it watches.
pub fn watcher_of(server: u32) -> Option<u32> {
    let wanted = format!("watch\0--pid\0{server}\0");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.windows(wanted.len()).any(|part| part == wanted.as_bytes()))
    })
}

/// Waits until a watcher has judged everything and ended.
pub fn wait_for_end(watcher: u32) -> Result<()> {
    if wait(&|| !Path::new(&format!("/proc/{watcher}")).exists()) {
        return Ok(());
    }
    bail!("the watcher {watcher} still runs {} s after its server has ended", PATIENCE.as_secs())
}

/// Nanoseconds that a process has run, all its threads together.
pub fn busy_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn wait(done: &dyn Fn() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
