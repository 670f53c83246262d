//! Flipping any byte that a signature covers turns every positive into a refusal.
//!
//! By default every byte of reports, quotes and signatures is flipped, and a stride of certificates, collateral and
//! containers; with `PRIVITY_FLIP_ALL` set, every byte of everything. A flip outside of what signatures cover (PEM
//! armour, a root that is pinned anyway) may be accepted only if the claims stay exactly the same.

#![expect(clippy::single_range_in_vec_init, reason = "most files are covered by one range of bytes")]

mod common;

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use attest::{Endorsements, Evidence, Roots, Time, validate};
use common::{data, roots, time};
use rayon::prelude::*;

/// One positive: bytes, and how they are validated.
struct Positive<'a> {
    name: &'a str,
    bytes: Vec<u8>,
    /// Where a flip has to be refused.
    covered: Vec<Range<usize>>,
    /// Bytes from here on are flipped in strides by default.
    dense: usize,
    stride: usize,
}

impl Positive<'_> {
    /// Flips bytes, and returns how many flips were refused.
    fn run(&self, claims: &(dyn Fn(&[u8]) -> Option<String> + Sync)) -> usize {
        let original = claims(&self.bytes).unwrap_or_else(|| panic!("{}: the original is refused", self.name));
        let all = std::env::var_os("PRIVITY_FLIP_ALL").is_some();
        let stride = if all { 1 } else { self.stride };
        let tried: Vec<usize> = (0..self.bytes.len()).filter(|at| *at < self.dense || at % stride == 0).collect();
        let refused = AtomicUsize::new(0);
        tried.par_iter().copied().for_each(|at| {
            let mut flipped = self.bytes.clone();
            flipped[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
            match claims(&flipped) {
                None => {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                Some(other) => {
                    let covered = self.covered.iter().any(|range| range.contains(&at));
                    assert!(!covered, "{}: flip of byte {at} was accepted", self.name);
                    assert_eq!(other, original, "{}: flip of byte {at} changed the claims", self.name);
                }
            }
        });
        let refused = refused.into_inner();
        println!("{}: {refused} of {} flips refused", self.name, tried.len());
        refused
    }

    fn whole(name: &str, bytes: Vec<u8>) -> Positive<'_> {
        let covered = vec![0..bytes.len()];
        Positive { name, dense: bytes.len(), stride: 1, covered, bytes }
    }
}

/// What the claims say, as text.
fn of(evidence: &Evidence, with: &Endorsements, at: Time) -> Option<String> {
    static ROOTS: LazyLock<Roots> = LazyLock::new(roots);
    validate(evidence, with, &ROOTS, at).ok().map(|claims| serde_json::to_string(&claims).unwrap())
}

fn of_bytes(bytes: &[u8], with: &Endorsements, at: Time) -> Option<String> {
    of(&Evidence::parse(bytes).ok()?, with, at)
}

fn with(files: &[&str]) -> Endorsements {
    let mut with = Endorsements::none();
    for file in files {
        with.add(&data(file));
    }
    with
}

/// The base64 bodies of the PEM blocks in a file, without line ends; the last block (the root) excluded.
fn pem_bodies(bytes: &[u8]) -> Vec<Range<usize>> {
    let find = |from: usize, what: &[u8]| bytes[from..].windows(what.len()).position(|w| w == what).map(|at| from + at);
    let (mut ranges, mut from) = (Vec::new(), 0);
    while let Some(begin) = find(from, b"-----BEGIN CERTIFICATE-----") {
        let end = find(begin, b"-----END").unwrap();
        let body = begin + 27..end;
        let lines: Vec<usize> = body.clone().filter(|at| bytes[*at] == b'\n').collect();
        // The last line is left out: its final bits may be padding.
        let data = lines.windows(2).map(|pair| pair[0] + 1..pair[1]);
        ranges.push(data.take(lines.len().saturating_sub(2)).collect::<Vec<_>>());
        from = end;
    }
    ranges.pop();
    ranges.into_iter().flatten().collect()
}

