//! The long-lived process of one party, and its gRPC control plane.
