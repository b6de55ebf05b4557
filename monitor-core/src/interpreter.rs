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
    Php,
    Lua,
    Shell,
    PowerShell,
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

/// The code that is given on the command line of an interpreter, by its file name; empty if it comes from the standard
/// input, which is so where neither a main script nor a module is named. Of a shell only what its options give.
#[must_use]
pub fn code<'a>(program: &str, argv: &'a [String]) -> Option<&'a str> {
    let kind = Kind::of(program).filter(|kind| *kind != Kind::Java && !argv.is_empty())?;
    let mut args = argv.iter().skip(1).map(String::as_str);
    let (mut valued, mut command) = (false, false);
    while let Some(arg) = args.next() {
        if is_operand(arg) && !(kind == Kind::Shell && arg.starts_with('+')) {
            if command && !valued {
                return Some(arg);
            }
            // the shell of a program of many names
            if !valued && program == "busybox" && matches!(arg, "sh" | "ash") {
                continue;
            }
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
            Gives::Command => command = true,
            Gives::Other => return None,
            Gives::Nothing => {}
        }
        valued = kind.takes_value(arg);
    }
    (command || kind != Kind::Shell).then_some("")
}

/// As [`code`]; of a program whose options aren't known, the word after one that commonly gives code.
#[must_use]
pub fn inline<'a>(program: &str, argv: &'a [String]) -> Option<&'a str> {
    if Kind::of(program).is_some_and(|kind| kind != Kind::Java) {
        return code(program, argv);
    }
    let mut args = argv.iter().skip(1).map(String::as_str);
    let gives = |arg: &str| matches!(arg, "-c" | "-e" | "-p" | "--eval" | "--print" | "--command");
    args.by_ref().find(|arg| gives(arg)).map(|_| args.next().unwrap_or_default())
}

/// What an option gives the interpreter to do.
enum Gives<'a> {
    /// Code; empty if it is the next argument.
    Code(&'a str),
    /// Code, in the first argument that is no option.
    Command,
    /// A module, or nothing but words about itself.
    Other,
    Nothing,
}

impl Kind {
    fn of(program: &str) -> Option<Self> {
        match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "node" | "nodejs" | "bun" | "deno" => Some(Self::Node),
            "ruby" => Some(Self::Ruby),
            "perl" => Some(Self::Perl),
            "php" => Some(Self::Php),
            "lua" | "luajit" => Some(Self::Lua),
            "sh" | "bash" | "dash" | "zsh" | "ash" | "ksh" | "mksh" | "fish" | "csh" | "tcsh" | "busybox" => {
                Some(Self::Shell)
            }
            "pwsh" => Some(Self::PowerShell),
            "java" => Some(Self::Java),
            // builds with another letter behind the version too: `python3.13t`
            name if name.starts_with("python") || name.starts_with("pypy") => Some(Self::Python),
            _ => None,
        }
    }

    /// The option and its value, if it makes the interpreter load something; the value is empty if it is the next
    /// argument.
    fn loads(self, arg: &str) -> Option<(char, &str)> {
        let letters: &[char] = match self {
            Self::Python | Self::Php | Self::Lua | Self::Shell | Self::PowerShell => return None,
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
            Self::Ruby | Self::Perl if option == 'I' => value.split(':').all(system),
            // a bare name is looked up where the system's are, unless another option adds a place
            Self::Ruby | Self::Perl => {
                let path = value.split_once('=').map_or(value, |(_, path)| path);
                !value.contains('/') && !value.starts_with('.') || system(path)
            }
            _ => value.starts_with("node:") || system(value.strip_prefix("file://").unwrap_or(value)),
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
            Self::Ruby => matches!(arg, "-C" | "-E" | "-X" | "--encoding" | "-r" | "-I"),
            Self::Perl => arg == "-I",
            Self::Php => matches!(arg, "-c" | "-d" | "-f" | "-z" | "-S" | "-t" | "--php-ini" | "--define" | "--file"),
            Self::Lua => arg == "-l",
            Self::Shell => {
                let options = arg.ends_with(['o', 'O']) && !arg.starts_with("--");
                options
                    || matches!(arg, "--rcfile" | "--init-file" | "-C" | "--init-command" | "--features" | "-f" | "-d")
            }
            Self::PowerShell => true,
            Self::Java => !arg.contains([':', '=']),
        }
    }

    fn gives(self, arg: &str) -> Gives<'_> {
        let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
        match (self, name) {
            (Self::PowerShell, _) => {
                let word = arg.trim_start_matches(['-', '/']).to_ascii_lowercase();
                let gives = |long: &str| !word.is_empty() && long.starts_with(word.as_str());
                return match word.as_str() {
                    "ec" => Gives::Code(""),
                    _ if gives("command") || gives("encodedcommand") => Gives::Code(""),
                    _ if gives("file") || gives("version") || gives("help") => Gives::Other,
                    _ => Gives::Nothing,
                };
            }
            (_, "--version" | "--help" | "--help-all" | "--help-env" | "--help-xoptions") => return Gives::Other,
            (Self::Node | Self::Python | Self::Ruby | Self::Php, "-h" | "-V" | "-VV") => return Gives::Other,
            (Self::Node | Self::Perl | Self::Lua | Self::Php, "-v") | (Self::Node, "--v8-options" | "--revision") => {
                return Gives::Other;
            }
            (Self::Node, "--eval" | "--print") => return Gives::Code(value),
            (Self::Php, "--run" | "--process-begin" | "--process-code" | "--process-end") => return Gives::Code(value),
            (Self::Shell, "--command" | "--init-command") => return Gives::Code(value),
            _ => {}
        }
        let Some(cluster) = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
            return Gives::Nothing;
        };
        if self == Self::Shell {
            // what follows the options is the command, wherever among them the letter stands
            return if cluster.contains('c') { Gives::Command } else { Gives::Nothing };
        }
        // the letters that give code, those that take the rest as their value, and those that name what runs instead
        let (codes, values, others): (&[char], &[char], &[char]) = match self {
            Self::Python => (&['c'], &['X', 'W'], &['m']),
            Self::Node => (&['e', 'p'], &['r', 'C', 'i'], &[]),
            Self::Perl => (&['e', 'E'], &['M', 'm', 'I', 'F', 'i', 'x', 'D', 'C'], &[]),
            Self::Ruby => (&['e'], &['r', 'I', 'C', 'E', 'x', 'K', 'W', 'T', 'F', 'i', 'X'], &[]),
            Self::Php => (&['r', 'B', 'R', 'E'], &['c', 'd', 'z', 'S', 't'], &['f', 'F']),
            Self::Lua => (&['e'], &['l'], &[]),
            Self::Shell | Self::PowerShell | Self::Java => return Gives::Nothing,
        };
        let told = |c: &char| codes.contains(c) || values.contains(c) || others.contains(c);
        match cluster.char_indices().find(|(_, c)| told(c)) {
            // `-pe` and `-ep` are both of Node's at once
            Some(_) if self == Self::Node && matches!(cluster, "pe" | "ep") => Gives::Code(""),
            Some((at, c)) if codes.contains(&c) => Gives::Code(cluster.get(at.saturating_add(1)..).unwrap_or_default()),
            Some((_, c)) if others.contains(&c) => Gives::Other,
            _ => Gives::Nothing,
        }
    }
}

