//! How long evidence of each kind takes from bytes to claims, on one core: `cargo bench -p privity-attest`.

use std::path::Path;
use std::time::Instant;

use attest::{Endorsements, Roots, Time, validate_bytes};

/// What is verified, its file, what stands beside it, and when.
const ROWS: [(&str, &str, &str, &str); 10] = [
    ("SGX quote v3", "sgx-v3/phala-sgx.quote.bin", "sgx-v3/phala-sgx.collateral.json", "2025-06-25T00:00:00Z"),
    ("TDX quote v4", "tdx/phala-tdx.quote.bin", "tdx/phala-tdx.collateral.json", "2025-06-25T00:00:00Z"),
    ("TDX quote v5", "tdx/google-v5.quote.bin", "tdx/c-google-90c06f-2602.json", "2026-02-20T00:00:00Z"),
    ("SNP report, VLEK", "snp/trustee/test-vlek-report.bin", "snp/trustee/test-vlek.der", "2025-06-01T00:00:00Z"),
    ("SNP report, VCEK", "snp/ms/genoa-report.bin", "snp/ms/genoa-vcek.pem", "2026-06-01T00:00:00Z"),
    ("Nitro document", "nitro/dstack-nitro_attestation.cose", "", "2025-12-25T17:00:00Z"),
    ("Azure on SNP", "azure/az-snp/evidence-v1.json", "", "2025-06-01T00:00:00Z"),
    (
        "RA-TLS certificate, SGX",
        "ratls/gramine-cert.pem",
        "tdx/c-automata-sgx-00606a-2508.json",
        "2025-08-20T00:00:00Z",
    ),
    ("TPM, three banks and log", "tpm/gce-cos-85-no-nonce.pb", "", "2026-11-21T09:00:00Z"),
    (
        "dcap-qvl alone, SGX v3",
        "sgx-v3/phala-sgx.quote.bin",
        "sgx-v3/phala-sgx.collateral.json",
        "2025-06-25T00:00:00Z",
    ),
];

const ROUNDS: usize = 51;

/// The median of many rounds, and the best, in milliseconds.
fn measured(mut round: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[0])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let roots = Roots::production()?;
    println!("{:26} {:>10} {:>10}", "", "median ms", "best ms");
    for (name, evidence, beside, at) in ROWS {
        let bytes = std::fs::read(testdata.join(evidence))?;
        let at: Time = at.parse()?;
        let beside = if beside.is_empty() { Vec::new() } else { std::fs::read(testdata.join(beside))? };
        let mut with = Endorsements::none();
        with.add(&beside);
        let (median, best) = if name.starts_with("dcap-qvl") {
            // Without anything of ours: what we add should stay below a tenth.
            let collateral: dcap_qvl::QuoteCollateralV3 = serde_json::from_slice(&beside)?;
            measured(|| {
                drop(dcap_qvl::verify::rustcrypto::verify(&bytes, &collateral, at.unix()).expect("it verifies"))
            })
        } else {
            measured(|| drop(validate_bytes(&bytes, &with, &roots, at).expect("it verifies")))
        };
        println!("{name:26} {median:>10.2} {best:>10.2}");
    }
    Ok(())
}
