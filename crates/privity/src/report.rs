//! What a run leaves for those who asked for it: outputs, cost, digests; and its JSON form.

use std::collections::BTreeMap;

use schemes::Plain;
use serde_json::{Value, json};

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The session's id, in hex.
    pub session: String,
    /// The computation's digest, in hex.
    pub computation: String,
    /// The outputs, by reader and name.
    pub outputs: BTreeMap<String, BTreeMap<String, Plain>>,
    /// What it cost.
    pub cost: Cost,
    /// One digest over the receipts of all players, in hex.
    pub receipt: String,
    /// The largest error of each output against plaintext, where that was asked for.
    pub comparison: Option<BTreeMap<String, Comparison>>,
    /// What this run does not show, in words.
    pub notes: Vec<String>,
}

/// What a run cost, all players together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Rounds of communication.
    pub rounds: u32,
    /// Bytes that each player sent.
    pub bytes: BTreeMap<String, u64>,
    /// Wall-clock time.
    pub seconds: f64,
}

/// An output beside its plaintext value.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The plaintext value.
    pub plaintext: Plain,
    /// The largest absolute difference.
    pub absolute: f64,
    /// The largest difference relative to the plaintext value, where that is not zero.
    pub relative: f64,
}

impl Comparison {
    /// Compares a result with its plaintext value.
    pub fn of(result: &Plain, plaintext: Plain) -> Comparison {
        let (mut absolute, mut relative) = (0f64, 0f64);
        for (x, y) in result.to_f64().data().iter().zip(plaintext.to_f64().data()) {
            // What is no number, on either side, must not look exact.
            let known = |error: f64| if error.is_nan() { f64::INFINITY } else { error };
            let difference = if x == y { 0.0 } else { known((x - y).abs()) };
            absolute = absolute.max(difference);
            if *y != 0.0 {
                relative = relative.max(known(difference / y.abs()));
            }
        }
        Comparison { plaintext, absolute, relative }
    }
}

impl Report {
    /// The JSON form: `session`, `computation`, `outputs`, `cost`, `receipt`, and `comparison` and `notes` if there are any.
    pub fn to_json(&self) -> Value {
        let outputs: serde_json::Map<String, Value> = self
            .outputs
            .iter()
            .map(|(player, named)| (player.clone(), named.iter().map(|(n, v)| (n.clone(), tensor(v))).collect()))
            .collect();
        let mut json = json!({
            "session": self.session,
            "computation": self.computation,
            "outputs": outputs,
            "cost": { "rounds": self.cost.rounds, "bytes": self.cost.bytes, "seconds": self.cost.seconds },
            "receipt": self.receipt,
        });
        if let Some(comparison) = &self.comparison {
            let errors = comparison.iter().map(|(name, c)| {
                let fields =
                    json!({ "absolute": c.absolute, "relative": c.relative, "plaintext": tensor(&c.plaintext) });
                (name.clone(), fields)
            });
            json["comparison"] = Value::Object(errors.collect());
        }
        if !self.notes.is_empty() {
            json["notes"] = json!(self.notes);
        }
        json
    }
}

/// A value as `{dtype, shape, values}`, with `values` nested as the shape says.
pub fn tensor(value: &Plain) -> Value {
    let numbers: Vec<Value> = match value {
        Plain::Bool(t) => t.data().iter().map(|b| json!(b)).collect(),
        Plain::I64(t) => t.data().iter().map(|i| json!(i)).collect(),
        Plain::U64(t) => t.data().iter().map(|i| json!(i)).collect(),
        other => other.to_f64().data().iter().map(|x| json!(x)).collect(),
    };
    json!({ "dtype": value.dtype().to_string(), "shape": value.shape(), "values": nest(&numbers, value.shape()) })
}

fn nest(numbers: &[Value], shape: &[usize]) -> Value {
    match shape {
        [] => numbers.first().cloned().unwrap_or(Value::Null),
        [_] => Value::Array(numbers.to_vec()),
        [n, rest @ ..] => {
            let stride: usize = rest.iter().product();
            Value::Array((0..*n).map(|i| nest(&numbers[i * stride..(i + 1) * stride], rest)).collect())
        }
    }
}
