//! Tensors against index arithmetic spelled out, on shapes with empty axes, single axes and rank 0.

use algebra::{Tensor, Threads, broadcast_shapes};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..6, 0..5)
}

fn iota(shape: &[usize]) -> Tensor<u64> {
    Tensor::from_fn(shape, |i| i as u64 + 1)
}

/// All index tuples of a shape, in row-major order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |tuples, &length| {
        let extend = |t: &Vec<usize>| {
            let t = t.clone();
            (0..length).map(move |i| t.iter().copied().chain([i]).collect())
        };
        tuples.iter().flat_map(extend).collect()
    })
}

/// Whether `t` has this shape and, at every index, the element that `f` says.
fn matches(t: &Tensor<u64>, shape: &[usize], f: impl Fn(&[usize]) -> u64) -> bool {
    let want: Vec<u64> = indices(shape).iter().map(|i| f(i)).collect();
    t.shape() == shape && t.data() == want
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn transposition_permutes_indices(shape in shape(), seed in any::<prop::sample::Index>()) {
        let t = iota(&shape);
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        if !axes.is_empty() {
            let at = seed.index(axes.len());
            axes.rotate_left(at);
            axes.swap(0, at);
        }
        let permuted: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
        let got = t.transpose(&axes).unwrap();
        let same = matches(&got, &permuted, |i| {
            let mut own = vec![0; i.len()];
            axes.iter().zip(i).for_each(|(&axis, &at)| own[axis] = at);
            *t.get(&own).unwrap()
        });
        prop_assert!(same);
    }

    #[test]
    fn slices_flips_and_gathers_pick_indices(
        shape in prop::collection::vec(0usize..7, 1..4), axis in any::<prop::sample::Index>(),
        bounds in [0usize..7, 0usize..7], step in 1usize..4,
    ) {
        let (t, axis) = (iota(&shape), axis.index(shape.len()));
        let length = shape[axis];
        let (start, end) = (bounds[0].min(bounds[1]).min(length), bounds[0].max(bounds[1]).min(length));
        let picked: Vec<usize> = (start..end).step_by(step).collect();
        let mut short = shape.clone();
        short[axis] = picked.len();
        let at = |i: &[usize], position: usize| {
            let mut own = i.to_vec();
            own[axis] = position;
            *t.get(&own).unwrap()
        };
        let sliced = t.slice(axis, start, end, step).unwrap();
        prop_assert!(matches(&sliced, &short, |i| at(i, picked[i[axis]])));
        prop_assert!(t.gather(axis, &picked).unwrap() == sliced);
        prop_assert!(matches(&t.flip(axis).unwrap(), &shape, |i| at(i, length - 1 - i[axis])));
        let pieces = t.split(axis, &[start, end - start, length - end]).unwrap();
        prop_assert!(Tensor::concat(&pieces.iter().collect::<Vec<_>>(), axis).unwrap() == t);
        for i in 0..length {
            let row = t.index(axis, i).unwrap();
            prop_assert!(row.expand_dims(axis).unwrap() == t.slice(axis, i, i + 1, 1).unwrap());
        }
        let rows: Vec<_> = (0..length).map(|i| t.index(axis, i).unwrap()).collect();
        if length > 0 {
            prop_assert!(Tensor::stack(&rows.iter().collect::<Vec<_>>(), axis).unwrap() == t);
        }
    }

    #[test]
    fn arithmetic_broadcasts(shape in shape(), ones in any::<[bool; 4]>(), drop in 0usize..4) {
        let mut other: Vec<usize> = shape.clone();
        other.iter_mut().zip(ones).filter(|(_, one)| *one).for_each(|(d, _)| *d = 1);
        let other = other.split_off(drop.min(other.len()));
        let (x, y) = (iota(&shape), iota(&other).map(|v| v * 1000));
        let both = broadcast_shapes(&shape, &other).unwrap();
        let (wide_x, wide_y) = (x.broadcast_to(&both).unwrap(), y.broadcast_to(&both).unwrap());
        let lead = both.len() - other.len();
        let same = matches(&wide_y, &both, |i| {
            let own: Vec<usize> = i[lead..].iter().zip(&other).map(|(&i, &d)| i.min(d - 1)).collect();
            *y.get(&own).unwrap()
        });
        prop_assert!(same);
        let each = |f: fn(u64, u64) -> u64| -> Vec<u64> {
            wide_x.data().iter().zip(wide_y.data()).map(|(&a, &b)| f(a, b)).collect()
        };
        prop_assert_eq!(x.add(&y).unwrap().into_data(), each(u64::wrapping_add));
        prop_assert_eq!(y.sub(&x).unwrap().neg().into_data(), each(u64::wrapping_sub));
        prop_assert_eq!(x.mul(&y).unwrap().into_data(), each(u64::wrapping_mul));
        let two = Tensor::mul_add2(&x, &y, &x, &y).unwrap();
        prop_assert_eq!(two.into_data(), each(|a, b| 2 * a * b));
        let pairs = x.zip_with(&y, |&a, &b| (a, b)).unwrap();
        prop_assert_eq!(pairs.shape(), &both[..]);
        if both == shape {
            let mut sum = x.clone();
            sum.add_assign(&y).unwrap();
            prop_assert!(sum == x.add(&y).unwrap());
            sum.sub_assign(&y).unwrap();
            sum.mul_assign(&y).unwrap();
            prop_assert!(sum == x.mul(&y).unwrap());
        }
    }

    #[test]
    fn sums_run_over_the_named_axes(shape in shape(), flags in any::<[bool; 5]>()) {
        let t = iota(&shape);
        let axes: Vec<usize> = (0..shape.len()).filter(|&a| flags[a]).collect();
        let kept: Vec<usize> = (0..shape.len()).map(|a| if flags[a] { 1 } else { shape[a] }).collect();
        let got = t.sum_axes(&axes, true).unwrap();
        let same = matches(&got, &kept, |i| {
            let inside = |own: &Vec<usize>| (0..i.len()).all(|a| flags[a] || own[a] == i[a]);
            indices(&shape).iter().filter(|own| inside(own)).map(|own| *t.get(own).unwrap()).sum()
        });
        prop_assert!(same);
        prop_assert!(t.sum_axes(&axes, false).unwrap() == got.squeeze(&axes).unwrap());
    }
}

