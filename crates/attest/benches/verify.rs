//! How long the evidence kinds take from bytes to claims, on one core: `cargo run --example verify_times`.

use std::path::Path;
use std::time::Instant;

use attest::{Endorsements, Roots, Time, validate_bytes};

const ROWS: [(&str, &str, &str, &str); 7] = [
    ("SGX quote v3", "sgx-v3/phala-sgx.quote.bin", "sgx-v3/phala-sgx.collateral.json", "2025-06-25T00:00:00Z"),
    ("TDX quote v4", "tdx/phala-tdx.quote.bin", "tdx/phala-tdx.collateral.json", "2025-06-25T00:00:00Z"),
    ("TDX quote v5", "tdx/google-v5.quote.bin", "tdx/c-google-90c06f-2602.json", "2026-02-20T00:00:00Z"),
    ("SNP report v3", "snp/ms/genoa-report.bin", "snp/ms/genoa-vcek.pem", "2026-06-01T00:00:00Z"),
    ("Nitro document", "nitro/dstack-nitro_attestation.cose", "", "2025-12-25T17:00:00Z"),
    ("Azure SNP", "azure/az-snp/evidence-v1.json", "", "2025-06-01T00:00:00Z"),
    ("TPM, three banks and log", "tpm/gce-cos-85-no-nonce.pb", "", "2026-11-21T09:00:00Z"),
];

const ROUNDS: u32 = 20;

/// The library that verifies Intel quotes, without anything of ours: what we add should stay below a tenth.
fn library_alone(testdata: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    let (_, quote, collateral, at) = ROWS[0];
    let quote = std::fs::read(testdata.join(quote))?;
    let collateral: dcap_qvl::QuoteCollateralV3 = serde_json::from_slice(&std::fs::read(testdata.join(collateral))?)?;
    let at: Time = at.parse()?;
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        dcap_qvl::verify::rustcrypto::verify(&quote, &collateral, at.unix())?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let roots = Roots::production()?;
    for (name, evidence, beside, at) in ROWS {
        let bytes = std::fs::read(testdata.join(evidence))?;
        let at: Time = at.parse()?;
        let mut with = Endorsements::none();
        if !beside.is_empty() {
            with.add(&std::fs::read(testdata.join(beside))?);
        }
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            validate_bytes(&bytes, &with, &roots, at)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{name:26} {:.2} ms", best * 1e3);
    }
    println!("{:26} {:.2} ms", "dcap-qvl alone, SGX v3", library_alone(&testdata)? * 1e3);
    Ok(())
}
