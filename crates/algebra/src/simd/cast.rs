//! The same words under another type.

/// Signed words as unsigned.
pub(crate) fn unsigned(words: &[i64]) -> &[u64] {
    // SAFETY: i64 and u64 have one size, one alignment, and every bit pattern is valid for both.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

/// Signed words as unsigned.
pub(crate) fn unsigned_mut(words: &mut [i64]) -> &mut [u64] {
    // SAFETY: i64 and u64 have one size, one alignment, and every bit pattern is valid for both; the borrow is
    // handed on whole.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

/// Types without padding or invalid bit patterns.
pub(crate) trait Plain: Copy + 'static {}
impl Plain for u64 {}
impl Plain for u128 {}

/// Elements as bytes, in the machine's order.
pub(crate) fn bytes<T: Plain>(elements: &[T]) -> &[u8] {
    // SAFETY: plain types have no padding, so every byte is initialised; bytes need no alignment.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

/// Elements as bytes, in the machine's order.
pub(crate) fn bytes_mut<T: Plain>(elements: &mut [T]) -> &mut [u8] {
    // SAFETY: plain types have no padding and no invalid patterns, so any bytes may be read and written; bytes need
    // no alignment; the borrow is handed on whole.
    unsafe { std::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), size_of_val(elements)) }
}
