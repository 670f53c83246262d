//! `store put`: a value of the operator's own, read like an input.

use std::collections::BTreeMap;

use audit::Event;
use privity::Plain;
use privity::data::{Columns, Inputs, Source};
use privity::ir::{DType, Dim, Type};
use privity::schemes::{Value, plain};
use privity::session::PlayerData;
use serde_json::json;
use store::{Kind, Meta};

use super::{args, done, open, tell};
use crate::Failure;
use crate::time::now_ms;

pub(super) fn put(a: &args::Put) -> Result<(), Failure> {
    let ty = parse_type(&a.ty)?;
    let value = load(a, &ty)?;
    let range = range(&value);
    let shape = value.shape().iter().map(|n| *n as u64).collect();
    let readers = a.reader.iter().copied().chain([a.owner]).collect();
    let meta = Meta {
        name: a.name.clone(),
        kind: Kind::Plain,
        dtype: ty.dtype.to_string(),
        shape,
        range,
        label: [(a.owner, readers)].into(),
        origin: None,
        when: now_ms(),
    };
    let bytes = zeroize::Zeroizing::new(Value::Plain(value).to_bytes());
    let stored = Event::Stored { name: a.name.clone(), session: None };
    open(&a.open)?.batch(|batch| batch.put(&meta, &bytes).and_then(|()| tell(batch, stored)))?;
    done(&a.open, json!({ "stored": a.name, "bytes": bytes.len() }), &format!("`{}` is stored", a.name));
    Ok(())
}

/// The least and the greatest number of a value.
fn range(value: &Plain) -> Option<(f64, f64)> {
    let numbers = value.to_f64();
    let ends = |(low, high): (f64, f64), x: &f64| (low.min(*x), high.max(*x));
    let found = numbers.data().iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    (value.dtype().is_numeric() && found.0.is_finite() && found.1.is_finite()).then_some(found)
}

/// Reads the files like those of an input, and turns the elements into the type's.
fn load(a: &args::Put, ty: &Type) -> Result<Plain, Failure> {
    let source = match (&a.csv, &a.npy) {
        (Some(path), _) => {
            let columns = match a.column.as_slice() {
                [one] if ty.rank() < 2 => Columns::One(one.clone()),
                many => Columns::Many(many.to_vec()),
            };
            Source::Csv { path: path.clone(), columns, key: None, delimiter: b',' }
        }
        (None, Some(path)) => Source::Npy { path: path.clone(), keys: None },
        (None, None) => return Err(Failure::input("usage", "the value is missing", "give --csv or --npy")),
    };
    let loaded = privity::data::load(&source, ty).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))?;
    let all = Inputs { player: String::new(), values: [(a.name.clone(), loaded)].into(), keys: BTreeMap::new() };
    let plain = PlayerData::from(all).inputs.remove(&a.name);
    let plain = plain.ok_or_else(|| Failure::input("store.put", "nothing was read", "see the file"))?;
    let cast = plain::cast(&plain, ty.dtype);
    cast.map_err(|e| Failure::input(e.code(), e.to_string(), "choose a type that holds every element"))
}

/// A type as a program declares it, but for sums of dimensions.
fn parse_type(text: &str) -> Result<Type, Failure> {
    let wrong = || {
        let help = "write it as `f64`, `f64[n]` or `fixed<64, 16>[442, 10]`";
        Failure::input("store.type", format!("`{text}` is no type"), help)
    };
    let (dtype, dims) = match text.split_once('[') {
        Some((dtype, rest)) => (dtype, Some(rest.strip_suffix(']').ok_or_else(wrong)?)),
        None => (text, None),
    };
    let dtype: DType = dtype.trim().parse().map_err(|_| wrong())?;
    let shape = dims.into_iter().flat_map(|dims| dims.split(',')).map(|dim| {
        let dim = dim.trim();
        let named = !dim.is_empty() && dim.chars().all(|c| c.is_alphanumeric() || c == '_');
        dim.parse().map(Dim::constant).ok().or_else(|| named.then(|| Dim::named(dim))).ok_or_else(wrong)
    });
    Ok(Type::new(dtype, shape.collect::<Result<_, _>>()?))
}
