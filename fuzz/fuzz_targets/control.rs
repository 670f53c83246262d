//! Any bytes are a message of the control plane or refused, without a panic; also what an agreement in it says.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| worker::read_messages(bytes));
