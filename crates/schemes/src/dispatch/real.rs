//! Functions of real numbers on shares.

use ir::{Op, Scheme};

use super::replicated::Carried;
use crate::error::{Error, Result};
use crate::party::Party;
use crate::replicated::Share;

/// A function of real numbers, elementwise.
pub(super) async fn real<R: Carried>(_: &Party, op: Op, args: &[&Share<R>], frac: u32) -> Result<Share<R>> {
    let operands = format!("{} operands with {frac} fraction bits", args.len());
    Err(Error::Unsupported { op: op.name(), operands, scheme: Scheme::Replicated.spec().name })
}
