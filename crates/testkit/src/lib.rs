//! For us: programs of others that tests run against, and what is built for WebAssembly: modules, and the page.

mod chromium;
mod debian;
mod folder;
mod modules;
mod nats;
mod page;
mod postgres;
mod python;
mod swtpm;

pub use chromium::{Chromium, Tab};
pub use debian::Debian;
pub use modules::module;
pub use nats::Nats;
pub use page::page;
pub use postgres::Postgres;
pub use python::python;
pub use swtpm::SoftwareTpm;
