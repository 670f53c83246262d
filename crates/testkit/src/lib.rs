//! For tests: worlds of players, tampering, conformance.
