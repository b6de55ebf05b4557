//! Tokens of JavaScript (ECMA-262 section 12), all at once and in linear time.
//!
//! Whether `/` divides or begins a regular expression is told from what stands before it. That can be wrong; the parser
//! then finds the one where only the other may stand, so that a mistake ends in [`Reason::Syntax`] and never hides code.

use std::rc::Rc;

use super::Reason;
use super::ast::Name;
use super::literal;
use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name or a keyword; one that was written with escapes is never a keyword.
    Name(Name),
    /// Such a name.
    Escaped(Name),
    Private(Name),
    Number(f64),
    BigInt,
    Text(Name),
    /// Text of a template up to `${`, or to its end.
    Template {
        text: Name,
        first: bool,
        last: bool,
    },
    Regex,
    Punct(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// A line ends before it.
    pub(super) newline: bool,
    /// Of an opening bracket: the place of the closing one.
    pub(super) closes: usize,
}

/// Longest first.
const PUNCTUATORS: [&str; 58] = [
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=", ">=", "&&",
    "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "{", "}", "(", ")",
    "[", "]", ";", ",", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "!", "~", "?", ":", "=", ".", "@",
];

/// Keywords after which an expression begins.
const BEFORE_EXPRESSION: [&str; 16] = [
    "return",
    "typeof",
    "instanceof",
    "in",
    "of",
    "new",
    "delete",
    "void",
    "throw",
    "case",
    "do",
    "else",
    "await",
    "yield",
    "default",
    "extends",
];

/// An open bracket.
struct Open {
    at: usize,
    /// Of a brace: it is the `${` of a template.
    template: bool,
    /// After its closing bracket an expression may begin.
    then_expression: bool,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    open: Vec<Open>,
    newline: bool,
    /// An expression may begin here.
    expression: bool,
}

