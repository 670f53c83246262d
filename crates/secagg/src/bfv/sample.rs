//! What is drawn: secrets, errors, and the noise that hides them in decryption shares.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::ring::N;

/// The greatest error: a centred binomial number of 2·21 coins, of standard deviation 3.24.
pub(super) const ERROR: i128 = 21;

/// Coefficients that are kept from others.
pub(super) type Small = Zeroizing<Vec<i128>>;

/// Uniform among −1, 0 and 1.
pub(super) fn ternary<R: CryptoRng + ?Sized>(rng: &mut R) -> Small {
    let mut drawn = Zeroizing::new(Vec::with_capacity(N));
    let mut bytes = Zeroizing::new([0; N]);
    while drawn.len() < N {
        rng.fill_bytes(&mut bytes[..]);
        // 255 is divisible by three; what is thrown away says nothing of what is kept.
        let kept = bytes.iter().filter(|&&byte| byte < 255).map(|&byte| i128::from(byte % 3) - 1);
        let missing = N - drawn.len();
        drawn.extend(kept.take(missing));
    }
    drawn
}

/// Errors of the encryption.
pub(super) fn errors<R: CryptoRng + ?Sized>(rng: &mut R) -> Small {
    let coins = (1u64 << ERROR) - 1;
    let mut bytes = Zeroizing::new([0; 8 * N]);
    rng.fill_bytes(&mut bytes[..]);
    let (words, _) = bytes.as_chunks::<8>();
    let error = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        i128::from((word & coins).count_ones()) - i128::from((word >> 32 & coins).count_ones())
    };
    Zeroizing::new(words.iter().map(error).collect())
}

/// Uniform in [−2^bits, 2^bits), for bits up to 120.
pub(super) fn flood<R: CryptoRng + ?Sized>(bits: u32, rng: &mut R) -> Small {
    let mut bytes = Zeroizing::new(vec![0; 16 * N]);
    rng.fill_bytes(&mut bytes[..]);
    let (words, _) = bytes.as_chunks::<16>();
    let drawn = |word: &[u8; 16]| i128::from_le_bytes(*word) >> (127 - bits);
    Zeroizing::new(words.iter().map(drawn).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn what_is_drawn_has_its_range_and_its_spread() {
        let mut rng = seeded(1);
        let ternary = ternary(&mut rng);
        for value in -1..=1 {
            let share = ternary.iter().filter(|&&x| x == value).count() as f64 / N as f64;
            assert!((share - 1.0 / 3.0).abs() < 0.03, "{share}");
        }
        let errors = errors(&mut rng);
        let variance = errors.iter().map(|x| (x * x) as f64).sum::<f64>() / N as f64;
        assert!(errors.iter().all(|x| x.abs() <= ERROR) && (variance - 10.5).abs() < 1.0, "{variance}");
        let flood = flood(100, &mut rng);
        assert!(flood.iter().all(|&x| (-(1i128 << 100)..1 << 100).contains(&x)));
        assert!(flood.iter().any(|&x| x > 1 << 98) && flood.iter().any(|&x| x < -(1 << 98)));
    }
}
