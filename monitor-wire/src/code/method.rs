//! Methods: of texts, arrays and promises that are known, and of anything else.

use std::rc::Rc;

use super::Reason;
use super::ast::Site;
use super::builtin;
use super::eval::Arguments;
use super::object::Select;
use super::run::{Cell, Run};
use super::value::{Atom, Hole, Text, Value};
use crate::limits;

impl Run<'_> {
    /// `a.b(c)`.
    pub(super) fn call_member(&mut self, owner: &Value, select: &Select, arguments: &Arguments, site: Site) -> Value {
        let several = owner.0.len() > 1;
        let mut result: Option<Value> = None;
        for atom in &owner.0 {
            let one = |run: &mut Self| run.call_member_of(atom, select, arguments, site);
            let returned = if several { self.maybe(one) } else { one(self) };
            result = Some(self.or(result, returned));
        }
        result.unwrap_or_else(Value::unknown)
    }

    fn call_member_of(&mut self, owner: &Atom, select: &Select, arguments: &Arguments, site: Site) -> Value {
        let value = Value::from(owner.clone());
        let Select::Name(name) = select else {
            if let (Atom::Object(_), Select::Number) = (owner, select) {
                let callee = self.member(&value, select);
                return self.call(&callee, Some(value), arguments, site);
            }
            self.dynamic_read = true;
            self.hand_on(&value);
            self.hand_on_all(arguments);
            self.give_up(Reason::IndirectCall);
            return Value::unknown();
        };
        if matches!(owner, Atom::Object(_)) || !matches!(&**name, "call" | "apply" | "bind") {
            // says so if it leads to a constructor
            self.member(&value, select);
        }
        match owner {
            Atom::Object(at) => self.object_method(*at, name, arguments, site),
            Atom::Text(text) => self.text_method(text, name, arguments, site),
            Atom::Promise(inner) => self.promise_method(inner, name, arguments, site),
            Atom::Native(native) => {
                let by = matches!(&**name, "call" | "apply" | "bind");
                if by && **native != *"cloudflare" {
                    self.call_by(owner, name, arguments, site)
                } else if native.contains('.') || **native == *"fetch" {
                    self.unknown_method(&value, name, arguments, site)
                } else {
                    self.native(&[&**native, ".", &**name].concat(), arguments, site)
                }
            }
            Atom::Closure(_) => self.call_by(owner, name, arguments, site),
            Atom::Class(class) => match self.static_method(*class, name) {
                Some(method) => self.call(&method, Some(value), arguments, site),
                None => self.call_by(owner, name, arguments, site),
            },
            Atom::Url(text) if matches!(&**name, "toString" | "toJSON") => Atom::Text(text.clone()).into(),
            Atom::Number(_) | Atom::Numeric => {
                let plain = &**name == "toString" && arguments.items.is_empty();
                if plain { Atom::Text(owner.as_text()).into() } else { Value::hole(Hole::Encoded) }
            }
            Atom::Null | Atom::Undefined => Value::undefined(),
            _ => self.unknown_method(&value, name, arguments, site),
        }
    }

    fn object_method(&mut self, at: usize, name: &Rc<str>, arguments: &Arguments, site: Site) -> Value {
        let this = Value::from(Atom::Object(at));
        if self.objects.get(at).is_some_and(|object| object.items.is_some()) {
            return self.array_method(&this, name, arguments, site);
        }
        let callee = self.member(&this, &Select::Name(Rc::clone(name)));
        if callee == Value::unknown() && builtin::is_object_method(name) {
            self.hand_on_all(arguments);
            return Value::unknown();
        }
        self.call(&callee, Some(this), arguments, site)
    }

    /// A method of what isn't known. Functions of the program that lie there are followed anyway.
    fn unknown_method(&mut self, owner: &Value, name: &str, arguments: &Arguments, site: Site) -> Value {
        self.hand_on(owner);
        if matches!(name, "call" | "apply" | "bind") {
            self.hand_on_all(arguments);
            self.give_up(Reason::IndirectCall);
            return Value::unknown();
        }
        if matches!(name, "replace" | "replaceAll") && arguments.get(1).has_unknown() {
            self.replaced = true;
        }
        let follows = matches!(name, "map" | "flatMap" | "then");
        let callback = arguments.get(0);
        if !follows || callback.has_unknown() || arguments.items.is_empty() {
            self.give_back(name, arguments);
            return Value::unknown();
        }
        let given = Arguments { items: Vec::new(), rest: Some(Value::unknown()) };
        let result = self.maybe(|run| run.call(&callback, None, &given, site));
        let others = Arguments { items: arguments.items.get(1..).unwrap_or_default().to_vec(), rest: None };
        self.give_back("catch", &others);
        match name {
            "map" => self.array(site, Vec::new(), Some(result)),
            "flatMap" => {
                let any = self.any_element(&result);
                self.array(site, Vec::new(), Some(any))
            }
            _ => self.awaited(result).promise(),
        }
    }

    fn promise_method(&mut self, inner: &Value, name: &str, arguments: &Arguments, site: Site) -> Value {
        let settled = self.awaited(inner.clone());
        let callback = |at: usize| {
            let value = arguments.get(at);
            (!matches!(value.0.as_slice(), [Atom::Undefined | Atom::Null])).then_some(value)
        };
        let one = |value: Value| Arguments { items: vec![value], rest: None };
        let result = match name {
            "then" => {
                let mut result = match callback(0) {
                    Some(callback) => self.call(&callback, None, &one(settled), site),
                    None => settled,
                };
                if let Some(callback) = callback(1) {
                    let other = self.maybe(|run| run.call(&callback, None, &one(Value::unknown()), site));
                    result = self.either(result, other);
                }
                result
            }
            "catch" => match callback(0) {
                Some(callback) => {
                    let other = self.maybe(|run| run.call(&callback, None, &one(Value::unknown()), site));
                    self.either(settled, other)
                }
                None => settled,
            },
            "finally" => {
                if let Some(callback) = callback(0) {
                    self.call(&callback, None, &Arguments::default(), site);
                }
                settled
            }
            // a promise has no other
            _ => {
                self.hand_on_all(arguments);
                Value::unknown()
            }
        };
        self.awaited(result).promise()
    }

    fn text_method(&mut self, text: &Text, name: &str, arguments: &Arguments, site: Site) -> Value {
        let argument = arguments.get(0);
        let (first, second) = (argument.one_text(), arguments.get(1));
        let index = |value: &Value| match value.0.as_slice() {
            [Atom::Undefined] => Some(None),
            _ => value.one_number().map(Some),
        };
        let mapped = |change: &dyn Fn(&str) -> Option<String>| Atom::Text(text.map(change)).into();
        match name {
            "toString" | "valueOf" | "normalize" => Atom::Text(text.clone()).into(),
            "toUpperCase" => mapped(&|text| Some(text.to_uppercase())),
            "toLowerCase" => mapped(&|text| Some(text.to_lowercase())),
            "trim" => mapped(&|text| text.is_ascii().then(|| text.trim().to_owned())),
            "trimStart" => mapped(&|text| text.is_ascii().then(|| text.trim_start().to_owned())),
            "trimEnd" => mapped(&|text| text.is_ascii().then(|| text.trim_end().to_owned())),
            "concat" if arguments.rest.is_none() => {
                let start = Value::from(Atom::Text(text.clone()));
                arguments.items.iter().fold(start, |all, one| self.concat(&all, one))
            }
            "repeat" => {
                let count = argument.one_number().filter(|count| (0.0..256.0).contains(count));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range was checked")]
                let count = count.map(|count| count as usize);
                mapped(&|text| count.and_then(|count| short(text, count)).map(|count| text.repeat(count)))
            }
            "slice" | "substring" => {
                let (Some(start), Some(end)) = (index(&argument), index(&second)) else {
                    return Value::hole(Hole::Any);
                };
                mapped(&|text| part(text, start.unwrap_or(0.0), end, name == "slice"))
            }
            "replace" | "replaceAll" => {
                let with = second.one_text();
                if with.is_none() {
                    self.replaced |= second.has_unknown();
                    self.hand_on(&second);
                }
                let all = name == "replaceAll";
                mapped(&|text| replaced(text, first.as_deref()?, with.as_deref()?, all))
            }
            "split" => {
                let parts = text.whole().zip(first).filter(|(_, by)| !by.is_empty());
                match parts {
                    Some((text, by)) if arguments.items.len() == 1 => {
                        let parts = text.split(&*by).map(Value::text).collect();
                        self.array(site, parts, None)
                    }
                    _ => self.array(site, Vec::new(), Some(Value::hole(Hole::Any))),
                }
            }
            "includes" | "startsWith" | "endsWith" => Value::truth(),
            "indexOf" | "lastIndexOf" | "charCodeAt" | "codePointAt" | "localeCompare" | "search" => {
                Atom::Numeric.into()
            }
            "charAt" | "at" | "substr" | "padStart" | "padEnd" | "concat" => Value::hole(Hole::Any),
            _ => {
                self.give_back(name, arguments);
                Value::unknown()
            }
        }
    }

    fn array_method(&mut self, array: &Value, name: &str, arguments: &Arguments, site: Site) -> Value {
        let (known, rest) = self.elements_of(array);
        let callback = arguments.get(0);
        match name {
            "map" | "flatMap" | "forEach" | "filter" | "some" | "every" | "find" | "findLast" | "findIndex"
            | "findLastIndex" => {
                let mut results = Vec::new();
                for (at, element) in known.iter().enumerate() {
                    let place = u32::try_from(at).map_or_else(|_| Atom::Numeric.into(), |at| Value::number(at.into()));
                    let given = Arguments { items: vec![element.clone(), place, array.clone()], rest: None };
                    results.push(self.call(&callback, None, &given, site));
                }
                let more = rest.map(|rest| {
                    let given = Arguments { items: vec![rest, Atom::Numeric.into(), array.clone()], rest: None };
                    self.maybe(|run| run.call(&callback, None, &given, site))
                });
                self.gathered(array, name, results, more, site)
            }
            "reduce" if rest.is_none() => {
                let mut elements = known.into_iter();
                let start = if arguments.items.len() > 1 { Some(arguments.get(1)) } else { elements.next() };
                let mut value = start.unwrap_or_else(Value::undefined);
                for element in elements {
                    let given =
                        Arguments { items: vec![value, element, Atom::Numeric.into(), array.clone()], rest: None };
                    value = self.call(&callback, None, &given, site);
                }
                value
            }
            "join" => {
                if rest.is_some() {
                    return Value::hole(Hole::Any);
                }
                let by = if arguments.items.is_empty() { Value::text(",") } else { callback };
                self.joined(known, &by)
            }
            "concat" => {
                let (mut items, mut rest) = (known, rest);
                for value in arguments.items.iter().chain(&arguments.rest) {
                    let is_array = |atom: &Atom| match atom {
                        Atom::Object(at) => self.objects.get(*at).is_some_and(|object| object.items.is_some()),
                        _ => false,
                    };
                    let spread = value.0.iter().all(is_array);
                    let (more, other) = if spread { self.elements_of(value) } else { (vec![value.clone()], None) };
                    // what comes after an unknown number of others has no known place
                    if rest.is_none() && (spread || !value.has_unknown()) {
                        items.extend(more);
                    } else {
                        rest = more.into_iter().fold(rest, |all, one| Some(self.or(all, one)));
                        rest = Some(self.or(rest, Value::unknown()));
                    }
                    if let Some(other) = other {
                        rest = Some(self.or(rest, other));
                    }
                }
                self.array(site, items, rest)
            }
            "entries" | "keys" | "values" if rest.is_none() => {
                let mut all = Vec::new();
                for (at, element) in known.into_iter().enumerate() {
                    let place = u32::try_from(at).map_or_else(|_| Atom::Numeric.into(), |at| Value::number(at.into()));
                    all.push(match name {
                        "keys" => place,
                        "values" => element,
                        _ => self.array(Site::MAX, vec![place, element], None),
                    });
                }
                self.array(site, all, None)
            }
            "reverse" | "toReversed" if rest.is_none() => {
                if name == "reverse" {
                    self.reorder(array);
                }
                self.array(site, known.into_iter().rev().collect(), None)
            }
            "push" | "unshift" => {
                let all = arguments.items.iter().chain(&arguments.rest).cloned().collect::<Vec<_>>();
                all.iter().for_each(|value| self.add_element(array, value));
                if name == "unshift" {
                    self.reorder(array);
                }
                Atom::Numeric.into()
            }
            "includes" => Value::truth(),
            "indexOf" | "lastIndexOf" => Atom::Numeric.into(),
            "slice" | "flat" | "toSorted" | "at" | "pop" | "shift" | "sort" | "splice" | "toSpliced" | "with"
            | "fill" => self.rearranged(array, name, arguments, site),
            _ => {
                self.hand_on(array);
                self.give_back(name, arguments);
                Value::unknown()
            }
        }
    }

    /// What a method gives of what its callback gave.
    fn gathered(&mut self, array: &Value, name: &str, results: Vec<Value>, more: Option<Value>, site: Site) -> Value {
        match name {
            "map" => self.array(site, results, more),
            "flatMap" => {
                let all = self.array(site, results, more);
                let any = self.flattened(&all);
                self.array(site, Vec::new(), Some(any))
            }
            "filter" => {
                let any = self.any_element(array);
                self.array(site, Vec::new(), Some(any))
            }
            "find" | "findLast" => self.any_element(array),
            "some" | "every" => Value::truth(),
            "forEach" => Value::undefined(),
            _ => Atom::Numeric.into(),
        }
    }

    fn flattened(&mut self, array: &Value) -> Value {
        let (known, rest) = self.elements_of(array);
        let mut any: Option<Value> = None;
        for element in known.into_iter().chain(rest) {
            for atom in element.0 {
                let is_array = match &atom {
                    Atom::Object(at) => self.objects.get(*at).is_some_and(|object| object.items.is_some()),
                    _ => false,
                };
                let value = Value::from(atom);
                let value = if is_array { self.any_element(&value) } else { value };
                any = Some(self.or(any, value));
            }
        }
        any.unwrap_or_else(Value::undefined)
    }

    /// Methods that cut an array, or move its elements.
    fn rearranged(&mut self, array: &Value, name: &str, arguments: &Arguments, site: Site) -> Value {
        if matches!(name, "sort" | "splice" | "pop" | "shift" | "fill") {
            self.reorder(array);
        }
        if matches!(name, "sort" | "toSorted") {
            self.give_back("sort", arguments);
        }
        if matches!(name, "splice" | "toSpliced" | "with" | "fill") {
            let all = arguments.items.iter().chain(&arguments.rest).cloned().collect::<Vec<_>>();
            all.iter().for_each(|value| self.add_element(array, value));
        }
        let any = if name == "flat" { self.flattened(array) } else { self.any_element(array) };
        if matches!(name, "at" | "pop" | "shift") {
            return any;
        }
        if matches!(name, "sort" | "fill") {
            return array.clone();
        }
        // nested deeper than once, it isn't followed
        let any = if name == "flat" && !arguments.items.is_empty() { self.either(any, Value::unknown()) } else { any };
        self.array(site, Vec::new(), Some(any))
    }

    /// Any element may be at any place.
    fn reorder(&mut self, array: &Value) {
        let any = self.any_element(array);
        self.add_element(array, &any);
    }

    fn add_element(&mut self, array: &Value, value: &Value) {
        for atom in &array.0 {
            let Atom::Object(at) = atom else { continue };
            if let Some(object) = self.objects.get(*at) {
                let site = object.site;
                self.write(Cell::Elements(site), value);
            }
        }
    }

    fn joined(&mut self, items: Vec<Value>, by: &Value) -> Value {
        let mut result = Value::text("");
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                result = self.concat(&result, by);
            }
            let blank = |atom: Atom| match atom {
                Atom::Null | Atom::Undefined => Atom::Text(Text::known("")),
                other => other,
            };
            let item = Value(item.0.into_iter().map(blank).collect());
            result = self.concat(&result, &item);
        }
        result
    }
}

