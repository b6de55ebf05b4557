//! Expressions: what each may be, and what its parts do.

use std::rc::Rc;

use super::Reason;
use super::ast::{Assign, Binary, Expr, Item, Key, Link, Name, Prop, Template, Unary};
use super::builtin;
use super::object::Select;
use super::run::{Run, Slot};
use super::value::{Atom, Hole, Object, Text, Value};

/// What a call gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    pub(super) items: Vec<Value>,
    /// There are more, of which each may be this.
    pub(super) rest: Option<Value>,
}

impl Arguments {
    pub(super) fn get(&self, at: usize) -> Value {
        match (self.items.get(at), &self.rest) {
            (Some(item), _) => item.clone(),
            (None, Some(_)) => Value::unknown(),
            (None, None) => Value::undefined(),
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn eval(&mut self, expr: &'a Expr, scope: usize) -> Value {
        if self.enter().is_none() {
            return Value::unknown();
        }
        let value = self.eval_here(expr, scope);
        self.leave();
        value
    }

    fn eval_here(&mut self, expr: &'a Expr, scope: usize) -> Value {
        match expr {
            Expr::Text(text) => Value::text(text),
            Expr::Number(value) => Value::number(*value),
            Expr::Bool(value) => Atom::Bool(*value).into(),
            Expr::Null => Atom::Null.into(),
            Expr::Opaque => Value::unknown(),
            Expr::This => self.this(scope),
            Expr::Name(name) => self.name(name, scope),
            Expr::Template(template) => self.template(template, scope),
            Expr::Array(items, site) => {
                let Arguments { items, rest } = self.items(items, scope);
                self.array(*site, items, rest)
            }
            Expr::Object(props, site) => self.object_literal(props, *site, scope),
            Expr::Function(function) => {
                let Some(name) = &function.name else { return self.closure(function, scope, None) };
                let scope = self.open(Some(scope));
                let value = self.closure(function, scope, None);
                self.declare(scope, name, Slot::Value(value.clone()));
                value
            }
            Expr::Class(class) => self.class(class, scope),
            Expr::Unary(operator, operand) => self.unary(*operator, operand, scope),
            Expr::Update(target) => {
                self.eval(target, scope);
                self.assign_to(target, Atom::Numeric.into(), scope);
                Atom::Numeric.into()
            }
            Expr::Chain(first, rest) => self.chain(first, rest, scope),
            Expr::Assign(operator, target, value) => self.assign(*operator, target, value, scope),
            Expr::Condition(parts) => self.condition(parts, scope),
            Expr::Access(first, links) => self.access(first, links, scope),
            Expr::New(callee, items, site) => {
                let callee = self.eval(callee, scope);
                let arguments = self.items(items, scope);
                self.construct(&callee, &arguments, *site)
            }
            Expr::Sequence(all) => {
                let mut last = Value::undefined();
                for expr in all {
                    last = self.eval(expr, scope);
                }
                last
            }
            Expr::Await(value) => {
                let value = self.eval(value, scope);
                self.awaited(value)
            }
            Expr::Yield(value) => {
                if let Some(value) = value {
                    let value = self.eval(value, scope);
                    self.hand_on(&value);
                }
                Value::unknown()
            }
            Expr::Import(items) => {
                let arguments = self.items(items, scope);
                self.hand_on_all(&arguments);
                self.give_up(Reason::DynamicImport);
                Value::unknown()
            }
        }
    }

    fn this(&mut self, scope: usize) -> Value {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at)) {
            if let Some(this) = &scope.this {
                return this.clone();
            }
            at = scope.outer;
        }
        self.give_up(Reason::UnknownName);
        Value::unknown()
    }

    fn name(&mut self, name: &Name, scope: usize) -> Value {
        match self.slot(name, scope).cloned() {
            Some(Slot::Value(value)) => value,
            Some(Slot::Empty) => {
                // it is read before it has a value, or by what runs at another time
                self.dynamic_read = true;
                Value::unknown()
            }
            Some(Slot::Cell(variable)) => self.variable(&variable),
            None => match builtin::global(name, self.account) {
                Ok(value) => value,
                Err(reason) => {
                    self.give_up(reason);
                    Value::unknown()
                }
            },
        }
    }

    fn template(&mut self, template: &'a Template, scope: usize) -> Value {
        let mut texts = template.texts.iter();
        let mut value = texts.next().map_or_else(|| Value::text(""), |text| Value::text(text));
        for (inner, text) in template.values.iter().zip(texts) {
            let inner = self.eval(inner, scope);
            value = self.concat(&value, &inner);
            if !text.is_empty() {
                value = self.concat(&value, &Value::text(text));
            }
        }
        value
    }

