//! Results as tables for people.

use comfy_table::{CellAlignment, Table, presets};
use privity::{Comparison, Plain, Program, Report};

/// Elements of one output above which the rest is left to `--json`.
const SHOWN: usize = 64;

/// Prints outputs in the order of the program, cost and the receipt's digest.
pub(crate) fn report(program: &Program, report: &Report) {
    let order: Vec<&str> = program.computation().outputs().filter_map(|o| o.attrs.str("name")).collect();
    for (player, outputs) in &report.outputs {
        say!("\n{player} receives");
        for (name, value) in order.iter().filter_map(|name| outputs.get_key_value(*name)) {
            let comparison = report.comparison.as_ref().and_then(|c| c.get(name));
            say!("{}", table(name, value, comparison));
        }
    }
    if let Some(worst) = report.comparison.as_ref().and_then(worst) {
        say!("\nlargest error against plaintext: {worst}");
    }
    say!("\ncost: {} rounds, {:.3} s", report.cost.rounds, report.cost.seconds);
    for (player, bytes) in &report.cost.bytes {
        say!("  {player:<12} sent {bytes:>12} bytes");
    }
    say!("\nsession     {}", report.session);
    say!("computation {}", report.computation);
    say!("receipt     {}", report.receipt);
    report.notes.iter().for_each(|note| say!("\nnote: {note}"));
}

fn worst(all: &std::collections::BTreeMap<String, Comparison>) -> Option<String> {
    let (name, c) = all.iter().max_by(|a, b| a.1.relative.total_cmp(&b.1.relative))?;
    Some(format!("{:.2e} relative, {:.2e} absolute (\"{name}\")", c.relative, c.absolute))
}

fn table(name: &str, value: &Plain, comparison: Option<&Comparison>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    let mut header = vec![name.to_owned(), "result".to_owned()];
    if comparison.is_some() {
        header.extend(["plaintext".to_owned(), "error".to_owned()]);
    }
    table.set_header(header);
    let results = value.to_f64();
    let plain = comparison.map(|c| c.plaintext.to_f64());
    for (i, x) in results.data().iter().enumerate().take(SHOWN) {
        let show = |x: f64| if matches!(value, Plain::Bool(_)) { (x != 0.0).to_string() } else { number(x) };
        let mut row = vec![position(i, value.shape()), show(*x)];
        if let Some(y) = plain.as_ref().and_then(|p| p.data().get(i)) {
            row.extend([show(*y), format!("{:.1e}", (x - y).abs())]);
        }
        table.add_row(row);
    }
    if results.len() > SHOWN {
        table.add_row(vec![format!("… {} more (--json shows all)", results.len() - SHOWN)]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Where an element is: `[3]`, `[0, 2]`; nothing for a single number.
fn position(i: usize, shape: &[usize]) -> String {
    let mut rest = i;
    let mut index: Vec<String> = Vec::new();
    for n in shape.iter().rev() {
        index.push((rest % n.max(&1)).to_string());
        rest /= n.max(&1);
    }
    index.reverse();
    if index.is_empty() { String::new() } else { format!("[{}]", index.join(", ")) }
}

fn number(x: f64) -> String {
    match x.abs() {
        _ if x.fract() == 0.0 && x.abs() < 1e15 => format!("{x}"),
        a if (1e-4..1e9).contains(&a) => format!("{x:.6}"),
        _ => format!("{x:.6e}"),
    }
}
