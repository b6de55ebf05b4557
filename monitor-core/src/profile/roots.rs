//! The folders that a server was given.

use super::identity::own_arguments;
use super::model::{RootSource, Roots};

/// Most folders that one server can have; further ones are left out.
const MAX: usize = 256;

pub(super) fn folders(roots: &Roots, argv: &[String], cwd: &str) -> Vec<String> {
    let own = own_arguments(argv);
    let found: Vec<&str> = match roots.from {
        RootSource::None => Vec::new(),
        RootSource::Cwd => vec![cwd],
        RootSource::Argv => own.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect(),
        RootSource::Flags => flag_values(own, &roots.flags),
    };
    found.into_iter().filter_map(|folder| absolute(folder, cwd)).take(MAX).collect()
}

fn flag_values<'a>(argv: &'a [String], flags: &[String]) -> Vec<&'a str> {
    let mut values = Vec::new();
    let mut arguments = argv.iter().map(String::as_str).peekable();
    while let Some(argument) = arguments.next() {
        if flags.iter().any(|flag| flag == argument) {
            values.extend(arguments.next());
        } else if let Some((flag, value)) = argument.split_once('=')
            && flags.iter().any(|own| own == flag)
        {
            values.push(value);
        }
    }
    values
}

/// `folder` against `cwd`, without `.`, `..` and doubled or final `/`. `None`: not known, or the root directory, which
/// as a folder would excuse everything.
fn absolute(folder: &str, cwd: &str) -> Option<String> {
    let whole = if folder.starts_with('/') { folder.to_owned() } else { format!("{cwd}/{folder}") };
    if folder.is_empty() || !(folder.starts_with('/') || cwd.starts_with('/')) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}
