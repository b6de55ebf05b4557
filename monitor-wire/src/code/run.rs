//! Follows a program: the tables that it lives in, and passes over it until they don't grow any more.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::ast::{Class, Function, Name, Pattern, Site, Stmt};
use super::eval::Arguments;
use super::parse::Program;
use super::value::{Atom, Object, Text, Value};
use super::{Code, Reason, Request};
use crate::limits;
use crate::redact::Key;

/// What may be written to more than once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// A variable, by its declaration.
    Variable(Site),
    /// A property of what was made at a place.
    Property(Site, Name),
    /// What was assigned to a variable from elsewhere than the call that has it, and so at any time.
    Foreign(Site),
    /// Elements that were put into an array later.
    Elements(Site),
    /// Any property: it is known to somebody who may do anything with it.
    Anything(Site),
}

/// A variable.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// It has no value yet.
    Empty,
    Value(Value),
    /// It is written to more than once.
    Cell(Variable),
}

/// A variable that is written to more than once: what it holds is this, or what was ever assigned to it.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) site: Site,
    /// What it holds where the program is read in order.
    now: Value,
    /// What it held before.
    past: Option<Value>,
    place: Place,
}

/// Where something was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The call.
    frame: u32,
    /// What runs in order there: not another branch, nor a loop's body.
    region: u32,
    /// The innermost loop that isn't followed turn by turn.
    turn: u32,
}

#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) outer: Option<usize>,
    pub(super) names: BTreeMap<Name, Slot>,
    /// Of a function that has its own.
    pub(super) this: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Closure<'a> {
    pub(super) function: &'a Function,
    pub(super) scope: usize,
    pub(super) this: Option<Value>,
}

/// A call that is being followed.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) site: Site,
    id: u32,
    pub(super) returns: Option<Value>,
}

/// One run over a program.
pub(super) struct Run<'a> {
    pub(super) key: &'a Key,
    pub(super) account: Option<&'a str>,
    pub(super) assigned: &'a BTreeSet<Name>,
    /// What cells may hold; it only grows, over all passes.
    cells: BTreeMap<Cell, Value>,
    /// Those that grew in this pass.
    grown: BTreeSet<Cell>,
    /// Those that are given up.
    wide: BTreeSet<Cell>,
    pub(super) scopes: Vec<Scope>,
    pub(super) objects: Vec<Object>,
    pub(super) closures: Vec<Closure<'a>>,
    pub(super) classes: Vec<(&'a Class, usize)>,
    /// Functions that somebody may call with anything.
    queue: Vec<usize>,
    queued: BTreeSet<(Site, usize)>,
    pub(super) frames: Vec<Frame>,
    steps: u32,
    depth: u32,
    /// More than 0: what is followed may not happen.
    pub(super) conditional: u32,
    region: u32,
    turn: u32,
    /// Numbers given to frames and regions.
    numbers: u32,
    /// What was handed on is followed: it may have run at any time.
    draining: bool,
    /// Something was read under a name that isn't known.
    pub(super) dynamic_read: bool,
    /// A text was replaced by something that isn't known, which may be a function.
    pub(super) replaced: bool,
    pub(super) requests: Vec<Request>,
    pub(super) reasons: BTreeSet<Reason>,
    pub(super) found: Vec<String>,
}

/// Follows a program from its first statement.
pub(super) fn follow(key: &Key, program: &Program, account: Option<&str>) -> Code {
    let mut run = Run::new(key, program, account);
    for pass in 0_u32.. {
        run.pass(program);
        let grown = std::mem::take(&mut run.grown);
        if grown.is_empty() || run.steps >= limits::CODE_STEPS {
            break;
        }
        if pass >= limits::CODE_PASSES {
            run.give_up(Reason::TooMany);
            break;
        }
        if pass >= limits::CODE_PASSES.wrapping_div(2) {
            run.wide.extend(grown);
        }
    }
    if let Some(reason) = program.error {
        run.reasons.insert(reason);
    }
    Code { requests: run.requests, reasons: run.reasons, token_in_code: run.found }
}

