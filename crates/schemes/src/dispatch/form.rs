//! Values of a scheme of shares, so that what is composed of primitives is dispatched once for all of them.

use ir::Scheme as Kind;

use crate::functions::{Sorts, Width};
use crate::malicious::Malicious;
use crate::primitives::Scheme;
use crate::replicated::Replicated;
use crate::value::Value;

/// A scheme whose shares are values.
pub(super) trait Held: Sorts {
    /// Its name in the language.
    const KIND: Kind;
    fn small(share: Self::Num<u64>) -> Value;
    fn large(share: Self::Num<u128>) -> Value;
    fn truth(bits: Self::Bit) -> Value;
    fn as_small(value: &Value) -> Option<&Self::Num<u64>>;
    fn as_large(value: &Value) -> Option<&Self::Num<u128>>;
    fn as_truth(value: &Value) -> Option<&Self::Bit>;
}

macro_rules! held {
    ($scheme:ty, $kind:ident, $small:ident, $large:ident, $truth:ident) => {
        impl Held for $scheme {
            const KIND: Kind = Kind::$kind;

            fn small(share: <Self as Scheme>::Num<u64>) -> Value {
                Value::$small(share)
            }

            fn large(share: <Self as Scheme>::Num<u128>) -> Value {
                Value::$large(share)
            }

            fn truth(bits: <Self as Scheme>::Bit) -> Value {
                Value::$truth(bits)
            }

            fn as_small(value: &Value) -> Option<&<Self as Scheme>::Num<u64>> {
                if let Value::$small(share) = value { Some(share) } else { None }
            }

            fn as_large(value: &Value) -> Option<&<Self as Scheme>::Num<u128>> {
                if let Value::$large(share) = value { Some(share) } else { None }
            }

            fn as_truth(value: &Value) -> Option<&<Self as Scheme>::Bit> {
                if let Value::$truth(bits) = value { Some(bits) } else { None }
            }
        }
    };
}

held!(Replicated, Replicated, Rep64, Rep128, RepBits);
held!(Malicious, Malicious, Ver64, Ver128, VerBits);

/// A ring whose shares are values, in every scheme.
pub(super) trait Element: Width {
    fn held<S: Held>(share: S::Num<Self>) -> Value;
    fn of<S: Held>(value: &Value) -> Option<&S::Num<Self>>;
}

impl Element for u64 {
    fn held<S: Held>(share: S::Num<u64>) -> Value {
        S::small(share)
    }

    fn of<S: Held>(value: &Value) -> Option<&S::Num<u64>> {
        S::as_small(value)
    }
}

impl Element for u128 {
    fn held<S: Held>(share: S::Num<u128>) -> Value {
        S::large(share)
    }

    fn of<S: Held>(value: &Value) -> Option<&S::Num<u128>> {
        S::as_large(value)
    }
}
