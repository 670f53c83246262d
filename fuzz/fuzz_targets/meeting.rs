//! What a host and a guest say to each other before anyone knows anyone.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    meet::read_messages(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(code) = text.parse::<meet::Code>()
    {
        assert_eq!(code.to_string(), text.trim());
    }
});
