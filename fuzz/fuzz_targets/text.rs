//! Any text is read or refused without a panic; what is read prints, and reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    match ir::text::parse(source) {
        Ok(computation) => {
            let text = computation.to_string();
            let again = ir::text::parse(&text).expect("canonical text reads back");
            assert!(again == computation && again.to_string() == text, "{text}");
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                error.render("input", Some(source));
            }
        }
    }
});
