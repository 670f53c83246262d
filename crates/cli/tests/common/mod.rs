//! Four parties on this machine: keys, a roster, configurations, and worker processes of the real command.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod attested;
pub(crate) mod service;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The players of all tests here.
pub(crate) const PLAYERS: [&str; 4] = ["clinic", "laboratory", "registry", "analyst"];

/// A folder with everything that four parties need. Workers end when it is dropped.
pub(crate) struct Parties {
    folder: tempfile::TempDir,
    workers: Vec<Process>,
    /// What workers log.
    pub(crate) log_level: &'static str,
}

/// A worker or a relay.
struct Process {
    name: String,
    child: Arc<Mutex<Child>>,
    log: Receiver<String>,
    doom: Arc<Mutex<Doom>>,
}

/// How many lines a process has logged since this was set, and at which of them it is to be killed.
#[derive(Default)]
struct Doom {
    lines: usize,
    at: Option<usize>,
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Runs the command in a folder.
pub(crate) fn privity(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privity"));
    command.current_dir(folder).args(args).env_remove("PRIVITY_LOG").output().unwrap()
}

/// What was printed as JSON, with the exit code.
pub(crate) fn json(output: &Output) -> (Value, i32) {
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (value, output.status.code().unwrap_or(-1))
}

impl Parties {
    /// The players of all tests here, as [`of`](Self::of).
    pub(crate) fn new() -> Parties {
        Parties::of(&PLAYERS)
    }

    /// Keys for all players and for a `guest`, a roster with free ports, and a configuration for each worker. Data is
    /// that of `examples/diabetes`, copied, so that tests may change it.
    pub(crate) fn of(players: &[&'static str]) -> Parties {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for file in ["clinic.csv", "laboratory.csv", "registry.csv"] {
            std::fs::copy(repository().join("examples/diabetes").join(file), path.join(file)).unwrap();
        }
        let mut identities = std::collections::BTreeMap::new();
        for name in players.iter().chain(&["guest"]) {
            let (made, code) = json(&privity(path, &["keygen", &format!("{name}.key"), "--json"]));
            assert_eq!(code, 0);
            identities.insert(*name, made["identity"].as_str().unwrap().to_owned());
        }
        // Held together until all are chosen, so that they differ.
        let ports: Vec<TcpListener> =
            players.iter().map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let mut roster = String::new();
        for (name, port) in players.iter().zip(&ports) {
            let port = port.local_addr().unwrap().port();
            writeln!(
                roster,
                "[players.{name}]\nidentity = \"{}\"\nendpoint = \"127.0.0.1:{port}\"\n",
                identities[name]
            )
            .unwrap();
            let guest = &identities["guest"];
            let config = format!(
                "key = \"{name}.key\"\nlisten = \"127.0.0.1:{port}\"\nroster = \"roster.toml\"\nsubmitters = [\"{guest}\"]\n\n{}",
                data(name)
            );
            std::fs::write(path.join(format!("{name}.toml")), config).unwrap();
        }
        std::fs::write(path.join("roster.toml"), roster).unwrap();
        Parties { folder, workers: Vec::new(), log_level: "info" }
    }

    /// Starts the workers of all players, each with `--ratify-all`.
    pub(crate) fn started() -> Parties {
        let mut parties = Parties::new();
        for name in PLAYERS {
            parties.start(name, &["--ratify-all"]);
        }
        parties
    }

    /// Their folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Where a player's worker listens.
    pub(crate) fn endpoint(&self, player: &str) -> String {
        let config = self.read(&format!("{player}.toml"));
        config.lines().find_map(|l| l.strip_prefix("listen = ")).unwrap().trim_matches('"').to_owned()
    }

    /// Starts one worker, and waits until it says that it listens.
    pub(crate) fn start(&mut self, player: &str, flags: &[&str]) {
        let config = format!("{player}.toml");
        let mut args = vec!["worker", "--config", &config];
        args.extend(flags);
        self.spawn(player, &args);
        self.wait_for(player, "listening");
    }

    /// Starts a relay at an address for the workers of the roster, and waits until it listens.
    pub(crate) fn start_relay(&mut self, address: &str) {
        self.spawn("relay", &["relay", "--listen", address, "--roster", "roster.toml"]);
        self.wait_for("relay", "relaying");
    }

