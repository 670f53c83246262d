//! The lengths of named dimensions, as datasets bind them.

use std::collections::BTreeMap;

use ir::Type;

use crate::error::{DataError, Fault};

/// Lengths of named dimensions, each with the input that gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DimBinding {
    bound: BTreeMap<String, (u64, Option<String>)>,
}

impl DimBinding {
    /// Nothing bound.
    pub fn new() -> DimBinding {
        DimBinding::default()
    }

    /// Lengths that were agreed: what an input says otherwise is an error.
    pub fn agreed(dims: &BTreeMap<String, u64>) -> DimBinding {
        DimBinding { bound: dims.iter().map(|(name, n)| (name.clone(), (*n, None))).collect() }
    }

    /// Takes in the shape of one input.
    ///
    /// # Errors
    /// [`Fault::Dimension`] if a dimension is bound to another length already; [`Fault::Length`] if a sum of
    /// dimensions whose terms are all bound has another length. Sums with unbound terms bind nothing.
    pub fn bind(&mut self, player: &str, input: &str, ty: &Type, shape: &[usize]) -> Result<(), DataError> {
        for (axis, (dim, found)) in ty.shape.iter().zip(shape).enumerate() {
            let found = *found as u64;
            match dim.as_name() {
                Some(name) => self.bind_name(name, found, format!("{player}.{input}")),
                None => match dim.eval(&self.lengths()) {
                    Some(n) if n != found => Err(Fault::Length { axis, found, declared: ty.to_string() }.into()),
                    _ => Ok(()),
                },
            }
            .map_err(|e| e.of_input(player, input))?;
        }
        Ok(())
    }

    fn bind_name(&mut self, name: &str, found: u64, input: String) -> Result<(), DataError> {
        match self.bound.get(name) {
            None => {
                self.bound.insert(name.to_owned(), (found, Some(input)));
                Ok(())
            }
            Some((n, _)) if *n == found => Ok(()),
            Some((n, other)) => {
                let other = other.clone();
                Err(Fault::Dimension { dim: name.to_owned(), found, expected: *n, other }.into())
            }
        }
    }

    /// The lengths that are known, of the program's dimensions.
    pub fn lengths(&self) -> BTreeMap<String, u64> {
        let of_program = self.bound.iter().filter(|(name, _)| !crate::inputs::is_membership(name));
        of_program.map(|(name, (n, _))| (name.clone(), *n)).collect()
    }
}
