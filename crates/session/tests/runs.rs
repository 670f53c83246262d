//! Sessions in one process: rounds merge, results are right, errors end the session for everyone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use ir::PlayerId;
use schemes::Plain;
use session::{Dims, Entropy, Event, Observer, Outcomes, PlayerData, SessionError, run_local, unobserved};

const HEAD: &str = "computation c\n  player a, b, c, reader\n  placement trio = replicated(a, b, c)\n";

struct Setting {
    data: BTreeMap<PlayerId, PlayerData>,
    dims: Dims,
    seed: u8,
    observer: Observer,
}

impl Setting {
    fn new() -> Setting {
        Setting { data: BTreeMap::new(), dims: Dims::new(), seed: 1, observer: unobserved() }
    }

    fn input(self, player: u16, name: &str, values: &[f64]) -> Setting {
        self.table(player, name, &[values.len()], values)
    }

    fn table(mut self, player: u16, name: &str, shape: &[usize], values: &[f64]) -> Setting {
        let plain = Plain::F64(Tensor::new(shape, values.to_vec()).unwrap());
        self.data.entry(PlayerId(player)).or_default().inputs.insert(name.to_owned(), plain);
        self
    }

    fn key(mut self, player: u16, dim: &str, column: &[&str]) -> Setting {
        let column = column.iter().map(|k| (*k).to_owned()).collect();
        self.data.entry(PlayerId(player)).or_default().keys.insert(dim.to_owned(), column);
        self
    }

    fn dim(mut self, name: &str, length: u64) -> Setting {
        self.dims.insert(name.to_owned(), length);
        self
    }

