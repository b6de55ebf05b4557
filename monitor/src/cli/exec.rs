//! `tripline exec`: becomes the server.
//!
//! This process forks the watcher, waits until it is armed, and then executes COMMAND in place: pid, parent, signals,
//! terminal and exit status are the server's own. The watcher is a grandchild that init inherits, so the server finds no
//! child it didn't start; it keeps none of the server's descriptors.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, setsid};

use super::identity::Identity;
use super::{Failure, NOT_ARMED, WatchOptions, inherited};
use crate::agent::Registration;
use crate::discover::find_command;
use crate::session::require_root;

/// Start one MCP server and watch it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: the server's own; 125 if Tripline could not arm (the server was not started); 126 if \
COMMAND is not executable, 127 if it was not found; 2 for wrong usage.\n\nBeside a running agent (`tripline run`) the \
agent does the watching: --events is left out there, and only root may name --alerts or a file as --profile.\n\nExample, in an MCP client's configuration:\n  \"command\": \
\"sudo\", \"args\": [\"tripline\", \"exec\", \"--\", \"npx\", \"-y\", \"@cloudflare/mcp-server-cloudflare\", \"run\", \
\"ACCOUNT\"]"
)]
pub struct Exec {
    #[command(flatten)]
    pub(super) options: WatchOptions,
    /// The server's command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

impl Exec {
    /// Returns only if something went wrong.
    pub fn run(self) -> u8 {
        match self.start() {
            Ok(never) => match never {},
            Err(failure) => failure.report(),
        }
    }

    fn start(&self) -> Result<std::convert::Infallible, Failure> {
        if self.options.alerts.as_deref() == Some(Path::new("-")) {
            let why = "--alerts - is refused: standard output belongs to the server; name a file";
            return Err(Failure::usage(why));
        }
        if self.options.events.as_deref() == Some(Path::new("-")) {
            let why = "--events - is refused: standard output belongs to the server; name a file";
            return Err(Failure::usage(why));
        }
        let (config, _) = self.options.check()?;
        let command = self.command.first().map(OsString::as_os_str).unwrap_or_default();
        if command.is_empty() {
            let message = "COMMAND is empty: name the server's program behind `--`".to_owned();
            return Err(Failure { status: 127, message });
        }
        let path = find_command(command).map_err(|(status, message)| Failure { status, message })?;
        let identity = Identity::invoking().map_err(|message| Failure { status: NOT_ARMED, message })?;
        let state = PathBuf::from(config.state.dir);
        let runtime = Path::new(&config.state.runtime);
        if self.options.alerts.is_some() && !nix::unistd::geteuid().is_root() && crate::agent::runs(&state, runtime) {
            // it writes as root, and only root may say where
            let why = "--alerts is refused beside a running agent, except for root: alerts go to the agent's own outputs; \
                       leave it out";
            return Err(Failure::usage(why));
        }
        let armed = self.register(&state, runtime, &path).unwrap_or_else(|| {
            require_root().map_err(|error| format!("{error:#}"))?;
            arm(&self.options)
        });
        armed.map_err(|message| Failure { status: NOT_ARMED, message })?;
        inherited::restore();
        if let Some(identity) = identity {
            identity.assume().map_err(|error| Failure {
                status: NOT_ARMED,
                message: format!("cannot become the invoking user: {error}"),
            })?;
        }
        Err(execute(&path, &self.command))
    }
}

impl Exec {
    /// Where an agent runs it does the watching; `None` if none does. What only a watcher of its own can do (every event,
    /// a recording) is left out or refused then, so that no effect is reported twice.
    fn register(&self, state: &Path, runtime: &Path, path: &Path) -> Option<Result<(), String>> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let root = nix::unistd::geteuid().is_root();
        let registration = Registration {
            pid: std::process::id(),
            exe: std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            argv: self.command.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            profile: self.options.profile_argument(),
            alerts: self.options.alerts.as_deref().filter(|_| root).map(absolute),
        };
        if self.options.recording.is_some() && crate::agent::runs(state, runtime) {
            let why = "an agent runs already and does the watching: stop it first, or let it record (`tripline record -o \
                       FILE`)";
            return Some(Err(why.to_owned()));
        }
        let answer = super::run::register(state, runtime, &registration)?;
        if answer.is_ok() {
            let mut left_out = Vec::from_iter(self.options.events.is_some().then_some("--events"));
            // an agent that came in this very moment
            left_out.extend((self.options.alerts.is_some() && !root).then_some("--alerts"));
            for option in left_out {
                super::note(&format!(
                    "{option} is left out: the agent that runs already does the watching, and writes where it was told to"
                ));
            }
        }
        Some(answer)
    }
}

