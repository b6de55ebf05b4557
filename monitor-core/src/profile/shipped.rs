//! The set of profiles.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::identity::ServerIdentity;
use super::model::{Profile, ToolSpec};

/// All profiles: shipped ones, and the user's own.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    /// By name; the user's own replace shipped ones.
    list: BTreeMap<String, Profile>,
    /// Those that judge nothing but the servers that name them.
    lent: BTreeMap<String, Profile>,
}

/// Most profiles of servers' own.
const MAX_LENT: usize = 64;

/// Shipped profiles by file name.
const SHIPPED: &[(&str, &str)] = &[
    ("cloudflare.toml", include_str!("../../../profiles/cloudflare.toml")),
    ("everything.toml", include_str!("../../../profiles/everything.toml")),
    ("fetch.toml", include_str!("../../../profiles/fetch.toml")),
    ("filesystem.toml", include_str!("../../../profiles/filesystem.toml")),
    ("generic.toml", include_str!("../../../profiles/generic.toml")),
    ("git.toml", include_str!("../../../profiles/git.toml")),
    ("mcp-remote.toml", include_str!("../../../profiles/mcp-remote.toml")),
];

/// Tools of the Cloudflare servers, generated from `profiles/data/cloudflare-tools.json`.
const CLOUDFLARE_TOOLS: &str = include_str!("../../../profiles/cloudflare-tools.toml");

/// A generated tool table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolTable {
    remotes: BTreeMap<String, String>,
    tools: BTreeMap<String, BTreeMap<String, ToolSpec>>,
}

impl Profiles {
    /// The shipped profiles. A test parses every one: none is left out here.
    #[must_use]
    pub fn builtin() -> Self {
        let mut profiles = Self::default();
        for (origin, text) in SHIPPED {
            if let Ok(profile) = Profile::parse(text, origin) {
                profiles.add(profile);
            }
        }
        if let Some(cloudflare) = profiles.list.get_mut("cloudflare")
            && let Ok(table) = toml::from_str::<ToolTable>(CLOUDFLARE_TOOLS)
        {
            cloudflare.take(table);
        }
        profiles
    }

    /// Adds a profile, or replaces the one of the same name.
    pub fn add(&mut self, profile: Profile) {
        self.list.insert(profile.name.clone(), profile);
    }

    /// Adds a profile for the servers that name it, which no other is taken for; or replaces such a one.
    ///
    /// # Errors
    /// If another profile has its name, or there are too many.
    pub fn lend(&mut self, profile: Profile) -> Result<(), String> {
        let name = profile.name.clone();
        if let Some(other) = self.list.get(&name) {
            return if *other == profile {
                Ok(())
            } else {
                Err(format!("there is another profile {name}; give this one another name"))
            };
        }
        if self.lent.len() >= MAX_LENT && !self.lent.contains_key(&name) {
            return Err(format!("there are {MAX_LENT} profiles of servers' own already"));
        }
        self.lent.insert(name, profile);
        Ok(())
    }

    /// Drops those that were lent and that nobody uses any more.
    pub fn keep_lent(&mut self, used: impl Fn(&str) -> bool) {
        self.lent.retain(|name, _| used(name));
    }

    /// The profile of this name, if it is no lent one.
    #[must_use]
    pub fn own(&self, name: &str) -> Option<&Profile> {
        self.list.get(name)
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.list.get(name).or_else(|| self.lent.get(name))
    }

    /// The profile that judges a server: the one of this name, or `generic` where there is none.
    #[must_use]
    pub fn judge(&self, name: &str) -> Option<&Profile> {
        self.get(name).or_else(|| self.get("generic"))
    }

    /// The profile with the most particular rule that fits, if any does; of equal ones the first by name.
    #[must_use]
    pub fn matching(&self, identity: &ServerIdentity<'_>) -> Option<&Profile> {
        let mut best: Option<(u32, &Profile)> = None;
        for profile in self.iter() {
            let weight = profile.servers.iter().filter_map(|rule| rule.fits(identity)).max();
            if let Some(weight) = weight
                && best.is_none_or(|(other, _)| weight > other)
            {
                best = Some((weight, profile));
            }
        }
        best.map(|(_, profile)| profile)
    }

    /// Every profile, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.list.values()
    }
}

impl Profile {
    /// Takes a generated table in; what the profile itself says wins.
    fn take(&mut self, table: ToolTable) {
        for (host, key) in table.remotes {
            self.remotes.entry(host).or_insert(key);
        }
        for (server, tools) in table.tools {
            let own = self.tools.entry(server).or_default();
            for (tool, spec) in tools {
                own.entry(tool).or_insert(spec);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_any_more_makes_room_for_another_lent_profile() {
        let named = |name: &str| Profile::parse(&format!("name = \"{name}\"\nversion = 1\nsummary = \"\"\n"), name);
        let mut profiles = Profiles::builtin();
        let fetch = profiles.own("fetch").unwrap().clone();
        assert_eq!(profiles.lend(fetch), Ok(()), "the same one");
        assert!(profiles.lend(named("fetch").unwrap()).unwrap_err().contains("another profile fetch"));
        for number in 0..MAX_LENT {
            profiles.lend(named(&format!("p{number}")).unwrap()).unwrap();
        }
        assert_eq!(profiles.lend(named("p0").unwrap()), Ok(()), "replaced");
        assert!(profiles.lend(named("more").unwrap()).is_err());
        profiles.keep_lent(|name| name != "p1");
        assert_eq!(profiles.lend(named("more").unwrap()), Ok(()));
        assert!(profiles.get("p1").is_none() && profiles.get("p0").is_some() && profiles.own("p0").is_none());
    }

    #[test]
    fn every_shipped_profile_parses_and_has_the_name_of_its_file() {
        for (origin, text) in SHIPPED {
            let profile = Profile::parse(text, origin).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(format!("{}.toml", profile.name), *origin);
        }
        toml::from_str::<ToolTable>(CLOUDFLARE_TOOLS).unwrap_or_else(|error| panic!("cloudflare-tools.toml: {error}"));
    }
}
