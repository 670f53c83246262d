//! Any bytes are a TPM's quote, registers or public key, or refused, without a panic.

#![no_main]

use std::sync::LazyLock;

use attest::tpm::{TpmEvidence, TpmQuote};
use attest::{Endorsements, Evidence, Roots, Time};
use libfuzzer_sys::fuzz_target;

static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::production().expect("the pinned roots are read"));

fuzz_target!(|bytes: &[u8]| {
    let _ = attest::tpm::parse_quote(bytes);
    let pcrs = attest::tpm::parse_tpm2_tools_pcrs(bytes).unwrap_or_default();
    // A key, and a signature by it, of any form.
    let (key, signature) = bytes.split_at(bytes.len() / 2);
    let quote = TpmQuote { message: bytes.into(), signature: signature.into(), pcrs };
    let evidence =
        TpmEvidence { attestation_key: key.into(), certificates: Vec::new(), quotes: vec![quote], event_log: None };
    let at = Time::from_unix(1_750_809_600);
    assert!(attest::validate(&Evidence::Tpm(evidence), &Endorsements::none(), &ROOTS, at).is_err());
});