    /// Two values as one text.
    pub(super) fn concat(&mut self, left: &Value, right: &Value) -> Value {
        let mut result: Option<Value> = None;
        for first in &left.0 {
            let first = first.as_text();
            for second in &right.0 {
                let text = Text::join([&first, &second.as_text()]);
                self.charge(text.bytes());
                result = Some(self.or(result, Atom::Text(text).into()));
            }
        }
        result.unwrap_or_else(Value::unknown)
    }

    /// Elements of an array, or arguments. After the first spread of what isn't known, places aren't either.
    pub(super) fn items(&mut self, items: &'a [Item], scope: usize) -> Arguments {
        let mut arguments = Arguments::default();
        for item in items {
            match item {
                Item::Hole => self.push(&mut arguments, Value::undefined()),
                Item::One(expr) => {
                    let value = self.eval(expr, scope);
                    self.push(&mut arguments, value);
                }
                Item::Spread(expr) => {
                    let value = self.eval(expr, scope);
                    let (known, rest) = self.elements_of(&value);
                    known.into_iter().for_each(|value| self.push(&mut arguments, value));
                    if let Some(rest) = rest {
                        arguments.rest = Some(self.or(arguments.rest.take(), rest));
                    }
                }
            }
        }
        arguments
    }

    fn push(&mut self, arguments: &mut Arguments, value: Value) {
        match arguments.rest.take() {
            Some(rest) => arguments.rest = Some(self.either(rest, value)),
            None => arguments.items.push(value),
        }
    }

    pub(super) fn key(&mut self, key: &'a Key, scope: usize) -> Select {
        match key {
            Key::Name(name) => Select::Name(Rc::clone(name)),
            Key::Computed(expr) => {
                let value = self.eval(expr, scope);
                self.select(&value)
            }
        }
    }

    fn object_literal(&mut self, props: &'a [Prop], site: u32, scope: usize) -> Value {
        let mut object = Object { site, place: self.place(), ..Object::default() };
        for prop in props {
            match prop {
                Prop::Value(key, expr) => {
                    let key = self.key(key, scope);
                    let value = self.eval(expr, scope);
                    self.define(&mut object, &key, value);
                }
                Prop::Accessor(key, function) => {
                    let key = self.key(key, scope);
                    let accessor = self.closure(function, scope, Some(Value::unknown()));
                    self.hand_on(&accessor);
                    self.define(&mut object, &key, Value::unknown());
                }
                Prop::Spread(expr) => {
                    let value = self.eval(expr, scope);
                    self.spread(&mut object, &value);
                }
                Prop::Default(..) => self.give_up(Reason::Syntax),
            }
        }
        self.object(object)
    }

    fn unary(&mut self, operator: Unary, operand: &'a Expr, scope: usize) -> Value {
        if operator == Unary::Delete {
            if let Expr::Access(..) = operand {
                self.assign_to(operand, Value::undefined(), scope);
            }
            return Value::truth();
        }
        // `typeof x` may ask for a name that isn't there
        if let (Unary::Typeof, Expr::Name(name)) = (operator, operand)
            && self.slot(name, scope).is_none()
        {
            return Value::hole(Hole::Encoded);
        }
        let value = self.eval(operand, scope);
        match operator {
            Unary::Not => match super::operator::truth(&value) {
                Some(truth) => Atom::Bool(!truth).into(),
                None => Value::truth(),
            },
            Unary::Number => Atom::Numeric.into(),
            Unary::Typeof => Value::hole(Hole::Encoded),
            Unary::Void | Unary::Delete => Value::undefined(),
        }
    }

    fn condition(&mut self, parts: &'a (Expr, Expr, Expr), scope: usize) -> Value {
        let (test, then, other) = parts;
        self.eval(test, scope);
        let then = self.maybe(|run| run.eval(then, scope));
        let other = self.maybe(|run| run.eval(other, scope));
        self.either(then, other)
    }

    fn assign(&mut self, operator: Assign, target: &'a Expr, value: &'a Expr, scope: usize) -> Value {
        let value = match operator {
            Assign::Plain => self.eval(value, scope),
            Assign::With(Binary::And | Binary::Or | Binary::Nullish) => {
                let old = self.eval(target, scope);
                let new = self.maybe(|run| run.eval(value, scope));
                self.either(old, new)
            }
            Assign::With(operator) => {
                let old = self.eval(target, scope);
                let new = self.eval(value, scope);
                self.binary(operator, &old, &new)
            }
        };
        self.note_texts(&value);
        self.assign_to(target, value.clone(), scope);
        value
    }

