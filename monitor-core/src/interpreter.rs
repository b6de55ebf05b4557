//! What the command line of an interpreter makes it run besides, or instead of, a main script.

use crate::credential::{Standing, standing};
use crate::state::Image;

/// An interpreter whose options are known, by its file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Node,
    Python,
    Ruby,
    Perl,
    Java,
}

/// Whether an interpreter loads code from outside the system's folders before its main script, because an option says
/// so; or may, because arguments are missing and the main script isn't among those that are known.
#[must_use]
pub fn loads_code(image: &Image) -> bool {
    let Some(kind) = Kind::of(image.program()) else { return false };
    let mut args = image.argv.iter().skip(1).map(String::as_str);
    let mut valued = false;
    while let Some(arg) = args.next() {
        if let Some((option, value)) = kind.loads(arg) {
            let value = if value.is_empty() { args.next().unwrap_or_default() } else { value };
            if image.argv_cut || !kind.is_systems(option, value) {
                return true;
            }
            valued = false;
        } else if is_operand(arg) {
            if !valued {
                return false;
            }
            // it may be the value of the option before it
            valued = false;
        } else {
            valued = kind.takes_value(arg);
        }
    }
    image.argv_cut
}

/// The code that is given on the command line of a Node or a Python; empty if it comes from the standard input, which is
/// so where neither a main script nor a module is named.
#[must_use]
pub fn code<'a>(program: &str, argv: &'a [String]) -> Option<&'a str> {
    let kind = Kind::of(program).filter(|kind| matches!(kind, Kind::Node | Kind::Python) && !argv.is_empty())?;
    let mut args = argv.iter().skip(1).map(String::as_str);
    let mut valued = false;
    while let Some(arg) = args.next() {
        if is_operand(arg) {
            if !valued {
                return match arg {
                    "eval" | "repl" if program == "deno" => Some(args.next().unwrap_or_default()),
                    _ if arg == "-" || arg.starts_with("/dev/") || arg.starts_with("/proc/") => Some(""),
                    _ => None,
                };
            }
            valued = false;
            continue;
        }
        match kind.gives(arg) {
            Gives::Code("") => return Some(args.next().unwrap_or_default()),
            Gives::Code(code) => return Some(code),
            Gives::Other => return None,
            Gives::Nothing => valued = kind.takes_value(arg),
        }
    }
    Some("")
}

/// What an option gives the interpreter to do.
enum Gives<'a> {
    /// Code; empty if it is the next argument.
    Code(&'a str),
    /// A module, or nothing but words about itself.
    Other,
    Nothing,
}

impl Kind {
    fn of(program: &str) -> Option<Self> {
        match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "node" | "nodejs" | "bun" | "deno" => Some(Self::Node),
            "python" | "pypy" => Some(Self::Python),
            "ruby" => Some(Self::Ruby),
            "perl" => Some(Self::Perl),
            "java" => Some(Self::Java),
            _ => None,
        }
    }

    /// The option and its value, if it makes the interpreter load something; the value is empty if it is the next
    /// argument.
    fn loads(self, arg: &str) -> Option<(char, &str)> {
        let letters: &[char] = match self {
            Self::Python => return None,
            Self::Node => {
                let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
                // files of settings and snapshots bring code too; Node takes both signs for the same
                return matches!(
                    name.replace('_', "-").as_str(),
                    "-r" | "--require"
                        | "--import"
                        | "--loader"
                        | "--experimental-loader"
                        | "--preload"
                        | "--env-file"
                        | "--env-file-if-exists"
                        | "--experimental-config-file"
                        | "--snapshot-blob"
                )
                .then_some(('r', value));
            }
            Self::Java => {
                return ["-javaagent:", "-agentpath:", "-Xbootclasspath/a:"]
                    .iter()
                    .find_map(|name| arg.strip_prefix(name))
                    .map(|value| ('r', value));
            }
            Self::Ruby => &['r', 'I'],
            Self::Perl => &['M', 'm', 'I'],
        };
        // one letter after another, up to one that has a value
        let cluster = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
        let (at, option) = cluster.char_indices().find(|(_, c)| letters.contains(c))?;
        Some((option, cluster.get(at.saturating_add(1)..).unwrap_or_default()))
    }

    /// Whether what an option makes it load is the system's.
    fn is_systems(self, option: char, value: &str) -> bool {
        let system =
            |path: &str| standing(path) == Standing::System && !path.split('/').any(|component| component == "..");
        match self {
            Self::Node | Self::Java | Self::Python => {
                value.starts_with("node:") || system(value.strip_prefix("file://").unwrap_or(value))
            }
            Self::Ruby | Self::Perl if option == 'I' => value.split(':').all(system),
            // a bare name is looked up where the system's are, unless another option adds a place
            Self::Ruby | Self::Perl => {
                let path = value.split_once('=').map_or(value, |(_, path)| path);
                !value.contains('/') && !value.starts_with('.') || system(path)
            }
        }
    }

    /// Whether the argument after this option may be its value.
    fn takes_value(self, arg: &str) -> bool {
        match self {
            Self::Python => matches!(arg, "--check-hash-based-pycs") || arg.ends_with('X') || arg.ends_with('W'),
            Self::Node => {
                let switch = arg.starts_with("--no-")
                    || matches!(arg, "--enable-source-maps" | "--experimental-vm-modules" | "--expose-gc" | "-i");
                !arg.contains('=') && !switch
            }
            Self::Ruby => matches!(arg, "-C" | "-E" | "-X" | "--encoding"),
            Self::Perl => false,
            Self::Java => !arg.contains([':', '=']),
        }
    }

    fn gives(self, arg: &str) -> Gives<'_> {
        let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
        match (self, name) {
            (_, "--version" | "--help" | "-h" | "-V" | "-VV" | "--help-all" | "--help-env" | "--help-xoptions") => {
                return Gives::Other;
            }
            (Self::Node, "-v" | "--v8-options" | "--revision") => return Gives::Other,
            (Self::Node, "--eval" | "--print") => return Gives::Code(value),
            (Self::Node, "-e" | "-p" | "-pe" | "-ep") => return Gives::Code(""),
            _ => {}
        }
        let Some(cluster) = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-') && self == Self::Python) else {
            return Gives::Nothing;
        };
        // the first letter that takes the rest as its value
        match cluster.char_indices().find(|(_, c)| matches!(c, 'c' | 'm' | 'X' | 'W')) {
            Some((at, 'c')) => Gives::Code(cluster.get(at.saturating_add(1)..).unwrap_or_default()),
            Some((_, 'm')) => Gives::Other,
            _ => Gives::Nothing,
        }
    }
}

