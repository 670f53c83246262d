//! For us: programs of others that tests run against, and modules built for them.

mod debian;
mod folder;
mod modules;
mod nats;
mod postgres;
mod python;
mod swtpm;

pub use debian::Debian;
pub use modules::module;
pub use nats::Nats;
pub use postgres::Postgres;
pub use python::python;
pub use swtpm::SoftwareTpm;
