//! What WebAssembly modules for Privity are written with.
//!
//! A module is a function of the tables and arguments that it is given, which writes tables:
//!
//! ```
//! use privity_guest::{GiveUp, Job, table};
//!
//! fn run(job: &mut dyn Job) -> Result<(), GiveUp> {
//!     let doses = job.table("doses")?.numbers("dose")?;
//!     let total: f64 = doses.iter().flatten().sum();
//!     job.write("total", &table([("total", vec![total].into())])?)
//! }
//!
//! privity_guest::module!(run);
//! # let mut job = privity_guest::Native::default();
//! # job.inputs.insert("doses".into(), table([("dose", vec![1.0, 2.5].into())]).unwrap());
//! # run(&mut job).unwrap();
//! # assert_eq!(job.outputs["total"].numbers("total").unwrap(), [Some(3.5)]);
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`. Nothing else of the world is there: no files, no clock, no
//! randomness, nothing to print with. On other targets the same function runs on a [`Native`] job, for tests.

mod column;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod imports;
mod job;
mod matching;
mod table;

pub use column::{Column, Key};
pub use job::{GiveUp, Job, Native};
pub use matching::{Match, matches};
pub use table::{Table, table};

/// Makes a function of a [`Job`] the module's entry.
#[macro_export]
macro_rules! module {
    ($run:path) => {
        /// The module's entry: 0 when its outputs are written.
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = "privity_run")]
        pub extern "C" fn privity_run() -> i32 {
            let run: fn(&mut dyn $crate::Job) -> Result<(), $crate::GiveUp> = $run;
            match run(&mut $crate::imports::Sandboxed) {
                Ok(()) => 0,
                Err(_) => 1,
            }
        }
    };
}
