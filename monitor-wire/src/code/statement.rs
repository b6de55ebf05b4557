//! Statements, in the order in which they run.

use super::ast::{Declare, Expr, Stmt, Target};
use super::run::{Run, Slot};
use super::value::{Atom, Value};

/// How a statement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    Falls,
    /// What follows may not run.
    Maybe,
    /// What follows doesn't run.
    Stops,
}

impl<'a> Run<'a> {
    /// Statements in order; false if what follows them doesn't run.
    pub(super) fn list(&mut self, body: &'a [Stmt], scope: usize) -> bool {
        self.flow(body, scope) != Flow::Stops
    }

    pub(super) fn flow(&mut self, body: &'a [Stmt], scope: usize) -> Flow {
        let mut branched = Vec::new();
        let mut result = Flow::Falls;
        for statement in body {
            match self.statement(statement, scope) {
                Flow::Falls => {}
                Flow::Maybe => {
                    branched.push(self.branch());
                    result = Flow::Maybe;
                }
                Flow::Stops => {
                    result = Flow::Stops;
                    break;
                }
            }
        }
        while let Some(region) = branched.pop() {
            self.unbranch(region);
        }
        result
    }

    /// Declares what a list of statements declares before it runs: functions, and the names of `let`, `const` and classes.
    pub(super) fn hoist(&mut self, body: &'a [Stmt], scope: usize) {
        self.charge(body.len());
        for statement in body {
            let mut names = Vec::new();
            match statement {
                Stmt::Declare(Declare::Const | Declare::Let, declared) => {
                    declared.iter().for_each(|(pattern, _)| pattern.names(&mut names));
                }
                Stmt::Class(class) => names.extend(class.name.clone()),
                Stmt::Function(function, site) => {
                    let Some(name) = &function.name else { continue };
                    let value = self.closure(function, scope, None);
                    self.bind_name(name, *site, value, scope, false);
                }
                _ => {}
            }
            for (name, _) in names {
                self.declare(scope, &name, Slot::Empty);
            }
        }
    }

    fn block(&mut self, body: &'a [Stmt], scope: usize) -> Flow {
        let scope = self.open(Some(scope));
        self.hoist(body, scope);
        self.flow(body, scope)
    }

    fn statement(&mut self, statement: &'a Stmt, scope: usize) -> Flow {
        if self.enter().is_none() {
            return Flow::Stops;
        }
        let flow = self.statement_here(statement, scope);
        self.leave();
        flow
    }

    fn statement_here(&mut self, statement: &'a Stmt, scope: usize) -> Flow {
        match statement {
            Stmt::Empty | Stmt::Function(..) => {}
            Stmt::Expr(expr) => {
                self.eval(expr, scope);
            }
            Stmt::Declare(kind, declared) => {
                for (pattern, value) in declared {
                    let value = match value {
                        Some(value) => self.eval(value, scope),
                        // `var x;` does nothing
                        None if *kind == Declare::Var => continue,
                        None => Value::undefined(),
                    };
                    self.bind(pattern, value, scope, *kind == Declare::Const, *kind == Declare::Var);
                }
            }
            Stmt::Class(class) => {
                let value = self.class(class, scope);
                if let Some((name, site)) = &class.name {
                    self.bind_name(name, *site, value, scope, false);
                }
            }
            Stmt::Return(value) => {
                let value = value.as_ref().map_or_else(Value::undefined, |value| self.eval(value, scope));
                self.add_return(value);
                return Flow::Stops;
            }
            Stmt::Throw(value) => {
                let value = self.eval(value, scope);
                self.hand_on(&value);
                return Flow::Stops;
            }
            Stmt::Jump => return Flow::Stops,
            Stmt::If(test, then, other) => return self.conditional_statement(test, then, other.as_deref(), scope),
            Stmt::Block(body) => return self.block(body, scope),
            Stmt::Loop { first, test, step, body } => {
                let scope = self.open(Some(scope));
                if let Some(first) = first {
                    if let Stmt::Declare(..) = &**first {
                        self.hoist(std::slice::from_ref(first), scope);
                    }
                    self.statement(first, scope);
                }
                return self.loop_statement(test.as_ref(), step.as_ref(), body, scope);
            }
            Stmt::Each { target, of, is_in, body } => return self.each(target, of, *is_in, body, scope),
            Stmt::Switch(value, cases) => return self.switch(value, cases, scope),
            Stmt::Try(body, catch, finally) => {
                return self.try_statement(body, catch.as_ref(), finally.as_deref(), scope);
            }
        }
        Flow::Falls
    }

