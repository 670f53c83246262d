//! What kernels send: encodings whose length both ends know beforehand.

use algebra::{Bits, Ring, Seed, Tensor};

/// A message. Little-endian, without headers: its size follows from its form, which is public.
pub trait Wire: Sized {
    /// What both ends know of it before it is sent: a length, a shape.
    type Form;

    /// Appends the encoding.
    fn write(&self, out: &mut Vec<u8>);

    /// The number of bytes of the encoding, if that is cheap to say: room for so many is made at once.
    fn room(&self) -> usize {
        0
    }

    /// The number of bytes of a message of this form; saturates where no message could be so long.
    fn size(form: &Self::Form) -> usize;

    /// Reads exactly one message of this form; `None` if there are too few or too many bytes.
    fn read(bytes: &[u8], form: &Self::Form) -> Option<Self>;
}

impl<R: Ring> Wire for Vec<R> {
    type Form = usize;

    fn write(&self, out: &mut Vec<u8>) {
        R::write_le(self, out);
    }

    fn room(&self) -> usize {
        R::BYTES * self.len()
    }

    fn size(count: &usize) -> usize {
        count.saturating_mul(R::BYTES)
    }

    fn read(bytes: &[u8], count: &usize) -> Option<Self> {
        R::read_le(bytes).filter(|elements| elements.len() == *count)
    }
}

impl<R: Ring> Wire for Tensor<R> {
    type Form = Vec<usize>;

    fn write(&self, out: &mut Vec<u8>) {
        R::write_le(self.data(), out);
    }

    fn room(&self) -> usize {
        R::BYTES * self.len()
    }

    fn size(shape: &Vec<usize>) -> usize {
        shape.iter().fold(R::BYTES, |bytes, d| bytes.saturating_mul(*d))
    }

    fn read(bytes: &[u8], shape: &Vec<usize>) -> Option<Self> {
        Tensor::new(shape.clone(), R::read_le(bytes)?).ok()
    }
}

impl Wire for Bits {
    type Form = usize;

    fn write(&self, out: &mut Vec<u8>) {
        self.write_bytes(out);
    }

    fn size(len: &usize) -> usize {
        len.div_ceil(8)
    }

    fn read(bytes: &[u8], len: &usize) -> Option<Self> {
        Bits::from_bytes(*len, bytes)
    }
}

impl Wire for Seed {
    type Form = ();

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn size((): &()) -> usize {
        16
    }

    fn read(bytes: &[u8], (): &()) -> Option<Self> {
        bytes.try_into().ok().map(Seed)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    type Form = (A::Form, B::Form);

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn room(&self) -> usize {
        self.0.room() + self.1.room()
    }

    fn size((a, b): &Self::Form) -> usize {
        A::size(a).saturating_add(B::size(b))
    }

    fn read(bytes: &[u8], (a, b): &Self::Form) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(A::size(a))?;
        Some((A::read(first, a)?, B::read(second, b)?))
    }
}

/// `count` elements from number `at` on, of a message that has them; where it does not, fewer. For messages that are read
/// a piece at a time, so that they take no memory of their own.
pub(crate) fn dense<R: Ring>(message: &[u8], at: usize, count: usize) -> Vec<R> {
    narrow_bytes(message, R::BYTES, at, count).and_then(R::read_le).unwrap_or_default()
}

/// The same of elements of which the low `width` bytes were sent.
pub(crate) fn narrow<R: Ring>(message: &[u8], width: usize, at: usize, count: usize) -> Vec<R> {
    narrow_bytes(message, width, at, count).and_then(|b| R::read_low_le(b, width, count)).unwrap_or_default()
}

fn narrow_bytes(message: &[u8], width: usize, at: usize, count: usize) -> Option<&[u8]> {
    message.get(width * at..width * (at + count))
}

/// The low `width` bytes of each element.
///
/// For numbers that matter modulo a small power of two only, such as the carry of a truncation.
pub struct Narrow<R> {
    /// Bytes of each element that are sent.
    pub width: usize,
    /// The elements.
    pub elements: Vec<R>,
}

impl<R: Ring> Wire for Narrow<R> {
    /// Bytes of each element, and the number of elements.
    type Form = (usize, usize);

    fn write(&self, out: &mut Vec<u8>) {
        R::write_low_le(&self.elements, self.width, out);
    }

    fn room(&self) -> usize {
        // And one element more, which is written and taken back.
        self.width * self.elements.len() + R::BYTES
    }

    fn size((width, count): &Self::Form) -> usize {
        width.saturating_mul(*count)
    }

    fn read(bytes: &[u8], (width, count): &Self::Form) -> Option<Self> {
        R::read_low_le(bytes, *width, *count).map(|elements| Self { width: *width, elements })
    }
}
