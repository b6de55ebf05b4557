//! Whether what a program is called says what it is: by where it lies and who wrote it, never by the name alone.

use super::is_package_manager;
use crate::credential::{Standing, standing};
use crate::launcher::launched;
use crate::state::{Image, Node, Server};

/// Places that version managers and installers keep for what they install.
const MANAGED: &[&str] = &[
    "/.nvm/",
    "/.volta/",
    "/.asdf/",
    "/.fnm/",
    "/.pyenv/",
    "/.rbenv/",
    "/.rustup/",
    "/.cargo/",
    "/.bun/",
    "/.deno/",
    "/.linuxbrew/",
    "/.local/share/uv/",
    "/.local/share/mise/",
    "/.local/share/fnm/",
    "/.local/share/pnpm/",
    "/.local/share/pipx/",
    "/.local/pipx/",
    "/.cache/node/corepack/",
];

/// Folders of packages: below them everybody's names are found.
const PACKAGES: &[&str] = &["/node_modules/", "/site-packages/", "/dist-packages/"];

/// Whether a program of this name, in this place, may pass for what it is called: it takes root to put one there, or it
/// lies where the user's own tools get installed: a folder of the user's `PATH`, where a server's own writing is a finding;
/// a version manager's; or beside the interpreter that runs the server. Never one that a watched server wrote, nor one
/// without a file.
#[must_use]
pub fn vouched(server: &Server, image: &Image) -> bool {
    if image.fileless || image.written {
        return false;
    }
    let installed = |path: &str| {
        standing(path) == Standing::System
            || standing(path) == Standing::User
                && (is_on_path(server, path) || is_managed(path) || is_beside(server, path))
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

/// A program in a folder of the user's `PATH`: `HOME/.local/bin/NAME`, `HOME/bin/NAME`.
fn is_on_path(server: &Server, path: &str) -> bool {
    let Some((folder, _)) = path.rsplit_once('/') else { return false };
    let Some(home) = folder.strip_suffix("/.local/bin").or_else(|| folder.strip_suffix("/bin")) else { return false };
    let user = |home: &str| home.strip_prefix("/home/").is_some_and(|name| !name.is_empty() && !name.contains('/'));
    home == "/root" || user(home) || server.start.homes.iter().any(|own| own.trim_end_matches('/') == home)
}

fn is_managed(path: &str) -> bool {
    let package = PACKAGES.iter().any(|folder| path.contains(folder));
    MANAGED.iter().any(|place| path.contains(place)) && (!package || is_managers_own(path))
}

/// Beside the interpreter that runs the server (`P/bin/python3`): in the same folder, or where that interpreter's own
/// package manager is kept.
fn is_beside(server: &Server, path: &str) -> bool {
    [&server.root, server.main()].into_iter().any(|node| {
        let Some((folder, _)) = node.image.exe.path.rsplit_once('/') else { return false };
        if standing(&node.image.exe.path) == Standing::Scratch || !super::is_interpreter(node.image.program()) {
            return false;
        }
        let (above, last) = folder.rsplit_once('/').unwrap_or_default();
        path.rsplit_once('/').is_some_and(|(own, _)| own == folder)
            || last == "bin" && crate::named::inside(path, above) && is_managers_own(path)
    })
}

/// A package manager's own package, where packages lie side by side.
fn is_managers_own(path: &str) -> bool {
    crate::profile::package_of_path(path).is_some_and(|package| {
        let names = ["npm:npm", "npm:pnpm", "npm:yarn", "npm:corepack", "npm:bun", "pypi:pipx", "pypi:uv"];
        names.contains(&package.as_str())
    })
}