/// The count, if the text is short so often.
fn short(text: &str, count: usize) -> Option<usize> {
    text.len().checked_mul(count).filter(|bytes| *bytes <= limits::CODE_TEXT).map(|_| count)
}

/// A part of an ASCII text; `slice` counts from the end for negative places, `substring` takes them as 0 and swaps.
fn part(text: &str, start: f64, end: Option<f64>, slice: bool) -> Option<String> {
    if !text.is_ascii() || start.fract() != 0.0 || end.is_some_and(|end| end.fract() != 0.0) {
        return None;
    }
    let length = f64::from(u32::try_from(text.len()).ok()?);
    let place = |at: f64| {
        let at = if slice && at < 0.0 { at + length } else { at };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
        let at = at.clamp(0.0, length) as usize;
        at
    };
    let (mut first, mut last) = (place(start), end.map_or(text.len(), place));
    if !slice && first > last {
        std::mem::swap(&mut first, &mut last);
    }
    Some(text.get(first..last).unwrap_or_default().to_owned())
}

fn replaced(text: &str, what: &str, with: &str, all: bool) -> Option<String> {
    // `$&` and its like mean something else
    if with.contains('$') || what.is_empty() {
        return None;
    }
    let result = if all { text.replace(what, with) } else { text.replacen(what, with, 1) };
    Some(result)
}
