//! Any bytes are a quote of SGX or TDX (version 3, 4 or 5) or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = attest::sgx_tdx::parse_quote(bytes);
});