const QUOTES: [(&str, &str, &str); 5] = [
    ("sgx-v3/phala-sgx.quote.bin", "sgx-v3/phala-sgx.collateral.json", "2025-06-25T00:00:00Z"),
    ("tdx/phala-tdx.quote.bin", "tdx/phala-tdx.collateral.json", "2025-06-25T00:00:00Z"),
    ("tdx/google-cos113.quote.bin", "tdx/c-automata-00806f050000-2507.json", "2025-07-20T00:00:00Z"),
    ("tdx/google-v5.quote.bin", "tdx/c-google-90c06f-2602.json", "2026-02-20T00:00:00Z"),
    ("tdx/google-v5.quote.bin", "tdx/phala-tdx-outdated.collateral.json", "2026-02-20T00:00:00Z"),
];

#[test]
fn intel_quotes() {
    for (quote, collateral, at) in &QUOTES[..4] {
        let (bytes, with) = (data(quote), with(&[collateral]));
        let chain = bytes.windows(5).position(|w| w == b"-----").unwrap();
        let mut covered = vec![0..chain];
        covered.extend(pem_bodies(&bytes));
        // One of the two version 4 quotes is enough for every byte.
        let dense = if quote.contains("cos113") { 0 } else { chain };
        let positive = Positive { name: quote, bytes, covered, dense, stride: 37 };
        let refused = positive.run(&|bytes| of_bytes(bytes, &with, time(at)));
        assert!(refused > dense, "{quote}");
    }
}

#[test]
fn intel_collateral() {
    for (quote, collateral, at) in &QUOTES {
        let (quote, bytes) = (data(quote), data(collateral));
        let find = |key: &str| {
            let key = format!("\"{key}\"");
            let start = bytes.windows(key.len()).position(|w| w == key.as_bytes()).unwrap() + key.len();
            let open = start + bytes[start..].iter().position(|b| *b == b'"').unwrap() + 1;
            let mut end = open;
            while bytes[end] != b'"' || bytes[end - 1] == b'\\' {
                end += 1;
            }
            open..end
        };
        let signed =
            ["root_ca_crl", "pck_crl", "tcb_info", "tcb_info_signature", "qe_identity", "qe_identity_signature"];
        let covered = signed.iter().map(|key| find(key)).collect();
        let positive = Positive { name: collateral, bytes: bytes.clone(), covered, dense: 0, stride: 43 };
        positive.run(&|bytes| {
            let mut with = Endorsements::none();
            with.add(bytes);
            of_bytes(&quote, &with, time(at))
        });
    }
}

#[test]
fn snp_reports_and_certificates() {
    let rows = [
        ("snp/virtee/report_milan.hex", "snp/virtee/vcek_milan.der", "2025-06-01T00:00:00Z"),
        ("snp/trustee/test-report.bin", "snp/trustee/test-vcek.der", "2025-06-01T00:00:00Z"),
        ("snp/trustee/test-vlek-report.bin", "snp/trustee/test-vlek.der", "2025-06-01T00:00:00Z"),
        ("snp/ms/genoa-report.bin", "snp/ms/genoa-vcek.pem", "2026-06-01T00:00:00Z"),
    ];
    for (report, certificate, at) in rows {
        let bytes = match report.ends_with("hex") {
            true => hex::decode(data(report).trim_ascii()).unwrap(),
            false => data(report),
        };
        let with = with(&[certificate]);
        let refused = Positive::whole(report, bytes.clone()).run(&|bytes| of_bytes(bytes, &with, time(at)));
        assert_eq!(refused, 1184);
        let der = attest::Certificate::parse(&data(certificate)).unwrap().der().to_vec();
        let whole = Positive::whole(certificate, der);
        let strided = Positive { dense: 0, stride: 5, ..whole };
        strided.run(&|der| {
            let mut with = Endorsements::none();
            with.add(der);
            of_bytes(&bytes, &with, time(at))
        });
    }
}

