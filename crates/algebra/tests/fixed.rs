//! Fixed point against exact arithmetic.

use algebra::fixed::{decode, decode_tensor, encode, encode_tensor};
use algebra::{Ring, Tensor};
use proptest::prelude::*;

/// Whether |x·2^frac - n| <= 1/2, exactly: both sides are multiples of 2^-1074 below 2^127, so they are compared as
/// mantissa and exponent.
fn nearest(x: f64, frac: u32, n: i128) -> bool {
    let scaled = x * 2f64.powi(frac as i32);
    // Scaling by a power of two is exact; so is the difference from the nearest integers of the same magnitude.
    if scaled.abs() >= 2f64.powi(53) { scaled as i128 == n } else { (scaled - n as f64).abs() <= 0.5 }
}

fn round_trip<R: Ring>(x: f64, frac: u32) -> Result<(), TestCaseError> {
    let element: R = encode(x, frac).unwrap();
    prop_assert!(nearest(x, frac, element.to_i128()));
    let back = decode(element, frac);
    prop_assert!((back - x).abs() <= 2f64.powi(-(frac as i32) - 1));
    prop_assert_eq!(encode::<R>(-x, frac).unwrap(), element.wneg());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn encoding_is_the_nearest_element(mantissa in -1.0f64..1.0, scale in 0u32..60, frac in 0u32..60) {
        let room = 62 - frac;
        let x = mantissa * 2f64.powi(scale.min(room) as i32);
        round_trip::<u64>(x, frac)?;
        round_trip::<u128>(x, frac)?;
        round_trip::<u128>(x, frac + 60)?;
    }

    #[test]
    fn every_float_is_encoded_or_refused(bits: u64, frac in 0u32..64) {
        let x = f64::from_bits(bits);
        let fits = frac < 62 && x.abs() < 2f64.powi(62 - frac as i32);
        prop_assert_eq!(encode::<u64>(x, frac).is_ok(), fits);
    }
}

#[test]
fn tensors_keep_their_shape() {
    let x = Tensor::new([2, 1, 2], vec![0.5, -1.25, 3.0, 0.0]).unwrap();
    let back = decode_tensor(&encode_tensor::<u64>(&x, 16).unwrap(), 16);
    assert_eq!((back.shape(), back.data()), (x.shape(), x.data()));
    let none = Tensor::<f64>::zeros([0, 3]);
    assert_eq!(encode_tensor::<u128>(&none, 40).unwrap().shape(), [0, 3]);
}