    /// Writes to what stands on the left of an assignment.
    pub(super) fn assign_to(&mut self, target: &'a Expr, value: Value, scope: usize) {
        match target {
            Expr::Name(name) => self.assign_name(name, value, scope),
            Expr::Access(first, links) => {
                let Some((last, before)) = links.split_last() else { return };
                let owner = self.links(first, before, scope);
                let select = match last {
                    Link::Member(name) => Select::Name(Rc::clone(name)),
                    Link::Index(index) => {
                        let index = self.eval(index, scope);
                        self.select(&index)
                    }
                    _ => return self.hand_on(&value),
                };
                self.write_member(&owner, &select, value);
            }
            _ => {
                self.hand_on(&value);
                self.scatter(target, scope);
            }
        }
    }

    /// Writes anything to every target within a pattern.
    fn scatter(&mut self, target: &'a Expr, scope: usize) {
        match target {
            Expr::Name(_) | Expr::Access(..) => self.assign_to(target, Value::unknown(), scope),
            Expr::Assign(_, target, default) => {
                let default = self.eval(default, scope);
                self.hand_on(&default);
                self.scatter(target, scope);
            }
            Expr::Array(items, _) => {
                for item in items {
                    if let Item::One(item) | Item::Spread(item) = item {
                        self.scatter(item, scope);
                    }
                }
            }
            Expr::Object(props, _) => {
                for prop in props {
                    match prop {
                        Prop::Value(key, value) => {
                            let key = self.key(key, scope);
                            self.member(&Value::unknown(), &key);
                            self.scatter(value, scope);
                        }
                        Prop::Spread(value) => self.scatter(value, scope),
                        Prop::Default(name, default) => {
                            let default = self.eval(default, scope);
                            self.hand_on(&default);
                            self.assign_name(name, Value::unknown(), scope);
                        }
                        Prop::Accessor(..) => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn access(&mut self, first: &'a Expr, links: &'a [Link], scope: usize) -> Value {
        self.links(first, links, scope)
    }

    /// `a.b[c](d)`.
    fn links(&mut self, first: &'a Expr, links: &'a [Link], scope: usize) -> Value {
        let mut value = self.eval(first, scope);
        let mut rest = links;
        while let Some((link, after)) = rest.split_first() {
            rest = after;
            if self.enter().is_none() {
                return Value::unknown();
            }
            let select = match link {
                Link::Member(name) => Some(Select::Name(Rc::clone(name))),
                Link::Index(index) => {
                    let index = self.eval(index, scope);
                    Some(self.select(&index))
                }
                _ => None,
            };
            value = match (select, link, after.first()) {
                (Some(select), _, Some(Link::Call(items, site) | Link::Typed(items, site))) => {
                    rest = after.get(1..).unwrap_or_default();
                    let arguments = self.items(items, scope);
                    let result = self.call_member(&value, &select, &arguments, *site);
                    self.typed(after.first(), result)
                }
                (Some(select), _, _) => self.member(&value, &select),
                (None, Link::Call(items, site) | Link::Typed(items, site), _) => {
                    let arguments = self.items(items, scope);
                    let result = self.call(&value, None, &arguments, *site);
                    self.typed(Some(link), result)
                }
                (None, Link::Tagged(template), _) => self.tagged(&value, template, scope),
                (None, _, _) => Value::unknown(),
            };
            self.leave();
        }
        value
    }

    /// `f<T>(x)` is a comparison in plain JavaScript.
    fn typed(&mut self, link: Option<&Link>, result: Value) -> Value {
        if matches!(link, Some(Link::Typed(..))) { self.either(result, Value::unknown()) } else { result }
    }

    fn tagged(&mut self, tag: &Value, template: &'a Template, scope: usize) -> Value {
        let value = self.template(template, scope);
        if tag.0.as_slice() == [Atom::Native("String.raw".into())] {
            // escapes stay as they are there
            let plain = template.texts.iter().all(|text| !text.contains(['\\', '\n', '\r', '\0']));
            return if plain { value } else { Value::hole(Hole::Any) };
        }
        self.hand_on(tag);
        self.give_up(Reason::IndirectCall);
        Value::unknown()
    }
}