    fn add_return(&mut self, value: Value) {
        let held = self.frames.last_mut().and_then(|frame| frame.returns.take());
        let value = self.or(held, value);
        if let Some(frame) = self.frames.last_mut() {
            frame.returns = Some(value);
        }
    }

    fn conditional_statement(&mut self, test: &'a Expr, then: &'a Stmt, other: Option<&'a Stmt>, scope: usize) -> Flow {
        self.eval(test, scope);
        let then = self.maybe(|run| run.statement(then, scope));
        let other = other.map_or(Flow::Falls, |other| self.maybe(|run| run.statement(other, scope)));
        both(then, other)
    }

    /// The body once: what it writes to is known of all its turns.
    fn loop_statement(&mut self, test: Option<&'a Expr>, step: Option<&'a Expr>, body: &'a Stmt, scope: usize) -> Flow {
        let flow = self.turns(|run| {
            if let Some(test) = test {
                run.eval(test, scope);
            }
            let flow = run.statement(body, scope);
            if let Some(step) = step {
                run.eval(step, scope);
            }
            flow
        });
        both(flow, Flow::Falls)
    }

    fn each(&mut self, target: &'a Target, of: &'a Expr, is_in: bool, body: &'a Stmt, scope: usize) -> Flow {
        let of = self.eval(of, scope);
        let (known, rest) = if is_in { self.keys_of(&of) } else { self.elements_of(&of) };
        let mut flow = Flow::Falls;
        for element in known {
            let turn = if flow == Flow::Falls {
                self.turn(target, element, body, scope)
            } else {
                self.maybe(|run| run.turn(target, element, body, scope))
            };
            flow = flow.max(both(turn, Flow::Falls));
        }
        if let Some(rest) = rest {
            let turn = self.turns(|run| run.turn(target, rest, body, scope));
            flow = flow.max(both(turn, Flow::Falls));
        }
        flow
    }

    fn turn(&mut self, target: &'a Target, element: Value, body: &'a Stmt, scope: usize) -> Flow {
        let scope = self.open(Some(scope));
        match target {
            Target::Declare(kind, pattern) => {
                self.bind(pattern, element, scope, *kind == Declare::Const, *kind == Declare::Var);
            }
            Target::Expr(target) => self.assign_to(target, element, scope),
        }
        self.statement(body, scope)
    }

    fn switch(&mut self, value: &'a Expr, cases: &'a [(Option<Expr>, Vec<Stmt>)], scope: usize) -> Flow {
        self.eval(value, scope);
        let scope = self.open(Some(scope));
        cases.iter().for_each(|(_, body)| self.hoist(body, scope));
        let mut result = Flow::Falls;
        for (test, body) in cases {
            let flow = self.maybe(|run| {
                if let Some(test) = test {
                    run.eval(test, scope);
                }
                run.flow(body, scope)
            });
            result = result.max(both(flow, Flow::Falls));
        }
        result
    }

    fn try_statement(
        &mut self,
        body: &'a [Stmt],
        catch: Option<&'a (Option<super::ast::Pattern>, Vec<Stmt>)>,
        finally: Option<&'a [Stmt]>,
        scope: usize,
    ) -> Flow {
        // what it does is as sure as what stands around it, but what it writes may stay undone
        let region = self.branch();
        self.conditional = self.conditional.saturating_sub(1);
        let mut flow = self.block(body, scope);
        self.conditional = self.conditional.saturating_add(1);
        self.unbranch(region);
        if let Some((pattern, body)) = catch {
            let caught = self.maybe(|run| {
                let scope = run.open(Some(scope));
                if let Some(pattern) = pattern {
                    run.bind(pattern, Value::unknown(), scope, false, false);
                }
                run.block(body, scope)
            });
            flow = both(flow, caught);
        }
        if let Some(body) = finally {
            let last = self.block(body, scope);
            flow = flow.max(last);
        }
        flow
    }

    /// Names of the properties that a loop goes through.
    fn keys_of(&mut self, value: &Value) -> (Vec<Value>, Option<Value>) {
        match value.0.as_slice() {
            [Atom::Object(at)] => match self.known_names(*at) {
                Some(names) => (names.iter().map(|name| Value::text(name)).collect(), None),
                None => (Vec::new(), Some(Value::unknown())),
            },
            _ => (Vec::new(), Some(Value::unknown())),
        }
    }
}

/// How two ways that a program may go end together.
fn both(one: Flow, other: Flow) -> Flow {
    if one == other { one } else { Flow::Maybe }
}
