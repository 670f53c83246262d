//! Compute on joint data so that each party learns exactly what all agreed to.
//!
//! A program says whose values are whose, where each step runs, how it is protected and who may learn the results. It
//! is checked when it is made; [`run_local`] runs it with all players in this process, with the same plans and
//! kernels as between workers.
//!
//! ```
//! use privity::{LocalData, LocalOptions, Program, run_local};
//!
//! let program = Program::parse("slope.pv", "
//! computation slope
//!   player clinic, laboratory, registry, analyst
//!   placement committee = replicated(clinic, laboratory, registry)
//!
//!   input bmi    : f64[n] at clinic owner clinic
//!   input target : f64[n] at registry owner registry
//!
//!   on committee as fixed<64, 16>
//!     x = bmi - mean(bmi)
//!     b = dot(x, target) / maximum(dot(x, x), 0.001)
//!
//!   release b to analyst as \"slope\"
//! ")?;
//! println!("{}", program.checked().disclosure());
//!
//! let column = |values: &[f64]| privity::Plain::F64(privity::algebra::Tensor::from_vec(values.to_vec()));
//! let inputs = [("bmi", column(&[21.0, 25.0, 32.0])), ("target", column(&[75.0, 100.0, 151.0]))];
//! let inputs = inputs.map(|(name, value)| (name.to_owned(), value)).into();
//! let data = LocalData::of(&program, inputs, &Default::default(), &Default::default())?;
//! let report = run_local(&program, data, &LocalOptions::default())?;
//! let slope = report.outputs["analyst"]["slope"].to_f64();
//! assert!((slope.data()[0] - 431.0 / 62.0).abs() < 0.001);
//! # Ok::<(), privity::Error>(())
//! ```

mod error;
mod folder;
mod local;
mod modules;
mod program;
mod report;

pub use error::{Error, Fault};
pub use local::{LocalData, LocalOptions, LocalVaults, run_local};
pub use modules::ModuleFolder;
pub use program::{Problems, Program};
pub use report::{Comparison, Cost, Report, tensor};
pub use schemes::Plain;
pub use {agreement, algebra, check, data, ir, net, schemes, session};
