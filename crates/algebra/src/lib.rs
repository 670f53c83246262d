//! Rings, tensors, packed bits, fixed point, a pseudo-random generator and matrix products.
//!
//! | module | what it has |
//! |---|---|
//! | [`ring`] | [`Ring`] (Z_2^64, Z_2^128) and [`Element`], what tensors compute with |
//! | [`tensor`] | [`Tensor`]: shapes, numpy's structural operations, elementwise arithmetic, sums |
//! | [`slices`] | the same arithmetic on slices |
//! | [`matmul`](mod@matmul) | matrix products |
//! | [`conv`] | convolutions, and unfolding images into windows |
//! | [`bits`] | [`Bits`] and [`BitPlanes`]: 64 bits to a word, and transposition to and from elements |
//! | [`prg`] | [`Prg`]: AES-128-CTR |
//! | [`threads`] | [`Threads`]: a budget of threads for long computations |
//! | [`fixed`] | fixed-point encoding with checked range |
//!
//! Nothing here knows of players, shares or protocols, and ring arithmetic never branches on a value.

pub mod bits;
pub mod conv;
pub mod fixed;
pub mod matmul;
pub mod prg;
pub mod ring;
mod simd;
pub mod slices;
pub mod tensor;
pub mod threads;

pub use bits::{BitPlanes, Bits, bit_plane, compose, decompose};
pub use conv::{Window, conv1d, conv2d, conv2d_add2, fold, unfold};
pub use fixed::FixedError;
pub use matmul::{matmul, matmul_add2};
pub use prg::{Prg, Seed};
pub use ring::{Element, Ring};
pub use tensor::{ShapeError, Tensor, broadcast_shapes};
pub use threads::Threads;
