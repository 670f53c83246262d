//! One cell of text to one element.

use crate::error::Fault;

/// An element that a cell of text can hold.
pub(crate) trait Cell: Sized {
    /// The element that `text`, trimmed and not empty, stands for.
    fn parse(text: &str) -> Result<Self, Fault>;
}

macro_rules! float_cell {
    ($($t:ident),*) => {$(
        impl Cell for $t {
            fn parse(text: &str) -> Result<Self, Fault> {
                let number: $t = text.parse().map_err(|_| Fault::NotANumber)?;
                // The parser accepts "nan", "inf" and what overflows.
                if number.is_finite() { Ok(number) } else { Err(Fault::NotFinite(stringify!($t))) }
            }
        }
    )*};
}
float_cell!(f32, f64);

macro_rules! integer_cell {
    ($($t:ident),*) => {$(
        impl Cell for $t {
            fn parse(text: &str) -> Result<Self, Fault> {
                let name = stringify!($t);
                text.parse().map_err(|_| {
                    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                        Fault::OutOfRange(name)
                    } else if text.parse::<f64>().is_ok() {
                        Fault::NotWhole(name)
                    } else {
                        Fault::NotANumber
                    }
                })
            }
        }
    )*};
}
integer_cell!(i64, u64);

impl Cell for bool {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "1" => Ok(true),
            "0" => Ok(false),
            _ if text.eq_ignore_ascii_case("true") => Ok(true),
            _ if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(Fault::NotBool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(f64::parse("-1.5e3"), Ok(-1500.0));
        assert_eq!(f64::parse("1e999"), Err(Fault::NotFinite("f64")));
        assert_eq!(f64::parse("NaN"), Err(Fault::NotFinite("f64")));
        assert_eq!(f64::parse("-inf"), Err(Fault::NotFinite("f64")));
        assert_eq!(f32::parse("1e39"), Err(Fault::NotFinite("f32")));
        assert_eq!(f64::parse("12 mg"), Err(Fault::NotANumber));
        assert_eq!(f64::parse("0x10"), Err(Fault::NotANumber));
        assert_eq!(i64::parse("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(i64::parse("9223372036854775808"), Err(Fault::OutOfRange("i64")));
        assert_eq!(u64::parse("-1"), Err(Fault::OutOfRange("u64")));
        assert_eq!(u64::parse("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(i64::parse("59.0"), Err(Fault::NotWhole("i64")));
        assert_eq!(i64::parse("-"), Err(Fault::NotANumber));
        assert_eq!(bool::parse("TRUE"), Ok(true));
        assert_eq!(bool::parse("0"), Ok(false));
        assert_eq!(bool::parse("2"), Err(Fault::NotBool));
    }
}
