//! Who a server turns out to be. What the user started may be a wrapper: `env`, `sh -c`, `timeout`, `npm exec`,
//! `uv run`, a script that ends in `exec`. Until the first message the profile and the name are taken anew from what
//! the wrapper starts, and at the first request from the process that reads it.
//!
//! A profile is gained only by the executable and main script that the kernel saw, without a preload, and only where
//! nothing but launchers stand between: a program that starts another one doesn't get that one's rights. A profile that
//! the user declared, or that the command itself told, stays.

use std::sync::Arc;

use super::{Image, Node, Server};
use crate::launcher::{is_launcher, is_package_manager, launched};
use crate::profile::{Profile, Profiles, ServerIdentity, own_arguments, package_of_argv, server_name};

/// Profile of a server of which nothing is known.
const GENERIC: &str = "generic";

impl Server {
    /// A process of the tree executed something (`node`), before any message; `again`: not the command itself, whose name
    /// the server bears already.
    pub fn settle(&mut self, node: &Arc<Node>, again: bool, profiles: &Profiles) {
        if !self.is_unsettled() || !launched(node, &self.root) {
            return;
        }
        let found = self.recognised(&node.image, profiles);
        let renamed = again && self.is_root(node.id);
        if renamed || found.is_some() && !is_launcher(&node.image, false) {
            self.become_(node, found, profiles);
        }
    }

    /// The first request is read by this process: that one serves.
    pub fn serves(&mut self, node: &Arc<Node>, profiles: &Profiles) {
        if !self.is_unsettled() || self.serving.as_ref().is_some_and(|serving| node.descends_from(serving.id)) {
            return;
        }
        if self.is_root(node.id) {
            if self.serving.is_some() {
                let found = self.recognised(&node.image, profiles);
                self.become_(node, found, profiles);
            }
        } else if launched(node, &self.root) {
            let found = self.recognised(&node.image, profiles);
            self.become_(node, found, profiles);
        } else if self.serving.is_some() {
            let root = Arc::clone(&self.root);
            self.become_(&root, None, profiles);
        }
    }

    /// The process whose program the server is.
    #[must_use]
    pub fn main(&self) -> &Arc<Node> {
        self.serving.as_ref().unwrap_or(&self.root)
    }

    fn is_unsettled(&self) -> bool {
        self.messages == 0 && !self.start.declared && (self.start.profile == GENERIC || self.gained)
    }

    /// The server is what this process runs.
    fn become_(&mut self, node: &Arc<Node>, found: Option<Profile>, profiles: &Profiles) {
        self.gained = found.is_some();
        let profile = found.or_else(|| profiles.judge(GENERIC).cloned());
        self.start.profile = profile.as_ref().map_or(GENERIC, |profile| profile.name.as_str()).to_owned();
        self.profile = profile.map(Arc::new);
        let argv = resolved_argv(&node.given).unwrap_or_else(|| node.given.argv.clone());
        let name = server_name(&ServerIdentity { exe_path: &node.given.exe.path, argv: &argv, ..Default::default() });
        // a client's word for it stays where no profile knows better
        if self.gained || self.start.program.is_none() {
            self.start.name = name;
            self.start.program = None;
        } else {
            self.start.program = Some(name);
        }
        self.serving = (!self.is_root(node.id)).then(|| Arc::clone(node));
        self.take_from(&node.given);
    }

    /// The profile whose rules know this program by where it lies.
    fn recognised(&self, image: &Image, profiles: &Profiles) -> Option<Profile> {
        if !image.preload.is_empty() || image.fileless || is_package_manager(image) {
            return None;
        }
        let argv = resolved_argv(image).or_else(|| self.asked_for_module(image))?;
        let names: Vec<String> = self.start.env.iter().map(|(name, _)| name.clone()).collect();
        let identity =
            ServerIdentity { exe_path: &image.exe.path, argv: &argv, package: None, env_names: &names, image: None };
        let profile = profiles.matching(&identity)?;
        let by_program = profile.servers.iter().any(|rule| rule.names_program() && rule.fits(&identity).is_some());
        by_program.then(|| profile.clone())
    }

    /// `python -m module` has no main script in its arguments. It counts where the user's own command says the module.
    fn asked_for_module(&self, image: &Image) -> Option<Vec<String>> {
        let at = image.argv.iter().position(|argument| argument == "-m")?;
        let module = image.argv.get(at + 1).filter(|module| !module.is_empty())?;
        let package = package_of_argv(&image.argv).filter(|package| package.starts_with("pypi:"))?;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let said = self.command.iter().any(|word| word.split(|c| !is_part(c)).any(|part| part == module));
        (said && !package.is_empty()).then(|| {
            let mut argv = vec![image.exe.path.clone()];
            argv.extend(image.argv.iter().skip(at).cloned());
            argv
        })
    }
}

/// The command line with what the kernel saw in place of what the process says: executable and main script. `None`: an
/// interpreter without a script.
fn resolved_argv(image: &Image) -> Option<Vec<String>> {
    let exe = image.exe.path.clone();
    let mut argv = match image.script_path() {
        Some(script) => vec![exe, script.to_owned()],
        None if crate::explain::is_interpreter(image.program()) => return None,
        // its first argument is no script, whatever it says
        None => vec![exe, String::new()],
    };
    let own = if image.script.is_some() { own_arguments(&image.argv) } else { image.argv.get(1..).unwrap_or(&[]) };
    argv.extend(own.iter().cloned());
    Some(argv)
}
