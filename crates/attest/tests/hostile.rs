//! No input makes a parser panic: real files, mutated and cut, and bytes made up, through every public entry point.

mod common;

use std::path::Path;

use attest::azure::HclReport;
use attest::nitro::Document;
use attest::sgx_tdx::{Collateral, parse_quote};
use attest::snp::Report;
use attest::tpm::parse_tpm2_tools_pcrs;
use attest::{Certificate, Endorsements, EventLog, Evidence, Policy, Roots, Time, inspect, validate_bytes};
use base64ct::{Base64, Encoding};
use common::{data, roots, time};
use proptest::prelude::*;

const SEEDS: [&str; 22] = [
    "sgx-v3/phala-sgx.quote.bin",
    "sgx-v3/phala-sgx.collateral.json",
    "sgx-v3/neg/fortanix-ql-corrupted.quote.bin",
    "tdx/phala-tdx.quote.bin",
    "tdx/google-v5.quote.bin",
    "tdx/google-cos113.ccel.bin",
    "tdx/phala-tappd.quote.hex",
    "snp/trustee/test-report.bin",
    "snp/ms/genoa-report.bin",
    "snp/ms/genoa-vcek.pem",
    "snp/trustee/test-vlek.der",
    "nitro/dstack-nitro_attestation.cose",
    "nitro/fortanix/tampered_certificate.bin",
    "azure/az-snp/evidence-v1.json",
    "azure/az-tdx/evidence-v1.json",
    "tpm/gce-cos-85-no-nonce.pb",
    "tpm/swtpm/q.pcrs",
    "tpm/swtpm/q.msg",
    "tpm/swtpm/qr.sig",
    "tpm/swtpm/ek-ecc-p384.crt.der",
    "ratls/gramine-cert.pem",
    "ratls/gramine-cert.legacy.quote.bin",
];

/// Everything that takes bytes from outside.
fn feed(bytes: &[u8], roots: &Roots, at: Time) {
    let mut with = Endorsements::none();
    with.add(bytes);
    let _ = validate_bytes(bytes, &with, roots, at);
    let _ = inspect(bytes);
    let _ = Evidence::parse(bytes).map(|evidence| evidence.to_json());
    let _ = parse_quote(bytes);
    let _ = Collateral::parse(bytes);
    let _ = Report::parse(bytes);
    let _ = Document::parse(bytes);
    let _ = HclReport::parse(bytes);
    let _ = Certificate::parse_many(bytes);
    let _ = parse_tpm2_tools_pcrs(bytes);
    let _ = attest::snp::parse_certificate_table(bytes);
    let _ = attest::tpm::parse_quote(bytes);
    if let Ok(log) = EventLog::parse(bytes) {
        let _ = log.banks.iter().map(|bank| log.replay(*bank)).collect::<Vec<_>>();
    }
    let _ = std::str::from_utf8(bytes).map(Policy::parse);
}

/// One way to spoil a file.
#[derive(Debug, Clone)]
enum Spoil {
    Set(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Word(usize, u32),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = 0usize..30_000;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Spoil::Set(at, byte)),
        at.clone().prop_map(Spoil::Cut),
        (at.clone(), 1usize..64).prop_map(|(at, length)| Spoil::Remove(at, length)),
        (at.clone(), proptest::collection::vec(any::<u8>(), 1..16)).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (at, prop_oneof![Just(0), Just(u32::MAX), Just(0x7fff_ffff), any::<u32>()])
            .prop_map(|(at, word)| Spoil::Word(at, word)),
    ]
}

fn apply(bytes: &mut Vec<u8>, spoil: &Spoil) {
    let length = bytes.len().max(1);
    match spoil {
        Spoil::Set(at, byte) => {
            if let Some(slot) = bytes.get_mut(at % length) {
                *slot = *byte;
            }
        }
        Spoil::Cut(at) => bytes.truncate(at % length),
        Spoil::Remove(at, count) => {
            let start = (at % length).min(bytes.len());
            bytes.drain(start..(start + count).min(bytes.len()));
        }
        Spoil::Insert(at, inserted) => {
            let start = (at % length).min(bytes.len());
            bytes.splice(start..start, inserted.iter().copied());
        }
        Spoil::Word(at, word) => {
            let start = at % length;
            for (slot, byte) in bytes.iter_mut().skip(start).zip(word.to_le_bytes()) {
                *slot = byte;
            }
        }
    }
}

