//! Real SEV-SNP reports with their verdicts, and the checks beyond the signature.

mod common;

use attest::{Claims, Time};
use attest::{Endorsements, Error, Expected, Policy, Result, validate_bytes};
use common::{data, roots, time};

fn with(files: &[&str]) -> Endorsements {
    let mut with = Endorsements::none();
    for file in files {
        with.add(&data(file));
    }
    with
}

fn validate(report: &str, certificate: &str, at: Time) -> Result<Claims> {
    validate_bytes(&data(report), &with(&[certificate]), &roots(), at)
}

fn policy(claims: &Claims) -> Policy {
    let measurement = &claims.executables.measurements["measurement"];
    let text = format!(
        "name = 'test'\ntechnologies = ['snp']\n[measurements]\nmeasurement = ['{measurement}']\n[minimum]\nsnp = 1\n\
         [tolerate]\nmissing-freshness = true"
    );
    Policy::parse(&text).unwrap()
}

const ACCEPTED: [(&str, &str, &str, &str, &str); 4] = [
    (
        "snp/virtee/report_milan.hex",
        "snp/virtee/vcek_milan.der",
        "2023-04-03T19:23:43Z",
        "2030-04-03T19:23:43Z",
        "Milan",
    ),
    (
        "snp/trustee/test-report.bin",
        "snp/trustee/test-vcek.der",
        "2023-01-24T17:58:26Z",
        "2030-01-24T17:58:26Z",
        "Milan",
    ),
    (
        "snp/trustee/test-vlek-report.bin",
        "snp/trustee/test-vlek.der",
        "2024-12-10T22:14:21Z",
        "2025-12-10T22:14:21Z",
        "Milan",
    ),
    ("snp/ms/genoa-report.bin", "snp/ms/genoa-vcek.pem", "2026-02-05T02:05:07Z", "2033-02-05T02:05:07Z", "Genoa"),
];

#[test]
fn every_report_is_accepted_while_its_certificate_is_valid_and_only_then() {
    for (report, certificate, from, until, product) in ACCEPTED {
        let (from, until) = (time(from), time(until));
        for at in [from, until] {
            let claims = validate(report, certificate, at).unwrap_or_else(|e| panic!("{report}: {e}"));
            assert_eq!(claims.hardware.product.as_deref(), Some(product));
            let appraisal = policy(&claims).appraise(&claims, &Expected::default(), at);
            assert!(appraisal.accepted, "{report}: {}", appraisal.to_json());
        }
        let early = validate(report, certificate, Time::from_unix(from.unix() - 1));
        assert!(matches!(early, Err(Error::NotYetValid { .. })), "{report}: {early:?}");
        let late = validate(report, certificate, until.plus(1));
        assert!(matches!(late, Err(Error::Expired { .. })), "{report}: {late:?}");
    }
}

#[test]
fn a_vlek_report_says_its_privilege_level_and_names_no_chip() {
    let claims =
        validate("snp/trustee/test-vlek-report.bin", "snp/trustee/test-vlek.der", time("2025-06-01T00:00:00Z"))
            .unwrap();
    assert_eq!(claims.configuration.numbers["vmpl"], 1);
    assert_eq!(claims.hardware.identity, None);
}

#[test]
fn a_certificate_of_another_chip_or_tcb_is_refused() {
    let at = time("2025-06-01T00:00:00Z");
    for certificate in ["snp/trustee/test-vcek-invalid-legacy.der", "snp/trustee/test-vcek-invalid-new.der"] {
        let refused = validate("snp/trustee/test-report.bin", certificate, at);
        assert!(matches!(refused, Err(Error::Mismatch { .. } | Error::Signature { .. })), "{certificate}: {refused:?}");
    }
    let other = validate("snp/trustee/test-report.bin", "snp/virtee/vcek_milan.der", at);
    assert!(matches!(other, Err(Error::Mismatch { .. })), "{other:?}");
    let vlek = validate("snp/trustee/test-report.bin", "snp/trustee/test-vlek.der", at);
    assert!(vlek.is_err(), "{vlek:?}");
    let none = validate_bytes(&data("snp/trustee/test-report.bin"), &Endorsements::none(), &roots(), at);
    assert!(matches!(none, Err(Error::MissingEndorsement { .. })), "{none:?}");
}

#[test]
fn a_debug_guest_validates_and_is_refused_as_debug() {
    let at = time("2025-06-01T00:00:00Z");
    let claims = validate("snp/google/attestation.bin", "snp/google/vcek.testcer", at).unwrap();
    assert!(claims.configuration.debug);
    let appraisal = policy(&claims).appraise(&claims, &Expected::default(), at);
    let refused: Vec<&str> = appraisal.refusals().map(|check| check.check.as_str()).collect();
    assert_eq!(refused, ["debug"]);
}

#[test]
fn without_minimum_versions_the_firmware_is_refused_as_unrated() {
    let at = time("2025-06-01T00:00:00Z");
    let claims = validate("snp/trustee/test-report.bin", "snp/trustee/test-vcek.der", at).unwrap();
    let mut policy = policy(&claims);
    policy.minimum.clear();
    let appraisal = policy.appraise(&claims, &Expected::default(), at);
    assert_eq!(appraisal.refusals().map(|c| c.check.as_str()).collect::<Vec<_>>(), ["tcb-status"]);
    policy.minimum.insert("microcode".into(), 200);
    let appraisal = policy.appraise(&claims, &Expected::default(), at);
    let finding = &appraisal.refusals().next().unwrap().finding;
    assert_eq!(finding, "microcode is 115, the policy asks for at least 200");
}
