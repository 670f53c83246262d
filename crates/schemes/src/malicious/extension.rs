//! What the check computes in: extensions of Z_2^k and of Z_2 in which a random element annihilates nothing but by luck.
//!
//! In Z_2^k a random factor hides an error of 2^(k-1) half of the time, and no three elements have pairwise invertible
//! differences. A Galois ring of degree 48 (Boyle, Gilboa, Ishai, Nof 2019, section 4.2) mends both: a uniform factor
//! annihilates an error with probability 2^-48, and the 2^48 polynomials with coefficients 0 and 1 differ by units.

use std::marker::PhantomData;

use algebra::{Prg, Ring, Tensor, matmul};

/// An extension ring. Vectors of elements are flat: [`WIDTH`](Self::WIDTH) units for each element.
pub(super) trait Extension: Send + Sync + Sized + 'static {
    /// A coefficient.
    type Unit: Ring;
    /// Units of one element.
    const WIDTH: usize;

    /// The sum of two units.
    fn plus(a: Self::Unit, b: Self::Unit) -> Self::Unit;
    /// The difference of two units.
    fn minus(a: Self::Unit, b: Self::Unit) -> Self::Unit;
    /// The element 1.
    fn one() -> Vec<Self::Unit>;
    /// The product of two elements.
    fn times(a: &[Self::Unit], b: &[Self::Unit]) -> Vec<Self::Unit>;
    /// `Σ a_l·b_l + c_l·d_l`, over vectors of one length.
    fn inner(a: &[Self::Unit], b: &[Self::Unit], c: &[Self::Unit], d: &[Self::Unit]) -> Vec<Self::Unit>;
    /// `Σ w_i·r_i`, where row `r_i` is a vector and `w_i` an element.
    fn combine(rows: &[Self::Unit], weights: &[Self::Unit]) -> Vec<Self::Unit>;
    /// A non-zero element of a set whose elements differ by units, 2^48 of them or more.
    fn challenge(prg: &mut Prg) -> Vec<Self::Unit>;

    /// Units added one by one.
    fn sum(a: &[Self::Unit], b: &[Self::Unit]) -> Vec<Self::Unit> {
        a.iter().zip(b).map(|(a, b)| Self::plus(*a, *b)).collect()
    }

    /// Units subtracted one by one.
    fn difference(a: &[Self::Unit], b: &[Self::Unit]) -> Vec<Self::Unit> {
        a.iter().zip(b).map(|(a, b)| Self::minus(*a, *b)).collect()
    }

    /// Every element of one vector times that of another.
    fn hadamard(a: &[Self::Unit], b: &[Self::Unit]) -> Vec<Self::Unit> {
        let pairs = a.chunks(Self::WIDTH).zip(b.chunks(Self::WIDTH));
        let mut out = Vec::with_capacity(a.len());
        pairs.for_each(|(a, b)| out.extend(Self::times(a, b)));
        out
    }
}

/// The Galois ring Z_2^k[X]/(X^48 + X^5 + X^3 + X^2 + 1). The modulus is irreducible mod 2.
pub(super) struct Galois<R>(PhantomData<fn() -> R>);

/// The degree of the Galois ring.
pub(super) const DEGREE: usize = 48;

/// The exponents of the modulus below its degree.
const TAIL: [usize; 4] = [0, 2, 3, 5];

/// The remainder of a polynomial of degree below 2·48 - 1.
fn reduced<R: Ring>(mut c: Vec<R>) -> Vec<R> {
    for i in (DEGREE..c.len()).rev() {
        let top = c[i];
        TAIL.iter().for_each(|t| c[i - DEGREE + t] = c[i - DEGREE + t].wsub(top));
    }
    c.truncate(DEGREE);
    c
}

/// A vector of elements as a matrix, one element in a row.
fn rows<R: Ring>(units: &[R]) -> Tensor<R> {
    Tensor::new([units.len() / DEGREE, DEGREE], units.to_vec()).expect("whole elements")
}

impl<R: Ring> Extension for Galois<R> {
    type Unit = R;
    const WIDTH: usize = DEGREE;

    fn plus(a: R, b: R) -> R {
        a.wadd(b)
    }

    fn minus(a: R, b: R) -> R {
        a.wsub(b)
    }

    fn one() -> Vec<R> {
        let mut one = vec![R::ZERO; DEGREE];
        one[0] = R::ONE;
        one
    }

    fn times(a: &[R], b: &[R]) -> Vec<R> {
        let mut c = vec![R::ZERO; 2 * DEGREE - 1];
        for (i, &a) in a.iter().enumerate() {
            c[i..i + DEGREE].iter_mut().zip(b).for_each(|(c, &b)| *c = c.wadd(a.wmul(b)));
        }
        reduced(c)
    }

