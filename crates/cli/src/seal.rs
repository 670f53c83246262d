//! `seal`: a dataset, encrypted under its owner's key, to lie at the machine of an enclave.

use std::path::PathBuf;

use clap::Args;
use privity::data::{Columns, Elements, Source, load, preview, to_table};
use privity::ir::{DType, Dim, Type};
use serde_json::json;
use store::KeyFile;
use worker::SealedTable;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Seal {
    /// The input that it is for, by its name in the program.
    input: String,
    /// A CSV file.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Its columns, in the order of the input; `a..b` stands for all from `a` to `b`.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
    columns: Vec<String>,
    /// The column that rows are matched by.
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// The key file to seal under; it is made if there is none. It stays with its owner.
    #[arg(long, value_name = "KEY")]
    under: PathBuf,
    /// The sealed table.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn seal(a: &Seal) -> Result<(), Failure> {
    let wrong = |e: privity::data::DataError| Failure::input(e.code(), e.to_string(), &e.help());
    let columns = Columns::Many(a.columns.clone());
    let source = Source::Csv { path: a.csv.clone(), columns, key: a.key.clone(), delimiter: b',' };
    let dtype = match preview(&source).map_err(wrong)?.elements {
        Elements::Truth => DType::Bool,
        Elements::Whole => DType::I64,
        Elements::Real => DType::F64,
    };
    // The first rows may be whole numbers, and a later one not.
    let of = |dtype| load(&source, &Type { dtype, shape: vec![Dim::named("rows"), Dim::named("columns")] });
    let loaded = of(dtype).or_else(|e| if dtype == DType::I64 { of(DType::F64) } else { Err(e) }).map_err(wrong)?;
    let refused =
        |what: String| Failure::input("seal.refused", what, "name columns of one kind, and a key of the rows");
    let table = to_table(&loaded, &a.columns, a.key.as_deref()).map_err(|e| refused(e.to_string()))?;
    let key = if a.under.exists() { KeyFile::load(&a.under) } else { KeyFile::generate(&a.under) };
    let key = key.map_err(|e| refused(e.to_string()))?;
    let sealed = SealedTable::seal(&a.input, &table, &key).map_err(|e| refused(e.to_string()))?;
    let written = std::fs::write(&a.out, &sealed);
    written.map_err(|e| refused(format!("{}: {e}", a.out.display())))?;
    let rows = table.rows();
    if a.json {
        say!("{}", json!({ "input": a.input, "rows": rows, "bytes": sealed.len(), "sealed": a.out, "under": a.under }));
    } else {
        say!(
            "{}: {rows} rows for `{}`, sealed under {}, which stays with you",
            a.out.display(),
            a.input,
            a.under.display()
        );
    }
    Ok(())
}
