//! Packed bits against vectors of booleans.

use algebra::{BitPlanes, Bits, Prg, Seed, compose, decompose};
use proptest::prelude::*;

fn bools(max: usize) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), 0..max)
}

/// Bits past the length are zero: what equality and serialisation rely on.
fn well_formed(bits: &Bits) -> bool {
    let mut out = Bits::from_words(bits.len(), bits.words().to_vec());
    out.xor_assign(bits);
    bits.words().len() == bits.len().div_ceil(64)
        && out.words().iter().all(|&w| w == 0)
        && Bits::from_words(bits.len(), bits.words().to_vec()).words() == bits.words()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn logic_is_that_of_booleans(x in bools(200), seed: u8) {
        let b = Prg::new(Seed([seed; 16])).bits(x.len());
        let (a, y) = (Bits::from_bools(&x), b.to_bools());
        let each = |f: fn(bool, bool) -> bool| -> Vec<bool> { x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect() };
        prop_assert_eq!(a.to_bools(), x.clone());
        prop_assert_eq!(a.xor(&b).to_bools(), each(|x, y| x ^ y));
        prop_assert_eq!(a.and(&b).to_bools(), each(|x, y| x & y));
        prop_assert_eq!(a.or(&b).to_bools(), each(|x, y| x | y));
        prop_assert_eq!(a.not().to_bools(), each(|x, _| !x));
        prop_assert_eq!(Bits::and_xor2(&a, &b, &b, &b).to_bools(), each(|x, y| (x & y) ^ y));
        prop_assert_eq!(a.count_ones(), x.iter().filter(|&&x| x).count());
        prop_assert!(well_formed(&a) && well_formed(&a.not()) && well_formed(&b));
        let mut c = a.clone();
        c.and_assign(&b);
        c.xor_assign(&b);
        c.not_assign();
        c.not_assign();
        prop_assert!(c == a.not().and(&b));
    }

    #[test]
    fn parts_are_those_of_booleans(x in bools(300), y in bools(150), cut in any::<[prop::sample::Index; 2]>()) {
        let (a, b) = (Bits::from_bools(&x), Bits::from_bools(&y));
        let cuts = cut.map(|c| c.index(x.len() + 1));
        let (start, end) = (cuts[0].min(cuts[1]), cuts[0].max(cuts[1]));
        let part = a.slice(start, end);
        prop_assert_eq!(part.to_bools(), &x[start..end]);
        let joined = Bits::concat(&[&part, &b, &a]);
        prop_assert_eq!(joined.to_bools(), [&x[start..end], &y, &x].concat());
        prop_assert!(well_formed(&part) && well_formed(&joined));
        let reversed: Vec<usize> = (0..x.len()).rev().collect();
        prop_assert_eq!(a.gather(&reversed).to_bools(), x.iter().rev().copied().collect::<Vec<_>>());
        if !x.is_empty() {
            let mut flipped = a.clone();
            let at = cuts[0].min(x.len() - 1);
            flipped.set(at, !a.get(at));
            prop_assert_eq!(flipped.xor(&a).count_ones(), 1);
        }
    }

    #[test]
    fn bytes_round_trip_and_stray_bits_are_refused(x in bools(200)) {
        let a = Bits::from_bools(&x);
        let mut bytes = a.to_bytes();
        prop_assert_eq!(bytes.len(), x.len().div_ceil(8));
        prop_assert_eq!(Bits::from_bytes(x.len(), &bytes), Some(a));
        if x.len() % 8 != 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            prop_assert_eq!(Bits::from_bytes(x.len(), &bytes), None);
        }
        bytes.push(0);
        prop_assert_eq!(Bits::from_bytes(x.len(), &bytes), None);
    }

    #[test]
    fn planes_compute_on_all_lanes_at_once(x in prop::collection::vec(any::<u64>(), 0..300), seed: u8) {
        let y = Prg::new(Seed([seed; 16])).elements::<u64>(x.len());
        let (a, b) = (decompose(&x, 64), decompose(&y, 64));
        let each = |f: fn(u64, u64) -> u64| -> Vec<u64> { x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect() };
        prop_assert_eq!(compose::<u64>(&a.xor(&b)), each(|x, y| x ^ y));
        prop_assert_eq!(compose::<u64>(&a.and(&b)), each(|x, y| x & y));
        prop_assert_eq!(compose::<u64>(&a.not()), each(|x, _| !x));
        prop_assert_eq!(compose::<u128>(&a.range(8, 40)), each(|x, _| x >> 8 & 0xffff_ffff).iter().map(|&x| u128::from(x)).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_secret_is_printed() {
    assert_eq!(format!("{:?}", Bits::ones(3)), "Bits[3]");
    assert_eq!(format!("{:?}", BitPlanes::zeros(5, 2)), "BitPlanes[5 × 2]");
    assert_eq!(format!("{:?} {:?}", Seed([1; 16]), Prg::new(Seed([1; 16]))), "Seed(..) Prg(..)");
    assert_eq!(Bits::splat(70, true), Bits::ones(70));
}
