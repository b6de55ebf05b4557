//! Whom the server runs as: the user who called `sudo`, never root by mistake.

use std::ffi::{CString, OsStr};

use nix::unistd::{Gid, Uid, User};

/// What sudo says of its caller; `assume` takes them away, since the server isn't under sudo any more.
const NAMES: [&str; 4] = ["SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"];
/// "No change" to the kernel: `setresuid(-1)` would leave root in place.
const NO_ID: u32 = u32::MAX;

/// The user who called `sudo`.
#[derive(Debug)]
pub struct Identity {
    user: User,
    gid: Gid,
}

impl Identity {
    /// `None` unless this was started by sudo, by somebody else than root.
    ///
    /// # Errors
    /// If sudo's variables don't say who it was: the server would run as root then.
    pub fn invoking() -> Result<Option<Self>, String> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let value = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let Some((uid, gid)) = ids(value("SUDO_UID"), value("SUDO_GID"), value("SUDO_USER"))? else { return Ok(None) };
        match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => Ok(Some(Self { user, gid: Gid::from_raw(gid) })),
            Ok(None) => Err(refusal(&format!("SUDO_UID={uid} is no user of this host"))),
            Err(error) => Err(refusal(&format!("SUDO_UID={uid} can't be looked up: {error}"))),
        }
    }

    /// Becomes that user, with the environment that sudo changed put back.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn assume(self) -> nix::Result<()> {
        let name = CString::new(self.user.name.as_bytes()).map_err(|_| nix::errno::Errno::EINVAL)?;
        nix::unistd::initgroups(&name, self.gid)?;
        nix::unistd::setresgid(self.gid, self.gid, self.gid)?;
        nix::unistd::setresuid(self.user.uid, self.user.uid, self.user.uid)?;
        let set = [
            ("HOME", self.user.dir.as_os_str()),
            ("SHELL", self.user.shell.as_os_str()),
            ("USER", OsStr::new(&self.user.name)),
            ("LOGNAME", OsStr::new(&self.user.name)),
        ];
        // SAFETY: this process has one thread.
        unsafe {
            for (name, value) in set {
                std::env::set_var(name, value);
            }
            for name in NAMES {
                std::env::remove_var(name);
            }
        }
        Ok(())
    }
}

/// User and group of sudo's caller; `None` if there was no sudo, or root called it.
fn ids(uid: Option<String>, gid: Option<String>, user: Option<String>) -> Result<Option<(u32, u32)>, String> {
    if uid.is_none() && gid.is_none() && user.is_none() {
        return Ok(None);
    }
    let number = |name: &str, value: Option<String>| {
        let value = value.ok_or_else(|| refusal(&format!("{name} is missing beside sudo's other variables")))?;
        let id = value.parse::<u32>().ok().filter(|id| *id != NO_ID);
        id.ok_or_else(|| refusal(&format!("{name}={value:?} is no id")))
    };
    let uid = number("SUDO_UID", uid)?;
    if uid == 0 {
        return Ok(None);
    }
    Ok(Some((uid, number("SUDO_GID", gid)?)))
}

fn refusal(why: &str) -> String {
    format!("the user who called sudo is not known, and the server would run as root: {why}; unset SUDO_* if it is to")
}

#[cfg(test)]
mod tests {
    use super::ids;

    fn of(uid: Option<&str>, gid: Option<&str>, user: Option<&str>) -> Result<Option<(u32, u32)>, String> {
        let text = |value: Option<&str>| value.map(str::to_owned);
        ids(text(uid), text(gid), text(user))
    }

    #[test]
    fn only_two_whole_ids_name_a_caller() {
        assert_eq!(of(None, None, None), Ok(None), "no sudo");
        assert_eq!(of(Some("0"), Some("0"), Some("root")), Ok(None), "root called");
        assert_eq!(of(Some("1000"), Some("100"), Some("ana")), Ok(Some((1000, 100))));
        for uid in [None, Some(""), Some("ana"), Some("-1"), Some("4294967295"), Some("4294967296")] {
            assert!(of(uid, Some("100"), Some("ana")).is_err(), "{uid:?}");
            assert!(of(Some("1000"), uid, Some("ana")).is_err(), "group {uid:?}");
        }
    }
}
