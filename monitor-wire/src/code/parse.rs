//! Statements of JavaScript (ECMA-262 section 14), by recursive descent to a bounded depth.
//!
//! Code is read as a module's: strict, with `await` everywhere. What isn't understood is an error; nothing is skipped over
//! but types, in places where plain JavaScript has none.

mod expr;
mod function;
mod types;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Reason;
use super::ast::{Declare, Expr, Item, Name, Pattern, Prop, Site, Stmt, Target};
use super::lex::{Kind, Token};
use crate::limits;

/// A program, or the reason why it is none.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) body: Vec<Stmt>,
    pub(super) vars: Vec<(Name, Site)>,
    /// Names that are assigned to anywhere, but by their declaration.
    pub(super) assigned: BTreeSet<Name>,
    /// It exports or imports, or uses `import`.
    pub(super) error: Option<Reason>,
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: u32,
    assigned: BTreeSet<Name>,
    /// Names declared by `var` in the function that is being read.
    vars: Vec<(Name, Site)>,
    /// `in` is no operator here: the head of a `for`.
    no_in: bool,
    /// A `:` here may end the middle of a condition, so that it begins no type.
    no_type: bool,
    /// How many `>` of the token that comes were taken.
    angles: usize,
}

type Parsed<T> = Result<T, Reason>;

/// Words that are no names in strict code.
const RESERVED: [&str; 44] = [
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "new",
    "null",
    "return",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "let",
    "static",
    "implements",
    "interface",
    "package",
    "private",
];

/// Reads a program; what was read before an error is kept.
pub(super) fn program(tokens: &[Token]) -> Program {
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        assigned: BTreeSet::new(),
        vars: Vec::new(),
        no_in: false,
        no_type: false,
        angles: 0,
    };
    let mut body = Vec::new();
    let mut error = None;
    while error.is_none() && parser.kind() != &Kind::End {
        match parser.statement() {
            Ok(statement) => body.push(statement),
            Err(reason) => error = Some(reason),
        }
    }
    Program { body, vars: parser.vars, assigned: parser.assigned, error }
}

