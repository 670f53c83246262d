//! Workers on 127.0.0.1, with their ports, switchboards and, where asked for, proxies that can cut.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use net::tls::{Acceptor, Credentials, Dialer, Limits, listen};
use net::{Card, Identity, KeyPair, Player, PlayerId, Switchboard};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

pub(crate) struct Worker {
    pub(crate) id: PlayerId,
    pub(crate) name: String,
    pub(crate) key: KeyPair,
    pub(crate) switchboard: Switchboard,
    serving: Option<JoinHandle<()>>,
    refusals: watch::Sender<Vec<String>>,
}

impl Worker {
    fn new(id: PlayerId, name: &str, key: KeyPair) -> Worker {
        let (switchboard, refusals) = (Switchboard::new(), watch::Sender::new(Vec::new()));
        Worker { id, name: name.into(), key, switchboard, serving: None, refusals }
    }

    /// Says it is a player of the roster, with a key that is in none.
    pub(crate) fn stranger(id: PlayerId, name: &str) -> Worker {
        Worker::new(id, name, KeyPair::generate().unwrap())
    }

    pub(crate) fn dialer(&self) -> Dialer {
        Dialer::new(Credentials::new(self.key.clone()).unwrap())
    }

    /// Serves a port until killed; returns its endpoint.
    async fn serve(&mut self, known: Vec<Identity>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let credentials = Credentials::new(self.key.clone()).unwrap();
        let acceptor = Acceptor::new(credentials, move |identity| known.contains(identity)).unwrap();
        let mut incoming = listen(listener, acceptor, Limits::default());
        let (switchboard, refusals) = (self.switchboard.clone(), self.refusals.clone());
        self.serving = Some(tokio::spawn(async move {
            while let Some(secured) = incoming.data.next().await {
                let (switchboard, refusals) = (switchboard.clone(), refusals.clone());
                tokio::spawn(async move {
                    if let Err(error) = switchboard.serve(secured).await {
                        refusals.send_modify(|all| all.push(error.to_string()));
                    }
                });
            }
        }));
        endpoint
    }

    pub(crate) fn kill(&self) {
        self.serving.as_ref().unwrap().abort();
    }

    /// Waits until a connection was refused for a reason that mentions `what`.
    pub(crate) async fn refuses(&self, what: &str) {
        let mut refusals = self.refusals.subscribe();
        let told = refusals.wait_for(|all| all.iter().any(|reason| reason.contains(what)));
        let told = tokio::time::timeout(Duration::from_secs(5), told).await;
        assert!(told.is_ok(), "nothing was refused because of {what}: {:?}", *self.refusals.borrow());
    }
}

pub(crate) struct Roster {
    pub(crate) workers: Vec<Worker>,
    pub(crate) endpoints: Vec<String>,
    cut: broadcast::Sender<()>,
    cuts: Arc<AtomicUsize>,
}

impl Roster {
    pub(crate) async fn new(names: &[&str]) -> Roster {
        Roster::with(names, Switchboard::new).await
    }

    /// Whose workers have these switchboards.
    pub(crate) async fn with(names: &[&str], switchboard: impl Fn() -> Switchboard) -> Roster {
        let keys: Vec<KeyPair> = names.iter().map(|_| KeyPair::generate().unwrap()).collect();
        let known: Vec<Identity> = keys.iter().map(KeyPair::identity).collect();
        let (mut workers, mut endpoints) = (Vec::new(), Vec::new());
        for ((id, name), key) in (0..).map(PlayerId).zip(names).zip(keys) {
            let mut worker = Worker { switchboard: switchboard(), ..Worker::new(id, name, key) };
            endpoints.push(worker.serve(known.clone()).await);
            workers.push(worker);
        }
        Roster { workers, endpoints, cut: broadcast::channel(4).0, cuts: Arc::default() }
    }

    /// With endpoints that lead through proxies.
    #[allow(dead_code, reason = "each test file uses its part of this module")]
    pub(crate) async fn behind_proxies(names: &[&str]) -> Roster {
        let mut roster = Roster::new(names).await;
        for endpoint in &mut roster.endpoints {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let target = std::mem::replace(endpoint, listener.local_addr().unwrap().to_string());
            tokio::spawn(proxy(listener, target, roster.cut.clone(), Arc::clone(&roster.cuts)));
        }
        roster
    }

    /// Cuts every connection that goes through a proxy now.
    #[allow(dead_code, reason = "each test file uses its part of this module")]
    pub(crate) fn cut_all(&self) {
        let _ = self.cut.send(());
    }

    #[allow(dead_code, reason = "each test file uses its part of this module")]
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(SeqCst)
    }

    pub(crate) fn card(&self, me: PlayerId, session: u8) -> Card {
        let players = self
            .workers
            .iter()
            .map(|worker| (Player { id: worker.id, name: worker.name.as_str().into() }, worker.key.identity()));
        Card { session: [session; 16], agreement: [1; 32], plan: [2; 32], me, players: players.collect() }
    }
}

async fn proxy(listener: TcpListener, target: String, cut: broadcast::Sender<()>, cuts: Arc<AtomicUsize>) {
    while let Ok((mut from, _)) = listener.accept().await {
        let Ok(mut to) = TcpStream::connect(&target).await else { continue };
        let (mut scissors, cuts) = (cut.subscribe(), Arc::clone(&cuts));
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                _ = scissors.recv() => drop(cuts.fetch_add(1, SeqCst)),
            }
        });
    }
}
