//! Every function of one real number over its stated domain: measured errors against stated ones, in each ring and for
//! several numbers of fraction bits, and what each costs. The book's page of errors is made from this (`BLESS=1`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use algebra::{Prg, Seed, Tensor, fixed};
use ir::{Attr, Attrs, DType, Domain, Op, Outside, RingBits, STATED, Tolerance};

use crate::functions::{Width, elementwise};
use crate::plain::Plain;
use crate::replicated::{Replicated, Seat, Share, reveal};
use crate::testing::World;
use crate::value::Env;

/// Results, and what they cost.
struct Run {
    results: Vec<f64>,
    rounds: u32,
    bytes: Vec<usize>,
}

fn attributes(op: Op, fast: bool) -> Attrs {
    let attrs = Attrs::new();
    let named = op.spec().attr("fast").filter(|_| fast).map(|a| a.name);
    named.map_or(attrs.clone(), |name| attrs.with(name, Attr::Bool(true)))
}

/// A function on shares with no special component.
fn shared<R: Width>(op: Op, fast: bool, xs: &[f64], frac: u32) -> Run {
    let x = Tensor::from_vec(fixed::encode_slice::<R>(xs, frac).unwrap());
    let attrs = attributes(op, fast);
    let mut world = World::with_seed(31);
    let shares = world.run(async |p| {
        let random = |seed| Prg::new(Seed([seed; 16])).tensor::<R>([xs.len()]);
        let component = |i: usize| match i % 3 {
            0 => random(7),
            1 => random(8),
            _ => x.sub(&random(7)).unwrap().sub(&random(8)).unwrap(),
        };
        let role = Seat::of(&p).unwrap().role;
        let share = Share::new(component(role), component(role + 1));
        elementwise::<Replicated, R>(&p, op, &attrs, &share, frac).await.unwrap()
    });
    let (rounds, bytes) = (world.rounds(), world.bytes());
    let opened = world.run(async |p| {
        let share = &shares[p.me().index()];
        reveal(&p, Some(share), p.roles(), share.shape()).await.unwrap().unwrap()
    });
    Run { results: opened[0].data().iter().map(|z| fixed::decode(*z, frac)).collect(), rounds, bytes }
}

fn in_the_clear(op: Op, xs: &[f64]) -> Vec<f64> {
    let x = Plain::F64(Tensor::from_vec(xs.to_vec()));
    let dims = BTreeMap::new();
    let env = Env { dtype: DType::F64, operand: DType::F64, shape: &[xs.len()], dims: &dims };
    let result = crate::plain::apply(op, &Attrs::new(), &[&x], &env).unwrap();
    result.to_f64().data().to_vec()
}

/// Operands all over a domain: a dense grid near zero, every size, its ends, and random ones.
fn operands(domain: &Domain, frac: u32) -> Vec<f64> {
    let unit = (-f64::from(frac)).exp2();
    let mut xs: Vec<f64> = (-240..=240).map(|i| f64::from(i) * 0.0501).collect();
    for e in -frac.cast_signed()..126 {
        for mantissa in [1.0, 1.378_123, 1.999_9] {
            xs.extend([mantissa * f64::from(e).exp2(), -mantissa * f64::from(e).exp2()]);
        }
    }
    for end in [domain.least, domain.greatest, 0.0] {
        xs.extend([end, end + unit, end - unit, -end, unit - end, end / 2.0, end * 0.999]);
    }
    let random = Prg::new(Seed([frac as u8; 16])).elements::<u64>(200);
    xs.extend(random.iter().map(|r| (*r as f64 / 2f64.powi(63) - 1.0) * f64::from((r % 12) as u32)));
    xs.iter().map(|x| (x / unit).round() * unit).filter(|x| domain.holds(*x)).collect()
}

/// One row of the page.
fn row(op: Op, fast: bool, ring: RingBits, frac: u8) -> String {
    let dtype = DType::Fixed { ring, frac };
    let domain = ir::domain(op, fast, dtype).unwrap();
    let frac = u32::from(frac);
    let xs = operands(&domain, frac);
    let run = |xs: &[f64]| match ring {
        RingBits::B64 => shared::<u64>(op, fast, xs, frac),
        RingBits::B128 => shared::<u128>(op, fast, xs, frac),
    };
    let exact = in_the_clear(op, &xs);
    let results = run(&xs).results;
    let (mut largest, mut share) = (0f64, 0f64);
    for ((x, z), exact) in xs.iter().zip(results).zip(exact) {
        let (error, allowed) = ((z - exact).abs(), domain.error.at(exact, frac));
        assert!(error <= allowed, "{} fast={fast} {dtype}: at {x} {z} instead of {exact}", op.name());
        share = share.max(error / allowed);
        if exact.abs() <= 1.0 {
            largest = largest.max(error);
        }
    }
    let cost = run(&vec![1.0; 64]);
    let bytes: Vec<String> = cost.bytes.iter().map(|b| b.div_ceil(64).to_string()).collect();
    format!(
        "| `{}`{} | `{dtype}` | {} | {} | {largest:.1e} | {:.0} % | {} | {} |\n",
        op.name(),
        if fast { ", fast" } else { "" },
        limits(&domain),
        stated(domain.error),
        100.0 * share,
        cost.rounds,
        bytes.join(" / "),
    )
}

