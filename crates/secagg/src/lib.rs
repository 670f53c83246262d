//! Aggregation over many clients, as state machines without I/O.
