//! Real SGX and TDX quotes, each with the verdict and window that `testdata/intel-expected.json` states.

mod common;

use attest::{Endorsements, Error, Expected, Policy, TcbStatus, Time, validate_bytes};
use common::{data, roots};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    quote: String,
    collateral: String,
    expect: String,
    not_before: Option<Time>,
    not_after: Option<Time>,
    status: Option<TcbStatus>,
    #[serde(default)]
    advisories: Vec<String>,
    debug: Option<bool>,
    at: Option<Time>,
    error: Option<String>,
}

fn rows() -> Vec<Row> {
    serde_json::from_slice(&data("intel-expected.json")).unwrap()
}

/// A policy that tolerates what the row states, and nothing about time.
fn tolerant(row: &Row, technology: &str) -> Policy {
    let text = format!(
        "name = 'row'\ntechnologies = ['{technology}']\n[tolerate]\ndebug = {}\nunpinned = true\nmissing-freshness = true\n\
         tcb = {:?}\nadvisories = {:?}\n",
        row.debug.unwrap(),
        [format!("{:?}", row.status.unwrap())],
        row.advisories
    );
    Policy::parse(&text).unwrap()
}

#[test]
fn every_row_gets_its_verdict_in_its_window_and_only_there() {
    for row in rows() {
        let mut with = Endorsements::none();
        with.add(&data(&row.collateral));
        let quote = data(&row.quote);
        let what = format!("{} with {}", row.quote, row.collateral);
        if row.expect == "error" {
            let error = validate_bytes(&quote, &with, &roots(), row.at.unwrap()).unwrap_err();
            let wanted = row.error.unwrap();
            let said = error.to_string();
            let below = matches!(error, Error::BelowEveryTcbLevel { .. }) && wanted.contains("No matching TCB level");
            assert!(said.contains(&wanted) || below, "{what}: {said}");
            continue;
        }
        let (from, until) = (row.not_before.unwrap(), row.not_after.unwrap());
        let policy = tolerant(&row, if row.quote.starts_with("tdx") { "tdx" } else { "sgx" });
        for at in [from, until, Time::from_unix((from.unix() + until.unix()) / 2)] {
            let claims = validate_bytes(&quote, &with, &roots(), at).unwrap_or_else(|e| panic!("{what} at {at}: {e}"));
            assert_eq!(claims.hardware.tcb.status, row.status.unwrap(), "{what}");
            assert_eq!(claims.hardware.tcb.advisories, row.advisories, "{what}");
            assert_eq!(claims.configuration.debug, row.debug.unwrap(), "{what}");
            assert_eq!((claims.valid.from, claims.valid.until), (from, until), "{what}");
            let appraisal = policy.appraise(&claims, &Expected::default(), at);
            assert!(appraisal.accepted, "{what}: {}", appraisal.to_json());
        }
        let early = validate_bytes(&quote, &with, &roots(), Time::from_unix(from.unix() - 1));
        assert!(matches!(early, Err(Error::NotYetValid { .. } | Error::Intel { .. })), "{what}: {early:?}");
        let late = until.plus(1);
        if let Ok(claims) = validate_bytes(&quote, &with, &roots(), late) {
            let appraisal = policy.appraise(&claims, &Expected::default(), late);
            assert!(appraisal.refusals().all(|check| check.check == "collateral"), "{}", appraisal.to_json());
            assert!(!appraisal.accepted, "{what}");
        }
    }
}

#[test]
fn a_quote_without_collateral_parses_and_its_altered_twin_is_refused_as_altered() {
    let at = common::time("2025-06-25T00:00:00Z");
    let validate = |file| validate_bytes(&data(file), &Endorsements::none(), &roots(), at).unwrap_err();
    assert!(matches!(validate("sgx-v3/fortanix-ql.quote.bin"), Error::MissingEndorsement { .. }));
    assert!(matches!(validate("sgx-v3/neg/fortanix-ql-corrupted.quote.bin"), Error::Signature { .. }));
    let inspect = |file| attest::inspect(&data(file)).unwrap().facts["signed-by-its-own-attestation-key"].clone();
    assert_eq!(inspect("sgx-v3/fortanix-ql.quote.bin"), "true");
    assert_eq!(inspect("sgx-v3/neg/fortanix-ql-corrupted.quote.bin"), "false");
}
