//! Modules: what the operator `module` says of a WebAssembly module, of the tables that it takes and of the one that it
//! gives. The texts have one form each, so that one program has one text.

use std::collections::BTreeSet;
use std::fmt;

use crate::attrs::Attrs;
use crate::infer::{Problem, accept, problem};
use crate::ops::Op;
use crate::types::{DType, Type};

type Result<T> = std::result::Result<T, Problem>;

/// A use of a module, as its attributes say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleUse {
    /// What it is called; it is known by its digest alone.
    pub name: String,
    /// BLAKE3 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// The tables that it takes. Their columns are the operands, in order.
    pub takes: Vec<ModuleTable>,
    /// The columns of one table that it gives: the result.
    pub gives: ModuleTable,
    /// Public texts that it is told, by name.
    pub arguments: Vec<(String, String)>,
    /// The most that it may compute, in units of fuel: about one for each instruction.
    pub fuel: u64,
    /// The most memory that it may take, and the most that it may write, in bytes.
    pub memory: u64,
}

/// A table of a module: its name and the names of columns, as `left(patient, bmi)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleTable {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

impl ModuleUse {
    /// Units of fuel in one of the attribute `fuel`.
    pub const FUEL_UNIT: u64 = 1_000_000;
    /// The most that `fuel` can be: a million millions, which is an hour or so.
    pub const MOST_FUEL: u64 = 1_000_000;
    /// Bytes in one of the attribute `memory`.
    pub const MEMORY_UNIT: u64 = 1 << 20;
    /// The most that `memory` can be: what a module of 32 bits can address.
    pub const MOST_MEMORY: u64 = 4096;
    /// The most columns that one operand can give.
    pub const MOST_COLUMNS: u64 = 4096;

    /// What an instruction's attributes say.
    ///
    /// # Errors
    /// Whatever is missing, out of bounds, or written in another form than the one there is.
    pub fn of(attrs: &Attrs) -> Result<ModuleUse> {
        let text = |name| attrs.str(name).unwrap_or_default();
        let (name, digest) = (text("name"), text("digest"));
        if !is_word(name) {
            return Err(wrong("name", "is letters, digits, `_`, `-` and `.`"));
        }
        if digest.len() != 64 || digest.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong("digest", "has 64 lower-case hexadecimal digits").help("`b3sum` prints it"));
        }
        Ok(ModuleUse {
            name: name.to_owned(),
            digest: digest.to_owned(),
            takes: takes(text("takes"))?,
            gives: ModuleTable::parse(text("gives"))
                .ok_or_else(|| wrong("gives", "is one table: `statistics(sum, mean)`"))?,
            arguments: arguments(attrs.str("arguments"))?,
            fuel: bounded(attrs, "fuel", Self::MOST_FUEL)? * Self::FUEL_UNIT,
            memory: bounded(attrs, "memory", Self::MOST_MEMORY)? * Self::MEMORY_UNIT,
        })
    }

    /// The table and the column's name of each operand.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.takes.iter().flat_map(|t| t.columns.iter().map(|column| (t.name.as_str(), column.as_str())))
    }
}

impl ModuleTable {
    fn parse(text: &str) -> Option<ModuleTable> {
        let (name, columns) = text.strip_suffix(')')?.split_once('(')?;
        let columns: Vec<String> = columns.split(", ").map(str::to_owned).collect();
        let distinct = columns.iter().collect::<BTreeSet<_>>().len() == columns.len();
        let words = is_word(name) && columns.iter().all(|column| is_word(column));
        (words && distinct).then(|| ModuleTable { name: name.to_owned(), columns })
    }
}

impl fmt::Display for ModuleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.columns.join(", "))
    }
}

fn wrong(attr: &str, what: &str) -> Problem {
    problem("attribute.value", format!("`{attr}` of `module` {what}"))
}

/// What needs no quoting anywhere: in the program's text, in a table's list of columns, in a file's name.
fn is_word(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(letter)
}

fn takes(text: &str) -> Result<Vec<ModuleTable>> {
    let problem = || wrong("takes", "is tables with their columns: `left(patient, bmi) right(patient, dose)`");
    // A blank after a comma belongs to a list of columns.
    let parts = text.split_inclusive(") ").map(|part| part.strip_suffix(' ').unwrap_or(part));
    let tables = parts.map(ModuleTable::parse).collect::<Option<Vec<_>>>().ok_or_else(problem)?;
    let names: BTreeSet<&str> = tables.iter().map(|t| t.name.as_str()).collect();
    let whole = !text.ends_with(' ') && names.len() == tables.len() && !tables.is_empty();
    if whole { Ok(tables) } else { Err(problem()) }
}

