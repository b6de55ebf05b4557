//! The image of a container that a command line starts: `docker run [options] IMAGE [command]` and the like.

use crate::credential::{Standing, standing};

/// Programs that start containers and pass their standard streams on.
const CLIENTS: &[&str] = &["docker", "podman", "nerdctl"];

/// Their options, and those of `run`, that take no value: fewer than those that do.
const FLAGS: &[&str] = &[
    "--debug",
    "--debug-full",
    "--detach",
    "--disable-content-trust",
    "--env-host",
    "--experimental",
    "--help",
    "--http-proxy",
    "--init",
    "--insecure-registry",
    "--interactive",
    "--no-healthcheck",
    "--no-hostname",
    "--no-hosts",
    "--oom-kill-disable",
    "--passwd",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--read-only-tmpfs",
    "--remote",
    "--replace",
    "--rm",
    "--rmi",
    "--rootfs",
    "--sig-proxy",
    "--syslog",
    "--tls",
    "--tls-verify",
    "--tlsverify",
    "--transient-store",
    "--trace",
    "--tty",
    "--unsetenv-all",
    "--use-api-socket",
    "--version",
];

/// The same, of one letter: of the program, and of `run`, where they may stand together.
const LETTERS: &str = "Dhrv";
const RUN_LETTERS: &str = "diPqt";

/// Where the image stands in a command line, if `exe` (resolved) is a program that starts containers, by where it lies.
pub(super) fn image_at(exe: &str, argv: &[String]) -> Option<usize> {
    let program = exe.rsplit('/').next().unwrap_or(exe);
    if !CLIENTS.contains(&program) || standing(exe) != Standing::System {
        return None;
    }
    // an empty word stands where a script would
    let empty = usize::from(argv.get(1).is_some_and(String::is_empty));
    let mut at = skip_options(argv, 1 + empty, LETTERS);
    if argv.get(at).is_some_and(|word| word == "container") {
        at += 1;
    }
    if argv.get(at)? != "run" {
        return None;
    }
    let at = skip_options(argv, at + 1, RUN_LETTERS);
    argv.get(at).filter(|image| !image.is_empty()).map(|_| at)
}

/// An image's name without transport, tag and digest.
pub(super) fn bare(image: &str) -> &str {
    let name = image.split_once("://").map_or(image, |(_, name)| name);
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// The same without the registry: a first part with a dot, a port, or of this machine.
pub(super) fn without_registry(name: &str) -> &str {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
        _ => name,
    }
}

/// Index of the first argument from `at` on that is neither an option nor an option's value.
fn skip_options(argv: &[String], mut at: usize, letters: &str) -> usize {
    while let Some(argument) = argv.get(at) {
        at = match argument.strip_prefix('-') {
            None | Some("") => return at,
            Some("-") => return at.saturating_add(1),
            Some(long) if long.starts_with('-') => {
                let alone = argument.contains('=') || FLAGS.contains(&argument.as_str());
                at.saturating_add(if alone { 1 } else { 2 })
            }
            // of several letters the first that takes a value has the rest of the word for it, else the next one
            Some(short) => {
                let rest = short.trim_start_matches(|letter| letters.contains(letter));
                at.saturating_add(if rest.chars().count() == 1 { 2 } else { 1 })
            }
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{bare, image_at, without_registry};

    fn image(exe: &str, line: &str) -> Option<String> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        image_at(exe, &argv).and_then(|at| argv.get(at)).map(|image| bare(image).to_owned())
    }

    #[test]
    fn the_image_stands_behind_the_options() {
        let docker = |line: &str| image("/usr/bin/docker", line);
        for line in [
            "docker run mcp/fetch",
            "docker run -i --rm mcp/fetch",
            "docker run -it --init --name x -e KEY --env=A=b -h host mcp/fetch:1.2 --a b",
            "docker run -i --rm --mount type=bind,src=/home/u,dst=/projects -v /a:/b -v/c:/d mcp/fetch@sha256:00ff /projects",
            "docker --context far -H unix:///x -D run -ie KEY -p 80:80 -u1000 --network host -- mcp/fetch run",
            "docker container run --rm -i mcp/fetch",
            "docker  run --rm mcp/fetch",
        ] {
            assert_eq!(docker(line).as_deref(), Some("mcp/fetch"), "{line}");
        }
        for line in ["docker ps", "docker run", "docker run -i --name", "docker exec x mcp/fetch", "docker"] {
            assert_eq!(docker(line), None, "{line}");
        }
        let podman =
            image("/usr/bin/podman", "podman run --replace --tls-verify=false docker://localhost:5000/mcp/fetch:2");
        assert_eq!(podman.as_deref(), Some("localhost:5000/mcp/fetch"));
        assert_eq!(image("/usr/local/bin/nerdctl", "nerdctl -n k8s.io run mcp/git").as_deref(), Some("mcp/git"));
    }

    #[test]
    fn a_client_is_one_by_where_it_lies_not_by_what_it_says() {
        for exe in ["/tmp/docker", "/home/u/bin/docker", "/usr/bin/node", "docker", ""] {
            assert_eq!(image(exe, "docker run mcp/fetch"), None, "{exe}");
        }
    }

    #[test]
    fn a_registry_is_no_part_of_the_name() {
        for (name, wanted) in [
            ("mcp/fetch", "mcp/fetch"),
            ("ghcr.io/mcp/fetch", "mcp/fetch"),
            ("localhost:5000/fetch", "fetch"),
            ("localhost/mcp/fetch", "mcp/fetch"),
            ("acme/mcp/fetch", "acme/mcp/fetch"),
        ] {
            assert_eq!(without_registry(name), wanted);
        }
    }
}
