//! Text to profile.

use super::model::Profile;

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, an unknown key, a wrong type or a value out of range.
    #[error("{origin}:{line}:{column}: {message}")]
    Syntax {
        /// File name, or what stands for it.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Well-formed, but it can't mean anything.
    #[error("{origin}: {message}")]
    Meaning {
        /// File name, or what stands for it.
        origin: String,
        /// What is wrong.
        message: String,
    },
}

impl Profile {
    /// Parses a profile. `origin` is named in errors.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(|error| {
            let (line, column) = crate::config::position(text, error.span().map_or(0, |span| span.start));
            ProfileError::Syntax { origin: origin.to_owned(), line, column, message: error.message().to_owned() }
        })
    }
}
