//! Functions, classes and patterns (ECMA-262 sections 14.3.3 and 15).

use super::{Parsed, Parser};
use crate::code::Reason;
use crate::code::ast::{Body, Class, Expr, Function, Key, Member, MemberKind, Parameter, Pattern, Stmt};
use crate::code::lex::Kind;

/// What stands before a method's name.
#[derive(Default)]
pub(super) struct Head {
    pub(super) accessor: bool,
    asynchronous: bool,
    generator: bool,
}

impl Head {
    pub(super) const fn is_marked(&self) -> bool {
        self.asynchronous || self.generator
    }
}

/// What a function is, but for its parameters and body.
#[derive(Default, Clone, Copy)]
struct Kinds {
    arrow: bool,
    asynchronous: bool,
    generator: bool,
}

impl Parser<'_> {
    pub(super) fn function_statement(&mut self) -> Parsed<Stmt> {
        let site = self.site();
        let function = self.function()?;
        if function.name.is_none() {
            return Err(Reason::Syntax);
        }
        Ok(Stmt::Function(Box::new(function), site))
    }

    /// From `function`, or from `async` before it.
    pub(super) fn function(&mut self) -> Parsed<Function> {
        let asynchronous = self.take_word("async");
        if !self.take_word("function") {
            return Err(Reason::Syntax);
        }
        let generator = self.take("*");
        let name = if self.is("(") || self.is("<") { None } else { Some(self.name()?) };
        let mut function = self.rest_of_function(Kinds { arrow: false, asynchronous, generator })?;
        function.name = name;
        Ok(function)
    }

    /// From the parameters on.
    fn rest_of_function(&mut self, kinds: Kinds) -> Parsed<Function> {
        self.skip_type_parameters()?;
        let parameters = self.parameters()?;
        self.annotation()?;
        self.body_of(kinds, parameters, Self::block_body)
    }

    fn block_body(&mut self) -> Parsed<Body> {
        Ok(Body::Block(self.block()?))
    }

    fn body_of(
        &mut self,
        kinds: Kinds,
        parameters: Vec<Parameter>,
        read: impl FnOnce(&mut Self) -> Parsed<Body>,
    ) -> Parsed<Function> {
        let site = self.site();
        let outer = std::mem::take(&mut self.vars);
        let body = self.deeper(read)?;
        let vars = std::mem::replace(&mut self.vars, outer);
        let Kinds { arrow, asynchronous, generator } = kinds;
        Ok(Function { name: None, parameters, body, arrow, asynchronous, generator, vars, site })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect("(")?;
        self.whole(|parser| {
            let mut parameters = Vec::new();
            while !parser.take(")") {
                let rest = parser.take("...");
                let pattern = parser.pattern()?;
                parser.take("?");
                parser.annotation()?;
                let default = if parser.take("=") { Some(parser.assignment()?) } else { None };
                parameters.push(Parameter { pattern, default, rest });
                if !parser.is(")") {
                    parser.expect(",")?;
                }
            }
            Ok(parameters)
        })
    }

    /// An arrow function, if one comes.
    pub(super) fn arrow(&mut self) -> Parsed<Option<Expr>> {
        let start = self.at;
        let asynchronous = self.is_word("async") && !self.newline_ahead(1);
        if asynchronous && matches!(self.ahead(1), Kind::Name(_) | Kind::Escaped(_) | Kind::Punct("(" | "<")) {
            self.step();
            if let Some(function) = self.arrow_here(true)? {
                return Ok(Some(function));
            }
            self.at = start;
        }
        self.arrow_here(false)
    }

    fn arrow_here(&mut self, asynchronous: bool) -> Parsed<Option<Expr>> {
        let start = self.at;
        let parameters = match self.kind() {
            Kind::Name(_) | Kind::Escaped(_) if matches!(self.ahead(1), Kind::Punct("=>")) => {
                let site = self.site();
                let pattern = Pattern::Name(self.name()?, site);
                vec![Parameter { pattern, default: None, rest: false }]
            }
            Kind::Punct("<") => {
                if self.skip_type_parameters().is_err() || !self.begins_arrow() {
                    (self.at, self.angles) = (start, 0);
                    return Ok(None);
                }
                self.arrow_parameters()?
            }
            Kind::Punct("(") if self.begins_arrow() => self.arrow_parameters()?,
            _ => return Ok(None),
        };
        self.expect("=>")?;
        let kinds = Kinds { arrow: true, asynchronous, generator: false };
        let function = self.body_of(kinds, parameters, |parser| {
            if parser.is("{") {
                return parser.block_body();
            }
            Ok(Body::Expr(Box::new(parser.assignment()?)))
        })?;
        Ok(Some(Expr::Function(Box::new(function))))
    }

    fn arrow_parameters(&mut self) -> Parsed<Vec<Parameter>> {
        let parameters = self.parameters()?;
        self.annotation()?;
        Ok(parameters)
    }

    /// Whether the bracket that comes holds parameters of an arrow function.
    fn begins_arrow(&mut self) -> bool {
        if !self.is("(") {
            return false;
        }
        let start = self.at;
        self.at = self.after_bracket();
        let found =
            if self.is(":") && !self.no_type { self.annotation().is_ok() && self.is("=>") } else { self.is("=>") };
        (self.at, self.angles) = (start, 0);
        found
    }

    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        self.deeper(|parser| match parser.kind() {
            Kind::Punct("{") => parser.whole(Self::object_pattern),
            Kind::Punct("[") => parser.whole(Self::array_pattern),
            _ => {
                let site = parser.site();
                Ok(Pattern::Name(parser.name()?, site))
            }
        })
    }

    fn default(&mut self) -> Parsed<Option<Expr>> {
        if self.take("=") { Ok(Some(self.assignment()?)) } else { Ok(None) }
    }

    fn object_pattern(&mut self) -> Parsed<Pattern> {
        self.expect("{")?;
        let (mut entries, mut rest) = (Vec::new(), None);
        while !self.take("}") {
            if self.take("...") {
                rest = Some(Box::new(self.pattern()?));
            } else {
                let (start, site) = (self.at, self.site());
                let key = self.key()?;
                let pattern = if self.take(":") {
                    self.pattern()?
                } else {
                    let after = self.at;
                    self.at = start;
                    let name = self.name()?;
                    if self.at != after {
                        return Err(Reason::Syntax);
                    }
                    Pattern::Name(name, site)
                };
                let default = self.default()?;
                entries.push((key, pattern, default));
            }
            if !self.is("}") {
                self.expect(",")?;
            }
        }
        Ok(Pattern::Object(entries, rest))
    }

    fn array_pattern(&mut self) -> Parsed<Pattern> {
        self.expect("[")?;
        let (mut entries, mut rest) = (Vec::new(), None);
        while !self.take("]") {
            if self.take(",") {
                entries.push(None);
                continue;
            }
            if self.take("...") {
                rest = Some(Box::new(self.pattern()?));
            } else {
                let pattern = self.pattern()?;
                let default = self.default()?;
                entries.push(Some((pattern, default)));
            }
            if !self.is("]") {
                self.expect(",")?;
            }
        }
        Ok(Pattern::Array(entries, rest))
    }

    /// `async`, `*`, `get`, `set` before the name of a method, unless they are that name.
    pub(super) fn method_head(&mut self) -> Head {
        let mut head = Head::default();
        let is_key = |kind: &Kind| {
            matches!(
                kind,
                Kind::Name(_)
                    | Kind::Escaped(_)
                    | Kind::Private(_)
                    | Kind::Text(_)
                    | Kind::Number(_)
                    | Kind::Punct("[" | "*")
            )
        };
        if is_key(self.ahead(1)) && !self.newline_ahead(1) {
            head.asynchronous = self.take_word("async");
            head.accessor = !head.asynchronous && (self.take_word("get") || self.take_word("set"));
        }
        head.generator = self.take("*");
        head
    }

    pub(super) fn method(&mut self, head: &Head) -> Parsed<Function> {
        self.rest_of_function(Kinds { arrow: false, asynchronous: head.asynchronous, generator: head.generator })
    }

    pub(super) fn class(&mut self) -> Parsed<Class> {
        let site = self.site();
        self.step();
        let named = !self.is("{") && !self.is_word("extends") && !self.is("<");
        let name_site = self.site();
        let name = if named { Some((self.name()?, name_site)) } else { None };
        self.skip_type_parameters()?;
        let parent = if self.take_word("extends") {
            let parent = self.deeper(Self::heritage)?;
            Some(parent)
        } else {
            None
        };
        self.expect("{")?;
        let members = self.whole(|parser| {
            let mut members = Vec::new();
            while !parser.take("}") {
                if !parser.take(";") {
                    members.push(parser.deeper(Self::class_member)?);
                }
            }
            Ok(members)
        })?;
        Ok(Class { name, parent, members, site })
    }

    fn heritage(&mut self) -> Parsed<Expr> {
        let name = self.name()?;
        Ok(Expr::Name(name))
    }

    fn class_member(&mut self) -> Parsed<Member> {
        let is_member = !matches!(self.ahead(1), Kind::Punct("(" | "=" | ";" | "}" | ":" | "?" | "!" | "<"));
        let mut is_static = false;
        if is_member {
            for word in ["private", "public", "protected"] {
                if self.take_word(word) {
                    break;
                }
            }
            is_static = !matches!(self.ahead(1), Kind::Punct("(" | "=")) && self.take_word("static");
            if !matches!(self.ahead(1), Kind::Punct("(" | "=" | ":" | ";")) {
                self.take_word("readonly");
            }
        }
        if is_static && self.is("{") {
            let function = self.body_of(Kinds::default(), Vec::new(), Self::block_body)?;
            let kind = MemberKind::Field(Some(Box::new(function)));
            return Ok(Member { key: Key::Name("".into()), is_static, kind });
        }
        let head = self.method_head();
        let key = self.key()?;
        let kind = if self.is("(") || self.is("<") {
            let method = Box::new(self.method(&head)?);
            if head.accessor { MemberKind::Accessor(method) } else { MemberKind::Method(method) }
        } else if head.accessor || head.is_marked() {
            return Err(Reason::Syntax);
        } else {
            let _ = self.take("?") || self.take("!");
            self.annotation()?;
            let mut value = None;
            if self.take("=") {
                value =
                    Some(Box::new(self.body_of(Kinds::default(), Vec::new(), |parser| {
                        Ok(Body::Expr(Box::new(parser.assignment()?)))
                    })?));
            }
            self.semicolon()?;
            MemberKind::Field(value)
        };
        Ok(Member { key, is_static, kind })
    }
}
