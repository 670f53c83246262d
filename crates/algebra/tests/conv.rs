//! Convolutions against the definition.

use algebra::{Element, Prg, Ring, Seed, Tensor, Window, conv1d, conv2d, conv2d_add2, fold, unfold};
use proptest::prelude::*;

fn random<R: Ring>(seed: u8, shape: &[usize]) -> Tensor<R> {
    Prg::new(Seed([seed; 16])).tensor(shape)
}

/// The definition, with an index for everything.
fn reference<T: Element>(x: &Tensor<T>, k: &Tensor<T>, w: Window, groups: usize) -> Tensor<T> {
    let (&[n, _, height, width], &[o, depth, kh, kw]) = (x.shape(), k.shape()) else { panic!("four axes") };
    let [oh, ow] = w.positions([height, width], [kh, kw]).unwrap();
    let mut out = Vec::new();
    for (image, output, oy, ox) in
        (0..n).flat_map(|i| (0..o).flat_map(move |o| (0..oh).flat_map(move |y| (0..ow).map(move |x| (i, o, y, x)))))
    {
        let mut sum = T::ZERO;
        for (c, ky, kx) in (0..depth).flat_map(|c| (0..kh).flat_map(move |y| (0..kw).map(move |x| (c, y, x)))) {
            let channel = output / (o / groups) * depth + c;
            let y = (oy * w.stride[0] + ky * w.dilation[0]).wrapping_sub(w.padding[0][0]);
            let x_at = (ox * w.stride[1] + kx * w.dilation[1]).wrapping_sub(w.padding[1][0]);
            if let Some(&x) = x.get(&[image, channel, y, x_at]) {
                sum = sum.plus(x.times(*k.get(&[output, c, ky, kx]).unwrap()));
            }
        }
        out.push(sum);
    }
    Tensor::new([n, o, oh, ow], out).unwrap()
}

fn window() -> impl Strategy<Value = Window> {
    let pair = |r: std::ops::Range<usize>| [r.clone(), r];
    (pair(1..4), [pair(0..3), pair(0..3)], pair(1..3)).prop_map(|(stride, padding, dilation)| Window {
        stride,
        padding,
        dilation,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolutions_follow_the_definition(
        w in window(), groups in 1usize..4, n in 1usize..4, outputs in 1usize..4, depth in 1usize..3,
        image in [5usize..12, 5usize..12], kernel in [1usize..4, 1usize..4],
    ) {
        let x = random::<u64>(1, &[n, groups * depth, image[0], image[1]]);
        let k = random::<u64>(2, &[groups * outputs, depth, kernel[0], kernel[1]]);
        let want = reference(&x, &k, w, groups);
        let got = conv2d(&x, &k, w, groups).unwrap();
        prop_assert!(got == want);
        let twice = conv2d_add2(&x, &k, &x, &k, w, groups).unwrap();
        prop_assert!(twice == want.add(&want).unwrap());
    }

    #[test]
    fn folding_is_the_adjoint_of_unfolding(w in window(), image in [5usize..9, 5usize..9], kernel in [1usize..4, 1usize..4]) {
        let x = random::<u128>(3, &[2, 3, image[0], image[1]]);
        let columns = unfold(&x, kernel, w).unwrap();
        let y = random::<u128>(4, columns.shape());
        let back = fold(&y, image, kernel, w).unwrap();
        prop_assert_eq!(columns.mul(&y).unwrap().sum(), x.mul(&back).unwrap().sum());
    }
}

#[test]
fn lines_and_floats_convolve_too() {
    let x = Tensor::new([1, 1, 5], vec![1.0f64, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let k = Tensor::new([1, 1, 3], vec![1.0, 0.0, -1.0]).unwrap();
    let same = Window { padding: [[0, 0], [1, 1]], ..Window::default() };
    assert_eq!(conv1d(&x, &k, same, 1).unwrap().data(), [-2.0, -2.0, -2.0, -2.0, 4.0]);
    let strided = Window { stride: [1, 2], ..Window::default() };
    assert_eq!(conv1d(&x, &k, strided, 1).unwrap().shape(), [1, 1, 2]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = random::<u64>(1, &[1, 2, 4, 4]);
    let fits = random::<u64>(1, &[1, 2, 4, 4]);
    let wide = random::<u64>(1, &[1, 2, 1, 5]);
    let deep = random::<u64>(1, &[1, 3, 1, 1]);
    let w = Window::default();
    assert_eq!(conv2d(&x, &fits, w, 1).unwrap().shape(), [1, 1, 1, 1]);
    assert!(conv2d(&x, &wide, w, 1).is_err());
    assert!(conv2d(&x, &deep, w, 1).is_err());
    assert!(conv2d(&x, &fits, w, 0).is_err());
    assert!(conv2d(&x, &fits, Window { stride: [0, 1], ..w }, 1).is_err());
    assert!(conv2d(&x, &fits, Window { dilation: [0, 0], ..w }, 1).is_err());
    assert!(conv2d(&x, &fits, Window { padding: [[usize::MAX; 2]; 2], ..w }, 1).is_err());
    assert!(unfold(&x, [0, 1], w).is_err());
    let none = Tensor::<u64>::zeros([0, 2, 4, 4]);
    assert_eq!(conv2d(&none, &fits, w, 1).unwrap().shape(), [0, 1, 1, 1]);
}