/// Every text inside a JSON value.
fn texts<'a>(value: &'a mut serde_json::Value, found: &mut Vec<&'a mut String>) {
    match value {
        serde_json::Value::String(text) => found.push(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| texts(value, found)),
        serde_json::Value::Object(entries) => entries.values_mut().for_each(|value| texts(value, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_files_are_refused_without_panic(
        seed in 0..SEEDS.len(),
        spoils in proptest::collection::vec(spoil(), 1..4),
    ) {
        let mut bytes = data(SEEDS[seed]);
        bytes.truncate(40_000);
        for spoil in &spoils {
            apply(&mut bytes, spoil);
        }
        feed(&bytes, &roots(), time("2025-06-25T00:00:00Z"));
    }

    #[test]
    fn made_up_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        feed(&bytes, &roots(), time("2025-06-25T00:00:00Z"));
    }

    #[test]
    fn attestation_keys_of_any_bytes_are_refused_without_panic(key in proptest::collection::vec(any::<u8>(), 0..80)) {
        let quotes = Vec::new();
        let key = attest::Base64Bytes(key);
        let evidence = attest::tpm::TpmEvidence { attestation_key: key, certificates: Vec::new(), quotes, event_log: None };
        let at = time("2025-06-25T00:00:00Z");
        prop_assert!(attest::validate(&Evidence::Tpm(evidence), &Endorsements::none(), &roots(), at).is_err());
    }

    #[test]
    fn a_quote_with_any_header_is_refused_without_panic(
        head in proptest::collection::vec(any::<u8>(), 48),
        version in 3u8..6,
    ) {
        let mut bytes = data("tdx/google-v5.quote.bin");
        bytes[..48].copy_from_slice(&head);
        bytes[..2].copy_from_slice(&[version, 0]);
        feed(&bytes, &roots(), time("2025-06-25T00:00:00Z"));
    }

    #[test]
    fn times_are_printed_and_read(seconds in 0..253_402_300_800u64) {
        let at = Time::from_unix(seconds);
        prop_assert_eq!(at.to_string().parse::<Time>().unwrap(), at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn containers_with_any_part_spoilt_are_refused_without_panic(
        file in prop_oneof![
            Just("tpm/gce-cos-85-no-nonce.pb"),
            Just("azure/az-tdx/evidence-v1.json"),
            Just("azure/az-snp/evidence-v1.json"),
            Just("ratls/gramine-cert.pem"),
        ],
        part in 0usize..64,
        spoils in proptest::collection::vec(spoil(), 1..3),
    ) {
        let evidence = Evidence::parse(&data(file)).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&evidence.to_json()).unwrap();
        let mut parts = Vec::new();
        texts(&mut value, &mut parts);
        let index = part % parts.len();
        let text = &mut parts[index];
        if let Ok(mut bytes) = Base64::decode_vec(text.as_str()) {
            for spoil in &spoils {
                apply(&mut bytes, spoil);
            }
            **text = Base64::encode_string(&bytes);
        }
        let spoilt = serde_json::to_vec(&value).unwrap();
        let _ = validate_bytes(&spoilt, &Endorsements::none(), &roots(), time("2025-06-25T00:00:00Z"));
        let _ = inspect(&spoilt);
    }
}

#[test]
fn every_prefix_of_every_file_is_handled() {
    let (roots, at) = (roots(), time("2025-06-25T00:00:00Z"));
    for file in SEEDS {
        let bytes = data(file);
        for length in (0..bytes.len().min(12_000)).step_by(61) {
            feed(&bytes[..length], &roots, at);
        }
    }
}

/// The fuzzer's stored inputs, replayed without a fuzzer.
#[test]
fn the_corpora_are_handled() {
    let (roots, at) = (roots(), time("2025-06-25T00:00:00Z"));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in ["evidence", "quote", "snp", "tpm", "event_log", "nitro", "azure", "certificate", "reference"] {
        let files = std::fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path());
        let inputs: Vec<_> = files.map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!inputs.is_empty(), "{target}");
        inputs.iter().for_each(|bytes| feed(bytes, &roots, at));
    }
    let policy = std::fs::read_to_string(corpus.join("reference/policy")).unwrap();
    Policy::parse(&policy).unwrap();
    EventLog::parse(&std::fs::read(corpus.join("event_log/trust-domain")).unwrap()).unwrap();
    for report in ["snp", "tdx"] {
        HclReport::parse(&std::fs::read(corpus.join("azure").join(report)).unwrap()).unwrap();
    }
}