#[test]
fn nitro_documents() {
    let rows = [
        ("nitro/dstack-nitro_attestation.cose", "2025-12-25T17:00:00Z"),
        ("nitro/fortanix/request_proper.bin", "2021-09-09T12:00:00Z"),
    ];
    for (file, at) in rows {
        let bytes = data(file);
        // The array's head and the tag, if any, stand outside of the signature.
        let covered = vec![8..bytes.len()];
        let positive = Positive { name: file, dense: 64, stride: 11, covered, bytes };
        positive.run(&|bytes| of_bytes(bytes, &Endorsements::none(), time(at)));
    }
}

#[test]
fn tpm_quotes() {
    let at = time("2026-11-21T09:00:00Z");
    for (key, prefix) in [("ak.pub", "q"), ("akr.pem", "qr")] {
        let file = |suffix: &str| data(&format!("tpm/swtpm/{prefix}.{suffix}"));
        let pcrs = attest::tpm::parse_tpm2_tools_pcrs(&file("pcrs")).unwrap();
        let evidence = |message: &[u8], signature: &[u8], pcrs: &[attest::tpm::Pcr]| {
            let quote =
                attest::tpm::TpmQuote { message: message.into(), signature: signature.into(), pcrs: pcrs.to_vec() };
            Evidence::Tpm(attest::tpm::TpmEvidence {
                attestation_key: data(&format!("tpm/swtpm/{key}")).into(),
                certificates: Vec::new(),
                quotes: vec![quote],
                event_log: None,
            })
        };
        let (message, signature) = (file("msg"), file("sig"));
        let claims = |m: &[u8], s: &[u8], p: &[attest::tpm::Pcr]| of(&evidence(m, s, p), &Endorsements::none(), at);
        Positive::whole("message", message.clone()).run(&|m| claims(m, &signature, &pcrs));
        Positive::whole("signature", signature.clone()).run(&|s| claims(&message, s, &pcrs));
        let values: Vec<u8> = pcrs.iter().flat_map(|pcr| pcr.value.0.clone()).collect();
        Positive::whole("registers", values).run(&|values| {
            let mut pcrs = pcrs.clone();
            let mut rest = values;
            for pcr in &mut pcrs {
                let (value, tail) = rest.split_at(pcr.value.0.len());
                (pcr.value, rest) = (value.into(), tail);
            }
            claims(&message, &signature, &pcrs)
        });
    }
}

#[test]
fn azure_evidence() {
    let Evidence::Azure(evidence) = Evidence::parse(&data("azure/az-snp/evidence-v1.json")).unwrap() else {
        panic!("not taken for Azure evidence")
    };
    let at = time("2025-06-01T00:00:00Z");
    let claims = |evidence: attest::azure::AzureEvidence| of(&Evidence::Azure(evidence), &Endorsements::none(), at);
    let runtime = attest::azure::HclReport::parse(&evidence.hcl_report).unwrap().runtime_data.len();
    let bytes = evidence.hcl_report.0.clone();
    // Header fields outside of the hardware report and the runtime data say nothing that is claimed.
    let covered = vec![32..32 + 1184, 1236..1236 + runtime];
    let report = Positive { name: "HCL report", dense: bytes.len(), stride: 1, covered, bytes };
    report.run(&|bytes| claims(attest::azure::AzureEvidence { hcl_report: bytes.into(), ..evidence.clone() }));
    Positive::whole("vTPM quote", evidence.quote.message.0.clone()).run(&|bytes| {
        let mut evidence = evidence.clone();
        evidence.quote.message = bytes.into();
        claims(evidence)
    });
    Positive::whole("vTPM signature", evidence.quote.signature.0.clone()).run(&|bytes| {
        let mut evidence = evidence.clone();
        evidence.quote.signature = bytes.into();
        claims(evidence)
    });
}

#[test]
fn ratls_certificates() {
    let der = attest::Certificate::parse(&data("ratls/gramine-cert.pem")).unwrap().der().to_vec();
    let with = with(&["tdx/c-automata-sgx-00606a-2508.json"]);
    let covered = vec![0..der.len()];
    let positive = Positive { name: "RA-TLS certificate", dense: 0, stride: 13, covered, bytes: der };
    positive.run(&|bytes| of_bytes(bytes, &with, time("2025-08-20T00:00:00Z")));
}
