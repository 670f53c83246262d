//! A round of secure aggregation with real processes: twenty clients of which some are killed, two aggregators, and a service
//! that is killed twice.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use net::KeyPair;
use serde_json::Value;

const CLIENTS: usize = 20;
/// Clients that are killed, and those of them that are started again.
const KILLED: [usize; 6] = [1, 4, 8, 11, 14, 19];
const RETURNING: [usize; 3] = [4, 11, 19];
/// The last of them have no keys of their own, and are invited.
const INVITED: usize = 5;

struct World {
    folder: tempfile::TempDir,
    service: Option<Child>,
    aggregators: Vec<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in self.service.iter_mut().chain(&mut self.aggregators) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn privity(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privity"));
    command.current_dir(folder).args(args).env_remove("PRIVITY_LOG").stdin(Stdio::null());
    command
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn make_key(folder: &Path, name: &str) -> KeyPair {
    let key = KeyPair::generate().unwrap();
    key.save(&folder.join(format!("{name}.key"))).unwrap();
    key
}

/// Makes invitations, and of each a client's key, as whoever is invited does.
fn invite(folder: &Path) {
    let codes = succeeds(&privity(folder, &["keygen", "--codes", &INVITED.to_string()]).output().unwrap());
    std::fs::write(folder.join("codes.txt"), &codes).unwrap();
    assert_eq!(codes.lines().count(), INVITED);
    for (i, line) in (CLIENTS - INVITED..).zip(codes.lines()) {
        let (identity, code) = line.split_once(' ').unwrap();
        let file = format!("client{i}.key");
        let output = if i % 2 == 0 {
            privity(folder, &["keygen", &file, "--code", code]).output().unwrap()
        } else {
            std::fs::write(folder.join("code"), format!("{code}\n")).unwrap();
            let code = std::fs::File::open(folder.join("code")).unwrap();
            privity(folder, &["keygen", &file, "--code", "-"]).stdin(code).output().unwrap()
        };
        assert_eq!(succeeds(&output).trim(), identity);
    }
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let service = make_key(path, "service");
        let enroller = make_key(path, "enroller");
        let mut terms = format!(
            "name = \"digits\"\nlength = {CLIENTS}\nclip = 1.0\nprecision = 20\nminimum = 5\nmost = {CLIENTS}\nrounds = 1\n\
             collect_seconds = 25.0\nanswer_seconds = 20.0\nenroller = \"{}\"\n\
             [service]\nidentity = \"{}\"\naddress = \"{at}\"\n\
             [committee]\nthreshold = 2\nquorum = 2\ncorrupt = 1\n",
            enroller.public().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            service.identity(),
        );
        for name in ["north", "south"] {
            make_key(path, name);
            let output = privity(path, &["aggregator", "--keys", &format!("{name}.key")]).output().unwrap();
            terms.push_str(&format!("[[committee.aggregators]]\nname = \"{name}\"\n{}", succeeds(&output)));
            let config = format!(
                "[aggregator]\nkey = \"{name}.key\"\nfolder = \"{name}\"\n\
                 [[task]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n"
            );
            std::fs::write(path.join(format!("{name}.toml")), config).unwrap();
        }
        std::fs::write(path.join("terms.toml"), terms).unwrap();
        let clients: Vec<String> =
            (0..CLIENTS - INVITED).map(|i| make_key(path, &format!("client{i}")).identity().to_string()).collect();
        std::fs::write(path.join("clients.txt"), clients.join("\n")).unwrap();
        invite(path);
        let enrol = ["enrol", "--terms", "terms.toml", "--key", "enroller.key", "clients.txt", "codes.txt"];
        std::fs::write(path.join("clients.list"), succeeds(&privity(path, &enrol).output().unwrap())).unwrap();
        let config = format!(
            "[service]\nkey = \"service.key\"\nlisten = \"{at}\"\nboard = \"board.redb\"\n\
             [[task]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n"
        );
        std::fs::write(path.join("service.toml"), config).unwrap();
        World { folder, service: None, aggregators: vec![] }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self, config: &str) -> Child {
        let mut command = privity(self.path(), &["aggregator", "--config", config]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// As by a power cut.
    fn restart_service(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().unwrap();
            service.wait().unwrap();
        }
        self.service = Some(self.start("service.toml"));
    }

    fn data(&self, i: usize) -> PathBuf {
        let file = self.path().join(format!("client{i}.csv"));
        let digit = (0..CLIENTS).map(|j| if i == j { "1\n" } else { "0\n" });
        std::fs::write(&file, format!("value\n{}", digit.collect::<String>())).unwrap();
        file
    }

    fn contribute(&self, i: usize) -> Child {
        let (key, resume) = (format!("client{i}.key"), format!("client{i}.sent"));
        let data = self.data(i).display().to_string();
        let args = ["contribute", "--terms", "terms.toml", "--key", &key, "--data", &data, "--column", "value"];
        let mut command = privity(self.path(), &args);
        command.args(["--resume", &resume, "--round", "1", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = privity(self.path(), args).args(["--terms", "terms.toml", "--json"]).output().unwrap();
        serde_json::from_str(&succeeds(&output)).unwrap()
    }

    fn check(&self) -> Value {
        let output = privity(self.path(), &["aggregator", "--config", "service.toml", "--check", "--json"]).output();
        serde_json::from_str(&succeeds(&output.unwrap())).unwrap()
    }
}

#[test]
fn killed_clients_and_a_killed_service_do_not_spoil_a_round() {
    let mut world = World::new();
    let checked = world.check();
    assert_eq!(checked["tasks"][0]["name"], "digits");
    assert!(checked["tasks"][0]["assumption"].as_str().unwrap().contains("one of the 2 aggregators is honest"));
    world.restart_service();
    world.aggregators = vec![world.start("north.toml"), world.start("south.toml")];

    let mut stay = Vec::new();
    for i in 0..CLIENTS {
        let mut client = world.contribute(i);
        if KILLED.contains(&i) {
            // At whatever it is doing: some are only starting, some have waited for the others' processes before.
            if i % 2 == 0 {
                world.json(&["rounds", "--key", "client0.key"]);
            }
            client.kill().unwrap();
            client.wait().unwrap();
        } else {
            stay.push((i, client));
        }
        if i == 6 || i == 13 {
            world.restart_service();
        }
    }
    for i in RETURNING {
        stay.push((i, world.contribute(i)));
    }
    for (i, client) in stay {
        let output = client.wait_with_output().unwrap();
        let accepted: Value = serde_json::from_str(&succeeds(&output)).unwrap();
        assert_eq!(accepted["accepted"], true, "client {i}");
    }
    let result = world.json(&["rounds", "--key", "client0.key", "--round", "1", "--result"]);
    let digits: Vec<i64> =
        result["sum"].as_array().unwrap().iter().map(|sum| sum.as_f64().unwrap().round() as i64).collect();
    for (i, digit) in digits.iter().enumerate() {
        let vanished = KILLED.contains(&i) && !RETURNING.contains(&i);
        assert!(*digit == 1 || (vanished && *digit == 0), "client {i} was counted {digit} times");
    }
    assert_eq!(result["contributions"], digits.iter().sum::<i64>());
    // All rounds are over: the aggregators have nothing more to do.
    for aggregator in &mut world.aggregators {
        assert!(aggregator.wait().unwrap().success());
    }
    // Whoever comes now is too late, unless it sends again what was there in time.
    let late = world.contribute(KILLED[0]).wait_with_output().unwrap();
    let late: Value = serde_json::from_slice(&late.stdout).unwrap();
    match digits[KILLED[0]] {
        0 => assert_eq!(late["error"]["code"], "aggregator.late", "{late}"),
        _ => assert_eq!(late["accepted"], true, "{late}"),
    }
}

#[test]
fn a_configuration_that_cannot_be_is_refused_in_full() {
    let world = World::new();
    let config = "[service]\nkey = \"north.key\"\nlisten = \"127.0.0.1:0\"\nboard = \"memory\"\nhttp = \"192.0.2.1:1\"\n\
                  [[task]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n";
    std::fs::write(world.path().join("wrong.toml"), config).unwrap();
    let output =
        privity(world.path(), &["aggregator", "--config", "wrong.toml", "--check", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let problems: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problems["problems"].as_array().unwrap().len(), 2, "{problems}");
}