impl<'a> Parser<'a> {
    fn ahead(&self, count: usize) -> &'a Kind {
        self.tokens.get(self.at.saturating_add(count)).map_or(&Kind::End, |token| &token.kind)
    }

    fn kind(&self) -> &'a Kind {
        self.ahead(0)
    }

    fn newline(&self) -> bool {
        self.newline_ahead(0)
    }

    fn newline_ahead(&self, count: usize) -> bool {
        self.tokens.get(self.at.saturating_add(count)).is_some_and(|token| token.newline)
    }

    /// Of the bracket that comes: what stands after its closing one.
    fn after_bracket(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.closes).saturating_add(1)
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Number of the place.
    fn site(&self) -> Site {
        Site::try_from(self.at).unwrap_or(Site::MAX)
    }

    fn is(&self, punct: &str) -> bool {
        matches!(self.kind(), Kind::Punct(other) if *other == punct)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.kind(), Kind::Name(name) if &**name == word)
    }

    fn take(&mut self, punct: &str) -> bool {
        let found = self.is(punct);
        if found {
            self.step();
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.step();
        }
        found
    }

    fn expect(&mut self, punct: &str) -> Parsed<()> {
        if self.take(punct) { Ok(()) } else { Err(Reason::Syntax) }
    }

    /// A name that isn't reserved.
    fn name(&mut self) -> Parsed<Name> {
        let (Kind::Name(name) | Kind::Escaped(name)) = self.kind() else { return Err(Reason::Syntax) };
        if RESERVED.contains(&&**name) {
            return Err(Reason::Syntax);
        }
        self.step();
        Ok(Rc::clone(name))
    }

    /// The end of a statement (ECMA-262 section 12.10).
    fn semicolon(&mut self) -> Parsed<()> {
        // what was taken for a regular expression would divide here, and hide what it divides by
        if self.take(";") {
            return Ok(());
        }
        let ends = self.is("}") || self.kind() == &Kind::End || self.newline();
        if ends && self.kind() != &Kind::Regex { Ok(()) } else { Err(Reason::Syntax) }
    }

    /// Runs `read` one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= limits::CODE_DEPTH {
            return Err(Reason::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        let result = read(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    fn statement(&mut self) -> Parsed<Stmt> {
        self.deeper(Self::statement_here)
    }

    fn statement_here(&mut self) -> Parsed<Stmt> {
        match self.kind() {
            Kind::Punct("{") => Ok(Stmt::Block(self.block()?)),
            Kind::Punct(";") => {
                self.step();
                Ok(Stmt::Empty)
            }
            Kind::Name(word) => self.word_statement(word),
            _ => self.expression_statement(),
        }
    }

    fn word_statement(&mut self, word: &str) -> Parsed<Stmt> {
        let names = matches!(self.ahead(1), Kind::Name(_) | Kind::Escaped(_) | Kind::Punct("[" | "{"));
        match word {
            "const" | "var" => self.declaration(),
            "let" if names => self.declaration(),
            "function" => self.function_statement(),
            "async" if matches!(self.ahead(1), Kind::Name(next) if &**next == "function") && !self.newline_ahead(1) => {
                self.function_statement()
            }
            "class" => Ok(Stmt::Class(Box::new(self.class()?))),
            "if" => self.conditional(),
            "for" => self.for_statement(),
            "while" => self.while_statement(),
            "do" => self.do_statement(),
            "return" | "throw" => self.return_statement(word),
            "break" | "continue" => self.jump(),
            "switch" => self.switch(),
            "try" => self.try_statement(),
            "debugger" => {
                self.step();
                self.semicolon()?;
                Ok(Stmt::Empty)
            }
            "import" if !matches!(self.ahead(1), Kind::Punct("(" | ".")) => Err(Reason::DynamicImport),
            "export" => Err(Reason::Syntax),
            "type" | "interface" | "declare" if self.skip_type_declaration()? => Ok(Stmt::Empty),
            _ if matches!(self.ahead(1), Kind::Punct(":")) && !RESERVED.contains(&word) => {
                self.step();
                self.step();
                self.statement()
            }
            _ => self.expression_statement(),
        }
    }

    fn expression_statement(&mut self) -> Parsed<Stmt> {
        let expression = self.expression()?;
        self.semicolon()?;
        Ok(Stmt::Expr(expression))
    }

    fn block(&mut self) -> Parsed<Vec<Stmt>> {
        self.expect("{")?;
        let (no_in, no_type) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_type));
        let mut statements = Vec::new();
        while !self.take("}") {
            statements.push(self.statement()?);
        }
        (self.no_in, self.no_type) = (no_in, no_type);
        Ok(statements)
    }

    fn declaration(&mut self) -> Parsed<Stmt> {
        let statement = self.declare()?;
        self.semicolon()?;
        Ok(statement)
    }

    fn declare_word(&mut self) -> Parsed<Declare> {
        let declare = match self.kind() {
            Kind::Name(word) => match &**word {
                "const" => Declare::Const,
                "let" => Declare::Let,
                "var" => Declare::Var,
                _ => return Err(Reason::Syntax),
            },
            _ => return Err(Reason::Syntax),
        };
        self.step();
        Ok(declare)
    }

    fn declare(&mut self) -> Parsed<Stmt> {
        let declare = self.declare_word()?;
        let mut declared = Vec::new();
        loop {
            let pattern = self.pattern()?;
            self.note_vars(declare, &pattern);
            self.take("!");
            self.annotation()?;
            let value = if self.take("=") { Some(self.assignment()?) } else { None };
            declared.push((pattern, value));
            if !self.take(",") {
                return Ok(Stmt::Declare(declare, declared));
            }
        }
    }

    /// Notes the names that belong to the whole function.
    fn note_vars(&mut self, declare: Declare, pattern: &Pattern) {
        if declare == Declare::Var {
            let mut names = Vec::new();
            pattern.names(&mut names);
            self.vars.extend(names);
        }
    }

    fn parenthesised(&mut self) -> Parsed<Expr> {
        self.expect("(")?;
        let expression = self.whole(Self::expression)?;
        self.expect(")")?;
        Ok(expression)
    }

    /// Reads between brackets, where no outer rule holds.
    fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let (no_in, no_type) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_type));
        let result = read(self);
        (self.no_in, self.no_type) = (no_in, no_type);
        result
    }

    fn conditional(&mut self) -> Parsed<Stmt> {
        self.step();
        let test = self.parenthesised()?;
        let then = Box::new(self.statement()?);
        let other = if self.take_word("else") { Some(Box::new(self.statement()?)) } else { None };
        Ok(Stmt::If(test, then, other))
    }

    fn while_statement(&mut self) -> Parsed<Stmt> {
        self.step();
        let test = Some(self.parenthesised()?);
        Ok(Stmt::Loop { first: None, test, step: None, body: Box::new(self.statement()?) })
    }

    fn do_statement(&mut self) -> Parsed<Stmt> {
        self.step();
        let body = Box::new(self.statement()?);
        if !self.take_word("while") {
            return Err(Reason::Syntax);
        }
        let test = Some(self.parenthesised()?);
        self.take(";");
        Ok(Stmt::Loop { first: None, test, step: None, body })
    }

    fn for_statement(&mut self) -> Parsed<Stmt> {
        self.step();
        self.take_word("await");
        self.expect("(")?;
        let first = self.for_head()?;
        let (first, target) = match first {
            Some(Head::Target(target)) => (None, Some(target)),
            Some(Head::First(first)) => (Some(Box::new(first)), None),
            None => (None, None),
        };
        if let Some(target) = target {
            let is_in = self.take_word("in");
            if !is_in && !self.take_word("of") {
                return Err(Reason::Syntax);
            }
            let of = if is_in { self.expression()? } else { self.assignment()? };
            self.expect(")")?;
            return Ok(Stmt::Each { target, of, is_in, body: Box::new(self.statement()?) });
        }
        self.expect(";")?;
        let test = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let step = if self.is(")") { None } else { Some(self.expression()?) };
        self.expect(")")?;
        Ok(Stmt::Loop { first, test, step, body: Box::new(self.statement()?) })
    }

    fn for_head(&mut self) -> Parsed<Option<Head>> {
        if self.is(";") {
            return Ok(None);
        }
        self.no_in = true;
        let head = if matches!(self.kind(), Kind::Name(word) if matches!(&**word, "const" | "let" | "var")) {
            match self.declare()? {
                Stmt::Declare(declare, mut declared) if self.is_each() && declared.len() == 1 => match declared.pop() {
                    Some((pattern, None)) => Head::Target(Target::Declare(declare, pattern)),
                    _ => return Err(Reason::Syntax),
                },
                other => Head::First(other),
            }
        } else {
            let expression = self.expression()?;
            if self.is_each() {
                self.mark(&expression)?;
                Head::Target(Target::Expr(expression))
            } else {
                Head::First(Stmt::Expr(expression))
            }
        };
        self.no_in = false;
        Ok(Some(head))
    }

    fn is_each(&self) -> bool {
        self.is_word("of") || self.is_word("in")
    }

    fn return_statement(&mut self, word: &str) -> Parsed<Stmt> {
        self.step();
        let ends = self.is(";") || self.is("}") || self.kind() == &Kind::End || self.newline();
        let value = if ends { None } else { Some(self.expression()?) };
        self.semicolon()?;
        match (word, value) {
            ("throw", Some(value)) => Ok(Stmt::Throw(value)),
            ("throw", None) => Err(Reason::Syntax),
            (_, value) => Ok(Stmt::Return(value)),
        }
    }

    fn jump(&mut self) -> Parsed<Stmt> {
        self.step();
        if !self.newline() && matches!(self.kind(), Kind::Name(_)) {
            self.name()?;
        }
        self.semicolon()?;
        Ok(Stmt::Jump)
    }

    fn switch(&mut self) -> Parsed<Stmt> {
        self.step();
        let value = self.parenthesised()?;
        self.expect("{")?;
        let mut cases: Vec<(Option<Expr>, Vec<Stmt>)> = Vec::new();
        while !self.take("}") {
            if self.take_word("case") {
                let test = self.whole(|parser| {
                    parser.no_type = true;
                    parser.expression()
                })?;
                self.expect(":")?;
                cases.push((Some(test), Vec::new()));
            } else if self.take_word("default") {
                self.expect(":")?;
                cases.push((None, Vec::new()));
            } else {
                let statement = self.statement()?;
                cases.last_mut().ok_or(Reason::Syntax)?.1.push(statement);
            }
        }
        Ok(Stmt::Switch(value, cases))
    }

    fn try_statement(&mut self) -> Parsed<Stmt> {
        self.step();
        let body = self.block()?;
        let catch = if self.take_word("catch") {
            let mut pattern = None;
            if self.take("(") {
                pattern = Some(self.pattern()?);
                self.annotation()?;
                self.expect(")")?;
            }
            Some((pattern, self.block()?))
        } else {
            None
        };
        let finally = if self.take_word("finally") { Some(self.block()?) } else { None };
        if catch.is_none() && finally.is_none() {
            return Err(Reason::Syntax);
        }
        Ok(Stmt::Try(body, catch, finally))
    }

    /// Notes what an expression on the left of an assignment assigns to.
    fn mark(&mut self, target: &Expr) -> Parsed<()> {
        let mut targets = vec![target];
        while let Some(target) = targets.pop() {
            match target {
                Expr::Name(name) => {
                    self.assigned.insert(Rc::clone(name));
                }
                Expr::Access(_, _) => {}
                Expr::Assign(_, target, _) => targets.push(target),
                Expr::Array(items, _) => targets.extend(items.iter().filter_map(|item| match item {
                    Item::One(item) | Item::Spread(item) => Some(item),
                    Item::Hole => None,
                })),
                Expr::Object(props, _) => {
                    for prop in props {
                        match prop {
                            Prop::Value(_, value) | Prop::Spread(value) => targets.push(value),
                            Prop::Default(name, _) => {
                                self.assigned.insert(Rc::clone(name));
                            }
                            Prop::Accessor(..) => return Err(Reason::Syntax),
                        }
                    }
                }
                _ => return Err(Reason::Syntax),
            }
        }
        Ok(())
    }
}

/// What stands first in the brackets of `for`.
enum Head {
    Target(Target),
    First(Stmt),
}

impl Pattern {
    /// The names that it declares.
    pub(super) fn names(&self, out: &mut Vec<(Name, Site)>) {
        match self {
            Self::Name(name, site) => out.push((Rc::clone(name), *site)),
            Self::Object(entries, rest) => {
                entries.iter().for_each(|(_, pattern, _)| pattern.names(out));
                rest.iter().for_each(|rest| rest.names(out));
            }
            Self::Array(entries, rest) => {
                entries.iter().flatten().for_each(|(pattern, _)| pattern.names(out));
                rest.iter().for_each(|rest| rest.names(out));
            }
        }
    }
}
