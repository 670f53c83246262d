//! Who masks with whom: the complete graph, or a Harary graph whose nodes were shuffled by a seed.

use super::{Graph, Pairwise};
use crate::domain::GRAPH;
use crate::wire::Bytes32;

/// The graph of a round, over the indices of its roster.
pub(crate) struct Topology {
    clients: u32,
    degree: u32,
    /// Client at each place of the ring, and place of each client. Empty for the complete graph.
    at: Vec<u32>,
    place: Vec<u32>,
}

impl Topology {
    pub(crate) fn new(parameters: &Pairwise, clients: u32, context: &Bytes32, seed: &Bytes32) -> Self {
        let degree = parameters.degree(clients);
        if parameters.graph == Graph::Complete || degree + 1 >= clients {
            return Self { clients, degree: clients.saturating_sub(1), at: vec![], place: vec![] };
        }
        let at = shuffled(clients, context, seed);
        let mut place = vec![0; at.len()];
        for (i, &client) in at.iter().enumerate() {
            place[client as usize] = i as u32;
        }
        Self { clients, degree, at, place }
    }

    pub(crate) fn clients(&self) -> u32 {
        self.clients
    }

    /// The neighbours of a client, ascending.
    pub(crate) fn neighbours(&self, client: u32) -> Vec<u32> {
        if self.at.is_empty() {
            return (0..self.clients).filter(|&other| other != client).collect();
        }
        let (n, half) = (self.clients, self.degree / 2);
        let place = self.place[client as usize];
        let mut neighbours: Vec<u32> = (1..=half)
            .flat_map(|step| [(place + step) % n, (place + n - step) % n])
            .chain((self.degree % 2 == 1).then_some((place + n / 2) % n))
            .map(|place| self.at[place as usize])
            .collect();
        neighbours.sort_unstable();
        neighbours
    }
}

/// A uniform permutation of 0..n (Fisher and Yates), from the stream of the seed.
fn shuffled(n: u32, context: &Bytes32, seed: &Bytes32) -> Vec<u32> {
    let mut stream = blake3::Hasher::new_derive_key(GRAPH).update(context).update(seed).finalize_xof();
    let mut below = |bound: u32| {
        // Draws of the incomplete last block of multiples are thrown away, so that all results are equally likely.
        let limit = u64::MAX - u64::MAX % u64::from(bound);
        loop {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            let draw = u64::from_le_bytes(bytes);
            if draw < limit {
                return (draw % u64::from(bound)) as usize;
            }
        }
    };
    let mut nodes: Vec<u32> = (0..n).collect();
    for last in (1..n).rev() {
        let chosen = below(last + 1);
        nodes.swap(last as usize, chosen);
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::super::Server;
    use super::*;

    #[test]
    fn every_client_has_as_many_neighbours_and_is_theirs() {
        for (n, degree) in [(10, 4), (10, 5), (11, 5), (100, 25), (5, 8), (3, 2)] {
            let graph = Graph::Regular { degree };
            let parameters = Pairwise { graph, threshold: 2, most: n, server: Server::Curious };
            let topology = Topology::new(&parameters, n, &[0; 32], &[9; 32]);
            for client in 0..n {
                let neighbours = topology.neighbours(client);
                assert_eq!(neighbours.len(), parameters.degree(n) as usize, "n = {n}, k = {degree}");
                assert!(neighbours.is_sorted_by(|a, b| a < b) && !neighbours.contains(&client));
                assert!(neighbours.iter().all(|&other| topology.neighbours(other).contains(&client)));
            }
        }
    }
}
