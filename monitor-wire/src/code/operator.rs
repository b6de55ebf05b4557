//! Operators of two sides.

use super::ast::{Binary, Expr};
use super::run::Run;
use super::value::{Atom, Hole, Value};

/// Whether a value counts as true; `None` if that isn't known.
pub(super) fn truth(value: &Value) -> Option<bool> {
    let mut truths = value.0.iter().map(Atom::truth);
    let first = truths.next()??;
    truths.all(|truth| truth == Some(first)).then_some(first)
}

impl<'a> Run<'a> {
    pub(super) fn chain(&mut self, first: &'a Expr, rest: &'a [(Binary, Expr)], scope: usize) -> Value {
        let mut left = self.eval(first, scope);
        for (operator, right) in rest {
            left = match operator {
                Binary::And | Binary::Or | Binary::Nullish => self.shortcut(*operator, left, right, scope),
                _ => {
                    let right = self.eval(right, scope);
                    self.binary(*operator, &left, &right)
                }
            };
        }
        left
    }

    /// `&&`, `||` and `??`: the right side runs for some values of the left one, which else is the result.
    fn shortcut(&mut self, operator: Binary, left: Value, right: &'a Expr, scope: usize) -> Value {
        let goes_on = |atom: &Atom| match operator {
            Binary::And => atom.truth(),
            Binary::Or => atom.truth().map(|truth| !truth),
            _ => atom.is_nullish(),
        };
        let all = left.0.iter().all(|atom| goes_on(atom) == Some(true));
        let none = left.0.iter().all(|atom| goes_on(atom) == Some(false));
        if none {
            return left;
        }
        let right = if all { self.eval(right, scope) } else { self.maybe(|run| run.eval(right, scope)) };
        let stays: Vec<Atom> = left.0.into_iter().filter(|atom| goes_on(atom) != Some(true)).collect();
        if stays.is_empty() { right } else { self.either(Value(stays), right) }
    }

    pub(super) fn binary(&mut self, operator: Binary, left: &Value, right: &Value) -> Value {
        match operator {
            Binary::Add => self.add(left, right),
            Binary::Subtract | Binary::Multiply => {
                let (Some(one), Some(other)) = (left.one_number(), right.one_number()) else {
                    return Atom::Numeric.into();
                };
                Value::number(if operator == Binary::Subtract { one - other } else { one * other })
            }
            Binary::Compare => Value::truth(),
            _ => Atom::Numeric.into(),
        }
    }

    fn add(&mut self, left: &Value, right: &Value) -> Value {
        let is_text = |atom: &Atom| matches!(atom, Atom::Text(_) | Atom::Url(_));
        let is_number = |atom: &Atom| {
            matches!(atom, Atom::Number(_) | Atom::Numeric | Atom::Bool(_) | Atom::Null | Atom::Undefined)
        };
        if left.0.iter().all(is_text) || right.0.iter().all(is_text) {
            return self.concat(left, right);
        }
        if left.0.iter().all(is_number) && right.0.iter().all(is_number) {
            let sum = left.one_number().zip(right.one_number()).map(|(one, other)| one + other);
            return sum.map_or_else(|| Atom::Numeric.into(), Value::number);
        }
        let mixed = |value: &Value| value.0.iter().any(|atom| !is_text(atom) && !is_number(atom));
        if mixed(left) || mixed(right) {
            // a sum of primitives is one, so that it can't be called
            let text = left.0.iter().chain(&right.0).all(|atom| !matches!(atom, Atom::Unknown));
            return if text {
                Value::hole(Hole::Any)
            } else {
                self.either(Value::hole(Hole::Any), Atom::Numeric.into())
            };
        }
        let text = self.concat(left, right);
        self.either(text, Atom::Numeric.into())
    }
}
