//! Whether what a program is called says what it is: by where it lies and who wrote it, never by the name alone.

use super::is_package_manager;
use crate::credential::{Standing, standing};
use crate::launcher::launched;
use crate::named::inside;
use crate::state::{Image, Node, Server};

/// Folders of a home that version managers and installers keep for what they install.
const MANAGED: &[&str] = &[
    ".nvm",
    ".volta",
    ".asdf",
    ".fnm",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".cargo",
    ".bun",
    ".deno",
    ".proto",
    ".pixi",
    ".npm-global",
    ".linuxbrew",
    "homebrew",
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "micromamba",
    ".local/share/uv",
    ".local/share/mise",
    ".local/share/rtx",
    ".local/share/fnm",
    ".local/share/pnpm",
    ".local/share/pipx",
    ".local/share/mamba",
    ".local/pipx",
    ".cache/node/corepack",
];

/// Folders of packages: below them everybody's names are found.
const PACKAGES: &[&str] = &["/node_modules/", "/site-packages/", "/dist-packages/"];

/// Names that a virtual environment's folder has, and that of the folder in which a manager keeps many.
const ENVIRONMENT: &[&str] = &[".venv", "venv"];
const ENVIRONMENTS: &[&str] = &["envs", ".virtualenvs", "virtualenvs"];

/// Whether a program of this name, in this place, may pass for what it is called: it takes root to put one there, or it
/// lies where the user's own tools get installed: a folder of the user's `PATH`, where a server's own writing is a finding;
/// a version manager's, both directly below a home; or beside the interpreter that runs the server, where such a manager or
/// an environment keeps that. Never one that a watched server wrote, nor one without a file.
#[must_use]
pub fn vouched(server: &Server, image: &Image) -> bool {
    if image.fileless || image.written {
        return false;
    }
    let installed = |path: &str| {
        standing(path) == Standing::System
            || standing(path) == Standing::User
                && (is_on_path(server, path) || is_managed(server, path) || is_beside(server, path))
    };
    image.sealed || installed(&image.exe.path) && image.script_path().is_none_or(installed)
}

/// Whether it takes root to put this program where it lies.
#[must_use]
pub fn is_systems(image: &Image) -> bool {
    let system = |path: &str| standing(path) == Standing::System;
    !image.fileless
        && !image.written
        && (image.sealed || system(&image.exe.path) && image.script_path().is_none_or(system))
}

/// Whether this process is a package manager: one that stands between the user's command and the server, or a vouched
/// one that was started below it.
#[must_use]
pub fn manages(server: &Server, node: &Node) -> bool {
    is_package_manager(&node.image) && (vouched(server, &node.image) || launched(node, &server.root))
}

/// Whether a package manager stands above this process (or is it), no further up than the server's root.
#[must_use]
pub fn managed(server: &Server, node: &Node) -> bool {
    in_tree(server, node).any(|above| manages(server, above))
}

/// The process and its ancestors, up to the server's root.
pub fn in_tree<'a>(server: &'a Server, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    let mut ended = false;
    node.chain().take_while(move |above| !std::mem::replace(&mut ended, server.is_root(above.id)))
}

/// Whether a program that isn't vouched for lies at least where people install programs: a `bin` folder that is neither a
/// package's, nor in a cache, nor in what the server was given to work on.
pub(super) fn is_put_up(server: &Server, image: &Image) -> bool {
    let path = image.exe.path.as_str();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    standing(path) == Standing::User
        && (folder.ends_with("/bin") || folder.ends_with("/sbin"))
        && image.script.is_none()
        && !image.fileless
        && !image.written
        && image.preload.is_empty()
        && !path.contains("/.cache/")
        && !PACKAGES.iter().any(|packages| path.contains(packages))
        && !server.roots.iter().any(|root| inside(path, root))
}

/// A program in a folder of the user's `PATH`: `HOME/.local/bin/NAME`, `HOME/bin/NAME`.
fn is_on_path(server: &Server, path: &str) -> bool {
    let mut rests = below_homes(server, path);
    rests.any(|rest| ["bin/", ".local/bin/"].iter().any(|folder| is_in(rest, folder)))
}

/// Directly in a folder.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// In a folder of a home that a version manager keeps. A folder of that name elsewhere came with a repository or archive.
fn is_managed(server: &Server, path: &str) -> bool {
    below_homes(server, path).any(|rest| {
        let place = MANAGED.iter().find_map(|place| rest.strip_prefix(place).filter(|below| below.starts_with('/')));
        place.is_some_and(|below| is_nobodys(below) || is_managers_own(below))
    })
}

