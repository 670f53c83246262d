//! From tokens to statements. A statement that cannot be read is reported and left out, and reading goes on.

use std::collections::HashSet;

use super::ast::{Expr, Owners, Param, Program, Right, Statement, StatementKind, Word};
use super::lexer::{Lexed, Tok, Token};
use crate::builder::RESERVED;
use crate::diag::{Diagnostic, Span};
use crate::place::GroupSize;

/// Proof that what went wrong has been reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

/// What could be read, or nothing if that has been reported.
pub(super) type Parsed<T> = Result<T, Reported>;

/// Reads a program's tokens.
pub(super) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    errors: Vec<Diagnostic>,
    bad_lines: HashSet<u32>,
    limit: usize,
    /// Open brackets and prefixes of the expression being read.
    pub(super) depth: u32,
}

impl<'a> Parser<'a> {
    pub(super) fn new(lexed: Lexed<'a>, limit: usize) -> Parser<'a> {
        Parser { tokens: lexed.tokens, at: 0, errors: lexed.errors, bad_lines: lexed.bad_lines, limit, depth: 0 }
    }

    /// The program as far as it can be read, and all errors.
    pub(super) fn program(mut self) -> (Program, Vec<Diagnostic>) {
        let has_header = self.peek().is("computation");
        let name = self.header();
        let mut body = Vec::new();
        // Statements beside the header are reported, and read all the same.
        let mut level = 0u32;
        loop {
            match self.peek().tok {
                Tok::End => break,
                Tok::Indent => level += 1,
                Tok::Dedent => level = level.saturating_sub(1),
                Tok::Newline => {}
                _ => {
                    if level == 0 && has_header {
                        let _ = self.error_here("this stands outside of the computation", "indent it");
                    }
                    let statement = self.statement();
                    body.push(statement);
                    continue;
                }
            }
            self.at += 1;
        }
        (Program { name, body }, self.errors)
    }

    fn header(&mut self) -> Word {
        let nameless = Word { text: "nameless".to_owned(), span: self.peek().span() };
        if !self.eat("computation") {
            let _ = self.error_here("a program starts with `computation` and its name", "");
            return nameless;
        }
        let name = self.name("the computation's name").and_then(|name| {
            self.line_end()?;
            Ok(name)
        });
        name.unwrap_or_else(|Reported| {
            self.skip_line();
            nameless
        })
    }

    // Tokens.

    pub(super) fn peek(&self) -> Token<'a> {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn peek_second(&self) -> Token<'a> {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.peek().is(text);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Parsed<Span> {
        let token = self.peek();
        if self.eat(text) { Ok(token.span()) } else { Err(self.expected(&format!("`{text}`"))) }
    }

    /// Records an error; a second one on a line that cannot be read says nothing new.
    pub(super) fn error(&mut self, diagnostic: Diagnostic) -> Reported {
        if !self.bad_lines.contains(&diagnostic.span.line) && self.errors.len() < self.limit {
            self.errors.push(diagnostic);
        }
        Reported
    }

    pub(super) fn error_here(&mut self, message: impl Into<String>, help: &str) -> Reported {
        let d = Diagnostic::new("syntax", self.peek().span(), message);
        self.error(if help.is_empty() { d } else { d.help(help) })
    }

    /// Reports that something else should stand here.
    pub(super) fn expected(&mut self, what: &str) -> Reported {
        let found = self.peek();
        let found = match found.tok {
            Tok::Newline | Tok::End => "the end of the line".to_owned(),
            Tok::Indent | Tok::Dedent => "another indentation".to_owned(),
            Tok::Str => "a string".to_owned(),
            _ => format!("`{}`", found.text),
        };
        self.error_here(format!("expected {what}, found {found}"), "")
    }

    /// A name that the program chooses or refers to.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Word> {
        let token = self.peek();
        if token.tok != Tok::Name {
            return Err(self.expected(what));
        }
        if RESERVED.contains(&token.text) {
            let message = format!("expected {what}, found `{}`, which is a word of the language", token.text);
            return Err(self.error_here(message, ""));
        }
        self.at += 1;
        Ok(Word { text: token.text.to_owned(), span: token.span() })
    }

    fn names(&mut self, what: &str) -> Parsed<Vec<Word>> {
        self.list(|p| p.name(what))
    }

    /// One or more, with commas between them.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn string(&mut self, what: &str) -> Parsed<Word> {
        let token = self.peek();
        if token.tok != Tok::Str {
            return Err(self.expected(what));
        }
        self.at += 1;
        Ok(Word { text: token.text.to_owned(), span: token.span() })
    }

