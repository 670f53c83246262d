//! Any text is an agreement or refused, without a panic; an agreement has one text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(agreement) = agreement::Agreement::from_text(text) {
        assert_eq!(agreement.text(), text);
    }
    // A roster and a ratification may hold anything too.
    let _ = agreement::Roster::parse(text);
    let _ = agreement::Ratification::from_text(text);
});
