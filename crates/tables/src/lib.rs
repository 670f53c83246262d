//! Tables in Arrow's form, read strictly: what WebAssembly modules take and give, and what Flight carries.
//!
//! Arrow's reader trusts the lengths that a message states, and panics where they lie. Here every message is held
//! against its own metadata first ([`Reader`]); only then does Arrow decode it, with its full validation of values.
//! Columns are flat: booleans, whole numbers, `f32`, `f64`, texts, bytes, dates and timestamps. Dictionaries,
//! nesting and compression are refused by name.
//!
//! A table's memory is Arrow's and is not wiped when it is dropped.

mod column;
mod error;
mod message;
mod numbers;
mod reader;
mod stream;
mod table;

pub use error::{Place, TableError};
pub use numbers::Column;
pub use reader::{Limits, Reader};
pub use stream::{read, write};
pub use table::Table;

#[cfg(test)]
mod tests;
