//! What is known of a server before it is judged.

use std::borrow::Cow;

use super::container;

/// Facts by which a profile is chosen.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerIdentity<'a> {
    /// Resolved executable.
    pub exe_path: &'a str,
    /// Its arguments, the program first.
    pub argv: &'a [String],
    /// Its package, `npm:NAME` or `pypi:NAME`, where the agent found one. Else it is derived from `argv`.
    pub package: Option<&'a str>,
    /// Names of its environment variables.
    pub env_names: &'a [String],
    /// Its container image, without tag or digest, where the agent found one. Else it is taken from the command line of a
    /// program that starts containers.
    pub image: Option<&'a str>,
}

impl ServerIdentity<'_> {
    /// The package, as the agent found it or as the command line tells.
    #[must_use]
    pub fn package(&self) -> Option<Cow<'_, str>> {
        if let Some(package) = self.package {
            return Some(Cow::Borrowed(package));
        }
        package_of_argv(self.argv).or_else(|| package_of_path(self.exe_path)).map(Cow::Owned)
    }

    /// The container image, without tag or digest.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        let told = || container::image_at(self.exe_path, self.argv).and_then(|at| self.argv.get(at));
        self.image.or_else(|| told().map(|image| container::bare(image)))
    }
}

/// The package that a path belongs to: `npm:NAME` below the last `node_modules`, `pypi:NAME` below the last
/// `site-packages` or `dist-packages` (the import name in its normal form: `_` as `-`).
#[must_use]
pub fn package_of_path(path: &str) -> Option<String> {
    let npm = path.rsplit_once("/node_modules/").map(|(before, rest)| (before.len(), rest));
    let python = ["/site-packages/", "/dist-packages/"]
        .into_iter()
        .filter_map(|place| path.rsplit_once(place))
        .map(|(before, rest)| (before.len(), rest))
        .max_by_key(|(at, _)| *at);
    match (npm, python) {
        (Some((at, rest)), other) if other.is_none_or(|(other, _)| other < at) => npm_package(rest),
        (_, Some((_, rest))) => python_package(rest),
        _ => None,
    }
}

/// The package that a command line starts: through `npx`, `npm exec`, `pnpm dlx`, `bunx`, `uvx`, `uv tool run`,
/// `pipx run`, `python -m`, or by the path of its main script. Versions and extras are left out. A program in a `bin`
/// folder is taken for the package of its name: package managers link it there.
#[must_use]
pub fn package_of_argv(argv: &[String]) -> Option<String> {
    Launch::of(argv).package
}

/// The arguments of a command line that are the program's own, not its launcher's or interpreter's: those behind the
/// package or script that [`package_of_argv`] goes by.
#[must_use]
pub fn own_arguments(argv: &[String]) -> &[String] {
    argv.get(Launch::of(argv).rest..).unwrap_or(&[])
}

/// A name for people: the package without its kind, else the program's file name. Never empty, never an option's value.
#[must_use]
pub fn server_name(identity: &ServerIdentity<'_>) -> String {
    if let Some(package) = identity.package() {
        return package.split_once(':').map_or(package.as_ref(), |(_, name)| name).chars().take(128).collect();
    }
    let program = Launch::of(identity.argv).program.and_then(|at| identity.argv.get(at)).map_or("", String::as_str);
    let first = identity.argv.first().map_or("", String::as_str);
    let named = [program, identity.exe_path, first].into_iter().map(file_name).find(|name| !name.is_empty());
    named.unwrap_or("unknown").chars().take(128).collect()
}

/// Host of an `http` or `https` URL, in lower case, without user and port.
pub(super) fn url_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    // a backslash ends the authority too, for the WHATWG parser that node uses
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

/// A command line taken apart.
#[derive(Debug, Default)]
struct Launch {
    /// The package it starts.
    package: Option<String>,
    /// Index of the main script of an interpreter.
    program: Option<usize>,
    /// Index of the first argument that is the program's own.
    rest: usize,
}

/// Options of npx, npm exec, pnpm dlx and bunx whose value is the next argument.
const NPM_VALUES: &[&str] = &[
    "-p",
    "--package",
    "-c",
    "--call",
    "-w",
    "--workspace",
    "--registry",
    "--cache",
    "--prefix",
    "-C",
    "--dir",
    "--userconfig",
    "--globalconfig",
    "--loglevel",
    "--script-shell",
    "--before",
    "--tag",
    "--node-options",
    "--filter",
];

