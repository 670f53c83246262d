//! Three workers in this process that know each other, and runs on them.

use std::path::PathBuf;

use agreement::{Member, Roster};
use net::KeyPair;
use privity::{Program, Report};

use crate::config::{Config, Store};
use crate::serve::Worker;

/// The players of the tests' programs.
pub(super) const PLAYERS: [&str; 3] = ["a", "b", "c"];

/// Their workers; `a` has the numbers 4321.5, 2.5 and 3.5 as `x`.
pub(super) struct Trio {
    pub(super) workers: Vec<Worker>,
    pub(super) keys: [KeyPair; 3],
    folder: tempfile::TempDir,
}

impl Trio {
    /// Starts all three, each with a configuration that may be changed first.
    pub(super) async fn start(change: impl Fn(&str, &mut Config)) -> Trio {
        let folder = tempfile::tempdir().unwrap();
        let ports = PLAYERS.map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = ports.each_ref().map(|port| port.local_addr().unwrap());
        drop(ports);
        let keys = PLAYERS.map(|_| KeyPair::generate().unwrap());
        let member = |i: usize| {
            let endpoint = Some(addresses[i].to_string().parse().unwrap());
            (PLAYERS[i].to_owned(), Member { identity: keys[i].identity(), endpoint, claims: None })
        };
        let roster = Roster::new((0..3).map(member)).unwrap();
        std::fs::write(folder.path().join("roster.toml"), roster.to_string()).unwrap();
        std::fs::write(folder.path().join("data.csv"), "v\n4321.5\n2.5\n3.5\n").unwrap();
        let mut workers = Vec::new();
        for (i, player) in PLAYERS.iter().enumerate() {
            keys[i].save(&folder.path().join(format!("{player}.key"))).unwrap();
            let data = "[a.x]\ncsv = \"data.csv\"\ncolumn = \"v\"\n";
            let mut config = Config {
                key: keys[i].clone(),
                listen: addresses[i],
                roster: roster.clone(),
                datasets: data::Datasets::parse(data, folder.path()).unwrap(),
                store: Store::beside(&folder.path().join(format!("{player}.toml"))),
                ..super::config(&folder, true)
            };
            change(player, &mut config);
            workers.push(Worker::start(config).await.unwrap());
        }
        Trio { workers, keys, folder }
    }

    /// Runs a program, coming as one of the players.
    pub(super) async fn run(&self, program: &'static str, by: &str) -> Report {
        let (roster, key) = (self.file("roster.toml"), self.file(&format!("{by}.key")));
        let run = move || {
            let program = Program::parse("c.pv", program).unwrap();
            crate::run_on_workers(&program, &roster, Some(&key), &Default::default(), session::unobserved())
        };
        tokio::task::spawn_blocking(run).await.unwrap().unwrap()
    }

    /// A file of theirs.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
