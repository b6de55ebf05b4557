//! Objects and arrays: their properties are what they were made with, or what is ever written to them.

use std::rc::Rc;

use super::Reason;
use super::ast::{Class, Key, Member, MemberKind, Name};
use super::builtin;
use super::eval::Arguments;
use super::run::{Cell, Run, is_power};
use super::value::{Atom, Hole, Object, Value, number_text};

/// Which property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Select {
    Name(Name),
    /// An element, nobody knows which.
    Number,
    Unknown,
}

/// Properties that lead to constructors and prototypes.
const REFLECTION: [&str; 9] = [
    "constructor",
    "prototype",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "caller",
    "callee",
];

/// Properties that the language itself calls.
const CALLED: [&str; 4] = ["toString", "valueOf", "then", "toJSON"];

/// Whether the language itself may call what has this key.
fn is_called(key: &Key) -> bool {
    match key {
        Key::Name(name) => CALLED.contains(&&**name),
        Key::Computed(_) => true,
    }
}

impl<'a> Run<'a> {
    pub(super) fn select(&mut self, key: &Value) -> Select {
        if let Some(name) = key.one_text() {
            return Select::Name(name);
        }
        if let Some(name) = key.one_number().and_then(number_text) {
            return Select::Name(name.into());
        }
        let number = key.0.iter().all(|atom| matches!(atom, Atom::Number(_) | Atom::Numeric));
        if number { Select::Number } else { Select::Unknown }
    }

    fn check(&mut self, select: &Select) {
        if let Select::Name(name) = select
            && REFLECTION.contains(&&**name)
        {
            self.give_up(Reason::Reflection);
        }
    }

    /// A property of a value.
    pub(super) fn member(&mut self, value: &Value, select: &Select) -> Value {
        self.check(select);
        if *select == Select::Unknown {
            self.dynamic_read = true;
        }
        let mut result: Option<Value> = None;
        for atom in &value.0 {
            let member = self.member_of(atom, select);
            result = Some(self.or(result, member));
        }
        result.unwrap_or_else(Value::undefined)
    }

    fn member_of(&mut self, atom: &Atom, select: &Select) -> Value {
        match (atom, select) {
            (Atom::Object(at), _) => self.property(*at, select),
            (Atom::Native(owner), Select::Name(name)) => builtin::member(owner, name),
            (Atom::Native(owner), _) => {
                if is_power(owner) {
                    self.give_up(Reason::IndirectCall);
                }
                Value::unknown()
            }
            (Atom::Text(text), Select::Name(name)) => {
                let Some(text) = text.whole() else {
                    return if &**name == "length" { Atom::Numeric.into() } else { Value::unknown() };
                };
                if &**name == "length" {
                    return Atom::Numeric.into();
                }
                let index = name.parse::<usize>().ok().filter(|_| text.is_ascii());
                let character = index.and_then(|at| text.get(at..at.checked_add(1)?).map(Value::text));
                character.unwrap_or_else(Value::unknown)
            }
            (Atom::Text(_), Select::Number) => Value::hole(Hole::Any),
            (Atom::Url(text), Select::Name(name)) => match &**name {
                "href" => Atom::Text(text.clone()).into(),
                "pathname" | "host" | "hostname" | "origin" | "protocol" | "search" | "hash" | "port" => {
                    Value::hole(Hole::Any)
                }
                _ => Value::unknown(),
            },
            (Atom::Null | Atom::Undefined, _) => Value::undefined(),
            (Atom::Number(_) | Atom::Numeric | Atom::Bool(_), Select::Name(name))
                if !builtin::is_object_method(name) =>
            {
                let own = name.starts_with("to") || REFLECTION.contains(&&**name);
                if own { Value::unknown() } else { Value::undefined() }
            }
            _ => Value::unknown(),
        }
    }

