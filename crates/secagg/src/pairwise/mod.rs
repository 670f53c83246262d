//! *Pairwise masking*: one server, no committee; clients mask for each other and can unmask each other's absence.
//!
//! Every client agrees with each neighbour of a graph on a mask that one adds and the other subtracts, adds a mask of
//! its own, and shares the secrets of both among its neighbours. Of a client that vanished the neighbours reveal the
//! pairwise secret, of one that survived its own mask, never both.
//!
//! - **Source**: Bonawitz et al. 2017, "Practical Secure Aggregation for Privacy-Preserving Machine Learning",
//!   figure 4, on the complete graph; Bell et al. 2020, "Secure Single-Server Aggregation with (Poly)Logarithmic
//!   Overhead", algorithm 2, on a random k-regular graph (a Harary graph with shuffled nodes).
//! - **Adversary**: as [`Server`] says, together with a bounded number of clients. Whatever the server says, a client
//!   reveals at most one of the two secrets of each neighbour, and only for a survivor set that `threshold` of its
//!   neighbours signed. Two different survivor sets are never both signed by enough while 2t > k + (corrupt neighbours).
//! - **Rounds**: five messages of a client (keys, shares, masked vector, agreement, reveal). It may vanish at any
//!   moment; whoever sent its masked vector is counted.
//! - **Bytes** of a client with k neighbours, n clients: up 666 + 149·k + ⌈d·b/8⌉, down 316 + 280·k + 68·t + ⌈n/8⌉, if
//!   nobody vanishes.
//! - **Deviations**: all of a client's messages are signed. Shares have commitments of 16 bytes, so that the server can
//!   tell a false share from a good one. A share that a client cannot read costs its owner one holder and does not stop
//!   the client. The server announces survivors as one bitmap over all clients. In the k-regular case, the graph's seed
//!   is the server's, who is assumed honest until it has announced the graph (in Bell et al., algorithm 3, clients choose
//!   their neighbours and the server is assumed honest while it collects keys).

mod client;
mod graph;
mod keys;
mod messages;
mod parameters;
mod server;
mod unmask;

pub use client::{AwaitAgreements, AwaitDelivered, AwaitNeighbours, AwaitSurvivors, start};
pub use parameters::{complete, regular};
pub use server::{CollectAgreed, CollectKeys, CollectMasked, CollectShares, Letters};
pub use unmask::{CollectReveals, Published};

use crate::domain::CONTEXT_PAIRWISE;
use crate::error::Error;
use crate::task::Task;
use crate::wire::Bytes32;

/// Who masks with whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Graph {
    /// Everyone with everyone.
    Complete,
    /// Everyone with `degree` others: a random k-regular graph. With fewer than `degree` + 2 clients it is complete.
    Regular {
        /// k.
        degree: u32,
    },
}

/// What the server is trusted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Server {
    /// It follows the protocol and pools what it sees with corrupt clients.
    Curious,
    /// It follows the protocol until keys are collected and the graph announced, then does what it likes.
    SemiMalicious,
}

/// The parameters of a round, part of the agreement. [`complete`] and [`regular`] find them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pairwise {
    /// Who masks with whom.
    pub graph: Graph,
    /// t: how many neighbours recover a secret.
    pub threshold: u32,
    /// The most clients that take part.
    pub most: u32,
    /// What the server is trusted with.
    pub server: Server,
}

impl Pairwise {
    /// # Errors
    /// [`Error::Parameter`] if the threshold or degree is impossible, or too small to be safe against the server that
    /// is assumed, even if no client is corrupt.
    pub fn check(&self) -> Result<(), Error> {
        if self.most < 3 || self.most > 1 << 24 {
            return Err(Error::parameter("pairwise masking is for 3 to 16,777,216 clients"));
        }
        let degree = self.greatest_degree();
        if degree < 2 || self.threshold < 2 || self.threshold > degree {
            return Err(Error::parameter(format!("threshold {} among {degree} neighbours", self.threshold)));
        }
        if self.server == Server::SemiMalicious && 2 * self.threshold <= degree {
            return Err(Error::parameter(format!(
                "with threshold {} of {degree}, a lying server could recover both secrets of a client",
                self.threshold
            )));
        }
        Ok(())
    }

    /// How many neighbours a client has among `clients`.
    #[must_use]
    pub fn degree(&self, clients: u32) -> u32 {
        let others = clients.saturating_sub(1);
        match self.graph {
            Graph::Complete => others,
            // A graph of odd degree has an even number of nodes.
            Graph::Regular { degree } => others.min(degree + (degree % 2) * (clients % 2)),
        }
    }

    /// The most neighbours that a client can have, however many clients come: of an odd degree, an odd number of them has one
    /// more.
    fn greatest_degree(&self) -> u32 {
        let others = self.most.saturating_sub(1);
        match self.graph {
            Graph::Complete => others,
            Graph::Regular { degree } => others.min(degree + degree % 2),
        }
    }

    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> String {
        let server = match self.server {
            Server::Curious => "the server follows the protocol",
            Server::SemiMalicious => "the server collects keys honestly (it may lie afterwards)",
        };
        let degree = self.greatest_degree();
        format!(
            "safe while {server} and fewer than {} of a client's {degree} neighbours collude with it",
            match self.server {
                Server::Curious => self.threshold,
                Server::SemiMalicious => 2 * self.threshold - degree,
            }
        )
    }

    pub(crate) fn context(&self, task: &Task) -> Bytes32 {
        let (graph, degree) = match self.graph {
            Graph::Complete => (0u8, 0),
            Graph::Regular { degree } => (1, degree),
        };
        let mut protocol = vec![graph, u8::from(self.server == Server::SemiMalicious)];
        for number in [degree, self.threshold, self.most] {
            protocol.extend_from_slice(&number.to_le_bytes());
        }
        task.context(CONTEXT_PAIRWISE, &protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_degree_is_safe_for_an_odd_number_of_clients_too() {
        let graph = Graph::Regular { degree: 5 };
        let parameters = |threshold| Pairwise { graph, threshold, most: 10, server: Server::SemiMalicious };
        // Among 9 clients each has 6 neighbours, and two sets of 3 could sign two lists.
        assert_eq!(parameters(3).degree(9), 6);
        assert!(matches!(parameters(3).check(), Err(Error::Parameter { .. })));
        assert!(parameters(4).check().is_ok());
    }
}
