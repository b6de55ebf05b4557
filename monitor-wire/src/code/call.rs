//! Calls: of functions of the program, which are followed, and of anything else.

use super::Reason;
use super::ast::{Body, Parameter, Site};
use super::eval::Arguments;
use super::object::Select;
use super::run::{Run, is_power};
use super::statement::Flow;
use super::value::{Atom, Hole, Text, Value};

/// How often one function is followed within itself.
const RECURSION: usize = 2;

impl<'a> Run<'a> {
    /// Calls a value.
    pub(super) fn call(&mut self, callee: &Value, this: Option<Value>, arguments: &Arguments, site: Site) -> Value {
        let several = callee.0.len() > 1;
        let mut result: Option<Value> = None;
        for atom in &callee.0 {
            let one = |run: &mut Self| run.call_atom(atom, this.clone(), arguments, site);
            let returned = if several { self.maybe(one) } else { one(self) };
            result = Some(self.or(result, returned));
        }
        result.unwrap_or_else(Value::unknown)
    }

    fn call_atom(&mut self, callee: &Atom, this: Option<Value>, arguments: &Arguments, site: Site) -> Value {
        match callee {
            Atom::Closure(closure) => self.call_closure(*closure, arguments, this),
            Atom::Native(name) => self.native(name, arguments, site),
            Atom::Unknown => {
                self.give_up(Reason::IndirectCall);
                self.hand_on_all(arguments);
                Value::unknown()
            }
            // that is an error, unless it is a question: `f?.()`
            _ => Value::undefined(),
        }
    }

    /// Follows a function.
    pub(super) fn call_closure(&mut self, closure: usize, arguments: &Arguments, this: Option<Value>) -> Value {
        let Some(entry) = self.closures.get(closure) else { return Value::unknown() };
        let (function, outer) = (entry.function, entry.scope);
        let bound = entry.this.clone();
        let depth = self.frames.iter().filter(|frame| frame.site == function.site).count();
        if depth >= RECURSION {
            self.enqueue(closure);
            self.hand_on_all(arguments);
            return if function.asynchronous { Value::unknown().promise() } else { Value::unknown() };
        }
        if self.enter().is_none() {
            return Value::unknown();
        }
        let scope = self.open(Some(outer));
        if !function.arrow
            && let Some(scope) = self.scopes.get_mut(scope)
        {
            scope.this = bound.or(this).or_else(|| Some(Value::undefined()));
        }
        self.enter_frame(function.site);
        self.parameters(&function.parameters, arguments, scope);
        let result = match &function.body {
            Body::Expr(expr) => self.eval(expr, scope),
            Body::Block(body) => {
                self.hoist_vars(&function.vars, body, scope);
                self.hoist(body, scope);
                let flow = self.flow(body, scope);
                let returns = self.frames.last_mut().and_then(|frame| frame.returns.take());
                match returns {
                    Some(returns) if flow == Flow::Stops => returns,
                    returns => self.or(returns, Value::undefined()),
                }
            }
        };
        self.frames.pop();
        self.leave();
        if function.generator {
            self.hand_on(&result);
            return Value::unknown();
        }
        if function.asynchronous { self.awaited(result).promise() } else { result }
    }

    /// Follows a function that somebody calls with anything.
    pub(super) fn call_unknown(&mut self, closure: usize) -> Value {
        let this = self.closures.get(closure).and_then(|closure| closure.this.clone());
        let arguments = Arguments { items: Vec::new(), rest: Some(Value::unknown()) };
        self.call_closure(closure, &arguments, Some(this.unwrap_or_else(Value::unknown)))
    }

    fn parameters(&mut self, parameters: &'a [Parameter], arguments: &Arguments, scope: usize) {
        for (at, Parameter { pattern, default, rest }) in parameters.iter().enumerate() {
            let value = if *rest {
                let items = arguments.items.get(at..).unwrap_or_default().to_vec();
                self.charge(items.len());
                self.array(Site::MAX, items, arguments.rest.as_ref().map(|_| Value::unknown()))
            } else {
                arguments.get(at)
            };
            let value = match default {
                Some(default) => self.with_default(value, default, scope),
                None => value,
            };
            self.bind(pattern, value, scope, false, false);
        }
    }

    pub(super) fn hand_on_all(&mut self, arguments: &Arguments) {
        for value in arguments.items.iter().chain(&arguments.rest) {
            self.hand_on(value);
        }
    }

