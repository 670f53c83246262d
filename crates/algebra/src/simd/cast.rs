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
