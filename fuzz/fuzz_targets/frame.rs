//! Any bytes are a frame or refused, without a panic; a frame has one encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(frame) = net::frame::decode_frame(input) {
        let mut again = bytes::BytesMut::new();
        net::frame::encode_frame(&frame, &mut again);
        // What is sent begins with the length.
        assert_eq!(&again[4..], input);
    }
});