    fn inner(a: &[R], b: &[R], c: &[R], d: &[R]) -> Vec<R> {
        // All products of coefficients at once, as a product of matrices; then those of one degree are joined.
        let (left, right) = (rows(a).transposed(), rows(c).transposed());
        let all = algebra::matmul_add2(&left, &rows(b), &right, &rows(d)).expect("vectors of one length");
        let mut out = vec![R::ZERO; 2 * DEGREE - 1];
        for (i, row) in all.data().chunks(DEGREE).enumerate() {
            out[i..i + DEGREE].iter_mut().zip(row).for_each(|(o, &p)| *o = o.wadd(p));
        }
        reduced(out)
    }

    fn combine(data: &[R], weights: &[R]) -> Vec<R> {
        let count = weights.len() / DEGREE;
        let mut sum = vec![R::ZERO; data.len() / count];
        for (row, weight) in data.chunks(data.len() / count).zip(weights.chunks(DEGREE)) {
            // The matrix of multiplication by the weight: row j is X^j·w.
            let mut matrix = Vec::with_capacity(DEGREE * DEGREE);
            let mut power = weight.to_vec();
            for _ in 0..DEGREE {
                matrix.extend_from_slice(&power);
                power.insert(0, R::ZERO);
                power = reduced(power);
            }
            let product = matmul(&rows(row), &rows(&matrix)).expect("elements have one width");
            algebra::slices::add_assign(&mut sum, product.data());
        }
        sum
    }

    fn challenge(prg: &mut Prg) -> Vec<R> {
        let mask = (1u64 << DEGREE) - 1;
        let bits = std::iter::repeat_with(|| prg.elements::<u64>(1)[0] & mask).find(|b| *b != 0).unwrap_or(1);
        (0..DEGREE).map(|i| R::from_u64(bits >> i & 1)).collect()
    }
}

/// The field of 2^64 elements, GF(2)[X]/(X^64 + X^4 + X^3 + X + 1), over which bits are checked.
pub(super) struct Gf64;

/// Bits of `x` whose position is `class` mod 4.
fn spread(x: u64, class: u32) -> u64 {
    x & (0x1111_1111_1111_1111 << class)
}

/// The product of polynomials over GF(2), without branches and tables: operands with three holes after each bit, and at
/// most eight bits in one of them, multiply as integers without a carry that reaches the next bit kept.
fn carryless(a: u64, b: u64) -> u128 {
    let half = |b: u64| {
        let mut out = 0u128;
        for class in 0..4 {
            let mut sum = 0u128;
            for i in 0..4 {
                sum ^= u128::from(spread(a, i)) * u128::from(spread(b, (class + 4 - i) % 4));
            }
            out |= sum & (0x1111_1111_1111_1111_1111_1111_1111_1111 << class);
        }
        out
    };
    half(b & 0xffff_ffff) ^ half(b >> 32) << 32
}

/// The remainder of a polynomial of degree below 127.
fn remainder(x: u128) -> u64 {
    let fold = |high: u128| high ^ high << 1 ^ high << 3 ^ high << 4;
    let once = (x & u128::from(u64::MAX)) ^ fold(x >> 64);
    (once as u64) ^ (fold(once >> 64) as u64)
}

/// The multiples of an element by every byte, at each of eight places.
pub(super) fn byte_table(element: u64) -> Vec<u64> {
    let mut power = element;
    let powers: Vec<u64> = (0..64)
        .map(|_| {
            let this = power;
            power = remainder(u128::from(power) << 1);
            this
        })
        .collect();
    subset_sums(&powers)
}

/// For each eight elements, the sums of all their subsets.
pub(super) fn subset_sums(elements: &[u64]) -> Vec<u64> {
    let mut table = Vec::with_capacity(elements.len() * 32);
    for eight in elements.chunks(8) {
        let start = table.len();
        table.push(0);
        for (i, &e) in eight.iter().enumerate() {
            for j in 0..1 << i {
                let sum = table[start + j] ^ e;
                table.push(sum);
            }
        }
    }
    table
}

/// The sum that the bits of a word choose.
pub(super) fn chosen(table: &[u64], word: u64) -> u64 {
    let byte = |i: usize| table[i * 256 + (word >> (8 * i) & 0xff) as usize];
    (0..8).fold(0, |sum, i| sum ^ byte(i))
}

impl Extension for Gf64 {
    type Unit = u64;
    const WIDTH: usize = 1;

