//! Any bytes are a document of AWS Nitro or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = attest::nitro::Document::parse(bytes);
});
