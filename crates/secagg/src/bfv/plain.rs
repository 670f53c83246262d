//! Ring elements as plaintexts and back: an element m of Z_2^b becomes the number nearest to q·m/2^b.

use crypto_bigint::U192;

use super::Bfv;
use super::ring::{MODULI, N, PRIMES, Poly};
use crate::error::Error;
use crate::task::Task;
use crate::vector::Vector;

/// q modulo 2^64.
const MODULUS: u64 = PRIMES[0].wrapping_mul(PRIMES[1]).wrapping_mul(PRIMES[2]);
/// Bits of a fraction of q.
const FRACTION: u32 = 192;

/// The number of plaintexts that a vector takes.
pub(super) fn plaintexts(task: &Task) -> usize {
    (task.len as usize).div_ceil(N)
}

/// The plaintexts of a vector, each of which adds up with others without their slots touching.
pub(super) fn encode(input: &Vector) -> Vec<Poly> {
    let ring = input.ring();
    let elements = zeroize::Zeroizing::new(input.elements());
    // q·m = Q·2^b + r − 2^(b−1), where Q is what is nearest to q·m/2^b and r is what remains; q is 0 modulo each prime.
    let half = 1u64 << (ring.bits() - 1);
    let inverses = MODULI.map(|modulus| modulus.inverse(modulus.reduce(1 << ring.bits())));
    elements
        .chunks(N)
        .map(|chunk| {
            Poly::from_residues(|prime, at| {
                let element = chunk.get(at).copied().unwrap_or(0);
                let rest = MODULUS.wrapping_mul(element).wrapping_add(half) & ring.max();
                let difference = MODULI[prime].reduce(i128::from(half) - i128::from(rest));
                MODULI[prime].mul(difference, inverses[prime])
            })
        })
        .collect()
}

/// A coefficient as a fraction of q: its share of 2^192, to three units.
struct Fractions {
    /// (q/p)^-1 modulo p, for each prime.
    inverses: [u64; 3],
}

impl Fractions {
    fn new() -> Self {
        Self {
            inverses: [0, 1, 2].map(|i| {
                let modulus = MODULI[i];
                let others = (0..3).filter(|&j| j != i).map(|j| modulus.reduce(i128::from(PRIMES[j])));
                modulus.inverse(others.fold(1, |product, p| modulus.mul(product, p)))
            }),
        }
    }

    /// From the coefficient's residues: the sum over the primes of x·(q/p)^-1 / p, without its whole part.
    fn of(&self, residues: [u64; 3]) -> U192 {
        let mut sum = U192::ZERO;
        for ((residue, inverse), modulus) in residues.into_iter().zip(self.inverses).zip(MODULI) {
            let mut rest = modulus.mul(residue, inverse);
            let digits = [0; 3].map(|_: u64| {
                let shifted = u128::from(rest) << 64;
                rest = (shifted % u128::from(modulus.p)) as u64;
                (shifted / u128::from(modulus.p)) as u64
            });
            let bytes = [digits[2].to_le_bytes(), digits[1].to_le_bytes(), digits[0].to_le_bytes()];
            sum = sum.wrapping_add(&U192::from_le_slice(bytes.as_flattened()));
        }
        sum
    }
}

/// The vector that noisy plaintexts stand for; `None` if the noise of a coefficient is greater than all that is added
/// makes it.
///
/// # Errors
/// None but those of a vector that is not of the task's ring.
pub(super) fn decode(task: &Task, parameters: &Bfv, plaintexts: &[Poly]) -> Result<Option<Vector>, Error> {
    let bits = task.ring.bits();
    let fractions = Fractions::new();
    // q is above 2^179.
    let bound = U192::from_u128(parameters.noise(task)?).shl_vartime(FRACTION - 179);
    let half = U192::ONE.shl_vartime(FRACTION - bits - 1);
    let mut elements = Vec::with_capacity(task.len as usize);
    for plaintext in plaintexts {
        let residues = plaintext.residues();
        for at in 0..N {
            let rounded = fractions.of([residues[at], residues[N + at], residues[2 * N + at]]).wrapping_add(&half);
            let element = rounded.shr_vartime(FRACTION - bits);
            let rest = rounded.wrapping_sub(&element.shl_vartime(FRACTION - bits));
            let noise = if rest >= half { rest.wrapping_sub(&half) } else { half.wrapping_sub(&rest) };
            if noise > bound {
                return Ok(None);
            }
            let mut low = [0; 8];
            low.copy_from_slice(&element.to_le_bytes().as_ref()[..8]);
            elements.push(u64::from_le_bytes(low));
        }
    }
    elements.truncate(task.len as usize);
    Vector::from_elements(task.ring, &elements).map(Some)
}
