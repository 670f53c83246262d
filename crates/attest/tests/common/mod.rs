//! Reading test data.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;

use attest::{Roots, Time};

/// A file of `testdata`.
pub(crate) fn data(path: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path);
    std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

pub(crate) fn roots() -> Roots {
    Roots::production().unwrap()
}

pub(crate) fn time(text: &str) -> Time {
    text.parse().unwrap()
}
