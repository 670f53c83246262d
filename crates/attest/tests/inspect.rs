//! Every evidence file can be inspected without collateral, and a log's boot is told.

mod common;

use attest::{Endorsements, Evidence, Expected, Hash, Policy, inspect, validate};
use common::{data, roots, time};

const FILES: [&str; 25] = [
    "sgx-v3/phala-sgx.quote.bin",
    "sgx-v3/automata-solana-sgx.quote.bin",
    "sgx-v3/fortanix-ql.quote.bin",
    "sgx-v3/phala-sgx.collateral.json",
    "tdx/phala-tdx.quote.bin",
    "tdx/phala-tdx-outdated.quote.bin",
    "tdx/phala-tappd.quote.hex",
    "tdx/google-cos113.quote.bin",
    "tdx/google-v5.quote.bin",
    "tdx/c-google-90c06f-2602.json",
    "snp/virtee/report_milan.hex",
    "snp/trustee/test-report.bin",
    "snp/trustee/test-vlek-report.bin",
    "snp/google/attestation.bin",
    "snp/ms/genoa-report.bin",
    "snp/ms/genoa-vcek.pem",
    "nitro/dstack-nitro_attestation.cose",
    "nitro/dstack-nitro_attestation_dbg.cose",
    "nitro/fortanix/request_proper.bin",
    "azure/az-snp/evidence-v1.json",
    "azure/az-tdx/evidence-v1.json",
    "tpm/gce-cos-85-no-nonce.pb",
    "ratls/gramine-cert.pem",
    "ratls/gramine-cert.legacy.quote.bin",
    "azure/az-snp/evidence-v1.hw.bin",
];

#[test]
fn every_file_is_recognised_and_described() {
    for file in FILES {
        let seen = inspect(&data(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(!seen.kind.is_empty() && (!seen.facts.is_empty() || !seen.certificates.is_empty()), "{file}");
        let json = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<attest::Inspection>(&json).unwrap(), seen, "{file}");
    }
}

#[test]
fn evidence_survives_its_json_container() {
    for file in
        FILES.iter().filter(|file| !file.contains("collateral") && !file.contains("/c-") && !file.contains("vcek"))
    {
        let evidence = Evidence::parse(&data(file)).unwrap();
        assert_eq!(Evidence::parse(evidence.to_json().as_bytes()).unwrap(), evidence, "{file}");
    }
}

fn cos113(log: Option<Vec<u8>>) -> attest::Result<attest::Claims> {
    let mut evidence = Evidence::parse(&data("tdx/google-cos113.quote.bin")).unwrap();
    if let Some(log) = log {
        evidence = evidence.with_event_log(&log).unwrap();
    }
    let mut with = Endorsements::none();
    with.add(&data("tdx/c-automata-00806f050000-2507.json"));
    validate(&evidence, &with, &roots(), time("2025-07-20T00:00:00Z"))
}

#[test]
fn a_trust_domains_log_replays_to_its_registers_and_tells_its_boot() {
    let log = data("tdx/google-cos113.ccel.bin");
    let claims = cos113(Some(log.clone())).unwrap();
    let kinds: Vec<&str> = claims.executables.boot.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"secure-boot") && kinds.contains(&"boot-application"), "{kinds:?}");
    let text = format!(
        "name = 'cos'\ntechnologies = ['tdx']\n[measurements]\nmrtd = ['{}']\nrtmr1 = ['{}']\n[require]\n\
         secure-boot = {}\n",
        claims.executables.measurements["mrtd"],
        claims.executables.measurements["rtmr1"],
        claims.configuration.flags["secure-boot"],
    );
    let policy = Policy::parse(&text).unwrap();
    let nonce = data("tdx/google-cos113.nonce.bin");
    let expected = Expected { report_data: Some(&nonce), ..Expected::default() };
    let appraisal = policy.appraise(&claims, &expected, time("2025-07-20T00:00:00Z"));
    assert!(appraisal.accepted, "{}", appraisal.to_json());
    let other = Expected { report_data: Some(&[1; 64]), ..Expected::default() };
    assert!(!policy.appraise(&claims, &other, time("2025-07-20T00:00:00Z")).accepted);

    let events = attest::EventLog::parse(&log).unwrap().events;
    for event in events.iter().filter(|event| event.kind != 3) {
        let digest = &event.digests.iter().find(|(hash, _)| *hash == Hash::Sha384).unwrap().1;
        let at = log.windows(digest.len()).position(|window| window == digest).unwrap();
        let mut edited = log.clone();
        edited[at] ^= 1;
        assert!(cos113(Some(edited)).is_err());
    }
}
