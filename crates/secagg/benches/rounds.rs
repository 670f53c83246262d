//! CPU and bytes of whole rounds, by role: what a client, an aggregator and the server spend.
//!
//! CPU is that of this thread as the kernel counts it (nothing runs in parallel), so a busy machine does not spoil it
//! much; of every role the median over its clients or aggregators is shown, and of the server the median of three
//! rounds. `full` runs the matrix of clients × length × drop-outs, `crowd` one round of 100,000 clients; without them, the
//! figures that are required.

use std::collections::BTreeSet;

use secagg::committee::{Accepted, Collecting, Collector, Combiner, Memory, contribute};
use secagg::pairwise::{CollectKeys, Graph, Letters, Pairwise, Published, Server, complete, regular, start};
use secagg::testing::{CommitteeRound, World, task};
use secagg::{Error, Identity, Task, Vector};

/// Nanoseconds of CPU that this thread has had.
fn cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs `work` and adds its CPU time to `total`.
fn timed<T>(total: &mut u64, work: impl FnOnce() -> T) -> T {
    let before = cpu();
    let out = work();
    *total += cpu() - before;
    out
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2] as f64 / 1e6
}

/// What one round cost.
#[derive(Default)]
struct Cost {
    /// Of each client.
    clients: Vec<u64>,
    /// Of each aggregator.
    aggregators: Vec<u64>,
    server: u64,
    /// Bytes that a client sends and gets.
    up: usize,
    down: usize,
}

fn inputs(task: &Task, clients: usize) -> Vec<Vector> {
    let limit = task.ring.max() / clients as u64;
    let of = |i: u64| (0..u64::from(task.len)).map(|j| (i * 7919 + j * 31) % limit).collect::<Vec<_>>();
    (0..clients as u64).map(|i| Vector::from_elements(task.ring, &of(i)).expect("below the limit")).collect()
}

fn check(sum: &Vector, inputs: &[Vector], counted: impl Fn(usize) -> bool) {
    let mut expected = Vector::zeros(sum.ring(), sum.len());
    inputs.iter().enumerate().filter(|(i, _)| counted(*i)).for_each(|(_, input)| expected.add(input).expect("alike"));
    assert!(sum.elements() == expected.elements(), "the sum is right");
}

/// One committee round of which the first `dropped` clients never contribute.
fn committee(n: usize, len: u32, dropped: usize, (size, threshold): (usize, usize)) -> Result<Cost, Error> {
    let mut world = World::with_seed(1, n);
    let task = task(32, len, 2);
    let round = CommitteeRound::new(task, size, threshold, threshold, 0, &mut world.rng);
    let inputs = inputs(&task, n);
    let mut cost = Cost { aggregators: vec![0; size], ..Cost::default() };
    let mut collector = Collector::new(task, round.committee.clone(), world.enrolled.clone())?;
    let mut board = vec![];
    let enrolled: World = World { rng: secagg::testing::SeededRng::new(0), clients: vec![], enrolled: world.enrolled };
    let mut aggregators: Vec<Collecting<&BTreeSet<Identity>>> =
        (0..size).map(|i| round.aggregator(i, &enrolled, Memory::default())).collect::<Result<_, _>>()?;
    for (client, input) in world.clients.iter().zip(&inputs).skip(dropped) {
        let mut spent = 0;
        let message = timed(&mut spent, || contribute(&task, &round.committee, client, input, &mut world.rng))?;
        cost.clients.push(spent);
        cost.up = message.len();
        let accepted = timed(&mut cost.server, || collector.accept(&message))?;
        if let Accepted::New { deposits, .. } = accepted {
            for ((aggregator, deposit), spent) in aggregators.iter_mut().zip(&deposits).zip(&mut cost.aggregators) {
                timed(spent, || aggregator.deposit(deposit))?;
            }
        }
        board.push(message);
    }
    let mut closed = timed(&mut cost.server, || collector.close())?;
    let proposal = closed.proposal();
    let mut frozen = None;
    let mut waiting = vec![];
    for (aggregator, spent) in aggregators.into_iter().zip(&mut cost.aggregators) {
        let approved = timed(spent, || aggregator.check_proposal(&proposal))?;
        let (next, _, vote) = timed(spent, || aggregator.vote(approved));
        waiting.push(next);
        frozen = timed(&mut cost.server, || closed.vote(&vote))?.or(frozen);
    }
    let frozen = frozen.expect("a quorum voted");
    let bytes = frozen.encode(&task, &round.committee);
    let mut combiner = Combiner::new(task, round.committee.clone(), frozen)?;
    for message in &board {
        timed(&mut cost.server, || combiner.contribution(message))?;
    }
    for (aggregator, spent) in waiting.into_iter().zip(&mut cost.aggregators) {
        let frozen = timed(spent, || aggregator.check_frozen(&bytes))?;
        let (_, answer) = timed(spent, || aggregator.answer(&frozen))?;
        timed(&mut cost.server, || combiner.answer(&answer))?;
    }
    let sum = timed(&mut cost.server, || combiner.finish())?;
    check(&sum, &inputs, |i| i >= dropped);
    Ok(cost)
}