/// Options of uv, uvx and pipx whose value is the next argument.
const UV_VALUES: &[&str] = &[
    "--from",
    "--with",
    "--with-editable",
    "--with-requirements",
    "-w",
    "--python",
    "-p",
    "--index-url",
    "-i",
    "--spec",
    "--pip-args",
    "--index",
    "--default-index",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--directory",
    "--project",
    "--extra",
    "--group",
    "--only-group",
    "--no-group",
    "--env-file",
    "--cache-dir",
    "--config-file",
    "--package",
    "--index-strategy",
    "--keyring-provider",
    "--link-mode",
    "--python-preference",
    "--resolution",
    "--prerelease",
    "--color",
    "--upgrade-package",
    "-P",
    "--reinstall-package",
    "--refresh-package",
    "--exclude-newer",
    "-s",
];

/// Index of the first argument from `from` on that is neither an option nor an option's value.
fn skip_options(argv: &[String], mut at: usize, takes_value: &[&str]) -> usize {
    while let Some(argument) = argv.get(at) {
        if argument == "--" {
            return at + 1;
        }
        // `uv run -m module` is `python -m module`
        if !argument.starts_with('-') || argument == "-m" || argument == "--module" {
            break;
        }
        at += 1 + usize::from(takes_value.contains(&argument.as_str()));
    }
    at
}

#[derive(Clone, Copy)]
enum Ecosystem {
    Npm,
    Pypi,
}

impl Launch {
    fn of(argv: &[String]) -> Self {
        let word = |at: usize| argv.get(at).map_or("", |argument| file_name(argument));
        // a launcher that is itself a script has its interpreter in front
        let at = usize::from(matches!(stem(word(0)), "node" | "nodejs" | "python") && is_launcher(word(1)));
        match (word(at), word(at + 1)) {
            ("npx" | "npx-cli.js" | "pnpx" | "bunx", _) => Self::through(argv, at + 1, Ecosystem::Npm),
            ("npm" | "npm-cli.js" | "pnpm" | "pnpm.cjs" | "yarn" | "yarn.js", "exec" | "x" | "dlx") | ("bun", "x") => {
                Self::through(argv, at + 2, Ecosystem::Npm)
            }
            ("uvx", _) => Self::through(argv, at + 1, Ecosystem::Pypi),
            ("pipx", "run") => Self::through(argv, at + 2, Ecosystem::Pypi),
            ("uv", "tool") => Self::through(argv, at + 3, Ecosystem::Pypi),
            ("uv", "run") => {
                let command = skip_options(argv, at + 2, UV_VALUES);
                match argv.get(command).map(String::as_str) {
                    Some("-m" | "--module") => Self::script(argv, command, Ecosystem::Pypi),
                    _ => Self::of(argv.get(command..).unwrap_or(&[])).behind(command),
                }
            }
            (program, _) => match stem(program) {
                "node" | "nodejs" | "bun" | "deno" => Self::script(argv, at + 1, Ecosystem::Npm),
                "python" | "pypy" => Self::script(argv, at + 1, Ecosystem::Pypi),
                _ => {
                    Self { package: argv.first().and_then(|path| of_program(path, None)), rest: at + 1, program: None }
                }
            },
        }
    }

    /// `npx [options] package[@version] [arguments]`
    fn through(argv: &[String], from: usize, ecosystem: Ecosystem) -> Self {
        let takes_value = match ecosystem {
            Ecosystem::Npm => NPM_VALUES,
            Ecosystem::Pypi => UV_VALUES,
        };
        let names_package: &[&str] =
            if matches!(ecosystem, Ecosystem::Npm) { &["-p", "--package"] } else { &["--from", "--spec"] };
        let mut package = None;
        let mut at = from;
        while let Some(argument) = argv.get(at) {
            if argument == "--" {
                at += 1;
                break;
            }
            if !argument.starts_with('-') {
                break;
            }
            let (flag, joined) = argument.split_once('=').map_or((argument.as_str(), None), |(f, v)| (f, Some(v)));
            let separate = joined.is_none() && takes_value.contains(&flag);
            let value = joined.or_else(|| argv.get(at + 1).filter(|_| separate).map(String::as_str));
            if names_package.contains(&flag) && package.is_none() {
                package = value.and_then(|value| specifier(value, ecosystem));
            }
            at += 1 + usize::from(separate);
        }
        let package = package.or_else(|| argv.get(at).and_then(|text| specifier(text, ecosystem)));
        Self { package, rest: at + 1, program: None }
    }

