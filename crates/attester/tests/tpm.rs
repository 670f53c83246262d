//! A software TPM, spoken to as to a chip: quotes, enrolment against its endorsement key, measuring, sealing.

use std::path::Path;

use attest::development::DevelopmentPki;
use attest::tpm::check_endorsement_key;
use attest::{Certificate, Endorsements, Evidence, Expected, Hex, Policy, Roots, Time, Trust, validate};
use attester::tpm::{Tpm, TpmAttester, TpmKey, expected, file_digest};
use attester::{Attester, Error, Places};
use store::{KeyFault, KeySource, Store, StoreError};
use testkit::SoftwareTpm;
use zeroize::Zeroizing;

/// What a launcher measures into, and what its policy pins.
const REGISTER: u32 = 14;

fn now() -> Time {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A software TPM in a folder of its own.
fn tpm() -> (tempfile::TempDir, SoftwareTpm) {
    let folder = tempfile::tempdir().unwrap();
    let tpm = SoftwareTpm::start(folder.path()).unwrap();
    (folder, tpm)
}

fn open(tpm: &SoftwareTpm) -> Tpm {
    Tpm::open(&tpm.socket()).unwrap()
}

fn manufacturer() -> DevelopmentPki {
    DevelopmentPki::from_seed([9; 32])
}

/// A binary and its configuration, measured into [`REGISTER`].
fn measure(tpm: &SoftwareTpm, folder: &Path, binary: &str) -> Result<[u8; 32], Error> {
    let (program, config) = (folder.join("worker"), folder.join("worker.toml"));
    std::fs::write(&program, binary).unwrap();
    std::fs::write(&config, "listen = '127.0.0.1:1'").unwrap();
    open(tpm).measure_once(REGISTER, &[file_digest(&program)?, file_digest(&config)?])
}

/// A policy that pins one value of the register, and names the key.
fn policy(register: [u8; 32], key: Hex) -> Policy {
    let text = format!(
        "name = 'desk'\ntechnologies = ['tpm']\ndevelopment = true\n[measurements]\n'pcr.sha256.{REGISTER}' = ['{}']",
        hex::encode(register)
    );
    let trust = Trust { attestation_keys: vec![key], roots: Vec::new() };
    Policy { trust, ..Policy::parse(&text).unwrap() }
}

/// The checks that a policy refuses.
fn refusals(policy: &Policy, evidence: &Evidence, nonce: &[u8]) -> Vec<String> {
    let claims = validate(evidence, &Endorsements::none(), &Roots::production().unwrap(), now()).unwrap();
    let appraisal = policy.appraise(&claims, &Expected { nonce: Some(nonce), ..Expected::default() }, now());
    appraisal.refusals().map(|check| check.check.clone()).collect()
}

/// Enrols a TPM's attestation key, as a verifier does that knows the manufacturer only.
fn enrol(machine: &mut Tpm, claimed: &attest::tpm::Enrolment) -> Result<Hex, Box<dyn std::error::Error>> {
    let roots = Roots::production()?.with_tpm_root(manufacturer().roots()?.tpm);
    let certificate = Certificate::parse(claimed.certificate.as_ref().ok_or("no certificate")?)?;
    let endorsement = check_endorsement_key(&certificate, &Endorsements::none(), &roots, now())?;
    let (credential, awaiting) = endorsement.challenge(&claimed.attestation_key, &Zeroizing::new([0x5a; 64]))?;
    Ok(awaiting.answered(&machine.activate(&credential)?)?)
}

/// Writes the manufacturer's certificate into a TPM.
fn manufacture(machine: &mut Tpm) {
    let certificate = manufacturer().endorsement_certificate(&machine.endorsement_key().unwrap()).unwrap();
    machine.provision_certificate(certificate.der()).unwrap();
}

#[test]
fn a_measured_machine_is_enrolled_and_attests_and_a_changed_binary_does_not() {
    let (folder, tpm) = tpm();
    manufacture(&mut open(&tpm));
    let enrolment = open(&tpm).enrolment().unwrap();
    let key = enrol(&mut open(&tpm), &enrolment).unwrap();

    let register = measure(&tpm, folder.path(), "the worker").unwrap();
    let policy = policy(register, key);
    let machine = TpmAttester::new(tpm.socket());
    let evidence = machine.evidence(b"a challenge of mine").unwrap();
    assert_eq!(refusals(&policy, &evidence, b"a challenge of mine"), [""; 0]);
    assert_eq!(refusals(&policy, &evidence, b"a challenge of others"), ["nonce", "freshness"]);
    let production = Policy { development: false, ..policy.clone() };
    assert_eq!(refusals(&production, &evidence, b"a challenge of mine"), ["protection"], "memory is not protected");

    // The evidence travels as JSON.
    let received = Evidence::parse(evidence.to_json().as_bytes()).unwrap();
    assert_eq!(received, evidence);

    // Started a second time, nothing is measured twice.
    assert_eq!(measure(&tpm, folder.path(), "the worker").unwrap(), register);
    // Another binary is refused before it starts, and whoever starts it all the same cannot attest.
    assert!(matches!(measure(&tpm, folder.path(), "another"), Err(Error::State { .. })));
    tpm.reboot().unwrap();
    assert_ne!(measure(&tpm, folder.path(), "another").unwrap(), register);
    let evidence = machine.evidence(b"a challenge of mine").unwrap();
    assert_eq!(refusals(&policy, &evidence, b"a challenge of mine"), ["measurement"]);

    // The key is the same after a restart, and so is what the policy says of it.
    tpm.reboot().unwrap();
    measure(&tpm, folder.path(), "the worker").unwrap();
    let evidence = machine.evidence(b"a challenge of mine").unwrap();
    assert_eq!(refusals(&policy, &evidence, b"a challenge of mine"), [""; 0]);
}

#[test]
fn a_key_of_another_tpm_cannot_be_enrolled_and_does_not_attest() {
    let ((_a, genuine), (_b, other)) = (tpm(), tpm());
    manufacture(&mut open(&genuine));
    let ours = open(&genuine).enrolment().unwrap();
    let theirs = open(&other).enrolment().unwrap();
    assert!(theirs.certificate.is_none(), "nobody manufactured it");
    // A certificate of a genuine TPM with the key of another: neither opens the credential.
    let crossed = attest::tpm::Enrolment { certificate: ours.certificate.clone(), ..theirs };
    for machine in [&genuine, &other] {
        let refused = enrol(&mut open(machine), &crossed).unwrap_err();
        assert!(refused.to_string().contains("refused ActivateCredential"), "{refused}");
    }
    let key = enrol(&mut open(&genuine), &ours).unwrap();
    let refused = enrol(&mut open(&other), &ours).unwrap_err();
    assert!(refused.to_string().contains("refused ActivateCredential"), "{refused}");
    let evidence = TpmAttester::new(other.socket()).evidence(&[1; 32]).unwrap();
    assert_eq!(refusals(&policy(expected(&[]), key), &evidence, &[1; 32])[0], "attestation-key");
}

#[test]
fn a_certificate_of_an_unknown_manufacturer_is_refused() {
    let (_folder, tpm) = tpm();
    let public = open(&tpm).endorsement_key().unwrap();
    let foreign = DevelopmentPki::from_seed([1; 32]).endorsement_certificate(&public).unwrap();
    open(&tpm).provision_certificate(foreign.der()).unwrap();
    let enrolment = open(&tpm).enrolment().unwrap();
    let refused = enrol(&mut open(&tpm), &enrolment).unwrap_err();
    assert!(refused.to_string().contains("signature"), "{refused}");
}

#[test]
fn a_store_sealed_to_a_machine_opens_there_in_that_state_only() {
    let (folder, tpm) = tpm();
    let (dir, key) = (folder.path().join("store"), TpmKey { place: tpm.socket(), registers: vec![7, REGISTER] });
    measure(&tpm, folder.path(), "the worker").unwrap();
    drop(Store::create(&dir, &key).unwrap());
    drop(Store::open(&dir, &key).unwrap());

    tpm.reboot().unwrap();
    measure(&tpm, folder.path(), "another").unwrap();
    let Err(StoreError::Key(refused)) = Store::open(&dir, &key) else { panic!("it opened, or failed otherwise") };
    assert_eq!(refused.code(), "attester.state");
    assert!(refused.to_string().contains("register 14 was "), "{refused}");
    assert!(!refused.to_string().contains("register 7"), "{refused}");

    tpm.reboot().unwrap();
    measure(&tpm, folder.path(), "the worker").unwrap();
    drop(Store::open(&dir, &key).unwrap());

    let other = SoftwareTpm::start(&folder.path().join("other")).unwrap();
    measure(&other, folder.path(), "the worker").unwrap();
    let elsewhere = TpmKey { place: other.socket(), ..key };
    let Err(StoreError::Key(refused)) = Store::open(&dir, &elsewhere) else { panic!("another machine opened it") };
    assert_eq!(refused.code(), "attester.refused");
}

#[test]
fn the_registers_beside_a_sealed_key_are_only_words() {
    let (folder, tpm) = tpm();
    measure(&tpm, folder.path(), "the worker").unwrap();
    let sealed = open(&tpm).seal(&[REGISTER], b"secret").unwrap();
    tpm.reboot().unwrap();
    // Whoever edits what the file says of the registers gets no further: the TPM has its own policy.
    let text = serde_json::to_string(&sealed).unwrap();
    let was = hex::encode(open_register(&sealed));
    let edited = serde_json::from_str(&text.replace(&was, &"0".repeat(64))).unwrap();
    assert!(matches!(open(&tpm).unseal(&sealed), Err(Error::State { .. })));
    assert!(matches!(open(&tpm).unseal(&edited), Err(Error::Refused { .. })));
}

/// The value that something was sealed to.
fn open_register(sealed: &attester::tpm::Sealed) -> Vec<u8> {
    let value = serde_json::to_value(sealed).unwrap();
    hex::decode(value["registers"][REGISTER.to_string()].as_str().unwrap()).unwrap()
}

#[test]
fn a_wrapped_key_of_another_store_is_refused() {
    let (_folder, tpm) = tpm();
    let key = TpmKey { place: tpm.socket(), registers: vec![REGISTER] };
    let root = store::RootKey::from_bytes(Zeroizing::new([3; 32]));
    let wrapped = key.wrap(&root, b"store 1").unwrap();
    assert_eq!(key.unwrap(&wrapped, b"store 1").unwrap().as_bytes(), root.as_bytes());
    assert!(matches!(key.unwrap(&wrapped, b"store 2"), Err(KeyFault::Wrong)));
    for cut in [0, 1, wrapped.len() / 2, wrapped.len() - 1] {
        assert!(key.unwrap(&wrapped[..cut], b"store 1").is_err());
    }
}

#[test]
fn the_tpm_is_left_as_it_was_found() {
    let (_folder, tpm) = tpm();
    let machine = TpmAttester::new(tpm.socket());
    // A software TPM has room for three objects: what is left behind would show soon.
    for round in 0..8u8 {
        machine.evidence(&[round; 64]).unwrap();
        let sealed = open(&tpm).seal(&[REGISTER], &[round; 32]).unwrap();
        assert_eq!(*open(&tpm).unseal(&sealed).unwrap(), [round; 32]);
    }
    assert!(matches!(machine.evidence(&[0; 65]), Err(Error::Misuse(_))));
    assert!(matches!(open(&tpm).seal(&[24], b"x"), Err(Error::Misuse(_))));
}

#[test]
fn a_machine_without_hardware_says_so() {
    let nowhere = tempfile::tempdir().unwrap();
    let below = |name: &str| nowhere.path().join(name);
    let places =
        Places { gramine: below("a"), tsm: below("b"), tpm: below("c"), ccel: below("d"), tpm_log: below("e") };
    let Err(absent) = places.detect() else { panic!("found something") };
    assert_eq!(absent.code(), "attester.absent");
    let (_folder, tpm) = tpm();
    let places = Places { tpm: tpm.socket(), ..places };
    assert_eq!(places.detect().unwrap().evidence(b"x").unwrap().kind(), "tpm");
}
