//! Any text is an agreement, a ratification, a decline, a receipt or a policy, or refused, without a panic; what is read
//! has one text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(agreement) = agreement::Agreement::from_text(text) {
        assert_eq!(agreement.text(), text);
    }
    let _ = agreement::Roster::parse(text);
    if let Ok(ratification) = agreement::Ratification::from_text(text) {
        assert_eq!(ratification.to_string(), text);
    }
    if let Ok(decline) = agreement::Decline::from_text(text) {
        assert_eq!(decline.to_string(), text);
    }
    if let Ok(receipt) = serde_json::from_str::<agreement::SignedReceipt>(text) {
        let _ = receipt.verify();
    }
    let _ = policy::Policy::load(text);
});
