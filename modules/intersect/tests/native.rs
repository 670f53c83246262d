//! The module on small tables, outside of the sandbox.

use privity_guest::{GiveUp, Native, Table, table};

fn texts(names: impl IntoIterator<Item = usize>) -> Vec<String> {
    names.into_iter().map(|i| format!("patient {i}")).collect()
}

/// Sixty patients on the left; every third of them, backwards, and ten strangers on the right.
fn job(arguments: &[(&str, &str)]) -> Native {
    let rows: Vec<usize> = (0..60).collect();
    let others: Vec<usize> = (60..70).chain((0..60).step_by(3).rev()).collect();
    let left = table([
        ("patient", texts(rows.clone()).into()),
        ("note", texts(rows.clone()).into()),
        ("age", rows.iter().map(|i| *i as i64 + 20).collect::<Vec<i64>>().into()),
    ]);
    let right = table([
        ("id", texts(others.clone()).into()),
        ("dose", others.iter().map(|i| *i as f64 / 4.0).collect::<Vec<f64>>().into()),
    ]);
    let inputs = [("left".to_owned(), left.unwrap()), ("right".to_owned(), right.unwrap())].into();
    let both = [("key", "patient"), ("right_key", "id")];
    let arguments = both.iter().chain(arguments).map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    Native { inputs, arguments, ..Native::default() }
}

fn run(mut job: Native) -> Result<Table, GiveUp> {
    intersect::run(&mut job)?;
    Ok(job.outputs.remove("statistics").unwrap())
}

#[test]
fn statistics_are_of_the_matched_rows() {
    let statistics = run(job(&[])).unwrap();
    let numbers = |column| statistics.numbers(column).unwrap().into_iter().flatten().collect::<Vec<f64>>();
    // 0, 3, .. 57: twenty rows, whose numbers sum to 570.
    assert_eq!(numbers("matched"), [20.0, 20.0]);
    assert_eq!(numbers("count"), [20.0, 20.0]);
    assert_eq!(numbers("sum"), [570.0 + 400.0, 570.0 / 4.0]);
    assert_eq!(numbers("mean"), [48.5, 7.125]);
    assert_eq!(statistics.keys("column").unwrap().len(), 2);
}

#[test]
fn tables_go_round_as_streams() {
    let statistics = run(job(&[])).unwrap();
    let again = Table::decode(statistics.encode().unwrap()).unwrap();
    assert_eq!(again.batches(), statistics.batches());
}

#[test]
fn few_rows_are_not_told_of() {
    run(job(&[("minimum", "20")])).unwrap();
    for arguments in [("minimum", "21"), ("minimum", "few"), ("key", "age"), ("right_key", "none")] {
        run(job(&[arguments])).err().unwrap();
    }
}

#[test]
fn a_key_that_is_there_twice_matches_nothing() {
    let mut job = job(&[]);
    let twice = table([("id", texts([3; 20]).into()), ("dose", vec![1.0; 20].into())]).unwrap();
    job.inputs.insert("right".into(), twice);
    assert_eq!(run(job).err().unwrap().to_string(), "a key is there twice in one table");
}