    fn property(&mut self, at: usize, select: &Select) -> Value {
        let Some(object) = self.objects.get(at) else { return Value::unknown() };
        let (site, place) = (object.site, object.place);
        if object.items.is_some() {
            return self.element_property(at, select);
        }
        let Select::Name(name) = select else {
            let all: Vec<Value> = object.props.values().chain(object.past.values()).cloned().collect();
            self.charge(all.len());
            return all.into_iter().fold(Value::unknown(), |one, other| self.either(one, other));
        };
        let held = object.props.get(name).cloned();
        let past = object.past.get(name).cloned();
        let open = object.open;
        let mut value = match held {
            Some(value) => value,
            None if open || builtin::is_object_method(name) => Value::unknown(),
            None => Value::undefined(),
        };
        if let Some(past) = past.filter(|_| !self.is_here(place)) {
            value = self.either(value, past);
        }
        if let Some(written) = self.cell(&Cell::Property(site, Rc::clone(name))).cloned() {
            value = self.either(value, written);
        }
        if self.cell(&Cell::Anything(site)).is_some() {
            value = self.either(value, Value::unknown());
        }
        value
    }

    fn element_property(&mut self, at: usize, select: &Select) -> Value {
        let value = Value::from(Atom::Object(at));
        match select {
            Select::Name(name) if &**name == "length" => {
                let (known, rest) = self.elements_of(&value);
                match u32::try_from(known.len()) {
                    Ok(length) if rest.is_none() => Value::number(f64::from(length)),
                    _ => Atom::Numeric.into(),
                }
            }
            Select::Name(name) => match name.parse::<usize>() {
                Ok(index) => self.element(&value, index),
                Err(_) => Value::unknown(),
            },
            Select::Number => self.any_element(&value),
            Select::Unknown => {
                let element = self.any_element(&value);
                self.either(element, Value::unknown())
            }
        }
    }

    /// Any of the elements, or `undefined`.
    pub(super) fn any_element(&mut self, value: &Value) -> Value {
        let (known, rest) = self.elements_of(value);
        self.charge(known.len());
        let known = known.into_iter().fold(Value::undefined(), |one, other| self.either(one, other));
        match rest {
            Some(rest) => self.either(known, rest),
            None => known,
        }
    }

    /// The element at a place.
    pub(super) fn element(&mut self, value: &Value, at: usize) -> Value {
        let (known, rest) = self.elements_of(value);
        match (known.get(at), rest) {
            (Some(known), None) => known.clone(),
            (Some(known), Some(rest)) => self.either(known.clone(), rest),
            (None, Some(rest)) => self.either(rest, Value::undefined()),
            (None, None) => Value::undefined(),
        }
    }

    /// What a value gives when it is gone through: the elements at known places, and what else there may be.
    pub(super) fn elements_of(&mut self, value: &Value) -> (Vec<Value>, Option<Value>) {
        let [Atom::Object(at)] = value.0.as_slice() else {
            let mut rest: Option<Value> = None;
            for atom in &value.0 {
                let part = match atom {
                    Atom::Object(_) => {
                        let (known, part) = self.elements_of(&atom.clone().into());
                        self.charge(known.len());
                        known.into_iter().fold(part, |all, one| Some(self.or(all, one)))
                    }
                    Atom::Text(_) => Some(Value::hole(Hole::Any)),
                    Atom::Null | Atom::Undefined => None,
                    _ => Some(Value::unknown()),
                };
                if let Some(part) = part {
                    rest = Some(self.or(rest, part));
                }
            }
            return (Vec::new(), rest);
        };
        let Some(object) = self.objects.get(*at) else { return (Vec::new(), Some(Value::unknown())) };
        let site = object.site;
        let Some(items) = object.items.clone() else { return (Vec::new(), Some(Value::unknown())) };
        let mut rest = object.rest.clone();
        self.charge(items.len());
        if let Some(later) = self.cell(&Cell::Elements(site)).cloned() {
            rest = Some(self.or(rest, later));
        }
        if self.cell(&Cell::Anything(site)).is_some() {
            rest = Some(self.or(rest, Value::unknown()));
        }
        (items, rest)
    }

