//! The native module of the Python package: what `python/privity` is written on.
//!
//! It builds computations step by step, checks them, and runs them with the interpreter free to do other things.
//! Everything that people call is Python; nothing here is meant to be used directly.

mod aggregate;
mod builder;
mod computation;
mod convert;
mod desk;
mod error;
mod run;

use pyo3::prelude::*;

/// The native module.
#[pymodule]
mod _privity {
    #[pymodule_export]
    use crate::aggregate::AggregationClient;
    #[pymodule_export]
    use crate::builder::Builder;
    #[pymodule_export]
    use crate::computation::{Computation, parse};
    #[pymodule_export]
    use crate::desk::{answer, inbox, propose, resume, run_agreement};
    #[pymodule_export]
    use crate::run::{Vaults, cli, run_local, run_workers};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
