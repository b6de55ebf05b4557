//! The home folders of this host's users.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::regular;

/// Where users are listed (passwd(5)). Those of a directory service aren't.
pub const FILE: &str = "/etc/passwd";
/// Largest that is read.
const MAX_BYTES: usize = 8 << 20;
/// Most homes.
pub const MAX_HOMES: usize = 4096;

/// Homes with their users' numbers. A home counts only if it belongs to its user: `/` and `/usr/sbin` are homes too.
#[must_use]
pub fn homes() -> Vec<(String, u32)> {
    let text = regular::text(Path::new(FILE), MAX_BYTES).unwrap_or_default();
    let own = |(home, uid): &(&str, u32)| fs::metadata(home).is_ok_and(|meta| meta.is_dir() && meta.uid() == *uid);
    let homes = text.lines().filter_map(home_of).take(MAX_HOMES).filter(own);
    homes.map(|(home, uid)| (home.to_owned(), uid)).collect()
}

/// Home and uid of a line of passwd(5).
fn home_of(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    let uid = fields.nth(2)?.parse().ok()?;
    let home = fields.nth(2)?;
    (home.starts_with('/') && home != "/").then_some((home, uid))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_names_home_and_user() {
        assert_eq!(super::home_of("u:x:1000:1000:U,,,:/home/u:/bin/sh"), Some(("/home/u", 1000)));
        assert_eq!(super::home_of("daemon:x:1:1:daemon:/:/usr/sbin/nologin"), None);
        assert_eq!(super::home_of("broken"), None);
    }
}
