//! From characters to tokens: words, numbers, strings, punctuation, and the blocks that indentation makes.

use std::collections::HashSet;

use super::visible::is_invisible;
use crate::diag::{Diagnostic, Span};

/// The longest name or number that is read.
const MAX_WORD: usize = 256;

/// The deepest indentation that is read, in blocks.
const MAX_BLOCKS: usize = 32;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tok {
    Name,
    Number,
    Str,
    Punct,
    Newline,
    Indent,
    Dedent,
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) tok: Tok,
    /// The text; a string's is without its quotes.
    pub(super) text: &'a str,
    line: u32,
    column: u32,
    length: u32,
}

impl Token<'_> {
    pub(super) fn span(&self) -> Span {
        Span::text(self.line, self.column, self.length)
    }

    /// Whether it is this word or punctuation.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.tok, Tok::Name | Tok::Punct) && self.text == text
    }
}

/// The tokens of a source, with what could not be read.
pub(super) struct Lexed<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) errors: Vec<Diagnostic>,
    /// Lines on which an error is reported already.
    pub(super) bad_lines: HashSet<u32>,
}

struct Lexer<'a> {
    out: Lexed<'a>,
    /// Widths of the open blocks.
    blocks: Vec<usize>,
    /// Brackets that are open: text and place.
    open: Vec<(char, Span)>,
    /// Indentation of the line on which the outermost open bracket stands.
    statement_indent: usize,
    /// Errors are no longer recorded once there are so many.
    limit: usize,
}

/// Reads all tokens of a source.
pub(super) fn lex(source: &str, limit: usize) -> Lexed<'_> {
    let out = Lexed { tokens: Vec::new(), errors: Vec::new(), bad_lines: HashSet::new() };
    let mut lexer = Lexer { out, blocks: vec![0], open: Vec::new(), statement_indent: 0, limit };
    let mut last = 0;
    for (i, line) in source.lines().enumerate() {
        last = i as u32 + 1;
        lexer.line(line, last);
    }
    lexer.close_brackets();
    if lexer.out.tokens.last().is_some_and(|t| t.tok != Tok::Newline) {
        lexer.push(Tok::Newline, "", last, 0, 0);
    }
    while lexer.blocks.len() > 1 {
        lexer.blocks.pop();
        lexer.push(Tok::Dedent, "", last, 0, 0);
    }
    lexer.push(Tok::End, "", last.max(1), 0, 0);
    lexer.out
}

impl<'a> Lexer<'a> {
    fn push(&mut self, tok: Tok, text: &'a str, line: u32, column: usize, length: usize) {
        self.out.tokens.push(Token { tok, text, line, column: column as u32, length: length as u32 });
    }

    fn error(&mut self, span: Span, message: impl Into<String>, help: Option<&str>) {
        self.out.bad_lines.insert(span.line);
        if self.out.errors.len() < self.limit {
            let d = Diagnostic::new("syntax", span, message);
            self.out.errors.push(match help {
                Some(help) => d.help(help),
                None => d,
            });
        }
    }

    fn line(&mut self, text: &'a str, number: u32) {
        let content = text.trim_start_matches([' ', '\t']);
        if content.trim_end().is_empty() || content.starts_with('#') {
            return;
        }
        let indent = text.len() - content.len();
        if let Some(at) = text[..indent].find('\t') {
            self.error(Span::text(number, at as u32 + 1, 1), "a tab in the indentation", Some("indent with spaces"));
        }
        // A line that continues an open bracket stands deeper than the statement, or closes the bracket;
        // otherwise the bracket was forgotten.
        let deepest = if content.starts_with([')', ']']) { self.statement_indent } else { self.statement_indent + 1 };
        if !self.open.is_empty() && indent < deepest {
            self.close_brackets();
        }
        if self.open.is_empty() {
            self.indentation(indent, number);
            self.statement_indent = indent;
        }
        self.words(content, indent, number);
        if self.open.is_empty() {
            self.push(Tok::Newline, "", number, text.chars().count() + 1, 1);
        }
    }

    /// Reports brackets that are never closed, and ends their statement.
    fn close_brackets(&mut self) {
        let Some((bracket, span)) = self.open.first().cloned() else { return };
        let line = span.line;
        self.error(span, format!("`{bracket}` is never closed"), None);
        self.open.clear();
        self.push(Tok::Newline, "", line, 0, 0);
    }