impl<'a> Run<'a> {
    fn new(key: &'a Key, program: &'a Program, account: Option<&'a str>) -> Self {
        Self {
            key,
            account,
            assigned: &program.assigned,
            cells: BTreeMap::new(),
            grown: BTreeSet::new(),
            wide: BTreeSet::new(),
            scopes: Vec::new(),
            objects: Vec::new(),
            closures: Vec::new(),
            classes: Vec::new(),
            queue: Vec::new(),
            queued: BTreeSet::new(),
            frames: Vec::new(),
            steps: 0,
            depth: 0,
            conditional: 0,
            region: 0,
            turn: 0,
            numbers: 0,
            draining: false,
            dynamic_read: false,
            replaced: false,
            requests: Vec::new(),
            reasons: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn pass(&mut self, program: &'a Program) {
        self.scopes.clear();
        self.objects.clear();
        self.closures.clear();
        self.classes.clear();
        self.queue.clear();
        self.queued.clear();
        self.requests.clear();
        self.reasons.clear();
        self.found.clear();
        self.conditional = 0;
        self.draining = false;
        self.enter_frame(Site::MAX);
        let scope = self.open(None);
        self.hoist_vars(&program.vars, &program.body, scope);
        self.hoist(&program.body, scope);
        self.program(&program.body, scope);
        self.drain();
        if self.dynamic_read && self.replaced {
            self.give_up(Reason::IndirectCall);
        }
    }

    /// The statements; what the last one is, if that is a function, is called.
    fn program(&mut self, body: &'a [Stmt], scope: usize) {
        let Some((last, first)) = body.split_last() else { return };
        if !self.list(first, scope) {
            return;
        }
        let Stmt::Expr(last) = last else {
            self.list(std::slice::from_ref(last), scope);
            return;
        };
        let value = self.eval(last, scope);
        let result = match value.0.as_slice() {
            [Atom::Closure(closure)] => self.call_closure(*closure, &Arguments::default(), None),
            _ => value,
        };
        self.hand_on(&result);
    }

    /// Follows what was handed on, with anything for parameters.
    fn drain(&mut self) {
        self.conditional = 1;
        self.draining = true;
        while let Some(closure) = self.queue.pop() {
            self.frames.clear();
            let result = self.call_unknown(closure);
            self.hand_on(&result);
        }
    }

    /// Counts a step, one level deeper. `None`: that is further than is followed.
    pub(super) fn enter(&mut self) -> Option<()> {
        if self.steps >= limits::CODE_STEPS {
            self.give_up(Reason::TooMany);
            return None;
        }
        if self.depth >= limits::CODE_NESTING {
            self.give_up(Reason::TooDeep);
            return None;
        }
        self.steps = self.steps.saturating_add(1);
        self.depth = self.depth.saturating_add(1);
        Some(())
    }

    /// Counts work that isn't steps: so many elements or bytes that were gone through.
    pub(super) fn charge(&mut self, work: usize) {
        let steps = u32::try_from(work.wrapping_div(16)).unwrap_or(u32::MAX);
        self.steps = self.steps.saturating_add(steps);
    }

    fn number(&mut self) -> u32 {
        self.numbers = self.numbers.saturating_add(1);
        self.numbers
    }

    pub(super) fn enter_frame(&mut self, site: Site) {
        let id = self.number();
        self.frames.push(Frame { site, id, returns: None });
    }

    pub(super) fn place(&self) -> Place {
        Place { frame: self.frames.last().map_or(0, |frame| frame.id), region: self.region, turn: self.turn }
    }

    /// Whether the program is read in the order in which it runs since something was made there.
    pub(super) fn is_here(&self, place: Place) -> bool {
        let here = self.place();
        !self.draining && place.frame == here.frame && place.turn == here.turn
    }

    /// Runs the body of a loop once, for all its turns.
    pub(super) fn turns<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let turn = self.number();
        let outer = std::mem::replace(&mut self.turn, turn);
        let result = self.maybe(run);
        self.turn = outer;
        result
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn give_up(&mut self, reason: Reason) {
        self.reasons.insert(reason);
    }

    pub(super) fn open(&mut self, outer: Option<usize>) -> usize {
        self.scopes.push(Scope { outer, ..Scope::default() });
        self.scopes.len().saturating_sub(1)
    }

    pub(super) fn closure(&mut self, function: &'a Function, scope: usize, this: Option<Value>) -> Value {
        self.closures.push(Closure { function, scope, this });
        Atom::Closure(self.closures.len().saturating_sub(1)).into()
    }

    pub(super) fn object(&mut self, object: Object) -> Value {
        self.objects.push(object);
        Atom::Object(self.objects.len().saturating_sub(1)).into()
    }

    pub(super) fn array(&mut self, site: Site, items: Vec<Value>, rest: Option<Value>) -> Value {
        self.object(Object { site, items: Some(items), rest, ..Object::default() })
    }

    /// Runs what may not happen.
    pub(super) fn maybe<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let region = self.branch();
        let result = run(self);
        self.unbranch(region);
        result
    }

    /// From here on it may not happen; the region before is for [`Run::unbranch`].
    pub(super) fn branch(&mut self) -> u32 {
        self.conditional = self.conditional.saturating_add(1);
        let region = self.number();
        std::mem::replace(&mut self.region, region)
    }

    /// What follows happens as surely as before [`Run::branch`].
    pub(super) fn unbranch(&mut self, region: u32) {
        self.conditional = self.conditional.saturating_sub(1);
        self.region = region;
    }

    /// Either of two values.
    pub(super) fn either(&mut self, mut one: Value, other: Value) -> Value {
        self.charge(one.0.len().saturating_mul(other.0.len()));
        for atom in other.0 {
            if !one.0.contains(&atom) {
                one.0.push(atom);
            }
        }
        if one.0.len() > limits::CODE_CHOICES {
            self.hand_on(&one);
            return Value::unknown();
        }
        one
    }

    /// Either of two values, of which the first may not be there.
    pub(super) fn or(&mut self, one: Option<Value>, other: Value) -> Value {
        match one {
            Some(one) => self.either(one, other),
            None => other,
        }
    }

    /// A value gets to where it isn't followed.
    pub(super) fn hand_on(&mut self, value: &Value) {
        let mut all: Vec<Atom> = value.0.clone();
        let mut seen = BTreeSet::new();
        while let Some(atom) = all.pop() {
            match atom {
                Atom::Closure(closure) => self.enqueue(closure),
                Atom::Class(_) => self.give_up(Reason::IndirectCall),
                Atom::Native(name) if is_power(&name) => self.give_up(Reason::HandedOn),
                Atom::Promise(value) => all.extend(value.0.iter().cloned()),
                Atom::Object(at) if seen.insert(at) => {
                    let Some(object) = self.objects.get(at) else { continue };
                    let (site, size) = (object.site, object.props.len());
                    let inner = object.props.values().chain(object.items.iter().flatten()).chain(&object.rest);
                    all.extend(inner.flat_map(|value| value.0.iter().cloned()));
                    self.charge(all.len().saturating_add(size));
                    self.grow(Cell::Anything(site), Value::unknown());
                }
                _ => {}
            }
        }
    }

    pub(super) fn enqueue(&mut self, closure: usize) {
        let Some(entry) = self.closures.get(closure) else { return };
        if self.queued.insert((entry.function.site, entry.scope)) {
            self.queue.push(closure);
        }
    }

    /// Writes to a cell. It keeps texts, numbers and the like apart; anything else is handed on.
    pub(super) fn write(&mut self, cell: Cell, value: &Value) {
        let plain = |atom: &Atom| {
            let simple = matches!(atom, Atom::Number(_) | Atom::Numeric | Atom::Bool(_) | Atom::Null | Atom::Undefined);
            simple || matches!(atom, Atom::Text(_))
        };
        if value.0.iter().all(plain) {
            self.grow(cell, value.clone());
        } else {
            self.hand_on(value);
            self.grow(cell, Value::unknown());
        }
    }

    fn grow(&mut self, cell: Cell, value: Value) {
        let value = if self.wide.contains(&cell) { Value::unknown() } else { value };
        let held = self.cells.get(&cell).cloned();
        let mut next = held.clone().unwrap_or(Value(Vec::new()));
        next.0.extend(value.0.into_iter().filter(|atom| !held.as_ref().is_some_and(|held| held.0.contains(atom))));
        if next.0.len() > limits::CODE_CHOICES || next.has_unknown() {
            next = Value::unknown();
        }
        if held.as_ref() != Some(&next) {
            self.grown.insert(cell.clone());
            self.cells.insert(cell, next);
        }
    }

    pub(super) fn cell(&self, cell: &Cell) -> Option<&Value> {
        self.cells.get(cell)
    }

    /// Whether properties were written to of what was made at a place.
    pub(super) fn has_written(&self, site: Site) -> bool {
        let first = Cell::Property(site, "".into());
        matches!(self.cells.range(first..).next(), Some((Cell::Property(other, _), _)) if *other == site)
    }

    pub(super) fn slot(&self, name: &str, scope: usize) -> Option<&Slot> {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at)) {
            if let Some(slot) = scope.names.get(name) {
                return Some(slot);
            }
            at = scope.outer;
        }
        None
    }

    pub(super) fn declare(&mut self, scope: usize, name: &Name, slot: Slot) {
        if let Some(scope) = self.scopes.get_mut(scope) {
            scope.names.insert(Rc::clone(name), slot);
        }
    }

    /// Declares a variable that is written to more than once.
    fn declare_cell(&mut self, scope: usize, name: &Name, site: Site, now: Value) {
        let place = self.place();
        self.declare(scope, name, Slot::Cell(Variable { site, now, past: None, place }));
    }

    /// What a variable holds.
    pub(super) fn variable(&mut self, variable: &Variable) -> Value {
        let mut value = variable.now.clone();
        let cell = if self.is_here(variable.place) {
            Cell::Foreign(variable.site)
        } else {
            if let Some(past) = variable.past.clone() {
                value = self.either(value, past);
            }
            Cell::Variable(variable.site)
        };
        match self.cell(&cell).cloned() {
            Some(ever) => self.either(value, ever),
            None => value,
        }
    }

    /// Declares the names of `var`. Those that may be read before they are set hold `undefined` first.
    pub(super) fn hoist_vars(&mut self, vars: &'a [(Name, Site)], body: &'a [Stmt], scope: usize) {
        self.charge(vars.len().saturating_add(body.len()));
        let mut names = Vec::new();
        for statement in body {
            if let Stmt::Declare(super::ast::Declare::Var, declared) = statement {
                declared.iter().filter(|(_, value)| value.is_some()).for_each(|(pattern, _)| pattern.names(&mut names));
            }
        }
        let direct: BTreeSet<Site> = names.iter().map(|(_, site)| *site).collect();
        let mut first: BTreeMap<&Name, (Site, bool)> = BTreeMap::new();
        for (name, site) in vars {
            first.entry(name).and_modify(|(_, once)| *once = false).or_insert((*site, true));
        }
        for (name, (site, once)) in first {
            if once && direct.contains(&site) && !self.assigned.contains(name) {
                self.declare(scope, name, Slot::Empty);
            } else {
                self.declare_cell(scope, name, site, Value::undefined());
            }
        }
    }

    pub(super) fn bind_name(&mut self, name: &Name, site: Site, value: Value, scope: usize, constant: bool) {
        if constant || !self.assigned.contains(name) {
            self.declare(scope, name, Slot::Value(value));
        } else {
            self.declare_cell(scope, name, site, value);
        }
    }

    /// Gives the names of a pattern their values; `again`: they exist, by `var`.
    pub(super) fn bind(&mut self, pattern: &'a Pattern, value: Value, scope: usize, constant: bool, again: bool) {
        match pattern {
            Pattern::Name(name, site) => {
                self.note_texts(&value);
                if again {
                    self.assign_name(name, value, scope);
                } else {
                    self.bind_name(name, *site, value, scope, constant);
                }
            }
            Pattern::Object(entries, rest) => {
                for (key, pattern, default) in entries {
                    let name = self.key(key, scope);
                    let mut member = self.member(&value, &name);
                    if let Some(default) = default {
                        member = self.with_default(member, default, scope);
                    }
                    self.bind(pattern, member, scope, constant, again);
                }
                if let Some(rest) = rest {
                    self.hand_on(&value);
                    self.bind(rest, Value::unknown(), scope, constant, again);
                }
            }
            Pattern::Array(entries, rest) => {
                for (at, entry) in entries.iter().enumerate() {
                    let Some((pattern, default)) = entry else { continue };
                    let mut element = self.element(&value, at);
                    if let Some(default) = default {
                        element = self.with_default(element, default, scope);
                    }
                    self.bind(pattern, element, scope, constant, again);
                }
                if let Some(rest) = rest {
                    self.hand_on(&value);
                    self.bind(rest, Value::unknown(), scope, constant, again);
                }
            }
        }
    }

    /// The value, or the default where it is `undefined`.
    pub(super) fn with_default(&mut self, value: Value, default: &'a super::ast::Expr, scope: usize) -> Value {
        if !value.0.iter().any(|atom| matches!(atom, Atom::Undefined | Atom::Unknown)) {
            return value;
        }
        let other = self.maybe(|run| run.eval(default, scope));
        let given: Vec<Atom> = value.0.into_iter().filter(|atom| *atom != Atom::Undefined).collect();
        if given.is_empty() { other } else { self.either(Value(given), other) }
    }

    /// Assigns to a name that exists.
    pub(super) fn assign_name(&mut self, name: &Name, value: Value, scope: usize) {
        let mut at = Some(scope);
        while let Some(index) = at {
            let Some(scope) = self.scopes.get_mut(index) else { return };
            match scope.names.get_mut(name) {
                Some(slot @ Slot::Empty) => {
                    *slot = Slot::Value(value);
                    return;
                }
                // only a constant is written to that isn't a cell, and that fails
                Some(Slot::Value(_)) => return self.hand_on(&value),
                Some(Slot::Cell(variable)) => {
                    let mut variable = variable.clone();
                    return self.write_variable(index, name, &mut variable, value);
                }
                None => at = scope.outer,
            }
        }
        self.hand_on(&value);
        self.give_up(Reason::Redefines);
    }

    fn write_variable(&mut self, scope: usize, name: &Name, variable: &mut Variable, value: Value) {
        self.write(Cell::Variable(variable.site), &value);
        if self.draining || variable.place.frame != self.place().frame {
            self.write(Cell::Foreign(variable.site), &value);
        }
        let held = std::mem::replace(&mut variable.now, value);
        if variable.place == self.place() {
            variable.past = Some(self.or(variable.past.take(), held));
        } else {
            let now = variable.now.clone();
            variable.now = self.either(now, held);
        }
        let variable = variable.clone();
        self.declare(scope, name, Slot::Cell(variable));
    }

    /// Looks for tokens in a text that was put together.
    pub(super) fn note_texts(&mut self, value: &Value) {
        for atom in &value.0 {
            if let Atom::Text(text) = atom {
                self.note_text(text);
            }
        }
    }

    pub(super) fn note_text(&mut self, text: &Text) {
        if let Some(text) = text.whole()
            && text.len() >= super::emit::SHORTEST_TOKEN
        {
            super::emit::note(self.key, &text, &mut self.found);
        }
    }
}

/// Whether a name of the sandbox makes requests.
pub(super) fn is_power(name: &str) -> bool {
    matches!(name, "cloudflare" | "cloudflare.request" | "fetch") || name.starts_with("cloudflare.")
}
