//! TypeScript's types, which are passed over. They stand where plain JavaScript would be wrong, with one exception, the
//! type arguments of a call: there only what does nothing as an expression counts as a type.

use super::{Parsed, Parser};
use crate::code::Reason;
use crate::code::lex::Kind;

impl Parser<'_> {
    /// `: T`, if it comes.
    pub(super) fn annotation(&mut self) -> Parsed<()> {
        if self.take(":") { self.kind_of_value(false) } else { Ok(()) }
    }

    /// `as T`, `satisfies T` and `as const` behind an operand, on its line.
    pub(super) fn skip_cast(&mut self) -> Parsed<()> {
        while !self.newline() && (self.is_word("as") || self.is_word("satisfies")) {
            self.step();
            if !self.take_word("const") {
                self.kind_of_value(false)?;
            }
        }
        Ok(())
    }

    /// Whether a `!` comes that only says that a value is there.
    pub(super) fn is_assertion(&self) -> bool {
        !self.newline() && matches!(self.ahead(1), Kind::Punct("." | ")" | "]" | "[" | "," | ";" | "}" | "?." | "("))
    }

    /// `<T>` before the bracket of a call, if it comes; else nothing is passed over.
    pub(super) fn skip_type_arguments(&mut self) -> bool {
        let start = self.at;
        let found = self.type_arguments(true).is_ok() && self.is("(");
        if !found {
            self.at = start;
            self.angles = 0;
        }
        found
    }

    fn is_angle(&self) -> bool {
        matches!(self.kind(), Kind::Punct(">" | ">>" | ">>>"))
    }

    /// One `>`, of a `>>` too.
    fn take_angle(&mut self) -> bool {
        let Kind::Punct(punct @ (">" | ">>" | ">>>")) = self.kind() else { return false };
        self.angles = self.angles.saturating_add(1);
        if self.angles >= punct.len() {
            self.angles = 0;
            self.step();
        }
        true
    }

    /// `<T extends U = V>` of a declaration, if it comes.
    pub(super) fn skip_type_parameters(&mut self) -> Parsed<()> {
        if !self.take("<") {
            return Ok(());
        }
        while !self.take_angle() {
            self.name()?;
            if self.take_word("extends") {
                self.kind_of_value(false)?;
            }
            if self.take("=") {
                self.kind_of_value(false)?;
            }
            if !self.is_angle() {
                self.expect(",")?;
            }
        }
        Ok(())
    }

    /// `type T = …`, `interface T {…}` and `declare …`; false if the word is a name here.
    pub(super) fn skip_type_declaration(&mut self) -> Parsed<bool> {
        if self.newline_ahead(1) || !matches!(self.ahead(1), Kind::Name(_)) {
            return Ok(false);
        }
        let start = self.at;
        if self.take_word("declare") {
            let word = self.is_word("const") || self.is_word("let") || self.is_word("var");
            if !word {
                return Err(Reason::Syntax);
            }
            self.step();
            self.name()?;
            self.annotation()?;
            self.semicolon()?;
            return Ok(true);
        }
        let interface = self.is_word("interface");
        self.step();
        if self.is_word("in") || self.is_word("instanceof") {
            self.at = start;
            return Ok(false);
        }
        self.name()?;
        self.skip_type_parameters()?;
        if interface {
            while self.take_word("extends") || self.take(",") {
                self.kind_of_value(false)?;
            }
            self.members(false)?;
        } else {
            self.expect("=")?;
            self.kind_of_value(false)?;
            self.semicolon()?;
        }
        Ok(true)
    }

    /// A type; a `plain` one has nothing that does something as an expression.
    fn kind_of_value(&mut self, plain: bool) -> Parsed<()> {
        self.deeper(|parser| {
            let _ = parser.take("|") || parser.take("&");
            loop {
                parser.part(plain)?;
                if !parser.take("|") && !parser.take("&") {
                    return Ok(());
                }
            }
        })
    }

    fn part(&mut self, plain: bool) -> Parsed<()> {
        match self.kind() {
            Kind::Name(word) if !plain && matches!(&**word, "keyof" | "readonly" | "typeof" | "unique") => {
                self.step();
                return self.deeper(|parser| parser.part(plain));
            }
            Kind::Name(word) if matches!(&**word, "import" | "infer" | "asserts" | "new" | "await" | "function") => {
                return Err(Reason::Syntax);
            }
            Kind::Name(_) => self.named(plain)?,
            Kind::Text(_) | Kind::Number(_) => self.step(),
            Kind::Punct("{") => self.members(plain)?,
            Kind::Punct("[") => {
                self.step();
                while !self.take("]") {
                    self.kind_of_value(plain)?;
                    if !self.is("]") {
                        self.expect(",")?;
                    }
                }
            }
            Kind::Punct("(") if !plain => {
                self.at = self.after_bracket();
                if self.take("=>") {
                    return self.kind_of_value(plain);
                }
            }
            _ => return Err(Reason::Syntax),
        }
        while self.is("[") && !self.newline() {
            self.step();
            if !self.is("]") {
                self.kind_of_value(plain)?;
            }
            self.expect("]")?;
        }
        Ok(())
    }

    fn named(&mut self, plain: bool) -> Parsed<()> {
        self.step();
        while self.take(".") {
            if !matches!(self.kind(), Kind::Name(_)) {
                return Err(Reason::Syntax);
            }
            self.step();
        }
        if self.is("<") {
            self.type_arguments(plain)?;
        }
        // `x is T`
        if !plain && !self.newline() && self.take_word("is") {
            self.kind_of_value(plain)?;
        }
        Ok(())
    }

    fn type_arguments(&mut self, plain: bool) -> Parsed<()> {
        self.expect("<")?;
        loop {
            self.kind_of_value(plain)?;
            if self.take_angle() {
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    /// `{ a: T; b?: U }`
    fn members(&mut self, plain: bool) -> Parsed<()> {
        self.expect("{")?;
        while !self.take("}") {
            if !plain && matches!(self.ahead(1), Kind::Name(_) | Kind::Punct("[")) {
                self.take_word("readonly");
            }
            match self.kind() {
                Kind::Name(_) | Kind::Text(_) | Kind::Number(_) => self.step(),
                Kind::Punct("[") if !plain => self.at = self.after_bracket(),
                _ => return Err(Reason::Syntax),
            }
            self.take("?");
            if !plain && self.is("(") {
                self.at = self.after_bracket();
            }
            if self.take(":") {
                self.kind_of_value(plain)?;
            }
            if !self.take(";") && !self.take(",") && !self.is("}") && !self.newline() {
                return Err(Reason::Syntax);
            }
        }
        Ok(())
    }
}
