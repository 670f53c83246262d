//! Gramine's RA-TLS certificate, in both forms of its extension.

mod common;

use attest::ratls::{Form, bound_quotes};
use attest::{Certificate, Endorsements, Expected, Hash, Policy, TcbStatus, validate_bytes};
use common::{data, roots, time};

const AT: &str = "2025-08-20T00:00:00Z";

fn claims() -> attest::Claims {
    let mut with = Endorsements::none();
    with.add(&data("tdx/c-automata-sgx-00606a-2508.json"));
    validate_bytes(&data("ratls/gramine-cert.pem"), &with, &roots(), time(AT)).unwrap()
}

#[test]
fn both_forms_are_bound_to_the_certificates_key() {
    let certificate = Certificate::parse(&data("ratls/gramine-cert.pem")).unwrap();
    let found = bound_quotes(&certificate).unwrap();
    assert_eq!(found.iter().map(|bound| bound.form).collect::<Vec<_>>(), [Form::Dice, Form::Legacy]);
    assert_eq!(found[0].quote, data("ratls/gramine-cert.tcg.quote.bin"));
    assert_eq!(found[1].quote, data("ratls/gramine-cert.legacy.quote.bin"));
}

#[test]
fn it_is_refused_as_debug_and_out_of_date_unless_the_policy_says_otherwise() {
    let claims = claims();
    assert_eq!(claims.hardware.tcb.status, TcbStatus::OutOfDate);
    let spki = Certificate::parse(&data("ratls/gramine-cert.pem")).unwrap().spki().unwrap();
    let key = Hash::Sha256.digest(&[&spki]);
    let expected = Expected { key: Some(&key), ..Expected::default() };
    let pin = format!(
        "name = 'test'\ntechnologies = ['sgx']\n[measurements]\nmrenclave = ['{}']\n",
        claims.executables.measurements["mrenclave"]
    );
    let refused = Policy::parse(&pin).unwrap().appraise(&claims, &expected, time(AT));
    let mut names: Vec<&str> = refused.refusals().map(|check| check.check.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["tcb-status", "advisory", "debug", "freshness"]);
    let tolerant = format!(
        "{pin}[tolerate]\ndebug = true\nmissing-freshness = true\ntcb = ['OutOfDate']\nadvisories = {:?}",
        claims.hardware.tcb.advisories
    );
    let policy = Policy::parse(&tolerant).unwrap();
    assert!(policy.appraise(&claims, &expected, time(AT)).accepted);
    let strict = Policy {
        tolerate: attest::Tolerances { missing_freshness: false, ..policy.tolerate.clone() },
        ..policy.clone()
    };
    let data = claims.freshness.report_data.0.clone();
    let named = Expected { report_data: Some(&data), ..expected };
    let refused = strict.appraise(&claims, &named, time(AT));
    let names: Vec<&str> = refused.refusals().map(|check| check.check.as_str()).collect();
    assert_eq!(names, ["freshness"], "report data that names a key answers no challenge");
    let other = Expected { key: Some(&[7; 32]), ..Expected::default() };
    assert!(!policy.appraise(&claims, &other, time(AT)).accepted, "another key at the other end");
}
