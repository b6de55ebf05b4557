//! What explains a child process.

use super::vouch::is_put_up;
use super::{By, Explained, Firm, Scene, in_tree, is_package_manager, is_systems, manages, vouched};
use crate::credential::{Standing, standing};
use crate::event::Exec;
use crate::interpreter::{code, inline};
use crate::launcher::{is_launcher, is_wrapper, launched};
use crate::pattern::wildcard;
use crate::profile::{Phase, Profile};
use crate::state::{Asked, Hold, Image, Proc};

/// Programs that move data or open ways in and out. In a profile that says little, no call explains them.
const MOVERS: &[&str] = &[
    "curl",
    "wget",
    "nc",
    "ncat",
    "netcat",
    "nc.openbsd",
    "nc.traditional",
    "socat",
    "ssh",
    "scp",
    "sftp",
    "rsync",
    "telnet",
    "ftp",
    "tftp",
    "nmap",
    "masscan",
    "tcpdump",
    "tshark",
    "gdb",
    "strace",
    "ltrace",
    "openssl",
    "gpg",
    "base64",
    "xxd",
    "crontab",
    "at",
    "systemctl",
    "sudo",
    "su",
    "doas",
    "pkexec",
    "nsenter",
    "chroot",
    "unshare",
    "mount",
    "insmod",
    "modprobe",
    "docker",
    "podman",
    "kubectl",
    "nerdctl",
    "ctr",
];

/// Programs that runtimes start to learn about the host.
const HOST_FACTS: &[&str] =
    &["ldconfig", "ldconfig.real", "uname", "lsb_release", "getconf", "locale", "tput", "which"];

const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ash", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "pwsh"];

const TUNNELS: &[&str] =
    &["cloudflared", "ngrok", "frpc", "chisel", "bore", "tailscale", "tailscaled", "localtunnel", "lt"];

/// What explains that `parent` (as it was before) executed this; `written`: a watched server wrote it.
#[must_use]
pub fn child(scene: &Scene<'_>, parent: Option<&Proc>, exec: &Exec, written: bool) -> Explained {
    let server = scene.server;
    let exe = exec.exe.path.as_str();
    let name = program(exe);
    let image = Image { written, ..Image::from(exec) };
    let interpreter_with_code = exec.script.is_none() && is_interpreter(name) && code(name, &exec.argv).is_some();
    // packages bring interpreters of their own, and a worker may run any of them; another name counts where such
    // programs get installed
    let genuine = match name {
        _ if is_interpreter(name) => !written && !image.fileless && standing(exe) > Standing::Scratch,
        _ if HOST_FACTS.contains(&name) => is_systems(&image),
        _ => vouched(server, &image),
    };
    let script = image.script_path();
    let declared =
        genuine && server.profile.as_ref().is_some_and(|profile| profile.child(exe, script, scene.phase).is_some());
    // where little is declared, a runtime's workers are its scripts, not code from a command line
    let helper = interpreter_with_code && parent.is_some_and(|parent| is_runtime_helper(scene, parent, exec));
    // a hook of the repository is no worker of the server's, whatever runs it
    let hook = parent.is_some_and(|parent| is_git(parent.node.image.program())) && !is_gits_own(exec);
    if declared && !hook && (!(server.lenient() && interpreter_with_code) || helper) {
        return Explained::strong(By::Profile);
    }
    let declared = scene.holding().map(|(call, hold)| {
        let named = genuine && hold == Hold::Open && call.declared.children.iter().any(|glob| wildcard(glob, name));
        (call.key, if named { Firm::Strong } else { Firm::No })
    });
    if let Some(explained) = Explained::by_calls(declared) {
        return explained;
    }
    if let Some(explained) = by_git_tool(scene, &image) {
        return explained;
    }
    if runtime(scene, parent, exec, &image) {
        return Explained::strong(By::Runtime);
    }
    if genuine && is_given(scene, parent, exec) {
        return Explained::weak(By::Configured);
    }
    if by_launcher(scene, parent) && !is_tunnel(exe) && !MOVERS.contains(&name) && inline(name, &exec.argv).is_none() {
        return Explained::weak(By::Configured);
    }
    // no argument excuses a shell or a mover
    let helped = !hook && below_helper(scene, parent);
    if is_shell(exe) || is_tunnel(exe) || MOVERS.contains(&name) && !helped {
        return Explained::nothing();
    }
    if helped {
        return Explained::weak(By::Call);
    }
    Explained::nothing()
}

/// Whether the profile declares a program of this name here and now, and it isn't vouched for, but lies where people
/// install programs: most likely it is what it is called. Not for looks at the host, which the system's own programs do.
#[must_use]
pub fn is_likely_declared(scene: &Scene<'_>, exec: &Exec, written: bool) -> bool {
    let (exe, image) = (exec.exe.path.as_str(), Image { written, ..Image::from(exec) });
    let declares = |profile: &Profile| profile.child(exe, None, scene.phase).is_some();
    !HOST_FACTS.contains(&program(exe))
        && is_put_up(scene.server, &image)
        && !vouched(scene.server, &image)
        && scene.server.profile.as_deref().is_some_and(declares)
}

