//! Real Nitro documents with their verdicts.

mod common;

use attest::{Claims, Endorsements, Error, Expected, Policy, Result, Time, validate_bytes};
use common::{data, roots, time};

fn validate(file: &str, at: Time) -> Result<Claims> {
    validate_bytes(&data(file), &Endorsements::none(), &roots(), at)
}

fn policy(claims: &Claims) -> Policy {
    let pcr0 = &claims.executables.measurements["pcr0"];
    let text = format!(
        "name = 'test'\ntechnologies = ['nitro']\n[measurements]\npcr0 = ['{pcr0}']\n[tolerate]\nmissing-freshness = true"
    );
    Policy::parse(&text).unwrap()
}

const DOCUMENTS: [(&str, &str, &str, bool); 3] = [
    ("nitro/dstack-nitro_attestation.cose", "2025-12-25T16:04:16Z", "2025-12-25T19:04:19Z", false),
    ("nitro/dstack-nitro_attestation_dbg.cose", "2025-12-25T08:20:43Z", "2025-12-25T11:20:46Z", true),
    ("nitro/fortanix/request_proper.bin", "2021-09-09T10:19:20Z", "2021-09-09T13:19:20Z", true),
];

#[test]
fn documents_hold_in_their_window_and_debug_is_refused() {
    for (file, from, until, debug) in DOCUMENTS {
        let (from, until) = (time(from), time(until));
        for at in [from, until] {
            let claims = validate(file, at).unwrap_or_else(|e| panic!("{file}: {e}"));
            assert_eq!(claims.configuration.debug, debug, "{file}");
            let appraisal = policy(&claims).appraise(&claims, &Expected::default(), at);
            let refused: Vec<&str> = appraisal.refusals().map(|check| check.check.as_str()).collect();
            assert_eq!(
                refused,
                if debug { vec!["debug", "pinned"] } else { vec![] },
                "{file}: {}",
                appraisal.to_json()
            );
        }
        assert!(matches!(validate(file, Time::from_unix(from.unix() - 1)), Err(Error::NotYetValid { .. })), "{file}");
        assert!(matches!(validate(file, until.plus(1)), Err(Error::Expired { .. })), "{file}");
    }
    let claims = validate(DOCUMENTS[0].0, time(DOCUMENTS[0].1)).unwrap();
    assert!(claims.executables.measurements["pcr0"].to_string().starts_with("eb7d0dab"));
}

#[test]
fn altered_documents_are_refused() {
    let at = time("2021-09-09T12:00:00Z");
    let signature = validate("nitro/fortanix/tampered_signature.bin", at);
    assert!(matches!(signature, Err(Error::Signature { .. })), "{signature:?}");
    let certificate = validate("nitro/fortanix/tampered_certificate.bin", at);
    assert!(certificate.is_err(), "{certificate:?}");
}

#[test]
fn a_document_under_a_foreign_root_is_refused() {
    // The foreign root in place of the genuine one: the chain no longer begins with the pinned certificate.
    let mut document = data("nitro/fortanix/request_proper.bin");
    let genuine = attest::Certificate::parse(&data("nitro/aws-nitro-root-g1.pem")).unwrap();
    let start = document.windows(genuine.der().len()).position(|w| w == genuine.der()).unwrap();
    let foreign = attest::Certificate::parse(&data("nitro/fortanix/unknown_ca.crt")).unwrap();
    let mut replacement = foreign.der().to_vec();
    // A CBOR byte string of at most 65535 bytes has three bytes of head.
    let head = [0x59, (replacement.len() >> 8) as u8, replacement.len() as u8];
    replacement.splice(0..0, head);
    document.splice(start - 3..start + genuine.der().len(), replacement);
    let at = time("2021-09-09T12:00:00Z");
    let refused = validate_bytes(&document, &Endorsements::none(), &roots(), at);
    assert!(refused.is_err(), "{refused:?}");
}