    fn line_end(&mut self) -> Parsed<()> {
        match self.peek().tok {
            Tok::Newline => {
                self.at += 1;
                Ok(())
            }
            Tok::End => Ok(()),
            _ => Err(self.expected("the end of the line")),
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.peek().tok, Tok::Newline | Tok::End) {
            self.at += 1;
        }
        self.at += usize::from(self.peek().tok == Tok::Newline);
    }

    // Statements.

    fn statement(&mut self) -> Statement {
        let start = self.at;
        let span = self.peek().span();
        self.depth = 0;
        // A line that could be read only in part is not judged further.
        let broken = self.bad_lines.contains(&span.line);
        match self.statement_kind() {
            Ok(kind) if !broken => Statement { span, kind },
            Ok(_) => self.failed(start, span, Vec::new()),
            Err(Reported) => {
                // The error may be behind the block's opening, but never behind the line's end.
                self.skip_line();
                let body = if self.peek().tok == Tok::Indent { self.block_body() } else { Vec::new() };
                self.failed(start, span, body)
            }
        }
    }

    /// A statement that is left out, from token `start` on.
    fn failed(&self, start: usize, span: Span, body: Vec<Statement>) -> Statement {
        let line = self.tokens[start..self.at].iter().take_while(|t| t.tok != Tok::Newline);
        let words = line.filter(|t| t.tok == Tok::Name).map(|t| t.text.to_owned()).collect();
        Statement { span, kind: StatementKind::Failed { words, body } }
    }