    fn run(self, text: &str) -> Result<Outcomes, SessionError> {
        let computation = ir::text::parse(text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let checked = check::check(computation).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let ratified = Ratified::local(Agreement::in_process(checked, self.dims).unwrap()).unwrap();
        let mut seed = self.seed;
        let entropy = || {
            seed += 1;
            Entropy::new([seed; 32])
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(run_local(&ratified, SessionId([self.seed; 16]), self.data, entropy, &self.observer))
    }
}

fn output(outcomes: &Outcomes, player: u16, name: &str) -> Vec<f64> {
    outcomes[&PlayerId(player)].outputs[name].to_f64().data().to_vec()
}

fn products(count: usize) -> String {
    let mut text = HEAD.to_owned() + "  input x : f64[3] at a\n  input y : f64[3] at b\n  on trio as fixed<64, 16>\n";
    for i in 0..count {
        text += &format!("    p{i} = x * y\n");
    }
    for i in 0..count {
        text += &format!("  release p{i} to reader as \"p{i}\"\n");
    }
    text
}

#[test]
fn a_hundred_independent_products_take_the_rounds_of_one() {
    let setting = || Setting::new().input(0, "x", &[1.0, 2.0, 3.0]).input(1, "y", &[0.5, -1.0, 4.0]);
    let one = setting().run(&products(1)).unwrap();
    let hundred = setting().run(&products(100)).unwrap();
    assert_eq!(output(&hundred, 3, "p99").len(), 3);
    let most = |o: &Outcomes, f: fn(&session::Cost) -> u64| o.values().map(|o| f(&o.cost)).max().unwrap();
    assert_eq!(most(&one, |c| u64::from(c.rounds)), most(&hundred, |c| u64::from(c.rounds)));
    // The messages of a round leave together. Arrivals are not in lockstep, so a few writes may be split.
    let (one, hundred) = (most(&one, |c| c.writes), most(&hundred, |c| c.writes));
    assert!(hundred <= 4 * one, "{hundred} writes for a hundred, {one} for one");
}

#[test]
fn loops_carry_values_and_functions_return_them() {
    let text = HEAD.to_owned()
        + "  input x : f64[2] at a range -10..10
  function double(v : fixed<64, 16>[2] at trio)
    on trio
      w = v + v
    return w
  on trio as fixed<64, 16>
    start = x + 0.0
  grown = repeat 5 with v = start
    d = call double(v)
    on trio as fixed<64, 16>
      e = d + x
    next e
  release grown to reader as \"grown\"
";
    let outcomes = Setting::new().input(0, "x", &[1.0, -2.0]).run(&text).unwrap();
    // v ← 2v + x five times from x is 63·x.
    assert_eq!(output(&outcomes, 3, "grown"), [63.0, -126.0]);
}

#[test]
fn fold_goes_over_batches_of_rows() {
    let text = HEAD.to_owned()
        + "  input x : f64[n] at a
  on trio as fixed<64, 16>
    zero = fill(0.0, shape=[2], type=fixed<64, 16>)
    shared = x + 0.0
  total = fold batch of shared by 2 with s = zero
    on trio
      t = s + batch
    next t
  release total to reader as \"total\"
";
    let setting = || Setting::new().input(0, "x", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let outcomes = setting().dim("n", 6).run(&text).unwrap();
    assert_eq!(output(&outcomes, 3, "total"), [9.0, 12.0]);
    let odd = Setting::new().input(0, "x", &[1.0, 2.0, 3.0]).dim("n", 3).run(&text);
    assert_eq!(odd.unwrap_err().code(), "session.dim-misfit");
}

#[test]
fn outputs_reach_their_readers_and_nobody_else() {
    let text = HEAD.to_owned()
        + "  input x : f64[2] at a
  on trio as fixed<64, 16>
    y = x + x
  release y to b, reader as \"y\"
";
    let outcomes = Setting::new().input(0, "x", &[1.0, 2.0]).run(&text).unwrap();
    assert_eq!(output(&outcomes, 1, "y"), [2.0, 4.0]);
    assert_eq!(output(&outcomes, 3, "y"), [2.0, 4.0]);
    assert!(outcomes[&PlayerId(0)].outputs.is_empty() && outcomes[&PlayerId(2)].outputs.is_empty());
}

const MATCHED: &str = "computation c
  player a, b, c, reader
  placement trio = replicated(a, b, c)
  dim n by id
  input x : f64[n] at a
  input y : f64[n] at b
  on trio as fixed<64, 16>
    s = dot(x, y)
  release s to reader as \"s\"
";

#[test]
fn rows_must_match_before_anything_is_computed() {
    let setting = || Setting::new().input(0, "x", &[1.0, 2.0]).input(1, "y", &[3.0, 4.0]).dim("n", 2);
    let good = setting().key(0, "n", &["p", "q"]).key(1, "n", &["p", "q"]).run(MATCHED).unwrap();
    assert!((output(&good, 3, "s")[0] - 11.0).abs() < 1e-3);
    for other in [&["q", "p"][..], &["p", "r"], &["pq", ""]] {
        let error = setting().key(0, "n", &["p", "q"]).key(1, "n", other).run(MATCHED).unwrap_err();
        assert_eq!(error.code(), "session.rows-differ");
    }
    let error = setting().key(0, "n", &["p", "q"]).run(MATCHED).unwrap_err();
    assert_eq!(error.player().as_deref(), Some("b"), "{error}");
    // Whichever axis it is.
    let across = MATCHED.replace("y : f64[n] at b", "y : f64[1, n] at b").replace("dot(x, y)", "sum(y @ x)");
    let setting = || Setting::new().input(0, "x", &[1.0, 2.0]).table(1, "y", &[1, 2], &[3.0, 4.0]).dim("n", 2);
    let error = setting().key(0, "n", &["p", "q"]).key(1, "n", &["q", "p"]).run(&across).unwrap_err();
    assert_eq!(error.code(), "session.rows-differ");
}

#[test]
fn the_first_error_is_told_with_its_player_and_line() {
    let text = HEAD.to_owned()
        + "  input x : f64[2] at b
  on trio as fixed<64, 16>
    y = x + x
  release y to reader as \"y\"
";
    let error = Setting::new().input(1, "x", &[1.0, 1e15]).run(&text).unwrap_err();
    assert_eq!((error.code(), error.player().as_deref()), ("session.input-range", Some("b")));
    assert!(error.to_string().contains("row 2") && !error.to_string().contains("1000000000000000"), "{error}");
    let declared = text.replace("at b\n", "at b range 0..9\n");
    let error = Setting::new().input(1, "x", &[9.0, 9.5]).run(&declared).unwrap_err();
    assert!(error.code() == "session.input-range" && error.to_string().contains("0..9"), "{error}");
    let assumed =
        text.replace("  on trio", "  on b\n    z = assume(x, low=0, high=9)\n  on trio").replace("x + x", "z + z");
    let error = Setting::new().input(1, "x", &[9.0, 9.5]).run(&assumed).unwrap_err();
    assert_eq!((error.code(), error.player().as_deref()), ("value.assumption", Some("b")));
    assert!(error.to_string().contains("line 6"), "{error}");
    let error = Setting::new().run(&text).unwrap_err();
    assert_eq!((error.code(), error.player().as_deref()), ("session.input-missing", Some("b")));
}

#[test]
fn progress_is_one_stream_of_events() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let mut setting = Setting::new().input(0, "x", &[1.0, 2.0, 3.0]).input(1, "y", &[0.5, -1.0, 4.0]);
    setting.observer = Arc::new(move |event| seen.lock().unwrap().push(event));
    setting.run(&products(2)).unwrap();
    let events = events.lock().unwrap();
    let finished = events.iter().filter(|e| matches!(e, Event::Finished { .. })).count();
    assert_eq!(finished, 4);
    assert!(events.iter().any(|e| matches!(e, Event::Step { op: "mul", .. })));
}

#[test]
fn two_runs_of_one_program_send_different_messages() {
    // Shares of the same inputs under other randomness: if a mask were a function of the program alone, the analyst's
    // truncation errors would repeat. They come from the masks, so over many elements they differ.
    let text = HEAD.to_owned()
        + "  input x : f64[64] at a
  on trio as fixed<64, 16>
    y = x * x
  release y to reader as \"y\"
";
    let values: Vec<f64> = (0..64).map(|i| 1.0 + f64::from(i) / 7.0).collect();
    let mut first = Setting::new().input(0, "x", &values);
    first.seed = 1;
    let mut second = Setting::new().input(0, "x", &values);
    second.seed = 101;
    let (first, second) = (first.run(&text).unwrap(), second.run(&text).unwrap());
    assert_ne!(output(&first, 3, "y"), output(&second, 3, "y"));
}