/// The user's own command is a shell script that has yet to start the server (a version manager's shim, a wrapper): what
/// it and the scripts below it start is the launching. It ends with the first message, or when the script's process
/// becomes the server.
fn by_launcher(scene: &Scene<'_>, parent: Option<&Proc>) -> bool {
    let server = scene.server;
    let runs_script = |image: &Image| is_shell(&image.exe.path) && image.script_path().is_some();
    let Some(parent) = parent else { return false };
    server.messages == 0
        && runs_script(&server.root.image)
        && parent.node.descends_from(server.root.id)
        && parent.node.chain().take_while(|node| node.id != server.root.id).all(|node| runs_script(&node.image))
}

/// The user's own command line holds a whole command, as a gateway's does, and the server itself has a shell run that and
/// nothing else.
fn is_given(scene: &Scene<'_>, parent: Option<&Proc>, exec: &Exec) -> bool {
    let server = scene.server;
    let name = program(&exec.exe.path);
    is_shell(name)
        && !exec.argv_cut
        && parent.is_some_and(|parent| parent.node.id == server.root.id || server.is_own_program(&parent.node))
        && code(name, &exec.argv).is_some_and(|code| code.contains(' ') && server.command.iter().any(|arg| arg == code))
}

/// Whether it is a shell, by the name of the resolved executable.
#[must_use]
pub fn is_shell(exe: &str) -> bool {
    SHELLS.contains(&program(exe))
}

/// Whether it is a program that makes a tunnel.
#[must_use]
pub fn is_tunnel(exe: &str) -> bool {
    TUNNELS.contains(&program(exe))
}

/// Whether it moves data or opens ways in and out.
#[must_use]
pub fn is_mover(exe: &str) -> bool {
    MOVERS.contains(&program(exe))
}

/// What is normal for runtimes: the same program again, packages that their manager starts, looks at the host.
fn runtime(scene: &Scene<'_>, parent: Option<&Proc>, exec: &Exec, image: &Image) -> bool {
    let server = scene.server;
    let exe = exec.exe.path.as_str();
    if HOST_FACTS.contains(&program(exe)) && is_systems(image) {
        return true;
    }
    // the server's own program again (workers), but not with code given on the command line
    if image.same_program(&server.root.image)
        || image.same_program(&server.main().image)
        || server.speakers.iter().any(|own| image.same_program(own))
    {
        return true;
    }
    if parent.is_some_and(|parent| parent.node.image.same_program(image)) && !is_shell(exe) {
        return true;
    }
    if scene.phase != Phase::Start {
        return false;
    }
    // the root re-executes: a wrapper that becomes the server
    let moves = MOVERS.contains(&program(exe)) || inline(program(exe), &exec.argv).is_some();
    if server.is_root(exec.proc) && !is_tunnel(exe) && !(moves && parent.is_some_and(serves_itself)) {
        return true;
    }
    let Some(parent) = parent else { return false };
    let manager = in_tree(server, &parent.node).take(4).any(|node| manages(server, node));
    if manages(server, &parent.node) && is_interpreter_query(&parent.node.image, exec) {
        return true;
    }
    let wrapper = is_shell(&server.root.image.exe.path) && server.root.image.same_program(&parent.node.image)
        || is_launcher(&parent.node.image, manager) && launched(&parent.node, &server.root);
    if manager && is_shell(exe) {
        return is_package_start(&exec.argv);
    }
    (manager || wrapper)
        && (exec.script.is_some() || !is_interpreter(program(exe)))
        && !MOVERS.contains(&program(exe))
        && !is_shell(exe)
}

/// A Python's own helper (`multiprocessing`): the same executable as the server that starts it, with the code that the
/// library gives on the command line, and nothing in it that would run anything else.
fn is_runtime_helper(scene: &Scene<'_>, parent: &Proc, exec: &Exec) -> bool {
    const STARTS: [&str; 3] = [
        "from multiprocessing.resource_tracker import main;main(",
        "from multiprocessing.spawn import spawn_main; spawn_main(",
        "from multiprocessing.forkserver import main; main(",
    ];
    let image = &parent.node.image;
    let own = scene.server.is_own_program(&parent.node)
        || parent.explained && image.exe.id == scene.server.main().image.exe.id;
    if !own || image.exe.id != exec.exe.id || !exec.preload.is_empty() || exec.argv_cut {
        return false;
    }
    let Some(code) = exec.argv.iter().skip_while(|arg| *arg != "-c").nth(1) else { return false };
    let Some(rest) = STARTS.iter().find_map(|start| code.strip_prefix(start)) else { return false };
    let Some(arguments) = rest.strip_suffix(')') else { return false };
    // literals only: outside of quotes nothing that calls, looks up or begins another statement
    let mut quote = None;
    arguments.chars().all(|c| match quote {
        Some(_) if c == '\\' => false,
        Some(end) => {
            if c == end {
                quote = None;
            }
            true
        }
        None if c == '\'' || c == '"' => {
            quote = Some(c);
            true
        }
        None => {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ',' | ' ' | '[' | ']' | '{' | '}' | '*' | ':' | '-')
        }
    }) && quote.is_none()
}

