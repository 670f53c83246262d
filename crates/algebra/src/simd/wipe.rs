//! Overwriting secrets at the speed of memory.

use crate::ring::Element;

/// Sets every element to zero, so that the compiler cannot leave it out although nobody reads it.
pub(crate) fn wipe<T: Element>(x: &mut [T]) {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    {
        x.fill(T::ZERO);
        // SAFETY: nothing is executed. The compiler must assume that memory behind the pointer is read here.
        unsafe { std::arch::asm!("/* {0} */", in(reg) x.as_mut_ptr(), options(nostack, preserves_flags)) }
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    zeroize::Zeroize::zeroize(x);
}
