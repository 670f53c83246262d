//! Any bytes are an event log of a TPM or of a trust domain, which is replayed in every bank, or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(log) = attest::EventLog::parse(bytes) {
        for bank in &log.banks {
            let _ = log.replay(*bank);
        }
    }
});