    fn spawn(&mut self, name: &str, args: &[&str]) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_privity"))
            .current_dir(self.path())
            .args(args)
            .env("PRIVITY_LOG", self.log_level)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (log, read) = channel();
        // Its log must be read on, or the worker would block on a full pipe.
        let child = Arc::new(Mutex::new(child));
        let doom: Arc<Mutex<Doom>> = Arc::default();
        let (victim, fate) = (Arc::clone(&child), Arc::clone(&doom));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut fate = fate.lock().unwrap();
                fate.lines += 1;
                if fate.at == Some(fate.lines) {
                    // It may have ended by itself just now.
                    let _ = victim.lock().unwrap().kill();
                }
                drop(fate);
                drop(log.send(line));
            }
        });
        self.workers.push(Process { name: name.to_owned(), child, log: read, doom });
    }

    /// The latest process of a name.
    fn process(&self, name: &str) -> &Process {
        self.workers.iter().rev().find(|p| p.name == name).unwrap()
    }

    /// Waits until a worker's log has a line with this text.
    pub(crate) fn wait_for(&self, player: &str, text: &str) {
        assert!(
            self.process(player).log.iter().any(|line| line.contains(text)),
            "the worker of {player} never logged `{text}`"
        );
    }

    /// Starts one worker, and returns the first line of its log that has this text.
    pub(crate) fn start_until(&mut self, (player, flags): (&str, &[&str]), text: &str) -> String {
        let config = format!("{player}.toml");
        let mut args = vec!["worker", "--config", &config];
        args.extend(flags);
        self.spawn(player, &args);
        self.process(player).log.iter().find(|line| line.contains(text)).unwrap()
    }

    /// The id of a worker's process.
    pub(crate) fn process_id(&self, player: &str) -> u32 {
        self.process(player).child.lock().unwrap().id()
    }

    /// Tells a worker to stop in good order.
    pub(crate) fn terminate(&self, player: &str) {
        let id = self.process_id(player);
        assert!(Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap().success());
    }

    /// Waits until a worker has ended, and says how.
    pub(crate) fn exit_code(&self, player: &str) -> Option<i32> {
        self.process(player).child.lock().unwrap().wait().unwrap().code()
    }

    /// Kills a worker as soon as it has logged so many lines more, as a power cut would.
    pub(crate) fn kill_after(&self, player: &str, lines: usize) {
        let process = self.process(player);
        process.log.try_iter().for_each(drop);
        *process.doom.lock().unwrap() = Doom { lines: 0, at: Some(lines) };
    }

    /// How many lines a worker has logged since [`kill_after`](Self::kill_after).
    pub(crate) fn lines(&self, player: &str) -> usize {
        self.process(player).doom.lock().unwrap().lines
    }

    /// Kills a worker, as a power cut would.
    pub(crate) fn kill(&mut self, player: &str) {
        for process in self.workers.extract_if(.., |p| p.name == player) {
            let mut child = process.child.lock().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Runs a program on the workers, coming with a key, and returns what was printed as JSON.
    pub(crate) fn run(&self, program: &str, key: &str) -> (Value, i32) {
        self.write("program.pv", program);
        json(&privity(self.path(), &["run", "program.pv", "--roster", "roster.toml", "--key", key, "--json"]))
    }
}

impl Drop for Parties {
    fn drop(&mut self) {
        for process in &self.workers {
            let mut child = process.child.lock().unwrap();
            // One that was killed already is no error.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The datasets of a player, as its configuration has them: those of the example, and columns of their own.
fn data(player: &str) -> &'static str {
    match player {
        "clinic" => {
            "[data.clinic.bmi]\ncsv = \"clinic.csv\"\ncolumn = \"bmi\"\nkey = \"patient\"\n\
             [data.clinic.vitals]\ncsv = \"clinic.csv\"\ncolumns = [\"age\", \"sex\", \"bmi\", \"bp\"]\nkey = \"patient\"\n"
        }
        "laboratory" => {
            "[data.laboratory.blood]\ncsv = \"laboratory.csv\"\ncolumns = [\"s1..s6\"]\nkey = \"patient\"\n"
        }
        "registry" => "[data.registry.target]\ncsv = \"registry.csv\"\ncolumn = \"target\"\nkey = \"patient\"\n",
        _ => "",
    }
}

/// A program over the three owners' data whose result only the analyst learns.
pub(crate) const JOINT: &str = "
computation joint
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  dim n by patient
  input bmi    : f64[n] at clinic
  input blood  : f64[n, 6] at laboratory
  input target : f64[n] at registry
  on committee as fixed<128, 40>
    product = mean(bmi * target)
    levels  = mean(blood, axis=0)
  release product to analyst as \"product\"
  release levels to analyst as \"levels\"
";
