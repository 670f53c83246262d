//! One suite for every scheme: its primitives against plaintext, at the edges of the ring and on random values.

use algebra::{Prg, Ring, Seed, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};
use crate::replicated::Order;

/// A scheme's way to open a tensor to all, for the suite.
pub trait Opens: Scheme {
    /// Shares a tensor that all know, in a form that has no special component.
    fn close<R: Ring>(party: &Party, value: &Tensor<R>) -> Result<Self::Num<R>>;
    /// Opens a tensor to everyone.
    fn open<R: Ring>(party: &Party, x: &Self::Num<R>) -> impl Future<Output = Result<Tensor<R>>> + Send;
    /// Opens bits to everyone.
    fn open_bits(party: &Party, x: &Self::Bit) -> impl Future<Output = Result<Tensor<bool>>> + Send;
}

/// Elements at the edges of the ring, and of every size.
#[must_use]
pub fn edges<R: Ring>(count: usize, seed: u8) -> Tensor<R> {
    let random: Vec<R> = Prg::new(Seed([seed; 16])).elements(count);
    let sized = random.iter().zip((0..R::BITS).cycle()).map(|(x, by)| x.ashr(by));
    let top = R::ONE.wshl(R::BITS - 1);
    let fixed = [R::ZERO, R::ONE, R::ONE.wneg(), top, top.wsub(R::ONE), top.wadd(R::ONE)];
    Tensor::from_vec(fixed.into_iter().chain(sized).take(count).collect())
}

/// Runs the whole suite at one player.
///
/// # Errors
/// If a kernel fails.
///
/// # Panics
/// If a result differs from plaintext by more than the primitives allow.
pub async fn suite<S: Opens, R: Ring>(party: &Party, count: usize) -> Result<()> {
    let (x, y) = (edges::<R>(count, 1), edges::<R>(count, 2));
    let (sx, sy) = (S::close(party, &x)?, S::close(party, &y)?);
    arithmetic::<S, R>(party, (&x, &sx), (&y, &sy)).await?;
    truncation::<S, R>(party, &x.ashr(2)).await?;
    order::<S, R>(party, (&x, &sx), (&y, &sy)).await?;
    bits::<S, R>(party, &x, &sx).await
}

type Known<'a, N, R> = (&'a Tensor<R>, &'a N);

async fn arithmetic<S: Opens, R: Ring>(
    party: &Party,
    (x, sx): Known<'_, S::Num<R>, R>,
    (y, sy): Known<'_, S::Num<R>, R>,
) -> Result<()> {
    assert!(S::open(party, &sx.plus(sy)?).await? == x.add(y)?, "sum");
    assert!(S::open(party, &sx.minus(sy)?).await? == x.sub(y)?, "difference");
    let three = R::from_u64(3);
    assert!(
        S::open(party, &sx.times(three)?.plus_public(party, three)?).await? == x.map(|x| x.wmul(three).wadd(three))
    );
    assert!(S::open(party, &S::mul(party, sx, sy).await?).await? == x.mul(y)?, "product");
    let row = S::Num::<R>::stack(&[sx, sy])?;
    let first = sy.rows(0, 1)?;
    let scaled = S::open(party, &S::mul(party, &row, &first).await?).await?;
    assert!(scaled == Tensor::stack(&[x, y], 0)?.mul(&y.rows(0, 1)?)?, "product, broadcast");
    Ok(())
}

async fn truncation<S: Opens, R: Ring>(party: &Party, x: &Tensor<R>) -> Result<()> {
    let sx = S::close(party, x)?;
    for by in [1, 16, R::BITS / 2, R::BITS - 2] {
        let z = S::open(party, &S::truncate(party, &sx, by).await?).await?;
        let near = x.zip_with(&z, |x, z| {
            let (rest, error) = (x.wsub(x.ashr(by).wshl(by)), z.wsub(x.ashr(by)));
            error == R::ZERO || (error == R::ONE && rest != R::ZERO)
        })?;
        assert!(near.data().iter().all(|ok| *ok), "truncation by {by}");
    }
    Ok(())
}

