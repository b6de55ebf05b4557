//! The command line as a user meets it: every verb with good and bad input, and the page that documents it.
//!
//! A test whose name starts with `root_` needs root and fails without it; the others need nothing.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod below;
mod discovery;
mod docs;
mod inherited;
mod knowledge;
mod marks;
mod outputs;
mod replay;
mod reused;
mod store;
mod sudo;
mod twice;
mod usage;
mod watching;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The user whom nothing belongs to.
const NOBODY: u32 = 65_534;

/// Longer than anything here takes, also on a loaded machine.
const BOUND: Duration = Duration::from_secs(30);

/// Asks until there is an answer.
#[track_caller]
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A folder with a configuration whose state folder lies in it too: no test touches the host's.
struct Ground {
    dir: TempDir,
}

/// What a run left.
#[derive(Debug)]
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ground {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(folder: &Path) -> Self {
        let dir = tempfile::tempdir_in(folder).unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        let ground = Self { dir };
        ground.write("config.toml", ground.state());
        ground
    }

    /// The section that keeps it apart from the host and from other tests.
    fn state(&self) -> String {
        format!("[state]\ndir = {:?}\nruntime = {:?}\n", self.path("state"), self.path("runtime"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.text(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `tripline VERB… --config CONFIG ARGS…`; `verb` may hold spaces.
    fn run(&self, verb: &str, args: &[&str]) -> Ran {
        let config = self.text("config.toml");
        let verb: Vec<&str> = verb.split(' ').collect();
        tripline(&[verb.as_slice(), &["--config", config.as_str()], args].concat())
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It worked, and said nothing on standard error.
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// It failed with this status and one clear line that holds all of `words`; returns what it wrote before.
    #[track_caller]
    fn fails(self, status: i32, words: &[&str]) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.stderr.starts_with("tripline: "), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.says(words);
        self.stdout
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is missing: {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.args(args).env("NO_COLOR", "1").env_remove("TRIPLINE_LOG");
    command
}

fn tripline(args: &[&str]) -> Ran {
    Ran::of(&mut command(args))
}

/// The same as somebody without rights, from a copy of the program that everybody can reach.
fn as_nobody(ground: &Ground, args: &[&str]) -> Ran {
    let program = ground.path("tripline");
    if !program.exists() {
        // By another process: a file that this one writes can't be executed while another test's fork still has it open.
        assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_tripline")).arg(&program).status().unwrap().success());
    }
    fs::set_permissions(ground.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args(args).env("NO_COLOR", "1").current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ran::of(&mut command)
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[track_caller]
fn need_root() {
    assert!(is_root(), "this test watches with eBPF and needs root: run it with sudo");
}

/// A JSON value from each line.
fn values(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
