//! Programs whose job is to start another one: shells, `env`, `timeout`, package managers. A server that is started
//! through them is the program that they start.

use crate::credential::{Standing, standing};
use crate::state::{Image, Node};

/// Programs that set something up and then start the command they were given.
const WRAPPERS: &[&str] = &[
    "env",
    "nice",
    "ionice",
    "timeout",
    "nohup",
    "setsid",
    "stdbuf",
    "chrt",
    "taskset",
    "setpriv",
    "runuser",
    "gosu",
    "su-exec",
    "tini",
    "tini-static",
    "dumb-init",
    "catatonit",
    "direnv",
    "systemd-run",
    "systemd-inhibit",
];

const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ash", "ksh", "mksh", "fish", "busybox"];

/// Whether it installs and starts packages: npm, npx, uv and their like, where programs get installed. What a server may
/// put there too says more by who started it: [`crate::explain::manages`].
#[must_use]
pub fn is_package_manager(image: &Image) -> bool {
    const NAMES: &[&str] =
        &["npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg", "bun", "bunx", "uv", "uvx", "pipx", "corepack"];
    const SCRIPTS: &[&str] =
        &["npm-cli.js", "npx-cli.js", "pnpm.cjs", "pnpx.cjs", "yarn.js", "npm", "npx", "pipx", "corepack.js"];
    let script = image.script_path();
    let named = NAMES.contains(&image.program())
        || script.is_some_and(|script| SCRIPTS.contains(&script.rsplit('/').next().unwrap_or_default()));
    let installed = |path: &str| image.sealed || standing(path) > Standing::Scratch;
    named && !image.fileless && !image.written && installed(&image.exe.path) && script.is_none_or(installed)
}

/// Whether it is `env`, `timeout` and the like: what it starts is judged as if it weren't there.
#[must_use]
pub fn is_wrapper(image: &Image) -> bool {
    WRAPPERS.contains(&image.program())
}

/// Whether everything between a server's root and this process did nothing but launch: then what it runs is what the
/// user's command started. A script that a package brings is no launcher: nobody but its author knows what it does.
#[must_use]
pub fn launched(node: &Node, root: &Node) -> bool {
    if node.strayed {
        return false;
    }
    let mut below_manager = false;
    // from the root down: whether a package manager stands above is what counts
    let mut above: Vec<&Node> = Vec::new();
    let mut found = node.id == root.id;
    for ancestor in node.chain().skip(1) {
        if found {
            break;
        }
        found = ancestor.id == root.id;
        above.push(ancestor);
    }
    found
        && above.iter().rev().all(|ancestor| {
            let launches = !ancestor.strayed && is_launcher(&ancestor.image, below_manager);
            below_manager |= is_package_manager(&ancestor.image);
            launches
        })
}

/// Whether it launches, by the place and name of the resolved executable (and main script).
#[must_use]
pub fn is_launcher(image: &Image, below_manager: bool) -> bool {
    if !image.preload.is_empty() || image.fileless || standing(&image.exe.path) == Standing::Scratch {
        return false;
    }
    if is_package_manager(image) {
        return image.script_path().is_none_or(|script| standing(script) > Standing::Scratch);
    }
    let system = standing(&image.exe.path) == Standing::System;
    system
        && (WRAPPERS.contains(&image.program())
            || SHELLS.contains(&image.program()) && !(below_manager && image.script.is_some()))
}

#[cfg(test)]
mod tests {
    use super::is_launcher;
    use crate::event::FileRef;
    use crate::state::Image;

    fn image(exe: &str, script: Option<&str>) -> Image {
        let file = |path: &str| FileRef { path: path.to_owned(), ..FileRef::default() };
        Image { exe: file(exe), script: script.map(file), ..Image::default() }
    }

    #[test]
    fn launchers_are_known_by_where_they_are_installed() {
        assert!(is_launcher(&image("/usr/bin/env", None), false));
        assert!(is_launcher(&image("/usr/bin/dash", Some("/home/u/start.sh")), false));
        assert!(!is_launcher(&image("/usr/bin/dash", Some("/home/u/pkg/start.sh")), true), "a package's own script");
        assert!(is_launcher(&image("/usr/bin/node", Some("/usr/lib/node_modules/npm/bin/npx-cli.js")), false));
        assert!(!is_launcher(&image("/usr/bin/node", Some("/tmp/npx-cli.js")), false));
        assert!(!is_launcher(&image("/home/u/bin/env", None), false));
        assert!(!is_launcher(&image("/usr/bin/node", Some("/home/u/srv/index.js")), false));
        let preloaded = Image { preload: vec!["LD_PRELOAD".to_owned()], ..image("/usr/bin/env", None) };
        assert!(!is_launcher(&preloaded, false));
    }
}
