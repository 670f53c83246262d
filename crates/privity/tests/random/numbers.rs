//! Random choices, and data at the edges of ranges.

use privity::Plain;
use privity::algebra::Tensor;
use privity::check::InputRange;
use privity::ir::DType;

use crate::recipe::Input;

/// A small deterministic generator (SplitMix64), so that one number says all of a choice.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// From 0 to 1.
    pub(crate) fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 2f64.powi(-53)
    }

    /// A number of a range: an end, a small or round one, or any, near or far.
    fn number(&mut self, low: f64, high: f64, unit: f64) -> f64 {
        let size = low.abs().max(high.abs());
        let x = match self.below(10) {
            0 => low,
            1 => high,
            2 => 0.0,
            3 => self.of(&[unit, -unit, 2.0 * unit, 1.0, -1.0, 1.0 - unit]),
            4 | 5 => self.of(&[-2.0, 0.5, 1.0, 2.0, 3.0, 7.0]),
            6 | 7 => {
                let exponent = (size / unit).log2().max(0.0) * self.part();
                exponent.exp2() * unit * if self.once_in(2) { -1.0 } else { 1.0 }
            }
            _ => low + (high - low) * self.part(),
        };
        x.clamp(low, high)
    }
}

impl Input {
    /// Data within a range.
    pub(crate) fn data(&self, range: Option<InputRange>, random: &mut Random) -> Plain {
        let unit = match self.becomes {
            DType::Fixed { frac, .. } => 2f64.powi(-i32::from(frac)),
            _ => 1.0,
        };
        let (low, high) = match (range, self.becomes) {
            (Some(r), _) => (r.low, r.high),
            (None, DType::Fixed { ring, frac }) => {
                let most = 2f64.powi(ring.bits() as i32 - 2 - i32::from(frac)).next_down();
                (-most, most)
            }
            (None, DType::U64) => (0.0, 2f64.powi(64)),
            (None, _) => (-(2f64.powi(63)), 2f64.powi(63)),
        };
        let shape: Vec<usize> = self.shape.iter().map(|n| *n as usize).collect();
        let mut numbers = Tensor::from_fn(shape, |_| random.number(low, high, unit));
        match self.becomes {
            DType::Bool => Plain::Bool(numbers.map(|x| *x > 0.0)),
            DType::I64 => Plain::I64(numbers.map(|x| x.round().clamp(low.ceil(), high.floor()) as i64)),
            DType::U64 => Plain::U64(numbers.map(|x| x.round().clamp(low.ceil(), high.floor()) as u64)),
            _ => Plain::F64(std::mem::take(&mut numbers)),
        }
    }
}