fn is_operand(arg: &str) -> bool {
    !arg.starts_with('-') || arg == "-"
}

#[cfg(test)]
mod tests {
    use super::{code, loads_code};
    use crate::event::FileRef;
    use crate::state::Image;

    fn image(line: &str, argv_cut: bool) -> Image {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let exe = FileRef { path: format!("/usr/bin/{}", argv[0]), ..FileRef::default() };
        Image { exe, argv, argv_cut, ..Image::default() }
    }

    #[test]
    fn code_that_an_option_loads_is_found() {
        for line in [
            "node --require=/tmp/x.js w.js",
            "node --require /home/u/x.js w.js",
            "node -r ./x.js w.js",
            "node --import=data:text/javascript,1 w.js",
            "node --experimental_loader=/tmp/x.mjs w.js",
            "node --title w.js --require=/tmp/x.js w.js",
            "node --require=/usr/../tmp/x.js w.js",
            "bun --preload /tmp/x.ts w.js",
            "ruby -r/tmp/x.rb w.rb",
            "ruby -I /tmp -rjson w.rb",
            "perl -I/tmp w.pl",
            "perl -wMlib=/tmp w.pl",
            "java -javaagent:/tmp/x.jar -jar w.jar",
        ] {
            assert!(loads_code(&image(line, false)), "{line}");
        }
        for line in [
            "node w.js --require=/tmp/x.js",
            "node --no-warnings --experimental-vm-modules w.js -r /tmp/x.js",
            "node --max-old-space-size=4096 w.js",
            "node --require=/usr/lib/node_modules/x.js w.js",
            "node --import node:timers w.js",
            "python3 -X dev -u w.py -r /tmp/x",
            "ruby -rjson w.rb",
            "perl -w -MStorable w.pl",
            "java -jar w.jar",
            "aws --require=/tmp/x.js",
        ] {
            assert!(!loads_code(&image(line, false)), "{line}");
        }
    }

    #[test]
    fn missing_arguments_matter_before_the_main_script_alone() {
        assert!(loads_code(&image("node --max-old-space-size=4096", true)));
        assert!(loads_code(&image("node --require=/usr/lib/x.js w.js", true)), "the rest of the path may be missing");
        assert!(!loads_code(&image("node w.js a b c", true)));
        assert!(!loads_code(&image("python3 -u w.py a", true)));
    }

    #[test]
    fn code_on_the_command_line_is_found() {
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
        for (line, expected) in [
            ("python3 -c CODE", Some("CODE")),
            ("python3 -Bc CODE", Some("CODE")),
            ("python3 -IcCODE", Some("CODE")),
            ("python3 -X dev -W ignore -c CODE", Some("CODE")),
            ("python3.12 -u -", Some("")),
            ("python3 /dev/stdin", Some("")),
            ("python3", Some("")),
            ("node --eval=CODE", Some("CODE")),
            ("node -pe CODE", Some("CODE")),
            ("node --title x.js -e CODE", Some("CODE")),
            ("node", Some("")),
            ("deno eval CODE", Some("CODE")),
            ("python3 -m pip install x", None),
            ("python3 -Bm pip", None),
            ("python3 --version", None),
            ("python3 -V", None),
            ("node -v", None),
            ("node --version", None),
            ("node worker.js -e x", None),
            ("node --no-warnings worker.js -p 1", None),
            ("python3 -u worker.py -c x", None),
            ("bun run worker.ts", None),
            ("sh -c CODE", None),
        ] {
            let argv = argv(line);
            assert_eq!(code(&argv[0], &argv), expected, "{line}");
        }
    }
}