/// One pairwise round of which the first `dropped` clients (by identity) vanish after sharing.
fn pairwise(n: usize, len: u32, dropped: usize, parameters: Pairwise) -> Result<Cost, Error> {
    let mut world = World::with_seed(1, n);
    world.clients.sort_by_key(secagg::Signer::identity);
    let task = task(32, len, 2);
    let inputs = inputs(&task, n);
    let World { mut rng, clients: signers, enrolled } = world;
    let mut cost = Cost { clients: vec![0; n], ..Cost::default() };
    let mut server = CollectKeys::new(task, parameters, enrolled.clone())?;
    let mut clients = vec![];
    for (signer, spent) in signers.iter().zip(&mut cost.clients) {
        let (client, keys) = timed(spent, || start(task, parameters, signer.clone(), &mut rng))?;
        timed(&mut cost.server, || server.keys(&keys))?;
        clients.push(client);
        cost.up = keys.len();
    }
    let (mut server, letters) = timed(&mut cost.server, || server.close(&mut rng))?;
    let down = |letters: &Letters| letters.iter().map(|(_, letter)| letter.len()).max().unwrap_or(0);
    cost.down += down(&letters);
    let mut next = vec![];
    for ((client, (_, letter)), spent) in clients.into_iter().zip(&letters).zip(&mut cost.clients) {
        let (client, shares) = timed(spent, || client.neighbours(letter, &enrolled, &mut rng))?;
        timed(&mut cost.server, || server.shares(&shares))?;
        next.push(client);
        cost.up += usize::from(next.len() == 1) * shares.len();
    }
    let (mut server, letters) = timed(&mut cost.server, || server.close())?;
    cost.down += down(&letters);
    let mut clients = vec![];
    for (i, (client, (_, letter))) in next.into_iter().zip(&letters).enumerate().skip(dropped) {
        let (client, masked) = timed(&mut cost.clients[i], || client.delivered(letter, &inputs[i]))?;
        timed(&mut cost.server, || server.masked(&masked))?;
        clients.push(client);
        cost.up += usize::from(clients.len() == 1) * masked.len();
    }
    let (mut server, letters) = timed(&mut cost.server, || server.close())?;
    cost.down += down(&letters);
    let mut next = vec![];
    for ((client, (_, letter)), spent) in clients.into_iter().zip(&letters).zip(&mut cost.clients[dropped..]) {
        let (client, agreed) = timed(spent, || client.survivors(letter))?;
        timed(&mut cost.server, || server.agreed(&agreed))?;
        next.push(client);
        cost.up += usize::from(next.len() == 1) * agreed.len();
    }
    let (mut server, letters) = timed(&mut cost.server, || server.close())?;
    cost.down += down(&letters);
    for (j, (client, (_, letter))) in next.into_iter().zip(&letters).enumerate() {
        let reveal = timed(&mut cost.clients[dropped + j], || client.agreements(letter))?;
        timed(&mut cost.server, || server.reveal(&reveal))?;
        cost.up += usize::from(j == 0) * reveal.len();
    }
    let Published { sum, .. } = timed(&mut cost.server, || server.finish())?;
    check(&sum, &inputs, |i| i >= dropped);
    cost.clients.drain(..dropped);
    Ok(cost)
}

