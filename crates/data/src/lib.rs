//! Named datasets: CSV and `.npy` files to typed tensors.
//!
//! A `DATA.toml` says where each input of each player comes from ([`Datasets`], [`Source`]); an input is
//! loaded against the type that the computation declares for it ([`load`], [`Inputs`]), and what does not fit
//! is an error that names player, file, line and column, but never what a cell holds. What comes otherwise, as a table in
//! Arrow's form, is read by [`from_table`] and put beside the rest by [`Inputs::gather`].
//!
//! What this crate does not know: who may see a value, and how fixed point is encoded. An input of a
//! fixed-point type is loaded as `f64`.

mod cell;
mod config;
mod csv_file;
mod dims;
mod error;
mod inputs;
mod keys;
mod nearest;
mod npy_file;
mod preview;
mod table;
mod values;

pub use config::{Columns, Datasets, Source};
pub use dims::DimBinding;
pub use error::{DataError, Fault, Place, Position};
pub use inputs::{Given, Inputs, Wanted, held_type, load};
pub use keys::key_digest;
pub use preview::{Elements, Preview, preview};
pub use table::{from_table, to_table};
pub use values::{Loaded, Values};
