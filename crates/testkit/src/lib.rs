//! For us: programs of others that tests run against.

mod debian;
mod folder;
mod postgres;
mod python;
mod swtpm;

pub use debian::Debian;
pub use postgres::Postgres;
pub use python::python;
pub use swtpm::SoftwareTpm;