/// CPU of one encryption and one decryption, 2048 bits.
fn paillier() -> Result<(), Error> {
    use secagg::paillier::{Collector, Encryptor, KeyHolder, Paillier, PaillierSecret, contribute};
    let mut world = World::with_seed(1, 2);
    let secret = PaillierSecret::generate(&mut world.rng);
    let mut tables = 0;
    let encryptor = timed(&mut tables, || Encryptor::new(secret.public()));
    // One element of 64 bits and a carry: 31 to a plaintext, so that this makes 100 of them.
    let task = task(64, 3100, 2);
    let parameters = Paillier { key: secret.public(), most: 2 };
    let mut collector = Collector::new(task, parameters.clone(), &world.enrolled)?;
    let (mut encrypt, mut add, mut decrypt) = (0, 0, 0);
    for client in &world.clients {
        let input = Vector::zeros(task.ring, 3100);
        let message =
            timed(&mut encrypt, || contribute(&task, &parameters, &encryptor, client, &input, &mut world.rng))?;
        timed(&mut add, || collector.accept(&message))?;
    }
    let (_, request) = collector.close(&encryptor, &mut world.rng)?;
    let holder = KeyHolder::new(task, &parameters, &secret, None)?;
    timed(&mut decrypt, || holder.decrypt(&request))?;
    let ms = |total: u64, count: f64| total as f64 / 1e6 / count;
    println!(
        "Paillier-2048, ms: encryption {:.3} ({:.0}/s), addition {:.4}, decryption {:.2} ({:.0}/s), tables {:.0}",
        ms(encrypt, 200.0),
        1e3 / ms(encrypt, 200.0),
        ms(add, 200.0),
        ms(decrypt, 100.0),
        1e3 / ms(decrypt, 100.0),
        ms(tables, 1.0),
    );
    Ok(())
}

fn show(name: &str, rounds: usize, mut run: impl FnMut() -> Result<Cost, Error>) {
    let costs: Vec<Cost> = (0..rounds).map(|_| run().expect("an honest round succeeds")).collect();
    let clients = median(costs.iter().flat_map(|cost| cost.clients.clone()).collect());
    let server = median(costs.iter().map(|cost| cost.server).collect());
    let aggregators: Vec<u64> = costs.iter().flat_map(|cost| cost.aggregators.clone()).collect();
    let aggregator = if aggregators.is_empty() { "-".into() } else { format!("{:.2}", median(aggregators)) };
    let (up, down) = (costs[0].up, costs[0].down);
    println!("{name:<54} {clients:>10.3} {aggregator:>12} {server:>12.2} {up:>10} {down:>10}");
}

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let full = asked("full");
    println!("{:<54} {:>10} {:>12} {:>12} {:>10} {:>10}", "", "client ms", "aggregator", "server ms", "up B", "down B");
    if asked("crowd") {
        show("committee 3 of 3 n=100000 d=100", 1, || committee(100_000, 100, 0, (3, 3)));
        return;
    }
    let degree = |degree| Graph::Regular { degree };
    let p25 = Pairwise { graph: degree(25), threshold: 13, most: 100, server: Server::Curious };
    let p15 = Pairwise { graph: degree(15), threshold: 8, most: 100, server: Server::Curious };
    let p7 = Pairwise { graph: degree(7), threshold: 4, most: 20, server: Server::Curious };
    let whole = complete(100, 0.0, 0.2, Server::SemiMalicious).expect("possible");
    show("pairwise n=20 d=100000 k=7", 3, || pairwise(20, 100_000, 0, p7));
    show("pairwise n=100 d=100000 k=15", 3, || pairwise(100, 100_000, 0, p15));
    show("pairwise n=100 d=100000 k=25, 20 dropped", 3, || pairwise(100, 100_000, 20, p25));
    show("pairwise n=100 d=100000 complete, 20 dropped", 3, || pairwise(100, 100_000, 20, whole));
    show("committee 3 of 3 n=100 d=100000", 3, || committee(100, 100_000, 0, (3, 3)));
    show("committee 2 of 3 n=100 d=100000", 3, || committee(100, 100_000, 0, (3, 2)));
    paillier().expect("an honest round succeeds");
    if !full {
        return;
    }
    for n in [20usize, 100, 1000] {
        for len in [1_000, 100_000] {
            for percent in [0, 5, 30] {
                let dropped = n * percent / 100;
                let of = format!("n={n} d={len} {percent} % dropped");
                show(&format!("committee 3 of 3 {of}"), 1, || committee(n, len, dropped, (3, 3)));
                let found = regular(n as u32, 0.05, 0.3, Server::Curious);
                if let Ok(parameters) = found {
                    let of = format!("{of} {:?} t={}", parameters.graph, parameters.threshold);
                    show(&format!("pairwise {of}"), 1, || pairwise(n, len, dropped, parameters));
                }
            }
        }
    }
}
