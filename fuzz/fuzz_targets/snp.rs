//! Any bytes are a report of SEV-SNP, or the table of certificates that hosts pass beside it, or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = attest::snp::Report::parse(bytes);
    let _ = attest::snp::parse_certificate_table(bytes);
});