    /// What `await` makes of a value.
    pub(super) fn awaited(&mut self, value: Value) -> Value {
        let mut result: Option<Value> = None;
        for atom in value.0 {
            let settled = match atom {
                Atom::Promise(value) => self.awaited((*value).clone()),
                Atom::Object(at) if self.is_thenable(at) => Value::unknown(),
                other => other.into(),
            };
            result = Some(self.or(result, settled));
        }
        result.unwrap_or_else(Value::unknown)
    }

    fn is_thenable(&mut self, at: usize) -> bool {
        let then = self.member(&Atom::Object(at).into(), &Select::Name("then".into()));
        then.0.as_slice() != [Atom::Undefined]
    }

    /// `call`, `apply` and `bind` of a function.
    pub(super) fn call_by(&mut self, function: &Atom, name: &str, arguments: &Arguments, site: Site) -> Value {
        let this = Some(arguments.get(0));
        match name {
            "call" => {
                let items = arguments.items.get(1..).unwrap_or_default().to_vec();
                let inner = Arguments { items, rest: arguments.rest.clone() };
                self.call(&function.clone().into(), this, &inner, site)
            }
            "apply" => {
                let (items, rest) = self.elements_of(&arguments.get(1));
                self.call(&function.clone().into(), this, &Arguments { items, rest }, site)
            }
            // with `this` alone it stays what it is, as long as it has no use for that
            "bind" if arguments.items.len() <= 1 && arguments.rest.is_none() => self.bound(function, this),
            "bind" => {
                self.hand_on(&function.clone().into());
                self.hand_on_all(arguments);
                Value::unknown()
            }
            "toString" => Value::hole(Hole::Any),
            _ => {
                self.hand_on_all(arguments);
                self.hand_on(&function.clone().into());
                Value::unknown()
            }
        }
    }

    fn bound(&mut self, function: &Atom, this: Option<Value>) -> Value {
        match function {
            Atom::Closure(closure) => match self.closures.get(*closure) {
                Some(entry) => {
                    let (function, scope) = (entry.function, entry.scope);
                    self.closure(function, scope, this)
                }
                None => Value::unknown(),
            },
            other => other.clone().into(),
        }
    }

    /// `new`.
    pub(super) fn construct(&mut self, callee: &Value, arguments: &Arguments, site: Site) -> Value {
        let mut result: Option<Value> = None;
        for atom in &callee.0 {
            let made = match atom {
                Atom::Class(class) => self.instance(*class, arguments),
                Atom::Native(name) => self.construct_native(name, arguments, site),
                Atom::Null | Atom::Undefined => Value::undefined(),
                other => {
                    self.hand_on(&other.clone().into());
                    self.hand_on_all(arguments);
                    self.give_up(Reason::IndirectCall);
                    Value::unknown()
                }
            };
            result = Some(self.or(result, made));
        }
        result.unwrap_or_else(Value::unknown)
    }

    fn construct_native(&mut self, name: &str, arguments: &Arguments, site: Site) -> Value {
        match name {
            "Promise" => {
                let settle = Arguments { items: vec![Atom::Native("settle".into()).into(); 2], rest: None };
                self.call(&arguments.get(0), None, &settle, site);
                Value::unknown().promise()
            }
            "URL" => {
                let url = self.url(&arguments.get(0), &arguments.get(1));
                Value(url.into_iter().map(Atom::Url).collect())
            }
            "Request" => {
                let parts = self.request_parts(arguments);
                parts.map_or_else(Value::unknown, |parts| Atom::Request(parts.into()).into())
            }
            "Array" if arguments.items.len() != 1 && arguments.rest.is_none() => {
                self.array(site, arguments.items.clone(), None)
            }
            _ => {
                if is_power(name) {
                    self.give_up(Reason::IndirectCall);
                }
                self.hand_on_all(arguments);
                Value::unknown()
            }
        }
    }

    /// An address with its base: the first one alone where it is whole.
    fn url(&mut self, address: &Value, base: &Value) -> Vec<Text> {
        let base = match base.0.as_slice() {
            [Atom::Undefined] => None,
            [base] => Some(base.as_text()),
            _ => Some(Text::hole(Hole::Any)),
        };
        let mut all = Vec::new();
        for atom in &address.0 {
            let text = atom.as_text();
            all.push(match &base {
                None => text,
                Some(base) => super::url::resolve(base, &text),
            });
        }
        if all.is_empty() { vec![Text::hole(Hole::Any)] } else { all }
    }
}
