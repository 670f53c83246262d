//! "Did you mean": the known name that is nearest to a mistyped one.

/// Among more names than this nobody looks for one: a long program with many errors must not take long.
const MAX_KNOWN: usize = 1000;

/// The known name that differs in the fewest letters, if those are few.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.take(MAX_KNOWN + 1).collect();
    if known.len() > MAX_KNOWN {
        return None;
    }
    let allowed = match name.len() {
        0..=2 => 1,
        3..=5 => 2,
        6..=64 => 3,
        _ => return None,
    };
    known
        .into_iter()
        .filter(|k| k.len().abs_diff(name.len()) <= allowed)
        .map(|k| (distance(name.as_bytes(), k.as_bytes()), k))
        .filter(|(d, k)| *d <= allowed && *d < k.len())
        .min()
        .map(|(_, k)| k)
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn few_differences_are_near() {
        let known = ["bmi", "target", "mean"];
        assert_eq!(nearest("bmii", known.into_iter()), Some("bmi"));
        assert_eq!(nearest("tarhet", known.into_iter()), Some("target"));
        assert_eq!(nearest("weights", known.into_iter()), None);
        assert_eq!(nearest("q", ["x"].into_iter()), None);
    }
}
