//! What the documentation says of bytes is what is sent.

use secagg::clerks::{self, Clerks};
use secagg::pairwise::{Graph, Pairwise, Server};
use secagg::testing::{CommitteeRound, Stage, World, seeded, task};
use secagg::{Identity, OpenKey, Signer, Task, Vector, committee};

/// A ring of 17 bits, so that packing shows.
fn odd(len: u32) -> Task {
    task(17, len, 2)
}

#[test]
fn a_committee_contribution() {
    for (n, t, sets, each) in [(2, 2, 2, 1), (3, 3, 3, 1), (3, 2, 3, 2), (5, 3, 10, 6)] {
        let mut world = World::with_seed(1, 1);
        let task = odd(1001);
        let round = CommitteeRound::new(task, n, t, t, 0, &mut world.rng);
        let input = Vector::zeros(task.ring, 1001);
        let World { rng, clients, .. } = &mut world;
        let message = committee::contribute(&task, &round.committee, &clients[0], &input, rng).unwrap();
        let packed = (1001usize * 17).div_ceil(8);
        assert_eq!(message.len(), packed + 162 + 32 * sets + n * (80 + 32 * each), "{t} of {n}");
    }
}

#[test]
fn a_pairwise_client() {
    let (n, k, t) = (20, 6, 4);
    let mut world = World::with_seed(2, n);
    world.clients.sort_by_key(Signer::identity);
    let task = odd(100);
    let parameters =
        Pairwise { graph: Graph::Regular { degree: 6 }, threshold: 4, most: 20, server: Server::SemiMalicious };
    let inputs = vec![Vector::zeros(task.ring, 100); n];
    let (mut up, mut down) = (0, 0);
    let mut count = |stage: Stage, client: usize, message: Vec<u8>| {
        if client == 3 {
            match stage {
                Stage::Keys | Stage::Shares | Stage::Masked | Stage::Agreed | Stage::Reveal => up += message.len(),
                _ => down += message.len(),
            }
        }
        vec![message]
    };
    world.run_pairwise(task, parameters, &inputs, &mut count).unwrap().published.unwrap();
    assert_eq!(up, 666 + 149 * k + (100usize * 17).div_ceil(8));
    assert_eq!(down, 316 + 280 * k + 68 * t + n.div_ceil(8));
}

#[test]
fn a_contribution_to_clerks() {
    let mut rng = seeded(3);
    let task = odd(1001);
    let (n, k) = (9, 4);
    let open = |i: usize| OpenKey::from_bytes(&[i as u8 + 1; 32]).unwrap().public();
    let members = (0..n).map(|i| clerks::Member { key: Signer::generate(&mut rng).public(), seal: open(i) }).collect();
    let clerks = Clerks::new(members, open(n), (2, k), 6, 100).unwrap();
    let client = Signer::generate(&mut rng);
    let message = clerks::contribute(&task, &clerks, &client, &Vector::zeros(task.ring, 1001), &mut rng).unwrap();
    assert_eq!(message.len(), 242 + n * (80 + 8 * 1001usize.div_ceil(k)));
}

/// Sizes and text that other parts rely on.
#[test]
fn identities_are_the_fingerprints_of_keys() {
    let signer = Signer::from_bytes(&[7; 32]);
    let Identity(fingerprint) = signer.identity();
    assert_eq!(fingerprint, *blake3::hash(&signer.public().to_bytes()).as_bytes());
    assert_eq!(signer.identity().to_string().len(), 12);
}
