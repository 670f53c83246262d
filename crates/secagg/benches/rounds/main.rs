//! CPU, bytes and memory of whole rounds, by role: what a client, an aggregator and the server spend.
//!
//! CPU is that of this thread as the kernel counts it (nothing runs in parallel), so a busy machine does not spoil it
//! much; of every role the median over its clients or aggregators is shown, and of the server the median of three
//! rounds. `full` runs the matrix of clients × length × drop-outs and how costs grow (`full 30`: only the cells with 30 % of
//! drop-outs), `cell 10000 100000 5` one of its cells, however long it takes (clients, length, percent), `crowd` one round of
//! 100,000 clients; without them, the figures that are required.

mod bfv;
mod committee;
mod cost;
mod matrix;
mod paillier;
mod pairwise;
mod validated;

use secagg::Error;
use secagg::pairwise::{Graph, Pairwise, Server, complete};

use crate::cost::Cost;

/// Medians of one or more rounds.
pub(crate) struct Row {
    /// Milliseconds of CPU.
    pub(crate) client: f64,
    pub(crate) aggregator: Option<f64>,
    pub(crate) server: f64,
    /// Bytes.
    pub(crate) memory: f64,
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2] as f64 / 1e6
}

fn header() {
    let columns = ["client ms", "aggregator", "server ms", "server KiB", "up B", "down B", "messages"];
    println!("{:<54} {}", "", columns.map(|column| format!("{column:>11}")).join(" "));
}

pub(crate) fn measure(name: &str, rounds: usize, mut run: impl FnMut() -> Result<Cost, Error>) -> Row {
    let costs: Vec<Cost> = (0..rounds).map(|_| run().expect("an honest round succeeds")).collect();
    let aggregators: Vec<u64> = costs.iter().flat_map(|cost| cost.aggregators.clone()).collect();
    let row = Row {
        client: median(costs.iter().flat_map(|cost| cost.clients.clone()).collect()),
        aggregator: (!aggregators.is_empty()).then(|| median(aggregators)),
        server: median(costs.iter().map(|cost| cost.server.spent).collect()),
        memory: costs[0].server.most as f64,
    };
    let aggregator = row.aggregator.map_or("-".into(), |ms| format!("{ms:.2}"));
    let Cost { up, down, rounds, .. } = costs[0];
    println!(
        "{name:<54} {:>11.3} {aggregator:>11} {:>11.2} {:>11.0} {up:>11} {down:>11} {rounds:>11}",
        row.client,
        row.server,
        row.memory / 1024.0,
    );
    row
}

fn required() {
    let degree = |degree| Graph::Regular { degree };
    let p25 = Pairwise { graph: degree(25), threshold: 13, most: 100, server: Server::Curious };
    let p15 = Pairwise { graph: degree(15), threshold: 8, most: 100, server: Server::Curious };
    let p7 = Pairwise { graph: degree(7), threshold: 4, most: 20, server: Server::Curious };
    let whole = complete(100, 0.0, 0.2, Server::SemiMalicious).expect("possible");
    measure("pairwise n=20 d=100000 k=7", 3, || pairwise::round(20, 100_000, 0, p7));
    measure("pairwise n=100 d=100000 k=15", 3, || pairwise::round(100, 100_000, 0, p15));
    measure("pairwise n=100 d=100000 k=25, 20 dropped", 3, || pairwise::round(100, 100_000, 20, p25));
    measure("pairwise n=100 d=100000 complete, 20 dropped", 3, || pairwise::round(100, 100_000, 20, whole));
    measure("committee 3 of 3 n=100 d=100000", 3, || committee::round(100, 100_000, 0, (3, 3)));
    measure("committee 2 of 3 n=100 d=100000", 3, || committee::round(100, 100_000, 0, (3, 2)));
    measure("validated sums, 20 of 1000 numbers of 8 bits", 3, || validated::round(20, 1000));
    measure("validated sums, 100 of 1000 numbers of 8 bits", 3, || validated::round(100, 1000));
    measure("validated sums, 20 of 100000 numbers of 8 bits", 1, || validated::round(20, 100_000));
    paillier::show().expect("an honest round succeeds");
    bfv::show().expect("an honest round succeeds");
}

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    header();
    if asked("crowd") {
        measure("committee 3 of 3 n=100000 d=100", 1, || committee::round(100_000, 100, 0, (3, 3)));
    } else if asked("full") {
        matrix::show(numbers.first().copied());
    } else if let (true, &[clients, length, percent]) = (asked("cell"), &numbers[..]) {
        matrix::cell(clients, length as u32, percent);
    } else {
        required();
    }
}
