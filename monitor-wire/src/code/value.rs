//! What an expression may be, without running it: a few values, or unknown.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::ast::{Name, Site};
use super::run::Place;
use crate::limits;

/// A part of a text that isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hole {
    /// Digits, or one of the words that a number may be.
    Number,
    /// The account's id, which the server sets.
    Account,
    /// Anything without a separator: what `encodeURIComponent` makes.
    Encoded,
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Name),
    Hole(Hole),
}

/// A text, with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(Rc<Vec<Piece>>);

impl Text {
    pub(super) fn known(text: &str) -> Self {
        if text.len() > limits::CODE_TEXT {
            return Self::hole(Hole::Any);
        }
        Self(Rc::new(if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.into())] }))
    }

    pub(super) fn hole(hole: Hole) -> Self {
        Self(Rc::new(vec![Piece::Hole(hole)]))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// All of it, if all is known.
    pub(super) fn whole(&self) -> Option<Name> {
        match self.0.as_slice() {
            [] => Some("".into()),
            [Piece::Text(text)] => Some(Rc::clone(text)),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 1 }).sum()
    }

    pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut bytes: usize = 0;
        for piece in parts.into_iter().flat_map(|part| part.pieces()) {
            bytes = bytes.saturating_add(if let Piece::Text(text) = piece { text.len() } else { 1 });
            if bytes > limits::CODE_TEXT {
                return Self::hole(Hole::Any);
            }
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(text)) => *last = [&**last, &**text].concat().into(),
                (Some(Piece::Hole(Hole::Any)), Piece::Hole(Hole::Any)) => {}
                (_, piece) => pieces.push(piece.clone()),
            }
        }
        Self(Rc::new(pieces))
    }

    /// Maps the known text, if all is known; else says that nothing is known.
    pub(super) fn map(&self, change: impl Fn(&str) -> Option<String>) -> Self {
        let changed = self.whole().and_then(|text| change(&text));
        changed.map_or_else(|| Self::hole(Hole::Any), |text| Self::known(&text))
    }
}

/// One of the values that an expression may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Atom {
    Text(Text),
    /// Never NaN.
    Number(f64),
    /// A number.
    Numeric,
    Bool(bool),
    Null,
    Undefined,
    /// Place in the run's objects.
    Object(usize),
    /// Place in the run's closures.
    Closure(usize),
    /// Place in the run's classes.
    Class(usize),
    /// What the language or the sandbox has under this name: `JSON`, `JSON.stringify`, ….
    Native(Name),
    Promise(Rc<Value>),
    /// A `URL`; what it searches isn't followed.
    Url(Text),
    /// A `Request`: method and address.
    Request(Rc<(Value, Value)>),
    /// Anything; calling it is calling something that isn't known.
    Unknown,
}

/// The values that an expression may have; never empty, and bounded by [`limits::CODE_CHOICES`] where values are joined.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value(pub(super) Vec<Atom>);

impl From<Atom> for Value {
    fn from(atom: Atom) -> Self {
        Self(vec![atom])
    }
}

impl Value {
    pub(super) fn unknown() -> Self {
        Atom::Unknown.into()
    }

    pub(super) fn undefined() -> Self {
        Atom::Undefined.into()
    }

    pub(super) fn text(text: &str) -> Self {
        Atom::Text(Text::known(text)).into()
    }

    pub(super) fn hole(hole: Hole) -> Self {
        Atom::Text(Text::hole(hole)).into()
    }

    pub(super) fn truth() -> Self {
        Self(vec![Atom::Bool(true), Atom::Bool(false)])
    }

    pub(super) fn promise(self) -> Self {
        Atom::Promise(Rc::new(self)).into()
    }

    pub(super) fn number(value: f64) -> Self {
        if value.is_nan() { Atom::Numeric.into() } else { Atom::Number(value).into() }
    }

    /// The one text that it is.
    pub(super) fn one_text(&self) -> Option<Name> {
        match self.0.as_slice() {
            [Atom::Text(text)] => text.whole(),
            _ => None,
        }
    }

    /// The one number that it is.
    pub(super) fn one_number(&self) -> Option<f64> {
        match self.0.as_slice() {
            [Atom::Number(number)] => Some(*number),
            _ => None,
        }
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.0.contains(&Atom::Unknown)
    }
}

impl Atom {
    /// Whether it counts as true; `None` if that isn't known.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Text(text) => match text.pieces() {
                [] => Some(false),
                pieces if pieces.iter().any(|piece| matches!(piece, Piece::Text(_) | Piece::Hole(Hole::Number))) => {
                    Some(true)
                }
                _ => None,
            },
            Self::Number(value) => Some(*value != 0.0),
            Self::Bool(value) => Some(*value),
            Self::Null | Self::Undefined => Some(false),
            Self::Numeric | Self::Unknown => None,
            _ => Some(true),
        }
    }

    /// Whether it is `null` or `undefined`.
    pub(super) const fn is_nullish(&self) -> Option<bool> {
        match self {
            Self::Null | Self::Undefined => Some(true),
            Self::Unknown => None,
            _ => Some(false),
        }
    }

    /// It as text.
    pub(super) fn as_text(&self) -> Text {
        let word: Cow<'_, str> = match self {
            Self::Text(text) | Self::Url(text) => return text.clone(),
            Self::Number(value) => match number_text(*value) {
                Some(text) => text.into(),
                None => return Text::hole(Hole::Number),
            },
            Self::Numeric => return Text::hole(Hole::Number),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Null => "null".into(),
            Self::Undefined => "undefined".into(),
            Self::Promise(_) => "[object Promise]".into(),
            _ => return Text::hole(Hole::Any),
        };
        Text::known(&word)
    }
}

/// A number as JavaScript writes it, where that is plain (ECMA-262 section 6.1.6.1.20).
pub(super) fn number_text(value: f64) -> Option<String> {
    let plain = value == 0.0 || (1e-6..1e21).contains(&value.abs());
    plain.then(|| if value == 0.0 { "0".to_owned() } else { value.to_string() })
}

/// An object or an array.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Where it was made. What is written to it later is kept by this.
    pub(super) site: Site,
    pub(super) props: BTreeMap<Name, Value>,
    /// Of an array: the elements at known places, from the first on.
    pub(super) items: Option<Vec<Value>>,
    /// Of an array: elements at unknown places.
    pub(super) rest: Option<Value>,
    /// It may have other properties.
    pub(super) open: bool,
    /// What properties held before they were written to.
    pub(super) past: BTreeMap<Name, Value>,
    pub(super) place: Place,
}
