//! Rings, tensors, packed bits, fixed point, a pseudo-random generator and matrix products.