fn arguments(text: Option<&str>) -> Result<Vec<(String, String)>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let one = |part: &str| {
        let (name, value) = part.split_once('=')?;
        (is_word(name) && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let all: Option<Vec<_>> = text.split(' ').map(one).collect();
    let distinct = |all: &Vec<(String, String)>| all.windows(2).all(|pair| pair[0].0 < pair[1].0);
    all.filter(distinct)
        .ok_or_else(|| wrong("arguments", "is texts by name, in the order of the names: `key=patient minimum=20`"))
}

fn bounded(attrs: &Attrs, name: &str, most: u64) -> Result<u64> {
    let found = attrs.int(name).and_then(|n| u64::try_from(n).ok()).filter(|n| (1..=most).contains(n));
    found.ok_or_else(|| wrong(name, &format!("is from 1 to {most}")))
}

/// The type of what a module gives: as declared, if operands and result can be columns.
pub(crate) fn infer(args: &[&Type], attrs: &Attrs) -> Result<Type> {
    let module = ModuleUse::of(attrs)?;
    let named = module.columns().count();
    if named != args.len() {
        let (given, what) = (args.len(), "a column, or the columns of a matrix");
        return Err(wrong("takes", &format!("names {named} columns for {given} operands: each is {what}")));
    }
    let mut rest = args;
    for table in &module.takes {
        let (columns, others) = rest.split_at(table.columns.len());
        rows(table, columns)?;
        rest = others;
    }
    let dtype = attrs.dtype("type").unwrap_or(DType::F64);
    let ty = Type::new(dtype, attrs.shape("shape").cloned().unwrap_or_default());
    column(&ty)?;
    let columns = if ty.rank() == 2 { ty.shape[1].as_constant() } else { Some(1) };
    if columns != Some(module.gives.columns.len() as u64) {
        return Err(problem("shape.columns", format!("`module` gives {}, which is not {ty}", module.gives))
            .help("a column is a vector, several are a matrix `[rows, columns]`, and one number has no axis"));
    }
    Ok(ty)
}

/// That operands are columns of one table.
fn rows(table: &ModuleTable, columns: &[&Type]) -> Result<()> {
    for (name, ty) in table.columns.iter().zip(columns) {
        column(ty)?;
        if ty.rank() == 0 {
            return Err(problem("shape.rank", format!("`module` takes {name} as a column, and {ty} has no rows")));
        }
        if ty.shape[0] != columns[0].shape[0] {
            let (first, other) = (&columns[0].shape[0], &ty.shape[0]);
            return Err(problem("shape.rows", format!("`module`: {table} has columns of {first} and of {other} rows")));
        }
    }
    Ok(())
}

/// That a value can be a column of a table, or several.
fn column(ty: &Type) -> Result<()> {
    let taken = |dtype: DType| !dtype.is_fixed() && dtype != DType::Bytes;
    accept(Op::Module, ty, taken, "truth values, whole numbers or floats")?;
    let narrow = |ty: &Type| ty.shape[1].as_constant().is_some_and(|n| (1..=ModuleUse::MOST_COLUMNS).contains(&n));
    match ty.rank() {
        0 | 1 => Ok(()),
        2 if narrow(ty) => Ok(()),
        _ => Err(problem(
            "shape.rank",
            format!("`module` takes and gives vectors and matrices of known width, not {ty}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::Attr;

    fn attrs(takes: &str, arguments: &str) -> Attrs {
        let text = |text: &str| Attr::Str(text.to_owned());
        Attrs::new()
            .with("name", text("intersect"))
            .with("digest", text(&"c5".repeat(32)))
            .with("takes", text(takes))
            .with("gives", text("statistics(sum, mean)"))
            .with("arguments", text(arguments))
            .with("fuel", Attr::Int(2))
            .with("memory", Attr::Int(64))
    }

    #[test]
    fn a_use_is_what_its_attributes_say() {
        let module = ModuleUse::of(&attrs("left(patient, bmi) right(id)", "key=patient right_key=id")).unwrap();
        let columns: Vec<_> = module.columns().collect();
        assert_eq!(columns, [("left", "patient"), ("left", "bmi"), ("right", "id")]);
        assert_eq!(module.gives.to_string(), "statistics(sum, mean)");
        assert_eq!(module.arguments[1], ("right_key".to_owned(), "id".to_owned()));
        assert_eq!((module.fuel, module.memory), (2_000_000, 64 << 20));
    }

    #[test]
    fn every_text_has_one_form() {
        for takes in [
            "",
            " ",
            "left",
            "left()",
            "left(a) ",
            " left(a)",
            "left(a)  right(b)",
            "left(a,b)",
            "left(a, a)",
            "left(a) left(b)",
            "left(a)right(b)",
            "left(a b)",
            "left(a) right",
            "(a)",
            "left(a),right(b)",
        ] {
            assert!(ModuleUse::of(&attrs(takes, "key=a")).is_err(), "{takes:?}");
        }
        for arguments in ["", "key", "key=", "=a", "key=a ", "key=a  other=b", "b=1 a=2", "a=1 a=2"] {
            assert!(ModuleUse::of(&attrs("left(a)", arguments)).is_err(), "{arguments:?}");
        }
        for (name, value) in [("fuel", 0), ("fuel", 1_000_001), ("memory", -1), ("memory", 4097)] {
            assert!(ModuleUse::of(&attrs("left(a)", "key=a").with(name, Attr::Int(value))).is_err(), "{name} {value}");
        }
        for (name, value) in
            [("name", "../x"), ("name", "a b"), ("digest", "c5"), ("digest", &"C5".repeat(32)), ("gives", "a b")]
        {
            assert!(ModuleUse::of(&attrs("left(a)", "key=a").with(name, Attr::Str(value.into()))).is_err(), "{value}");
        }
    }
}
