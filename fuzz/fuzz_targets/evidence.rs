//! Any bytes are evidence of some kind or refused, without a panic, whether parsed, inspected or validated; what is parsed
//! goes round in its container.

#![no_main]

use std::sync::LazyLock;

use attest::{Endorsements, Evidence, Roots, Time, inspect_evidence, validate};
use libfuzzer_sys::fuzz_target;

static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::production().expect("the pinned roots are read"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(evidence) = Evidence::parse(bytes) {
        let again = Evidence::parse(evidence.to_json().as_bytes()).expect("a container is read");
        assert_eq!(again, evidence);
        let _ = inspect_evidence(&evidence);
        // A day on which most certificates of the corpus are valid.
        let _ = validate(&evidence, &Endorsements::none(), &ROOTS, Time::from_unix(1_750_809_600));
    }
});
