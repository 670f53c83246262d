//! Clients × length × drop-outs, and how costs grow with the first two.

use secagg::pairwise::{Pairwise, Server, regular};

use crate::{Row, committee, measure, pairwise};

const CLIENTS: [usize; 4] = [20, 100, 1_000, 10_000];
const LENGTHS: [u32; 3] = [1_000, 100_000, 1_000_000];
/// Elements of masks that all clients together put on: more take most of an hour.
const PAIRWISE_LIMIT: u64 = 100_000_000_000;

struct Cell {
    protocol: &'static str,
    clients: usize,
    len: u32,
    percent: usize,
    row: Row,
}

/// All cells, or those of one share of drop-outs in percent.
pub(crate) fn show(only: Option<usize>) {
    let mut cells = vec![];
    for percent in [0, 5, 30].into_iter().filter(|percent| only.is_none_or(|only| only == *percent)) {
        for clients in CLIENTS {
            for len in LENGTHS {
                let mut cell = |protocol, row| cells.push(Cell { protocol, clients, len, percent, row });
                cell("committee", by_committee(clients, len, percent));
                let masked = clients as u64 * u64::from(len) * u64::from(parameters(clients).degree(clients as u32));
                match masked <= PAIRWISE_LIMIT {
                    true => cell("pairwise", by_pairs(clients, len, percent)),
                    false => println!("pairwise n={clients} d={len} {percent} % dropped: skipped"),
                }
            }
        }
    }
    if only.is_none_or(|only| only == 0) {
        growth(&cells);
    }
}

/// One cell, however long it takes.
pub(crate) fn cell(clients: usize, len: u32, percent: usize) {
    by_committee(clients, len, percent);
    by_pairs(clients, len, percent);
}

fn by_committee(clients: usize, len: u32, percent: usize) -> Row {
    let name = format!("committee 3 of 3 n={clients} d={len} {percent} % dropped");
    measure(&name, 1, || committee::round(clients, len, clients * percent / 100, (3, 3)))
}

fn by_pairs(clients: usize, len: u32, percent: usize) -> Row {
    let parameters = parameters(clients);
    let (degree, threshold) = (parameters.degree(clients as u32), parameters.threshold);
    let name = format!("pairwise n={clients} d={len} {percent} % dropped k={degree} t={threshold}");
    measure(&name, 1, || pairwise::round(clients, len, clients * percent / 100, parameters))
}

/// 5 % of the clients are corrupt and 30 % vanish; where no such graph has fewer edges, everybody is with everybody.
fn parameters(clients: usize) -> Pairwise {
    let clients = clients as u32;
    let whole = || secagg::pairwise::complete(clients, 0.05, 0.3, Server::Curious);
    regular(clients, 0.05, 0.3, Server::Curious).or_else(|_| whole()).expect("possible")
}

/// The slope of the logarithms, by least squares over the cells without drop-outs.
fn growth(cells: &[Cell]) {
    println!("\ngrowth exponents without drop-outs");
    for protocol in ["committee", "pairwise"] {
        let of = |keep: &dyn Fn(&Cell) -> bool, x: &dyn Fn(&Cell) -> f64| {
            let kept: Vec<&Cell> =
                cells.iter().filter(|cell| cell.protocol == protocol && cell.percent == 0 && keep(cell)).collect();
            let slope = |y: &dyn Fn(&Row) -> f64| slope(kept.iter().map(|cell| (x(cell).ln(), y(&cell.row).ln())));
            let (client, server, memory) =
                (slope(&|row| row.client), slope(&|row| row.server), slope(&|row| row.memory));
            let aggregator = match protocol {
                "committee" => format!(", aggregator {:.2}", slope(&|row| row.aggregator.unwrap_or(1.0))),
                _ => String::new(),
            };
            format!("client {client:.2}{aggregator}, server {server:.2}, server's memory {memory:.2}")
        };
        println!("{protocol} in n, d = 1,000:  {}", of(&|cell| cell.len == 1_000, &|cell| cell.clients as f64));
        println!("{protocol} in d, n = 100:    {}", of(&|cell| cell.clients == 100, &|cell| f64::from(cell.len)));
    }
}

fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    mean(&|point| (point.0 - x) * (point.1 - y)) / mean(&|point| (point.0 - x).powi(2))
}
