//! What tasks cost three players: CPU, wall-clock time, bytes, rounds, memory.
//!
//! Every task is an ordinary program (in `programs/`) that takes the ordinary path: checked, agreed, projected,
//! executed, by three players in this process, over links in memory, over TLS on the loopback, or over links as slow as
//! a network between cities.
//!
//! A program does its task once, then again in a loop. Setting up, sharing and revealing are left out by taking the
//! difference between a run with more iterations and one with fewer; what is left is the cost of the task itself.

#![forbid(unsafe_code)]

mod measure;
mod meter;
mod report;
mod tasks;
mod world;

pub use measure::{BenchError, Figures, Measured, measure, once};
pub use report::{table, to_json};
pub use tasks::{Goal, NO_GOAL, TASKS, Task, task};
pub use world::LinkKind;
