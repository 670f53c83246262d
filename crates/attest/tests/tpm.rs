//! Real TPM quotes: a cloud machine's in three banks with its event log, and a software TPM's by both kinds of key.

mod common;

use attest::tpm::{TpmEvidence, check_endorsement_key};
use attest::{Certificate, Claims, Endorsements, Error, Evidence, Expected, Outcome, Policy, Roots, validate};
use common::{data, roots, time};

const AT: &str = "2026-11-21T09:00:00Z";

fn claims_of(evidence: &TpmEvidence) -> attest::Result<Claims> {
    validate(&Evidence::Tpm(evidence.clone()), &Endorsements::none(), &roots(), time(AT))
}

fn swtpm(key: &str, prefix: &str) -> TpmEvidence {
    let file = |suffix: &str| data(&format!("tpm/swtpm/{prefix}.{suffix}"));
    TpmEvidence::from_tpm2_tools(&data(key), &file("msg"), &file("sig"), &file("pcrs")).unwrap()
}

fn both() -> [TpmEvidence; 2] {
    [swtpm("tpm/swtpm/ak.pub", "q"), swtpm("tpm/swtpm/akr.pem", "qr")]
}

fn policy(claims: &Claims, pin: &str, development: bool, more: &str) -> Policy {
    let (value, key) = (&claims.executables.measurements[pin], claims.hardware.identity.clone().unwrap());
    let text = format!(
        "name = 'test'\ntechnologies = ['tpm']\ndevelopment = {development}\n[measurements]\n'{pin}' = ['{value}']\n\
         [trust]\nattestation-keys = ['{key}']\n{more}"
    );
    Policy::parse(&text).unwrap()
}

/// The register that the software TPM measured something into.
const PIN: &str = "pcr.sha256.10";

fn refusals(policy: &Policy, claims: &Claims, nonce: Option<&[u8]>) -> Vec<String> {
    let appraisal = policy.appraise(claims, &Expected { nonce, ..Expected::default() }, time(AT));
    appraisal.refusals().map(|check| check.check.clone()).collect()
}

#[test]
fn a_software_tpm_is_accepted_with_its_nonce_and_with_no_other() {
    let nonce = hex::decode(data("tpm/swtpm/nonce.hex").trim_ascii()).unwrap();
    for evidence in both() {
        let claims = claims_of(&evidence).unwrap();
        let policy = policy(&claims, PIN, true, "");
        assert_eq!(refusals(&policy, &claims, Some(&nonce)), [""; 0]);
        let mut other = nonce.clone();
        other[7] ^= 1;
        assert_eq!(refusals(&policy, &claims, Some(&other)), ["nonce", "freshness"]);
        assert_eq!(refusals(&policy, &claims, None), ["freshness"]);
    }
}

#[test]
fn a_tpm_satisfies_only_a_development_policy_that_names_its_key() {
    let nonce = hex::decode(data("tpm/swtpm/nonce.hex").trim_ascii()).unwrap();
    let claims = claims_of(&both()[0]).unwrap();
    assert_eq!(refusals(&policy(&claims, PIN, false, ""), &claims, Some(&nonce)), ["protection"]);
    let mut stranger = policy(&claims, PIN, true, "");
    stranger.trust.attestation_keys.clear();
    assert_eq!(refusals(&stranger, &claims, Some(&nonce)), ["attestation-key"]);
    let accepted = policy(&claims, PIN, true, "");
    let appraisal = accepted.appraise(&claims, &Expected { nonce: Some(&nonce), ..Expected::default() }, time(AT));
    let protection = appraisal.checks.iter().find(|check| check.check == "protection").unwrap();
    assert_eq!(protection.outcome, Outcome::Tolerated);
    assert!(appraisal.development);
}

#[test]
fn a_quote_under_another_key_or_with_other_registers_is_refused() {
    let [ecc, rsa] = both();
    let crossed = TpmEvidence { attestation_key: rsa.attestation_key.clone(), ..ecc.clone() };
    assert!(matches!(claims_of(&crossed), Err(Error::Signature { .. })));
    let mut altered = ecc.clone();
    altered.quotes[0].pcrs[0].value.0[0] ^= 1;
    assert!(matches!(claims_of(&altered), Err(Error::Mismatch { .. })));
    let mut fewer = ecc;
    fewer.quotes[0].pcrs.pop();
    assert!(matches!(claims_of(&fewer), Err(Error::Mismatch { .. })));
}

