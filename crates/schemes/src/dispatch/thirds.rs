//! Large elementwise functions in three parts, each with another player in the first role.
//!
//! Roles are alike but for what kernels ask of them: the first player sends most. A sharing is the same sharing when all
//! roles move on by one, so each player can be the first for a third of the elements, and all three send the same.

use algebra::Tensor;
use futures::future::try_join_all;

use super::real;
use super::replicated::{Call, Carried};
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{Replicated, Share};

/// Elements below which three messages for each cost more than they save.
const WORTH_IT: usize = 3 * 1024;

/// A function of one real number.
pub(super) async fn elementwise<R: Carried>(call: &Call<'_>, x: &Share<R>, frac: u32) -> Result<Share<R>> {
    let count = x.len();
    if count < WORTH_IT || call.party.roles().len() != 3 {
        return real::real::<Replicated, R>(call, &[x], frac).await;
    }
    let flat = x.reshape(&[count])?;
    let outer = call.party.narrow("thirds");
    let parts = try_join_all((0..3).map(|turn| Box::pin(part(call, &outer, &flat, turn, frac)))).await?;
    Share::join(&parts.iter().collect::<Vec<_>>(), |t| Tensor::concat(t, 0))?.reshape(x.shape())
}

/// The part in which the player in role `turn` is the first.
async fn part<R: Carried>(call: &Call<'_>, outer: &Party, flat: &Share<R>, turn: usize, frac: u32) -> Result<Share<R>> {
    // Bits of whole words.
    let third = (flat.len() / 3).next_multiple_of(64);
    let (start, end) = (turn * third, if turn == 2 { flat.len() } else { (turn + 1) * third });
    let part = flat.try_map(|t| t.rows(start, end))?;
    let roles = outer.roles();
    let party = outer.on([0, 1, 2].map(|i| roles[(i + turn) % 3]));
    let call = Call { party: &party, role: (call.role + 3 - turn) % 3, ..*call };
    real::real::<Replicated, R>(&call, &[&part], frac).await
}
