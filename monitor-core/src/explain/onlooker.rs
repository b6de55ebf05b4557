//! Who outside every server may look at one: the agent's own program, and the system's process listing where it wasn't
//! asked for environments.
//!
//! `ps` of procps opens every process's `environ` whatever it is asked to show; only its options say whether it shows
//! it. A listing that asks is a reading like any other.

use crate::credential::{OwnerSpec, Standing};
use crate::event::MemoryOp;
use crate::id::FileId;
use crate::state::Image;

/// Letters that take an argument after one dash, as in ps(1).
const DASHED: &str = "CgGoOpqstuUn";
/// Letters that take an argument without a dash.
const BARE: &str = "kNoOpqtU";
/// Long options whose argument may be the next word.
const LONG: &[&str] = &[
    "--Group",
    "--User",
    "--group",
    "--user",
    "--cols",
    "--columns",
    "--width",
    "--format",
    "--pid",
    "--ppid",
    "--quick-pid",
    "--sid",
    "--sort",
    "--rows",
    "--lines",
    "--tty",
];

/// Whether a process that runs `image`, outside every server, does only what it is there for.
#[must_use]
pub fn may_look(image: &Image, op: MemoryOp, agent: Option<FileId>) -> bool {
    if !image.preload.is_empty() || image.fileless {
        return false;
    }
    match op {
        MemoryOp::ProcEnviron => is_agent(image, agent) || is_listing(image) && !asks_for_environments(image),
        MemoryOp::ProcMaps | MemoryOp::ProcFd => is_agent(image, agent),
        _ => false,
    }
}

/// The very file that the agent was started from.
fn is_agent(image: &Image, agent: Option<FileId>) -> bool {
    agent.is_some_and(|agent| agent != FileId::default() && agent == image.exe.id)
}

/// By where it is installed, as for the owner of a credential: a place that takes root to write.
fn is_listing(image: &Image) -> bool {
    OwnerSpec::Program("ps".to_owned()).admits(&image.exe.path, image.script_path()) == Some(Standing::System)
}

/// Whether `ps` was asked for environments. What can't be told counts as asked.
fn asks_for_environments(image: &Image) -> bool {
    // nobody writes such a line to see which processes there are
    if image.argv.is_empty() || image.argv_cut || image.argv.iter().any(|arg| arg.len() > 512) {
        return true;
    }
    let mut args = image.argv.iter().skip(1);
    while let Some(arg) = args.next() {
        let asks = if arg.starts_with("--") {
            let (name, value) = arg.split_once('=').map_or((arg.as_str(), None), |(name, value)| (name, Some(value)));
            let value = value.or_else(|| LONG.contains(&name).then(|| args.next().map(String::as_str)).flatten());
            value.is_some_and(names_environ)
        } else if let Some(letters) = arg.strip_prefix('-') {
            options(letters, DASHED, &mut args, dashed)
        } else if arg.starts_with(|c: char| c.is_ascii_digit()) {
            false
        } else {
            options(arg, BARE, &mut args, |letter, _| letter == 'e')
        };
        if asks {
            return true;
        }
    }
    false
}

/// One word of option letters; the argument of a letter is the rest of the word, or the next one.
fn options<'a>(
    letters: &'a str,
    takes: &str,
    args: &mut impl Iterator<Item = &'a String>,
    asks: impl Fn(char, &str) -> bool,
) -> bool {
    for (at, letter) in letters.char_indices() {
        let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
        if asks(letter, rest) {
            return true;
        }
        if takes.contains(letter) {
            let value = if rest.is_empty() { args.next().map_or("", String::as_str) } else { rest };
            return names_environ(value);
        }
    }
    false
}

/// After a dash, `e` means every process. But `-auxe` is `auxe` to `ps`, unless there is a user of that name.
fn dashed(letter: char, rest: &str) -> bool {
    matches!(letter, 'u' | 'U') && rest.starts_with('x') && rest.contains('e')
}

fn names_environ(format: &str) -> bool {
    format.to_ascii_lowercase().contains("environ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FileRef;

    fn asks(line: &str) -> bool {
        let argv = line.split(' ').map(str::to_owned).collect();
        asks_for_environments(&Image { argv, ..Image::default() })
    }

    #[test]
    fn only_what_shows_environments_asks_for_them() {
        for line in [
            "ps",
            "ps ax",
            "ps aux",
            "ps -ef",
            "ps -e",
            "ps -eLf",
            "ps -eo pid,etime,cmd",
            "ps axo pid,etime",
            "ps axopid,etime",
            "ps -C node",
            "ps -u me",
            "ps -aux",
            "ps -p 12 -o etime=",
            "ps --sort etime -A",
            "ps --pid 12 --format cmd",
            "ps U me",
            "ps 1234",
            "ps auxwwf --forest",
        ] {
            assert!(!asks(line), "{line}");
        }
        for line in [
            "ps e",
            "ps eww",
            "ps auxe",
            "ps auxewww",
            "ps ax e",
            "ps -ax e",
            "ps -auxe",
            "ps -o pid,environ",
            "ps -opid,ENVIRON",
            "ps axo environ",
            "ps ao pid,environ",
            "ps --format=environ",
            "ps --format environ",
            "ps -C node e",
            "ps -eo pid -o environ",
        ] {
            assert!(asks(line), "{line}");
        }
    }

    #[test]
    fn the_place_vouches_not_the_name() {
        let image = |path: &str, preload: &[&str]| Image {
            exe: FileRef { path: path.to_owned(), id: FileId { dev: 1, ino: 7 }, cut: false },
            argv: vec!["ps".to_owned(), "ax".to_owned()],
            preload: preload.iter().map(|name| (*name).to_owned()).collect(),
            ..Image::default()
        };
        let looks = |image: &Image| may_look(image, MemoryOp::ProcEnviron, None);
        assert!(looks(&image("/usr/bin/ps", &[])));
        assert!(!looks(&image("/usr/bin/ps", &["LD_PRELOAD"])));
        assert!(!looks(&image("/home/u/.local/bin/ps", &[])));
        assert!(!looks(&image("/tmp/ps", &[])));
        assert!(!looks(&image("/usr/bin/cat", &[])));
        let agent = Some(FileId { dev: 1, ino: 7 });
        assert!(may_look(&image("/srv/tripline", &[]), MemoryOp::ProcFd, agent));
        assert!(!may_look(&image("/srv/tripline", &[]), MemoryOp::VmRead, agent));
        assert!(!may_look(&image("/srv/tripline", &[]), MemoryOp::ProcEnviron, Some(FileId { dev: 1, ino: 8 })));
    }
}