/// What of `path` follows each home in which it lies: the usual ones, and the server's own elsewhere.
fn below_homes<'a>(server: &'a Server, path: &'a str) -> impl Iterator<Item = &'a str> {
    let own = server.start.homes.iter().filter(|home| inside(path, home) && is_home(server, home));
    let rests = own.filter_map(|home| path.get(home.len()..).map(|rest| rest.trim_start_matches('/')));
    below_usual(path).into_iter().chain(rests)
}

/// What follows the home of root, or of a user where homes usually are.
fn below_usual(path: &str) -> Option<&str> {
    let user = || path.strip_prefix("/home/").or_else(|| path.strip_prefix("/var/home/"))?.split_once('/');
    path.strip_prefix("/root/").or_else(|| user().map(|(_, rest)| rest))
}

/// Whether what the server's environment calls its home may be one. A process can rewrite that: a folder of packages or in
/// somebody's home is none, nor is one around the server's own program, or near it.
fn is_home(server: &Server, home: &str) -> bool {
    if server.start.sure_home.as_deref() == Some(home) {
        return true;
    }
    let packages = || PACKAGES.iter().any(|folder| format!("{home}/").contains(folder));
    let own = || {
        [&server.root, server.main()].into_iter().any(|node| {
            // an interpreter is often installed below a home; what it runs is what matters
            let program = node.image.script_path().unwrap_or(&node.image.exe.path);
            let shared = program.split('/').zip(home.split('/')).take_while(|(own, of)| own == of);
            // the empty name before the first slash, and one folder
            inside(program, home) || shared.count() > 2
        })
    };
    below_usual(home).is_none() && !crate::place::anybody_writes(home) && !packages() && !own()
}

/// Beside the interpreter that runs the server (`P/bin/python3`), where that is one that a version manager or an
/// environment keeps: in the same folder, or where that interpreter's own package manager is kept. A program that is
/// merely called like an interpreter vouches for nothing.
fn is_beside(server: &Server, path: &str) -> bool {
    [&server.root, server.main()].into_iter().any(|node| {
        let exe = node.image.exe.path.as_str();
        let Some((folder, _)) = exe.rsplit_once('/') else { return false };
        if !super::is_interpreter(node.image.program()) || node.image.written {
            return false;
        }
        let (above, last) = folder.rsplit_once('/').unwrap_or_default();
        let kept = is_managed(server, exe) || last == "bin" && is_environment(above);
        kept && standing(exe) == Standing::User
            && (path.rsplit_once('/').is_some_and(|(own, _)| own == folder)
                || last == "bin" && inside(path, above) && path.get(above.len()..).is_some_and(is_managers_own))
    })
}

/// By its name, a folder in which a virtual environment lies.
fn is_environment(folder: &str) -> bool {
    let mut names = folder.rsplit('/');
    let (name, above) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    is_nobodys(folder) && (ENVIRONMENT.contains(&name) || ENVIRONMENTS.contains(&above))
}

/// In no package.
fn is_nobodys(path: &str) -> bool {
    !PACKAGES.iter().any(|folder| path.contains(folder))
}

/// A package manager's own package, where packages lie side by side: what a package brings along is that package's.
fn is_managers_own(path: &str) -> bool {
    const NPM: [&str; 5] = ["npm", "pnpm", "yarn", "corepack", "bun"];
    const PYPI: [&str; 2] = ["pipx", "uv"];
    let first = PACKAGES.iter().filter_map(|folder| path.find(folder).map(|at| (at, *folder))).min();
    let Some((folder, rest)) = first.and_then(|(at, folder)| Some((folder, path.get(at..)?.strip_prefix(folder)?)))
    else {
        return false;
    };
    let is = |names: &[&str], rest: &str| rest.split_once('/').is_some_and(|(name, _)| names.contains(&name));
    if folder != "/node_modules/" {
        return is(&PYPI, rest);
    }
    // pnpm keeps every package in a folder of its own: `.pnpm/NAME@VERSION/node_modules/NAME`
    match rest.strip_prefix(".pnpm/").and_then(|rest| rest.split_once("/node_modules/")) {
        Some((folder, rest)) => is(&NPM, rest) && rest.split('/').next() == folder.split('@').next(),
        None => is(&NPM, rest),
    }
}
