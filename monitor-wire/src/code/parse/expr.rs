//! Expressions (ECMA-262 section 13).

use std::rc::Rc;

use super::{Parsed, Parser, RESERVED};
use crate::code::Reason;
use crate::code::ast::{Assign, Binary, Expr, Item, Key, Link, Prop, Template, Unary};
use crate::code::lex::Kind;

/// Operators of two sides with their precedence, higher binds closer.
const fn binary(punct: &str) -> Option<(u8, Binary)> {
    Some(match punct.as_bytes() {
        b"??" => (1, Binary::Nullish),
        b"||" => (2, Binary::Or),
        b"&&" => (3, Binary::And),
        b"|" => (4, Binary::Arithmetic),
        b"^" => (5, Binary::Arithmetic),
        b"&" => (6, Binary::Arithmetic),
        b"==" | b"!=" | b"===" | b"!==" => (7, Binary::Compare),
        b"<" | b">" | b"<=" | b">=" => (8, Binary::Compare),
        b"<<" | b">>" | b">>>" => (9, Binary::Arithmetic),
        b"+" => (10, Binary::Add),
        b"-" => (10, Binary::Subtract),
        b"*" => (11, Binary::Multiply),
        b"/" | b"%" => (11, Binary::Arithmetic),
        b"**" => (12, Binary::Arithmetic),
        _ => return None,
    })
}

fn assign(punct: &str) -> Option<Assign> {
    if punct == "=" {
        return Some(Assign::Plain);
    }
    let operator = punct.strip_suffix('=')?;
    let (precedence, operator) = binary(operator)?;
    // `==` and its like end in the sign too
    (precedence != 7 && precedence != 8).then_some(Assign::With(operator))
}

