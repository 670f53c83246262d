//! For us: programs of others that tests run against.

mod debian;
mod postgres;
mod swtpm;

pub use debian::Debian;
pub use postgres::Postgres;
pub use swtpm::SoftwareTpm;
