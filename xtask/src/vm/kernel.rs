//! Debian's kernel for virtual machines, from the machine's own package sources.
//!
//! The sources are those of `/etc/apt` with the release's name replaced, in an apt state folder of our own: whatever
//! mirror or proxy this machine uses serves, nothing of the machine's is changed, and no root is needed.

use crate::shell;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names the newest kernel of a release by its dependency.
const META: &str = "linux-image-cloud-amd64";
/// A download of package lists or of one kernel (27 MB).
const LIMIT: Duration = Duration::from_secs(300);

/// The kernel image of a release, downloaded once; remove the folder to have a newer one.
pub fn image(folder: &Path, release: &str) -> Result<PathBuf> {
    let image = folder.join("vmlinuz");
    if image.is_file() {
        return Ok(image);
    }
    println!("==> downloading Debian's kernel ({META} of {release}) to run tests on, into {}", folder.display());
    let apt = Apt::prepare(&folder.join("apt"), release)?;
    shell::must_within(apt.get().arg("update"), LIMIT)?;
    let package = apt.kernel_package()?;
    let unpacked = folder.join("unpacked");
    fs::create_dir_all(&unpacked)?;
    shell::must_within(apt.get().args(["download", &package]).current_dir(folder), LIMIT)?;
    let archive = only_file(folder, |name| name.starts_with(&package) && name.ends_with(".deb"))?;
    shell::must(Command::new("dpkg").arg("-x").args([&archive, &unpacked]))?;
    let kernel = only_file(&unpacked.join("boot"), |name| name.starts_with("vmlinuz-"))?;
    fs::write(folder.join("package"), format!("{package}\n"))?;
    // Last and in one step, so that an interrupted download is done again.
    fs::rename(&kernel, &image).with_context(|| format!("cannot move {}", kernel.display()))?;
    fs::remove_dir_all(&unpacked)?;
    fs::remove_file(&archive)?;
    fs::remove_dir_all(folder.join("apt"))?;
    Ok(image)
}

/// apt with a state of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn prepare(folder: &Path, release: &str) -> Result<Apt> {
        for part in ["lists/partial", "cache/archives/partial", "sources"] {
            fs::create_dir_all(folder.join(part)).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write_sources(&folder.join("sources"), release)?;
        let folder = folder.display();
        let set = [
            format!("Dir::State::Lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            "Dir::Etc::SourceList=/dev/null".to_owned(),
            format!("Dir::Etc::SourceParts={folder}/sources"),
            // Our folder may be one that apt's own user can't enter.
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Apt { options: set.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect() })
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("--quiet=2").args(&self.options);
        command
    }

    /// The package that [`META`] depends on.
    fn kernel_package(&self) -> Result<String> {
        let mut command = Command::new("apt-cache");
        let shown = shell::output(command.args(&self.options).args(["--no-all-versions", "show", META]))?;
        let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "));
        let name = depends.and_then(|list| list.split([' ', ',']).next());
        name.map(str::to_owned).with_context(|| format!("{META} names no kernel"))
    }
}

/// Copies the machine's sources that hold its own release, for another.
fn write_sources(to: &Path, release: &str) -> Result<()> {
    let own = own_release()?;
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let mut written = 0;
    for (number, file) in files.iter().enumerate() {
        let Ok(text) = fs::read_to_string(file) else { continue };
        let kind = file.extension().and_then(|name| name.to_str()).unwrap_or_default();
        let translated = match kind {
            "sources" => stanzas(&text, &own, release),
            "list" => lines(&text, &own, release),
            _ => continue,
        };
        if !translated.is_empty() {
            fs::write(to.join(format!("{number}.{kind}")), translated)?;
            written += 1;
        }
    }
    if written == 0 {
        bail!("no package source of this machine holds Debian's {own}: give a kernel by `--kernel FILE`");
    }
    Ok(())
}

fn own_release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"').to_owned())
        .context("this system has no release name: give a kernel by `--kernel FILE`")
}

/// deb822: stanzas with a `Suites:` line.
fn stanzas(text: &str, own: &str, release: &str) -> String {
    let mut out = String::new();
    for stanza in text.split("\n\n") {
        let mut found = false;
        let mut lines = Vec::new();
        for line in stanza.lines() {
            let Some(suites) = line.strip_prefix("Suites:") else {
                lines.push(line.to_owned());
                continue;
            };
            let suites: Vec<String> =
                suites.split_whitespace().filter_map(|suite| translate(suite, own, release)).collect();
            found |= !suites.is_empty();
            lines.push(format!("Suites: {}", suites.join(" ")));
        }
        if found {
            out += &lines.join("\n");
            out += "\n\n";
        }
    }
    out
}

/// One line a source: `deb [options] uri suite component…`.
fn lines(text: &str, own: &str, release: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter(|line| line.starts_with("deb ")) {
        let mut found = false;
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| match translate(word, own, release) {
                Some(suite) => {
                    found = true;
                    suite
                }
                None => word.to_owned(),
            })
            .collect();
        if found {
            out += &words.join(" ");
            out.push('\n');
        }
    }
    out
}

/// The same suite of another release: `own`, `own-updates`, `own-security`.
fn translate(suite: &str, own: &str, release: &str) -> Option<String> {
    let rest = suite.strip_prefix(own)?;
    let known = matches!(rest, "" | "-updates" | "-security");
    // The unstable release has one suite.
    (known && (release != "sid" || rest.is_empty())).then(|| format!("{release}{rest}"))
}

fn only_file(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let found = entries.flatten().find(|entry| entry.file_name().to_str().is_some_and(&wanted));
    found.map(|entry| entry.path()).with_context(|| format!("no such file in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::{lines, stanzas};

    #[test]
    fn sources_are_translated_and_strangers_left_out() {
        let text = "Types: deb\nURIs: http://a/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n\
                    Types: deb\nURIs: http://b\nSuites: nodistro\n";
        let out = stanzas(text, "bookworm", "trixie");
        assert!(out.contains("Suites: trixie trixie-updates\n") && !out.contains("nodistro"), "{out}");
        let text = "# x\ndeb http://a/debian bookworm main\ndeb http://c cloud-sdk-bookworm main\n";
        assert_eq!(lines(text, "bookworm", "sid"), "deb http://a/debian sid main\n");
    }
}