/// The tokens of a text, with [`Kind::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Reason> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), open: Vec::new(), newline: false, expression: true };
    while lexer.skip_blank()? {
        lexer.token()?;
        if lexer.tokens.len() > limits::CODE_TOKENS {
            return Err(Reason::TooLong);
        }
    }
    if !lexer.open.is_empty() {
        return Err(Reason::Syntax);
    }
    lexer.push(Kind::End);
    Ok(lexer.tokens)
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, newline: self.newline, closes: 0 });
        self.newline = false;
    }

    /// Passes blanks and comments; false at the end.
    fn skip_blank(&mut self) -> Result<bool, Reason> {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return Ok(false) };
            if is_line_end(first) {
                self.newline = true;
                self.skip(first.len_utf8());
            } else if first.is_whitespace() || first == '\u{feff}' {
                self.skip(first.len_utf8());
            } else if rest.starts_with("//") {
                let end = rest.find(is_line_end).unwrap_or(rest.len());
                self.skip(end);
            } else if rest.starts_with("/*") {
                let end = rest.get(2..).and_then(|body| body.find("*/")).ok_or(Reason::Syntax)?;
                let newline = rest.get(..end.saturating_add(2)).is_some_and(|text| text.contains(is_line_end));
                self.newline |= newline;
                self.skip(end.saturating_add(4));
            } else {
                return Ok(true);
            }
        }
    }

    fn token(&mut self) -> Result<(), Reason> {
        let Some(first) = self.peek() else { return Ok(()) };
        let second = self.rest().chars().nth(1);
        match first {
            '"' | '\'' => {
                let (text, length) = literal::text(self.rest())?;
                self.skip(length);
                self.operand(Kind::Text(text.into()));
            }
            '`' => {
                self.skip(1);
                self.template(true)?;
            }
            '0'..='9' => self.number()?,
            '.' if second.is_some_and(|digit| digit.is_ascii_digit()) => self.number()?,
            '#' => {
                self.skip(1);
                let (name, _) = self.name()?;
                self.operand(Kind::Private(["#", &*name].concat().into()));
            }
            '\\' => self.word()?,
            _ if is_name_start(first) => self.word()?,
            '/' if self.expression => {
                let length = literal::regex(self.rest())?;
                self.skip(length);
                self.operand(Kind::Regex);
            }
            _ => self.punctuator()?,
        }
        Ok(())
    }

    /// What is followed by an operator.
    fn operand(&mut self, kind: Kind) {
        self.push(kind);
        self.expression = false;
    }

    fn number(&mut self) -> Result<(), Reason> {
        let (value, length) = literal::number(self.rest())?;
        self.skip(length);
        if self.peek().is_some_and(|next| is_name_start(next) || next.is_ascii_digit() || next == '\\') {
            return Err(Reason::Syntax);
        }
        self.operand(value.map_or(Kind::BigInt, Kind::Number));
        Ok(())
    }

    fn name(&mut self) -> Result<(Name, bool), Reason> {
        let (name, length, escaped) = literal::name(self.rest())?;
        let name = Rc::from(name);
        self.skip(length);
        Ok((name, escaped))
    }

    fn word(&mut self) -> Result<(), Reason> {
        let (name, escaped) = self.name()?;
        let member = matches!(self.tokens.last(), Some(Token { kind: Kind::Punct("." | "?."), .. }));
        self.expression = !escaped && !member && BEFORE_EXPRESSION.contains(&&*name);
        self.push(if escaped { Kind::Escaped(name) } else { Kind::Name(name) });
        Ok(())
    }

    /// Text of a template, from behind its back-tick or its `}`.
    fn template(&mut self, first: bool) -> Result<(), Reason> {
        let (text, length, last) = literal::template(self.rest())?;
        self.skip(length);
        self.push(Kind::Template { text: text.into(), first, last });
        self.expression = !last;
        if !last {
            let at = self.tokens.len().saturating_sub(1);
            self.open.push(Open { at, template: true, then_expression: false });
        }
        Ok(())
    }

    fn punctuator(&mut self) -> Result<(), Reason> {
        let rest = self.rest();
        let punct = PUNCTUATORS.into_iter().find(|punct| rest.starts_with(punct)).ok_or(Reason::Syntax)?;
        // `a?.5:b`
        let digit = rest.as_bytes().get(2).is_some_and(u8::is_ascii_digit);
        let punct = if punct == "?." && digit { "?" } else { punct };
        self.skip(punct.len());
        match punct {
            "(" | "[" | "{" => {
                let then_expression = match punct {
                    "(" => self.begins_condition(),
                    "{" => self.begins_block(),
                    _ => false,
                };
                self.open.push(Open { at: self.tokens.len(), template: false, then_expression });
                self.push(Kind::Punct(punct));
                self.expression = true;
            }
            ")" | "]" | "}" => return self.close(punct),
            "++" | "--" => self.push(Kind::Punct(punct)),
            _ => {
                self.push(Kind::Punct(punct));
                self.expression = true;
            }
        }
        Ok(())
    }

    fn close(&mut self, punct: &'static str) -> Result<(), Reason> {
        let open = self.open.pop().ok_or(Reason::Syntax)?;
        if open.template {
            return if punct == "}" { self.template(false) } else { Err(Reason::Syntax) };
        }
        let at = self.tokens.len();
        let opened = self.tokens.get_mut(open.at).ok_or(Reason::Syntax)?;
        let pair = matches!(
            (&opened.kind, punct),
            (Kind::Punct("("), ")") | (Kind::Punct("["), "]") | (Kind::Punct("{"), "}")
        );
        if !pair {
            return Err(Reason::Syntax);
        }
        opened.closes = at;
        self.push(Kind::Punct(punct));
        self.expression = open.then_expression;
        Ok(())
    }

    /// Whether the bracket that comes holds what `if` or a loop asks.
    fn begins_condition(&self) -> bool {
        let word = |token: &Token| matches!(&token.kind, Kind::Name(name) if matches!(&**name, "if" | "while" | "for"));
        self.tokens.last().is_some_and(word)
    }

    /// Whether the brace that comes begins statements.
    fn begins_block(&self) -> bool {
        match self.tokens.last().map(|token| &token.kind) {
            None => true,
            Some(Kind::Punct(punct)) => matches!(*punct, ")" | ";" | "{" | "}" | "=>"),
            Some(Kind::Name(name)) => matches!(&**name, "else" | "do" | "try" | "finally" | "catch"),
            _ => false,
        }
    }
}

pub(super) const fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

pub(super) fn is_name_part(character: char) -> bool {
    is_name_start(character) || character.is_numeric() || matches!(character, '\u{200c}' | '\u{200d}')
}
