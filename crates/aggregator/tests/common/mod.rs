//! A world on loopback: an enroller, a service, a committee, clients; every contribution with a digit of its own.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::board::{Board, Embedded};
use aggregator::{
    Aggregate, AggregatorDraft, Client, CommitteeDraft, Draft, Enrolled, Error, Input, Kind, Member, Memories,
    PairwiseDraft, Rounds, ServerDraft, Service, ServiceDraft, Terms, ValidatedDraft, enrol, open_key,
};
use net::{Identity, KeyPair};
use tokio::task::JoinHandle;

/// What one test needs.
pub(crate) struct World {
    pub(crate) service_key: KeyPair,
    pub(crate) enroller: KeyPair,
    pub(crate) members: Vec<KeyPair>,
    pub(crate) clients: Vec<KeyPair>,
    pub(crate) terms: Terms,
    pub(crate) enrolled: Enrolled,
}

pub(crate) fn key(number: u32) -> KeyPair {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    KeyPair::from_seed(&seed)
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Terms for `clients` clients whose vectors have one element each of them: nothing but a committee or pairs is missing.
fn draft(clients: u32, minimum: u32) -> Draft {
    Draft {
        name: "digits".into(),
        length: clients,
        clip: 1.0,
        precision: Some(20),
        minimum,
        most: clients,
        weights: None,
        rounds: 1,
        share: 1.0,
        collect_seconds: 20.0,
        answer_seconds: 20.0,
        enroller: hex::encode(key(2).public().to_bytes()),
        readers: vec![],
        service: ServiceDraft { identity: key(1).identity().to_string(), address: "127.0.0.1:1".into() },
        shares: None,
        agreement: None,
        noise: None,
        committee: None,
        pairwise: None,
        validated: None,
    }
}

/// What terms say of an aggregator.
fn aggregator(member: &KeyPair) -> AggregatorDraft {
    AggregatorDraft {
        name: "a".into(),
        key: hex::encode(member.public().to_bytes()),
        seal: hex::encode(open_key(member).unwrap().public().to_bytes()),
        policy: None,
        evidence: None,
    }
}

impl World {
    /// A committee of which `threshold` unmask together.
    pub(crate) fn committee(clients: u32, (size, threshold): (u32, usize), change: impl FnOnce(&mut Draft)) -> World {
        let members: Vec<KeyPair> = (0..size).map(|i| key(100 + i)).collect();
        let aggregators = members.iter().map(aggregator).collect();
        let committee = CommitteeDraft { threshold, quorum: threshold, corrupt: threshold - 1, aggregators };
        let mut draft = draft(clients, 3);
        draft.committee = Some(committee);
        change(&mut draft);
        World::of(draft, members, clients)
    }

    /// Pairwise masking on the complete graph.
    pub(crate) fn pairwise(clients: u32, threshold: u32, change: impl FnOnce(&mut Draft)) -> World {
        let mut draft = draft(clients, 3);
        draft.pairwise = Some(PairwiseDraft { degree: None, threshold, server: ServerDraft::SemiMalicious });
        change(&mut draft);
        World::of(draft, vec![], clients)
    }

    /// Two aggregators that hold clients to their range.
    pub(crate) fn validated(
        clients: u32,
        (kind, greatest): (Kind, Option<u64>),
        change: impl FnOnce(&mut Draft),
    ) -> World {
        let members: Vec<KeyPair> = (0..2).map(|i| key(100 + i)).collect();
        let aggregators = members.iter().map(aggregator).collect();
        let mut draft = draft(clients, 3);
        (draft.clip, draft.precision) = (0.0, None);
        draft.validated = Some(ValidatedDraft { kind, greatest, aggregators });
        change(&mut draft);
        World::of(draft, members, clients)
    }

    fn of(draft: Draft, members: Vec<KeyPair>, clients: u32) -> World {
        let terms = Terms::check(draft).unwrap();
        let clients: Vec<KeyPair> = (0..clients).map(|i| key(1000 + i)).collect();
        let identities: Vec<Identity> = clients.iter().map(KeyPair::identity).collect();
        let list = enrol(&terms, &key(2), &identities).unwrap();
        let enrolled = Enrolled::parse(&terms, &list).unwrap();
        World { service_key: key(1), enroller: key(2), members, clients, terms, enrolled }
    }

    pub(crate) fn rounds(&self, board: Arc<dyn Board>) -> Rounds {
        Rounds::new(self.terms.clone(), self.enrolled.clone(), board).unwrap()
    }

    pub(crate) async fn serve(&self, board: Arc<dyn Board>) -> Service {
        self.serve_at(board, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    pub(crate) async fn serve_at(&self, board: Arc<dyn Board>, at: SocketAddr) -> Service {
        Service::start(self.service_key.clone(), at, None, vec![self.rounds(board)]).await.unwrap()
    }

    /// Starts these aggregators of the committee; they keep what they must not forget below `folder`.
    pub(crate) fn start_members(
        &self,
        which: &[usize],
        folder: &Path,
        at: SocketAddr,
    ) -> Vec<JoinHandle<Result<(), Error>>> {
        let start = |&i: &usize| {
            let member = self.member(i, folder, at);
            tokio::spawn(async move { member.run().await })
        };
        which.iter().map(start).collect()
    }

    pub(crate) fn member(&self, i: usize, folder: &Path, at: SocketAddr) -> Member {
        let (terms, list) = (self.terms.clone(), self.enrolled.clone());
        let own = folder.join(i.to_string());
        let memories = Memories::in_folder(&own).unwrap();
        Member::new(terms, list, self.members[i].clone(), memories, Some(at.to_string())).unwrap()
    }

    pub(crate) fn client(&self, i: usize, at: SocketAddr) -> Client {
        self.client_with(self.clients[i].clone(), at)
    }

    pub(crate) fn client_with(&self, key: KeyPair, at: SocketAddr) -> Client {
        Client::new(self.terms.clone(), key, Some(at.to_string())).unwrap()
    }

    /// A one at its own place, zeros elsewhere: a two in a sum is a client that was counted twice.
    pub(crate) fn digit(&self, i: usize) -> Vec<f64> {
        let mut digit = vec![0.0; self.terms.draft().length as usize];
        digit[i] = 1.0;
        digit
    }

    pub(crate) async fn contribute(&self, i: usize, at: SocketAddr) -> Result<u64, Error> {
        let digit = self.digit(i);
        self.client(i, at).contribute(&Input { values: &digit, weight: None }, None, soon()).await
    }

    pub(crate) async fn result(&self, round: u64, at: SocketAddr) -> Result<Aggregate, Error> {
        self.client(0, at).result(round, soon()).await
    }
}

/// Which clients are in a sum; panics unless each is there once or not at all.
pub(crate) fn counted(aggregate: &Aggregate) -> Vec<usize> {
    let digits: Vec<f64> = aggregate.sum.iter().map(|sum| sum.round()).collect();
    for (sum, digit) in aggregate.sum.iter().zip(&digits) {
        assert!((sum - digit).abs() < 1e-3, "{sum} is no whole number");
        assert!(*digit == 0.0 || *digit == 1.0, "a client was counted {digit} times");
    }
    let counted: Vec<usize> = digits.iter().enumerate().filter(|(_, digit)| **digit == 1.0).map(|(i, _)| i).collect();
    assert_eq!(counted.len(), aggregate.contributions as usize);
    counted
}

/// A port that is free, and stays the same over restarts.
pub(crate) fn port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// The board in a file, as soon as the service that had it open has let go of it.
pub(crate) async fn reopened(file: &Path) -> Arc<Embedded> {
    loop {
        match Embedded::open(file) {
            Ok(board) => return Arc::new(board),
            Err(error) if error.to_string().contains("already open") => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}
