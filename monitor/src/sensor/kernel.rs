//! Whether this kernel is new enough: by what it says of itself and, where distributions bring newer features to an older
//! number, by what it has.

/// From here on every feature is there: `bpf_loop` came last.
pub const OLDEST: (u32, u32) = (5, 17);
/// Before this there are no ring buffers, whatever else was brought to it.
const HOPELESS: (u32, u32) = (5, 8);
/// The kernel function that came last of those that are needed.
const NEEDED: &str = "bpf_loop";

/// What a release says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// New enough.
    Fine,
    /// Too old, unless its distribution brought it what is needed.
    Old,
    /// Too old for the programs.
    TooOld,
    /// It can't be read: trying will tell.
    Unknown,
}

/// The release of the running kernel, as uname(2) gives it.
#[must_use]
pub fn release() -> String {
    nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a release such as `6.1.0-21-amd64` says. Only its first two numbers count.
#[must_use]
pub fn verdict(release: &str) -> Verdict {
    let mut parts = release.trim().splitn(3, '.');
    let major = parts.next().and_then(|part| part.parse::<u32>().ok());
    let minor = parts.next().and_then(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end)?.parse::<u32>().ok()
    });
    match major.zip(minor) {
        Some(version) if version >= OLDEST => Verdict::Fine,
        Some(version) if version >= HOPELESS => Verdict::Old,
        Some(_) => Verdict::TooOld,
        None => Verdict::Unknown,
    }
}

/// Whether a kernel of this release, whose functions `has` knows, can serve.
#[must_use]
pub fn serves(release: &str, has: impl Fn(&str) -> bool) -> bool {
    match verdict(release) {
        Verdict::Fine | Verdict::Unknown => true,
        Verdict::Old => has(NEEDED),
        Verdict::TooOld => false,
    }
}

/// Why a kernel of this release can't serve.
#[must_use]
pub fn too_old(release: &str) -> String {
    let (major, minor) = OLDEST;
    format!("Linux {} is too old: {major}.{minor} or later is needed", release.trim())
}

#[cfg(test)]
mod tests {
    use super::{Verdict, serves, verdict};

    #[test]
    fn a_release_is_read_however_it_goes_on() {
        for release in ["5.17", "5.17.0", "6.1", "6.18.1+", "6.18.44-fc-v669", "5.17-rc3", "6.1.0-21-amd64\n", "10.0"] {
            assert_eq!(verdict(release), Verdict::Fine, "{release}");
        }
        for release in ["5.10.0-21-amd64", "5.16.99", "5.9", "5.14.0-427.13.1.el9_4.x86_64"] {
            assert_eq!(verdict(release), Verdict::Old, "{release}");
        }
        for release in ["5.7.19", "4.19+", "2.6.78", "3.10.0-1160.el7.x86_64", "0.0"] {
            assert_eq!(verdict(release), Verdict::TooOld, "{release}");
        }
        let garbage =
            ["", "garbage", "6", "6.", "6.x", ".17", "-5.17", "v6.1", "99999999999.1", "6.99999999999", "٦.١"];
        for release in garbage {
            assert_eq!(verdict(release), Verdict::Unknown, "{release}");
        }
    }

    #[test]
    fn a_distribution_may_have_brought_what_is_needed_to_an_older_number() {
        let (with, without) = (|name: &str| name == "bpf_loop", |_: &str| false);
        assert!(serves("5.14.0-427.13.1.el9_4.x86_64", with) && !serves("5.14.0-427.13.1.el9_4.x86_64", without));
        assert!(serves("6.1", without) && serves("garbage", without) && !serves("4.18.0-553.el8", with));
        assert!(crate::sensor::btf::Btf::kernel().unwrap().has_function(super::NEEDED), "it is called so");
    }

    #[test]
    fn this_kernel_is_one_that_can_be_read() {
        assert_ne!(verdict(&super::release()), Verdict::Unknown);
    }
}
