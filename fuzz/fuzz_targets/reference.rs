//! Any text is a policy of reference values, an approval of them or a proof from their log, or refused, without a panic; a policy
//! goes round.

#![no_main]

use attest::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        let written = policy.to_toml().expect("a policy is written");
        assert_eq!(Policy::parse(&written).expect("and read").digest(), policy.digest());
    }
    let _ = serde_json::from_str::<attest::approval::Approval>(text);
    let _ = serde_json::from_str::<attest::logged::Inclusion>(text);
    let _ = serde_json::from_str::<attest::logged::Consistency>(text);
});
