//! Any bytes are a table or refused, without a panic; a table goes round.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tables::{Limits, read, write};

fuzz_target!(|input: &[u8]| {
    if let Ok(table) = read(input.to_vec(), Limits::default()) {
        let again = read(write(&table).expect("a table is written"), Limits::default()).expect("and read");
        assert_eq!(again.rows(), table.rows());
        assert_eq!(again.schema(), table.schema());
    }
});
