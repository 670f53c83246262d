//! Messages of the control plane, made from `proto/worker.proto`.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

use std::fmt;

tonic::include_proto!("privity.v1");

/// Without its elements: they are results.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensor").field("dtype", &self.dtype).field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Without openings.
impl fmt::Debug for ReceiptsReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptsReply").field("receipts", &self.receipts.len()).finish_non_exhaustive()
    }
}
