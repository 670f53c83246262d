//! Logistic regression on the joined rows of two owners' tables.
//!
//! | | |
//! |---|---|
//! | inputs | `left`, `right`: tables with a key column each; a key is there once at most |
//! | arguments | `key`: the key column's name, in both; `right_key`: its name in `right`, if another; `target`: the column, in one of them, that is 0 or 1; `ridge`: the penalty on squared weights of standardised features, 1 unless said otherwise; `iterations`: the most Newton steps, 25 unless said otherwise |
//! | outputs | `model`: `feature`, `weight`, with the intercept first; `fit`: one row of `rows`, `iterations`, `loss` (mean), `accuracy` |
//!
//! Features are all other columns of numbers, of `left` and then of `right`, those of `right` with `right.` before a name
//! that `left` has too. Rows that lack a value are left out. Weights are for features as they are given: standardising is
//! undone. Method: Newton's (iteratively reweighted least squares; Hastie, Tibshirani and Friedman, "The
//! Elements of Statistical Learning", section 4.4.1) with a ridge penalty, `C = 1 / ridge` in scikit-learn's words.
//! The same inputs give the same bits on every machine.

mod newton;

use newton::{Design, Fit};
use privity_guest::{GiveUp, Job, Match, Table, matches, table};

privity_guest::module!(run);

/// The fewest rows for each weight: a model of fewer would be close to telling rows.
const ROWS_PER_WEIGHT: usize = 5;

/// The module.
///
/// # Errors
/// If an input, a column or an argument is missing, a key is there twice, a target is neither 0 nor 1, or there are
/// too few rows for the number of features.
pub fn run(job: &mut dyn Job) -> Result<(), GiveUp> {
    let joined = Joined::of(job)?;
    let (ridge, iterations) = (job.number("ridge", 1.0)?, job.number("iterations", 25)?);
    if !(ridge > 0.0 && ridge < f64::INFINITY) {
        return Err(GiveUp::new("the ridge is no positive number"));
    }
    if joined.targets.len() < ROWS_PER_WEIGHT * (joined.names.len() + 1) {
        return Err(GiveUp::new("too few rows match for so many features"));
    }
    let design = Design::standardised(&joined.features, joined.targets)?;
    let fit = design.fit(ridge, iterations)?;
    write(job, joined.names, &design, &fit)
}

fn write(job: &mut dyn Job, names: Vec<String>, design: &Design, fit: &Fit) -> Result<(), GiveUp> {
    let names: Vec<String> = std::iter::once("(intercept)".into()).chain(names).collect();
    job.write("model", &table([("feature", names.into()), ("weight", design.given(&fit.weights).into())])?)?;
    let rows = vec![design.rows() as i64];
    let (loss, accuracy) = design.score(&fit.weights);
    job.write(
        "fit",
        &table([
            ("rows", rows.into()),
            ("iterations", vec![fit.iterations as i64].into()),
            ("loss", vec![loss].into()),
            ("accuracy", vec![accuracy].into()),
        ])?,
    )
}

/// The joined rows: a column for each feature, and the targets.
struct Joined {
    names: Vec<String>,
    features: Vec<Vec<f64>>,
    targets: Vec<f64>,
}

impl Joined {
    fn of(job: &dyn Job) -> Result<Joined, GiveUp> {
        let (left, right) = (job.table("left")?, job.table("right")?);
        let (key, target) = (job.needed("key")?, job.needed("target")?);
        let right_key = job.argument("right_key").unwrap_or_else(|| key.clone());
        if left.has(&target) == right.has(&target) {
            return Err(GiveUp::new("the target is not in exactly one of the tables"));
        }
        let found = matches(&left.keys(&key)?, &right.keys(&right_key)?)?;
        let mut columns = columns(&left, &key, &found, |m| m.left)?;
        let others = self::columns(&right, &right_key, &found, |m| m.right)?;
        for (name, values) in others {
            let name = if left.has(&name) { format!("right.{name}") } else { name };
            columns.push((name, values));
        }
        let place = columns.iter().position(|(name, _)| *name == target);
        let (_, targets) = columns.remove(place.ok_or_else(|| GiveUp::new("the target is of no numbers"))?);
        let whole: Vec<usize> = (0..found.len())
            .filter(|&row| targets[row].is_some() && columns.iter().all(|(_, values)| values[row].is_some()))
            .collect();
        let kept = |values: &[Option<f64>]| whole.iter().filter_map(|&row| values[row]).collect::<Vec<f64>>();
        let features = columns.iter().map(|(_, values)| kept(values)).collect();
        Ok(Joined { names: columns.into_iter().map(|(name, _)| name).collect(), features, targets: kept(&targets) })
    }
}

type Named = (String, Vec<Option<f64>>);

/// The columns of numbers of one table but its key, over its matched rows.
fn columns(table: &Table, key: &str, found: &[Match], row: fn(&Match) -> usize) -> Result<Vec<Named>, GiveUp> {
    let names = table.numeric().into_iter().filter(|name| name != key);
    let matched = |name: String| {
        let values = table.numbers(&name)?;
        Ok((name, found.iter().map(|m| values[row(m)]).collect()))
    };
    names.map(matched).collect()
}
