//! Any bytes are certificates (of chips, of machines that attest themselves), revocation lists or Intel's collateral, or
//! refused, without a panic.

#![no_main]

use attest::{Certificate, Endorsements};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for certificate in Certificate::parse_many(bytes).unwrap_or_default() {
        // What it carries, if it is of a machine that attests itself.
        let _ = attest::ratls::bound_quotes(&certificate);
        assert_eq!(Certificate::parse(certificate.der()).expect("it is read again").der(), certificate.der());
    }
    let _ = attest::sgx_tdx::Collateral::parse(bytes);
    Endorsements::none().add(bytes);
});