    fn plus(a: u64, b: u64) -> u64 {
        a ^ b
    }

    fn minus(a: u64, b: u64) -> u64 {
        a ^ b
    }

    fn one() -> Vec<u64> {
        vec![1]
    }

    fn times(a: &[u64], b: &[u64]) -> Vec<u64> {
        vec![remainder(carryless(a[0], b[0]))]
    }

    fn inner(a: &[u64], b: &[u64], c: &[u64], d: &[u64]) -> Vec<u64> {
        let sum = |a: &[u64], b: &[u64]| a.iter().zip(b).fold(0, |s, (a, b)| s ^ carryless(*a, *b));
        vec![remainder(sum(a, b) ^ sum(c, d))]
    }

    fn combine(data: &[u64], weights: &[u64]) -> Vec<u64> {
        let mut sum = vec![0; data.len() / weights.len()];
        for (row, &weight) in data.chunks(data.len() / weights.len()).zip(weights) {
            let table = byte_table(weight);
            sum.iter_mut().zip(row).for_each(|(s, &x)| *s ^= chosen(&table, x));
        }
        sum
    }

    fn challenge(prg: &mut Prg) -> Vec<u64> {
        vec![std::iter::repeat_with(|| prg.elements::<u64>(1)[0]).find(|c| *c != 0).unwrap_or(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use algebra::{Element, Seed};

    /// Rabin's test over GF(2): X^(2^n) = X mod f, and X^(2^(n/p)) - X has no factor in common with f.
    fn irreducible(f: u128, n: u32) -> bool {
        let degree = |x: u128| 127 - x.leading_zeros();
        let rem = |mut x: u128, f: u128| {
            while x != 0 && degree(x) >= degree(f) {
                x ^= f << (degree(x) - degree(f));
            }
            x
        };
        let square = |x: u128| {
            (0..n).rev().fold(0u128, |acc, i| {
                let doubled = rem(acc << 1, f);
                if x >> i & 1 == 1 { doubled ^ x } else { doubled }
            })
        };
        let power = |times: u32| (0..times).fold(2u128, |x, _| rem(square(x), f));
        let coprime = |mut a: u128, mut b: u128| {
            while b != 0 {
                (a, b) = (b, rem(a, b));
            }
            a == 1
        };
        let primes = (2..n).filter(|p| n.is_multiple_of(*p) && (2..*p).all(|q| !p.is_multiple_of(q)));
        power(n) == 2 && primes.into_iter().all(|p| coprime(f, power(n / p) ^ 2))
    }

    #[test]
    fn moduli_are_irreducible() {
        let galois = TAIL.iter().fold(1u128 << DEGREE, |f, t| f | 1 << t);
        assert!(irreducible(galois, 48));
        assert!(irreducible(1 << 64 | 0b11011, 64));
        assert!(!irreducible(1 << 48 | 1, 48));
    }

    fn laws<E: Extension>() {
        let mut prg = Prg::new(Seed([5; 16]));
        let mut draw = |n: usize| prg.elements::<E::Unit>(n * E::WIDTH);
        for _ in 0..20 {
            let (a, b, c) = (draw(1), draw(1), draw(1));
            assert!(E::times(&a, &b) == E::times(&b, &a));
            assert!(E::times(&E::times(&a, &b), &c) == E::times(&a, &E::times(&b, &c)));
            assert!(E::times(&a, &E::sum(&b, &c)) == E::sum(&E::times(&a, &b), &E::times(&a, &c)));
            assert!(E::times(&a, &E::one()) == a);
        }
        let (a, b, c, d, w) = (draw(6), draw(6), draw(6), draw(6), draw(2));
        let part = |x: &[E::Unit], i: usize| x[i * E::WIDTH..(i + 1) * E::WIDTH].to_vec();
        let slow = (0..6).fold(vec![E::Unit::ZERO; E::WIDTH], |sum, l| {
            let sum = E::sum(&sum, &E::times(&part(&a, l), &part(&b, l)));
            E::sum(&sum, &E::times(&part(&c, l), &part(&d, l)))
        });
        assert!(E::inner(&a, &b, &c, &d) == slow);
        let joined = E::combine(&a, &w);
        for l in 0..3 {
            let term = |i: usize| E::times(&part(&a, 3 * i + l), &part(&w, i));
            assert!(part(&joined, l) == E::sum(&term(0), &term(1)));
        }
    }

    #[test]
    fn extensions_are_rings() {
        laws::<Galois<u64>>();
        laws::<Galois<u128>>();
        laws::<Gf64>();
    }
}