/// uv asks a Python about itself before it uses it: by a program of its own, given on the command line.
fn is_interpreter_query(parent: &Image, exec: &Exec) -> bool {
    matches!(parent.program(), "uv" | "uvx")
        && is_interpreter(program(&exec.exe.path))
        && exec.argv.iter().skip_while(|arg| *arg != "-c").nth(1).is_some_and(|code| {
            code.starts_with("import sys; sys.path = [")
                && code.ends_with("from python.get_interpreter_info import main; main()")
        })
}

/// It runs a program of its own already, and not merely what starts one.
fn serves_itself(before: &Proc) -> bool {
    before.node.executed && !is_launcher(&before.node.image, false)
}

/// `sh -c "program 'argument' …"`, as npm starts a package's program: one command, nothing that chains or expands.
fn is_package_start(argv: &[String]) -> bool {
    match argv {
        [_, flag, command, ..] if flag == "-c" => {
            !command.contains([';', '|', '&', '$', '`', '<', '>', '(', '\n']) && {
                let first = program(command.split_whitespace().next().unwrap_or_default());
                !MOVERS.contains(&first) && !is_shell(first)
            }
        }
        _ => false,
    }
}

/// Where little is known of a server: git itself, while a tool is open that is plainly git by its name.
fn by_git_tool(scene: &Scene<'_>, image: &Image) -> Option<Explained> {
    let genuine = image.program() == "git" && image.script.is_none() && vouched(scene.server, image);
    if !scene.server.lenient() || !genuine || !image.preload.is_empty() {
        return None;
    }
    Explained::by_calls(scene.holding().map(|(call, hold)| {
        let git = hold == Hold::Open && call.asked == Asked::Tool && has_word(&call.tool, "git");
        (call.key, if git { Firm::Weak } else { Firm::No })
    }))
}

/// Whether `word` (lower case) is one of the words of an identifier: `git_log`, `mcp.git/log`, `gitLog`, `GitLog`.
fn has_word(identifier: &str, word: &str) -> bool {
    identifier.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        // a capital begins a word; `part` is ASCII, so bytes are characters
        let starts = part.bytes().enumerate().filter(|(at, byte)| *at > 0 && byte.is_ascii_uppercase());
        let borders: Vec<usize> = std::iter::once(0).chain(starts.map(|(at, _)| at)).chain([part.len()]).collect();
        part.eq_ignore_ascii_case(word)
            || borders.windows(2).any(|pair| match pair {
                [from, to] => part.get(*from..*to).is_some_and(|piece| piece.eq_ignore_ascii_case(word)),
                _ => false,
            })
    })
}

/// What git starts of its own: its programs and scripts, `ssh`, and what signs. Not the hooks of a repository, nor what its
/// settings name.
fn is_gits_own(exec: &Exec) -> bool {
    const HELPERS: [&str; 5] = ["ssh", "ssh-keygen", "gpg", "gpg2", "gpgsm"];
    let path = exec.script.as_ref().map_or(exec.exe.path.as_str(), |script| script.path.as_str());
    let name = program(path);
    standing(path) == Standing::System && (is_git(name) || exec.script.is_none() && HELPERS.contains(&name))
}

fn is_git(program: &str) -> bool {
    program == "git" || program.starts_with("git-")
}

/// Below a program that profile or call explained: git starts git-remote-https, and that its helpers.
fn below_helper(scene: &Scene<'_>, parent: Option<&Proc>) -> bool {
    parent.is_some_and(|parent| {
        parent.explained
            && !scene.server.is_own_program(&parent.node)
            && !is_package_manager(&parent.node.image)
            && !is_wrapper(&parent.node.image)
            && !is_shell(&parent.node.image.exe.path)
    })
}

/// Whether it runs programs that are text, by its file name.
#[must_use]
pub fn is_interpreter(name: &str) -> bool {
    ["node", "nodejs", "bun", "deno", "perl", "ruby", "php", "lua"].contains(&name)
        || name.starts_with("python")
        || name.starts_with("pypy")
}

fn program(exe: &str) -> &str {
    exe.rsplit('/').next().unwrap_or(exe)
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn words_of_an_identifier_are_found_however_it_is_written() {
        for name in ["git", "git_log", "git-log", "mcp.git/log", "gitLog", "GitLog", "runGit", "GIT_LOG", "x__git"] {
            assert!(has_word(name, "git"), "{name}");
        }
        for name in ["", "fetch", "gitlab_issue", "github", "digit", "legit_x", "gitlog", "ungit_x"] {
            assert!(!has_word(name, "git"), "{name}");
        }
    }
}
