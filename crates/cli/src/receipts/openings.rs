//! Openings of one player's commitments, held against its receipt; and the values that were committed to, where they are
//! at hand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use privity::Plain;
use privity::agreement::{Agreement, Commitment, Opening, Receipt, SessionReceipts};
use privity::algebra::Tensor;
use privity::data::{Datasets, DimBinding, Inputs};
use privity::ir::DType;
use privity::schemes::{Wire as _, plain};
use privity::session::PlayerData;
use serde_json::{Value, json};

use crate::{Failure, agreement};

/// What `receipt export` writes for a worker's own operator: openings by kind and name, as `input bmi`.
pub(super) struct Openings(BTreeMap<String, Opening>);

/// The values at hand, by player and by kind and name.
#[derive(Default)]
pub(super) struct Values(BTreeMap<(String, String), Plain>);

/// What openings were found to be.
pub(super) struct Opened {
    file: PathBuf,
    player: String,
    /// Those under which a value that is at hand was compared, and fits.
    compared: Vec<String>,
    /// Those whose value is not at hand.
    rest: Vec<String>,
}

impl Openings {
    /// The openings that a document holds; `None` if it is something else.
    pub(super) fn of(document: &Value) -> Option<Openings> {
        let fields = document.as_object().filter(|fields| !fields.is_empty())?;
        let opening = |(name, value): (&String, &Value)| {
            let mut bytes = [0; 32];
            let ours = name.starts_with("input ") || name.starts_with("output ");
            hex::decode_to_slice(value.as_str().filter(|_| ours)?, &mut bytes).ok()?;
            Some((name.clone(), Opening::new(bytes)))
        };
        fields.iter().map(opening).collect::<Option<_>>().map(Openings)
    }

    /// Finds whose they are, and compares the values that are at hand with what was committed to.
    pub(super) fn check(&self, file: &Path, run: &SessionReceipts, values: &Values) -> Result<Opened, Failure> {
        let wrong = |message: String, player: Option<&str>, help: &str| {
            let mut failure = Failure::input("receipt.opening", format!("{}: {message}", file.display()), help);
            failure.player = player.map(str::to_owned);
            failure
        };
        let fits = |r: &&Receipt| commitments(r).keys().eq(self.0.keys());
        let Some(receipt) = run.receipts.values().find(fits) else {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let message = format!("these are openings of {}, to which no receipt here commits", names.join(", "));
            return Err(wrong(message, None, "give the openings of this run, as its worker exported them"));
        };
        let mut opened =
            Opened { file: file.to_owned(), player: receipt.player.clone(), compared: Vec::new(), rest: Vec::new() };
        for (name, commitment) in commitments(receipt) {
            let Some(value) = values.0.get(&(receipt.player.clone(), name.clone())) else {
                opened.rest.push(name);
                continue;
            };
            let (mut bytes, bare) = (Vec::new(), name.split_once(' ').map_or("", |(_, bare)| bare));
            value.write(&mut bytes);
            if !commitment.opens_to(&self.0[&name], bare, value.dtype(), value.shape(), &bytes) {
                let message = format!("`{name}` is not what {} committed to in its receipt", receipt.player);
                let help = "the value is another than in the run, or the opening is";
                return Err(wrong(message, Some(&receipt.player), help));
            }
            opened.compared.push(name);
        }
        Ok(opened)
    }
}

/// All commitments of a receipt, named as openings are.
fn commitments(r: &Receipt) -> BTreeMap<String, Commitment> {
    let named = |kind: &str, all: &BTreeMap<String, Commitment>| {
        all.iter().map(|(name, c)| (format!("{kind} {name}"), *c)).collect::<Vec<_>>()
    };
    named("input", &r.inputs).into_iter().chain(named("output", &r.outputs)).collect()
}

impl Values {
    /// Reads inputs that a data file names, and outputs that a run printed.
    pub(super) fn read(agreement: &Agreement, data: Option<&Path>, result: Option<&Path>) -> Result<Values, Failure> {
        let mut values = Values::default();
        if let Some(file) = data {
            values.inputs(agreement, file).map_err(privity::Error::from)?;
        }
        if let Some(file) = result {
            let printed = serde_json::from_str(&agreement::read(file)?).ok();
            let read = printed.and_then(|printed: Value| values.outputs(&printed));
            read.ok_or_else(|| {
                let message = format!("{}: it is not what a run printed", file.display());
                Failure::input("receipt.result", message, "give what `privity run --json` printed")
            })?;
        }
        Ok(values)
    }

    fn inputs(&mut self, agreement: &Agreement, file: &Path) -> Result<(), privity::data::DataError> {
        let datasets = Datasets::read(file)?;
        let mut dims = DimBinding::agreed(agreement.dims());
        let here = |player: &str| datasets.iter().any(|(p, _, _)| p == player);
        for player in agreement.checked().computation().players.iter().filter(|p| here(&p.name)) {
            let inputs = Inputs::load(&datasets, agreement.checked().computation(), &player.name, &mut dims)?;
            for (name, value) in PlayerData::from(inputs).inputs {
                self.0.insert((player.name.clone(), format!("input {name}")), value);
            }
        }
        Ok(())
    }

    fn outputs(&mut self, printed: &Value) -> Option<()> {
        for (player, named) in printed.get("outputs")?.as_object()? {
            for (name, value) in named.as_object()? {
                self.0.insert((player.clone(), format!("output {name}")), tensor(value)?);
            }
        }
        Some(())
    }
}

/// A value as `privity run --json` prints it.
fn tensor(value: &Value) -> Option<Plain> {
    let dtype: DType = value.get("dtype")?.as_str()?.parse().ok()?;
    let length = |n: &Value| n.as_u64().and_then(|n| usize::try_from(n).ok());
    let shape: Vec<usize> = value.get("shape")?.as_array()?.iter().map(length).collect::<Option<_>>()?;
    let mut all = Vec::new();
    flatten(value.get("values")?, &mut all);
    match dtype {
        DType::Bool => elements(shape, &all, Value::as_bool).map(Plain::Bool),
        DType::I64 => elements(shape, &all, Value::as_i64).map(Plain::I64),
        DType::U64 => elements(shape, &all, Value::as_u64).map(Plain::U64),
        _ => plain::cast(&Plain::F64(elements(shape, &all, Value::as_f64)?), dtype).ok(),
    }
}

/// The numbers of nested lists, in their order.
fn flatten<'a>(value: &'a Value, all: &mut Vec<&'a Value>) {
    match value {
        Value::Array(parts) => parts.iter().for_each(|part| flatten(part, all)),
        one => all.push(one),
    }
}

fn elements<T>(shape: Vec<usize>, all: &[&Value], read: impl Fn(&Value) -> Option<T>) -> Option<Tensor<T>> {
    Tensor::new(shape, all.iter().map(|v| read(v)).collect::<Option<_>>()?).ok()
}

impl Opened {
    pub(super) fn to_json(&self) -> Value {
        json!({ "file": self.file, "player": self.player, "compared": self.compared, "not_compared": self.rest })
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "openings  {}: of the commitments of {}", self.file.display(), self.player)?;
        if !self.compared.is_empty() {
            write!(f, "; {} fit", self.compared.join(", "))?;
        }
        if !self.rest.is_empty() {
            let rest = self.rest.join(", ");
            write!(f, "; {rest} not compared (give the values with --data or --result)")?;
        }
        Ok(())
    }
}
