//! Whether an execution is that of a server which a client's configuration names.

use super::parse::Declared;
use crate::profile::{own_arguments, package_of_argv, package_of_path};

/// Most words that may stand before a declared command: the interpreter of a launcher's script, `env`, `uv tool`.
const MAX_BEFORE: usize = 4;

/// What was executed.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// Resolved executable.
    pub exe: &'a str,
    /// Arguments, the program first, without secrets: those of the declaration must have been redacted alike.
    pub argv: &'a [String],
    /// Resolved main script of an interpreter.
    pub script: Option<&'a str>,
}

/// Whether `declared` is what was started: the same command line, however the program was found, or what the launcher
/// that it names (`npx`, `uvx`, …) started in its stead, with the same arguments. `${…}` stands for any text.
#[must_use]
pub fn fits(declared: &Declared, started: &Started<'_>) -> bool {
    let Some((program, arguments)) = declared.command.split_first() else { return false };
    // a bare interpreter reads its program from its input, and every other one would fit it
    if arguments.is_empty() && is_general(program) {
        return false;
    }
    by_words(program, arguments, started) || by_package(declared, started)
}

fn by_words(program: &str, arguments: &[String], started: &Started<'_>) -> bool {
    let Some(at) = started.argv.len().checked_sub(arguments.len()) else { return false };
    let Some((before, rest)) = started.argv.split_at_checked(at) else { return false };
    let Some(last) = before.last() else { return false };
    before.len() <= MAX_BEFORE && all_fit(arguments, rest) && is_program(program, last, before.len() == 1, started)
}

/// `word` is what stands where the program was named.
fn is_program(program: &str, word: &str, first: bool, started: &Started<'_>) -> bool {
    if !program.contains('/') {
        return fits_word(program, file_name(word)) || first && fits_word(program, file_name(started.exe));
    }
    let own = program.strip_prefix("~/").map_or_else(|| program.to_owned(), |below| format!("${{HOME}}/{below}"));
    [Some(word), Some(started.exe), started.script].into_iter().flatten().any(|path| fits_word(&own, path))
}

fn by_package(declared: &Declared, started: &Started<'_>) -> bool {
    let Some(package) = package_of_argv(&declared.command) else { return false };
    let found = started.script.and_then(package_of_path).or_else(|| package_of_argv(started.argv));
    found.is_some_and(|found| found == package)
        && all_fit(own_arguments(&declared.command), own_arguments(started.argv))
}

fn all_fit(templates: &[String], words: &[String]) -> bool {
    templates.len() == words.len() && templates.iter().zip(words).all(|(template, word)| fits_word(template, word))
}

/// Whether `word` is `template`, in which each `${…}` stands for any text.
fn fits_word(template: &str, word: &str) -> bool {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((piece, behind)) = rest.split_once("${") {
        let Some((_, after)) = behind.split_once('}') else { break };
        pieces.push(piece);
        rest = after;
    }
    let Some((first, inner)) = pieces.split_first() else { return template == word };
    let Some(mut text) = word.strip_prefix(first) else { return false };
    for piece in inner {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    text.ends_with(rest)
}

/// Programs that run whatever they are told.
fn is_general(program: &str) -> bool {
    let name = file_name(program).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(
        name,
        "node"
            | "nodejs"
            | "bun"
            | "deno"
            | "python"
            | "pypy"
            | "ruby"
            | "perl"
            | "php"
            | "java"
            | "sh"
            | "bash"
            | "dash"
            | "zsh"
            | "fish"
            | "ksh"
            | "env"
            | "npx"
            | "npm"
            | "uv"
            | "uvx"
            | "docker"
            | "podman"
            | "cat"
    )
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn fit(declared: &str, exe: &str, argv: &str, script: Option<&str>) -> bool {
        let declared = Declared { name: "x".to_owned(), command: words(declared) };
        fits(&declared, &Started { exe, argv: &words(argv), script })
    }

    #[test]
    fn the_same_command_line_fits_however_the_program_was_found() {
        assert!(fit("node /srv/mcp/index.js --a", "/usr/bin/node", "node /srv/mcp/index.js --a", None));
        assert!(fit("/usr/bin/node /srv/i.js", "/opt/node/bin/node", "/usr/bin/node /srv/i.js", None));
        // a launcher that is a script: `env`, then node
        let npx = "npx -y @acme/server /data";
        assert!(fit(npx, "/usr/bin/env", "/usr/bin/env node /usr/bin/npx -y @acme/server /data", None));
        assert!(fit(npx, "/usr/bin/node", "node /usr/bin/npx -y @acme/server /data", None));
        assert!(fit("uvx mcp-server-fetch", "/usr/bin/uv", "/usr/bin/uv tool uvx mcp-server-fetch", None));
        assert!(fit("/opt/srv/run", "/usr/bin/bash", "/bin/bash /opt/srv/run", Some("/opt/srv/run")));
        assert!(fit("~/bin/server --x", "/home/u/bin/server", "/home/u/bin/server --x", None));
    }

    #[test]
    fn what_a_launcher_starts_in_its_stead_fits() {
        let script = Some("/home/u/.npm/_npx/1/node_modules/@acme/server/dist/index.js");
        let bin = "node /home/u/.npm/_npx/1/node_modules/.bin/server /data";
        assert!(fit("npx -y @acme/server@1.2 /data", "/usr/bin/node", bin, script));
        assert!(!fit("npx -y @acme/server /other", "/usr/bin/node", bin, script));
        assert!(!fit("npx -y @acme/other /data", "/usr/bin/node", bin, script));
        let tool = "/home/u/.cache/uv/1/bin/python /home/u/.cache/uv/1/bin/mcp-server-fetch";
        assert!(fit("uvx mcp-server-fetch", "/usr/bin/python3.11", tool, None));
    }

    #[test]
    fn variables_stand_for_any_text() {
        assert!(fit("node ${workspaceFolder}/s.js --key=${env:K}", "/n", "node /w/s.js --key=fp:1", None));
        assert!(!fit("node ${workspaceFolder}/s.js", "/n", "node /w/t.js", None));
        assert!(fit("${HOME}/bin/srv a", "/x", "/home/u/bin/srv a", None));
        assert!(!fits_word("a${x", "ab"));
        assert!(fits_word("${a}${b}", ""));
        assert!(!fits_word("x${a}x", "x"));
    }

    #[test]
    fn other_programs_do_not_fit() {
        assert!(!fit("node server.js", "/usr/bin/node", "node server.js --more", None));
        assert!(!fit("node server.js", "/usr/bin/node", "node other.js", None));
        assert!(!fit("/srv/a/server x", "/srv/b/server", "server x", None), "a path is more than its last part");
        assert!(!fit("bash", "/usr/bin/bash", "bash", None), "a shell without arguments names nothing");
        assert!(!fit("python3", "/usr/bin/python3.11", "python3", None));
        assert!(!fit("npx -y a", "/usr/bin/tar", "tar cf a b c npx -y a", None));
    }
}
