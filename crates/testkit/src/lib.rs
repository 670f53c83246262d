//! For us: programs of others that tests run against.

mod debian;
mod swtpm;

pub use debian::Debian;
pub use swtpm::SoftwareTpm;
