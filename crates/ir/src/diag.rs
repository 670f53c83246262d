//! Diagnostics: what is wrong with a program, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// A place in a program: a line of a file, and columns where known.
///
/// Places never decide whether two computations are equal, so all spans compare as equal.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The file, if it is not the text at hand (a Python file).
    pub file: Option<Arc<str>>,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
    /// First column, from 1; 0 if unknown.
    pub column: u32,
    /// Number of characters; 0 if unknown.
    pub length: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}
impl Eq for Span {}

impl Span {
    /// A place in the text at hand.
    pub fn text(line: u32, column: u32, length: u32) -> Span {
        Span { file: None, line, column, length }
    }

    /// A line of a named file.
    pub fn file(file: &str, line: u32) -> Span {
        Span { file: Some(file.into()), line, column: 0, length: 0 }
    }

    /// Whether it points anywhere.
    pub fn is_known(&self) -> bool {
        self.line != 0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.column) {
            (Some(file), _) => write!(f, "{file}:{}", self.line),
            (None, 0) => write!(f, "line {}", self.line),
            (None, column) => write!(f, "line {}, column {column}", self.line),
        }
    }
}

/// One thing that is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable code, such as `type.mismatch` or `label.not-a-reader`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do about it, if there is advice.
    pub help: Option<String>,
    /// What shows that it is so, in lines, such as the budget of an operator that may overflow.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic without advice.
    pub fn new(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, message: message.into(), span, help: None, notes: Vec::new() }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds what shows that it is so.
    #[must_use]
    pub fn notes(mut self, notes: Vec<String>) -> Diagnostic {
        self.notes = notes;
        self
    }

    /// The diagnostic with its source line and a caret below the place it points at.
    ///
    /// `name` is shown as the file of spans that name none; `source` is the text of the file that the
    /// span points into, where it is at hand.
    pub fn render(&self, name: &str, source: Option<&str>) -> String {
        let mut out = format!("error[{}]: {}\n", self.code, self.message);
        let line = source.and_then(|text| text.lines().nth((self.span.line as usize).checked_sub(1)?));
        if self.span.is_known() {
            let file = self.span.file.as_deref().unwrap_or(name);
            let column = if self.span.column > 0 { format!(":{}", self.span.column) } else { String::new() };
            out += &format!("  --> {file}:{}{column}\n", self.span.line);
        }
        if let Some(line) = line {
            let number = self.span.line.to_string();
            let margin = " ".repeat(number.len());
            // The text may come from anybody, and must not command the terminal.
            let line: String = line.chars().map(|c| if crate::text::is_invisible(c) { ' ' } else { c }).collect();
            out += &format!("{margin} |\n{number} | {line}\n");
            if self.span.column > 0 {
                let before = " ".repeat(self.span.column as usize - 1);
                let caret = "^".repeat(self.span.length.max(1) as usize);
                out += &format!("{margin} | {before}{caret}\n");
            }
        }
        for (i, note) in self.notes.iter().enumerate() {
            out += &format!("  {} {note}\n", if i == 0 { "=" } else { " " });
        }
        if let Some(help) = &self.help {
            out += &format!("  = help: {help}\n");
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.span.is_known() {
            write!(f, "{}: ", self.span)?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}