/// Starts the watcher and waits until it says that it is armed.
fn arm(options: &WatchOptions) -> Result<(), String> {
    let (ready, signal) = nix::unistd::pipe().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let pid = std::process::id();
    // SAFETY: this process has one thread: nothing has started any.
    match unsafe { fork() }.map_err(|error| format!("cannot start the watcher: {error}"))? {
        ForkResult::Parent { child } => {
            drop(signal);
            let _reaped = waitpid(child, None);
        }
        ForkResult::Child => {
            drop(ready);
            let status = detach_and_watch(options, pid, signal);
            // SAFETY: _exit only ends this process, without running what the parent registered.
            unsafe { libc::_exit(status) }
        }
    }
    let mut said = String::new();
    let _cut_short = File::from(ready).read_to_string(&mut said);
    match said.strip_suffix('\n') {
        Some("armed") => Ok(()),
        Some(message) if !message.is_empty() => Err(message.to_owned()),
        _ => Err("the watcher ended before it was armed; run `tripline doctor`".to_owned()),
    }
}

/// In the child: own session, own streams, and a grandchild that executes this program's `watch`.
fn detach_and_watch(options: &WatchOptions, pid: u32, signal: OwnedFd) -> i32 {
    let _own_session = setsid();
    // SAFETY: still one thread.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {}
        _ => return 0,
    }
    let fd = signal.into_raw_fd();
    let mut args: Vec<OsString> = vec!["tripline".into(), "watch".into(), "--pid".into(), pid.to_string().into()];
    args.extend(["--ready".into(), fd.to_string().into()]);
    args.extend(options.to_args());
    close_others(fd);
    let environment = ["PATH", crate::telemetry::LOG, crate::sensor::CHOICE]
        .iter()
        .filter_map(|name| std::env::var_os(name).map(|value| join_entry(name, &value)))
        .collect::<Vec<_>>();
    let args: Vec<CString> = args.iter().filter_map(|arg| CString::new(arg.as_bytes()).ok()).collect();
    let _only_on_error = nix::unistd::execve(c"/proc/self/exe", &args, &environment);
    1
}

fn join_entry(name: &str, value: &OsStr) -> CString {
    let mut entry = name.as_bytes().to_vec();
    entry.push(b'=');
    entry.extend_from_slice(value.as_bytes());
    CString::new(entry).unwrap_or_default()
}

/// Standard streams to nowhere; every other descriptor but `keep` is closed.
fn close_others(keep: i32) {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        for fd in 0..3 {
            // SAFETY: dup2 onto a standard descriptor of this process, which nothing else here uses.
            unsafe { libc::dup2(null.as_raw_fd(), fd) };
        }
    }
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse().ok()).collect();
    for fd in open {
        if fd > 2 && fd != keep {
            // SAFETY: nothing in this process uses the descriptor any more: it executes another program next. One of
            // them was the listing's own and is closed already, which close(2) just says.
            unsafe { libc::close(fd) };
        }
    }
}

/// Executes the command in place, with argv[0] as the user wrote it.
fn execute(path: &Path, command: &[OsString]) -> Failure {
    let Ok(path_c) = CString::new(path.as_os_str().as_bytes()) else {
        return Failure::usage("COMMAND holds a zero byte");
    };
    let args: Result<Vec<CString>, _> = command.iter().map(|arg| CString::new(arg.as_bytes())).collect();
    let Ok(args) = args else { return Failure::usage("an argument holds a zero byte") };
    let mut failed = nix::unistd::execv(&path_c, &args);
    if failed == Err(nix::errno::Errno::ENOEXEC) {
        // A script without `#!`: execvp(3) gives it to the shell.
        let mut shell = vec![c"sh".to_owned(), path_c];
        shell.extend(args.into_iter().skip(1));
        failed = nix::unistd::execv(c"/bin/sh", &shell);
    }
    let error = failed.err().unwrap_or(nix::errno::Errno::UnknownErrno);
    if error == nix::errno::Errno::ENOENT && path.exists() {
        // The file is there: what is missing is what it names to run it, and shells say 126 then.
        let missing = interpreter(path).map_or_else(
            || "its loader, or the interpreter that it names, is missing".to_owned(),
            |interpreter| format!("its interpreter {interpreter} is missing"),
        );
        return Failure { status: 126, message: format!("cannot execute {}: {missing}", path.display()) };
    }
    let status = if error == nix::errno::Errno::ENOENT { 127 } else { 126 };
    Failure { status, message: format!("cannot execute {}: {error}", path.display()) }
}

/// What a script names after `#!`.
fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}