    /// The end of a line, and the block below it.
    fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.line_end()?;
        if self.peek().tok != Tok::Indent {
            let _ = self.error_here("an indented block should follow the line above", "");
            return Ok(Vec::new());
        }
        Ok(self.block_body())
    }

    fn block_body(&mut self) -> Vec<Statement> {
        let mut body = Vec::new();
        self.at += 1;
        loop {
            match self.peek().tok {
                Tok::Dedent => {
                    self.at += 1;
                    return body;
                }
                Tok::End => return body,
                Tok::Newline => self.at += 1,
                Tok::Indent => {
                    let _ = self.error_here("this line is indented deeper than the block it stands in", "");
                    let inner = self.block_body();
                    body.extend(inner);
                }
                _ => {
                    let statement = self.statement();
                    body.push(statement);
                }
            }
        }
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        let token = self.peek();
        let keyword = if token.tok == Tok::Name { token.text } else { "" };
        let kind = match keyword {
            "player" => {
                self.at += 1;
                StatementKind::Players(self.names("a player's name")?)
            }
            "group" => self.group()?,
            "placement" => self.placement()?,
            "dim" => self.dim()?,
            "input" => self.input()?,
            "load" => self.load()?,
            "save" => self.save()?,
            "function" => return self.function(),
            "on" => return self.on(),
            "output" => self.output()?,
            "next" | "return" => {
                self.at += 1;
                let values = self.list(Parser::expr)?;
                if keyword == "next" { StatementKind::Next(values) } else { StatementKind::Return(values) }
            }
            "release" => {
                let value = self.release()?;
                StatementKind::Let { names: Vec::new(), value }
            }
            "computation" => return Err(self.error_here("a program is one computation", "")),
            _ => return self.assignment(),
        };
        self.line_end()?;
        Ok(kind)
    }

    fn group(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("the group's name")?;
        for word in ["of", "at", "least"] {
            self.expect(word)?;
        }
        let span = self.peek().span();
        let least = self.whole_number("the least number of members")?;
        let most = match self.peek().is("at") {
            true => {
                self.expect("at")?;
                self.expect("most")?;
                Some(self.whole_number("the greatest number of members")?)
            }
            false => None,
        };
        let wrong = || {
            Diagnostic::new(
                "group.size",
                span,
                "a group has at least 1 member, no fewer at most than at least, and fewer than 2^32",
            )
        };
        let count = |n: i64| u32::try_from(n).ok().filter(|n| *n > 0);
        match (count(least), most.map(count)) {
            (Some(least), None) => Ok(StatementKind::Group { name, size: GroupSize { least, most: None } }),
            (Some(least), Some(Some(most))) if least <= most => {
                Ok(StatementKind::Group { name, size: GroupSize { least, most: Some(most) } })
            }
            _ => Err(self.error(wrong())),
        }
    }

    fn placement(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("the placement's name")?;
        self.expect("=")?;
        let scheme = self.name("a scheme, such as `replicated`")?;
        self.expect("(")?;
        let players = self.names("a player")?;
        let option = if self.eat(";") { Some(self.name("an option, such as `malicious`")?) } else { None };
        self.expect(")")?;
        Ok(StatementKind::Placement { name, scheme, players, option })
    }

    fn dim(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("a dimension")?;
        self.expect("by")?;
        let key = self.name("the key column")?;
        Ok(StatementKind::Dim { name, key })
    }

    fn input(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("the input's name")?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.expect("at")?;
        let at = self.name("the player that has it")?;
        let owners = self.whose()?;
        let range = if self.eat("range") { Some(self.range()?) } else { None };
        Ok(StatementKind::Input { name, ty, at, owners, range })
    }

    /// `load w : f64[3] at committee owner clinic range -9..9 from "model"`.
    fn load(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("a name for what is loaded")?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.expect("at")?;
        let at = self.name("the player or placement that has it")?;
        let owners = self.whose()?;
        let range = if self.eat("range") { Some(self.range()?) } else { None };
        let stored = if self.eat("from") { Some(self.string("the name in the stores, in quotes")?) } else { None };
        Ok(StatementKind::Load { name, ty, at, owners, range, stored })
    }

    /// `save w as "model"`.
    fn save(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let value = self.expr()?;
        self.expect("as")?;
        let name = self.string("a name in the stores, in quotes")?;
        Ok(StatementKind::Save { value, name })
    }

    fn whose(&mut self) -> Parsed<Owners> {
        Ok(if self.eat("public") {
            Owners::Public
        } else if self.peek().is("owner") {
            Owners::Owned(self.owners()?)
        } else {
            Owners::Unsaid
        })
    }

    /// `0..100`.
    fn range(&mut self) -> Parsed<(f64, f64)> {
        let low = self.signed_real()?;
        self.expect("..")?;
        Ok((low, self.signed_real()?))
    }

    /// `owner alice readers bob, carol owner dave`.
    fn owners(&mut self) -> Parsed<Vec<(Word, Vec<Word>)>> {
        let mut owners = Vec::new();
        while self.eat("owner") {
            let owner = self.name("the owner")?;
            let readers = if self.eat("readers") { self.names("a reader")? } else { Vec::new() };
            owners.push((owner, readers));
        }
        if owners.is_empty() { Err(self.expected("`owner`")) } else { Ok(owners) }
    }

    fn function(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let name = self.name("the function's name")?;
        self.expect("(")?;
        let params = if self.peek().is(")") {
            Vec::new()
        } else {
            self.list(|p| {
                let name = p.name("a parameter's name")?;
                p.expect(":")?;
                let ty = p.ty()?;
                p.expect("at")?;
                let at = p.name("a placement")?;
                Ok(Param { name, ty, at })
            })?
        };
        self.expect(")")?;
        let body = self.block()?;
        Ok(StatementKind::Function { name, params, body })
    }

    fn on(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let place = self.name("a player or placement")?;
        let dtype = if self.eat("as") { Some(self.dtype()?) } else { None };
        let body = self.block()?;
        Ok(StatementKind::On { place, dtype, body })
    }

    fn output(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let value = self.expr()?;
        self.expect("to")?;
        let to = self.names("a player")?;
        self.expect("as")?;
        let name = self.string("the output's name, in quotes")?;
        Ok(StatementKind::Output { value, to, name })
    }

    fn release(&mut self) -> Parsed<Right> {
        self.at += 1;
        let value = self.expr()?;
        self.expect("to")?;
        let to = self.names("a player")?;
        let name = if self.eat("as") { Some(self.string("the output's name, in quotes")?) } else { None };
        Ok(Right::Release { value, to, name })
    }

    /// `a, b = …`.
    fn assignment(&mut self) -> Parsed<StatementKind> {
        let is_assignment = self.peek().tok == Tok::Name && (self.peek_second().is("=") || self.peek_second().is(","));
        if !is_assignment {
            return Err(self.no_assignment());
        }
        let names = self.names("a name")?;
        self.expect("=")?;
        let value = match self.peek().text {
            _ if self.peek().tok != Tok::Name => Right::Expr(self.expr()?),
            "repeat" => return Ok(StatementKind::Let { names, value: self.repeat()? }),
            "fold" => return Ok(StatementKind::Let { names, value: self.fold()? }),
            "move" => self.move_to()?,
            "classify" => {
                self.at += 1;
                let value = self.expr()?;
                Right::Classify { value, owners: self.owners()? }
            }
            "release" => self.release()?,
            "call" => self.call()?,
            _ => Right::Expr(self.expr()?),
        };
        self.line_end()?;
        Ok(StatementKind::Let { names, value })
    }

    /// Says why a line is no statement.
    fn no_assignment(&mut self) -> Reported {
        let token = self.peek();
        if matches!(token.text, "repeat" | "fold" | "call" | "move" | "classify") && token.tok == Tok::Name {
            let message = format!("what `{}` makes needs a name", token.text);
            return self.error_here(message, &format!("write `y = {} …`", token.text));
        }
        if token.tok == Tok::Name && RESERVED.contains(&token.text) {
            return self.error_here(format!("no statement starts with `{}`", token.text), "");
        }
        let start = self.at;
        if self.expr().is_ok() && matches!(self.peek().tok, Tok::Newline | Tok::End) {
            self.at = start;
            return self.error_here("this value is used nowhere", "give it a name: `y = …`");
        }
        self.at = start;
        let words = [
            "player",
            "placement",
            "input",
            "load",
            "save",
            "release",
            "output",
            "function",
            "return",
            "next",
            "group",
        ];
        let near = super::names::nearest(token.text, words.iter().copied());
        let help = near.map(|w| format!("did you mean `{w}`?")).unwrap_or_default();
        self.error_here("this is no statement", &help)
    }

    fn move_to(&mut self) -> Parsed<Right> {
        self.at += 1;
        let value = self.expr()?;
        self.expect("to")?;
        let to = self.name("a player or placement")?;
        let dtype = if self.eat("as") { Some(self.dtype()?) } else { None };
        Ok(Right::Move { value, to, dtype })
    }

    fn call(&mut self) -> Parsed<Right> {
        self.at += 1;
        let function = self.name("a function")?;
        self.expect("(")?;
        let args = if self.peek().is(")") { Vec::new() } else { self.list(Parser::expr)? };
        self.expect(")")?;
        Ok(Right::Call { function, args })
    }

    fn repeat(&mut self) -> Parsed<Right> {
        self.at += 1;
        let times = self.whole_number("the number of iterations")?;
        let every = self.checkpoint()?;
        let with = self.carried()?;
        let body = self.block()?;
        Ok(Right::Repeat { times, every, with, body })
    }

    fn fold(&mut self) -> Parsed<Right> {
        self.at += 1;
        let batches = self.names("a name for the batch")?;
        self.expect("of")?;
        let of = self.list(Parser::expr)?;
        self.expect("by")?;
        let by = self.whole_number("the number of rows in a batch")?;
        let drop = self.eat("drop");
        let every = self.checkpoint()?;
        let with = self.carried()?;
        let body = self.block()?;
        Ok(Right::Fold { batches, of, by, drop, every, with, body })
    }

    /// `checkpoint 10`, if it stands here.
    fn checkpoint(&mut self) -> Parsed<Option<i64>> {
        Ok(match self.eat("checkpoint") {
            true => Some(self.whole_number("the iterations between two checkpoints")?),
            false => None,
        })
    }

    /// `with a = start, b = other`.
    fn carried(&mut self) -> Parsed<Vec<(Word, Expr)>> {
        self.expect("with")?;
        self.list(|p| {
            let name = p.name("a name for a carried value")?;
            p.expect("=")?;
            Ok((name, p.expr()?))
        })
    }
}