fn limits(domain: &Domain) -> String {
    let number = |v: f64| if v.abs() < 1e-3 || v.abs() >= 1e5 { format!("{v:.1e}") } else { format!("{v:.4}") };
    let (least, greatest) = (number(domain.least), number(domain.greatest));
    match (domain.either_sign, domain.outside) {
        (_, Outside::Nothing) => "every x".to_owned(),
        (true, _) if domain.least == 0.0 => format!("\\|x\\| ≤ {greatest}"),
        (true, _) => format!("{least} ≤ \\|x\\| ≤ {greatest}"),
        // What is below is 0 anyway.
        (_, Outside::Nearest) if domain.least < 0.0 => format!("x ≤ {greatest}; beyond, as there"),
        (_, Outside::Nearest) => format!("{least} ≤ x ≤ {greatest}; below, as there"),
        _ => format!("{least} ≤ x ≤ {greatest}"),
    }
}

fn stated(error: Tolerance) -> String {
    let mut parts = Vec::new();
    if error.units > 0.0 {
        parts.push(format!("{} units", error.units));
    }
    if error.absolute > 0.0 {
        parts.push(format!("{:.0e}", error.absolute));
    }
    if error.relative > 0.0 {
        parts.push(format!("2^{} of the result", error.relative.log2()));
    }
    parts.join(" + ")
}

const HEAD: &str = "# Errors of every function\n\n\
*Made by `BLESS=1 cargo test -p privity-schemes errors`, which also holds every measured error to the stated one.*\n\n\
What a function of one real number takes on replicated shares, how far its results may be off, and how far they were off \
over a grid of the whole domain, its ends and random operands. A unit is 2^-f, the last place of `fixed<k, f>`. *Largest* is \
the largest error among results of at most 1 in size; *of the stated* is the largest part of the stated error that was used \
anywhere. Rounds, and bytes for each element that the three players send, are those of 64 elements; rounds of independent \
operators merge.\n\n\
[Precision](precision.md) says how to choose. Operators on several numbers [follow](#operators-on-several-numbers).\n\n\
| function | type | domain | stated | largest | of the stated | rounds | bytes |\n|---|---|---|---|---|---|---|---|\n";

/// A page without what was measured of errors, which depends on masks.
fn lasting(page: &str) -> Vec<Vec<&str>> {
    let kept = |line| str::split(line, " | ").enumerate().filter(|(i, _)| !(4..=5).contains(i)).map(|(_, cell)| cell);
    page.lines().map(|line| kept(line).collect()).collect()
}

/// The rings and fractions of the table.
const TYPES: [(RingBits, u8); 3] = [(RingBits::B64, 16), (RingBits::B64, 20), (RingBits::B128, 40)];

/// What the page says after this table is made elsewhere.
const NEXT: &str = "\n## ";

#[test]
fn errors_are_within_what_is_stated() {
    let mut page = HEAD.to_owned();
    for &(op, fast) in STATED {
        for (ring, frac) in TYPES {
            // Where the fast form is the precise one, it is listed once.
            let same = fast && ring == RingBits::B128 && matches!(op, Op::Exp | Op::Reciprocal);
            if !same {
                let _ = write!(page, "{}", row(op, fast, ring, frac));
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/errors.md");
    let mut found = std::fs::read_to_string(path).unwrap_or_default();
    let rest = found.split_off(found.find(NEXT).unwrap_or(found.len()));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, format!("{page}{rest}")).unwrap();
        found.clone_from(&page);
    }
    assert!(
        lasting(&found) == lasting(&page),
        "book/src/errors.md is out of date: BLESS=1 cargo test -p privity-schemes errors"
    );
}

#[test]
fn outside_of_a_domain_results_are_those_at_its_end_where_that_is_said() {
    let unit = 2f64.powi(-16);
    let exps = shared::<u64>(Op::Exp, false, &[31.9, 40.0, 1e6, 1e12, -40.0, -1e12], 16).results;
    let most = 2f64.powf(45.9);
    assert!(exps[..4].iter().all(|z| (z / most - 1.0).abs() < 1e-3), "{exps:?}");
    assert!(exps[4..].iter().all(|z| z.abs() <= unit), "{exps:?}");
    let logs = shared::<u64>(Op::Log, false, &[0.0, -unit, -3.0, -1e12, unit], 16).results;
    assert!(logs.iter().all(|z| (z - unit.ln()).abs() <= 2.0 * unit), "{logs:?}");
    for (fast, error) in [(false, 2.0 * unit), (true, 1e-3)] {
        let sigmoids = shared::<u64>(Op::Sigmoid, fast, &[-1e13, 1e13], 16).results;
        assert!(sigmoids[0].abs() <= error && (sigmoids[1] - 1.0).abs() <= error, "{sigmoids:?}");
    }
}
