//! Private set intersection of two owners' tables, with statistics of the matched rows.
//!
//! | | |
//! |---|---|
//! | inputs | `left`, `right`: tables with a key column each; a key is there once at most |
//! | arguments | `key`: the key column's name, in both; `right_key`: its name in `right`, if another; `minimum`: the fewest matched rows, 10 unless said otherwise |
//! | output | `statistics`: for each column of numbers of both tables but the key: `table`, `column`, `matched` (rows that match), `count` (of these, with a value), `sum`, `mean` |
//!
//! Which rows match comes out nowhere. It gives up where fewer than `minimum` rows match, or where a column has
//! fewer than `minimum` values in them: the mean of few is close to telling one.

use privity_guest::{GiveUp, Job, Match, Table, matches, table};

privity_guest::module!(run);

/// The module.
///
/// # Errors
/// If an input, a column or an argument is missing, a key is there twice, or too few rows match.
pub fn run(job: &mut dyn Job) -> Result<(), GiveUp> {
    let (left, right) = (job.table("left")?, job.table("right")?);
    let key = job.needed("key")?;
    let right_key = job.argument("right_key").unwrap_or_else(|| key.clone());
    let minimum: usize = job.number("minimum", 10)?;
    let found = matches(&left.keys(&key)?, &right.keys(&right_key)?)?;
    if found.len() < minimum {
        return Err(GiveUp::new("too few rows match"));
    }
    let mut statistics = Statistics { minimum, ..Statistics::default() };
    statistics.add("left", &left, &key, &found, |m| m.left)?;
    statistics.add("right", &right, &right_key, &found, |m| m.right)?;
    job.write("statistics", &statistics.table()?)
}

/// The rows of the output, by column.
#[derive(Default)]
struct Statistics {
    minimum: usize,
    tables: Vec<String>,
    columns: Vec<String>,
    matched: Vec<i64>,
    counts: Vec<i64>,
    sums: Vec<f64>,
    means: Vec<f64>,
}

impl Statistics {
    /// Adds the columns of one table, over its matched rows.
    fn add(
        &mut self,
        side: &str,
        table: &Table,
        key: &str,
        found: &[Match],
        row: fn(&Match) -> usize,
    ) -> Result<(), GiveUp> {
        for name in table.numeric().into_iter().filter(|name| name != key) {
            let values = table.numbers(&name)?;
            let present = found.iter().filter_map(|m| values[row(m)]);
            let (count, sum) = present.fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value));
            if count < self.minimum.max(1) {
                return Err(GiveUp::new("too few matched rows have a value"));
            }
            self.tables.push(side.into());
            self.columns.push(name);
            self.matched.push(found.len() as i64);
            self.counts.push(count as i64);
            self.sums.push(sum);
            self.means.push(sum / count as f64);
        }
        Ok(())
    }

    fn table(self) -> Result<Table, GiveUp> {
        table([
            ("table", self.tables.into()),
            ("column", self.columns.into()),
            ("matched", self.matched.into()),
            ("count", self.counts.into()),
            ("sum", self.sums.into()),
            ("mean", self.means.into()),
        ])
    }
}
