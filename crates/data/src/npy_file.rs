//! Arrays as `numpy.save` writes them.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use algebra::Tensor;
use ir::DType;
use npyz::{NpyHeader, Order, TypeChar};

use crate::config::unreadable;
use crate::error::{DataError, Fault, Position};
use crate::preview::Elements;
use crate::values::Values;

/// Reads an array as elements of `dtype` (fixed point as `f64`), without loss, in row-major order.
pub(crate) fn read(path: &Path, dtype: DType) -> Result<Values, DataError> {
    let file = File::open(path).map_err(|e| unreadable(&e).in_file(path))?;
    read_from(BufReader::new(file), dtype).map_err(|e| e.in_file(path))
}

/// Shape and elements of an array, from its header.
pub(crate) fn glance(path: &Path) -> Result<(Vec<usize>, Elements), DataError> {
    let file = File::open(path).map_err(|e| unreadable(&e).in_file(path))?;
    let glance = || {
        let array = open(BufReader::new(file))?;
        let elements = match (array.type_char, array.size) {
            (Some(TypeChar::Bool), _) => Elements::Truth,
            (Some(TypeChar::Int | TypeChar::Uint), 1 | 2 | 4 | 8) => Elements::Whole,
            (Some(TypeChar::Float), 4 | 8) => Elements::Real,
            _ => return Err(array.mismatch("numbers or truth values")),
        };
        Ok((array.shape, elements))
    };
    glance().map_err(|e: DataError| e.in_file(path))
}

/// An array whose header fits its file.
fn open(mut file: BufReader<File>) -> Result<Array, DataError> {
    check_header(&mut file)?;
    let header = NpyHeader::from_reader(&mut file).map_err(|_| Fault::Npy("its header cannot be read".into()))?;
    let array = Array::new(header, file)?;
    if array.shape.contains(&0) {
        return Err(Fault::NoRows.into());
    }
    Ok(array)
}

fn read_from(file: BufReader<File>, dtype: DType) -> Result<Values, DataError> {
    let array = open(file)?;
    let declared = dtype.to_string();
    match dtype {
        DType::Bool => array.bools(&declared).map(Values::Bool),
        DType::I64 => array.integers("i64", &declared).map(Values::I64),
        DType::U64 => array.integers("u64", &declared).map(Values::U64),
        DType::F32 => array.singles(&declared).map(Values::F32),
        DType::F64 | DType::Fixed { .. } => array.doubles(&declared).map(Values::F64),
        DType::Bytes => Err(Fault::Unsupported(declared).into()),
    }
}

/// Refuses, before the parser sees them, headers that are long, nested or name sizes whose product does not
/// fit: the parser takes its own sizes on trust. Leaves the file at its beginning.
fn check_header(file: &mut BufReader<File>) -> Result<(), DataError> {
    /// A header of numpy's has about 100 bytes.
    const MOST: u64 = 4096;
    let odd = || DataError::from(Fault::Npy("its header is not one that numpy writes".into()));
    let mut prefix = Vec::new();
    file.by_ref().take(MOST).read_to_end(&mut prefix).map_err(|e| unreadable(&e))?;
    file.rewind().map_err(|e| unreadable(&e))?;
    let length = match prefix.as_slice() {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => usize::from(u16::from_le_bytes([*a, *b])) + 10,
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, 0, 0, ..] => {
            usize::from(u16::from_le_bytes([*a, *b])) + 12
        }
        _ => return Err(odd()),
    };
    let header = prefix.get(10..length).ok_or_else(odd)?;
    // A list is the element type of a structured array.
    let nested = header.contains(&b'[') || header.iter().filter(|b| **b == b'(').count() > 1;
    let sizes = header
        .split(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .filter(|word| word.first().is_some_and(u8::is_ascii_digit))
        .try_fold(1u64, |product, word| {
            let size: u64 = std::str::from_utf8(word).ok()?.parse().ok()?;
            product.checked_mul(size.max(1)).filter(|p| *p < 1 << 56)
        });
    if nested || sizes.is_none() { Err(odd()) } else { Ok(()) }
}

/// An array whose header was read, and whose file is long enough for what the header says.
struct Array {
    header: NpyHeader,
    file: BufReader<File>,
    shape: Vec<usize>,
    type_char: Option<TypeChar>,
    size: u64,
}

impl Array {
    fn new(header: NpyHeader, mut file: BufReader<File>) -> Result<Array, DataError> {
        let too_large = || Fault::Npy("its header names a shape that does not fit memory".into());
        let shape: Option<Vec<usize>> = header.shape().iter().map(|n| usize::try_from(*n).ok()).collect();
        let shape = shape.ok_or_else(too_large)?;
        let (type_char, size) = match header.dtype() {
            npyz::DType::Plain(plain) => (Some(plain.type_char()), plain.size_field()),
            _ => (None, 0),
        };
        let count = header.shape().iter().try_fold(1u64, |n, d| n.checked_mul(*d));
        let wanted = count.and_then(|n| n.checked_mul(size)).ok_or_else(too_large)?;
        // A damaged header must not make us reserve memory for what is not there.
        let end = file.get_ref().metadata().map_err(|e| unreadable(&e))?.len();
        let start = file.stream_position().map_err(|e| unreadable(&e))?;
        if end.checked_sub(start) != Some(wanted) && type_char.is_some() {
            return Err(Fault::Npy("its length does not agree with its header".into()).into());
        }
        Ok(Array { header, file, shape, type_char, size })
    }

