//! `privity attest` from end to end: a software TPM is enrolled, measures, attests, and is refused when it should be;
//! owners approve what an enclave has to be.

mod common;

use std::path::Path;

use attest::development::DevelopmentPki;
use common::{JOINT, PLAYERS, Parties, json, privity};
use testkit::SoftwareTpm;

/// Runs a command that has to succeed, and returns what it printed.
fn told(folder: &Path, line: &str) -> String {
    let output = privity(folder, &line.split_whitespace().collect::<Vec<_>>());
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "privity {line}\n{printed}{errors}");
    printed.trim().to_owned()
}

/// Runs a command that has to be refused with exit code 1, and returns all that it said.
fn refused(folder: &Path, line: &str) -> String {
    let output = privity(folder, &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "privity {line}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// A software TPM with its manufacturer's certificate, whose root is in `root.der`.
fn machine(folder: &Path) -> SoftwareTpm {
    let tpm = SoftwareTpm::start(&folder.join("tpm")).unwrap();
    let maker = DevelopmentPki::from_seed([5; 32]);
    let mut open = attester::tpm::Tpm::open(&tpm.socket()).unwrap();
    let certificate = maker.endorsement_certificate(&open.endorsement_key().unwrap()).unwrap();
    open.provision_certificate(certificate.der()).unwrap();
    std::fs::write(folder.join("root.der"), maker.roots().unwrap().tpm.der()).unwrap();
    tpm
}

#[test]
fn a_machine_is_enrolled_measured_verified_and_refused_when_its_binary_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tpm = machine(path);
    std::fs::write(path.join("worker"), "a binary").unwrap();
    std::fs::write(path.join("worker.toml"), "a configuration").unwrap();
    told(path, "keygen verifier.key");
    told(path, "attest enrol request --tpm tpm/socket -o request.json");
    told(path, "attest enrol challenge request.json --key verifier.key --root root.der -o credential.json");
    let answer = told(path, "attest enrol answer credential.json --tpm tpm/socket");
    let admit = "attest enrol admit request.json --key verifier.key --root root.der --answer";
    let key = told(path, &format!("{admit} {answer}"));
    assert!(refused(path, &format!("{admit} {}", "00".repeat(32))).contains("not the secret that was sent"));

    let expected = told(path, "attest measure worker worker.toml --dry-run");
    assert_eq!(told(path, "attest measure worker worker.toml --tpm tpm/socket"), expected);
    let policy = format!(
        "name = 'desk'\ntechnologies = ['tpm']\ndevelopment = true\n[measurements]\n{expected}\n[trust]\n{key}\n"
    );
    std::fs::write(path.join("policy.toml"), &policy).unwrap();
    let nonce = "c4".repeat(32);
    told(path, &format!("attest produce --tpm tpm/socket --nonce {nonce} -o evidence.json"));
    let verify = format!("attest verify evidence.json --policy policy.toml --nonce {nonce}");
    let said = told(path, &verify);
    assert!(said.contains("whoever operates the machine can read its memory"), "{said}");
    assert!(said.contains("FOR DEVELOPMENT ONLY"), "{said}");
    let (appraisal, code) = json(&privity(path, &format!("{verify} --json").split(' ').collect::<Vec<_>>()));
    assert_eq!(
        (code, appraisal["accepted"].as_bool(), appraisal["development"].as_bool()),
        (0, Some(true), Some(true))
    );

    // Replayed for another challenge; by a policy for production; and after something else was started.
    assert!(refused(path, &verify.replace(&nonce, &"c5".repeat(32))).contains("REFUSED    freshness"));
    std::fs::write(path.join("production.toml"), policy.replace("development = true", "")).unwrap();
    assert!(refused(path, &verify.replace("policy.toml", "production.toml")).contains("REFUSED    protection"));
    std::fs::write(path.join("worker"), "another binary").unwrap();
    let measured = refused(path, "attest measure worker worker.toml --tpm tpm/socket");
    assert!(measured.contains("error[attester.state]: the machine is in another state: register 14"), "{measured}");
    tpm.reboot().unwrap();
    told(path, "attest measure worker worker.toml --tpm tpm/socket");
    std::fs::remove_file(path.join("evidence.json")).unwrap();
    told(path, &format!("attest produce --tpm tpm/socket --nonce {nonce} -o evidence.json"));
    let said = refused(path, &verify);
    assert!(said.contains("REFUSED    measurement"), "{said}");
    assert!(said.contains("policy `desk` refuses: 1 of "), "{said}");
}

#[test]
fn reference_values_count_once_every_owner_has_signed_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let owner = |name: &str| told(path, &format!("keygen {name}.key"));
    let (clinic, registry) = (owner("clinic"), owner("registry"));
    let values = serde_json::json!({
        "name": "trainer", "version": "1.0", "source": "ab".repeat(32), "technology": "tdx",
        "measurements": { "mrtd": ["cd".repeat(48)] },
    });
    std::fs::write(path.join("values.json"), values.to_string()).unwrap();
    std::fs::write(path.join("policy.toml"), "name = 'trainer'\ntechnologies = ['sgx', 'tdx']\n").unwrap();
    told(path, "attest approve values.json --key clinic.key -o clinic.json");
    told(path, "attest approve values.json --key registry.key -o registry.json");
    let approved = format!("attest approved values.json --policy policy.toml --owner {clinic} --owner {registry}");
    let both = format!("{approved} --approval clinic.json --approval registry.json");
    let pinned = attest::Policy::parse(&told(path, &both)).unwrap();
    assert_eq!(pinned.technologies, [attest::Technology::Tdx]);
    assert_eq!(pinned.measurements["mrtd"][0].to_string(), "cd".repeat(48));

    let said = refused(path, &format!("{approved} --approval clinic.json"));
    assert!(said.contains(&registry) && said.contains("has not approved"), "{said}");
    std::fs::write(path.join("values.json"), values.to_string().replace("1.0", "1.1")).unwrap();
    assert!(refused(path, &both).contains("has not approved"), "they signed another version");
    let forged = std::fs::read_to_string(path.join("clinic.json")).unwrap();
    let digest = serde_json::from_str::<serde_json::Value>(&forged).unwrap()["digest"].as_str().unwrap().to_owned();
    let values: attest::approval::ReferenceValues =
        serde_json::from_slice(&std::fs::read(path.join("values.json")).unwrap()).unwrap();
    std::fs::write(path.join("clinic.json"), forged.replace(&digest, &values.digest().to_string())).unwrap();
    assert!(refused(path, &both).contains("signature"), "the digest alone does not make an approval");
}

