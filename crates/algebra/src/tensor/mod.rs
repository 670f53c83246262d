//! Dense row-major tensors of any element type.
//!
//! One type serves shares (`Tensor<u64>`, `Tensor<u128>`) and plaintext (`Tensor<f64>`, `Tensor<bool>`, ...).
//! Axes of length zero and rank 0 are ordinary. `Debug` shows the shape only, since elements may be secret.

mod arithmetic;
mod shape;
mod structure;

use std::fmt;

use zeroize::Zeroize;

pub(crate) use shape::{Odometer, broadcast_strides, strides};
pub use shape::{Shape, ShapeError, broadcast_shapes, element_count};

/// A dense tensor: `data` holds the elements in row-major order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tensor<T> {
    shape: Shape,
    data: Vec<T>,
}

impl<T> Tensor<T> {
    /// A tensor of `shape` with these elements in row-major order.
    pub fn new(shape: impl Into<Shape>, data: Vec<T>) -> Result<Self, ShapeError> {
        let shape = shape.into();
        if element_count(&shape)? == data.len() {
            Ok(Self { shape, data })
        } else {
            Err(ShapeError::DataLength { shape, len: data.len() })
        }
    }

    /// A tensor whose parts are known to agree.
    pub(crate) fn from_parts(shape: Shape, data: Vec<T>) -> Self {
        debug_assert_eq!(element_count(&shape), Ok(data.len()));
        Self { shape, data }
    }

    /// A tensor of rank 0.
    #[must_use]
    pub fn scalar(value: T) -> Self {
        Self { shape: vec![], data: vec![value] }
    }

    /// A tensor of rank 1.
    #[must_use]
    pub fn from_vec(data: Vec<T>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The element at each row-major position `i` is `f(i)`.
    ///
    /// # Panics
    /// If the shape has more elements than can be addressed.
    pub fn from_fn(shape: impl Into<Shape>, f: impl FnMut(usize) -> T) -> Self {
        let shape = shape.into();
        let count = element_count(&shape).expect("the shape fits in memory");
        Self { shape, data: (0..count).map(f).collect() }
    }

    /// The length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, to be changed in place.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Shape and elements.
    #[must_use]
    pub fn into_parts(self) -> (Shape, Vec<T>) {
        (self.shape, self.data)
    }

    /// The element at an index tuple, if it exists.
    #[must_use]
    pub fn get(&self, index: &[usize]) -> Option<&T> {
        if index.len() != self.rank() || index.iter().zip(&self.shape).any(|(i, d)| i >= d) {
            return None;
        }
        let at = index.iter().zip(&self.shape).fold(0, |at, (i, d)| at * d + i);
        self.data.get(at)
    }

    /// The only element, if there is exactly one (of any rank).
    #[must_use]
    pub fn item(&self) -> Option<&T> {
        if let [only] = self.data.as_slice() { Some(only) } else { None }
    }

    /// Applies `f` to every element.
    #[must_use]
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Tensor<U> {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(f).collect() }
    }

    /// Applies a fallible `f` to every element; the first error ends it.
    pub fn try_map<U, E>(&self, f: impl FnMut(&T) -> Result<U, E>) -> Result<Tensor<U>, E> {
        Ok(Tensor { shape: self.shape.clone(), data: self.data.iter().map(f).collect::<Result<_, E>>()? })
    }

    /// Applies `f` to pairs of elements, broadcasting as numpy does.
    pub fn zip_with<U, V>(&self, other: &Tensor<U>, mut f: impl FnMut(&T, &U) -> V) -> Result<Tensor<V>, ShapeError> {
        if self.shape == other.shape {
            let data = self.data.iter().zip(&other.data).map(|(a, b)| f(a, b)).collect();
            return Ok(Tensor { shape: self.shape.clone(), data });
        }
        let shape = broadcast_shapes(&self.shape, &other.shape)?;
        let count = element_count(&shape)?;
        let mut data = Vec::with_capacity(count);
        if count == 0 {
            return Ok(Tensor { shape, data });
        }
        let steps = [broadcast_strides(&self.shape, &shape), broadcast_strides(&other.shape, &shape)];
        for_each_row(&shape, steps, |count, [a, b], steps| match steps {
            [0, 0] => data.extend((0..count).map(|_| f(&self.data[a], &other.data[b]))),
            [0, _] => data.extend(other.data[b..][..count].iter().map(|y| f(&self.data[a], y))),
            [_, 0] => data.extend(self.data[a..][..count].iter().map(|x| f(x, &other.data[b]))),
            _ => {
                let pairs = self.data[a..][..count].iter().zip(&other.data[b..][..count]);
                data.extend(pairs.map(|(x, y)| f(x, y)));
            }
        });
        Ok(Tensor { shape, data })
    }
}

/// Calls `row(count, offsets, steps)` for each run along the last axis, in row-major order. Steps are those of a
/// broadcast (never negative).
pub(crate) fn for_each_row<const N: usize>(
    shape: &[usize],
    mut strides: [Vec<isize>; N],
    mut row: impl FnMut(usize, [usize; N], [usize; N]),
) {
    let Some((&count, outer)) = shape.split_last() else {
        return row(1, [0; N], [0; N]);
    };
    let steps = strides.each_mut().map(|s| s.pop().map_or(0, |step| step.cast_unsigned()));
    for offsets in Odometer::new(outer, strides, [0; N]) {
        row(count, offsets, steps);
    }
}

impl<T: Clone> Tensor<T> {
    /// A tensor whose elements are all `value`.
    ///
    /// # Panics
    /// If the shape has more elements than can be addressed.
    #[must_use]
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        let shape = shape.into();
        let count = element_count(&shape).expect("the shape fits in memory");
        Self { shape, data: vec![value; count] }
    }
}

impl<T: Clone + Default> Tensor<T> {
    /// A tensor of zeros (of `T::default()`).
    ///
    /// # Panics
    /// If the shape has more elements than can be addressed.
    #[must_use]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, T::default())
    }
}

impl<T> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor<{}>{:?}", std::any::type_name::<T>(), self.shape)
    }
}

impl<T: Zeroize> Zeroize for Tensor<T> {
    fn zeroize(&mut self) {
        // The shape is public and stays, so that the tensor remains well-formed.
        self.data.iter_mut().zeroize();
    }
}