    /// `node [options] script [arguments]`, `python -m module [arguments]`
    fn script(argv: &[String], from: usize, ecosystem: Ecosystem) -> Self {
        let takes_value: &[&str] = match ecosystem {
            Ecosystem::Npm => {
                &["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"]
            }
            Ecosystem::Pypi => &["-W", "-X"],
        };
        let mut at = from;
        while let Some(argument) = argv.get(at) {
            match argument.as_str() {
                "-m" | "--module" if matches!(ecosystem, Ecosystem::Pypi) => {
                    let module = argv.get(at + 1).and_then(|module| module.split('.').next());
                    return Self {
                        package: module.map(|module| format!("pypi:{}", normal_name(module))),
                        rest: at + 2,
                        program: None,
                    };
                }
                // a program given as text has no package
                "-c" | "-e" | "--eval" | "-p" | "--print" => {
                    return Self { package: None, rest: argv.len(), program: None };
                }
                "run" if at == from && matches!(ecosystem, Ecosystem::Npm) => at += 1,
                flag if flag.starts_with('-') && flag != "-" => at += 1 + usize::from(takes_value.contains(&flag)),
                script => {
                    return Self { package: of_program(script, Some(ecosystem)), rest: at + 1, program: Some(at) };
                }
            }
        }
        Self { package: None, rest: at, program: None }
    }

    fn behind(mut self, words: usize) -> Self {
        self.rest += words;
        self.program = self.program.map(|at| at + words);
        self
    }
}

fn of_program(path: &str, ecosystem: Option<Ecosystem>) -> Option<String> {
    if let Some(package) = package_of_path(path) {
        return Some(package);
    }
    let mut components = path.rsplit('/');
    let (name, folder) = (components.next()?, components.next());
    if !matches!(folder, Some("bin" | ".bin")) {
        return None;
    }
    // without an interpreter it may be either; servers written in Python are by far the more often linked so
    let npm = folder == Some(".bin") || matches!(ecosystem, Some(Ecosystem::Npm));
    Some(if npm { format!("npm:{name}") } else { format!("pypi:{}", normal_name(name)) })
}

fn specifier(text: &str, ecosystem: Ecosystem) -> Option<String> {
    match ecosystem {
        Ecosystem::Npm => {
            // the `@` of a scope is the first character, that of a version isn't
            let end = text.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(text.len(), |(at, _)| at);
            text.get(..end).filter(|name| !name.is_empty()).map(|name| format!("npm:{name}"))
        }
        Ecosystem::Pypi => {
            let name = text.split(['@', '[', '=', '<', '>', '~', '!', ' ', ';']).next()?;
            (!name.is_empty()).then(|| format!("pypi:{}", normal_name(name)))
        }
    }
}

fn npm_package(rest: &str) -> Option<String> {
    let mut parts = rest.split('/');
    let first = parts.next().filter(|first| !first.is_empty() && !first.starts_with('.'))?;
    if !first.starts_with('@') {
        return Some(format!("npm:{first}"));
    }
    let name = parts.next().filter(|name| !name.is_empty())?;
    Some(format!("npm:{first}/{name}"))
}

fn python_package(rest: &str) -> Option<String> {
    let first = rest.split('/').next()?;
    let name = first.strip_suffix(".py").unwrap_or(first);
    (!name.is_empty()).then(|| format!("pypi:{}", normal_name(name)))
}

/// The normal form of a Python package's name (PEP 503), except that runs aren't joined.
fn normal_name(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

fn is_launcher(name: &str) -> bool {
    matches!(
        name,
        "npx"
            | "npx-cli.js"
            | "npm"
            | "npm-cli.js"
            | "pnpx"
            | "pnpm"
            | "pnpm.cjs"
            | "yarn"
            | "yarn.js"
            | "uvx"
            | "uv"
            | "pipx"
    )
}

fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