async fn order<S: Opens, R: Ring>(
    party: &Party,
    (x, sx): Known<'_, S::Num<R>, R>,
    (y, sy): Known<'_, S::Num<R>, R>,
) -> Result<()> {
    let signed = S::less(party, sx, sy, Order::Signed).await?;
    let expected = x.zip_with(y, |x, y| x.to_i128() < y.to_i128())?;
    assert!(S::open_bits(party, &signed).await? == expected, "signed order");
    let unsigned = S::less(party, sx, sy, Order::Unsigned).await?;
    let halves = |x: &R| (x.high_u64(), x.low_u64());
    assert!(S::open_bits(party, &unsigned).await? == x.zip_with(y, |x, y| halves(x) < halves(y))?, "unsigned order");
    let same = S::equal(party, sx, sy).await?;
    assert!(S::open_bits(party, &same).await? == x.zip_with(y, |x, y| x == y)?, "equality");
    let both = S::and(party, &signed, &unsigned).await?;
    let conjunction = x.zip_with(y, |x, y| x.to_i128() < y.to_i128() && halves(x) < halves(y))?;
    assert!(S::open_bits(party, &both).await? == conjunction, "conjunction");
    let least = S::open(party, &S::select(party, &signed, sx, sy).await?).await?;
    assert!(least == x.zip_with(y, |x, y| if x.to_i128() < y.to_i128() { *x } else { *y })?, "choice");
    let number = S::open(party, &S::to_ring::<R>(party, &signed).await?).await?;
    assert!(number == expected.map(|b| R::from_u64(u64::from(*b))), "truth values as numbers");
    // What is chosen is small; what is not may be any element.
    let small = S::select(party, &signed, &S::close(party, &x.ashr(3))?, sx).await?;
    let beyond = R::ONE.wshl(R::BITS - 4);
    let chosen = S::open(party, &S::signed_choice(party, (&unsigned, &signed), &small, beyond, 5).await?).await?;
    let bits = x.zip_with(y, |x, y| (x.to_i128() < y.to_i128(), halves(x) < halves(y)))?;
    let exact = bits.zip_with(x, |(inside, negative), x| {
        let value = if *inside { x.ashr(3).wadd(beyond) } else { beyond };
        if *negative { value.wneg() } else { value }
    })?;
    let near = exact.zip_with(&chosen, |x, z| z.wsub(x.ashr(5)).wadd(R::ONE).lshr(2) == R::ZERO)?;
    assert!(near.data().iter().all(|ok| *ok), "choice with a sign");
    Ok(())
}

async fn bits<S: Opens, R: Ring>(party: &Party, x: &Tensor<R>, sx: &S::Num<R>) -> Result<()> {
    for (j, plane) in (0..).zip(S::bits(party, sx, R::BITS as usize).await?) {
        assert!(S::open_bits(party, &plane).await? == x.map(|x| x.bit(j)), "bit {j}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ideal::Ideal;
    use crate::replicated::{BitShare, Replicated, Share, reveal, reveal_bits};
    use crate::testing::World;

    impl Opens for Ideal {
        fn close<R: Ring>(_: &Party, value: &Tensor<R>) -> Result<Tensor<R>> {
            Ok(value.clone())
        }

        async fn open<R: Ring>(_: &Party, x: &Tensor<R>) -> Result<Tensor<R>> {
            Ok(x.clone())
        }

        async fn open_bits(_: &Party, x: &Tensor<bool>) -> Result<Tensor<bool>> {
            Ok(x.clone())
        }
    }

    impl Opens for Replicated {
        fn close<R: Ring>(party: &Party, value: &Tensor<R>) -> Result<Share<R>> {
            let role = party.role().unwrap_or(0);
            let component = |i: usize| -> Result<Tensor<R>> {
                let random = |seed| Prg::new(Seed([seed; 16])).tensor::<R>(value.shape());
                Ok(match i % 3 {
                    0 => random(7),
                    1 => random(8),
                    _ => value.sub(&random(7))?.sub(&random(8))?,
                })
            };
            Ok(Share::new(component(role)?, component(role + 1)?))
        }

        async fn open<R: Ring>(party: &Party, x: &Share<R>) -> Result<Tensor<R>> {
            let value = reveal(party, Some(x), party.roles(), x.shape()).await?;
            Ok(value.expect("all read"))
        }

        async fn open_bits(party: &Party, x: &BitShare) -> Result<Tensor<bool>> {
            let value = reveal_bits(party, Some(x), party.roles(), x.shape()).await?;
            Ok(value.expect("all read"))
        }
    }

    #[test]
    fn every_scheme_conforms() {
        let mut world = World::with_seed(12);
        for count in [6, 64, 131] {
            world.run(async |p| suite::<Ideal, u64>(&p, count).await.unwrap());
            world.run(async |p| suite::<Ideal, u128>(&p, count).await.unwrap());
            world.run(async |p| suite::<Replicated, u64>(&p, count).await.unwrap());
            world.run(async |p| suite::<Replicated, u128>(&p, count).await.unwrap());
        }
    }
}