#[test]
fn a_cloud_machine_quotes_three_banks_and_its_log_replays() {
    let Evidence::Tpm(evidence) = Evidence::parse(&data("tpm/gce-cos-85-no-nonce.pb")).unwrap() else {
        panic!("not taken for TPM evidence")
    };
    let claims = claims_of(&evidence).unwrap();
    for bank in ["sha1", "sha256", "sha384"] {
        assert!(claims.executables.measurements.contains_key(&format!("pcr.{bank}.0")), "{bank}");
    }
    assert!(claims.verified.iter().any(|line| line.contains("44 events")), "{:?}", claims.verified);
    let policy = policy(&claims, "pcr.sha256.4", true, "[tolerate]\nmissing-freshness = true");
    assert_eq!(refusals(&policy, &claims, Some(b"")), [""; 0]);
    assert_eq!(refusals(&policy, &claims, Some(b"other")), ["nonce"]);
    let strict = Policy { tolerate: attest::Tolerances::default(), ..policy };
    assert_eq!(refusals(&strict, &claims, Some(b"")), ["freshness"], "an empty nonce proves nothing");
}

#[test]
fn an_edited_event_log_is_refused() {
    let Evidence::Tpm(evidence) = Evidence::parse(&data("tpm/gce-cos-85-no-nonce.pb")).unwrap() else {
        panic!("not taken for TPM evidence")
    };
    let log = evidence.event_log.clone().unwrap().0;
    let parsed = attest::EventLog::parse(&log).unwrap();
    // Another digest in one event, for each event that is measured.
    for event in parsed.events.iter().filter(|event| event.kind != 3) {
        for (_, digest) in &event.digests {
            let at = log.windows(digest.len()).position(|window| window == digest).unwrap();
            let mut edited = log.clone();
            edited[at] ^= 0x80;
            let evidence = TpmEvidence { event_log: Some(edited.into()), ..evidence.clone() };
            assert!(matches!(claims_of(&evidence), Err(Error::Mismatch { .. })));
        }
    }
}

#[test]
fn endorsement_key_certificates_lead_to_the_manufacturers_root() {
    let root = Certificate::parse(&data("tpm/swtpm/swtpm-localca-rootca-cert.pem")).unwrap();
    let roots: Roots = roots().with_tpm_root(root);
    let mut with = Endorsements::none();
    with.add(&data("tpm/swtpm/issuercert.pem"));
    for file in ["tpm/swtpm/ek-ecc-p384.crt.der", "tpm/swtpm/ekr.crt"] {
        let certificate = Certificate::parse(&data(file)).unwrap();
        check_endorsement_key(&certificate, &with, &roots, time(AT)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let alone = check_endorsement_key(&certificate, &Endorsements::none(), &roots, time(AT));
        assert!(matches!(alone, Err(Error::Chain { .. })), "{alone:?}");
        let early = check_endorsement_key(&certificate, &with, &roots, time("2020-01-01T00:00:00Z"));
        assert!(matches!(early, Err(Error::NotYetValid { .. })), "{early:?}");
    }
    let issuer = Certificate::parse(&data("tpm/swtpm/issuercert.pem")).unwrap();
    assert!(check_endorsement_key(&issuer, &with, &roots, time(AT)).is_err());
}

#[test]
fn a_certified_attestation_key_needs_its_root_or_itself_named_by_the_policy() {
    use attest::development::DevelopmentPki;
    // The development root given as if it were a manufacturer's: the chain is then an ordinary one.
    let pki = DevelopmentPki::from_seed([3; 32]);
    let manufacturer = pki.roots().unwrap().tpm;
    let evidence = pki.tpm(&[(10, [5; 32])], b"challenge").unwrap();
    let roots = roots().with_tpm_root(manufacturer.clone());
    let claims = validate(&Evidence::Tpm(evidence), &Endorsements::none(), &roots, time(AT)).unwrap();
    assert_eq!(claims.root_fingerprint, manufacturer.fingerprint());
    let mut policy = policy(&claims, PIN, true, "");
    assert_eq!(refusals(&policy, &claims, Some(b"challenge")), [""; 0], "the key is named");
    policy.trust.attestation_keys.clear();
    assert_eq!(refusals(&policy, &claims, Some(b"challenge")), ["root"]);
    policy.trust.roots.push(manufacturer.fingerprint());
    assert_eq!(refusals(&policy, &claims, Some(b"challenge")), [""; 0], "the root is named");
}
