//! Where in a configuration file something stands.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Deepest nesting that is followed; more than any key of ours has.
const DEPTH: usize = 32;

/// The dotted name of the key whose value holds the byte at `offset`, as `servers.client_files`. `None` where no value
/// does: at a key, or where the text is no TOML.
pub(crate) fn key_at(text: &str, offset: usize) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut path = Vec::new();
    in_table(document.get_ref(), offset, &mut path);
    (!path.is_empty()).then(|| path.join("."))
}

/// Where the element `index` of the list at `key` begins, in bytes.
pub(crate) fn element(text: &str, key: &[&str], index: usize) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (last, above) = key.split_last()?;
    for name in above {
        table = member(table, name)?.get_ref().as_table()?;
    }
    let list = member(table, last)?.get_ref().as_array()?;
    list.get(index).map(|element| element.span().start)
}

/// Line and column (characters, both from 1) of the byte at `offset`.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|&byte| byte == b'\n').count();
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    (line + 1, column + 1)
}

fn member<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

fn in_table(table: &DeTable<'_>, offset: usize, path: &mut Vec<String>) {
    if path.len() >= DEPTH {
        return;
    }
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        if in_value(value, offset, path) {
            return;
        }
        path.pop();
    }
}

/// Whether the value holds the byte; tables that are written in pieces hold what their members hold.
fn in_value(value: &Spanned<DeValue<'_>>, offset: usize, path: &mut Vec<String>) -> bool {
    let depth = path.len();
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, offset, path),
        DeValue::Array(list) => in_list(list, offset, path),
        _ => {}
    }
    path.len() > depth || value.span().contains(&offset)
}

fn in_list(list: &DeArray<'_>, offset: usize, path: &mut Vec<String>) {
    for element in list {
        if let DeValue::Table(table) = element.get_ref() {
            let depth = path.len();
            in_table(table, offset, path);
            if path.len() > depth {
                return;
            }
        }
    }
}