    fn mismatch(&self, declared: &str) -> DataError {
        Fault::ElementType {
            found: self.header.dtype().descr().trim_matches('\'').to_owned(),
            declared: declared.into(),
        }
        .into()
    }

    /// The elements as they are in the file, converted one by one and brought into row-major order.
    fn elements<T: npyz::Deserialize, U: Copy + Default>(
        self,
        convert: impl Fn(T) -> Result<U, Fault>,
    ) -> Result<Tensor<U>, DataError> {
        let damaged = || Fault::Npy("its elements cannot be read".into());
        let Array { header, file, shape, .. } = self;
        let order = header.order();
        let reader = npyz::NpyFile::with_header(header, file).data::<T>().map_err(|_| damaged())?;
        let mut elements = Vec::with_capacity(shape.iter().product());
        for (i, item) in reader.enumerate() {
            let element = convert(item.map_err(|_| damaged())?);
            elements.push(element.map_err(|f| f.at(Position::Element(index_of(i, &shape, order))))?);
        }
        let fits = |_| DataError::from(damaged());
        match order {
            Order::C => Tensor::new(shape, elements).map_err(fits),
            // Column-major order is row-major order of the reversed axes.
            Order::Fortran => {
                let axes: Vec<usize> = (0..shape.len()).rev().collect();
                let reversed: Vec<usize> = shape.iter().rev().copied().collect();
                let tensor = Tensor::new(reversed, elements).map_err(fits)?;
                tensor.transpose(&axes).map_err(fits)
            }
        }
    }

    fn bools(self, declared: &str) -> Result<Tensor<bool>, DataError> {
        match self.type_char {
            Some(TypeChar::Bool) => self.elements(Ok::<bool, Fault>),
            _ => Err(self.mismatch(declared)),
        }
    }

    fn integers<U: Copy + Default + TryFrom<i128>>(
        self,
        name: &'static str,
        declared: &str,
    ) -> Result<Tensor<U>, DataError> {
        self.whole_numbers(declared, |i| U::try_from(i).map_err(|_| Fault::OutOfRange(name)))
    }

    fn whole_numbers<U: Copy + Default>(
        self,
        declared: &str,
        convert: impl Fn(i128) -> Result<U, Fault>,
    ) -> Result<Tensor<U>, DataError> {
        match (self.type_char, self.size) {
            (Some(TypeChar::Int), 1) => self.elements(|x: i8| convert(x.into())),
            (Some(TypeChar::Int), 2) => self.elements(|x: i16| convert(x.into())),
            (Some(TypeChar::Int), 4) => self.elements(|x: i32| convert(x.into())),
            (Some(TypeChar::Int), 8) => self.elements(|x: i64| convert(x.into())),
            (Some(TypeChar::Uint), 1) => self.elements(|x: u8| convert(x.into())),
            (Some(TypeChar::Uint), 2) => self.elements(|x: u16| convert(x.into())),
            (Some(TypeChar::Uint), 4) => self.elements(|x: u32| convert(x.into())),
            (Some(TypeChar::Uint), 8) => self.elements(|x: u64| convert(x.into())),
            _ => Err(self.mismatch(declared)),
        }
    }

    fn singles(self, declared: &str) -> Result<Tensor<f32>, DataError> {
        match (self.type_char, self.size) {
            (Some(TypeChar::Float), 4) => {
                self.elements(|x: f32| if x.is_finite() { Ok(x) } else { Err(Fault::NotFinite("f32")) })
            }
            _ => Err(self.mismatch(declared)),
        }
    }

    fn doubles(self, declared: &str) -> Result<Tensor<f64>, DataError> {
        let finite = |x: f64| if x.is_finite() { Ok(x) } else { Err(Fault::NotFinite("f64")) };
        match (self.type_char, self.size) {
            (Some(TypeChar::Float), 8) => self.elements(finite),
            (Some(TypeChar::Float), 4) => self.elements(|x: f32| finite(x.into())),
            // Every integer up to 2^53 is a double.
            _ => self.whole_numbers(declared, |i| {
                if i.unsigned_abs() <= 1 << 53 { Ok(i as f64) } else { Err(Fault::Inexact("f64")) }
            }),
        }
    }
}

/// The index of the `i`-th element in an order.
pub(crate) fn index_of(mut i: usize, shape: &[usize], order: Order) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    let mut set = |axis: usize| {
        index[axis] = i % shape[axis];
        i /= shape[axis];
    };
    match order {
        Order::C => (0..shape.len()).rev().for_each(&mut set),
        Order::Fortran => (0..shape.len()).for_each(&mut set),
    }
    index
}