impl Parser<'_> {
    /// With commas.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        let first = self.assignment()?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take(",") {
            all.push(self.assignment()?);
        }
        Ok(Expr::Sequence(all))
    }

    pub(super) fn assignment(&mut self) -> Parsed<Expr> {
        self.deeper(Self::assignment_here)
    }

    fn assignment_here(&mut self) -> Parsed<Expr> {
        if let Some(function) = self.arrow()? {
            return Ok(function);
        }
        if self.take_word("yield") {
            self.take("*");
            let ends = self.newline()
                || matches!(self.kind(), Kind::End | Kind::Punct(")" | "]" | "}" | "," | ";" | ":"))
                || self.is_word("in");
            let value = if ends { None } else { Some(Box::new(self.assignment()?)) };
            return Ok(Expr::Yield(value));
        }
        let left = self.conditional_expression()?;
        let Kind::Punct(punct) = self.kind() else { return Ok(left) };
        let Some(operator) = assign(punct) else { return Ok(left) };
        self.mark(&left)?;
        if operator != Assign::Plain && !matches!(left, Expr::Name(_) | Expr::Access(..)) {
            return Err(Reason::Syntax);
        }
        self.step();
        let right = self.assignment()?;
        Ok(Expr::Assign(operator, Box::new(left), Box::new(right)))
    }

    fn conditional_expression(&mut self) -> Parsed<Expr> {
        let test = self.operators(0)?;
        if !self.take("?") {
            return Ok(test);
        }
        let then = self.whole(|parser| {
            parser.no_type = true;
            parser.assignment()
        })?;
        self.expect(":")?;
        let other = self.assignment()?;
        Ok(Expr::Condition(Box::new((test, then, other))))
    }

    fn operator(&self) -> Option<(u8, Binary)> {
        match self.kind() {
            Kind::Punct(punct) => binary(punct),
            Kind::Name(word) => match &**word {
                "instanceof" => Some((8, Binary::Compare)),
                "in" if !self.no_in => Some((8, Binary::Compare)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Operators that bind closer than `least`.
    fn operators(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            self.skip_cast()?;
            let Some((precedence, _)) = self.operator().filter(|(precedence, _)| *precedence > least) else {
                return Ok(left);
            };
            let mut rest = Vec::new();
            while let Some((_, operator)) = self.operator().filter(|(other, _)| *other == precedence) {
                self.step();
                // `**` goes right to left, which changes no request; what is on its right may have a sign
                let right = self.deeper(|parser| parser.operators(precedence))?;
                rest.push((operator, right));
            }
            left = Expr::Chain(Box::new(left), rest);
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let operator = match self.kind() {
            Kind::Punct("!") => Unary::Not,
            Kind::Punct("-" | "+" | "~") => Unary::Number,
            Kind::Punct("++" | "--") => {
                self.step();
                let target = self.deeper(Self::unary)?;
                return self.update(target);
            }
            Kind::Name(word) => match &**word {
                "typeof" => Unary::Typeof,
                "void" => Unary::Void,
                "delete" => Unary::Delete,
                "await" => {
                    self.step();
                    return Ok(Expr::Await(Box::new(self.deeper(Self::unary)?)));
                }
                _ => return self.postfix(),
            },
            _ => return self.postfix(),
        };
        let minus = self.is("-");
        self.step();
        let operand = self.deeper(Self::unary)?;
        Ok(match (operator, operand) {
            (Unary::Number, Expr::Number(value)) if minus => Expr::Number(-value),
            (operator, operand) => Expr::Unary(operator, Box::new(operand)),
        })
    }

    fn update(&mut self, target: Expr) -> Parsed<Expr> {
        if !matches!(target, Expr::Name(_) | Expr::Access(..)) {
            return Err(Reason::Syntax);
        }
        self.mark(&target)?;
        Ok(Expr::Update(Box::new(target)))
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let first = self.primary()?;
        let target = self.links(first, true)?;
        if !self.newline() && (self.is("++") || self.is("--")) {
            self.step();
            return self.update(target);
        }
        Ok(target)
    }

    /// `.a`, `[b]`, `(c)` and templates behind an expression; without calls in the target of `new`.
    fn links(&mut self, first: Expr, calls: bool) -> Parsed<Expr> {
        let mut links = Vec::new();
        loop {
            let site = self.site();
            match self.kind() {
                Kind::Punct(".") => {
                    self.step();
                    links.push(Link::Member(self.member()?));
                }
                Kind::Punct("?.") if calls => {
                    self.step();
                    match self.kind() {
                        Kind::Punct("(") => links.push(Link::Call(self.arguments()?, site)),
                        Kind::Punct("[") => links.push(self.index()?),
                        _ => links.push(Link::Member(self.member()?)),
                    }
                }
                Kind::Punct("[") => links.push(self.index()?),
                Kind::Punct("(") if calls => links.push(Link::Call(self.arguments()?, site)),
                Kind::Template { first: true, .. } => links.push(Link::Tagged(self.template()?)),
                Kind::Punct("<") if calls && self.skip_type_arguments() => {
                    links.push(Link::Typed(self.arguments()?, site));
                }
                Kind::Punct("!") if self.is_assertion() => self.step(),
                _ => break,
            }
        }
        Ok(if links.is_empty() { first } else { Expr::Access(Box::new(first), links) })
    }

    /// A name behind a point; keywords are names here.
    fn member(&mut self) -> Parsed<Rc<str>> {
        let (Kind::Name(name) | Kind::Escaped(name) | Kind::Private(name)) = self.kind() else {
            return Err(Reason::Syntax);
        };
        self.step();
        Ok(Rc::clone(name))
    }

    fn index(&mut self) -> Parsed<Link> {
        self.expect("[")?;
        let index = self.whole(Self::expression)?;
        self.expect("]")?;
        Ok(Link::Index(index))
    }

    pub(super) fn arguments(&mut self) -> Parsed<Vec<Item>> {
        self.expect("(")?;
        self.items(")", false)
    }

    /// Up to a closing bracket.
    fn items(&mut self, end: &str, holes: bool) -> Parsed<Vec<Item>> {
        self.whole(|parser| {
            let mut items = Vec::new();
            while !parser.take(end) {
                if holes && parser.take(",") {
                    items.push(Item::Hole);
                    continue;
                }
                let spread = parser.take("...");
                let value = parser.assignment()?;
                items.push(if spread { Item::Spread(value) } else { Item::One(value) });
                if !parser.is(end) {
                    parser.expect(",")?;
                }
            }
            Ok(items)
        })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let site = self.site();
        let expr = match self.kind() {
            Kind::Text(text) => Expr::Text(Rc::clone(text)),
            Kind::Number(value) => Expr::Number(*value),
            Kind::BigInt | Kind::Regex => Expr::Opaque,
            Kind::Template { first: true, .. } => return Ok(Expr::Template(self.template()?)),
            Kind::Punct("(") => return self.parenthesised(),
            Kind::Punct("[") => {
                self.step();
                return Ok(Expr::Array(self.items("]", true)?, site));
            }
            Kind::Punct("{") => return self.object(),
            Kind::Name(word) => return self.word(word),
            Kind::Escaped(_) => return Ok(Expr::Name(self.name()?)),
            // `#x in y`
            Kind::Private(_) if matches!(self.ahead(1), Kind::Name(word) if &**word == "in") => Expr::Opaque,
            Kind::Private(_) | Kind::Punct(_) | Kind::Template { .. } | Kind::End => return Err(Reason::Syntax),
        };
        self.step();
        Ok(expr)
    }

    fn word(&mut self, word: &str) -> Parsed<Expr> {
        let expr = match word {
            "true" => Expr::Bool(true),
            "false" => Expr::Bool(false),
            "null" => Expr::Null,
            "this" => Expr::This,
            "function" => return Ok(Expr::Function(Box::new(self.function()?))),
            "class" => return Ok(Expr::Class(Box::new(self.class()?))),
            "new" => return self.new_expression(),
            "super" => {
                self.step();
                return if matches!(self.kind(), Kind::Punct("(" | "." | "[")) {
                    Ok(Expr::Name("super".into()))
                } else {
                    Err(Reason::Syntax)
                };
            }
            "import" => return self.import(),
            "async" if matches!(self.ahead(1), Kind::Name(next) if &**next == "function") && !self.newline_ahead(1) => {
                return Ok(Expr::Function(Box::new(self.function()?)));
            }
            _ => return Ok(Expr::Name(self.name()?)),
        };
        self.step();
        Ok(expr)
    }

    fn import(&mut self) -> Parsed<Expr> {
        self.step();
        if self.take(".") {
            self.member()?;
            return Ok(Expr::Import(Vec::new()));
        }
        Ok(Expr::Import(self.arguments()?))
    }

    fn new_expression(&mut self) -> Parsed<Expr> {
        let site = self.site();
        self.step();
        if self.take(".") {
            self.member()?;
            return Ok(Expr::Opaque);
        }
        let callee = self.deeper(|parser| {
            let first = if parser.is_word("new") { parser.new_expression()? } else { parser.primary()? };
            parser.links(first, false)
        })?;
        if self.is("<") {
            self.skip_type_arguments();
        }
        let arguments = if self.is("(") { self.arguments()? } else { Vec::new() };
        Ok(Expr::New(Box::new(callee), arguments, site))
    }

    fn template(&mut self) -> Parsed<Template> {
        let mut template = Template { texts: Vec::new(), values: Vec::new() };
        self.whole(|parser| {
            loop {
                let Kind::Template { text, last, .. } = parser.kind() else { return Err(Reason::Syntax) };
                parser.step();
                template.texts.push(Rc::clone(text));
                if *last {
                    return Ok(());
                }
                template.values.push(parser.expression()?);
            }
        })?;
        Ok(template)
    }

    fn object(&mut self) -> Parsed<Expr> {
        let site = self.site();
        self.expect("{")?;
        let props = self.whole(|parser| {
            let mut props = Vec::new();
            while !parser.take("}") {
                props.push(parser.prop()?);
                if !parser.is("}") {
                    parser.expect(",")?;
                }
            }
            Ok(props)
        })?;
        Ok(Expr::Object(props, site))
    }

    fn prop(&mut self) -> Parsed<Prop> {
        if self.take("...") {
            return Ok(Prop::Spread(self.assignment()?));
        }
        let head = self.method_head();
        let shorthand = match self.kind() {
            Kind::Name(name) | Kind::Escaped(name) if !RESERVED.contains(&&**name) => Some(Rc::clone(name)),
            _ => None,
        };
        let key = self.key()?;
        if head.accessor {
            return Ok(Prop::Accessor(key, Box::new(self.method(&head)?)));
        }
        if head.is_marked() || self.is("(") || self.is("<") {
            return Ok(Prop::Value(key, Expr::Function(Box::new(self.method(&head)?))));
        }
        if self.take(":") {
            return Ok(Prop::Value(key, self.assignment()?));
        }
        let name = shorthand.ok_or(Reason::Syntax)?;
        if self.take("=") {
            return Ok(Prop::Default(name, self.assignment()?));
        }
        Ok(Prop::Value(key, Expr::Name(name)))
    }

    /// The key of a member of an object, a class or a pattern.
    pub(super) fn key(&mut self) -> Parsed<Key> {
        let name = match self.kind() {
            Kind::Name(name) | Kind::Escaped(name) | Kind::Private(name) | Kind::Text(name) => Rc::clone(name),
            Kind::Number(value) => crate::code::value::number_text(*value).ok_or(Reason::Syntax)?.into(),
            Kind::Punct("[") => {
                let Link::Index(index) = self.index()? else { return Err(Reason::Syntax) };
                return Ok(Key::Computed(index));
            }
            _ => return Err(Reason::Syntax),
        };
        self.step();
        Ok(Key::Name(name))
    }
}