    fn indentation(&mut self, indent: usize, line: u32) {
        let current = *self.blocks.last().unwrap_or(&0);
        if indent > current {
            if self.blocks.len() > MAX_BLOCKS {
                self.error(Span::text(line, 1, indent as u32), "blocks are nested too deeply", None);
                return;
            }
            self.blocks.push(indent);
            self.push(Tok::Indent, "", line, 1, indent);
        }
        while self.blocks.last().is_some_and(|b| *b > indent) {
            self.blocks.pop();
            self.push(Tok::Dedent, "", line, 1, indent.max(1));
        }
        if self.blocks.last().is_some_and(|b| *b < indent) {
            self.error(
                Span::text(line, 1, indent as u32),
                "this line is indented like no line before it",
                Some("indent a block two spaces deeper than the line that opens it"),
            );
            self.blocks.push(indent);
            self.push(Tok::Indent, "", line, 1, indent);
        }
    }

    fn words(&mut self, content: &'a str, indent: usize, line: u32) {
        let mut rest = content;
        let mut column = indent + 1;
        while let Some(c) = rest.chars().next() {
            if c == '#' {
                return;
            }
            let length = match c {
                ' ' | '\t' | '\r' => 1,
                '"' => self.string(rest, line, column),
                _ if c.is_ascii_alphabetic() || c == '_' => self.word(rest, line, column),
                _ if c.is_ascii_digit() => self.number(rest, line, column),
                _ => self.punctuation(rest, c, line, column),
            };
            column += rest[..length].chars().count();
            rest = &rest[length..];
        }
    }

    fn word(&mut self, rest: &'a str, line: u32, column: usize) -> usize {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.sized(Tok::Name, &rest[..length], line, column);
        length
    }

    /// A word or number, if it is not too long.
    fn sized(&mut self, tok: Tok, text: &'a str, line: u32, column: usize) {
        if text.len() > MAX_WORD {
            self.error(Span::text(line, column as u32, 1), "this word is too long", None);
            self.push(tok, &text[..1], line, column, 1);
        } else {
            self.push(tok, text, line, column, text.len());
        }
    }

    fn number(&mut self, rest: &'a str, line: u32, column: usize) -> usize {
        let bytes = rest.as_bytes();
        let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let after = digits(end + 1 + sign);
            if after > end + 1 + sign {
                end = after;
            }
        }
        let tail = bytes[end..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if tail > 0 {
            let span = Span::text(line, column as u32, (end + tail).min(MAX_WORD) as u32);
            self.error(span, "a number runs into letters", Some("names start with a letter or `_`"));
        }
        self.sized(Tok::Number, &rest[..end], line, column);
        end + tail
    }

    fn string(&mut self, rest: &'a str, line: u32, column: usize) -> usize {
        match rest[1..].find('"') {
            Some(length) => {
                let text = &rest[1..1 + length];
                if text.chars().any(is_invisible) {
                    self.error(Span::text(line, column as u32, 1), "an invisible character in a string", None);
                }
                self.push(Tok::Str, text, line, column, text.chars().count() + 2);
                length + 2
            }
            None => {
                self.error(Span::text(line, column as u32, 1), "this string has no end", Some("close it with `\"`"));
                rest.len()
            }
        }
    }

    fn punctuation(&mut self, rest: &'a str, c: char, line: u32, column: usize) -> usize {
        const LONG: &[&str] = &["==", "!=", "<=", ">=", ".."];
        const SHORT: &str = "()[],:;=<>+-*/@";
        if let Some(p) = LONG.iter().find(|p| rest.starts_with(**p)) {
            self.push(Tok::Punct, &rest[..p.len()], line, column, p.len());
            return p.len();
        }
        let length = c.len_utf8();
        if !SHORT.contains(c) {
            self.error(Span::text(line, column as u32, 1), format!("`{}` has no meaning here", c.escape_debug()), None);
            return length;
        }
        match c {
            '(' | '[' => self.open.push((c, Span::text(line, column as u32, 1))),
            ')' | ']' => {
                self.open.pop();
            }
            _ => {}
        }
        self.push(Tok::Punct, &rest[..length], line, column, 1);
        length
    }
}
