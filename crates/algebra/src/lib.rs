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
//! ```
//! use algebra::{Prg, Seed, Tensor, fixed, matmul};
//!
//! let weights = Tensor::new([2, 1], vec![0.5, -1.25])?;
//! let rows = Tensor::new([3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//!
//! // Two additive shares of the weights: a mask, and what is left.
//! let encoded = fixed::encode_tensor::<u64>(&weights, 16)?;
//! let mask = Prg::new(Seed([7; 16])).tensor::<u64>([2, 1]);
//! let rest = encoded.sub(&mask)?;
//!
//! // A product with public data is a product of each share.
//! let rows = rows.map(|&x| x as u64);
//! let sum = matmul(&rows, &mask)?.add(&matmul(&rows, &rest)?)?;
//! assert_eq!(fixed::decode_tensor(&sum, 16).data(), [-2.0, -3.5, -5.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
pub use simd::heap::few_heaps;
pub use tensor::{ShapeError, Tensor, broadcast_shapes};
pub use threads::Threads;