#[test]
fn large_tensors_take_the_threaded_paths() {
    let big = Tensor::from_fn([300, 700], |i| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let pool = Threads::new(3).unwrap();
    let many = pool.run(|| (big.add(&big), big.mul(&big), Tensor::mul_add2(&big, &big, &big, &big), big.neg()));
    let double: Vec<u64> = big.data().iter().map(|x| x.wrapping_mul(2)).collect();
    let square: Vec<u64> = big.data().iter().map(|x| x.wrapping_mul(*x)).collect();
    assert_eq!(many.0.unwrap().data(), double);
    assert_eq!(many.1.unwrap().data(), square);
    assert_eq!(many.2.unwrap().data(), square.iter().map(|x| x.wrapping_mul(2)).collect::<Vec<_>>());
    assert!(many.3.add(&big).unwrap().data().iter().all(|&x| x == 0));
    let mut sum = big.clone();
    pool.run(|| sum.add_assign(&big)).unwrap();
    assert_eq!(sum.data(), double);
    assert!(big.transposed().transposed() == big);
    assert_eq!(big.transposed().get(&[699, 2]), big.get(&[2, 699]));
}

#[test]
fn misuse_is_an_error_that_shows_the_shapes() {
    let t = iota(&[2, 3]);
    let text = |e: algebra::ShapeError| e.to_string();
    assert_eq!(text(t.add(&iota(&[2, 2])).unwrap_err()), "shapes [2, 3] and [2, 2] cannot be broadcast together");
    assert_eq!(text(t.reshape([4]).unwrap_err()), "shape [2, 3] cannot be reshaped to [4]");
    assert_eq!(text(Tensor::new([2], vec![1]).unwrap_err()), "shape [2] does not hold 1 elements");
    assert!(iota(&[3]).clone().add_assign(&t).is_err());
    assert!(t.transpose(&[0, 0]).is_err() && t.transpose(&[0]).is_err() && t.transpose(&[0, 5]).is_err());
    assert!(t.slice(1, 0, 4, 1).is_err() && t.slice(1, 0, 3, 0).is_err() && t.slice(2, 0, 0, 1).is_err());
    assert!(t.index(0, 2).is_err() && t.index(0, usize::MAX).is_err());
    assert!(t.gather(1, &[3]).is_err() && t.gather(1, &[usize::MAX]).is_err());
    assert!(t.squeeze(&[0]).is_err() && t.sum_axes(&[1, 1], false).is_err());
    assert!(t.broadcast_to(&[3]).is_err() && t.split(0, &[1]).is_err());
    assert!(Tensor::concat(&[&t, &iota(&[3, 3])], 1).is_err());
    assert!(Tensor::<u64>::concat(&[], 0).is_err() && Tensor::stack(&[&t], 3).is_err());
    let huge = [usize::MAX, usize::MAX];
    assert!(Tensor::new(huge, vec![0u64]).is_err());
    assert!(iota(&[1]).broadcast_to(&huge).is_err());
    assert!(Tensor::<u64>::new([usize::MAX, 0, usize::MAX], vec![]).is_ok());
    assert_eq!(format!("{t:?}"), "Tensor<u64>[2, 3]");
}

#[test]
fn other_elements_use_the_same_tensors() {
    let flags = Tensor::new([2, 2], vec![true, false, false, true]).unwrap();
    assert_eq!(flags.transposed().map(|&b| u8::from(b)).data(), [1, 0, 0, 1]);
    let floats = Tensor::new([2, 2], vec![1.0f64, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(floats.sum_axes(&[0], false).unwrap().data(), [4.0, 6.0]);
    assert_eq!(Tensor::scalar(2.0).mul(&floats).unwrap().data(), [2.0, 4.0, 6.0, 8.0]);
    assert_eq!(Tensor::scalar(7u64).reshape([1, 1]).unwrap().squeeze(&[0, 1]).unwrap().item(), Some(&7));
    assert_eq!(iota(&[2, 3]).try_map(|&x| if x < 9 { Ok(x) } else { Err(x) }), Ok(iota(&[2, 3])));
}
