//! Which rows of two tables have the same key.

use crate::column::Key;
use crate::job::GiveUp;

/// A row of the one table and the row of the other that has its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The row of the first table.
    pub left: usize,
    /// The row of the second.
    pub right: usize,
}

/// The rows that have the same key, in the order of the first table. A row without a key matches none. O(n log n).
///
/// # Errors
/// If a key is there twice in one table: then which rows belong together is not defined.
pub fn matches(left: &[Option<Key>], right: &[Option<Key>]) -> Result<Vec<Match>, GiveUp> {
    let (first, second) = (sorted(left)?, sorted(right)?);
    let (mut found, mut rest) = (Vec::new(), second.iter().peekable());
    for (key, left) in first {
        while rest.next_if(|(other, _)| *other < key).is_some() {}
        if let Some((_, right)) = rest.next_if(|(other, _)| *other == key) {
            found.push(Match { left, right: *right });
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn sorted(keys: &[Option<Key>]) -> Result<Vec<(&Key, usize)>, GiveUp> {
    let mut sorted: Vec<_> = keys.iter().enumerate().filter_map(|(row, key)| Some((key.as_ref()?, row))).collect();
    sorted.sort_unstable();
    match sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        true => Err(GiveUp::new("a key is there twice in one table")),
        false => Ok(sorted),
    }
}
