//! Any bytes are the report that Azure's vTPM holds or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = attest::azure::HclReport::parse(bytes);
});
