//! What the parser makes of a program: JavaScript (ECMA-262) without types. Nesting is bounded by the parser; chains of
//! operators and of accesses are lists, so that long ones aren't deep.

use std::rc::Rc;

/// A name in the program.
pub(super) type Name = Rc<str>;

/// Number of a place in the text, for what must be told apart over passes.
pub(super) type Site = u32;

#[derive(Debug)]
pub(super) enum Expr {
    Text(Name),
    Number(f64),
    Bool(bool),
    Null,
    /// A literal whose value doesn't matter: a regular expression, a big integer, `new.target`.
    Opaque,
    This,
    Name(Name),
    Template(Template),
    Array(Vec<Item>, Site),
    Object(Vec<Prop>, Site),
    Function(Box<Function>),
    Class(Box<Class>),
    Unary(Unary, Box<Expr>),
    /// `++` and `--`, before or behind.
    Update(Box<Expr>),
    /// Operators of one precedence, left to right.
    Chain(Box<Expr>, Vec<(Binary, Expr)>),
    Assign(Assign, Box<Expr>, Box<Expr>),
    Condition(Box<(Expr, Expr, Expr)>),
    Access(Box<Expr>, Vec<Link>),
    New(Box<Expr>, Vec<Item>, Site),
    Sequence(Vec<Expr>),
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    /// `import(…)`, `import.meta`.
    Import(Vec<Item>),
}

/// The texts of a template, one more than there are values.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) texts: Vec<Name>,
    pub(super) values: Vec<Expr>,
}

#[derive(Debug)]
pub(super) enum Item {
    Hole,
    One(Expr),
    Spread(Expr),
}

#[derive(Debug)]
pub(super) enum Prop {
    Value(Key, Expr),
    /// A getter or a setter.
    Accessor(Key, Box<Function>),
    Spread(Expr),
    /// `{a = 1}`, which is only right on the left of an assignment.
    Default(Name, Expr),
}

#[derive(Debug)]
pub(super) enum Key {
    Name(Name),
    Computed(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Number,
    Typeof,
    Void,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Arithmetic,
    Compare,
    And,
    Or,
    Nullish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assign {
    Plain,
    With(Binary),
}

/// One step of `a.b[c](d)`.
#[derive(Debug)]
pub(super) enum Link {
    Member(Name),
    Index(Expr),
    Call(Vec<Item>, Site),
    /// `f<T>(x)`, which plain JavaScript reads as two comparisons.
    Typed(Vec<Item>, Site),
    Tagged(Template),
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: Option<Name>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Body,
    /// It has no `this` of its own.
    pub(super) arrow: bool,
    pub(super) asynchronous: bool,
    pub(super) generator: bool,
    /// Names declared by `var` anywhere in it.
    pub(super) vars: Vec<(Name, Site)>,
    pub(super) site: Site,
}

#[derive(Debug)]
pub(super) enum Body {
    Expr(Box<Expr>),
    Block(Vec<Stmt>),
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) pattern: Pattern,
    pub(super) default: Option<Expr>,
    pub(super) rest: bool,
}

#[derive(Debug)]
pub(super) enum Pattern {
    Name(Name, Site),
    Object(Vec<(Key, Pattern, Option<Expr>)>, Option<Box<Pattern>>),
    Array(Vec<Option<(Pattern, Option<Expr>)>>, Option<Box<Pattern>>),
}

#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: Option<(Name, Site)>,
    pub(super) parent: Option<Expr>,
    pub(super) members: Vec<Member>,
    pub(super) site: Site,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) is_static: bool,
    pub(super) kind: MemberKind,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    Method(Box<Function>),
    Accessor(Box<Function>),
    /// With the value as the body of a function, so that it has `this`.
    Field(Option<Box<Function>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declare {
    Const,
    Let,
    Var,
}

#[derive(Debug)]
pub(super) enum Stmt {
    Expr(Expr),
    Declare(Declare, Vec<(Pattern, Option<Expr>)>),
    Function(Box<Function>, Site),
    Class(Box<Class>),
    Return(Option<Expr>),
    Throw(Expr),
    /// `break`, `continue`.
    Jump,
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    Block(Vec<Stmt>),
    /// `for (a; b; c)`, `while`, `do`.
    Loop {
        first: Option<Box<Stmt>>,
        test: Option<Expr>,
        step: Option<Expr>,
        body: Box<Stmt>,
    },
    /// `for (x of y)` and `for (x in y)`.
    Each {
        target: Target,
        of: Expr,
        is_in: bool,
        body: Box<Stmt>,
    },
    Switch(Expr, Vec<(Option<Expr>, Vec<Stmt>)>),
    Try(Vec<Stmt>, Option<(Option<Pattern>, Vec<Stmt>)>, Option<Vec<Stmt>>),
    Empty,
}

#[derive(Debug)]
pub(super) enum Target {
    Declare(Declare, Pattern),
    Expr(Expr),
}