    /// The names of an object's properties, if it surely has these alone.
    pub(super) fn known_names(&self, at: usize) -> Option<Vec<Name>> {
        let object = self.objects.get(at)?;
        if object.open || self.cell(&Cell::Anything(object.site)).is_some() {
            return None;
        }
        if let Some(items) = &object.items {
            let more = object.rest.is_some() || self.cell(&Cell::Elements(object.site)).is_some();
            return (!more).then(|| (0..items.len()).map(|at| at.to_string().into()).collect());
        }
        let written = self.has_written(object.site);
        (!written).then(|| object.props.keys().cloned().collect())
    }

    /// Puts a property into an object that is being made.
    pub(super) fn define(&mut self, object: &mut Object, select: &Select, value: Value) {
        match select {
            Select::Name(name) => {
                if &**name == "__proto__" {
                    self.give_up(Reason::Reflection);
                }
                if CALLED.contains(&&**name) {
                    self.hand_on(&value);
                }
                object.props.insert(Rc::clone(name), value);
            }
            _ => {
                self.hand_on(&value);
                self.blur(object);
            }
        }
    }

    /// Puts the properties of a value into an object that is being made.
    pub(super) fn spread(&mut self, object: &mut Object, value: &Value) {
        match value.0.as_slice() {
            [Atom::Undefined | Atom::Null | Atom::Bool(_) | Atom::Number(_)] => {}
            [Atom::Object(at)] => match self.known_names(*at) {
                Some(names) => {
                    self.charge(names.len());
                    for name in names {
                        let value = self.property(*at, &Select::Name(Rc::clone(&name)));
                        object.props.insert(name, value);
                    }
                }
                None => {
                    self.hand_on(value);
                    self.blur(object);
                }
            },
            _ => {
                // each of several may add to it
                for atom in &value.0 {
                    match atom {
                        Atom::Object(at) => match self.known_names(*at) {
                            Some(names) => self.maybe_add(object, *at, names),
                            None => self.blur(object),
                        },
                        Atom::Undefined | Atom::Null | Atom::Bool(_) | Atom::Number(_) => {}
                        _ => self.blur(object),
                    }
                }
                if object.open {
                    self.hand_on(value);
                }
            }
        }
    }

    fn maybe_add(&mut self, object: &mut Object, at: usize, names: Vec<Name>) {
        self.charge(names.len());
        for name in names {
            let value = self.property(at, &Select::Name(Rc::clone(&name)));
            let held = object.props.remove(&name).unwrap_or_else(Value::undefined);
            let value = self.either(held, value);
            object.props.insert(name, value);
        }
    }

    /// Any property may be anything from here on.
    fn blur(&mut self, object: &mut Object) {
        self.charge(object.props.len());
        for value in object.props.values_mut() {
            *value = self.either(std::mem::replace(value, Value::undefined()), Value::unknown());
        }
        object.open = true;
    }

    /// Writes to a property.
    pub(super) fn write_member(&mut self, owner: &Value, select: &Select, value: Value) {
        self.check(select);
        let alone = owner.0.len() == 1;
        for atom in &owner.0 {
            match atom {
                Atom::Object(at) => self.write_property(*at, select, &value, alone),
                Atom::Native(_) => {
                    self.give_up(Reason::Redefines);
                    self.hand_on(&value);
                }
                Atom::Url(_) => {
                    let harmless = matches!(select, Select::Name(name) if matches!(&**name, "search" | "hash"));
                    if !harmless {
                        self.give_up(Reason::DynamicPath);
                        self.give_up(Reason::UnknownHost);
                    }
                }
                _ => self.hand_on(&value),
            }
        }
    }