fn is_operand(arg: &str) -> bool {
    !arg.starts_with('-') || arg == "-"
}

#[cfg(test)]
mod tests {
    use super::{code, inline, loads_code};
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
            ("python3.13t -c CODE", Some("CODE")),
            ("python3 -Ec CODE", Some("CODE")),
            ("bun -eCODE", Some("CODE")),
            ("node -p CODE", Some("CODE")),
            ("sh -c CODE", Some("CODE")),
            ("bash -ec CODE", Some("CODE")),
            ("bash -lc CODE name", Some("CODE")),
            ("bash -c -o pipefail CODE", Some("CODE")),
            ("bash -o pipefail +x -c CODE", Some("CODE")),
            ("bash --norc -ic CODE", Some("CODE")),
            ("busybox sh -c CODE", Some("CODE")),
            ("fish --command=CODE", Some("CODE")),
            ("fish --command CODE", Some("CODE")),
            ("pwsh -NoProfile -Command CODE", Some("CODE")),
            ("pwsh -enc CODE", Some("CODE")),
            ("perl -e CODE", Some("CODE")),
            ("perl -lane CODE", Some("CODE")),
            ("perl -ECODE", Some("CODE")),
            ("perl -MJSON -pe CODE", Some("CODE")),
            ("ruby -rjson -e CODE", Some("CODE")),
            ("ruby -necode", Some("code")),
            ("php -rCODE", Some("CODE")),
            ("php -d a=1 --run=CODE", Some("CODE")),
            ("lua5.4 -eCODE", Some("CODE")),
            ("lua", Some("")),
            ("sh", None),
            ("sh script.sh -c x", None),
            ("bash -e script.sh", None),
            ("busybox ls -c", None),
            ("perl -w script.pl -e x", None),
            ("perl -Mre script.pl", None),
            ("perl -i.bake script.pl", None),
            ("ruby -Eutf-8 script.rb", None),
            ("php -c php.ini index.php", None),
            ("pwsh -File x.ps1 -c", None),
        ] {
            let argv = argv(line);
            assert_eq!(code(&argv[0], &argv), expected, "{line}");
            assert_eq!(inline(&argv[0], &argv), expected, "{line}");
        }
        let (readlink, other) = (argv("readlink -f x"), argv("interpreter -c CODE"));
        assert_eq!(inline("readlink", &readlink), None);
        assert_eq!(inline("interpreter", &other), Some("CODE"), "it may be one under any name");
    }
}