#[test]
fn workers_send_nothing_to_a_machine_that_does_not_prove_what_was_approved() {
    let mut parties = Parties::new();
    let path = parties.path().to_owned();
    let tpm = machine(&path);
    // What stands for the registry's binary is a file of its own.
    std::fs::write(path.join("binary"), "approved").unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    told(&path, "attest produce --tpm tpm/socket --nonce 00 -o evidence.json");
    std::fs::write(path.join("machine.toml"), told(&path, "attest pin evidence.json --name registry")).unwrap();
    for player in PLAYERS {
        let more = match player {
            "registry" => "\n[prove]\ntpm = \"tpm/socket\"\n\n[store]\ntpm = \"tpm/socket\"\nregisters = [14]\n",
            _ => "\n[machines.registry]\npolicy = \"machine.toml\"\n",
        };
        parties.write(&format!("{player}.toml"), &(parties.read(&format!("{player}.toml")) + more));
        parties.start(player, &["--ratify-all"]);
    }
    let (outcome, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{outcome}");
    parties.wait_for("clinic", "a machine was appraised and accepted");

    // Its operator starts something else: the same worker with the same key, on a machine that measured another binary.
    std::fs::write(path.join("binary"), "swapped").unwrap();
    tpm.reboot().unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    let (outcome, code) = parties.run(JOINT, "analyst.key");
    assert_ne!(code, 0, "{outcome}");
    assert!(outcome["error"]["code"].as_str().is_some(), "{outcome}");

    // Its store, which was sealed to what was measured before, does not open either.
    parties.kill("registry");
    let said = parties.start_until(("registry", &["--ratify-all"]), "register 14");
    assert!(said.contains("register 14 was "), "{said}");
    assert_eq!(parties.exit_code("registry"), Some(1));

    tpm.reboot().unwrap();
    std::fs::write(path.join("binary"), "approved").unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    parties.start("registry", &["--ratify-all"]);
    let (outcome, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{outcome}");
}

#[test]
fn a_worker_can_require_that_what_runs_there_is_in_the_log_of_all_owners() {
    let parties = Parties::new();
    let path = parties.path();
    let identity = |name: &str| {
        let roster = ::privity::agreement::Roster::read(&path.join("roster.toml")).unwrap();
        roster.get(name).unwrap().identity.to_string()
    };
    let (clinic, registry, keeper) = (identity("clinic"), identity("registry"), identity("analyst"));
    let append = |version: &str| {
        let values = serde_json::json!({
            "name": "trainer", "version": version, "source": "ab".repeat(32), "technology": "tdx",
            "measurements": { "mrtd": ["cd".repeat(48)] },
        });
        parties.write("values.json", &values.to_string());
        for owner in ["clinic", "registry"] {
            parties
                .write(&format!("{owner}.json"), &told(path, &format!("attest approve values.json --key {owner}.key")));
        }
        let of = format!("--owner {clinic} --owner {registry} --approval clinic.json --approval registry.json");
        told(path, &format!("attest log append log.jsonl --values values.json {of} --key analyst.key"))
    };
    parties.write("head.json", &append("1.0"));
    append("1.1");
    told(path, "attest log prove log.jsonl --since 1 --key analyst.key -o proof.json");
    let verify = format!("attest log verify proof.json --keeper {keeper} --since head.json --owner {clinic}");
    let said = told(path, &format!("{verify} --owner {registry}"));
    assert_eq!(said, "trainer 1.1 is entry 1 of 2, approved by 2 owners");
    assert!(refused(path, &format!("{verify} --owner {keeper}")).contains("has not approved"));
    assert!(refused(path, &verify.replace(&keeper, &clinic)).contains("does not keep"));
    // Only the owners named approve for the log.
    let alone = format!("--owner {keeper} --approval clinic.json --key analyst.key");
    refused(path, &format!("attest log append log.jsonl --values values.json {alone}"));

    parties.write("machine.toml", "name = 'trainer'\ntechnologies = ['tdx']\n");
    let config = parties.read("clinic.toml");
    let asks = |log: &str| {
        let approved =
            format!("approved = \"proof.json\"\nlog = \"{log}\"\napproved_by = [\"{clinic}\", \"{registry}\"]\n");
        parties.write("clinic.toml", &format!("{config}\n[machines.registry]\npolicy = \"machine.toml\"\n{approved}"));
    };
    asks(&keeper);
    told(path, "worker --config clinic.toml --check");
    asks(&registry);
    assert!(refused(path, "worker --config clinic.toml --check").contains("has not signed it"));
    asks(&keeper);
    let other = parties.read("proof.json").replace("\"1.1\"", "\"1.2\"");
    parties.write("proof.json", &other);
    assert!(refused(path, "worker --config clinic.toml --check").contains("the entry is not in this log"));
}
