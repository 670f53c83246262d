//! Parties of whom one, the cloud, operates a machine that proves itself: a software TPM, which proves what was measured and
//! protects no memory, so everything here is for development, and says so.

use std::path::Path;

use testkit::SoftwareTpm;

use super::{Parties, privity};

/// Runs a command that has to succeed, and returns what it printed.
pub(crate) fn told(folder: &Path, line: &str) -> String {
    let output = privity(folder, &line.split_whitespace().collect::<Vec<_>>());
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "privity {line}\n{printed}{errors}");
    printed.trim().to_owned()
}

/// A machine of the cloud, with a software TPM in which its binary was measured.
pub(crate) fn machine(folder: &Path, name: &str) -> SoftwareTpm {
    let tpm = SoftwareTpm::start(&folder.join(name)).unwrap();
    told(folder, &format!("attest measure binary --tpm {name}/socket"));
    tpm
}

/// A cloud whose machine the other players know, each by a policy of their own, and by the claims that all agree on. None of the
/// workers runs yet.
pub(crate) fn parties(players: &[&'static str]) -> (Parties, SoftwareTpm) {
    let parties = Parties::of(players);
    let path = parties.path();
    // It stands for the worker's binary.
    parties.write("binary", "approved");
    let tpm = machine(path, "tpm");
    told(path, "attest produce --tpm tpm/socket --nonce 00 -o evidence.json");
    parties.write("cloud-machine.toml", &told(path, "attest pin evidence.json --name trainer"));
    let claims = told(path, "attest pin evidence.json --name trainer --claims-of cloud");
    parties.write("roster.toml", &format!("{}\n{claims}\n", parties.read("roster.toml")));
    parties.write("cloud.toml", &(parties.read("cloud.toml") + "\n[prove]\ntpm = \"tpm/socket\"\n"));
    for player in players.iter().filter(|player| **player != "cloud") {
        let file = format!("{player}.toml");
        parties.write(&file, &(parties.read(&file) + "\n[machines.cloud]\npolicy = \"cloud-machine.toml\"\n"));
    }
    (parties, tpm)
}