    fn write_property(&mut self, at: usize, select: &Select, value: &Value, alone: bool) {
        let here = self.place();
        let Some(object) = self.objects.get_mut(at) else { return };
        let site = object.site;
        if object.items.is_some() {
            let element = |name: &Name| &**name == "length" || name.bytes().all(|byte| byte.is_ascii_digit());
            if !matches!(select, Select::Number) && !matches!(select, Select::Name(name) if element(name)) {
                // it may be a method
                self.give_up(Reason::Redefines);
            }
            return self.write(Cell::Elements(site), value);
        }
        let Select::Name(name) = select else {
            self.hand_on(value);
            return self.write(Cell::Anything(site), &Value::unknown());
        };
        if CALLED.contains(&&**name) {
            self.hand_on(value);
        } else if alone && object.place == here {
            let held = object.props.insert(Rc::clone(name), value.clone()).unwrap_or_else(Value::undefined);
            let past = object.past.remove(name);
            let past = self.or(past, held);
            if let Some(object) = self.objects.get_mut(at) {
                object.past.insert(Rc::clone(name), past);
            }
        }
        self.write(Cell::Property(site, Rc::clone(name)), value);
    }

    /// A class. What it has of its own is followed as what was handed on is.
    pub(super) fn class(&mut self, class: &'a Class, scope: usize) -> Value {
        if let Some(parent) = &class.parent {
            let parent = self.eval(parent, scope);
            self.hand_on(&parent);
            self.give_up(Reason::IndirectCall);
        }
        let scope = self.open(Some(scope));
        self.classes.push((class, scope));
        let value = Value::from(Atom::Class(self.classes.len().saturating_sub(1)));
        if let Some((name, _)) = &class.name {
            self.declare(scope, name, super::run::Slot::Value(value.clone()));
        }
        for Member { key, is_static, kind } in &class.members {
            self.key(key, scope);
            let function = match kind {
                MemberKind::Field(Some(function)) if *is_static => function,
                MemberKind::Accessor(function) => function,
                MemberKind::Method(function) if *is_static && is_called(key) => function,
                _ => continue,
            };
            let closure = self.closure(function, scope, Some(Value::unknown()));
            self.hand_on(&closure);
        }
        value
    }

    /// A static method of a class.
    pub(super) fn static_method(&mut self, at: usize, name: &str) -> Option<Value> {
        let (class, scope) = *self.classes.get(at)?;
        let function = class.members.iter().find_map(|member| match (&member.key, &member.kind) {
            (Key::Name(other), MemberKind::Method(function)) if member.is_static && **other == *name => Some(function),
            _ => None,
        })?;
        Some(self.closure(function, scope, Some(Atom::Class(at).into())))
    }

    /// `new` of a class.
    pub(super) fn instance(&mut self, at: usize, arguments: &Arguments) -> Value {
        let Some((class, scope)) = self.classes.get(at).copied() else { return Value::unknown() };
        let place = self.place();
        let this = self.object(Object { site: class.site, place, ..Object::default() });
        let mut constructor = None;
        for member in class.members.iter().filter(|member| !member.is_static) {
            let key = match &member.key {
                Key::Name(name) => Select::Name(Rc::clone(name)),
                Key::Computed(_) => Select::Unknown,
            };
            let value = match &member.kind {
                MemberKind::Method(function) => {
                    let closure = self.closure(function, scope, Some(this.clone()));
                    if key == Select::Name("constructor".into()) {
                        constructor = Some(closure);
                        continue;
                    }
                    closure
                }
                MemberKind::Accessor(_) => Value::unknown(),
                MemberKind::Field(None) => Value::undefined(),
                MemberKind::Field(Some(function)) => {
                    let closure = self.closure(function, scope, Some(this.clone()));
                    self.call(&closure, Some(this.clone()), &Arguments::default(), function.site)
                }
            };
            let Some(Atom::Object(object)) = this.0.first() else { continue };
            let mut made = self.objects.get_mut(*object).map(std::mem::take).unwrap_or_default();
            self.define(&mut made, &key, value);
            if let Some(entry) = self.objects.get_mut(*object) {
                *entry = made;
            }
        }
        if let Some(constructor) = constructor {
            self.call(&constructor, Some(this.clone()), arguments, class.site);
        }
        this
    }
}
